"""API keys: shown once, stored hashed, kept in memory for a moment so that a sale needs no look-up of its own."""
from collections import OrderedDict
from datetime import datetime
from weakref import WeakKeyDictionary

from app import secrets
from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Row, Transaction, write_transaction
from app.errors import NotFound
from app.secrets import KeyRing
from app.staff import rules, store, uses
from app.staff.rules import ApiKey
from app.web.principal import Principal

KEY = "staff.api_key"
KEPT_MS = 2_000             # a revoked key dies within this on other processes; on this one at once
MOST_KEPT = 10_000

_Kept = OrderedDict[bytes, tuple[Principal, int]]
_known: "WeakKeyDictionary[Database, _Kept]" = WeakKeyDictionary()


async def create_key(db: Database, ring: KeyRing, who: Principal, name: str, scopes: frozenset[str], location_id: int | None,
                     now: datetime) -> tuple[int, str]:
    """(id, the key itself): the only time that it is ever seen. Raises Invalid."""
    plain = rules.KEY_PREFIX + secrets.new_secret()
    row = {"business_id": who.business_id, "location_id": location_id, "name": rules.check_name(name), "hint": plain[-4:],
           "key_hash": ring.lookup_hash(KEY, plain), "scopes": " ".join(sorted(rules.check_scopes(scopes))), "created_at": to_ms(now),
           "created_by": who.id}

    async def act(tx: Transaction) -> int:
        key_id = await store.append_key(tx, row)
        await audit.record(tx, who, "api_key.created", "api_key", key_id, {"scopes": row["scopes"]}, now=now)
        return key_id

    return await write_transaction(db, act), plain


async def list_keys(db: Database, business_id: int) -> list[ApiKey]:
    return [ApiKey(row["id"], row["name"], row["hint"], frozenset(row["scopes"].split()), row["location_id"], row["created_at"],
                   row["used_at"], row["revoked_at"]) for row in await store.list_keys(db, business_id)]


async def revoke_key(db: Database, who: Principal, key_id: int, now: datetime) -> None:
    """Raises NotFound for a key of nobody or of another business; a second time changes nothing."""
    async def act(tx: Transaction) -> None:
        if await store.key_of(tx, who.business_id, key_id) is None:
            raise NotFound()
        if await store.revoke_key(tx, who.business_id, key_id, to_ms(now)) is not None:
            await audit.record(tx, who, "api_key.revoked", "api_key", key_id, now=now)
        tx.after_commit(lambda: _known.pop(db, None) and None)

    await write_transaction(db, act)


async def principal_of_key(db: Database, ring: KeyRing, plain: str, now: datetime) -> Principal | None:
    """Who stands behind a key, or None; notes the use, in memory."""
    if not plain.startswith(rules.KEY_PREFIX) or len(plain) > 100:
        return None
    key_hash, now_ms = ring.lookup_hash(KEY, plain), to_ms(now)
    known = _known.setdefault(db, OrderedDict())
    kept = known.get(key_hash)
    if kept is not None and 0 <= now_ms - kept[1] < KEPT_MS:
        uses.note(db, "key", kept[0].id or 0, now_ms)
        return kept[0]
    row = await store.key_by_hash(db, key_hash)
    if row is None:
        known.pop(key_hash, None)
        return None
    principal = _principal(row)
    uses.note(db, "key", row["id"], now_ms)
    known[key_hash] = (principal, now_ms)
    while len(known) > MOST_KEPT:
        known.popitem(last=False)
    return principal


def _principal(row: Row) -> Principal:
    return Principal(row["business_id"], row["business_id"], "api_key", row["id"], row["name"], None, frozenset(row["scopes"].split()),
                     row["location_id"])
