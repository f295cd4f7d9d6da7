"""Before something dangerous: is it still you? Asked where the last sign-in or answer is older than ten minutes."""
import functools
import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import errors
from app.console import doorstep, frame
from app.staff import factors, own_sessions, passkeys
from app.staff.factors import WrongCode
from app.staff.passkeys import WrongPasskey
from app.staff.tries import WrongPassword
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.problems import status_of
from app.web.requests import client_address, context, principal
from app.web.routing import Endpoint

CONFIRM = "/console/confirm"
_OWN_PAGE = re.compile(r"/console(/[\w-]+)*")
_NOT_YOURS = N_("This is not your password now. Type it once more.")


def first(endpoint: Endpoint, back: str) -> Endpoint:
    """`endpoint`, for whoever signed in or confirmed within ten minutes; others are asked, and then led to the page `back`.

    A form that was typed meanwhile is lost: the page that shows it asks, too, so that this is rare.
    """
    @functools.wraps(endpoint)
    async def call(request: Request) -> Response:
        here = context(request)
        if await own_sessions.is_fresh(here.db, principal(request), here.clock.now()):
            return await endpoint(request)
        return frame.to(f"{CONFIRM}?{urlencode({'next': back})}")

    return call


def _onward(text: str) -> str:
    """A page of the console, and no other site's."""
    return text if _OWN_PAGE.fullmatch(text) else "/console"


async def confirm_page(request: Request) -> Response:
    """GET /console/confirm?next=…"""
    return await _confirm(request, _onward(request.query_params.get("next", "")))


async def _confirm(request: Request, onward: str, error: str = "", status: int = 200) -> Response:
    here, who = context(request), principal(request)
    held = await factors.of(here.db, here.ring, own_sessions.account_of(who))
    return await frame.page(request, "confirm", {
        "action": CONFIRM, "onward": onward, "by_code": held.has_any, "has_app": held.has_app,
        "passkey": {"ask": CONFIRM + "/passkey/options", "send": CONFIRM + "/passkey", "onward": onward} if held.passkeys else None},
        wrong={"typed": error} if error else None, status=status)


async def confirm(request: Request) -> Response:
    """POST /console/confirm: the session gets another id, and ten minutes."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    onward = _onward(text_field(form, "next"))
    try:
        token = await own_sessions.confirm(here.db, here.ring, who, _typed(form.get("typed")), client_address(request), here.clock.now())
    except (WrongCode, WrongPassword, errors.TooMany) as refused:
        sentence = _NOT_YOURS if isinstance(refused, WrongPassword) else refused.detail
        return await _confirm(request, onward, frame.said(request, sentence, **refused.params), status_of(refused))
    return doorstep.give(request, frame.to(onward), token)


def _typed(value: object) -> str:
    return value[:300] if isinstance(value, str) else ""


async def ask_passkey(request: Request) -> Response:
    """POST /console/confirm/passkey/options"""
    here = context(request)
    await frame.form_of(request)
    return JSONResponse(passkeys.options_to_ask(doorstep.site_of(request), here.ring, "staff", here.clock.now()))


async def by_passkey(request: Request) -> Response:
    """POST /console/confirm/passkey: {to} and the session's new id, or {error}."""
    here, form = context(request), await frame.form_of(request)
    try:
        token = await own_sessions.confirm_by_passkey(
            here.db, doorstep.site_of(request), here.ring, principal(request), text_field(form, "ticket"),
            text_field(form, "credential", 20_000), here.clock.now())
    except WrongPasskey as refused:
        return JSONResponse({"error": frame.said(request, refused.detail)}, status_of(refused))
    return doorstep.give(request, JSONResponse({"to": _onward(text_field(form, "next"))}), token)


routes = [
    routing.route(CONFIRM, confirm_page, who=frame.ANYONE, name="console:confirm"),
    routing.route(CONFIRM, confirm, who=frame.ANYONE, name="console:confirming", methods=["POST"]),
    routing.route(CONFIRM + "/passkey/options", ask_passkey, who=frame.ANYONE, name="console:confirm_ask", methods=["POST"]),
    routing.route(CONFIRM + "/passkey", by_passkey, who=frame.ANYONE, name="console:confirm_passkey", methods=["POST"]),
]
