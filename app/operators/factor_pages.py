"""The operator's second factor: an authenticator app, asked for at /operator's door, set up and removed at /operator/factor."""
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors, secrets
from app.console import second
from app.operators import pages, rules, service
from app.operators.pages import SIGN_IN, START, said
from app.staff import factors, steps, totp
from app.staff.factors import WrongCode
from app.staff.steps import Step, StepGone
from app.web import routing, templating
from app.web.cookies import cookie, drop_cookie
from app.web.forms import check_forgery, csrf_token, read_form, text_field
from app.web.problems import status_of
from app.web.requests import context, principal

SECOND, FACTOR = SIGN_IN + "/second", START + "/factor"


async def second_page(request: Request) -> Response:
    """GET /operator/sign-in/second"""
    try:
        return _second(request, await _step(request))
    except StepGone:
        return RedirectResponse(SIGN_IN, 303)


async def _step(request: Request) -> Step:
    here = context(request)
    return await steps.find(here.db, here.ring, cookie(request, here.settings, pages.STEP), here.clock.now())


def _second(request: Request, step: Step, error: str = "", status: int = 200) -> Response:
    return templating.render(request, "console/second.html", {
        "action": SECOND, "door": SIGN_IN, "error": error, "csrf_token": csrf_token(request, pages.STEP), "has_app": True,
        "new_app": None, "passkey": None}, status=status)


async def keep_second(request: Request) -> Response:
    """POST /operator/sign-in/second"""
    here, form = context(request), await read_form(request)
    check_forgery(request, form, pages.STEP)
    try:
        step = await _step(request)
        token = await service.finish(here.db, here.ring, step, text_field(form, "code", 100), here.clock.now())
    except StepGone:
        return RedirectResponse(SIGN_IN, 303)
    except (WrongCode, errors.TooMany) as refused:
        return _second(request, step, said(request, refused.detail, **refused.params), status_of(refused))
    answer = pages.let_in(request, token)
    drop_cookie(answer, here.settings, pages.STEP)
    return answer


async def factor_page(request: Request) -> Response:
    """GET /operator/factor: a new key each time, where there is no app yet."""
    return await _factor(request)


async def _factor(request: Request, key: bytes = b"", error: str = "", status: int = 200) -> Response:
    here, who = context(request), principal(request)
    account = rules.account(who.id or 0)
    held = await factors.of(here.db, here.ring, account)
    values: dict[str, Any] = {"has_app": held.has_app, "codes_left": held.codes_left, "action": FACTOR}
    if not held.has_app:
        key = key or secrets.new_bytes(totp.KEY_BYTES)
        values |= {"new_app": second.app_to_show(key, who.name), "ticket": steps.ticket(here.ring, account, key, here.clock.now())}
    return pages.page(request, "factor", values, wrong={"code": error} if error else None, status=status)


async def set_up(request: Request) -> Response:
    """POST /operator/factor: its code was typed once; recovery codes, shown once."""
    here, who, form, key = context(request), principal(request), await pages.form_of(request), b""
    try:
        key = steps.key_of(here.ring, rules.account(who.id or 0), text_field(form, "ticket"), here.clock.now())
        codes = await service.set_up_app(here.db, here.ring, who, key, text_field(form, "code", 100), here.clock.now())
    except (WrongCode, StepGone, errors.TooMany) as refused:
        return await _factor(request, key, said(request, refused.detail, **refused.params), status_of(refused))
    return second.codes_page(request, codes, FACTOR)


async def remove(request: Request) -> Response:
    """POST /operator/factor/remove: takes a code of the app, or a recovery code."""
    here, form = context(request), await pages.form_of(request)
    try:
        await service.remove_app(here.db, here.ring, principal(request), text_field(form, "code", 100), here.clock.now())
    except (WrongCode, errors.TooMany) as refused:
        return await _factor(request, error=said(request, refused.detail, **refused.params), status=status_of(refused))
    return RedirectResponse(FACTOR, 303)


routes = [
    routing.route(SECOND, second_page, who=routing.public, name="operator:second"),
    routing.route(SECOND, keep_second, who=routing.public, name="operator:keep_second", methods=["POST"]),
    routing.route(FACTOR, factor_page, who=routing.operator, name="operator:factor"),
    routing.route(FACTOR, set_up, who=routing.operator, name="operator:set_up", methods=["POST"]),
    routing.route(FACTOR + "/remove", remove, who=routing.operator, name="operator:remove_factor", methods=["POST"]),
]
