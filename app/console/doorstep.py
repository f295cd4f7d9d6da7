"""What every way into the console and the till ends with: cookies, and where to go."""
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.console import frame
from app.staff import own
from app.staff import rules as staff_rules
from app.staff.passkeys import Site
from app.web import devices, i18n
from app.web.cookies import drop_cookie, set_cookie
from app.web.principal import Principal
from app.web.requests import context

STEP = "step"                       # the cookie of a browser that still owes a second factor
SECOND = "/console/sign-in/second"
START = {"till": "/till", "console": "/console"}


def agent_of(request: Request) -> str:
    return devices.browser_name(request.headers.get("user-agent", ""))


def site_of(request: Request) -> Site:
    return Site(context(request).settings.url)


def give(request: Request, answer: Response, token: str, kind: str = frame.KIND) -> Response:
    """A session's new cookie, whatever the browser brought along."""
    set_cookie(answer, context(request).settings, kind, token, staff_rules.LIFE_SECONDS[kind])
    drop_cookie(answer, context(request).settings, STEP)
    return answer


async def let_in(request: Request, answer: Response, token: str, who: Principal, kind: str = frame.KIND) -> Response:
    """A new session begins: its cookie, and the language that the person chose for their account."""
    here = context(request)
    speak(request, answer, (await own.me(here.db, here.ring, who)).language)
    return give(request, answer, token, kind)


def speak(request: Request, answer: Response, language: str) -> None:
    """From now on this browser's pages are in `language`; an empty one changes nothing."""
    if language in i18n.LANGUAGES:
        answer.set_cookie(i18n.COOKIE, language, max_age=365 * 86400, path="/", samesite="lax", httponly=True,
                          secure=context(request).settings.is_https)


async def signed_in(request: Request, token: str, who: Principal, kind: str = frame.KIND) -> Response:
    return await let_in(request, RedirectResponse(START[kind], 303), token, who, kind)


def owes_more(request: Request, token: str) -> Response:
    """The password was right: on to the second factor."""
    answer = RedirectResponse(SECOND, 303)
    set_cookie(answer, context(request).settings, STEP, token, 60 * staff_rules.STEP_MINUTES)
    return answer
