"""The business itself and its locations."""
import re
from functools import lru_cache
from math import inf
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.audit import service as audit
from app.console import frame
from app.db import Transaction, write_transaction
from app.designs.wallet import wrong_near
from app.programs import service as programs
from app.programs import tills
from app.programs.store import Business, Location, Texts
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal

SETTINGS, LOCATIONS = "/console/settings", "/console/locations"
OTHER_LABELS = {"en": N_("Name in English"), "ru": N_("Name in Russian")}
LANGUAGES = ("en", "ru")
TILL_STARTS = {"camera": N_("On the camera"), "field": N_("On the field, for scanners that type")}
LONGEST_ADDRESS = 200
NEAR = {each: f"near_{each}" for each in LANGUAGES}         # language → the form's field
DEGREES = re.compile(r"(-?[0-9]{1,3}(?:\.[0-9]{1,15})?)[,;\s]\s*(-?[0-9]{1,3}(?:\.[0-9]{1,15})?)")


@lru_cache(maxsize=1)
def zones() -> list[tuple[str, str]]:
    """Every time zone that people live in, by its IANA name."""
    from zoneinfo import available_timezones

    areas = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones()) if name.startswith(areas)] + [("UTC", "UTC")]


def other_language(business: Business) -> str:
    """The language that the business's own name is not in."""
    return "en" if business.language == "ru" else "ru"


def names_of(named: Business | Location, business: Business) -> dict[str, str]:
    """The form's two names: in the business's language, and in the other one where it differs."""
    own, other = named.name_in(business.language), named.name_in(other_language(business))
    return {"name": own, "other_name": other if other != own else ""}


def with_names(texts: Texts, business: Business, typed: dict[str, str]) -> Texts:
    """The texts with both typed names. The business's own is written too: it stays what it is when the language changes."""
    changed = {key: dict(value) for key, value in texts.items()}
    changed.setdefault(business.language, {})["name"] = typed["name"]
    if typed["other_name"]:
        changed.setdefault(other_language(business), {})["name"] = typed["other_name"]
    else:
        changed.get(other_language(business), {}).pop("name", None)
    return changed


def with_near(texts: Texts, typed: dict[str, str]) -> Texts:
    """The texts with what lock screens say near the location; what is empty is none of its own."""
    changed = {key: dict(value) for key, value in texts.items()}
    for each, field in NEAR.items():
        if typed[field]:
            changed.setdefault(each, {})["near"] = typed[field]
        else:
            changed.get(each, {}).pop("near", None)
    return changed


def _place(text: str) -> tuple[float, float] | tuple[None, None]:
    """Latitude and longitude as maps copy them. A text that is no place becomes one that is not on Earth, for the room to refuse."""
    if not text:
        return None, None
    found = DEGREES.fullmatch(text)
    return (float(found[1]), float(found[2])) if found else (inf, inf)


def _check(typed: dict[str, str]) -> None:
    """What no room knows of. Raises Invalid."""
    wrong = []
    if len(typed["other_name"]) > 100 or not typed["other_name"].isprintable():
        wrong.append(errors.FieldError("other_name", "name", N_("Type a name of 1 to 100 characters.")))
    if typed.get("language", "en") not in LANGUAGES:
        wrong.append(errors.FieldError("language", "language", N_("Choose English or Russian.")))
    if len(address := typed.get("address", "")) > LONGEST_ADDRESS or not address.isprintable():
        wrong.append(errors.FieldError("address", "address", N_("Type an address of at most 200 characters.")))
    wrong += [error for field in NEAR.values() if (text := typed.get(field)) and (error := wrong_near(field, text))]
    if wrong:
        raise errors.Invalid(fields=wrong)


async def settings_page(request: Request) -> Response:
    """GET /console/settings"""
    done = frame.said(request, N_("Kept.")) if "done" in request.query_params else ""
    return await _settings(request, done=done)


async def _settings(request: Request, typed: dict[str, str] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                    status: int = 200) -> Response:
    here = context(request)
    business = await programs.get_business(here.db, principal(request).business_id)
    other = other_language(business)
    values = typed or {**names_of(business, business), "time_zone": business.time_zone, "language": business.language}
    facts = [(frame.said(request, N_("Word in addresses")), business.slug), (frame.said(request, N_("Country")), business.country),
             (frame.said(request, N_("Id for programs")), here.ids.encode("business", business.id))]
    return await frame.page(request, "settings", {
        "action": SETTINGS, "values": values, "zones": zones(), "facts": facts, "other_label": frame.said(request, OTHER_LABELS[other])},
        done=done, wrong=wrong, status=status)


async def keep_settings(request: Request) -> Response:
    """POST /console/settings; cards show the new name."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, "name", "other_name", "time_zone", "language")
    business = await programs.get_business(here.db, who.business_id)
    try:
        _check(typed)
        await programs.change_business(here.db, who, name=typed["name"], texts=with_names(business.texts, business, typed),
                                       time_zone=typed["time_zone"], language=typed["language"], now=here.clock.now())
    except errors.Invalid as refused:
        return await _settings(request, typed, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(SETTINGS + "?done=1")


async def locations_page(request: Request) -> Response:
    """GET /console/locations and /console/locations/{location}: the list, and a form for a new one or this one."""
    done = frame.said(request, N_("Kept.")) if "done" in request.query_params else ""
    return await _locations(request, await _chosen(request), done=done)


async def _chosen(request: Request) -> Location | None:
    if "location" not in request.path_params:
        return None
    return await programs.get_location(context(request).db, principal(request).business_id, frame.own_id(request, "location", "location"))


async def _locations(request: Request, chosen: Location | None, typed: dict[str, str] | None = None, *, done: str = "",
                     wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, who = context(request), principal(request)
    business = await programs.get_business(here.db, who.business_id)
    other, said = other_language(business), language(request)
    values: dict[str, Any] = typed or {
        **(names_of(chosen, business) if chosen else {"name": "", "other_name": ""}), "address": chosen.address if chosen else "",
        "place": f"{chosen.latitude}, {chosen.longitude}" if chosen and chosen.latitude is not None else "",
        **{field: dict(chosen.near).get(each, "") if chosen else "" for each, field in NEAR.items()},
        "time_zone": chosen.time_zone if chosen else business.time_zone, "closed": "1" if chosen and chosen.closed_at is not None else "",
        "till_start": await tills.start_of(here.db, who.business_id, chosen.id if chosen else None)}
    found = [each for each in await programs.list_locations(here.db, who.business_id) if who.reaches(location_id=each.id)]
    rows = [{"id": here.ids.encode("location", each.id), "name": each.name_in(said), "address": each.address,
             "time_zone": each.time_zone, "is_closed": each.closed_at is not None,
             "edit_url": f"{LOCATIONS}/{here.ids.encode('location', each.id)}"} for each in found]
    editing = {"id": here.ids.encode("location", chosen.id), "name": chosen.name_in(said)} if chosen else None
    return await frame.page(request, "locations", {
        "locations": rows, "zones": zones(), "editing": editing, "values": values,
        "till_starts": [(each, frame.said(request, words)) for each, words in TILL_STARTS.items()],
        "action": f"{LOCATIONS}/{editing['id']}" if editing else LOCATIONS, "other_label": frame.said(request, OTHER_LABELS[other])},
        done=done, wrong=wrong, status=status)


async def keep_location(request: Request) -> Response:
    """POST /console/locations (a new one) and /console/locations/{location}."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    chosen = await _chosen(request)
    typed = frame.texts(form, "name", "other_name", "address", "place", *NEAR.values(), "time_zone", "closed", "till_start")
    business = await programs.get_business(here.db, who.business_id)
    zone = typed["time_zone"] if typed["time_zone"] != business.time_zone else None
    try:
        _check(typed)
        tills.check_start(typed["till_start"] or tills.STARTS[0])
        latitude, longitude = _place(typed["place"])
        values: dict[str, Any] = {
            "name": typed["name"], "texts": with_near(with_names(chosen.texts if chosen else {}, business, typed), typed),
            "address": typed["address"], "time_zone": zone, "latitude": latitude, "longitude": longitude, "now": here.clock.now()}
        if chosen is None:
            location_id = await _add_location(request, values)
        else:
            location_id = chosen.id
            await programs.change_location(here.db, who, location_id, **values, closed=bool(typed["closed"]))
        if typed["till_start"]:
            await tills.choose_start(here.db, who, location_id, typed["till_start"], here.clock.now())
    except errors.Invalid as refused:
        return await _locations(request, chosen, typed, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(LOCATIONS + "?done=1")


async def _add_location(request: Request, values: dict[str, Any]) -> int:
    here, who = context(request), principal(request)

    async def act(tx: Transaction) -> int:
        location_id = await programs.create_location(tx, who.business_id, **values)
        await audit.record(tx, who, "location.created", "location", location_id, now=here.clock.now())
        return location_id

    return await write_transaction(here.db, act)


routes = [
    routing.route(SETTINGS, settings_page, who=frame.OWNER_READ, name="console:settings"),
    routing.route(SETTINGS, keep_settings, who=frame.OWNER, name="console:keep_settings", methods=["POST"]),
    routing.route(LOCATIONS, locations_page, who=frame.PLACE_READ, name="console:locations"),
    routing.route(LOCATIONS, keep_location, who=frame.MANAGER, name="console:add_location", methods=["POST"]),
    routing.route(LOCATIONS + "/{location}", locations_page, who=frame.PLACE_READ, name="console:location"),
    routing.route(LOCATIONS + "/{location}", keep_location, who=frame.MANAGER, name="console:keep_location", methods=["POST"]),
]
