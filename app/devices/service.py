"""Paired tills: a manager's code, the tablet that uses it up, what it is called and where it stands, and its end. PINs are in pins.py."""
from dataclasses import replace
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.devices import rules, store
from app.devices.rules import Device, verify
from app.errors import Expired, NotFound
from app.limits import service as limits
from app.limits.rules import Limit
from app.secrets import KeyRing
from app.staff import sessions
from app.staff.rules import DEVICE_IDLE_MINUTES
from app.text import N_
from app.web.principal import Principal

__all__ = ["Device", "PairingGone", "bind", "change", "choose_idle", "device_of", "get", "get_reached", "idle_minutes",
           "list_devices", "offer", "pair", "peek", "revoke", "verify"]

TOKEN, PAIRING = "devices.token", "devices.pairing"


class PairingGone(Expired):
    """One sentence for unknown, used and old codes."""

    code = "pairing_gone"
    detail = N_("This code was used already, is over ten minutes old or was mistyped. Ask a manager for a new one.")


async def offer(db: Database, ring: KeyRing, who: Principal, name: str, location_id: int | None, now: datetime) -> str:
    """A code of ten letters that pairs one tablet within ten minutes. The caller checked that the location is the business's own.

    Raises Invalid (field name).
    """
    name, code = rules.check_device_name(name), rules.code_of(secrets.new_bytes(rules.CODE_LENGTH))

    async def act(tx: Transaction) -> None:
        pairing_id = await store.append_pairing(tx, {
            "business_id": who.business_id, "location_id": location_id, "name": name, "code_hash": ring.lookup_hash(PAIRING, code),
            "created_by": who.id, "now": to_ms(now), "expires_at": to_ms(now + timedelta(seconds=rules.PAIRING_SECONDS))})
        await audit.record(tx, who, "device.offered", "pairing", pairing_id, {"location": location_id}, now=now)

    await write_transaction(db, act)
    return code


async def peek(db: Database, ring: KeyRing, code: str, address: str, now: datetime) -> Device:
    """The device that the code would make, without id and key; looking uses nothing up. Raises PairingGone and LimitReached."""
    row = await store.live_pairing(db, ring.lookup_hash(PAIRING, code), to_ms(now))
    if row is None:
        await _note_guess(db, ring, address, now)
        raise PairingGone()
    return Device(0, row["business_id"], row["location_id"], row["name"], b"", row["created_by"], 0, None, 0, 0)


async def _note_guess(db: Database, ring: KeyRing, address: str, now: datetime) -> None:
    guess = Limit("pairing.address", ring.lookup_hash("limits.address", address).hex(), rules.CODE_WINDOW_SECONDS, rules.CODE_TRIES)
    await write_transaction(db, lambda tx: limits.hit(tx, [guess], now))


async def pair(db: Database, ring: KeyRing, code: str, public_key: bytes, address: str, now: datetime, *, agent: str = "",
               before: str = "") -> tuple[Device, str]:
    """The new device and the token of its cookie. public_key: SPKI, empty where the browser keeps none; agent: its short name; before:
    the token that the browser had until now, whose device of the same business ends.

    Raises PairingGone, LimitReached, Invalid.
    """
    await peek(db, ring, code, address, now)
    rules.check_key(public_key)
    token, now_ms = secrets.new_secret(), to_ms(now)

    async def act(tx: Transaction) -> Device:
        row = await store.live_pairing(tx, ring.lookup_hash(PAIRING, code), now_ms)
        if row is None or await store.use_pairing(tx, row["id"], now_ms) is None:
            raise PairingGone()
        device_id = await store.append_device(tx, {
            "business_id": row["business_id"], "location_id": row["location_id"], "name": row["name"], "agent": agent[:60],
            "token_hash": ring.lookup_hash(TOKEN, token), "public_key": public_key, "paired_by": row["created_by"], "now": now_ms})
        # Nobody is signed in here: it is the act of whoever handed the code over.
        manager = Principal(row["business_id"], row["business_id"], "staff", row["created_by"])
        await _end_before(tx, ring, manager, before, now)
        await audit.record(tx, manager, "device.paired", "device", device_id, {"location": row["location_id"]}, now=now)
        return await _existing(tx, row["business_id"], device_id)

    return await write_transaction(db, act), token


async def _end_before(tx: Transaction, ring: KeyRing, who: Principal, token: str, now: datetime) -> None:
    device = await device_of(tx, ring, token)
    if device is not None and device.business_id == who.business_id:
        await _end(tx, who, device.id, now)


async def device_of(reader: Database | Transaction, ring: KeyRing, token: str) -> Device | None:
    """The device whose cookie this is; None for none, a revoked one and nonsense."""
    return await store.device_by_token(reader, ring.lookup_hash(TOKEN, token)) if token else None


async def get(reader: Database | Transaction, business_id: int, device_id: int) -> Device:
    """A device of the business, revoked ones too. Raises NotFound."""
    return await _existing(reader, business_id, device_id)


async def _existing(reader: Database | Transaction, business_id: int, device_id: int) -> Device:
    device = await store.device_of(reader, business_id, device_id)
    if device is None:
        raise NotFound()
    return device


async def get_reached(reader: Database | Transaction, who: Principal, device_id: int) -> Device:
    """A device that `who` looks after. Raises NotFound."""
    device = await _existing(reader, who.business_id, device_id)
    if not _reaches(who, device):
        raise NotFound()
    return device


async def list_devices(db: Database, who: Principal) -> list[tuple[Device, int]]:
    """Those that `who` reaches, each with the moment (epoch ms) at which it was seen last; revoked ones at the end."""
    uses = await store.last_uses(db, who.business_id)
    return [(device, max(device.seen_at, uses.get(device.id, 0))) for device in await store.list_devices(db, who.business_id)
            if _reaches(who, device)]


def _reaches(who: Principal, device: Device) -> bool:
    """Whoever is kept to a location looks after what stands there, and not after what stands everywhere."""
    return who.kept_location_id in (None, device.location_id)


async def change(db: Database, who: Principal, device_id: int, name: str, location_id: int | None, now: datetime) -> None:
    """A new name or place; whoever is signed in there works on where they were until their next PIN. Raises Invalid, NotFound."""
    name = rules.check_device_name(name)

    async def act(tx: Transaction) -> None:
        await get_reached(tx, who, device_id)
        if await store.change_device(tx, who.business_id, device_id, name, location_id) is None:
            raise NotFound()
        await audit.record(tx, who, "device.changed", "device", device_id, {"location": location_id}, now=now)

    await write_transaction(db, act)


async def revoke(db: Database, who: Principal, device_id: int, now: datetime) -> None:
    """The device signs nobody in any more, and whoever is signed in there is out with the same commit. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        await get_reached(tx, who, device_id)
        await _end(tx, who, device_id, now)

    await write_transaction(db, act)


async def _end(tx: Transaction, who: Principal, device_id: int, now: datetime) -> None:
    if await store.revoke_device(tx, who.business_id, device_id, to_ms(now)) is None:
        raise NotFound()
    await sessions.end_of_device(tx, device_id, now)
    await audit.record(tx, who, "device.revoked", "device", device_id, now=now)


async def bind(db: Database, ring: KeyRing, who: Principal, token: str, now: datetime) -> Principal:
    """A till session that a password opened in a paired device's browser stands where the device stands, and locks and ends with it.

    token: of the device's cookie. Unchanged where the cookie is nobody's, or another business's.
    """
    device = await device_of(db, ring, token)
    if device is None or device.business_id != who.business_id or who.session_id is None:
        return who
    session_id, place = who.session_id, device.location_id if device.location_id is not None else who.location_id

    async def act(tx: Transaction) -> None:
        await sessions.end_of_device(tx, device.id, now)
        await store.bind_session(tx, device.business_id, session_id, device.id, place)
        await store.set_seen(tx, device.business_id, device.id, to_ms(now))

    await write_transaction(db, act)
    return replace(who, device_id=device.id, location_id=place, idle_minutes=await idle_minutes(db, who.business_id))


async def idle_minutes(reader: Database | Transaction, business_id: int) -> int:
    """After how many minutes without a request a till of a paired device asks for the PIN again."""
    chosen = await store.idle_minutes(reader, business_id)
    return DEVICE_IDLE_MINUTES if chosen is None else chosen


async def choose_idle(db: Database, who: Principal, minutes: str, now: datetime) -> None:
    """minutes: as typed. Raises Invalid (field idle)."""
    wanted = rules.check_idle(minutes)

    async def act(tx: Transaction) -> None:
        await store.set_idle_minutes(tx, who.business_id, wanted, to_ms(now))
        await audit.record(tx, who, "device.idle_chosen", details={"minutes": wanted}, now=now)

    await write_transaction(db, act)
