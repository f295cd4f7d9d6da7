"""What every way into the console and the till ends with: cookies, and where to go."""
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.console import frame
from app.staff import rules as staff_rules
from app.staff.passkeys import Site
from app.web import devices
from app.web.cookies import drop_cookie, set_cookie
from app.web.requests import context

STEP = "step"                       # the cookie of a browser that still owes a second factor
SECOND = "/console/sign-in/second"
START = {"till": "/till", "console": "/console"}


def agent_of(request: Request) -> str:
    return devices.browser_name(request.headers.get("user-agent", ""))


def site_of(request: Request) -> Site:
    return Site(context(request).settings.url)


def let_in(request: Request, answer: Response, token: str, kind: str = frame.KIND) -> Response:
    """A new session's cookie, whatever the browser brought along."""
    set_cookie(answer, context(request).settings, kind, token, staff_rules.LIFE_SECONDS[kind])
    drop_cookie(answer, context(request).settings, STEP)
    return answer


def signed_in(request: Request, token: str, kind: str = frame.KIND) -> Response:
    return let_in(request, RedirectResponse(START[kind], 303), token, kind)


def owes_more(request: Request, token: str) -> Response:
    """The password was right: on to the second factor."""
    answer = RedirectResponse(SECOND, 303)
    set_cookie(answer, context(request).settings, STEP, token, 60 * staff_rules.STEP_MINUTES)
    return answer
