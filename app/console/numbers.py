"""A shopper's number is lost with the phone: a manager who made sure of the person gives the card another one, with a code to it."""
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.card_pages.service import Opened, WrongCode
from app.cards import service as cards
from app.cards.service import Card
from app.console import frame
from app.console.customers import CARDS, address
from app.customers import phones
from app.customers import service as customers
from app.profiles import numbers
from app.programs import service as programs
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, principal

REASON_LEAST = 5
WHY = N_("Write in a few words how you made sure of the person.")


async def _own_card(request: Request) -> Card:
    return await cards.get_card(context(request).db, principal(request).business_id, frame.own_id(request, "card", "card"))


async def _opened(request: Request, card: Card) -> Opened:
    return Opened(card, await programs.get_program(context(request).db, card.business_id, card.program_id), "card")


async def number_page(request: Request) -> Response:
    """GET /console/cards/{card}/number"""
    return await _page(request, await _own_card(request))


async def _page(request: Request, card: Card, *, typed: dict[str, str] | None = None, wrong: dict[str, str] | None = None,
                status: int = 200) -> Response:
    here = context(request)
    found = await numbers.waiting(here, card, here.clock.now())
    change = found[0] if found and found[0].staff_id is not None else None
    person = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id is not None else None
    business = await programs.get_business(here.db, card.business_id)
    return await frame.page(request, "number", {
        "phone": (person.phone_masked if person else None) or "", "name": (person.name if person else None) or "",
        "step": "type" if change is None else "code" if change.proven_at is None else "merge",
        "last_two": found[1][-2:] if found and change else "", "prefix": phones.prefix(business.country),
        "typed": {"phone": "", "reason": ""} | (typed or {}), "own": address(request, card)}, wrong=wrong, status=status)


async def begin(request: Request) -> Response:
    """POST /console/cards/{card}/number: a code goes to the new number; the shopper tells it here."""
    here, form, card = context(request), await frame.form_of(request), await _own_card(request)
    typed, opened = frame.texts(form, "phone", "reason"), await _opened(request, card)
    if len(typed["reason"]) < REASON_LEAST:
        return await _page(request, card, typed=typed, wrong={"reason": frame.said(request, WHY)}, status=422)
    person = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id is not None else None
    country = opened.program.country
    try:
        e164 = phones.parse_phone(typed["phone"], country, {country, *here.settings.sms_countries})
        await numbers.begin(here, opened, e164, person.language if person else opened.program.language, here.clock.now(),
                            voucher=principal(request), reason=typed["reason"][:300])
    except (errors.Invalid, errors.Refused, errors.TooMany) as refused:
        wrong = frame.sentences_of(request, refused)
        return await _page(request, card, typed=typed, wrong=wrong, status=frame.status_for(refused))
    return frame.to(f"{address(request, card)}/number")


async def confirm(request: Request) -> Response:
    """POST /console/cards/{card}/number/confirm: the code that the shopper told; or, with both proven, the two people become one."""
    here, form, card = context(request), await frame.form_of(request), await _own_card(request)
    opened, who, now = await _opened(request, card), principal(request), context(request).clock.now()
    try:
        if text_field(form, "merge", 4):
            await numbers.merge(here, opened, opened.program.language, now, voucher=who)
        elif await numbers.prove(here, opened, text_field(form, "code", 40), opened.program.language, now, voucher=who) == numbers.TAKEN:
            return frame.to(f"{address(request, card)}/number")
    except (WrongCode, errors.Refused, errors.Expired) as refused:
        return await _page(request, card, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{address(request, card)}?done=number")


routes = [
    routing.route(CARDS + "/{card}/number", number_page, who=frame.PART, name="console:number_page"),
    routing.route(CARDS + "/{card}/number", begin, who=frame.PART, name="console:number", methods=["POST"]),
    routing.route(CARDS + "/{card}/number/confirm", confirm, who=frame.PART, name="console:number_confirm", methods=["POST"]),
]
