"""Choosing a PIN: one's own at the till after a password, or by a manager's link on one's own phone."""
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.devices import pins
from app.devices import service as devices
from app.devices.rules import check_same
from app.text import N_
from app.till import practice, typed
from app.till.joining_pages import AGENT, ENROL
from app.till.selling import KIND, TILL
from app.web import i18n, routing, templating
from app.web.cookies import cookie
from app.web.forms import check_forgery, check_site, csrf_token, read_form, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import context, language, principal

PIN, LINKS = "/till/pin", "/till/pins"
NOT_YOURS = N_("This is not your PIN until now.")


async def pin_page(request: Request) -> Response:
    """GET /till/pin: one's own."""
    return await _own(request)


async def _own(request: Request, wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, who = context(request), principal(request)
    if who.training:        # a PIN is of the business itself
        return RedirectResponse(practice.PAGE, 303)
    assert who.id is not None
    has_pin = await pins.has_pin(here.db, who.business_id, who.id)
    return templating.render(request, "till/pin_set.html", {
        "action": PIN, "name": who.name, "asks_current": has_pin, "done": False, "errors": wrong or {},
        "csrf_token": csrf_token(request, KIND), "back_url": TILL if who.may("cashier") else ENROL}, status=status)


async def choose(request: Request) -> Response:
    """POST /till/pin"""
    here, form, who = context(request), await read_form(request), principal(request)
    check_forgery(request, form, KIND)
    if who.training:
        return RedirectResponse(practice.PAGE, 303)
    try:
        pin = check_same(text_field(form, "pin", 40), text_field(form, "again", 40))
        await pins.choose(here.db, here.ring, who, text_field(form, "current", 40), pin, here.clock.now())
    except pins.WrongPin as refused:
        return await _own(request, {"current": i18n.translate(language(request), NOT_YOURS)}, status_of(refused))
    except (errors.Invalid, errors.TooMany, errors.Refused) as refused:
        return await _own(request, typed.wrong_of(request, refused, "pin", "again"), status_of(refused))
    return RedirectResponse((TILL if who.may("cashier") else ENROL) + "?pin=kept", 303)


async def link_page(request: Request) -> Response:
    """GET /till/pins/{token}: looking uses nothing up."""
    return await _by_link(request)


async def _by_link(request: Request, wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, token = context(request), request.path_params["token"]
    person = await pins.peek_link(here.db, here.ring, token, here.clock.now())
    return templating.render(request, "till/pin_set.html", {
        "action": f"{LINKS}/{token}", "name": person.name, "asks_current": False, "done": False, "errors": wrong or {}, "csrf_token": "",
        "back_url": ""}, status=status)


async def choose_by_link(request: Request) -> Response:
    """POST /till/pins/{token}: uses the link up. It signs nobody in: a PIN works on paired tills alone."""
    here, form, token = context(request), await read_form(request), request.path_params["token"]
    check_site(request)
    try:
        await pins.peek_link(here.db, here.ring, token, here.clock.now())
        await pins.use_link(here.db, here.ring, token, check_same(text_field(form, "pin", 40), text_field(form, "again", 40)),
                            here.clock.now())
    except errors.Invalid as refused:
        return await _by_link(request, typed.wrong_of(request, refused, "pin", "again"), 422)
    return templating.render(request, "till/pin_set.html", {
        "action": "", "name": "", "asks_current": False, "done": True, "errors": {}, "csrf_token": "", "back_url": ""})


async def after_password(request: Request, who: Principal) -> str:
    """Where a password in a paired till's browser leads first: to one's first PIN; an empty string where there is one, or no such till."""
    here = context(request)
    device = await devices.device_of(here.db, here.ring, cookie(request, here.settings, "device"))
    if device is None or device.business_id != who.business_id or who.id is None:
        return ""
    return "" if await pins.has_pin(here.db, who.business_id, who.id) else PIN


routes = [
    routing.route(PIN, pin_page, who=AGENT, name="till:pin"),
    routing.route(PIN, choose, who=AGENT, name="till:choose_pin", methods=["POST"]),
    routing.route(LINKS + "/{token}", link_page, who=routing.link, name="till:pin_link"),
    routing.route(LINKS + "/{token}", choose_by_link, who=routing.link, name="till:choose_pin_by_link", methods=["POST"]),
]
