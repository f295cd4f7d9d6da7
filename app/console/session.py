"""The console's door: sign in, a one-time link that sets a password, sign out."""
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.console import doorstep, frame, letters, second
from app.db import Row, Transaction
from app.staff import service as staff
from app.staff.rules import EMAIL, is_at_till
from app.text import N_
from app.web import routing, templating
from app.web.cookies import drop_cookie
from app.web.forms import bound_token, check_origin, csrf_token, read_form, text_field
from app.web.problems import status_of
from app.web.requests import client_address, context, principal

SIGN_IN, PASSWORD = "/console/sign-in", "/console/password"


async def sign_in_page(request: Request) -> Response:
    """GET /console/sign-in"""
    return _sign_in(request)


def _sign_in(request: Request, email: str = "", error: str = "", status: int = 200) -> Response:
    return templating.render(request, "console/sign_in.html", {
        "action": SIGN_IN, "email": email, "error": error, "csrf_token": csrf_token(request, frame.KIND),
        "passkey": second.passkey_button(),
        "demo": context(request).extras.get("demo_console")}, status=status)


async def sign_in(request: Request) -> Response:
    """POST /console/sign-in: a new session, whatever the browser brought along."""
    here, form = context(request), await read_form(request)
    check_origin(request)
    email, password = text_field(form, "email"), form.get("password")
    try:
        token, who = await staff.sign_in(here.db, here.ring, email, password if isinstance(password, str) else "", frame.KIND,
                                       client_address(request), here.clock.now(), agent=doorstep.agent_of(request))
    except staff.SecondStep as step:
        return doorstep.owes_more(request, step.token)
    except (staff.WrongPassword, errors.TooMany, errors.Forbidden) as refused:
        answer = _sign_in(request, email, frame.said(request, refused.detail, **refused.params), status_of(refused))
        if refused.retry_after:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer
    return await doorstep.signed_in(request, token, who)


async def link_page(request: Request) -> Response:
    """GET /console/link/{link}: changes nothing; shows whose link it is and asks for a password."""
    return await _link(request)


async def _link(request: Request, error: str = "", status: int = 200) -> Response:
    here = context(request)
    _, email = await staff.peek_link(here.db, here.ring, request.path_params["link"], here.clock.now())
    return templating.render(request, "console/set_password.html", {
        "action": request.url.path, "email": email, "error": error,
        "csrf_token": bound_token(request, request.path_params["link"])}, status=status)


async def use_link(request: Request) -> Response:
    """POST /console/link/{link}: sets the password and signs in, once; a second factor is still asked for."""
    here, form = context(request), await read_form(request)
    check_origin(request)
    password, now = form.get("password"), here.clock.now()

    async def tell(tx: Transaction, row: Row, purpose: str) -> None:
        if purpose == "reset":
            await letters.changed(tx, here, row["business_id"], here.ring.open_text(EMAIL, row["email_sealed"]), row["language"],
                                  "password", now)

    try:
        token, who = await staff.use_link(here.db, here.ring, request.path_params["link"], password if isinstance(password, str) else "",
                                          now, address=client_address(request), agent=doorstep.agent_of(request), tell=tell)
    except staff.SecondStep as step:
        return doorstep.owes_more(request, step.token)
    except errors.Invalid as refused:
        return await _link(request, frame.said(request, refused.fields[0].detail), 422)
    return await doorstep.signed_in(request, token, who, "till" if is_at_till(who.role or "") else frame.KIND)


async def password_page(request: Request) -> Response:
    """GET /console/password"""
    return await frame.page(request, "password", {"action": PASSWORD})


async def keep_password(request: Request) -> Response:
    """POST /console/password: every session of theirs ends, this one too; the new password opens the next."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    current, password = form.get("current"), form.get("password")
    try:
        await staff.change_password(here.db, here.ring, who, current if isinstance(current, str) else "",
                                    password if isinstance(password, str) else "", here.clock.now())
    except staff.WrongPassword as refused:
        wrong = {"current": frame.said(request, N_("This is not your password now. Type it once more."))}
        return await frame.page(request, "password", {"action": PASSWORD}, wrong=wrong, status=status_of(refused))
    except errors.Invalid as refused:
        return await frame.page(request, "password", {"action": PASSWORD}, wrong=frame.sentences_of(request, refused), status=422)
    answer = RedirectResponse(SIGN_IN, 303)
    drop_cookie(answer, here.settings, frame.KIND)
    return answer


async def sign_out(request: Request) -> Response:
    """POST /console/sign-out"""
    here = context(request)
    await frame.form_of(request)
    await staff.sign_out(here.db, principal(request), here.clock.now())
    answer = RedirectResponse(SIGN_IN, 303)
    drop_cookie(answer, here.settings, frame.KIND)
    return answer


routes = [
    routing.route(SIGN_IN, sign_in_page, who=routing.public, name="console:sign_in"),
    routing.route(SIGN_IN, sign_in, who=routing.public, name="console:signing_in", methods=["POST"]),
    routing.route("/console/link/{link}", link_page, who=routing.link, name="console:link"),
    routing.route("/console/link/{link}", use_link, who=routing.link, name="console:using_link", methods=["POST"]),
    routing.route(PASSWORD, password_page, who=frame.ANYONE, name="console:password"),
    routing.route(PASSWORD, keep_password, who=frame.ANYONE, name="console:keep_password", methods=["POST"]),
    routing.route("/console/sign-out", sign_out, who=frame.ANYONE, name="console:sign_out", methods=["POST"]),
]
