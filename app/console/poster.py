"""The enrolment link and its poster: chosen in a form whose every choice has an address, seen, downloaded as PDF."""
import re
import unicodedata
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.console import frame
from app.console.founding import slug_of
from app.console.program import program_of
from app.designs import service as designs
from app.enrolment import poster
from app.enrolment import service as enrolment
from app.enrolment.poster import Poster
from app.errors import FieldError, Invalid
from app.passes import service as passes
from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs.store import Program
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal

POSTER = "/console/poster"
SIZE_WORDS = {"a4": "A4", "a5": "A5", "table": N_("Table")}
HEADLINE_MOST, SOURCE_MOST = 80, 40


async def poster_page(request: Request) -> Response:
    """GET /console/poster"""
    here, program = context(request), await program_of(request)
    values = _values(request, program)
    view = await passes.sample_view(here.db, program, values["poster_language"])
    sources = await enrolment.count_by_poster(here.db, principal(request).business_id)
    address, shown = await _addresses(request, program, values["source"])
    return await frame.page(request, "poster", {
        "brand": view.css, "view": view, "values": values,
        "words": poster.WORDS[values["poster_language"]], "enrol_url": address, "short_url": shown,
        "sizes": [(size, frame.said(request, words)) for size, words in SIZE_WORDS.items()],
        "pdf_url": f"{POSTER}/poster.pdf?{urlencode(values)}", "code_reads": await run_in_threadpool(poster.code_reads, address),
        "sources": [{"name": name or frame.said(request, N_("The link without a name")), "cards": count} for name, count in sources]})


def _values(request: Request, program: Program) -> dict[str, str]:
    """The choices in the address, checked; what is missing is filled in. Raises Invalid."""
    query = request.query_params
    in_language = query.get("poster_language", program.language if program.language in ("en", "ru") else language(request))
    size, headline = query.get("size", "a4"), " ".join(query.get("headline", "").split())
    source = " ".join(unicodedata.normalize("NFC", query.get("source", "")).split())
    if in_language not in ("en", "ru") or size not in SIZE_WORDS:
        raise Invalid(fields=[FieldError("size", "choice", N_("Choose one of the sizes and languages that are offered."))])
    if len(headline) > HEADLINE_MOST or len(source) > SOURCE_MOST or not (headline + source).isprintable():
        raise Invalid(fields=[FieldError("headline", "too_long", N_("A headline has at most 80 letters, a place at most 40."))])
    if not headline:
        # The first sentence of the rules, without its full stop: what a passer-by wants to know.
        headline = program_rules.explain(program.rules, program.currency, in_language)[0].rstrip(".").replace("\u00a0", " ")
        headline = headline if len(headline) <= HEADLINE_MOST else program.name_in(in_language)
    return {"headline": headline, "size": size, "poster_language": in_language, "source": source}


async def _addresses(request: Request, program: Program, source: str) -> tuple[str, str]:
    """(the address in the code, the same for people to type). `from` counts what a poster brings."""
    settings = context(request).settings
    business = await programs.get_business(context(request).db, program.business_id)
    mark = f"?from={slug_of(source)}" if source else ""
    return settings.address(f"/e/{business.slug}/{program.slug}{mark}"), re.sub(r"^https?://", "", settings.address(f"/e/{business.slug}"))


async def poster_pdf(request: Request) -> Response:
    """GET /console/poster/poster.pdf with the same choices."""
    here, program = context(request), await program_of(request)
    values: dict[str, Any] = _values(request, program)
    content = await designs.content_of(here.db, program)
    address, shown = await _addresses(request, program, values["source"])
    sheet = Poster(content.words(values["poster_language"]).name, values["headline"], address, shown, values["poster_language"],
                   values["size"], content.colours())
    return Response(await run_in_threadpool(poster.draw, sheet), media_type="application/pdf",
                    headers={"Content-Disposition": f'attachment; filename="poster-{values["size"]}.pdf"'})


routes = [
    routing.route(POSTER, poster_page, who=frame.MANAGER, name="console:poster"),
    routing.route(POSTER + "/poster.pdf", poster_pdf, who=frame.MANAGER, name="console:poster_pdf"),
]
