"""SQL on offline_items and offline_rules, and on the counter of a device; who had a session there, and which cards."""
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.db import Database, Transaction
from app.offline.rules import Session

Reader = Database | Transaction
_ITEM = ("SELECT id, business_id, device_id, counter, until, digest, is_slot, kind, state, why, body_sealed, card_id, staff_id, "
         "operation_id, happened_at, received_at, settled_at, settled_by, reason_sealed FROM offline_items ")


class ItemRow(NamedTuple):
    """An operation of a till as it is kept; moments in epoch ms."""

    id: int
    business_id: int
    device_id: int
    counter: int
    until: int | None
    digest: bytes
    is_slot: int
    kind: str
    state: str
    why: str | None
    body_sealed: bytes | None
    card_id: int | None
    staff_id: int | None
    operation_id: int | None
    happened_at: int
    received_at: int
    settled_at: int | None
    settled_by: int | None
    reason_sealed: bytes | None


def _row(row: Any) -> ItemRow:
    values = dict(row)
    for name in ("digest", "body_sealed", "reason_sealed"):
        values[name] = bytes(values[name]) if values[name] is not None else None
    return ItemRow(**values)


async def append(tx: Transaction, values: dict[str, Any]) -> int | None:
    """The new row's id; None where its number (of a slot) or the very same thing stands there already."""
    return await tx.fetch_val(
        "INSERT INTO offline_items(business_id, device_id, counter, until, digest, is_slot, kind, state, why, body_sealed, happened_at, "
        "received_at) VALUES (:business_id, :device_id, :counter, CAST(:until AS BIGINT), :digest, :is_slot, :kind, :state, "
        "CAST(:why AS TEXT), :body_sealed, :happened_at, :received_at) ON CONFLICT DO NOTHING RETURNING id", values)


async def slot(reader: Reader, device_id: int, counter: int) -> ItemRow | None:
    row = await reader.fetch_one(_ITEM + "WHERE device_id = :device AND counter = :counter AND is_slot = 1",
                                 {"device": device_id, "counter": counter})
    return _row(row) if row else None


async def of_digest(reader: Reader, device_id: int, counter: int, digest: bytes) -> ItemRow | None:
    """What stands there of exactly this body: its slot before anything else."""
    row = await reader.fetch_one(_ITEM + "WHERE device_id = :device AND counter = :counter AND digest = :digest "
                                 "ORDER BY is_slot DESC LIMIT 1", {"device": device_id, "counter": counter, "digest": digest})
    return _row(row) if row else None


async def counters_above(reader: Reader, device_id: int, newest: int) -> list[int]:
    rows = await reader.fetch_all("SELECT counter FROM offline_items WHERE device_id = :device AND is_slot = 1 AND counter > :newest "
                                  "ORDER BY counter", {"device": device_id, "newest": newest})
    return [row["counter"] for row in rows]


async def waiting(reader: Reader, device_id: int, newest: int, limit: int) -> list[ItemRow]:
    """What can be done now, in the order of the till's numbers."""
    rows = await reader.fetch_all(_ITEM + "WHERE device_id = :device AND state = 'waiting' AND counter <= :newest ORDER BY counter "
                                  "LIMIT :limit", {"device": device_id, "newest": newest, "limit": limit})
    return [_row(row) for row in rows]


async def count_forged(reader: Reader, device_id: int) -> int:
    return int(await reader.fetch_val("SELECT COUNT(*) FROM offline_items WHERE device_id = :device AND why = 'signature' "
                                      "AND state = 'conflict'", {"device": device_id}))


async def settle(tx: Transaction, item_id: int, values: dict[str, Any]) -> None:
    """A waiting operation is applied, or becomes a conflict. values: state, why, card_id, staff_id, operation_id, settled_at."""
    await tx.execute(
        "UPDATE offline_items SET state = :state, why = CAST(:why AS TEXT), card_id = CAST(:card_id AS BIGINT), "
        "staff_id = CAST(:staff_id AS BIGINT), operation_id = CAST(:operation_id AS BIGINT), settled_at = CAST(:settled_at AS BIGINT), "
        "body_sealed = CASE WHEN :state = 'applied' THEN NULL ELSE body_sealed END WHERE id = :id AND state = 'waiting'",
        {"id": item_id, **values})


async def decide(tx: Transaction, business_id: int, item_id: int, values: dict[str, Any]) -> int | None:
    """A conflict is applied or dismissed; None where somebody was faster. values: state, operation_id, reason_sealed, at, by."""
    return await tx.fetch_val(
        "UPDATE offline_items SET state = :state, operation_id = CAST(:operation_id AS BIGINT), reason_sealed = :reason_sealed, "
        "settled_at = :at, settled_by = CAST(:by AS BIGINT), body_sealed = CASE WHEN :state = 'applied' THEN NULL ELSE body_sealed END "
        "WHERE id = :id AND business_id = :business_id AND state = 'conflict' RETURNING id",
        {"id": item_id, "business_id": business_id, **values})


async def fill_gaps(tx: Transaction, device_id: int, counter: int, now_ms: int) -> None:
    """A number that was told as lost came after all: where it was the only one, nobody has to decide about it any more."""
    await tx.execute("UPDATE offline_items SET state = 'applied', settled_at = :now WHERE device_id = :device AND kind = 'gap' "
                     "AND state = 'conflict' AND counter = :counter AND until = :counter",
                     {"device": device_id, "counter": counter, "now": now_ms})


async def get(reader: Reader, business_id: int, item_id: int) -> ItemRow | None:
    row = await reader.fetch_one(_ITEM + "WHERE id = :id AND business_id = :business_id", {"id": item_id, "business_id": business_id})
    return _row(row) if row else None


async def conflicts(reader: Reader, business_id: int, limit: int) -> list[ItemRow]:
    """Those that nobody decided yet, oldest first."""
    rows = await reader.fetch_all(_ITEM + "WHERE business_id = :business_id AND state = 'conflict' ORDER BY id LIMIT :limit",
                                  {"business_id": business_id, "limit": limit})
    return [_row(row) for row in rows]


async def count_conflicts(reader: Reader, business_id: int) -> int:
    return int(await reader.fetch_val("SELECT COUNT(*) FROM offline_items WHERE business_id = :business_id AND state = 'conflict'",
                                      {"business_id": business_id}))


async def decided(reader: Reader, business_id: int, limit: int) -> list[ItemRow]:
    """What managers decided, newest first."""
    rows = await reader.fetch_all(_ITEM + "WHERE business_id = :business_id AND settled_at IS NOT NULL AND settled_by IS NOT NULL "
                                  "ORDER BY settled_at DESC LIMIT :limit", {"business_id": business_id, "limit": limit})
    return [_row(row) for row in rows]


async def sessions_on(reader: Reader, business_id: int, staff_id: int, device_id: int) -> Sequence[Session]:
    rows = await reader.fetch_all(
        "SELECT created_at, expires_at, revoked_at, location_id FROM sessions WHERE business_id = :business_id AND staff_id = :staff_id "
        "AND device_id = :device_id AND kind = 'till' AND training = 0",
        {"business_id": business_id, "staff_id": staff_id, "device_id": device_id})
    return [Session(**dict(row)) for row in rows]


async def redeem_most(reader: Reader, business_id: int) -> int:
    """What points may pay of a receipt without a network, in minor units; 0: nothing."""
    return int(await reader.fetch_val("SELECT redeem_most_minor FROM offline_rules WHERE business_id = :business_id",
                                      {"business_id": business_id}) or 0)


async def set_redeem_most(tx: Transaction, business_id: int, minor: int, now_ms: int) -> None:
    await tx.execute("INSERT INTO offline_rules(business_id, redeem_most_minor, changed_at) VALUES (:business_id, :minor, :now) "
                     "ON CONFLICT (business_id) DO UPDATE SET redeem_most_minor = excluded.redeem_most_minor, "
                     "changed_at = excluded.changed_at",
                     {"business_id": business_id, "minor": minor, "now": now_ms})


async def card_of_retired(reader: Reader, business_id: int, code: str) -> int | None:
    """The card that a code belonged to before it was given another one."""
    return await reader.fetch_val("SELECT card_id FROM retired_codes WHERE code = :code AND business_id = :business_id",
                                  {"code": code, "business_id": business_id})


async def newest_of(tx: Transaction, business_id: int, device_id: int) -> int:
    """Up to which number everything that the till did offline came; its row is locked until the commit."""
    return await tx.fetch_val("UPDATE devices SET counter = counter WHERE id = :id AND business_id = :business_id RETURNING counter",
                              {"id": device_id, "business_id": business_id})


async def set_newest(tx: Transaction, business_id: int, device_id: int, counter: int) -> None:
    await tx.execute("UPDATE devices SET counter = :counter WHERE id = :id AND business_id = :business_id",
                     {"counter": counter, "id": device_id, "business_id": business_id})


async def cards_seen(reader: Reader, business_id: int, location_id: int | None, since_ms: int, most: int) -> list[int]:
    """Cards with an operation at the location (None: anywhere) since then, newest first; of its newest thousand operations."""
    at_location = "AND location_id = :location " if location_id else ""
    values = {"business_id": business_id, "since": since_ms, "most": most, **({"location": location_id} if location_id else {})}
    rows = await reader.fetch_all(
        "SELECT card_id, MAX(at) AS seen_at FROM (SELECT card_id, at FROM operations WHERE business_id = :business_id AND at >= :since "
        f"{at_location}ORDER BY at DESC LIMIT 1000) lately GROUP BY card_id ORDER BY seen_at DESC, card_id LIMIT :most", values)
    return [row["card_id"] for row in rows]
