"""The cashier's pages around the card: sign in, scan, a new card for a phone number. The card itself is in selling.py, what was rung
up in receipts.py."""
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors, secrets
from app.cards import rules as card_rules
from app.cards import service as cards
from app.cards.service import Card
from app.customers import phones
from app.enrolment import service as enrolment
from app.enrolment.service import Wish
from app.idempotency.rules import Key
from app.ledger.shown import UNITS
from app.money import parse_major
from app.programs import service as programs
from app.programs import words
from app.programs.store import Program
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.staff import rules as staff_rules
from app.staff import service as staff
from app.text import N_
from app.till import desk as desks
from app.till import receipts, selling, showing, typed
from app.till.desk import Desk
from app.till.receipts import SALES
from app.till.selling import TILL, card_path
from app.web import i18n, routing, templating
from app.web.cookies import drop_cookie, set_cookie
from app.web.forms import check_forgery, check_origin, csrf_token, read_form, text_field
from app.web.problems import status_of
from app.web.requests import client_address, context, language, principal

KIND = "till"
SIGN_IN, ENROL = "/till/sign-in", "/till/enrol"
NOT_THEIRS = N_("A number typed here today was not the shopper's: whoever has that phone said “not me”. The points went back; "
                "count the sale again once you know the right number.")


async def sign_in_page(request: Request) -> Response:
    """GET /till/sign-in"""
    return _sign_in(request)


def _sign_in(request: Request, email: str = "", error: str = "", status: int = 200) -> Response:
    return templating.render(request, "till/sign_in.html", {
        "action": SIGN_IN, "email": email, "error": error, "csrf_token": csrf_token(request, KIND), "place": "",
        "demo": context(request).extras.get("demo_till")}, status=status)


async def sign_in(request: Request) -> Response:
    """POST /till/sign-in: a new session, whatever the browser brought along."""
    here, form = context(request), await read_form(request)
    check_origin(request)
    email, password = text_field(form, "email"), form.get("password")
    try:
        token, _ = await staff.sign_in(here.db, here.ring, email, password if isinstance(password, str) else "", KIND,
                                       client_address(request), here.clock.now())
    except (staff.WrongPassword, errors.TooMany, errors.Forbidden) as refused:
        answer = _sign_in(request, email, typed.said(request, refused), status_of(refused))
        if refused.retry_after:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer
    answer = RedirectResponse(TILL, 303)
    set_cookie(answer, here.settings, KIND, token, staff_rules.LIFE_SECONDS[KIND])
    return answer


async def sign_out(request: Request) -> Response:
    """POST /till/sign-out"""
    here = context(request)
    check_forgery(request, await read_form(request), KIND)
    await staff.sign_out(here.db, principal(request), here.clock.now())
    answer = RedirectResponse(SIGN_IN, 303)
    drop_cookie(answer, here.settings, KIND)
    return answer


async def scan_page(request: Request) -> Response:
    """GET /till"""
    return await _scan(request)


async def _scan(request: Request, code: str = "", error: str = "", found: tuple[Card, ...] = (), status: int = 200) -> Response:
    here, now = context(request), context(request).clock.now()
    desk = await desks.desk_of(here, principal(request), language(request))
    places = await programs.list_locations(here.db, desk.who.business_id)
    return templating.render(request, "till/scan.html", {
        "business_name": desk.program.business_name_in(language(request)), "place": desk.place, "who": desk.who.name,
        "count": await desks.served_today(here, desk, now), "action": TILL, "code": code, "error": error,
        "found": [await _found_row(request, desk, card, now) for card in found], "notices": await _notices(request, desk, now), "done": "",
        "enrol_url": ENROL, "sales_url": SALES, "sign_out_action": "/till/sign-out", "place_action": "/till/place",
        "places": [(here.ids.encode("location", each.id), each.name_in(language(request))) for each in places if each.closed_at is None],
        "place_id": here.ids.encode("location", desk.who.location_id) if desk.who.location_id else "",
        "csrf_token": csrf_token(request, KIND)}, status=status)


async def _notices(request: Request, desk: Desk, now: datetime) -> list[dict[str, str]]:
    """Numbers that were mistyped here: whoever holds that phone pressed "not me", and the points went back."""
    refused = await enrolment.refused_lately(context(request).db, desk.who.business_id, desk.who.location_id, now)
    return [{"text": i18n.translate(language(request), NOT_THEIRS), "url": ""} for _ in refused[:1]]


async def _found_row(request: Request, desk: Desk, card: Card, now: datetime) -> dict[str, Any]:
    shown = await showing.card_context(context(request), desk.program, card, language(request), now)
    held = " ".join(shown["figures"][0]) if shown["figures"] else ""
    return {"url": card_path(request, card), "balance": held.strip(),
            **{name: shown[name] for name in ("name", "phone", "number_end", "status")}}


async def find(request: Request) -> Response:
    """POST /till: a scanned or typed text leads to its card; a torn scan is refused."""
    here, form = context(request), await read_form(request)
    check_forgery(request, form, KIND)
    code = text_field(form, "code", 300)
    desk = await desks.desk_of(here, principal(request), language(request))
    try:
        found = await cards.find_anywhere(here.db, here.ring, desk.who, code, desk.program.country, here.clock.now())
    except errors.TooMany as refused:
        return await _scan(request, code, typed.said(request, refused), status=status_of(refused))
    if found.problem:
        return await _scan(request, code, i18n.translate(language(request), card_rules.PROBLEMS[found.problem]), status=422)
    if len(found.cards) > 1:
        return await _scan(request, code, found=found.cards)
    return RedirectResponse(card_path(request, found.cards[0]), 303)


async def choose_place(request: Request) -> Response:
    """POST /till/place: where this till stands from now on."""
    here, form = context(request), await read_form(request)
    check_forgery(request, form, KIND)
    location_id = here.ids.decode("location", text_field(form, "location"))
    place = await programs.get_location(here.db, principal(request).business_id, location_id or 0)
    await staff.choose_location(here.db, principal(request), place.id, here.clock.now())
    return RedirectResponse(TILL, 303)


async def enrol_page(request: Request) -> Response:
    """GET /till/enrol"""
    return await _enrol(request)


async def _enrol(request: Request, *, phone: str = "", amount: str = "", chosen: str = "", wrong: dict[str, str] | None = None,
                 sent: dict[str, Any] | None = None, key: str = "", status: int = 200) -> Response:
    here = context(request)
    desk = await desks.desk_of(here, principal(request), language(request))
    offered = [(here.ids.encode("program", each.id), each.name_in(language(request)))
               for each in await desks.joinable(here, desk.who, here.clock.now())]
    return templating.render(request, "till/enrol.html", {
        "programs": offered if len(offered) > 1 else [], "program": chosen,
        "place": desk.place, "who": desk.who.name, "till_url": TILL, "action": ENROL, "phone": phone, "amount": amount,
        "prefix": phones.prefix(desk.program.country), "errors": wrong or {}, "currency": desk.program.currency,
        "csrf_token": csrf_token(request, KIND), "key": key or secrets.new_token(22), "sent": sent}, status=status)


async def enrol(request: Request) -> Response:
    """POST /till/enrol: texts a link to the number; a first purchase may wait on the provisional card."""
    form = await read_form(request)
    check_forgery(request, form, KIND)
    phone, amount, key = text_field(form, "phone", 300), text_field(form, "amount", 40), text_field(form, "key", 64)
    chosen = text_field(form, "program", 40)
    try:
        return await _start(request, phone, amount, chosen, typed.key_of(request, form, phone, amount, chosen))
    except errors.TesseraError as refused:
        answer = await _enrol(request, phone=phone, amount=amount, chosen=chosen, wrong=typed.wrong_of(request, refused), key=key,
                              status=status_of(refused))
        if refused.retry_after:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer


async def _program(request: Request, desk: Desk, chosen: str) -> Program:
    """The programme that the form chose; with nothing to choose from, the only one that gives cards. Raises NotFound."""
    here = context(request)
    offered = await desks.joinable(here, desk.who, here.clock.now())
    if not chosen:
        return offered[0] if offered else desk.program
    program_id = here.ids.decode("program", chosen)
    for program in offered:
        if program.id == program_id:
            return program
    raise errors.NotFound()


async def _start(request: Request, phone: str, amount: str, chosen: str, key: Key | None) -> Response:
    here, who = context(request), principal(request)
    desk = await desks.desk_of(here, who, language(request))
    desk = replace(desk, program=await _program(request, desk, chosen))
    e164 = phones.parse_phone(phone, desk.program.country, {desk.program.country, *here.settings.sms_countries})
    minor = parse_major(amount, desk.program.currency) if amount else None
    told = await enrolment.start(here.db, here.ring, here.settings, who, Wish(
        desk.program.id, e164, "till", desk.program.language, location_id=who.location_id), here.clock.now())
    is_member, waiting = told.status == "already_member", list[str]()
    if minor and told.card_id is not None and not is_member:
        done = await sales.sell(here.db, who, SaleRequest(told.card_id, minor), key, here.clock.now())
        waiting = [words.amount(amount, unit, desk.program.currency, language(request))
                   for unit, amount in done.operation.balances.items() if unit in UNITS and amount]
    card_url = f"{TILL}/cards/{here.ids.encode('card', told.card_id)}" if told.card_id is not None else ""
    return await _enrol(request, sent={"last_four": e164[-4:], "waiting": waiting, "already": is_member, "card_url": card_url})


CASHIER = routing.staff(KIND, "cashier")
routes = [
    routing.route(SIGN_IN, sign_in_page, who=routing.public, name="till:sign_in"),
    routing.route(SIGN_IN, sign_in, who=routing.public, name="till:signing_in", methods=["POST"]),
    routing.route("/till/sign-out", sign_out, who=CASHIER, name="till:sign_out", methods=["POST"]),
    routing.route(TILL, scan_page, who=CASHIER, name="till:scan"),
    routing.route(TILL, find, who=CASHIER, name="till:find", methods=["POST"]),
    routing.route("/till/place", choose_place, who=CASHIER, name="till:place", methods=["POST"]),
    *selling.routes, *receipts.routes,
    routing.route(ENROL, enrol_page, who=CASHIER, name="till:enrol"),
    routing.route(ENROL, enrol, who=CASHIER, name="till:enrolling", methods=["POST"]),
]
