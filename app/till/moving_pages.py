"""A number that was somebody else's: what was counted on its card is counted for the card of the shopper who bought."""
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.cards import rules as card_rules
from app.cards import service as cards
from app.cards.service import Card
from app.enrolment import service as enrolment
from app.enrolment.rules import Enrolment
from app.idempotency.rules import Key, fingerprint
from app.ledger.operations import Operation
from app.sales import moving
from app.text import N_
from app.till import desk as desks
from app.till import typed
from app.till.desk import Desk
from app.till.selling import KIND, REFUSALS, TILL, card_path
from app.web import i18n, routing, templating
from app.web.forms import check_forgery, csrf_token, read_form, text_field
from app.web.problems import status_of
from app.web.requests import context, language, principal

REFUSED = "/till/refused"
SEVERAL = N_("This number has several cards. Scan one of them, or type its number.")
NOT_THEIRS = N_("A number typed here today was not the shopper's: whoever has that phone said “not me”. The points went back; "
                "count the sale again once you know the right number.")


async def notices(request: Request, desk: Desk) -> list[dict[str, str]]:
    """Numbers that were mistyped here: whoever holds that phone pressed "not me", and the points went back. One for each whose purchases
    can be counted for another card; else one for all of them."""
    here, now = context(request), context(request).clock.now()
    refused = await enrolment.refused_lately(here.db, desk.who.business_id, desk.who.location_id, now)
    urls = [f"{REFUSED}/{here.ids.encode('enrolment', each.id)}" for each in refused if await _sales(request, each)]
    text = i18n.translate(language(request), NOT_THEIRS)
    return [{"text": text, "url": url} for url in (urls or [""] * min(1, len(refused)))]


async def _sales(request: Request, refused: Enrolment | None) -> list[Operation]:
    here = context(request)
    if refused is None or refused.card_id is None:
        return []
    return list(await moving.movable(here.db, refused.business_id, refused.card_id, here.clock.now()))


async def page(request: Request) -> Response:
    """GET /till/refused/{enrolment}"""
    return await _page(request)


async def _page(request: Request, code: str = "", error: str = "", status: int = 200) -> Response:
    here, who = context(request), principal(request)
    desk = await desks.desk_of(here, who, language(request))
    shown: list[dict[str, Any]] = [{"at": each.at, "amount_minor": each.to_pay_minor, "receipt": each.receipt or ""}
                                   for each in await _sales(request, await _refused(request))]
    return templating.render(request, "till/moving.html", {
        "business_name": desk.program.business_name_in(language(request)), "place": desk.place, "who": who.name, "till_url": TILL,
        "action": request.url.path, "sales": shown, "currency": desk.program.currency, "zone": desk.zone, "now": here.clock.now(),
        "code": code, "error": error, "csrf_token": csrf_token(request, KIND)}, status=status)


async def _refused(request: Request) -> Enrolment | None:
    """The address's; None where the till is not told of it (any more). Raises NotFound."""
    here, who = context(request), principal(request)
    wanted = here.ids.decode("enrolment", request.path_params["enrolment"]) or 0
    await enrolment.get(here.db, who.business_id, wanted)
    told = await enrolment.refused_lately(here.db, who.business_id, who.location_id, here.clock.now())
    return next((each for each in told if each.id == wanted), None)


async def move(request: Request) -> Response:
    """POST /till/refused/{enrolment}: all of them for the card that was scanned. What one is refused for leaves the others to be tried."""
    here, who, form = context(request), principal(request), await read_form(request)
    check_forgery(request, form, KIND)
    code, done = text_field(form, "code", 300), None
    waiting = await _sales(request, await _refused(request))
    try:
        card = await _card(request, code)
        for sale in waiting:
            key = Key(f"moved:{sale.id}", fingerprint("POST", request.url.path, str(card.id).encode()))
            done = (await moving.move(here.db, who, sale, card.id, key, here.clock.now())).operation
    except (*REFUSALS, errors.TooMany) as refused:
        return await _page(request, code, typed.said(request, refused), status_of(refused))
    return RedirectResponse(card_path(request, card) + (f"?done={here.ids.encode('operation', done.id)}" if done else ""), 303)


async def _card(request: Request, code: str) -> Card:
    """One of the business's own. Raises Invalid, TooMany."""
    here, who = context(request), principal(request)
    desk = await desks.desk_of(here, who, language(request))
    found = await cards.find(here.db, here.ring, who, code, desk.program.country, here.clock.now())
    if found.problem:
        raise errors.Invalid(card_rules.PROBLEMS[found.problem])
    if len(found.cards) > 1:
        raise errors.Invalid(SEVERAL)
    return found.cards[0]


CASHIER = routing.staff(KIND, "cashier")
routes = [
    routing.route(REFUSED + "/{enrolment}", page, who=CASHIER, name="till:refused"),
    routing.route(REFUSED + "/{enrolment}", move, who=CASHIER, name="till:move", methods=["POST"]),
]
