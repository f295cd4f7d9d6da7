"""New cards at the till: a link by text or mail, a code that the shopper reads out, a QR code on the screen. An agent sees nothing else."""
from dataclasses import replace
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors, secrets
from app.customers import documents, phones
from app.customers.rules import PURPOSES
from app.enrolment import codes, contacts, screen, ways
from app.enrolment import service as enrolment
from app.enrolment.activation import Form
from app.enrolment.service import Told, Wish
from app.idempotency.rules import Key
from app.ledger.shown import UNITS
from app.money import parse_major
from app.programs import service as programs
from app.programs import words
from app.programs.store import Program
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.text import N_
from app.till import desk as desks
from app.till import typed
from app.till.desk import Desk
from app.till.selling import KIND, TILL
from app.web import i18n, routing, templating
from app.web.forms import FORM_CAP, check_forgery, csrf_token, read_form, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import context, language, principal

ENROL = "/till/enrol"
SCREENS, CODES = f"{ENROL}/screens", f"{ENROL}/codes"
POLL_SECONDS = 2
NEW_WORDS = N_("The words below have changed meanwhile. Please read them out once more.")
OVER = ("activated", "expired", "cancelled")


async def enrol_page(request: Request) -> Response:
    """GET /till/enrol"""
    return await _enrol(request, {})


async def _enrol(request: Request, form: dict[str, str], *, wrong: dict[str, str] | None = None, sent: dict[str, Any] | None = None,
                 status: int = 200) -> Response:
    """form: what was typed, to be kept."""
    here, who = context(request), principal(request)
    desk = await desks.desk_of(here, who, language(request))
    joinable = await desks.joinable(here, who, here.clock.now())
    allowed = [await ways.ways_of(here.db, program) for program in joinable]
    offered = [(here.ids.encode("program", each.id), each.name_in(language(request))) for each in joinable]
    return templating.render(request, "till/enrol.html", {
        **_frame(request, desk), "programs": offered if len(offered) > 1 else [], "program": form.get("program", ""), "action": ENROL,
        "phone": form.get("phone", ""), "email": form.get("email", ""), "amount": form.get("amount", ""),
        "prefix": phones.prefix(desk.program.country), "errors": wrong or {}, "currency": desk.program.currency,
        "key": form.get("key") or secrets.new_token(22), "sent": sent, "can_sell": who.may("cashier"),
        "ways": {name: any(getattr(each, name) for each in allowed) for name in ways.NAMES}}, status=status)


def _frame(request: Request, desk: Desk) -> dict[str, Any]:
    """An agent's way back is this page: there is no scanner for them."""
    is_agent = not desk.who.may("cashier")
    return {"place": desk.place, "who": desk.who.name, "till_url": ENROL if is_agent else TILL, "enrol_url": ENROL, "is_agent": is_agent,
            "csrf_token": csrf_token(request, KIND), "sign_out_action": "/till/sign-out"}


async def enrol(request: Request) -> Response:
    """POST /till/enrol: `act` is link (a message with a link), code (a message with digits) or screen (a QR code here)."""
    form = await read_form(request)
    check_forgery(request, form, KIND)
    kept = {name: text_field(form, name, 300) for name in ("phone", "email", "amount", "program", "key")}
    try:
        return await _begin(request, text_field(form, "act", 20) or "link", kept, form)
    except errors.TesseraError as refused:
        answer = await _enrol(request, kept, wrong=typed.wrong_of(request, refused), status=status_of(refused))
        return _later(answer, refused)


def _later(answer: Response, refused: errors.TesseraError) -> Response:
    if refused.retry_after:
        answer.headers["Retry-After"] = str(refused.retry_after)
    return answer


async def _begin(request: Request, act: str, kept: dict[str, str], form: FormData) -> Response:
    here, who = context(request), principal(request)
    desk = await desks.desk_of(here, who, language(request))
    desk = replace(desk, program=await _program(request, desk, kept["program"]))
    if act == "screen":
        shown = await screen.offer(here.db, here.ring, who, desk.program.id, here.clock.now())
        return RedirectResponse(screen_path(request, shown), 303)
    wish, minor = _wish(request, desk, kept), _amount(who, desk, kept["amount"])
    key = typed.key_of(request, form, act, kept["phone"], kept["email"], kept["amount"], kept["program"])
    told = await enrolment.start(here.db, here.ring, here.settings, who, wish, here.clock.now(), code=codes.draw() if act == "code" else "")
    waiting = await _credit(request, desk, told, minor, key)
    if act == "code" and told.id is not None:
        return RedirectResponse(f"{CODES}/{here.ids.encode('enrolment', told.id)}", 303)
    is_member = told.status == "already_member"
    card_url = f"{TILL}/cards/{here.ids.encode('card', told.card_id)}" if told.card_id is not None and who.may("cashier") else ""
    return await _enrol(request, {}, sent={"last_four": wish.e164[-4:] if wish.e164 else "", "email": "" if wish.e164 else wish.email,
                                           "waiting": waiting, "already": is_member, "card_url": card_url})


def _wish(request: Request, desk: Desk, kept: dict[str, str]) -> Wish:
    """By mail where an address alone was typed. Raises Invalid (fields `phone`, `email`)."""
    here, who, program = context(request), principal(request), desk.program
    e164, email = None, contacts.parse_email(kept["email"]) if kept["email"] else None
    # The country's prefix stands in the field from the start: it alone is no number.
    if email is None or kept["phone"] not in ("", phones.prefix(program.country).strip()):
        e164 = phones.parse_phone(kept["phone"], program.country, {program.country, *here.settings.sms_countries})
    return Wish(program.id, e164, "till" if who.may("cashier") else "agent", program.language, location_id=who.location_id, email=email)


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


def _amount(who: Principal, desk: Desk, text: str) -> int | None:
    """The first purchase in minor units, read before anything is begun; an agent sells nothing. Raises Invalid (field `amount`)."""
    return parse_major(text, desk.program.currency) if text and who.may("cashier") else None


async def _credit(request: Request, desk: Desk, told: Told, minor: int | None, key: Key | None) -> list[str]:
    """A first purchase on the provisional card: what waits there then; a member's is rung up on the card. Raises what sales.sell does."""
    here, who = context(request), principal(request)
    if not minor or told.card_id is None or told.status == "already_member":
        return []
    done = await sales.sell(here.db, who, SaleRequest(told.card_id, minor), key, here.clock.now())
    return [words.amount(held, unit, desk.program.currency, language(request))
            for unit, held in done.operation.balances.items() if unit in UNITS and held]


# A code on the screen.

def screen_path(request: Request, screen_id: int) -> str:
    return f"{SCREENS}/{context(request).ids.encode('screen', screen_id)}"


async def screen_page(request: Request) -> Response:
    """GET /till/enrol/screens/{screen}: the code, and what became of it; the page asks again by itself, or by its reload link."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    found = await screen.get(here.db, who.business_id, here.ids.decode("screen", request.path_params["screen"]) or 0)
    desk = await desks.desk_of(here, who, language(request))
    state, card_id = await screen.state_of(here.db, found, now)
    token = screen.token_of(here.ring, found) if state == "waiting" else ""
    return templating.render(request, "till/screen.html", {
        **_frame(request, desk), "state": state, "address": here.settings.link(f"/q/{token}") if token else "",
        "is_handover": found.card_id is not None, "seconds": POLL_SECONDS, "here_url": request.url.path, "action": ENROL,
        "program": here.ids.encode("program", found.program_id),
        "card_url": f"{TILL}/cards/{here.ids.encode('card', card_id)}" if card_id and who.may("cashier") else ""})


# A code that is told.

async def code_page(request: Request) -> Response:
    """GET /till/enrol/codes/{enrolment}: where the digits are typed, with the question to ask."""
    return await _code(request, {})


async def _code(request: Request, form: dict[str, str], *, wrong: dict[str, str] | None = None, is_sent: bool = False,
                status: int = 200) -> Response:
    here, who = context(request), principal(request)
    told = await enrolment.get(here.db, who.business_id, _enrolment_id(request))
    desk = await desks.desk_of(here, who, language(request))
    shown = await documents.current(here.db, who.business_id, language(request))
    slug = (await programs.get_business(here.db, who.business_id)).slug
    return templating.render(request, "till/code.html", {
        **_frame(request, desk), "action": request.url.path, "last_two": told.phone_hint, "is_over": told.status in OVER,
        "read": documents.mark_of(shown), "code": form.get("code", ""), "documents": {
            _box(each.purpose): {"text": each.text, "title": each.title, "url": documents.address_of(slug, each) if each.long_text else "",
                                 "ticked": bool(form.get(_box(each.purpose)))} for each in shown},
        "questions": await codes.questions_of(here.db, here.ring, who.business_id, _enrolment_id(request)), "typed": form,
        "errors": wrong or {}, "is_sent": is_sent}, status=status)


def _box(purpose: str) -> str:
    """What the form calls the answer to a purpose: the business's own cannot take the name of another field."""
    return purpose if purpose in PURPOSES else f"agree-{purpose}"


def _enrolment_id(request: Request) -> int:
    return context(request).ids.decode("enrolment", request.path_params["enrolment"]) or 0


async def tell_code(request: Request) -> Response:
    """POST /till/enrol/codes/{enrolment}: the digits and the answers; or, with `act=again`, another code."""
    here, who, form = context(request), principal(request), await read_form(request)
    check_forgery(request, form, KIND)
    shown = await documents.current(here.db, who.business_id, language(request))
    asked = await codes.questions_of(here.db, here.ring, who.business_id, _enrolment_id(request))
    kept = {"code": text_field(form, "code", 40), **{each.field: text_field(form, each.field, FORM_CAP) for each in asked}}
    if text_field(form, "read", FORM_CAP) not in ("", documents.mark_of(shown)):
        # What is agreed to is what stood on the screen: nothing stays ticked under words that nobody has read out yet.
        return await _code(request, kept, wrong={"": i18n.translate(language(request), NEW_WORDS)}, status=422)
    kept |= {name: text_field(form, name, 40) for name in map(_box, (each.purpose for each in shown))}
    try:
        if text_field(form, "act", 20) == "again":
            await codes.send(here.db, here.ring, here.settings, who, _enrolment_id(request), here.clock.now())
            return await _code(request, kept, is_sent=True)
        own = {each.purpose: bool(kept[_box(each.purpose)]) for each in shown if each.purpose not in PURPOSES}
        return await _redeem(request, who, kept, own)
    except (errors.Invalid, errors.Refused, errors.TooMany) as refused:
        wrong = typed.wrong_of(request, refused, *(each.field for each in asked))
        return _later(await _code(request, kept, wrong=wrong, status=status_of(refused)), refused)


async def _redeem(request: Request, who: Principal, kept: dict[str, str], own: dict[str, bool]) -> Response:
    """The card is active; its page is handed over by a code on the screen, so that it gets into the phone as well."""
    here, now = context(request), context(request).clock.now()
    answers = Form(kept.get("name", ""), bool(kept["terms"]), bool(kept["marketing"]), language(request), kept, own)
    card = await codes.redeem(here.db, here.ring, who, _enrolment_id(request), kept["code"], answers, now)
    shown = await screen.offer(here.db, here.ring, who, card.program_id, now, card.id)
    return RedirectResponse(screen_path(request, shown), 303)


AGENT = routing.staff(KIND, "agent")
routes = [
    routing.route(ENROL, enrol_page, who=AGENT, name="till:enrol"),
    routing.route(ENROL, enrol, who=AGENT, name="till:enrolling", methods=["POST"]),
    routing.route(SCREENS + "/{screen}", screen_page, who=AGENT, name="till:screen"),
    routing.route(CODES + "/{enrolment}", code_page, who=AGENT, name="till:code"),
    routing.route(CODES + "/{enrolment}", tell_code, who=AGENT, name="till:tell_code", methods=["POST"]),
]
