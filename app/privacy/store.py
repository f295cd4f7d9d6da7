"""SQL on the list of erasures, and on what names a person beside the tables that `held` lists."""
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import from_ms, to_ms
from app.db import Database, Row, Transaction
from app.web.principal import Principal

Reader = Database | Transaction
_COLUMNS = "id, business_id, customer_id, customer_created_at, actor_kind, actor_id, cards, removed, at"
_LISTED = "business_id, customer_id, customer_created_at, phone_hash, email_hash, actor_kind, actor_id, cards, removed, at"


@dataclass(frozen=True, slots=True)
class Erasure:
    """Who was forgotten (the number that the ledger keeps), when, by whom, and what went: table → rows."""

    id: int
    business_id: int
    customer_id: int
    since: datetime             # when the person became a customer
    actor_kind: str
    actor_id: int | None
    cards: int
    removed: Mapping[str, int]
    at: datetime


def _erasure(row: Row) -> Erasure:
    return Erasure(row["id"], row["business_id"], row["customer_id"], from_ms(row["customer_created_at"]), row["actor_kind"],
                   row["actor_id"], row["cards"], json.loads(row["removed"]), from_ms(row["at"]))


async def note(tx: Transaction, who: Principal, customer_id: int, now: datetime) -> int:
    """Rows for the person and for whoever was merged into them, before their hashes go; the id of the person's own."""
    await tx.execute(
        "INSERT INTO erasures(business_id, customer_id, customer_created_at, phone_hash, email_hash, actor_kind, actor_id, cards, removed, "
        "at) SELECT business_id, id, created_at, phone_hash, email_hash, CAST(:actor_kind AS TEXT), CAST(:actor_id AS BIGINT), 0, '{}', "
        "CAST(:now AS BIGINT) FROM customers WHERE business_id = :business_id AND (id = :id OR merged_into = :id) ON CONFLICT DO NOTHING",
        {"actor_kind": who.kind, "actor_id": who.id, "now": to_ms(now), "business_id": who.business_id, "id": customer_id})
    return await tx.fetch_val("SELECT id FROM erasures WHERE business_id = :business_id AND customer_id = :id",
                              {"business_id": who.business_id, "id": customer_id})


async def finish(tx: Transaction, erasure_id: int, cards: int, removed: Mapping[str, int]) -> Erasure:
    """What an erasure did; of one that is done again, only what the first did not."""
    row = await tx.fetch_one(f"UPDATE erasures SET cards = cards + :cards, removed = :removed WHERE id = :id RETURNING {_COLUMNS}",
                             {"cards": cards, "removed": json.dumps(dict(removed)), "id": erasure_id})
    return _erasure(row)


async def erasures(reader: Reader, business_id: int, limit: int, before: int | None = None) -> list[Erasure]:
    """The newest first."""
    rows = await reader.fetch_all(
        f"SELECT {_COLUMNS} FROM erasures WHERE business_id = :business_id AND (CAST(:before AS BIGINT) IS NULL "
        "OR id < CAST(:before AS BIGINT)) ORDER BY id DESC LIMIT :limit", {"business_id": business_id, "before": before, "limit": limit})
    return [_erasure(row) for row in rows]


async def erasure(reader: Reader, business_id: int, erasure_id: int) -> Erasure | None:
    row = await reader.fetch_one(f"SELECT {_COLUMNS} FROM erasures WHERE id = :id AND business_id = :business_id",
                                 {"id": erasure_id, "business_id": business_id})
    return _erasure(row) if row else None


async def listed(reader: Reader) -> list[dict[str, Any]]:
    """Every erasure of the server, as its list keeps it; hashes in hex."""
    rows = await reader.fetch_all(f"SELECT {_LISTED} FROM erasures ORDER BY id")
    return [{column: value.hex() if isinstance(value, bytes) else value
             for column, value in ((name, bytes(row[name]) if name.endswith("_hash") and row[name] is not None else row[name])
                                   for name in _LISTED.split(", "))} for row in rows]


async def put_back(tx: Transaction, entry: Mapping[str, Any]) -> None:
    """An erasure of the list that the table has not: it came after the backup."""
    values = {name: bytes.fromhex(entry[name]) if name.endswith("_hash") and entry[name] else entry[name] for name in _LISTED.split(", ")}
    if await tx.fetch_one("SELECT id FROM businesses WHERE id = :id", {"id": values["business_id"]}) is None:
        return
    await tx.execute(
        f"INSERT INTO erasures({_LISTED}) VALUES (:business_id, :customer_id, :customer_created_at, :phone_hash, :email_hash, :actor_kind, "
        "CAST(:actor_id AS BIGINT), :cards, :removed, :at) ON CONFLICT DO NOTHING", values)


async def come_back(reader: Reader) -> list[tuple[int, int]]:
    """(business, customer) of those who were erased and are there again: the same row, or one of the same number or address from before."""
    rows = await reader.fetch_all(
        "SELECT DISTINCT c.business_id, COALESCE(c.merged_into, c.id) AS customer_id FROM customers c JOIN erasures e "
        "ON e.business_id = c.business_id AND c.created_at <= e.at AND ((c.id = e.customer_id AND c.created_at = e.customer_created_at) "
        "OR c.phone_hash = e.phone_hash OR c.email_hash = e.email_hash) WHERE c.erased_at IS NULL ORDER BY 1, 2")
    return [(row["business_id"], row["customer_id"]) for row in rows]


async def waiting_again(reader: Reader) -> list[tuple[int, int]]:
    """(business, enrolment) that wait for an erased number since before it was erased."""
    rows = await reader.fetch_all(
        "SELECT n.business_id, n.id FROM enrolments n JOIN erasures e ON e.business_id = n.business_id AND n.created_at <= e.at "
        "AND (n.phone_hash = e.phone_hash OR n.email_hash = e.email_hash) WHERE n.status = 'pending' AND n.card_id IS NULL")
    return [(row["business_id"], row["id"]) for row in rows]


async def forget_demo(tx: Transaction, e164: str) -> None:
    """The simulated shopper's inbox of a demo."""
    await tx.execute("DELETE FROM demo_messages WHERE phone = :phone", {"phone": e164})
