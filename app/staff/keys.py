"""API keys: shown once, stored hashed, kept in memory for a moment so that a sale needs no look-up of its own."""
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from weakref import WeakKeyDictionary

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Row, Transaction, write_transaction
from app.errors import NotFound, TooMany
from app.secrets import KeyRing
from app.staff import key_rules, keys_store, rules, uses
from app.staff.key_rules import Allowance, ApiKey
from app.text import N_
from app.web.principal import Principal

KEY = "staff.api_key"
CHANNEL = "api_keys"        # wakes every process: what it kept of keys is old
KEPT_MS = 2_000             # where no process can be woken, a revoked key dies within this; on the one that revoked it at once
MOST_KEPT = 10_000


class TooManyRequests(TooMany):
    """A key asks faster than it may."""

    code, detail = "too_many_requests", N_("This key asks more often than it may. Wait for Retry-After, then go on.")


@dataclass(slots=True)
class Kept:
    """A key as it was read at `read_at`; ends_at: from when on this secret is refused, None for never (epoch ms); allowance: None where
    it may ask as often as it likes.
    """

    principal: Principal
    read_at: int
    ends_at: int | None
    allowance: Allowance | None


# By a hash of this process alone: the database's own hash takes several times as long, and no secret is kept as it is.
_known: "WeakKeyDictionary[Database, OrderedDict[bytes, Kept]]" = WeakKeyDictionary()
_PROCESS_KEY = secrets.new_bytes(32)
# By the key's row: two secrets of one key share their allowance, and a key that is read again goes on with its own.
_allowances: "WeakKeyDictionary[Database, OrderedDict[int, Allowance]]" = WeakKeyDictionary()


async def create_key(db: Database, ring: KeyRing, who: Principal, name: str, scopes: frozenset[str], location_id: int | None,
                     now: datetime, *, expires_at: datetime | None = None, per_second: int | None = None, channel: str = "till",
                     sandbox_id: int | None = None) -> tuple[int, str]:
    """(id, the key itself): the only time that it is ever seen. Raises Invalid.

    sandbox_id: the sandbox of who's business that the key is for (and the location in it); None: the business itself.
    """
    plain = (key_rules.PREFIX if sandbox_id is None else key_rules.TEST_PREFIX) + secrets.new_secret()
    row = {"business_id": sandbox_id or who.business_id, "hint": plain[-4:], "key_hash": ring.lookup_hash(KEY, plain),
           "created_at": to_ms(now), "created_by": who.id,
           **_checked(name, scopes, location_id, key_rules.check_end(expires_at, now), per_second, channel)}

    async def act(tx: Transaction) -> int:
        key_id = await keys_store.append(tx, row)
        await audit.record(tx, who, "api_key.created", "api_key", key_id, {"scopes": row["scopes"]}, now=now)
        return key_id

    return await write_transaction(db, act), plain


def _checked(name: str, scopes: frozenset[str], location_id: int | None, expires_at: int | None, per_second: int | None,
             channel: str) -> dict[str, object]:
    return {"name": rules.check_name(name), "scopes": " ".join(sorted(key_rules.check_scopes(scopes))), "location_id": location_id,
            "expires_at": expires_at, "per_second": key_rules.check_rate(per_second), "channel": key_rules.check_channel(channel)}


async def list_keys(db: Database, business_id: int) -> list[ApiKey]:
    """Live ones first; those of the business's sandbox too."""
    return [_api_key(row, bool(row["is_sandbox"])) for row in await keys_store.list_(db, business_id)]


async def get_key(db: Database, business_id: int, key_id: int) -> ApiKey:
    """Raises NotFound for a key of nobody or of another business."""
    row = await keys_store.find(db, business_id, key_id)
    if row is None:
        raise NotFound()
    return _api_key(row, row["business_id"] != business_id)


def _api_key(row: Row, is_sandbox: bool) -> ApiKey:
    return ApiKey(row["id"], row["name"], row["hint"], frozenset(row["scopes"].split()), row["location_id"], row["created_at"],
                  row["used_at"], row["revoked_at"], row["expires_at"], row["per_second"], row["channel"], row["rotated_at"],
                  row["old_until_at"], is_sandbox)


async def change_key(db: Database, who: Principal, key_id: int, *, name: str, scopes: frozenset[str], location_id: int | None,
                     expires_at: datetime | None, per_second: int | None, channel: str, now: datetime) -> None:
    """What a key may do from now on. Raises Invalid, and NotFound for one that is revoked too."""
    before = await get_key(db, who.business_id, key_id)
    end = to_ms(expires_at) if expires_at else None
    values = _checked(name, scopes, location_id, end if end == before.expires_at else key_rules.check_end(expires_at, now), per_second,
                      channel)

    async def act(tx: Transaction) -> None:
        if await keys_store.change(tx, who.business_id, key_id, values) is None:
            raise NotFound()
        await audit.record(tx, who, "api_key.changed", "api_key", key_id, {"scopes": values["scopes"]}, now=now)
        forget_with(tx, db)

    await write_transaction(db, act)


async def rotate_key(db: Database, ring: KeyRing, who: Principal, key_id: int, grace_hours: int, now: datetime) -> str:
    """A new secret, seen this once; the old one works for `grace_hours` more, one before it no longer. Raises Invalid, NotFound."""
    until, known = now + key_rules.check_grace(grace_hours), await get_key(db, who.business_id, key_id)
    plain = (key_rules.TEST_PREFIX if known.is_sandbox else key_rules.PREFIX) + secrets.new_secret()
    values = {"key_hash": ring.lookup_hash(KEY, plain), "hint": plain[-4:], "until": to_ms(until), "now": to_ms(now)}

    async def act(tx: Transaction) -> None:
        if await keys_store.rotate(tx, who.business_id, key_id, values) is None:
            raise NotFound()
        await audit.record(tx, who, "api_key.rotated", "api_key", key_id, {"hours": grace_hours}, now=now)
        forget_with(tx, db)

    await write_transaction(db, act)
    return plain


async def revoke_key(db: Database, who: Principal, key_id: int, now: datetime) -> None:
    """Both of its secrets. Raises NotFound for a key of nobody or of another business; a second time changes nothing."""
    async def act(tx: Transaction) -> None:
        if await keys_store.find(tx, who.business_id, key_id) is None:
            raise NotFound()
        if await keys_store.revoke(tx, who.business_id, key_id, to_ms(now)) is not None:
            await audit.record(tx, who, "api_key.revoked", "api_key", key_id, now=now)
        forget_with(tx, db)

    await write_transaction(db, act)


def forget_with(tx: Transaction, db: Database) -> None:
    """With this commit what this and other processes keep in memory of keys is read again: some were changed, or their business."""
    tx.after_commit(lambda: forget_kept(db))
    tx.notify(CHANNEL)


def forget_kept(db: Database) -> None:
    """Every key is read anew with its next call, in this process."""
    _known.pop(db, None)


@contextlib.asynccontextmanager
async def watching(db: Database) -> AsyncIterator[None]:
    """Until the block ends, a key that some other process revoked is forgotten here as soon as that commits."""
    def forget() -> None:
        forget_kept(db)

    await db.listen(CHANNEL, forget)
    try:
        yield
    finally:
        await db.forget(CHANNEL, forget)


async def principal_of_key(db: Database, ring: KeyRing, plain: str, now: datetime) -> Principal | None:
    """Who stands behind a key, or None; notes the use, in memory."""
    kept = await known_key(db, ring, plain, now)
    return kept.principal if kept else None


async def known_key(db: Database, ring: KeyRing, plain: str, now: datetime, per_second: int = 0) -> Kept | None:
    """The key with its allowance, or None; notes the use, in memory. per_second: the server's own rate, 0 for no limit."""
    if not plain.startswith(key_rules.PREFIX) or len(plain) > key_rules.LENGTH_MOST:
        return None
    name, now_ms = blake2b(plain.encode(), key=_PROCESS_KEY, digest_size=32).digest(), to_ms(now)
    known = _known.setdefault(db, OrderedDict())
    kept = known.get(name)
    if kept is None or not 0 <= now_ms - kept.read_at < KEPT_MS or (kept.ends_at is not None and now_ms >= kept.ends_at):
        kept = await _read(db, ring.lookup_hash(KEY, plain), now_ms, per_second)
        if kept is None:
            known.pop(name, None)
            return None
        known[name] = kept
        while len(known) > MOST_KEPT:
            known.popitem(last=False)
    uses.note(db, "key", kept.principal.id or 0, now_ms)
    return kept


async def _read(db: Database, key_hash: bytes, now_ms: int, per_second: int) -> Kept | None:
    row = await keys_store.by_hash(db, key_hash, now_ms)
    if row is None:
        return None
    ends = [end for end in (row["expires_at"], row["old_until_at"] if row["is_old"] else None) if end is not None]
    rate = key_rules.rate_of(row["per_second"], row["most_per_second"], per_second)
    return Kept(_principal(row), now_ms, min(ends, default=None), _allowance(db, row["id"], rate, now_ms))


def _allowance(db: Database, key_id: int, rate: int, now_ms: int) -> Allowance | None:
    """The key's bucket, as full as it is; a full one where its rate is new."""
    if not rate:
        return None
    made = _allowances.setdefault(db, OrderedDict())
    held = made.get(key_id)
    if held is None or held.per_second != rate:
        held = made[key_id] = key_rules.full(rate, now_ms)
        while len(made) > MOST_KEPT:
            made.popitem(last=False)
    return held


def _principal(row: Row) -> Principal:
    return Principal(row["business_id"], row["business_id"], "api_key", row["id"], row["name"], None, frozenset(row["scopes"].split()),
                     row["location_id"], sandbox=row["sandbox_of"] is not None, channel=row["channel"])
