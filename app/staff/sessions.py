"""Sessions: begun at a door, seen in a list, ended one by one or all at once. Every request asks the row: what ended is out at once."""
from datetime import datetime, timedelta

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Row, Transaction, write_transaction
from app.errors import Forbidden
from app.secrets import KeyRing
from app.staff import rules, store, uses
from app.text import N_
from app.web.principal import Principal

SESSION = "staff.session"


async def begin(tx: Transaction, ring: KeyRing, row: Row, kind: str, token: str, now: datetime, *, device_id: int | None = None,
                agent: str = "", address: str = "", training: bool = False, factor: str = "password") -> Principal:
    """A new session for the member of staff in `row` (of `staff`), who has shown at a door that it is they.

    token: drawn by the caller with `secrets.new_secret`, goes into the cookie and nowhere else; address: the caller's, kept shortened;
    factor: how they came in (rules.FACTORS).
    """
    session_id = await store.append_session(tx, {
        "business_id": row["business_id"], "staff_id": row["id"], "location_id": row["location_id"], "kind": kind,
        "token_hash": ring.lookup_hash(SESSION, token), "created_at": to_ms(now), "device_id": device_id, "agent": agent[:100],
        "address": rules.shortened(address), "training": int(training), "factor": factor,
        "expires_at": to_ms(now + timedelta(seconds=rules.LIFE_SECONDS[kind]))})
    return Principal(row["business_id"], row["business_id"], "staff", row["id"], row["name"], row["role"],
                     location_id=row["location_id"], session_id=session_id, device_id=device_id, training=training,
                     **rules.kept(row["role"], row["location_id"], row["program_ids"]))


async def principal_of_session(db: Database, ring: KeyRing, token: str, kind: str, now: datetime, *,
                               is_use: bool = True) -> Principal | None:
    """Who stands behind a session's cookie, or None (of a paired till's that is locked, too); notes the use, in memory.

    is_use: False for what a page asks by itself, which keeps no tablet open that nobody touches.
    """
    row = await store.session(db, ring.lookup_hash(SESSION, token), kind)
    now_ms = to_ms(now)
    if row is None:
        return None
    seen_at = max(row["seen_at"], uses.last(db, "session", row["id"]))
    if not rules.is_live(row["created_at"], seen_at, row["expires_at"], now_ms, kind):
        return None
    if rules.is_locked(row["device_id"], row["locked_at"], seen_at, row["idle_minutes"], now_ms):
        return None
    if is_use:
        uses.note(db, "session", row["id"], now_ms)
    return Principal(row["business_id"], row["business_id"], "staff", row["staff_id"], row["name"], row["role"],
                     location_id=row["location_id"], session_id=row["id"], device_id=row["device_id"], training=bool(row["training"]),
                     idle_minutes=rules.idle_minutes_of(row["device_id"], row["idle_minutes"]),
                     **rules.kept(row["role"], row["kept_location_id"], row["program_ids"]))


async def choose_location(db: Database, who: Principal, location_id: int | None, now: datetime) -> None:
    """Where this till session stands from now on; the caller checked that the location is the business's own.

    Raises Forbidden for another location than the one that the person is kept to.
    """
    if location_id is None or not who.reaches(location_id=location_id):
        raise Forbidden(N_("You work at one location only. Ask an owner or manager to change that."), code="other_location")

    async def act(tx: Transaction) -> None:
        assert who.session_id is not None
        await store.set_session_location(tx, who.session_id, location_id)
        await audit.record(tx, who, "staff.location_chosen", "location", location_id, now=now)

    await write_transaction(db, act)


async def sign_out(db: Database, who: Principal, now: datetime) -> None:
    async def act(tx: Transaction) -> None:
        assert who.session_id is not None
        await store.revoke_session(tx, who.session_id, to_ms(now))
        await audit.record(tx, who, "staff.signed_out", "staff", who.id, now=now)

    await write_transaction(db, act)


async def lock(db: Database, who: Principal, now: datetime) -> None:
    """The till waits for the next PIN, whoever's it is."""
    async def act(tx: Transaction) -> None:
        assert who.session_id is not None
        await store.lock_session(tx, who.session_id, to_ms(now))
        await audit.record(tx, who, "staff.till_locked", "staff", who.id, now=now)

    await write_transaction(db, act)


async def end_all(tx: Transaction, staff_id: int, now: datetime) -> None:
    """Every session of theirs ends, at tills and in the console: dead at the next request."""
    await store.revoke_sessions_of(tx, staff_id, to_ms(now))


async def end_of_device(tx: Transaction, device_id: int, now: datetime) -> None:
    """Every session that is bound to this device ends."""
    await store.revoke_sessions_on(tx, device_id, to_ms(now))


async def forget_old_sessions(db: Database, now: datetime) -> int:
    """Deletes sessions that ended a month ago and more, in small transactions; returns how many."""
    before, total = to_ms(now - timedelta(days=30)), 0
    while gone := await write_transaction(db, lambda tx: store.delete_sessions_before(tx, before, 500)):
        total += gone
    return total
