"""Who works here."""
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from app import errors, secrets
from app.audit import service as audit
from app.cards import service as cards
from app.clock import from_ms
from app.console import confirming, frame, letters, words
from app.console.program_frame import programs_of
from app.db import Transaction, write_transaction
from app.money import parse_major
from app.programs import service as programs
from app.staff import factors, own, role_limits, rules
from app.staff import service as staff
from app.staff.rules import Account, Staff
from app.text import N_
from app.web import formats, routing
from app.web.principal import Principal
from app.web.requests import context, language, principal

STAFF, LIMITS = "/console/staff", "/console/limits"
# What a role may, as a form offers it (docs/business.md has the whole table).
MAY = {"agent": N_("only give out cards"), "cashier": N_("work at the till"),
       "manager": N_("also see and change everything but settings and keys; looks after cashiers"),
       "marketer": N_("cards' looks, posters, groups, campaigns and reports; no operations, no phone numbers"),
       "auditor": N_("see what managers see, and change nothing"), "owner": N_("do everything")}
STAFF_DONE = {"cleared": N_("Their app, passkeys and recovery codes are void. They sign in with their password, and set up anew."),
              "disabled": N_("Access is taken away. Every session of theirs has ended."),
              "kept": N_("Kept. With another role, location or programme they sign in again."),
              "limits": N_("Kept. It holds from the next refund on."),
              "enabled": N_("They may sign in again, with the password that they had.")}


async def _places(request: Request) -> list[tuple[str, str]]:
    """Where somebody may be told to work, by whoever asks: of all open locations, or of the one that they are kept to."""
    here, who = context(request), principal(request)
    found = await programs.list_locations(here.db, who.business_id)
    open_ones = [each for each in found if each.closed_at is None and who.reaches(location_id=each.id)]
    any_ = [("", frame.said(request, N_("any location")))] if who.kept_location_id is None else []
    return any_ + [(here.ids.encode("location", each.id), each.name_in(language(request))) for each in open_ones]


async def _programs(request: Request) -> list[tuple[str, str]]:
    """The programmes that somebody can be kept to; none where there is one only."""
    here = context(request)
    found = [each for each in await programs_of(request) if each.closed_at is None]
    return [(here.ids.encode("program", each.id), each.name_in(language(request))) for each in found] if len(found) > 1 else []


def _chosen_programs(request: Request, form: FormData) -> frozenset[int] | None:
    """Those that were ticked, None where none was: all. What is not the business's own is refused as a part that is not theirs to give."""
    ids = context(request).ids
    return frozenset(ids.decode("program", each) or 0 for each in form.getlist("programs") if isinstance(each, str)) or None


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
                 done: str = "", wrong: dict[str, str] | None = None, status: int = 200, kept: list[str] | None = None,
                 refund_most: str | None = None) -> Response:
    """kept: the programmes that were ticked, refund_most: what was typed, where a form comes back."""
    here, who = context(request), principal(request)
    places, known = await _places(request), await _programs(request)
    held = await staff.customer_of(here.db, who.business_id, chosen.id) if chosen else None
    people = [each for each in await staff.list_staff(here.db, here.ring, who.business_id) if _is_within(who, each)]
    most, currency = await role_limits.cashier_refund_most(here.db, who.business_id), (
        await programs.get_business(here.db, who.business_id)).currency
    return await frame.page(request, "staff", {
        "staff": [_person(request, each, dict(places), dict(known)) for each in people], "places": places, "link": link,
        "programs": known, "kept_programs": kept if kept is not None else _program_ids(request, chosen),
        "roles": {key: frame.said(request, word) for key, word in words.ROLES.items()},
        "role_choices": [(key, frame.said(request, word)) for key, word in MAY.items() if who.may("owner") or key in ("agent", "cashier")],
        "limits_action": LIMITS, "refund_most": refund_most if refund_most is not None
        else "" if most is None else formats.number(most, currency, language(request)),
        "action": _own_path(request, chosen) if chosen else STAFF,
        "editing": {"name": chosen.name, "email": chosen.email, "has_card": held is not None,
                    "factors_action": await _factors_action(request, chosen)} if chosen else None,
        "values": typed or _values(request, chosen)}, done=done, wrong=wrong, status=status)


async def _factors_action(request: Request, chosen: Staff) -> str:
    """Where an owner sends that somebody lost what they sign in with; empty where there is nothing to lose, and for oneself."""
    here, who = context(request), principal(request)
    if chosen.id == who.id or not await factors.has_any(here.db, Account("staff", chosen.id, chosen.business_id)):
        return ""
    return _own_path(request, chosen) + "/factors"


def _is_within(who: Principal, person: Staff) -> bool:
    """Whether `who` sees this colleague: somebody who works only outside of what `who` is kept to is not there for them."""
    return (who.kept_location_id in (None, person.location_id)
            and (who.program_ids is None or (person.program_ids is not None and person.program_ids <= who.program_ids)))


def _program_ids(request: Request, chosen: Staff | None) -> list[str]:
    return [context(request).ids.encode("program", each) for each in sorted((chosen.program_ids if chosen else None) or ())]


def _values(request: Request, chosen: Staff | None) -> dict[str, str]:
    if chosen is None:
        return {"name": "", "email": "", "role": "cashier", "location": "", "card": ""}
    location = context(request).ids.encode("location", chosen.location_id) if chosen.location_id else ""
    return {"name": chosen.name, "email": chosen.email, "role": chosen.role, "location": location, "card": ""}


def _own_path(request: Request, person: Staff) -> str:
    return f"{STAFF}/{context(request).ids.encode('staff', person.id)}"


def _person(request: Request, person: Staff, places: dict[str, str], known: dict[str, str]) -> dict[str, Any]:
    here, who = context(request), principal(request)
    own, is_me = _own_path(request, person), person.id == who.id
    may = rules.may_hand_out(who, person.role, person.location_id, person.program_ids)
    return {"edit_url": own if may else "", "name": person.name, "email": person.email, "role": person.role,
            "active": not person.disabled, "is_me": is_me,
            "place": places.get(here.ids.encode("location", person.location_id), "") if person.location_id else "",
            "seen_at": from_ms(person.seen_at) if person.seen_at else None, "toggle_action": "" if is_me or not may else own + "/access",
            "programs": ", ".join(known.get(each, "") for each in _program_ids(request, person)),
            "link_action": "" if is_me or person.disabled or not may else own + "/link"}


async def invite(request: Request) -> Response:
    """POST /console/staff: somebody new, with a one-time link that is shown once."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, "name", "email", "role", "location", "card")
    token, now = secrets.new_secret(), here.clock.now()
    try:
        location_id, program_ids = await _location(request, typed["location"]), _chosen_programs(request, form)
        staff.check_hand_out(who, typed["role"], location_id, program_ids)
        await _check_programs(request, program_ids)

        async def act(tx: Transaction) -> None:
            staff_id = await staff.create_staff(tx, here.ring, who.business_id, email=typed["email"], name=typed["name"],
                                                role=typed["role"], location_id=location_id, now=now, program_ids=program_ids)
            await staff.create_link(tx, here.ring, who.business_id, staff_id, token, now)
            await audit.record(tx, who, "staff.invited", "staff", staff_id, {"role": typed["role"]}, now=now)
            await letters.invite(tx, here, who.business_id, typed["email"], None, token, now)

        await write_transaction(here.db, act)
    except (errors.Invalid, staff.AddressTaken) as refused:
        wrong = frame.sentences_of(request, refused)
        if isinstance(refused, staff.AddressTaken):
            wrong = {"email": wrong[""]}
        return await _staff(request, typed, wrong=wrong, status=frame.status_for(refused), kept=_ticked(form))
    return await _staff(request, link=_shown(request, typed["email"], token))


def _ticked(form: FormData) -> list[str]:
    return [each for each in form.getlist("programs") if isinstance(each, str)]


async def _check_programs(request: Request, program_ids: frozenset[int] | None) -> None:
    """Raises NotFound for a programme of nobody or of another business."""
    for each in program_ids or ():
        await programs.get_program(context(request).db, principal(request).business_id, each)


def _shown(request: Request, email: str, token: str) -> dict[str, str]:
    """url: empty where a mail carries the link; the demo's mail goes to its log, so there it is shown as well."""
    here = context(request)
    is_sent = letters.can_send(here, email) and not here.settings.demo
    return {"email": email, "url": "" if is_sent else here.settings.address(f"/console/link/{token}")}


async def _chosen(request: Request) -> Staff:
    """Raises NotFound, also for a colleague outside of what the asker is kept to."""
    here, who = context(request), principal(request)
    found = await staff.get_staff(here.db, here.ring, who.business_id, frame.own_id(request, "staff", "staff"))
    if not _is_within(who, found):
        raise errors.NotFound()
    return found


async def person_page(request: Request) -> Response:
    """GET /console/staff/{staff}: the same page, its form about this person."""
    return await _staff(request, chosen=await _chosen(request))


async def keep_person(request: Request) -> Response:
    """POST /console/staff/{staff}: name, role and place. A new role ends their sessions: they sign in again with it."""
    here, form, chosen = context(request), await frame.form_of(request), await _chosen(request)
    typed, program_ids = frame.texts(form, "name", "role", "location", "card"), _chosen_programs(request, form)
    try:
        owner = await _card_owner(request, typed["card"])
        await _check_programs(request, program_ids)
        await staff.change_staff(here.db, principal(request), chosen.id, name=typed["name"], role=typed["role"],
                                 location_id=await _location(request, typed["location"]), now=here.clock.now(), program_ids=program_ids)
        if owner is not None or form.get("no_card"):
            await staff.set_customer(here.db, principal(request), chosen.id, owner, here.clock.now())
    except (errors.Invalid, errors.Refused) as refused:
        return await _staff(request, {**typed, "email": chosen.email}, chosen=chosen, wrong=frame.sentences_of(request, refused),
                            status=frame.status_for(refused), kept=_ticked(form))
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
    person = await _chosen(request)
    staff.check_hand_out(who, person.role, person.location_id, person.program_ids)
    if person.disabled:
        return await _staff(request, wrong={"": frame.said(request, N_("Give this person access back first."))}, status=409)
    token, now = secrets.new_secret(), here.clock.now()

    async def act(tx: Transaction) -> None:
        await staff.create_link(tx, here.ring, who.business_id, person.id, token, now)
        await audit.record(tx, who, "staff.invited", "staff", person.id, now=now)
        await letters.invite(tx, here, who.business_id, person.email, None, token, now)

    await write_transaction(here.db, act)
    return await _staff(request, link=_shown(request, person.email, token))


async def clear_factors(request: Request) -> Response:
    """POST /console/staff/{staff}/factors: the phone and the passkeys are lost; they begin again with their password."""
    here, who = context(request), principal(request)
    await frame.form_of(request)
    person = await _chosen(request)
    now = here.clock.now()

    async def tell(tx: Transaction) -> None:
        await letters.changed(tx, here, who.business_id, person.email, None, "cleared", now)

    await own.clear_of(here.db, who, person.id, now, tell)
    return frame.to(STAFF + "?done=cleared")


async def keep_limits(request: Request) -> Response:
    """POST /console/limits: how much of a sale cashiers refund without a manager; empty for any amount."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, "refund_most")["refund_most"]
    currency = (await programs.get_business(here.db, who.business_id)).currency
    try:
        most = parse_major(typed, currency) if typed else None
        await role_limits.set_cashier_refund_most(here.db, who, most, here.clock.now())
    except errors.Invalid as refused:
        wrong = {"refund_most": frame.said(request, refused.fields[0].detail)}
        return await _staff(request, wrong=wrong, status=422, refund_most=typed)
    return frame.to(STAFF + "?done=limits")


async def toggle_access(request: Request) -> Response:
    """POST /console/staff/{staff}/access: takes it away, which ends every session, or gives it back."""
    here, who = context(request), principal(request)
    await frame.form_of(request)
    person = await _chosen(request)
    try:
        await (staff.enable if person.disabled else staff.disable)(here.db, who, person.id, here.clock.now())
    except errors.Refused as refused:
        return await _staff(request, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(STAFF + "?done=" + ("enabled" if person.disabled else "disabled"))


routes = [
    routing.route(STAFF, staff_page, who=frame.PART_READ, name="console:staff"),
    routing.route(STAFF, confirming.first(invite, STAFF), who=frame.PART, name="console:invite", methods=["POST"]),
    routing.route(STAFF + "/{staff}/factors", confirming.first(clear_factors, STAFF), who=frame.OWNER, name="console:clear_factors",
                  methods=["POST"]),
    routing.route(LIMITS, keep_limits, who=frame.OWNER, name="console:keep_limits", methods=["POST"]),
    routing.route(STAFF + "/{staff}", person_page, who=frame.PART_READ, name="console:person"),
    routing.route(STAFF + "/{staff}", confirming.first(keep_person, STAFF), who=frame.PART, name="console:keep_person",
                  methods=["POST"]),
    routing.route(STAFF + "/{staff}/link", confirming.first(new_link, STAFF), who=frame.PART, name="console:staff_link", methods=["POST"]),
    routing.route(STAFF + "/{staff}/access", toggle_access, who=frame.PART, name="console:staff_access", methods=["POST"]),
]
