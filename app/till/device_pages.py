"""A shared tablet: paired once by a manager's code, then cashiers take turns at it by PIN. Choosing a PIN is in pin_pages.py."""
import base64
import binascii
import re
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.devices import pins, rules
from app.devices import service as devices
from app.devices.pins import Person
from app.devices.rules import Device
from app.programs import service as programs
from app.staff import rules as staff_rules
from app.staff import sessions
from app.text import N_
from app.till import elsewhere, practice, typed
from app.till.joining_pages import AGENT, ENROL
from app.till.selling import KIND, TILL
from app.web import devices as browsers
from app.web import i18n, routing, templating
from app.web.cookies import cookie, drop_cookie, set_cookie
from app.web.forms import check_forgery, check_origin, check_site, csrf_token, read_form, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import client_address, context, language, principal

DEVICE = "device"                   # the kind of cookie
PAIR, START, SIGN_IN = "/till/pair", "/till/start", "/till/sign-in"
NO_CODE = N_("The code has ten letters and digits. It stands under the QR code on the manager’s screen.")
# Where a cashier may be led back to after a PIN: pages alone, nothing that acts.
_BACK = re.compile(r"/till(/(cards|sales|enrol|refused|search|practice|offline)(/[A-Za-z0-9_]{1,40})*)?")


async def device_here(request: Request) -> Device | None:
    """The device whose cookie the browser has."""
    here = context(request)
    return await devices.device_of(here.db, here.ring, cookie(request, here.settings, DEVICE))


def browser_of(request: Request) -> str:
    return browsers.browser_name(request.headers.get("user-agent", ""))


# Pairing.

async def pair_start(request: Request) -> Response:
    """GET /till/pair: a field for the code, where there is no camera for it."""
    return _ask_code(request)


def _ask_code(request: Request, code: str = "", error: str = "", status: int = 200) -> Response:
    return templating.render(request, "till/pair.html", {"action": PAIR, "code": code, "error": error, "offered": None}, status=status)


async def pair_typed(request: Request) -> Response:
    """POST /till/pair: a typed code leads to its page; whether it works is told there."""
    form = await read_form(request)
    check_origin(request)
    text = text_field(form, "code", 60)
    code = rules.clean_code(text)
    if not code:
        return _ask_code(request, text, i18n.translate(language(request), NO_CODE), 422)
    return RedirectResponse(f"{PAIR}/{code}", 303)


async def pair_page(request: Request) -> Response:
    """GET /till/pair/{token}: what this tablet would become. Looking uses nothing up."""
    here, code = context(request), rules.clean_code(request.path_params["token"])
    offered = await devices.peek(here.db, here.ring, code, client_address(request), here.clock.now())
    business = await programs.get_business(here.db, offered.business_id)
    said = language(request)
    return templating.render(request, "till/pair.html", {
        "action": f"{PAIR}/{code}", "code": "", "error": "",
        "offered": {"name": offered.name, "business": business.name_in(said), "place": await place_of(request, offered)}})


async def place_of(request: Request, device: Device) -> str:
    if device.location_id is None:
        return ""
    return (await programs.get_location(context(request).db, device.business_id, device.location_id)).name_in(language(request))


async def pair(request: Request) -> Response:
    """POST /till/pair/{token}: uses the code up; the browser keeps the cookie and, where it can, its key."""
    here, form = context(request), await read_form(request)
    check_site(request)
    _, token = await devices.pair(
        here.db, here.ring, rules.clean_code(request.path_params["token"]), _key_in(text_field(form, "public_key", 400)),
        client_address(request), here.clock.now(), agent=browser_of(request), before=cookie(request, here.settings, DEVICE))
    answer = RedirectResponse(START, 303)
    set_cookie(answer, here.settings, DEVICE, token, rules.COOKIE_SECONDS)
    drop_cookie(answer, here.settings, KIND)
    return answer


def _key_in(text: str) -> bytes:
    """A public key in base64url; nonsense becomes a key that is none, for the room to refuse."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b"?"


# Who works here now.

async def start_page(request: Request) -> Response:
    """GET /till/start: the people of this till. Without a device it is the door with a password."""
    device = await device_here(request)
    return await _start(request, device) if device else _without_device(request)


def _without_device(request: Request) -> Response:
    answer = RedirectResponse(SIGN_IN, 303)
    if cookie(request, context(request).settings, DEVICE):
        drop_cookie(answer, context(request).settings, DEVICE)
    return answer


async def _start(request: Request, device: Device) -> Response:
    here, query = context(request), request.query_params
    people = await pins.people_at(here.db, device)
    last = await pins.last_person(here.db, device)
    way = _carried(query.get("next", ""), bool(query.get("practice")))
    shown = [{"name": each.name, "url": f"{START}/{here.ids.encode('staff', each.id)}{way}", "is_last": each.id == last}
             for each in sorted(people, key=lambda each: each.id != last)]
    return templating.render(request, "till/start.html", {
        **await _frame(request, device), "people": shown,
        "practice": bool(query.get("practice")), "practice_url": START + _carried(query.get("next", ""), not query.get("practice"))})


async def _frame(request: Request, device: Device) -> dict[str, Any]:
    here = context(request)
    business = await programs.get_business(here.db, device.business_id)
    return {"business_name": business.name_in(language(request)), "device_name": device.name, "place": await place_of(request, device),
            "device_id": here.ids.encode("device", device.id), "sign_in_url": SIGN_IN,
            "device_key": base64.urlsafe_b64encode(device.public_key).decode().rstrip("="), "csrf_token": csrf_token(request, DEVICE),
            "demo": here.extras.get("demo_pins")}


def back_to(text: str) -> str:
    """A page of the till that `text` names, or an empty string."""
    return text if _BACK.fullmatch(text) else ""


def _carried(back: str, practice: bool) -> str:
    values = {**({"next": back} if back_to(back) else {}), **({"practice": "1"} if practice else {})}
    return "?" + urlencode(values) if values else ""


async def pin_page(request: Request) -> Response:
    """GET /till/start/{staff}"""
    device = await device_here(request)
    return await _pin(request, device, await _person(request, device)) if device else _without_device(request)


async def _person(request: Request, device: Device) -> Person:
    here = context(request)
    staff_id = here.ids.decode("staff", request.path_params["staff"])
    for each in await pins.people_at(here.db, device):
        if each.id == staff_id:
            return each
    raise errors.NotFound()


async def _pin(request: Request, device: Device, person: Person, error: str = "", status: int = 200) -> Response:
    query = request.query_params
    way = _carried(query.get("next", ""), bool(query.get("practice")))
    own = f"{START}/{context(request).ids.encode('staff', person.id)}{way}"
    return templating.render(request, "till/pin.html", {
        **await _frame(request, device), "name": person.name, "has_pin": person.has_pin, "action": own, "others_url": START + way,
        "practice": bool(query.get("practice")), "error": error}, status=status)


async def pin_sign_in(request: Request) -> Response:
    """POST /till/start/{staff}: a new session, whatever the browser brought along; the one before on this device ends."""
    here, form, device = context(request), await read_form(request), await device_here(request)
    if device is None:
        return _without_device(request)
    check_forgery(request, form, DEVICE)
    person, now, training = await _person(request, device), here.clock.now(), bool(request.query_params.get("practice"))
    try:
        token, who = await pins.sign_in(here.db, here.ring, device, person.id, text_field(form, "pin", 40), now, training=training,
                                        agent=browser_of(request), address=client_address(request))
    except (pins.WrongPin, errors.TooMany) as refused:
        answer = await _pin(request, device, person, typed.said(request, refused), status_of(refused))
        if refused.retry_after:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer
    if training:
        await practice.prepare(here, who, now)
        return signed_in(request, token, who, practice.PAGE)
    back = back_to(request.query_params.get("next", ""))
    return signed_in(request, token, who, back if await _is_there(request, who, back) else "")


async def _is_there(request: Request, who: Principal, page: str) -> bool:
    """Whether whoever comes next finds the card of the one before: one that was open in practice is not in the shop."""
    here, (kind, _, name) = context(request), page.removeprefix("/till/").partition("/")
    if kind != "cards":
        return True
    try:
        await elsewhere.card_of(here, who, here.ids.decode("card", name) or 0)
    except errors.NotFound:
        return False
    return True


def signed_in(request: Request, token: str, who: Principal, back: str = "") -> Response:
    """To the page that waits, with the session's cookie; the device's lives for another year."""
    settings = context(request).settings
    answer = RedirectResponse(back or (TILL if who.may("cashier") else ENROL), 303)
    set_cookie(answer, settings, KIND, token, staff_rules.LIFE_SECONDS[KIND])
    if device := cookie(request, settings, DEVICE):
        set_cookie(answer, settings, DEVICE, device, rules.COOKIE_SECONDS)
    return answer


async def lock(request: Request) -> Response:
    """POST /till/lock: the next one at this till. On a till that is not paired it is a sign-out, since nothing could open it again."""
    here, form, who = context(request), await read_form(request), principal(request)
    check_forgery(request, form, KIND)
    await (sessions.lock if who.device_id is not None else sessions.sign_out)(here.db, who, here.clock.now())
    answer = RedirectResponse(START if who.device_id is not None else SIGN_IN, 303)
    drop_cookie(answer, here.settings, KIND)
    return answer


routes = [
    routing.route(PAIR, pair_start, who=routing.public, name="till:pair_start"),
    routing.route(PAIR, pair_typed, who=routing.public, name="till:pair_typed", methods=["POST"]),
    routing.route(PAIR + "/{token}", pair_page, who=routing.link, name="till:pair_page"),
    routing.route(PAIR + "/{token}", pair, who=routing.link, name="till:pair", methods=["POST"]),
    routing.route(START, start_page, who=routing.public, name="till:start"),
    routing.route(START + "/{staff}", pin_page, who=routing.public, name="till:pin_page"),
    routing.route(START + "/{staff}", pin_sign_in, who=routing.public, name="till:pin_sign_in", methods=["POST"]),
    routing.route("/till/lock", lock, who=AGENT, name="till:lock", methods=["POST"]),
]
