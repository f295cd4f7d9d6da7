"""Updates, their queue on PostgreSQL, the newest number of each card, readers' cursors, and the outbox of events."""
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.db import Database, Transaction

# The floor lies beyond every number that was handed out before a restore, though the rows that held them are gone.
_NEWEST = "COALESCE((SELECT MAX(number) FROM updates), 0)"
_FLOOR = "COALESCE((SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'update_floor'), 0)"
_APPEND = f"""
INSERT INTO updates(number, business_id, card_id, registration_id, at)
VALUES (1 + MAX({_NEWEST}, {_FLOOR}), :business_id, :card_id, :registration_id, :at) RETURNING number"""
_INSERT = """
INSERT INTO updates(number, business_id, card_id, registration_id, at) VALUES (:number, :business_id, :card_id, :registration_id, :at)"""
_LATEST = """
INSERT INTO latest_updates(card_id, number) VALUES (:card_id, :number)
ON CONFLICT (card_id) DO UPDATE SET number = excluded.number"""
_ENQUEUE = """
INSERT INTO update_queue(business_id, card_id, registration_id, at) VALUES (:business_id, :card_id, :registration_id, :at)"""
_NUMBER_BATCH = f"""
WITH taken AS (
  DELETE FROM update_queue WHERE id IN (SELECT id FROM update_queue ORDER BY id LIMIT :limit)
  RETURNING id, business_id, card_id, registration_id, at
), numbered AS (
  INSERT INTO updates(number, business_id, card_id, registration_id, at)
  SELECT GREATEST({_NEWEST}, {_FLOOR}) + ROW_NUMBER() OVER (ORDER BY id), business_id, card_id, registration_id, at FROM taken
  RETURNING number, card_id, registration_id
), latest AS (
  INSERT INTO latest_updates(card_id, number)
  SELECT card_id, MAX(number) FROM numbered WHERE registration_id IS NULL GROUP BY card_id
  ON CONFLICT (card_id) DO UPDATE SET number = excluded.number
)
SELECT COUNT(*) FROM numbered"""
_SINCE = """
SELECT number, business_id, card_id, registration_id, at FROM updates WHERE number > :number ORDER BY number LIMIT :limit"""
_OF_REGISTRATION = """
SELECT number FROM updates WHERE number > :after AND registration_id = :registration_id ORDER BY number DESC LIMIT 1"""
_LIFT = """
INSERT INTO meta(key, value) VALUES ('update_floor', CAST(CAST(:floor AS BIGINT) AS TEXT))
ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
_MOVE_CURSOR = """
INSERT INTO cursors(name, number) VALUES (:name, :number)
ON CONFLICT (name) DO UPDATE SET number = excluded.number WHERE cursors.number < excluded.number"""
_HOLD_CURSOR = """
INSERT INTO cursors(name, number) VALUES (:name, 0) ON CONFLICT (name) DO UPDATE SET number = cursors.number RETURNING number"""
_SET_CURSOR = """
INSERT INTO cursors(name, number) VALUES (:name, :number) ON CONFLICT (name) DO UPDATE SET number = excluded.number"""
_REACHED = "SELECT MIN(number) FROM cursors WHERE name IN ('push', 'google')"
# The oldest numbers alone are looked at: where none of them is old enough, nothing is.
_FORGET = """
DELETE FROM updates WHERE number IN (
  SELECT number FROM (SELECT number, at FROM updates WHERE number < :until ORDER BY number LIMIT :limit) AS oldest WHERE at < :before)
RETURNING number"""
_EMIT = """
INSERT INTO events(business_id, kind, card_id, operation_id, customer_id, enrolment_id, details, at)
VALUES (:business_id, :kind, :card_id, :operation_id, :customer_id, :enrolment_id, :details, :at)"""
# One number for "numbering the queue" among PostgreSQL's advisory locks.
_NUMBERING_LOCK = 0x7E55E7A1


class Update(NamedTuple):
    """A card changed. registration_id: set where one registration took the number for itself and nobody else is concerned."""

    number: int
    business_id: int
    card_id: int
    registration_id: int | None
    at: int


async def append(tx: Transaction, values: dict[str, Any]) -> int:
    """SQLite: numbers the update at once, for there is one writer and so one order of commits."""
    number = await tx.execute(_APPEND, values)
    if values["registration_id"] is None:
        await tx.execute(_LATEST, {"card_id": values["card_id"], "number": number})
    return number


async def append_many(tx: Transaction, cards: Sequence[tuple[int, int]], at_ms: int) -> None:
    """The same for many cards at once: (business, card) each; PostgreSQL: they wait for the runner."""
    rows: list[dict[str, Any]] = [
        {"business_id": business, "card_id": card, "registration_id": None, "at": at_ms} for business, card in cards]
    if tx.engine == "postgresql":
        return await tx.execute_many(_ENQUEUE, rows)
    first = 1 + await tx.fetch_val(f"SELECT MAX({_NEWEST}, {_FLOOR})")
    for number, row in enumerate(rows, first):
        row["number"] = number
    await tx.execute_many(_INSERT, rows)
    await tx.execute_many(_LATEST, [{"card_id": row["card_id"], "number": row["number"]} for row in rows])


async def enqueue(tx: Transaction, values: dict[str, Any]) -> None:
    """PostgreSQL: the update waits for the one runner, who numbers what is committed."""
    await tx.execute(_ENQUEUE, values)


async def number_batch(tx: Transaction, limit: int) -> int:
    """Give numbers to at most `limit` committed updates; returns to how many."""
    await tx.execute("SELECT pg_advisory_xact_lock(CAST(:lock AS BIGINT))", {"lock": _NUMBERING_LOCK})
    return await tx.fetch_val(_NUMBER_BATCH, {"limit": limit})


async def newest(db: Database | Transaction) -> int:
    return await db.fetch_val(f"SELECT {_NEWEST}")


async def newest_of(db: Database | Transaction, card_id: int) -> int:
    """The newest number of a card; 0 before its first."""
    return await db.fetch_val("SELECT number FROM latest_updates WHERE card_id = :card_id", {"card_id": card_id}) or 0


async def since(db: Database | Transaction, number: int, limit: int) -> list[Update]:
    return [Update(*row) for row in await db.fetch_all(_SINCE, {"number": number, "limit": limit})]


async def of_registration(db: Database, registration_id: int, after: int) -> int | None:
    return await db.fetch_val(_OF_REGISTRATION, {"registration_id": registration_id, "after": after})


async def lift(tx: Transaction, by: int) -> int:
    highest = max(await newest(tx), await tx.fetch_val(f"SELECT {_FLOOR}"))
    await tx.execute(_LIFT, {"floor": highest + by})
    return highest + by


async def find_cursor(db: Database | Transaction, name: str) -> int:
    return await db.fetch_val("SELECT number FROM cursors WHERE name = :name", {"name": name}) or 0


async def move_cursor(tx: Transaction, name: str, number: int) -> None:
    await tx.execute(_MOVE_CURSOR, {"name": name, "number": number})


async def hold_cursor(tx: Transaction, name: str) -> int:
    """Where it is, 0 before it was ever moved; until `tx` ends nobody else moves it."""
    return await tx.fetch_val(_HOLD_CURSOR, {"name": name})


async def set_cursor(tx: Transaction, name: str, number: int) -> None:
    """To where it says, also backwards: for cursors of two numbers, whose second begins again."""
    await tx.execute(_SET_CURSOR, {"name": name, "number": number})


async def reached(db: Database) -> int:
    """Up to which number every reader of updates has come; 0 where none has begun. A reader without a cursor begins at the newest."""
    return await db.fetch_val(_REACHED) or 0


async def forget(tx: Transaction, until: int, before_ms: int, limit: int) -> int:
    """Delete what is numbered below `until` and older than `before_ms` among the `limit` oldest; returns how many."""
    return len(await tx.fetch_all(_FORGET, {"until": until, "before": before_ms, "limit": limit}))


async def emit(tx: Transaction, values: dict[str, Any]) -> None:
    await tx.execute(_EMIT, values)


async def emit_many(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    await tx.execute_many(_EMIT, rows)
