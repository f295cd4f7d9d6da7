"""Cards without a name: one that belongs to whoever holds it, handed over as a code on the screen."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import secrets
from app.cards import service as cards
from app.console import frame
from app.errors import NotFound
from app.idempotency.rules import parse_key
from app.programs import service as programs
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, language, principal

PATH = "/console/customers/bearer"


async def choices(request: Request) -> list[tuple[str, str]]:
    """(id, name) of the open programmes, but clubs, which know their members."""
    here, said = context(request), language(request)
    found = await programs.list_programs(here.db, principal(request).business_id)
    return [(here.ids.encode("program", each.id), each.name_in(said)) for each in found
            if each.closed_at is None and each.earns_until_at is None and each.rules.club is None]


async def page(request: Request) -> Response:
    """GET /console/customers/bearer"""
    return await _page(request)


async def _page(request: Request, made: dict[str, Any] | None = None, chosen: str = "") -> Response:
    return await frame.page(request, "bearer", {"programs": await choices(request), "chosen": chosen, "made": made, "action": PATH,
                                                "key": secrets.new_token(22)})


async def make(request: Request) -> Response:
    """POST /console/customers/bearer: the card, its page as a code to point a phone's camera at. The form's key makes it one card."""
    here, form = context(request), await frame.form_of(request)
    wanted, once = text_field(form, "program", 40), text_field(form, "key", 64)
    if wanted not in [row_id for row_id, _ in await choices(request)]:
        raise NotFound()
    program = await programs.get_program(here.db, principal(request).business_id, here.ids.decode("program", wanted) or 0)
    key = parse_key(f"bearer-{once}", "POST", PATH, wanted.encode(), required=True)
    card, token = await cards.issue_bearer(here.db, here.ring, principal(request), program, key, here.clock.now())
    return await _page(request, {"url": here.settings.address(f"/c/{token}"), "number": card.number,
                                 "own": f"/console/cards/{here.ids.encode('card', card.id)}"}, wanted)


routes = [
    routing.route(PATH, page, who=frame.MANAGER_READ, name="console:bearer"),
    routing.route(PATH, make, who=frame.MANAGER, name="console:make_bearer", methods=["POST"]),
]
