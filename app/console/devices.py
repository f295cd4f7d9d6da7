"""Tablets at the tills: pairing, where they stand, their end; the PINs of who works there, and when a till locks."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.clock import from_ms
from app.console import frame
from app.devices import pins
from app.devices import rules as device_rules
from app.devices import service as devices
from app.devices.pins import Person
from app.devices.rules import Device
from app.programs import service as programs
from app.staff import rules as staff_rules
from app.text import N_
from app.web import routing
from app.web.codes import qr_svg
from app.web.requests import context, language, principal

DEVICES, PINS, IDLE = "/console/devices", "/console/pins", "/console/idle"
DONE = {"kept": N_("Kept."), "revoked": N_("The tablet is out. Whoever was signed in on it is signed out."),
        "reset": N_("The PIN is gone, and every session of theirs has ended. They choose a new one with their password or a link.")}


async def devices_page(request: Request) -> Response:
    """GET /console/devices"""
    return await _devices(request, done=_done(request))


def _done(request: Request) -> str:
    return frame.said(request, DONE[word]) if (word := request.query_params.get("done", "")) in DONE else ""


async def _devices(request: Request, *, editing: Device | None = None, typed: dict[str, str] | None = None, offered: str = "",
                   link: dict[str, str] | None = None, done: str = "", wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    """offered: the code of a new pairing; link: {name, url} of a PIN link; both are shown once."""
    here, who = context(request), principal(request)
    places = await _places(request)
    found = await devices.list_devices(here.db, who)
    people = [each for each in await pins.list_people(here.db, who.business_id) if _looks_after(request, each)]
    address = here.settings.address(f"/till/pair/{offered}") if offered else ""
    return await frame.page(request, "devices", {
        "devices": [_row(request, each, seen_at, dict(places)) for each, seen_at in found],
        "people": [_person(request, each) for each in people], "places": places, "action": _own(request, editing) if editing else DEVICES,
        "editing": {"name": editing.name} if editing else None, "values": typed or _values(request, editing), "link": link,
        "offered": {"code": device_rules.shown_code(offered), "url": address, "typed_at": here.settings.address("/till/pair"),
                    "qr": qr_svg(address, frame.said(request, N_("The pairing code")))} if offered else None,
        "idle": (typed or {}).get("idle") or await devices.idle_minutes(here.db, who.business_id),
        "idle_action": IDLE if who.may("manager") and not who.kept_to else ""}, done=done, wrong=wrong, status=status)


async def _places(request: Request) -> list[tuple[str, str]]:
    """Where a tablet may stand, for whoever asks: anywhere, or at the one location that they are kept to."""
    here, who = context(request), principal(request)
    found = [each for each in await programs.list_locations(here.db, who.business_id) if each.closed_at is None]
    anywhere = [("", frame.said(request, N_("anywhere")))] if who.kept_location_id is None else []
    return anywhere + [(here.ids.encode("location", each.id), each.name_in(language(request))) for each in found
                       if who.reaches(location_id=each.id)]


def _looks_after(request: Request, person: Person) -> bool:
    return staff_rules.may_hand_out(principal(request), person.role, person.location_id, person.program_ids)


def _own(request: Request, device: Device) -> str:
    return f"{DEVICES}/{context(request).ids.encode('device', device.id)}"


def _row(request: Request, device: Device, seen_at: int, places: dict[str, str]) -> dict[str, Any]:
    here, own = context(request), _own(request, device)
    place = places.get(here.ids.encode("location", device.location_id), "") if device.location_id else ""
    return {"name": device.name, "place": place, "agent": device.agent, "seen_at": from_ms(seen_at), "paired_at": from_ms(device.paired_at),
            "active": device.revoked_at is None, "has_key": bool(device.public_key), "edit_url": own, "revoke_action": own + "/revoke"}


def _person(request: Request, person: Person) -> dict[str, Any]:
    own = f"{PINS}/{context(request).ids.encode('staff', person.id)}"
    return {"name": person.name, "role": person.role, "set_at": from_ms(person.set_at) if person.set_at is not None else None,
            "link_action": own + "/link", "reset_action": own + "/reset" if person.has_pin else ""}


def _values(request: Request, device: Device | None) -> dict[str, str]:
    if device is None:
        return {"name": "", "location": ""}
    return {"name": device.name, "location": context(request).ids.encode("location", device.location_id) if device.location_id else ""}


async def offer(request: Request) -> Response:
    """POST /console/devices: a code for one tablet, shown once, as a QR code and to type."""
    here, typed = context(request), frame.texts(await frame.form_of(request), "name", "location")
    try:
        code = await devices.offer(here.db, here.ring, principal(request), typed["name"], await _location(request, typed["location"]),
                                   here.clock.now())
    except errors.Invalid as refused:
        return await _devices(request, typed=typed, wrong=frame.sentences_of(request, refused), status=422)
    return await _devices(request, offered=code)


async def _location(request: Request, text: str) -> int | None:
    """The location that a form names, None for anywhere. Raises NotFound for what is not the business's, or out of reach."""
    here, who = context(request), principal(request)
    if not text:
        return who.kept_location_id
    place = await programs.get_location(here.db, who.business_id, here.ids.decode("location", text) or 0)
    if place.closed_at is not None or not who.reaches(location_id=place.id):
        raise errors.NotFound()
    return place.id


async def _chosen(request: Request) -> Device:
    return await devices.get_reached(context(request).db, principal(request), frame.own_id(request, "device", "tablet"))


async def device_page(request: Request) -> Response:
    """GET /console/devices/{tablet}: the same page, its form about this tablet."""
    return await _devices(request, editing=await _chosen(request))


async def keep(request: Request) -> Response:
    """POST /console/devices/{tablet}: what it is called and where it stands."""
    here, typed, device = context(request), frame.texts(await frame.form_of(request), "name", "location"), await _chosen(request)
    try:
        await devices.change(here.db, principal(request), device.id, typed["name"], await _location(request, typed["location"]),
                             here.clock.now())
    except errors.Invalid as refused:
        return await _devices(request, editing=device, typed=typed, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(DEVICES + "?done=kept")


async def revoke(request: Request) -> Response:
    """POST /console/devices/{tablet}/revoke: lost, sold or broken: it is out with this commit."""
    here = context(request)
    await frame.form_of(request)
    await devices.revoke(here.db, principal(request), frame.own_id(request, "device", "tablet"), here.clock.now())
    return frame.to(DEVICES + "?done=revoked")


async def keep_idle(request: Request) -> Response:
    """POST /console/idle"""
    here, typed = context(request), frame.texts(await frame.form_of(request), "idle")
    try:
        await devices.choose_idle(here.db, principal(request), typed["idle"], here.clock.now())
    except errors.Invalid as refused:
        return await _devices(request, typed={"name": "", "location": "", **typed}, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(DEVICES + "?done=kept")


async def offer_pin(request: Request) -> Response:
    """POST /console/pins/{staff}/link: the person chooses a PIN with it, on whatever phone; it signs nobody in."""
    here = context(request)
    await frame.form_of(request)
    name, token = await pins.offer_link(here.db, here.ring, principal(request), frame.own_id(request, "staff", "staff"), here.clock.now())
    return await _devices(request, link={"name": name, "url": here.settings.address(f"/till/pins/{token}")})


async def reset_pin(request: Request) -> Response:
    """POST /console/pins/{staff}/reset"""
    here = context(request)
    await frame.form_of(request)
    await pins.reset(here.db, principal(request), frame.own_id(request, "staff", "staff"), here.clock.now())
    return frame.to(DEVICES + "?done=reset")


PLACE = routing.staff(frame.KIND, "manager", within=("location",))
routes = [
    routing.route(DEVICES, devices_page, who=frame.PLACE_READ, name="console:devices"),
    routing.route(DEVICES, offer, who=PLACE, name="console:offer_pairing", methods=["POST"]),
    routing.route(DEVICES + "/{tablet}", device_page, who=frame.PLACE_READ, name="console:device"),
    routing.route(DEVICES + "/{tablet}", keep, who=PLACE, name="console:keep_device", methods=["POST"]),
    routing.route(DEVICES + "/{tablet}/revoke", revoke, who=PLACE, name="console:revoke_device", methods=["POST"]),
    routing.route(IDLE, keep_idle, who=frame.MANAGER, name="console:keep_idle", methods=["POST"]),
    routing.route(PINS + "/{staff}/link", offer_pin, who=PLACE, name="console:offer_pin", methods=["POST"]),
    routing.route(PINS + "/{staff}/reset", reset_pin, who=PLACE, name="console:reset_pin", methods=["POST"]),
]
