"""The list of numbers that want no messages: keyed hashes, which survive an erasure."""
from dataclasses import dataclass

from app.db import Database, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class Suppression:
    """A number on the list; hint: its last two digits; reason: not_me | stop | bounced | asked; created_at in ms."""

    id: int
    hint: str
    reason: str
    created_at: int


async def append(tx: Transaction, business_id: int | None, phone_hash: bytes, hint: str, reason: str, now: int) -> int:
    return await tx.fetch_val(
        "INSERT INTO suppressions(business_id, phone_server_hash, phone_hint, reason, created_at) VALUES "
        "(CAST(:business_id AS BIGINT), :hash, :hint, :reason, :now) RETURNING id",
        {"business_id": business_id, "hash": phone_hash, "hint": hint, "reason": reason, "now": now})


def _own(business_id: int | None) -> str:
    # Older SQLite knows no IS NOT DISTINCT FROM.
    return "business_id = :business_id" if business_id is not None else "business_id IS NULL"


async def is_listed(reader: Reader, business_id: int | None, phone_hash: bytes) -> bool:
    """On this very list."""
    values = {"hash": phone_hash, **({} if business_id is None else {"business_id": business_id})}
    return await reader.fetch_one(f"SELECT id FROM suppressions WHERE phone_server_hash = :hash AND {_own(business_id)} "
                                  "AND lifted_at IS NULL LIMIT 1", values) is not None


async def is_suppressed(reader: Reader, business_id: int, phone_hash: bytes) -> bool:
    """On the business's list or on the server's."""
    return await reader.fetch_one(
        "SELECT id FROM suppressions WHERE phone_server_hash = :hash AND (business_id IS NULL OR business_id = :business_id) "
        "AND lifted_at IS NULL LIMIT 1", {"hash": phone_hash, "business_id": business_id}) is not None


async def lift(tx: Transaction, business_id: int | None, phone_hash: bytes, why: str, now: int) -> list[int]:
    """The ids of what was lifted."""
    values = {"hash": phone_hash, "why": why, "now": now, **({} if business_id is None else {"business_id": business_id})}
    rows = await tx.fetch_all(f"UPDATE suppressions SET lifted_at = :now, lifted_why = :why WHERE phone_server_hash = :hash "
                              f"AND {_own(business_id)} AND lifted_at IS NULL RETURNING id", values)
    return [row["id"] for row in rows]


async def lift_one(tx: Transaction, business_id: int, suppression_id: int, why: str, now: int) -> bool:
    row = await tx.fetch_one(
        "UPDATE suppressions SET lifted_at = :now, lifted_why = :why WHERE id = :id AND business_id = :business_id AND lifted_at IS NULL "
        "RETURNING id", {"id": suppression_id, "business_id": business_id, "why": why, "now": now})
    return row is not None


async def listed(reader: Reader, business_id: int, before: int | None, limit: int) -> list[Suppression]:
    rows = await reader.fetch_all(
        "SELECT id, phone_hint, reason, created_at FROM suppressions WHERE business_id = :business_id AND lifted_at IS NULL "
        "AND (CAST(:before AS BIGINT) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        {"business_id": business_id, "before": before, "limit": limit})
    return [Suppression(row["id"], row["phone_hint"], row["reason"], row["created_at"]) for row in rows]
