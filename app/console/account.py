"""Your account: name, language, what signs you in, and where you are signed in."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.clock import from_ms
from app.console import confirming, doorstep, frame, words
from app.staff import factors, own, own_sessions
from app.staff.rules import Factors, Session
from app.text import N_
from app.web import routing
from app.web.requests import context, principal

ACCOUNT = "/console/account"
DONE = {"kept": N_("Kept."), "app": N_("The app is set up. Its codes sign you in from now on."),
        "app_removed": N_("The app is removed. A password alone signs you in, unless there is a passkey."),
        "passkey": N_("The passkey is kept. It signs you in without a password."), "passkey_removed": N_("The passkey is removed."),
        "ended": N_("That session has ended."), "others": N_("All other sessions have ended."),
        "required": N_("From their next sign-in on, everybody in the console needs a second factor."),
        "not_required": N_("A password alone signs in again, where nobody has set up more.")}


async def account_page(request: Request) -> Response:
    """GET /console/account"""
    said = DONE.get(request.query_params.get("done", ""), "")
    return await shown(request, done=frame.said(request, said) if said else "")


async def shown(request: Request, *, typed: dict[str, str] | None = None, done: str = "", wrong: dict[str, str] | None = None,
                status: int = 200) -> Response:
    here, who, now = context(request), principal(request), context(request).clock.now()
    me = await own.me(here.db, here.ring, who)
    held = await factors.of(here.db, here.ring, own_sessions.account_of(who))
    return await frame.page(request, "account", {
        "action": ACCOUNT, "email": me.email, "values": typed or {"name": me.name, "language": me.language},
        "held": _held(request, held), "sessions": [_session(request, each) for each in await own_sessions.listed(here.db, who, now)],
        "is_required": await factors.is_required(here.db, who.business_id)}, done=done, wrong=wrong, status=status)


def _held(request: Request, held: Factors) -> dict[str, Any]:
    ids = context(request).ids
    return {"has_app": held.has_app, "has_any": held.has_any, "codes_left": held.codes_left, "passkeys": [
        {"name": each.name, "created_at": from_ms(each.created_at), "used_at": from_ms(each.used_at) if each.used_at else None,
         "path": f"{ACCOUNT}/passkeys/{ids.encode('passkey', each.id)}"} for each in held.passkeys]}


def _session(request: Request, one: Session) -> dict[str, Any]:
    return {"agent": one.agent, "address": one.address, "kind": frame.said(request, words.SESSIONS.get(one.kind, one.kind)),
            "factor": frame.said(request, words.FACTORS[one.factor]), "created_at": from_ms(one.created_at),
            "seen_at": from_ms(one.seen_at), "is_this": one.is_this,
            "action": f"{ACCOUNT}/sessions/{context(request).ids.encode('session', one.id)}/end"}


async def keep(request: Request) -> Response:
    """POST /console/account: name and language; the page answers in the language at once."""
    here, form = context(request), await frame.form_of(request)
    typed = frame.texts(form, "name", "language")
    try:
        await own.change(here.db, principal(request), typed["name"], typed["language"], here.clock.now())
    except errors.Invalid as refused:
        return await shown(request, typed=typed, wrong=frame.sentences_of(request, refused), status=422)
    answer = frame.to(ACCOUNT + "?done=kept")
    doorstep.speak(request, answer, typed["language"])
    return answer


async def end_session(request: Request) -> Response:
    """POST /console/account/sessions/{session}/end"""
    here = context(request)
    await frame.form_of(request)
    await own_sessions.end(here.db, principal(request), frame.own_id(request, "session", "session"), here.clock.now())
    return frame.to(ACCOUNT + "?done=ended")


async def end_others(request: Request) -> Response:
    """POST /console/account/sessions/end"""
    here = context(request)
    await frame.form_of(request)
    await own_sessions.end_others(here.db, principal(request), here.clock.now())
    return frame.to(ACCOUNT + "?done=others")


async def keep_rule(request: Request) -> Response:
    """POST /console/account/rule: whether everybody in the console needs a second factor."""
    here, form = context(request), await frame.form_of(request)
    wanted = form.get("required") == "yes"
    await own.require(here.db, principal(request), wanted, here.clock.now())
    return frame.to(f"{ACCOUNT}?done={'required' if wanted else 'not_required'}")


routes = [
    routing.route(ACCOUNT, account_page, who=frame.ANYONE, name="console:account"),
    routing.route(ACCOUNT, keep, who=frame.ANYONE, name="console:keep_account", methods=["POST"]),
    routing.route(ACCOUNT + "/sessions/end", end_others, who=frame.ANYONE, name="console:end_others", methods=["POST"]),
    routing.route(ACCOUNT + "/sessions/{session}/end", end_session, who=frame.ANYONE, name="console:end_session", methods=["POST"]),
    routing.route(ACCOUNT + "/rule", confirming.first(keep_rule, ACCOUNT), who=frame.OWNER, name="console:keep_rule", methods=["POST"]),
]
