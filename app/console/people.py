"""Who works here."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors, secrets
from app.audit import service as audit
from app.cards import service as cards
from app.clock import from_ms
from app.console import frame
from app.db import Transaction, write_transaction
from app.programs import service as programs
from app.staff import service as staff
from app.staff.rules import Staff
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal

STAFF = "/console/staff"
STAFF_DONE = {"disabled": N_("Access is taken away. Every session of theirs has ended."),
              "kept": N_("Kept. A new role asks them to sign in again."),
              "enabled": N_("They may sign in again, with the password that they had.")}


async def _places(request: Request) -> list[tuple[str, str]]:
    here = context(request)
    found = await programs.list_locations(here.db, principal(request).business_id)
    return [(here.ids.encode("location", each.id), each.name_in(language(request))) for each in found if each.closed_at is None]


async def _location(request: Request, text: str) -> int | None:
    """The location that a form names, None for none. Raises NotFound for what is not the business's."""
    here = context(request)
    if not text:
        return None
    found = await programs.get_location(here.db, principal(request).business_id, here.ids.decode("location", text) or 0)
    return found.id


async def staff_page(request: Request) -> Response:
    """GET /console/staff"""
    return await _staff(request, done=_done(request, STAFF_DONE))


def _done(request: Request, sentences: dict[str, str]) -> str:
    done = sentences.get(request.query_params.get("done", ""), "")
    return frame.said(request, done) if done else ""


async def _staff(request: Request, typed: dict[str, str] | None = None, *, chosen: Staff | None = None, link: dict[str, str] | None = None,
                 done: str = "", wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, who = context(request), principal(request)
    places = await _places(request)
    held = await staff.customer_of(here.db, who.business_id, chosen.id) if chosen else None
    people = await staff.list_staff(here.db, here.ring, who.business_id)
    return await frame.page(request, "staff", {
        "staff": [_person(request, each, dict(places)) for each in people], "places": places, "link": link,
        "action": _own_path(request, chosen) if chosen else STAFF,
        "editing": {"name": chosen.name, "email": chosen.email, "has_card": held is not None} if chosen else None,
        "values": typed or _values(request, chosen)}, done=done, wrong=wrong, status=status)


def _values(request: Request, chosen: Staff | None) -> dict[str, str]:
    if chosen is None:
        return {"name": "", "email": "", "role": "cashier", "location": "", "card": ""}
    location = context(request).ids.encode("location", chosen.location_id) if chosen.location_id else ""
    return {"name": chosen.name, "email": chosen.email, "role": chosen.role, "location": location, "card": ""}


def _own_path(request: Request, person: Staff) -> str:
    return f"{STAFF}/{context(request).ids.encode('staff', person.id)}"


def _person(request: Request, person: Staff, places: dict[str, str]) -> dict[str, Any]:
    here, is_me = context(request), person.id == principal(request).id
    own = _own_path(request, person)
    return {"edit_url": own, "name": person.name, "email": person.email, "role": person.role, "active": not person.disabled, "is_me": is_me,
            "place": places.get(here.ids.encode("location", person.location_id), "") if person.location_id else "",
            "seen_at": from_ms(person.seen_at) if person.seen_at else None, "toggle_action": "" if is_me else own + "/access",
            "link_action": "" if is_me or person.disabled else own + "/link"}


async def invite(request: Request) -> Response:
    """POST /console/staff: somebody new, with a one-time link that is shown once."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, "name", "email", "role", "location", "card")
    token, now = secrets.new_secret(), here.clock.now()
    try:
        location_id = await _location(request, typed["location"])

        async def act(tx: Transaction) -> None:
            staff_id = await staff.create_staff(tx, here.ring, who.business_id, email=typed["email"], name=typed["name"],
                                                role=typed["role"], location_id=location_id, now=now)
            await staff.create_link(tx, here.ring, who.business_id, staff_id, token, now)
            await audit.record(tx, who, "staff.invited", "staff", staff_id, {"role": typed["role"]}, now=now)

        await write_transaction(here.db, act)
    except (errors.Invalid, staff.AddressTaken) as refused:
        wrong = frame.sentences_of(request, refused)
        if isinstance(refused, staff.AddressTaken):
            wrong = {"email": wrong[""]}
        return await _staff(request, typed, wrong=wrong, status=frame.status_for(refused))
    return await _staff(request, link=_shown(request, typed["email"], token))


def _shown(request: Request, email: str, token: str) -> dict[str, str]:
    return {"email": email, "url": context(request).settings.address(f"/console/link/{token}")}


async def _chosen(request: Request) -> Staff:
    here = context(request)
    return await staff.get_staff(here.db, here.ring, principal(request).business_id, frame.own_id(request, "staff", "staff"))


async def person_page(request: Request) -> Response:
    """GET /console/staff/{staff}: the same page, its form about this person."""
    return await _staff(request, chosen=await _chosen(request))


async def keep_person(request: Request) -> Response:
    """POST /console/staff/{staff}: name, role and place. A new role ends their sessions: they sign in again with it."""
    here, form, chosen = context(request), await frame.form_of(request), await _chosen(request)
    typed = frame.texts(form, "name", "role", "location", "card")
    try:
        owner = await _card_owner(request, typed["card"])
        await staff.change_staff(here.db, principal(request), chosen.id, name=typed["name"], role=typed["role"],
                                 location_id=await _location(request, typed["location"]), now=here.clock.now())
        if owner is not None or form.get("no_card"):
            await staff.set_customer(here.db, principal(request), chosen.id, owner, here.clock.now())
    except (errors.Invalid, errors.Refused) as refused:
        return await _staff(request, {**typed, "email": chosen.email}, chosen=chosen, wrong=frame.sentences_of(request, refused),
                            status=frame.status_for(refused))
    return frame.to(STAFF + "?done=kept")


async def _card_owner(request: Request, text: str) -> int | None:
    """The customer whose card or phone a form names, None for none. Raises Invalid (field card) where there is none."""
    here, who = context(request), principal(request)
    if not text.strip():
        return None
    business = await programs.get_business(here.db, who.business_id)
    found = await cards.find(here.db, here.ring, who, text, business.country, here.clock.now())
    owner = next((card.customer_id for card in found.cards if card.customer_id is not None), None)
    if owner is None:
        raise errors.Invalid(fields=[errors.FieldError("card", "unknown", N_("No card of yours has this number or phone."))])
    return owner


async def new_link(request: Request) -> Response:
    """POST /console/staff/{staff}/link: earlier links of theirs end."""
    here, who = context(request), principal(request)
    await frame.form_of(request)
    person = await staff.get_staff(here.db, here.ring, who.business_id, frame.own_id(request, "staff", "staff"))
    if person.disabled:
        return await _staff(request, wrong={"": frame.said(request, N_("Give this person access back first."))}, status=409)
    token, now = secrets.new_secret(), here.clock.now()

    async def act(tx: Transaction) -> None:
        await staff.create_link(tx, here.ring, who.business_id, person.id, token, now)
        await audit.record(tx, who, "staff.invited", "staff", person.id, now=now)

    await write_transaction(here.db, act)
    return await _staff(request, link=_shown(request, person.email, token))


async def toggle_access(request: Request) -> Response:
    """POST /console/staff/{staff}/access: takes it away, which ends every session, or gives it back."""
    here, who = context(request), principal(request)
    await frame.form_of(request)
    person = await staff.get_staff(here.db, here.ring, who.business_id, frame.own_id(request, "staff", "staff"))
    try:
        await (staff.enable if person.disabled else staff.disable)(here.db, who, person.id, here.clock.now())
    except errors.Refused as refused:
        return await _staff(request, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(STAFF + "?done=" + ("enabled" if person.disabled else "disabled"))


routes = [
    routing.route(STAFF, staff_page, who=frame.OWNER, name="console:staff"),
    routing.route(STAFF, invite, who=frame.OWNER, name="console:invite", methods=["POST"]),
    routing.route(STAFF + "/{staff}", person_page, who=frame.OWNER, name="console:person"),
    routing.route(STAFF + "/{staff}", keep_person, who=frame.OWNER, name="console:keep_person", methods=["POST"]),
    routing.route(STAFF + "/{staff}/link", new_link, who=frame.OWNER, name="console:staff_link", methods=["POST"]),
    routing.route(STAFF + "/{staff}/access", toggle_access, who=frame.OWNER, name="console:staff_access", methods=["POST"]),
]
