"""Merging two cards of one person: the other card is found, both balances are shown, and only then one goes into the other."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors, secrets
from app.cards import service as cards
from app.cards.rules import PROBLEMS
from app.cards.service import Card
from app.console import frame
from app.console.customers import CARDS, _key
from app.customers import service as customers
from app.ledger import service as ledger
from app.programs import service as programs
from app.sales import merging
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, principal

NONE_FITS = N_("This leads to no other active card of the same programme.")


async def merge_page(request: Request) -> Response:
    """GET /console/cards/{card}/merge: asks for the other card; ?with= shows both, and what merging them makes."""
    return await _page(request, await _own_card(request), request.query_params.get("with", "").strip()[:64])


async def _own_card(request: Request) -> Card:
    return await cards.get_card(context(request).db, principal(request).business_id, frame.own_id(request, "card", "card"))


async def _page(request: Request, card: Card, text: str, *, wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here = context(request)
    others, problem = await _others(request, card, text) if text else ([], "")
    wrong = wrong or ({"with": problem} if problem else {})
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    return await frame.page(request, "merge", {
        "keep": await _shown(request, card), "others": [await _shown(request, each) for each in others], "with_text": text,
        "unit": program.rules.unit, "action": _path(request, card, "/merge"), "back_url": _path(request, card),
        "key": secrets.new_token(22)},
        wrong=wrong, status=422 if wrong and status == 200 else status)


def _path(request: Request, card: Card, rest: str = "") -> str:
    return f"{CARDS}/{context(request).ids.encode('card', card.id)}{rest}"


async def _others(request: Request, card: Card, text: str) -> tuple[list[Card], str]:
    """The cards that a text means and that can be merged into this one; else a sentence."""
    here, who = context(request), principal(request)
    business = await programs.get_business(here.db, who.business_id)
    found = await cards.find(here.db, here.ring, who, text, business.country, here.clock.now())
    if found.problem:
        return [], frame.said(request, PROBLEMS[found.problem])
    fitting = [each for each in found.cards if each.program_id == card.program_id and each.account_id != card.account_id
               and each.status == "active"]
    return fitting, "" if fitting else frame.said(request, NONE_FITS)


async def _shown(request: Request, card: Card) -> dict[str, Any]:
    here = context(request)
    person = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id else None
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    return {"id": here.ids.encode("card", card.id), "number": card.number, "since": card.created_at,
            "name": (person.name if person else None) or "", "phone": (person.phone_masked if person else None) or "",
            "balance": (await ledger.balances(here.db, card.account_id)).get(program.rules.unit, 0)}


async def merge(request: Request) -> Response:
    """POST /console/cards/{card}/merge: `lose` goes into the card of the address."""
    here, form, card = context(request), await frame.form_of(request), await _own_card(request)
    lose, key = text_field(form, "lose", 64), text_field(form, "key", 64)
    try:
        await merging.merge(here.db, principal(request), card.id, here.ids.decode("card", lose) or 0, _key(request, key, lose),
                            here.clock.now())
    except (errors.Refused, errors.Invalid) as refused:
        return await _page(request, card, "", wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(_path(request, card, "?done=merge"))


routes = [
    routing.route(CARDS + "/{card}/merge", merge_page, who=frame.PART, name="console:merge_page"),
    routing.route(CARDS + "/{card}/merge", merge, who=frame.PART, name="console:merge", methods=["POST"]),
]
