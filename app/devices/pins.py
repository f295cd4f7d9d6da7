"""Who takes turns at a paired till: the list of its people, their PINs, and the session that a PIN begins.

A PIN works on paired tills alone. Guesses are counted by person and by device in a window that slides, so nobody is locked out for
good, and the password's tries are counted apart: whoever has one always comes in.
"""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Row, Transaction, write_transaction
from app.devices import pins_store as store
from app.devices import rules
from app.devices import store as device_store
from app.devices.rules import Device
from app.errors import Expired, Forbidden, NotFound, Refused, Unauthenticated
from app.limits import service as limits
from app.limits.rules import Limit
from app.secrets import KeyRing
from app.staff import passwords, sessions
from app.staff import rules as staff_rules
from app.text import N_
from app.web.principal import ROLES, Principal

PIN, LINK = "devices.pin", "devices.pin_link"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may work at a device. location_id: the one where they work, None for all; set_at: epoch ms of their PIN, None for
    none yet; program_ids: those that they are kept to, None for all."""

    id: int
    name: str
    role: str
    location_id: int | None
    set_at: int | None
    program_ids: frozenset[int] | None = None

    @property
    def has_pin(self) -> bool:
        return self.set_at is not None


class WrongPin(Unauthenticated):
    """One sentence for a wrong PIN, somebody without one, and somebody who does not work here."""

    code = "wrong_pin"
    detail = N_("This is not the PIN. Try again, or sign in with your e-mail and password.")


class PinLinkGone(Expired):
    code = "pin_link_gone"
    detail = N_("This link was used already or is too old. Ask a manager for a new one.")


class PasswordFirst(Refused):
    code = "password_first"
    detail = N_("Sign in with your password once more, then choose your PIN.")


async def list_people(db: Database, business_id: int) -> list[Person]:
    """Everybody whom the business lets to its tills, by name."""
    return [_person(row) for row in await store.list_people(db, business_id) if row["role"] in ROLES]


async def people_at(db: Database, device: Device) -> list[Person]:
    """Those who may work where the device stands."""
    return [person for person in await list_people(db, device.business_id) if device.takes(person.location_id)]


async def has_pin(db: Database, business_id: int, staff_id: int) -> bool:
    row = await store.person(db, business_id, staff_id)
    return row is not None and row["pin_hash"] is not None


async def last_person(db: Database, device: Device) -> int | None:
    """Who worked there last, and is most likely the next; None for nobody yet."""
    return await store.last_person(db, device.business_id, device.id)


def _person(row: Row) -> Person:
    return Person(row["id"], row["name"], row["role"], _kept_to(row), row["set_at"], staff_rules.programs_in(row["program_ids"]))


def _kept_to(row: Row) -> int | None:
    """The one location where somebody works; None for all."""
    kept: int | None = staff_rules.kept(row["role"], row["location_id"], row["program_ids"]).get("kept_location_id")
    return kept


async def sign_in(db: Database, ring: KeyRing, device: Device, staff_id: int, pin: str, now: datetime, *, agent: str = "",
                  address: str = "", training: bool = False) -> tuple[str, Principal]:
    """A session's token and principal; whoever was signed in on the device is not any more. training: nothing will count.

    Raises WrongPin (the same work for everybody) and LimitReached.
    """
    row = await _proven(db, ring, device, staff_id, pin, now)
    token = secrets.new_secret()

    async def act(tx: Transaction) -> Principal:
        return await begin(tx, ring, device, row, token, now, agent=agent, address=address, training=training, factor="pin")

    return token, await write_transaction(db, act)


async def _proven(db: Database, ring: KeyRing, device: Device, staff_id: int, pin: str, now: datetime) -> Row:
    """The person's row of staff. A try counts before the PIN is looked at, so that a guess in parallel gains nothing."""
    counted = _tries(device.business_id, device.id, staff_id)
    await write_transaction(db, lambda tx: limits.hit(tx, counted, now))
    row = await store.person(db, device.business_id, staff_id)
    may = row is not None and row["role"] in ROLES and device.takes(_kept_to(row))
    stored = row["pin_hash"] if row is not None and may else None
    if not await passwords.fits(_mixed(ring, staff_id, pin), stored) or row is None:
        raise WrongPin()
    await write_transaction(db, lambda tx: limits.take_back(tx, counted, now))
    return row


def _tries(business_id: int, device_id: int, staff_id: int) -> Sequence[Limit]:
    # Named by the device's own business: no device of another one uses up the tries of somebody here.
    return [Limit("pin.device", str(device_id), rules.PIN_WINDOW_SECONDS, rules.PIN_TRIES),
            Limit("pin.person", f"{business_id}.{staff_id}", rules.PIN_WINDOW_SECONDS, rules.PIN_TRIES)]


def _mixed(ring: KeyRing, staff_id: int, pin: str) -> str:
    """What is hashed: ten thousand PINs are soon tried by whoever steals the database alone, so a key that is not in it goes in too."""
    return ring.lookup_hash(PIN, f"{staff_id}:{pin}").hex()


async def begin(tx: Transaction, ring: KeyRing, device: Device, row: Row, token: str, now: datetime, *, agent: str, address: str,
                training: bool, factor: str) -> Principal:
    """The one session of a device: every other one on it ends with this commit. row: of staff; factor: as sessions.begin."""
    if await device_store.live_device(tx, device.business_id, device.id) is None:
        raise WrongPin()
    await sessions.end_of_device(tx, device.id, now)
    place = device.location_id if device.location_id is not None else row["location_id"]
    who = await sessions.begin(tx, ring, {**dict(row), "location_id": place}, "till", token, now, device_id=device.id, agent=agent,
                               address=address, training=training, factor=factor)
    await device_store.set_seen(tx, device.business_id, device.id, to_ms(now))
    await audit.record(tx, who, "staff.signed_in", "staff", row["id"],
                       {"session": "till", "device": device.id, "by": factor, **({"training": True} if training else {})}, now=now)
    return who


async def choose(db: Database, ring: KeyRing, who: Principal, current: str, pin: str, now: datetime) -> None:
    """One's own PIN. current: the one until now, which a first PIN has not: that follows a password within a quarter of an hour.

    Raises Invalid, WrongPin, LimitReached, PasswordFirst.
    """
    assert who.id is not None and who.session_id is not None
    rules.check_pin(pin)
    row = await store.person(db, who.business_id, who.id)
    if row is None:
        raise NotFound()
    if row["pin_hash"] is None:
        began = await store.password_session_at(db, who.business_id, who.session_id)
        if began is None or to_ms(now) - began > rules.FRESH_SECONDS * 1000:
            raise PasswordFirst()
    else:
        await _check_current(db, ring, who, row, current, now)
    await _keep(db, ring, who, who.id, pin, now)


async def _check_current(db: Database, ring: KeyRing, who: Principal, row: Row, current: str, now: datetime) -> None:
    assert who.id is not None
    counted = [each for each in _tries(who.business_id, 0, who.id) if each.scope == "pin.person"]
    await write_transaction(db, lambda tx: limits.hit(tx, counted, now))
    if not await passwords.fits(_mixed(ring, who.id, current), row["pin_hash"]):
        raise WrongPin()
    await write_transaction(db, lambda tx: limits.take_back(tx, counted, now))


async def _keep(db: Database, ring: KeyRing, who: Principal, staff_id: int, pin: str, now: datetime) -> None:
    pin_hash = await passwords.hash_password(_mixed(ring, staff_id, pin))

    async def act(tx: Transaction) -> None:
        await store.set_pin(tx, who.business_id, staff_id, pin_hash, to_ms(now))
        await store.end_links(tx, who.business_id, staff_id, to_ms(now))
        await audit.record(tx, who, "pin.set", "staff", staff_id, now=now)

    await write_transaction(db, act)


async def reset(db: Database, who: Principal, staff_id: int, now: datetime) -> None:
    """Somebody else's PIN works no more, and what was opened with it ends. Raises NotFound and Forbidden (of whose equal one is)."""
    async def act(tx: Transaction) -> None:
        await _below(tx, who, staff_id)
        await store.delete_pin(tx, who.business_id, staff_id)
        await store.end_links(tx, who.business_id, staff_id, to_ms(now))
        await sessions.end_all(tx, staff_id, now)
        await audit.record(tx, who, "pin.reset", "staff", staff_id, now=now)

    await write_transaction(db, act)


async def offer_link(db: Database, ring: KeyRing, who: Principal, staff_id: int, now: datetime) -> tuple[str, str]:
    """(name, token) of a link with which a person chooses a PIN once, within a day; earlier ones of theirs end.

    Raises NotFound and Forbidden (of whose equal one is).
    """
    token = secrets.new_secret()

    async def act(tx: Transaction) -> str:
        row = await _below(tx, who, staff_id)
        await store.end_links(tx, who.business_id, staff_id, to_ms(now))
        await store.append_link(tx, {"business_id": who.business_id, "staff_id": staff_id, "token_hash": ring.lookup_hash(LINK, token),
                                     "created_by": who.id, "now": to_ms(now),
                                     "expires_at": to_ms(now + timedelta(seconds=rules.PIN_LINK_SECONDS))})
        await audit.record(tx, who, "pin.offered", "staff", staff_id, now=now)
        return str(row["name"])

    return await write_transaction(db, act), token


async def _below(tx: Transaction, who: Principal, staff_id: int) -> Row:
    """A person whose PIN `who` may give away: the same people whose work they may change. An equal's would be a way to act as them.

    Whoever is outside of the part that `who` is kept to is not there for them.
    """
    row = await store.person(tx, who.business_id, staff_id)
    part = None if row is None else (row["location_id"], staff_rules.programs_in(row["program_ids"]))
    if row is None or part is None or row["role"] not in ROLES or not staff_rules.may_hand_out(who, "agent", *part):
        raise NotFound()
    if not staff_rules.may_hand_out(who, row["role"], *part):
        raise Forbidden()
    return row


async def peek_link(db: Database, ring: KeyRing, token: str, now: datetime) -> Person:
    """Whom a live link is for; looking uses nothing up. Raises PinLinkGone."""
    row = await store.live_link(db, ring.lookup_hash(LINK, token), to_ms(now))
    if row is None:
        raise PinLinkGone()
    return Person(row["staff_id"], row["name"], row["role"], _kept_to(row), None)


async def use_link(db: Database, ring: KeyRing, token: str, pin: str, now: datetime) -> None:
    """Sets the PIN, once. Raises PinLinkGone and Invalid."""
    person = await peek_link(db, ring, token, now)
    rules.check_pin(pin)
    pin_hash = await passwords.hash_password(_mixed(ring, person.id, pin))

    async def act(tx: Transaction) -> None:
        used = await store.consume_link(tx, ring.lookup_hash(LINK, token), to_ms(now))
        if used is None:
            raise PinLinkGone()
        await store.set_pin(tx, used["business_id"], used["staff_id"], pin_hash, to_ms(now))
        who = Principal(used["business_id"], used["business_id"], "staff", used["staff_id"])
        await audit.record(tx, who, "pin.set", "staff", used["staff_id"], {"by": "link"}, now=now)

    await write_transaction(db, act)
