"""Forgot the password: a link by mail, for whoever signs in with the address that was typed. The answer is the same for any."""
from datetime import datetime

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.console import frame, letters
from app.context import Context
from app.db import Transaction
from app.mail import service as mail
from app.staff import links
from app.staff.links import Reset
from app.web import routing, templating
from app.web.forms import check_origin, read_form, text_field
from app.web.problems import status_of
from app.web.requests import client_address, context

FORGOT = "/console/forgot"


async def forgot_page(request: Request) -> Response:
    """GET /console/forgot"""
    return _forgot(request, is_sent="sent" in request.query_params)


def _forgot(request: Request, email: str = "", error: str = "", is_sent: bool = False, status: int = 200) -> Response:
    return templating.render(request, "console/forgot.html", {
        "action": FORGOT, "email": email, "error": error, "is_sent": is_sent, "csrf_token": "",
        "can_send": mail.is_set_up(context(request).settings)}, status=status)


async def forgot(request: Request) -> Response:
    """POST /console/forgot: counted for each network; the work is done after the answer, whose time would tell who has an account."""
    here, form = context(request), await read_form(request)
    check_origin(request)
    email, now = text_field(form, "email"), here.clock.now()
    try:
        await links.count_reset(here.db, here.ring, client_address(request), now)
    except errors.TooMany as refused:
        answer = _forgot(request, email, frame.said(request, refused.detail, **refused.params), status=status_of(refused))
        answer.headers["Retry-After"] = str(refused.retry_after)
        return answer
    work = BackgroundTask(_send, here, email, now) if mail.is_set_up(here.settings) else None
    return RedirectResponse(FORGOT + "?sent", 303, background=work)


async def _send(here: Context, email: str, now: datetime) -> None:
    async def send(tx: Transaction, wanted: Reset) -> None:
        await letters.reset(tx, here, wanted.business_id, wanted.email, wanted.language, wanted.token, now)

    await links.begin_reset(here.db, here.ring, email, now, send)


routes = [
    routing.route(FORGOT, forgot_page, who=routing.public, name="console:forgot"),
    routing.route(FORGOT, forgot, who=routing.public, name="console:forgetting", methods=["POST"]),
]
