"""/c/{token}/phone: another number. A fresh code proves the old one, a code to the new one proves that."""
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.card_pages import frame, rules, service
from app.card_pages.frame import Visit
from app.cards import service as cards
from app.customers import documents, phones
from app.customers import service as customers
from app.ledger import service as ledger
from app.profiles import numbers
from app.programs import service as programs
from app.programs import words
from app.text import N_
from app.web import i18n
from app.web.forms import read_form, text_field
from app.web.requests import client_address
from app.web.routing import link, route

AGREE = N_("Without this we may not keep a number.")


async def _may(visit: Visit, *, is_begun: bool) -> bool:
    """A card without a number gets one through its own link. Where there is one, a code to it was typed: lately before the change is
    begun, and then within the time for which the browser is believed."""
    contact = await service.contact_of(visit.here.db, visit.here.ring, visit.card)
    if contact.is_none:
        return visit.opened.strength == "card"
    return await frame.is_confirmed(visit, None if is_begun else rules.FRESH)


async def _own(visit: Visit) -> Any:
    """The change that waits for this page; one that a manager began is finished at the console."""
    found = await numbers.waiting(visit.here, visit.card, visit.now)
    return found if found and found[0].staff_id is None else None


async def phone(request: Request) -> Response:
    """GET /c/{token}/phone"""
    visit = await frame.arrive(request)
    if not await _may(visit, is_begun=await _own(visit) is not None):
        return frame.to_code(visit, "phone")
    return await _page(visit)


async def _page(visit: Visit, *, typed: str = "", wrong: dict[str, str] | None = None, status: int = 422) -> Response:
    here, card = visit.here, visit.card
    found = await _own(visit)
    contact = await service.contact_of(here.db, here.ring, card)
    customer = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id is not None else None
    step = "type" if found is None else "code" if found[0].proven_at is None else "merge"
    terms = await documents.current_of(here.db, card.business_id, "terms", visit.language) if card.customer_id is None else None
    return await frame.page(visit, "profiles/phone.html", {
        "step": step, "phone": customer.phone_masked or "" if customer else "", "is_anonymous": contact.is_none, "typed": typed,
        "wrong": wrong or {}, "prefix": phones.prefix(visit.program.country), "last_two": found[1][-2:] if found else "",
        "terms": terms.text if terms else "", "others": await _others(visit, found[1]) if found and step == "merge" else [],
        "action": visit.path("/phone"), "code_action": visit.path("/phone/confirm"), "merge_action": visit.path("/phone/merge"),
        "cancel_action": visit.path("/phone/cancel"), "inbox_url": "/demo/sms" if here.settings.demo and step == "code" else "",
        "profile_url": visit.path("/profile") if not contact.is_none else visit.path(),
    }, status=status if wrong else 200)


async def _others(visit: Visit, e164: str) -> list[dict[str, str]]:
    """What the other person has here: name of the programme and balance. Shown only once the number is proven."""
    here, business_id = visit.here, visit.card.business_id
    other = await customers.find_by_phone(here.db, here.ring, business_id, e164)
    found = []
    for card in await cards.cards_of_customer(here.db, business_id, other.id) if other else []:
        if card.status in ("active", "blocked", "provisional"):
            program = await programs.get_program(here.db, business_id, card.program_id)
            amount = (await ledger.shown(here.db, card.account_id, visit.now)).available.get(program.rules.unit, 0)
            found.append({"name": program.name_in(visit.language), "balance": ("−" if amount < 0 else "") + words.amount(
                abs(amount), program.rules.unit, program.currency, visit.language)})
    return found


async def begin(request: Request) -> Response:
    """POST /c/{token}/phone: a code goes to the new number."""
    visit = await frame.arrive_to_act(request)
    if not await _may(visit, is_begun=False):
        raise service.NotConfirmed()
    form, here = await read_form(request), visit.here
    typed, country = text_field(form, "phone", 200), visit.program.country
    if visit.card.customer_id is None and not form.get("terms"):
        return await _page(visit, typed=typed, wrong={"terms": i18n.translate(visit.language, AGREE)})
    try:
        e164 = phones.parse_phone(typed, country, {country, *here.settings.sms_countries})
        await numbers.begin(here, visit.opened, e164, visit.language, visit.now, address=client_address(request))
    except errors.Invalid as refused:
        return await _page(visit, typed=typed, wrong=visit.wrong(refused))
    except (errors.Refused, errors.TooMany) as refused:
        return await _page(visit, typed=typed, wrong={"phone": visit.said(refused)})
    return RedirectResponse(visit.path("/phone"), 303)


async def confirm(request: Request) -> Response:
    """POST /c/{token}/phone/confirm: the code that went to the new number."""
    visit = await frame.arrive_to_act(request)
    if not await _may(visit, is_begun=True):
        raise service.NotConfirmed()
    typed = text_field(await read_form(request), "code", 40)
    try:
        found = await numbers.prove(visit.here, visit.opened, typed, visit.language, visit.now)
    except (service.WrongCode, errors.Expired) as refused:
        return await _page(visit, wrong={"code": visit.said(refused)})
    return RedirectResponse(visit.path("/profile?done=number" if found == numbers.CHANGED else "/phone"), 303)


async def merge(request: Request) -> Response:
    """POST /c/{token}/phone/merge: both numbers are proven, and the two people are one."""
    visit = await frame.arrive_to_act(request)
    if not await _may(visit, is_begun=True):
        raise service.NotConfirmed()
    try:
        await numbers.merge(visit.here, visit.opened, visit.language, visit.now)
    except (errors.Refused, errors.Expired) as refused:
        return await _page(visit, wrong={"merge": visit.said(refused)}, status=409)
    return RedirectResponse(visit.path("/profile?done=merged"), 303)


async def cancel(request: Request) -> Response:
    """POST /c/{token}/phone/cancel: everything stays as it is."""
    visit = await frame.arrive_to_act(request)
    if not await _may(visit, is_begun=True):
        raise service.NotConfirmed()
    await numbers.cancel(visit.here, visit.card, visit.now)
    return RedirectResponse(visit.path("/profile"), 303)


routes = [
    route("/c/{token}/phone", phone, who=link, name="profiles:phone"),
    route("/c/{token}/phone", begin, who=link, name="profiles:begin-phone", methods=["POST"]),
    route("/c/{token}/phone/confirm", confirm, who=link, name="profiles:confirm-phone", methods=["POST"]),
    route("/c/{token}/phone/merge", merge, who=link, name="profiles:merge", methods=["POST"]),
    route("/c/{token}/phone/cancel", cancel, who=link, name="profiles:cancel-phone", methods=["POST"]),
]
