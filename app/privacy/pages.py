"""The documents that shoppers agree to, each version at an address of its own."""
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.customers import documents
from app.programs import service as programs
from app.web import i18n, templating
from app.web.requests import context
from app.web.routing import public, route

TERMS = "/e/{business}/terms/{purpose}/{language}/{version}"


class Part(NamedTuple):
    """A paragraph of a document, or a heading: a line that begins with “# ”."""

    is_heading: bool
    text: str


def parts_of(long_text: str) -> list[Part]:
    """Paragraphs stand between empty lines."""
    return [Part(block.startswith("# "), block.removeprefix("# ").strip()) for block in long_text.split("\n\n") if block.strip()]


async def document_page(request: Request) -> Response:
    """GET /e/{business}/terms/{purpose}/{language}/{version}: the same for everybody; an old version says that there is a newer one."""
    here, params = context(request), request.path_params
    business = await programs.find_business_by_slug(here.db, params["business"])
    version = params["version"]
    if business is None or params["language"] not in i18n.LANGUAGES or not (version.isascii() and version.isdigit() and len(version) < 7):
        raise errors.NotFound()
    found = await documents.find_version(here.db, business.id, params["purpose"], params["language"], int(version))
    if found is None:
        raise errors.NotFound()
    newest = await documents.current_of(here.db, business.id, found.purpose, found.language)
    return templating.render(request, "privacy/document.html", {
        "business_name": business.name_in(found.language), "document": found, "parts": parts_of(found.long_text),
        "since": found.created_at if found.created_at.year > 1970 else None, "sha256": found.sha256.hex(), "zone": business.time_zone,
        "now": here.clock.now(),
        "newer_url": documents.address_of(business.slug, newest) if newest and newest.version > found.version else "",
    }, default_language=found.language)


routes = [route(TERMS, document_page, who=public, name="privacy:document")]
