"""The cashier's pages around the card: sign in and scan. The card itself is in selling.py, what was rung up in receipts.py, new cards in
joining_pages.py."""
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.cards import rules as card_rules
from app.cards.service import Card
from app.devices import service as devices
from app.privacy import reads
from app.programs import service as programs
from app.programs import tills
from app.staff import rules as staff_rules
from app.staff import service as staff
from app.till import desk as desks
from app.till import (
    device_pages,
    finding,
    frames,
    joining_pages,
    moving_pages,
    offline_pages,
    pin_pages,
    practice_pages,
    receipts,
    search_pages,
    selling,
    showing,
    typed,
)
from app.till.desk import Desk
from app.till.joining_pages import ENROL
from app.till.receipts import SALES
from app.till.search_pages import SEARCH
from app.till.selling import TILL, card_path
from app.web import assets, i18n, routing, templating
from app.web.cookies import cookie, drop_cookie, set_cookie
from app.web.devices import browser_name
from app.web.forms import check_forgery, check_origin, csrf_token, read_form, text_field
from app.web.problems import status_of
from app.web.requests import client_address, context, language, principal

KIND = "till"
SIGN_IN = "/till/sign-in"


async def sign_in_page(request: Request) -> Response:
    """GET /till/sign-in"""
    return _sign_in(request)


def _sign_in(request: Request, email: str = "", error: str = "", status: int = 200) -> Response:
    return templating.render(request, "till/sign_in.html", {
        "action": SIGN_IN, "email": email, "error": error, "csrf_token": csrf_token(request, KIND), "place": "",
        "start_url": device_pages.START if cookie(request, context(request).settings, device_pages.DEVICE) else "",
        "demo": context(request).extras.get("demo_till")}, status=status)


async def sign_in(request: Request) -> Response:
    """POST /till/sign-in: a new session, whatever the browser brought along."""
    here, form = context(request), await read_form(request)
    check_origin(request)
    email, password = text_field(form, "email"), form.get("password")
    try:
        token, who = await staff.sign_in(here.db, here.ring, email, password if isinstance(password, str) else "", KIND,
                                       client_address(request), here.clock.now(),
                                       agent=browser_name(request.headers.get("user-agent", "")))
    except staff.SecondStep as step:
        onward = RedirectResponse("/console/sign-in/second", 303)
        set_cookie(onward, here.settings, "step", step.token, 60 * staff_rules.STEP_MINUTES)
        return onward
    except (staff.WrongPassword, errors.TooMany, errors.Forbidden) as refused:
        answer = _sign_in(request, email, typed.said(request, refused), status_of(refused))
        if refused.retry_after:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer
    answer = RedirectResponse(await pin_pages.after_password(request, who) or (TILL if who.may("cashier") else ENROL), 303)
    set_cookie(answer, here.settings, KIND, token, staff_rules.LIFE_SECONDS[KIND])
    return answer


async def sign_out(request: Request) -> Response:
    """POST /till/sign-out"""
    here = context(request)
    check_forgery(request, await read_form(request), KIND)
    await staff.sign_out(here.db, principal(request), here.clock.now())
    answer = RedirectResponse(device_pages.START if principal(request).device_id is not None else SIGN_IN, 303)
    drop_cookie(answer, here.settings, KIND)
    return answer


async def scan_page(request: Request) -> Response:
    """GET /till"""
    return await _scan(request)


async def _scan(request: Request, code: str = "", error: str = "", found: tuple[Card, ...] = (), status: int = 200) -> Response:
    here, now = context(request), context(request).clock.now()
    desk = await desks.desk_of(here, principal(request), language(request))
    places = await programs.list_locations(here.db, desk.who.business_id)
    device = await devices.device_of(here.db, here.ring, cookie(request, here.settings, "device"))
    return templating.render(request, "till/scan.html", {
        "business_name": desk.program.business_name_in(language(request)), "place": desk.place, "who": desk.who.name,
        "count": await desks.served_today(here, desk, now), "action": TILL, "code": code, "error": error,
        "found": [await _found_row(request, desk, card, now) for card in found], "done": "",
        "notices": await moving_pages.notices(request, desk),
        "opens": await tills.start_of(here.db, desk.who.business_id, desk.who.location_id), "frame_url": frames.FRAME,
        "formats": sorted(await frames.formats_of(here, desk.who.business_id, now)), "wasm": assets.reader_url(), "device": device,
        "enrol_url": ENROL, "sales_url": SALES, "search_url": SEARCH, "sign_out_action": "/till/sign-out", "place_action": "/till/place",
        "places": [(here.ids.encode("location", each.id), each.name_in(language(request))) for each in places if each.closed_at is None],
        "place_id": here.ids.encode("location", desk.who.location_id) if desk.who.location_id else "",
        "csrf_token": csrf_token(request, KIND)}, status=status)


async def _found_row(request: Request, desk: Desk, card: Card, now: datetime) -> dict[str, Any]:
    reads.note(context(request).db, desk.who, [card.id], now)
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
        led = await finding.lead(here, desk, code, here.clock.now())
    except errors.TooMany as refused:
        return await _scan(request, code, typed.said(request, refused), status=status_of(refused))
    if led.problem:
        return await _scan(request, code, i18n.translate(language(request), card_rules.PROBLEMS[led.problem]), status=422)
    return RedirectResponse(led.url, 303) if led.url else await _scan(request, code, found=led.cards)


async def choose_place(request: Request) -> Response:
    """POST /till/place: where this till stands from now on."""
    here, form = context(request), await read_form(request)
    check_forgery(request, form, KIND)
    location_id = here.ids.decode("location", text_field(form, "location"))
    place = await programs.get_location(here.db, principal(request).business_id, location_id or 0)
    await staff.choose_location(here.db, principal(request), place.id, here.clock.now())
    return RedirectResponse(TILL, 303)


CASHIER = routing.staff(KIND, "cashier")
routes = [
    routing.route(SIGN_IN, sign_in_page, who=routing.public, name="till:sign_in"),
    routing.route(SIGN_IN, sign_in, who=routing.public, name="till:signing_in", methods=["POST"]),
    routing.route("/till/sign-out", sign_out, who=joining_pages.AGENT, name="till:sign_out", methods=["POST"]),
    routing.route(TILL, scan_page, who=CASHIER, name="till:scan"),
    routing.route(TILL, find, who=CASHIER, name="till:find", methods=["POST"]),
    routing.route("/till/place", choose_place, who=CASHIER, name="till:place", methods=["POST"]),
    *device_pages.routes, *pin_pages.routes, *practice_pages.routes,
    *frames.routes, *search_pages.routes, *selling.routes, *receipts.routes, *joining_pages.routes, *moving_pages.routes,
    *offline_pages.routes,
]
