"""The keys of programs: made, changed, given another secret, taken away; and the sandbox that test keys open."""
import re
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.clock import from_ms, midnight_after, to_ms
from app.console import confirming, frame, words
from app.context import Context
from app.programs import service as programs
from app.sandbox import service as sandbox
from app.staff import key_rules
from app.staff import keys as api_keys
from app.staff.key_rules import ApiKey
from app.text import N_
from app.web import routing
from app.web.principal import SCOPES
from app.web.requests import context, language, principal

KEYS = "/console/keys"
DONE = {"revoked": N_("The key is revoked. Programs that use it are refused from now on."),
        "kept": N_("Kept. The key is as you wrote it with its next call."),
        "refreshed": N_("The sandbox has your programmes, rewards, places and designs as they are now."),
        "reset": N_("The sandbox is empty again. Its keys go on; ids in it are new.")}
CHANNELS = (("till", N_("at a till")), ("web", N_("in our shop on the web")), ("app", N_("in our app")))
GRACES = (("0", N_("at once")), ("24", N_("after a day")), ("168", N_("after a week")), ("720", N_("after 30 days")))
WRONG_DAY = N_("Type a day such as 2027-03-01, or nothing.")
WRONG_RATE = N_("Type a whole number from 0 to 10,000, or nothing.")
FIELDS = ("name", "location", "channel", "expires_on", "per_second", "for")


async def page(request: Request) -> Response:
    """GET /console/keys"""
    done = DONE.get(request.query_params.get("done", ""), "")
    return await _page(request, done=frame.said(request, done) if done else "")


async def _page(request: Request, typed: dict[str, Any] | None = None, *, chosen: ApiKey | None = None, plain: str = "", done: str = "",
                wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, who = context(request), principal(request)
    places = await _places(request)
    business, copies = await programs.get_business(here.db, who.business_id), await sandbox.places(here.db, who.business_id)
    real = {copy: place for place, copy in copies.items()}
    rows = [_row(request, each, dict(places), real) for each in await api_keys.list_keys(here.db, who.business_id)]
    return await frame.page(request, "keys", {
        "keys": rows, "places": places, "plain": plain, "docs_url": "/api/docs",
        "has_sandbox": await sandbox.find(here.db, who.business_id) is not None,
        "action": _own_path(here, chosen.id) if chosen else KEYS, "chosen": _row(request, chosen, dict(places), real) if chosen else None,
        "scopes": [(scope, frame.said(request, words.SCOPES[scope])) for scope in SCOPES],
        "channels": [(key, frame.said(request, said)) for key, said in CHANNELS],
        "graces": [(key, frame.said(request, said)) for key, said in GRACES], "rate": here.settings.key_rate,
        "values": typed or _values(here, chosen, business.time_zone, real)}, done=done, wrong=wrong, status=status)


async def _places(request: Request) -> list[tuple[str, str]]:
    here = context(request)
    found = await programs.list_locations(here.db, principal(request).business_id)
    return [(here.ids.encode("location", each.id), each.name_in(language(request))) for each in found if each.closed_at is None]


def _own_path(here: Context, key_id: int) -> str:
    return f"{KEYS}/{here.ids.encode('api_key', key_id)}"


def _row(request: Request, key: ApiKey, places: dict[str, str], real: dict[int, int]) -> dict[str, Any]:
    """real: location of the sandbox → the one that it is a copy of."""
    here, now = context(request), context(request).clock.now()
    own, location_id = _own_path(here, key.id), real.get(key.location_id or 0, key.location_id)
    state = "revoked" if key.revoked_at is not None else "works" if key.is_live(now) else "ended"
    return {"name": key.name, "hint": key.hint, "scopes": sorted(key.scopes), "created_at": from_ms(key.created_at), "state": state,
            "used_at": _moment(key.used_at), "place": places.get(here.ids.encode("location", location_id), "") if location_id else "",
            "expires_at": _moment(key.expires_at),
            "ends_soon": key.ends_soon(now), "per_second": key.per_second, "channel": key.channel,
            "is_sandbox": key.is_sandbox, "url": own, "revoke_action": own + "/revoke", "rotate_action": own + "/rotate",
            "old_until": _moment(key.old_until_at if (key.old_until_at or 0) > to_ms(now) and state == "works" else None)}


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _values(here: Context, chosen: ApiKey | None, zone: str, real: dict[int, int]) -> dict[str, Any]:
    if chosen is None:
        return {"name": "", "scopes": [], "location": "", "channel": "till", "expires_on": "", "per_second": "", "for": ""}
    location_id = real.get(chosen.location_id or 0, chosen.location_id)
    # The last day that it works: its end is the midnight after.
    last = from_ms(chosen.expires_at - 1).astimezone(ZoneInfo(zone)).date().isoformat() if chosen.expires_at else ""
    return {"name": chosen.name, "scopes": sorted(chosen.scopes), "channel": chosen.channel, "expires_on": last, "for": "",
            "location": here.ids.encode("location", location_id) if location_id else "",
            "per_second": "" if chosen.per_second is None else str(chosen.per_second)}


async def _typed(request: Request) -> dict[str, Any]:
    form = await frame.form_of(request)
    return {**frame.texts(form, *FIELDS), "scopes": [scope for scope in form.getlist("scopes") if isinstance(scope, str)]}


async def _wish(request: Request, typed: dict[str, Any], twin: int | None) -> dict[str, Any]:
    """What `create_key` and `change_key` take. twin: the sandbox that the key is for. Raises Invalid and NotFound."""
    here, who = context(request), principal(request)
    business, location_id = await programs.get_business(here.db, who.business_id), None
    if typed["location"]:
        row_id = here.ids.decode("location", typed["location"]) or 0
        location_id = (await programs.get_location(here.db, who.business_id, row_id)).id
        if twin is not None:
            location_id = (await sandbox.places(here.db, who.business_id)).get(location_id)
    return {"name": typed["name"], "scopes": frozenset(typed["scopes"]), "location_id": location_id, "channel": typed["channel"] or "till",
            "expires_at": _end_of(typed["expires_on"], business.time_zone), "per_second": _rate_of(typed["per_second"])}


def _end_of(text: str, zone: str) -> datetime | None:
    """The midnight that the last day ends with."""
    if not text:
        return None
    try:
        return midnight_after(date.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        raise errors.Invalid(fields=[errors.FieldError("expires_at", "date", WRONG_DAY)]) from None


def _rate_of(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,6}", text):
        raise errors.Invalid(fields=[errors.FieldError("per_second", "number", WRONG_RATE)])
    return int(text)


async def make(request: Request) -> Response:
    """POST /console/keys: the answer is the only time that the key is seen."""
    here, who, typed = context(request), principal(request), await _typed(request)
    now, twin = here.clock.now(), None
    try:
        if typed["for"] == "sandbox":
            twin = await sandbox.twin_of(here.db, here.ring, who, now)
        _, plain = await api_keys.create_key(here.db, here.ring, who, now=now, sandbox_id=twin, **await _wish(request, typed, twin))
    except errors.Invalid as refused:
        return await _page(request, typed, wrong=frame.sentences_of(request, refused), status=422)
    return await _page(request, plain=plain)


async def _chosen(request: Request) -> ApiKey:
    found = await api_keys.get_key(context(request).db, principal(request).business_id, frame.own_id(request, "api_key", "key"))
    if found.revoked_at is not None:
        raise errors.NotFound()
    return found


async def key_page(request: Request) -> Response:
    """GET /console/keys/{key}: the same page, its form about this key."""
    return await _page(request, chosen=await _chosen(request))


async def change(request: Request) -> Response:
    """POST /console/keys/{key}"""
    here, who, chosen, typed = context(request), principal(request), await _chosen(request), await _typed(request)
    twin = await sandbox.find(here.db, who.business_id) if chosen.is_sandbox else None
    try:
        await api_keys.change_key(here.db, who, chosen.id, now=here.clock.now(), **await _wish(request, typed, twin))
    except errors.Invalid as refused:
        return await _page(request, typed, chosen=chosen, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(KEYS + "?done=kept")


async def rotate(request: Request) -> Response:
    """POST /console/keys/{key}/rotate: a new secret, seen this once; the old one lives on for the hours that were chosen."""
    here, chosen = context(request), await _chosen(request)
    hours = frame.texts(await frame.form_of(request), "hours")["hours"]
    try:
        grace = int(hours) if hours.isascii() and hours.isdigit() and len(hours) < 6 else key_rules.GRACE_HOURS_MOST + 1
        plain = await api_keys.rotate_key(here.db, here.ring, principal(request), chosen.id, grace, here.clock.now())
    except errors.Invalid as refused:
        return await _page(request, chosen=chosen, wrong=frame.sentences_of(request, refused), status=422)
    return await _page(request, plain=plain)


async def revoke(request: Request) -> Response:
    """POST /console/keys/{key}/revoke"""
    here = context(request)
    await frame.form_of(request)
    await api_keys.revoke_key(here.db, principal(request), frame.own_id(request, "api_key", "key"), here.clock.now())
    return frame.to(KEYS + "?done=revoked")


async def refresh_sandbox(request: Request) -> Response:
    """POST /console/sandbox/refresh"""
    here = context(request)
    await frame.form_of(request)
    await sandbox.refresh(here.db, here.ring, principal(request), here.clock.now())
    return frame.to(KEYS + "?done=refreshed")


async def reset_sandbox(request: Request) -> Response:
    """POST /console/sandbox/reset"""
    here = context(request)
    await frame.form_of(request)
    await sandbox.reset(here.db, principal(request), here.clock.now())
    return frame.to(KEYS + "?done=reset")


routes = [
    routing.route(KEYS, page, who=frame.OWNER_READ, name="console:keys"),
    routing.route(KEYS, confirming.first(make, KEYS), who=frame.OWNER, name="console:make_key", methods=["POST"]),
    routing.route(KEYS + "/{key}", key_page, who=frame.OWNER, name="console:key"),
    routing.route(KEYS + "/{key}", change, who=frame.OWNER, name="console:change_key", methods=["POST"]),
    routing.route(KEYS + "/{key}/rotate", confirming.first(rotate, KEYS), who=frame.OWNER, name="console:rotate_key",
                  methods=["POST"]),
    routing.route(KEYS + "/{key}/revoke", revoke, who=frame.OWNER, name="console:revoke_key", methods=["POST"]),
    routing.route("/console/sandbox/refresh", refresh_sandbox, who=frame.OWNER, name="console:refresh_sandbox", methods=["POST"]),
    routing.route("/console/sandbox/reset", reset_sandbox, who=frame.OWNER, name="console:reset_sandbox", methods=["POST"]),
]
