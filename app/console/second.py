"""The second half of the door: a code, or a passkey, which needs no first half. Leads to the till, too."""
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import errors
from app.console import doorstep, frame
from app.console.doorstep import SECOND, STEP
from app.staff import doors, factors, passkeys, steps, totp
from app.staff.factors import WrongCode
from app.staff.passkeys import WrongPasskey
from app.staff.steps import Step, StepGone
from app.web import routing, templating
from app.web.codes import qr_svg
from app.web.cookies import cookie
from app.web.forms import check_forgery, check_origin, csrf_token, read_form, text_field
from app.web.problems import status_of
from app.web.requests import client_address, context

SIGN_IN = "/console/sign-in"
PASSKEY = "/console/sign-in/passkey"
ISSUER = "Tessera"


async def second_page(request: Request) -> Response:
    """GET /console/sign-in/second: the code of an app, or setting one up where the business wants it."""
    try:
        step = await _step(request)
    except StepGone:
        return RedirectResponse(SIGN_IN, 303)
    return await _second(request, step)


async def _step(request: Request) -> Step:
    here = context(request)
    return await steps.find(here.db, here.ring, cookie(request, here.settings, STEP), here.clock.now())


async def _second(request: Request, step: Step, error: str = "", status: int = 200) -> Response:
    here = context(request)
    held = await factors.of(here.db, here.ring, step.account)
    return templating.render(request, "console/second.html", {
        "action": SECOND, "door": SIGN_IN, "error": error, "csrf_token": csrf_token(request, STEP), "has_app": held.has_app,
        "new_app": app_to_show(step.key, await doors.email_of(here.db, here.ring, step.account)) if step.key else None,
        "passkey": passkey_button(step.kind) if held.passkeys else None}, status=status)


def app_to_show(key: bytes, account: str) -> dict[str, Any]:
    """A key as an app takes it: {qr, typed}. Drawn anew each time: a code of another page may be kept in memory, this one may not."""
    address = totp.address(key, ISSUER, account)
    return {"qr": qr_svg.__wrapped__(address, "QR"), "typed": totp.typed_key(key), "url": address}


def passkey_button(kind: str = frame.KIND) -> dict[str, str]:
    """What js/passkey.js is told on a page that signs in. kind: of the session."""
    return {"ask": PASSKEY + "/options", "send": PASSKEY, "kind": kind}


async def second(request: Request) -> Response:
    """POST /console/sign-in/second: the session, and the recovery codes of an app that was set up here."""
    here, form = context(request), await read_form(request)
    check_forgery(request, form, STEP)
    try:
        step = await _step(request)
    except StepGone:
        return RedirectResponse(SIGN_IN, 303)
    try:
        token, who, codes = await doors.finish(here.db, here.ring, step, text_field(form, "code", 100), client_address(request),
                                             here.clock.now(), agent=doorstep.agent_of(request))
    except (WrongCode, errors.TooMany) as refused:
        return await _second(request, step, frame.said(request, refused.detail, **refused.params), status_of(refused))
    except StepGone:
        return RedirectResponse(SIGN_IN, 303)
    if codes:
        return await doorstep.let_in(request, codes_page(request, codes, doorstep.START[step.kind]), token, who, step.kind)
    return await doorstep.signed_in(request, token, who, step.kind)


def codes_page(request: Request, codes: Any, onward: str) -> Response:
    """Recovery codes, the one time that they are seen."""
    from app.staff.rules import shown_code

    return templating.render(request, "console/recovery.html", {"codes": [shown_code(code) for code in codes], "onward": onward})


async def ask_passkey(request: Request) -> Response:
    """POST /console/sign-in/passkey/options: a challenge; nobody is named, and nothing is kept."""
    check_origin(request)
    here = context(request)
    return JSONResponse(passkeys.options_to_ask(doorstep.site_of(request), here.ring, "staff", here.clock.now()))


async def by_passkey(request: Request) -> Response:
    """POST /console/sign-in/passkey: {to} and a session's cookie, or {error}."""
    here, form = context(request), await read_form(request)
    check_origin(request)
    kind = "till" if form.get("kind") == "till" else frame.KIND
    try:
        token, who = await doors.by_passkey(
            here.db, doorstep.site_of(request), here.ring, kind, text_field(form, "ticket"), text_field(form, "credential", 20_000),
            client_address(request), here.clock.now(), agent=doorstep.agent_of(request))
    except (WrongPasskey, doors.NobodyThere, errors.Forbidden) as refused:
        return JSONResponse({"error": frame.said(request, refused.detail, **refused.params)}, status_of(refused))
    return await doorstep.let_in(request, JSONResponse({"to": doorstep.START[kind]}), token, who, kind)


routes = [
    routing.route(SECOND, second_page, who=routing.public, name="console:second"),
    routing.route(SECOND, second, who=routing.public, name="console:keep_second", methods=["POST"]),
    routing.route(PASSKEY + "/options", ask_passkey, who=routing.public, name="console:ask_passkey", methods=["POST"]),
    routing.route(PASSKEY, by_passkey, who=routing.public, name="console:by_passkey", methods=["POST"]),
]
