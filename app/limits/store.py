"""The table of hits: one row a counted event."""
from collections.abc import Sequence

from app.db import Database, Transaction

Reader = Database | Transaction


async def lock(tx: Transaction, numbers: Sequence[int]) -> None:
    """Holds the advisory locks `numbers` (sorted) until the commit; SQLite has one writer and nothing to lock."""
    if tx.engine == "postgresql":
        for number in numbers:
            await tx.execute("SELECT pg_advisory_xact_lock(CAST(:number AS BIGINT))", {"number": number})


async def quota(reader: Reader, business_id: int, name: str) -> int | None:
    assert name in ("messages_day", "cards", "storage_bytes")
    return await reader.fetch_val(f"SELECT {name} FROM business_limits WHERE business_id = :business_id", {"business_id": business_id})


async def nth_newest(reader: Reader, scope: str, subject: str, after_at: int, place: int) -> int | None:
    """When the `place`-th newest hit (1: the newest) later than `after_at` happened; None when there are fewer."""
    return await reader.fetch_val(
        "SELECT at FROM limit_hits WHERE scope = :scope AND subject = :subject AND at > :after_at ORDER BY at DESC LIMIT 1 OFFSET :skip",
        {"scope": scope, "subject": subject, "after_at": after_at, "skip": place - 1})


async def count(tx: Transaction, scope: str, subject: str, since_at: int, until_at: int) -> int:
    return await tx.fetch_val(
        "SELECT COUNT(*) FROM limit_hits WHERE scope = :scope AND subject = :subject AND at > :since_at AND at <= :until_at",
        {"scope": scope, "subject": subject, "since_at": since_at, "until_at": until_at})


async def newest(tx: Transaction, scope: str, subject: str, until_at: int, most: int) -> list[int]:
    rows = await tx.fetch_all(
        "SELECT at FROM limit_hits WHERE scope = :scope AND subject = :subject AND at <= :until_at ORDER BY at DESC LIMIT :most",
        {"scope": scope, "subject": subject, "until_at": until_at, "most": most})
    return [row["at"] for row in rows]


async def append(tx: Transaction, scope: str, subject: str, at: int) -> None:
    await tx.execute("INSERT INTO limit_hits(scope, subject, at) VALUES (:scope, :subject, :at)",
                     {"scope": scope, "subject": subject, "at": at})


async def delete_newest(tx: Transaction, scope: str, subject: str, at: int) -> None:
    """Forgets one hit of that very moment."""
    await tx.execute("DELETE FROM limit_hits WHERE id = (SELECT MAX(id) FROM limit_hits WHERE scope = :scope AND subject = :subject "
                     "AND at = :at)", {"scope": scope, "subject": subject, "at": at})


async def delete_before(tx: Transaction, before_at: int, most: int) -> int:
    """Deletes up to `most` hits older than `before_at`; returns how many."""
    return len(await tx.fetch_all(
        "DELETE FROM limit_hits WHERE id IN (SELECT id FROM limit_hits WHERE at < :before_at ORDER BY at LIMIT :most) RETURNING id",
        {"before_at": before_at, "most": most}))
