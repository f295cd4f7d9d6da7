"""Your second factor: an authenticator app, recovery codes, passkeys. Each change asks whether it is still you, and is told by mail."""
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import errors, secrets
from app.console import account, confirming, doorstep, frame, letters, second
from app.console.account import ACCOUNT
from app.db import Transaction
from app.staff import own, own_sessions, passkeys, rules, steps, totp
from app.staff.factors import WrongCode
from app.staff.own import Tell
from app.staff.passkeys import WrongPasskey
from app.staff.steps import StepGone
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.problems import status_of
from app.web.requests import context, principal

APP, CODES, PASSKEYS = ACCOUNT + "/app", ACCOUNT + "/codes", ACCOUNT + "/passkeys"
_LATER = N_("This key for an app is too old. Here is a new one: scan it, and type its code.")


def _tell(request: Request, what: str) -> Tell:
    """A mail to whoever is signed in, in the commit of what changed."""
    here, who, now = context(request), principal(request), context(request).clock.now()

    async def tell(tx: Transaction) -> None:
        me = await own.me(tx, here.ring, who)
        await letters.changed(tx, here, who.business_id, me.email, me.language, what, now)

    return tell


# An authenticator app. Its key waits in the form, sealed for this person and half an hour: nothing is kept until its code was typed.

async def app_page(request: Request) -> Response:
    """GET /console/account/app: a new key each time."""
    return await _app(request, secrets.new_bytes(totp.KEY_BYTES))


async def _app(request: Request, key: bytes, error: str = "", status: int = 200) -> Response:
    here, who = context(request), principal(request)
    me = await own.me(here.db, here.ring, who)
    return await frame.page(request, "account_app", {
        "action": APP, "new_app": second.app_to_show(key, me.email), "back": ACCOUNT,
        "ticket": steps.ticket(here.ring, own_sessions.account_of(who), key, here.clock.now())},
        wrong={"code": error} if error else None, status=status)


async def keep_app(request: Request) -> Response:
    """POST /console/account/app: its code was typed once; the first factor brings recovery codes, shown once."""
    here, form = context(request), await frame.form_of(request)
    try:
        key = steps.key_of(here.ring, own_sessions.account_of(principal(request)), text_field(form, "ticket"), here.clock.now())
    except StepGone:
        return await _app(request, secrets.new_bytes(totp.KEY_BYTES), frame.said(request, _LATER), 410)
    try:
        codes = await own.add_app(here.db, here.ring, principal(request), key, text_field(form, "code", 100), here.clock.now(),
                                  _tell(request, "app"))
    except (WrongCode, errors.TooMany) as refused:
        return await _app(request, key, frame.said(request, refused.detail, **refused.params), status_of(refused))
    return second.codes_page(request, codes, ACCOUNT + "?done=app") if codes else frame.to(ACCOUNT + "?done=app")


async def remove_app(request: Request) -> Response:
    """POST /console/account/app/remove"""
    here = context(request)
    await frame.form_of(request)
    await own.remove_app(here.db, principal(request), here.clock.now(), _tell(request, "app_removed"))
    return frame.to(ACCOUNT + "?done=app_removed")


async def renew_codes(request: Request) -> Response:
    """POST /console/account/codes: ten new ones, shown once."""
    here = context(request)
    await frame.form_of(request)
    codes = await own.renew_codes(here.db, here.ring, principal(request), here.clock.now(), _tell(request, "codes"))
    return second.codes_page(request, codes, ACCOUNT)


# Passkeys: made by the page's script, since only a script can ask the device.

async def ask_passkey(request: Request) -> Response:
    """POST /console/account/passkeys/options: {options, ticket}; {to} where it must be asked first whether it is still you."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    await frame.form_of(request)
    if not await own_sessions.is_fresh(here.db, who, now):
        return JSONResponse({"to": f"{confirming.CONFIRM}?next={ACCOUNT}"})
    me, mine = await own.me(here.db, here.ring, who), own_sessions.account_of(who)
    return JSONResponse(passkeys.options_to_make(doorstep.site_of(request), here.ring, mine, me.email, me.name,
                                                 await passkeys.known_ids(here.db, mine), now))


async def keep_passkey(request: Request) -> Response:
    """POST /console/account/passkeys: {to}, with {codes} where it is the first factor, or {error}."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    now, name = here.clock.now(), text_field(form, "name", 200) or doorstep.agent_of(request) or "Passkey"
    try:
        made = passkeys.read_new(doorstep.site_of(request), here.ring, own_sessions.account_of(who), text_field(form, "ticket"),
                                 text_field(form, "credential", 30_000), now)
        codes = await own.add_passkey(here.db, here.ring, who, made, name, now, _tell(request, "passkey"))
    except (WrongPasskey, errors.Refused, errors.Invalid) as refused:
        return JSONResponse({"error": " ".join(frame.sentences_of(request, refused).values())}, status_of(refused))
    return JSONResponse({"to": ACCOUNT + "?done=passkey", "codes": [rules.shown_code(code) for code in codes]})


async def rename_passkey(request: Request) -> Response:
    """POST /console/account/passkeys/{passkey}"""
    here, form = context(request), await frame.form_of(request)
    try:
        await own.rename_passkey(here.db, here.ring, principal(request), frame.own_id(request, "passkey", "passkey"),
                                 frame.texts(form, "name")["name"])
    except errors.Invalid as refused:
        return await account.shown(request, wrong={"": frame.sentences_of(request, refused)["name"]}, status=422)
    return frame.to(ACCOUNT + "?done=kept")


async def remove_passkey(request: Request) -> Response:
    """POST /console/account/passkeys/{passkey}/remove"""
    here = context(request)
    await frame.form_of(request)
    await own.remove_passkey(here.db, principal(request), frame.own_id(request, "passkey", "passkey"), here.clock.now(),
                             _tell(request, "passkey_removed"))
    return RedirectResponse(ACCOUNT + "?done=passkey_removed", 303)


first = confirming.first
routes = [
    routing.route(APP, first(app_page, APP), who=frame.ANYONE, name="console:app"),
    routing.route(APP, first(keep_app, APP), who=frame.ANYONE, name="console:keep_app", methods=["POST"]),
    routing.route(APP + "/remove", first(remove_app, ACCOUNT), who=frame.ANYONE, name="console:remove_app", methods=["POST"]),
    routing.route(CODES, first(renew_codes, ACCOUNT), who=frame.ANYONE, name="console:renew_codes", methods=["POST"]),
    routing.route(PASSKEYS + "/options", ask_passkey, who=frame.ANYONE, name="console:ask_new_passkey", methods=["POST"]),
    routing.route(PASSKEYS, first(keep_passkey, ACCOUNT), who=frame.ANYONE, name="console:keep_passkey", methods=["POST"]),
    routing.route(PASSKEYS + "/{passkey}", rename_passkey, who=frame.ANYONE, name="console:rename_passkey", methods=["POST"]),
    routing.route(PASSKEYS + "/{passkey}/remove", first(remove_passkey, ACCOUNT), who=frame.ANYONE, name="console:remove_passkey",
                  methods=["POST"]),
]
