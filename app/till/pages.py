"""The cashier's pages: sign in, scan, see, earn or redeem, undo, a new card for a phone number.

Forms redirect after they did something, so that reloading repeats nothing; a form's hidden key makes a second press the same act.
"""
from datetime import datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors, secrets
from app.cards import rules as card_rules
from app.cards import service as cards
from app.cards.service import Card
from app.customers import phones
from app.enrolment import service as enrolment
from app.enrolment.service import Wish
from app.idempotency.rules import Key, fingerprint
from app.money import MAX_POINTS, parse_major
from app.programs import service as programs
from app.sales import refunds
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.staff import rules as staff_rules
from app.staff import service as staff
from app.text import N_
from app.till import desk as desks
from app.till import elsewhere
from app.till.desk import Desk
from app.web import i18n, routing, templating
from app.web.cookies import drop_cookie, set_cookie
from app.web.forms import check_forgery, check_origin, csrf_token, read_form, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import client_address, context, language, principal

KIND = "till"
TILL, SIGN_IN, SALES, ENROL = "/till", "/till/sign-in", "/till/sales", "/till/enrol"
NOT_THEIRS = N_("A number typed here today was not the shopper's: whoever has that phone said “not me”. The points went back; "
                "count the sale again once you know the right number.")
NO_SUCH_ACT = N_("Press Earn, Spend or Undo.")


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
        answer = _sign_in(request, email, _said(request, refused), status_of(refused))
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
    shown = await desks.card_context(context(request), desk, card, language(request), now)
    return {"url": _card_path(request, card), **{name: shown[name] for name in ("name", "phone", "number_end", "balance", "status")}}


async def find(request: Request) -> Response:
    """POST /till: a scanned or typed text leads to its card; a torn scan is refused."""
    here, form = context(request), await read_form(request)
    check_forgery(request, form, KIND)
    code = text_field(form, "code", 300)
    desk = await desks.desk_of(here, principal(request), language(request))
    found = await cards.find_anywhere(here.db, here.ring, desk.who, code, desk.program.country, here.clock.now())
    if found.problem:
        return await _scan(request, code, i18n.translate(language(request), card_rules.PROBLEMS[found.problem]), status=422)
    if len(found.cards) > 1:
        return await _scan(request, code, found=found.cards)
    return RedirectResponse(_card_path(request, found.cards[0]), 303)


async def choose_place(request: Request) -> Response:
    """POST /till/place: where this till stands from now on."""
    here, form = context(request), await read_form(request)
    check_forgery(request, form, KIND)
    location_id = here.ids.decode("location", text_field(form, "location"))
    place = await programs.get_location(here.db, principal(request).business_id, location_id or 0)
    await staff.choose_location(here.db, principal(request), place.id, here.clock.now())
    return RedirectResponse(TILL, 303)


async def card_page(request: Request) -> Response:
    """GET /till/cards/{card}; ?done= and ?undone= name the operation that the form before made."""
    return await _card(request, *await _card_and_who(request))


async def _card_and_who(request: Request) -> tuple[Card, Principal]:
    """The address's card, of the business or of a coalition that it takes part in, and who works on it here."""
    here = context(request)
    return await elsewhere.card_of(here, principal(request), here.ids.decode("card", request.path_params["card"]) or 0)


def _card_path(request: Request, card: Card) -> str:
    return f"{TILL}/cards/{context(request).ids.encode('card', card.id)}"


async def _card(request: Request, card: Card, who: Principal, *, amount: str = "", points: str = "", wrong: dict[str, str] | None = None,
                key: str = "", status: int = 200) -> Response:
    here, said, now = context(request), language(request), context(request).clock.now()
    desk = await desks.desk_at(here, await desks.desk_of(here, principal(request), said), card, who)
    done = here.ids.decode("operation", request.query_params.get("done", "")) if not wrong else None
    return templating.render(request, "till/card.html", {
        "business_name": desk.program.business_name_in(said), "place": desk.place, "who": desk.who.name, "till_url": TILL,
        "action": _card_path(request, card), "csrf_token": csrf_token(request, KIND), "key": key or secrets.new_token(22),
        "amount": amount, "points": points, "errors": wrong or {}, "zone": desk.zone, "now": now,
        "done": await desks.done_of(here, desk, card, done, now), "undone": "undone" in request.query_params and not wrong,
        **await desks.card_context(here, desk, card, said, now)}, status=status)


async def act_on_card(request: Request) -> Response:
    """POST /till/cards/{card}: `act` is earn, redeem or undo."""
    form = await read_form(request)
    check_forgery(request, form, KIND)
    (card, who), act = await _card_and_who(request), text_field(form, "act")
    amount, points, key = text_field(form, "amount", 40), text_field(form, "points", 40), text_field(form, "key", 64)
    try:
        if act == "undo":
            return await _undo(request, form, _card_path(request, card))
        if act not in ("earn", "redeem"):
            raise errors.Invalid(NO_SUCH_ACT)
        return await _sell(request, card, who, act, amount, points, key)
    except (errors.Invalid, errors.Refused, errors.Forbidden, errors.Unavailable) as refused:
        return await _card(request, card, who, amount=amount, points=points, wrong=_wrong(request, refused), key=key,
                           status=status_of(refused))


async def _sell(request: Request, card: Card, who: Principal, act: str, amount: str, points: str, key: str) -> Response:
    here = context(request)
    program = await programs.get_program(here.db, who.business_id, card.program_id)
    redeem = _points(points) if act == "redeem" else 0
    wish = SaleRequest(card.id, parse_major(amount, program.currency), redeem=redeem)
    done = await sales.sell(here.db, who, wish, _key(request, key, act, amount, points), here.clock.now())
    return RedirectResponse(f"{_card_path(request, card)}?done={here.ids.encode('operation', done.operation.id)}", 303)


def _points(text: str) -> int | None:
    """How many points to spend; None, the most allowed, for an empty field."""
    if not text:
        return None
    plain = "".join(text.split())
    if not (plain.isascii() and plain.isdigit() and 0 < int(plain[:20]) <= MAX_POINTS):
        raise errors.Invalid(fields=[errors.FieldError(
            "points", "integer", N_("Type a whole number of points, or leave the field empty."))])
    return int(plain)


def _key(request: Request, text: str, *parts: str) -> Key | None:
    """The form's key: a second press of the same button is the same sale."""
    if not secrets.is_token(text, 22):
        return None
    return Key("till-" + text, fingerprint("POST", request.url.path, "\n".join(parts).encode()))


async def _undo(request: Request, form: FormData, back: str) -> Response:
    here = context(request)
    operation_id = here.ids.decode("operation", text_field(form, "operation"))
    done = await elsewhere.at_operation(here, principal(request), operation_id or 0, lambda who: refunds.undo(
        here.db, who, operation_id or 0, None, here.clock.now()))
    return RedirectResponse(f"{back}?undone={here.ids.encode('operation', done.operation.id)}", 303)


def _wrong(request: Request, refused: errors.TesseraError) -> dict[str, str]:
    """Sentences by field; what concerns no field of ours stands on top of the form."""
    if not refused.fields:
        return {"": _said(request, refused)}
    return {field if field in ("amount", "points", "phone") else "": i18n.translate(language(request), sentence, **refused.params)
            for field, _, sentence in refused.fields}


def _said(request: Request, refused: errors.TesseraError) -> str:
    return i18n.translate(language(request), refused.detail, **refused.params)


async def sales_page(request: Request) -> Response:
    """GET /till/sales"""
    done = i18n.translate(language(request), N_("The sale is taken back.")) if "undone" in request.query_params else ""
    return await _sales(request, done=done)


async def _sales(request: Request, *, done: str = "", error: str = "", status: int = 200) -> Response:
    here, now = context(request), context(request).clock.now()
    desk = await desks.desk_of(here, principal(request), language(request))
    return templating.render(request, "till/sales.html", {
        "place": desk.place, "who": desk.who.name, "till_url": TILL, "action": SALES, "csrf_token": csrf_token(request, KIND),
        "currency": desk.program.currency, "zone": desk.zone, "now": now, "sales": await desks.last_sales(here, desk, now),
        "done": done, "error": error}, status=status)


async def undo_sale(request: Request) -> Response:
    """POST /till/sales: `act` undo of an `operation`."""
    form = await read_form(request)
    check_forgery(request, form, KIND)
    try:
        return await _undo(request, form, SALES)
    except (errors.Refused, errors.Forbidden, errors.Unavailable) as refused:
        return await _sales(request, error=_said(request, refused), status=status_of(refused))


async def enrol_page(request: Request) -> Response:
    """GET /till/enrol"""
    return await _enrol(request)


async def _enrol(request: Request, *, phone: str = "", amount: str = "", wrong: dict[str, str] | None = None,
                 sent: dict[str, Any] | None = None, key: str = "", status: int = 200) -> Response:
    here = context(request)
    desk = await desks.desk_of(here, principal(request), language(request))
    return templating.render(request, "till/enrol.html", {
        "place": desk.place, "who": desk.who.name, "till_url": TILL, "action": ENROL, "phone": phone, "amount": amount,
        "prefix": phones.prefix(desk.program.country), "errors": wrong or {}, "currency": desk.program.currency,
        "csrf_token": csrf_token(request, KIND), "key": key or secrets.new_token(22), "sent": sent}, status=status)


async def enrol(request: Request) -> Response:
    """POST /till/enrol: texts a link to the number; a first purchase may wait on the provisional card."""
    form = await read_form(request)
    check_forgery(request, form, KIND)
    phone, amount, key = text_field(form, "phone", 300), text_field(form, "amount", 40), text_field(form, "key", 64)
    try:
        return await _start(request, phone, amount, key)
    except errors.TesseraError as refused:
        answer = await _enrol(request, phone=phone, amount=amount, wrong=_wrong(request, refused), key=key, status=status_of(refused))
        if refused.retry_after:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer


async def _start(request: Request, phone: str, amount: str, key: str) -> Response:
    here, who = context(request), principal(request)
    desk = await desks.desk_of(here, who, language(request))
    e164 = phones.parse_phone(phone, desk.program.country, {desk.program.country, *here.settings.sms_countries})
    minor = parse_major(amount, desk.program.currency) if amount else None
    told = await enrolment.start(here.db, here.ring, here.settings, who, Wish(
        desk.program.id, e164, "till", desk.program.language, location_id=who.location_id), here.clock.now())
    is_member, waiting = told.status == "already_member", None
    if minor and told.card_id is not None and not is_member:
        done = await sales.sell(here.db, who, SaleRequest(told.card_id, minor), _key(request, key, phone, amount), here.clock.now())
        waiting = done.operation.balances.get("points", 0)
    card_url = f"{TILL}/cards/{here.ids.encode('card', told.card_id)}" if told.card_id is not None else ""
    return await _enrol(request, sent={"last_four": e164[-4:], "points": waiting, "already": is_member, "card_url": card_url})


CASHIER = routing.staff(KIND, "cashier")
routes = [
    routing.route(SIGN_IN, sign_in_page, who=routing.public, name="till:sign_in"),
    routing.route(SIGN_IN, sign_in, who=routing.public, name="till:signing_in", methods=["POST"]),
    routing.route("/till/sign-out", sign_out, who=CASHIER, name="till:sign_out", methods=["POST"]),
    routing.route(TILL, scan_page, who=CASHIER, name="till:scan"),
    routing.route(TILL, find, who=CASHIER, name="till:find", methods=["POST"]),
    routing.route("/till/place", choose_place, who=CASHIER, name="till:place", methods=["POST"]),
    routing.route("/till/cards/{card}", card_page, who=CASHIER, name="till:card"),
    routing.route("/till/cards/{card}", act_on_card, who=CASHIER, name="till:act", methods=["POST"]),
    routing.route(SALES, sales_page, who=CASHIER, name="till:sales"),
    routing.route(SALES, undo_sale, who=CASHIER, name="till:undo", methods=["POST"]),
    routing.route(ENROL, enrol_page, who=CASHIER, name="till:enrol"),
    routing.route(ENROL, enrol, who=CASHIER, name="till:enrolling", methods=["POST"]),
]
