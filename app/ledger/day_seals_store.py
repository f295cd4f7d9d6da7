"""The seals of days, and the links that they cover."""
from collections.abc import Sequence
from typing import Any

from app.db import Transaction
from app.ledger.store import Reader

_LINKS = """
SELECT c.seq, c.hash, o.recorded_at FROM chain c JOIN operations o ON o.id = c.operation_id
WHERE c.business_id = :business_id AND c.seq > :after ORDER BY c.seq LIMIT :limit"""
_NEWEST = "SELECT local_day, last_seq FROM day_seals WHERE business_id = :business_id ORDER BY last_seq DESC LIMIT 1"
_INSERT = """
INSERT INTO day_seals(business_id, local_day, first_seq, last_seq, head, root, created_at)
VALUES (:business_id, :local_day, :first_seq, :last_seq, :head, :root, :now) ON CONFLICT DO NOTHING"""
_LIST = """
SELECT local_day, first_seq, last_seq, head, root FROM day_seals WHERE business_id = :business_id ORDER BY last_seq DESC LIMIT :limit"""
_COVERING = """
SELECT local_day, first_seq, last_seq, head, root FROM day_seals
WHERE business_id = :business_id AND first_seq <= :seq AND last_seq >= :seq"""
_HASHES = "SELECT hash FROM chain WHERE business_id = :business_id AND seq >= :first AND seq <= :last ORDER BY seq"
_LINK = "SELECT seq, hash FROM chain WHERE business_id = :business_id AND operation_id = :operation_id"
_WAITING = """
SELECT 1 FROM operations o LEFT JOIN chain c ON c.operation_id = o.id
WHERE +o.business_id = :business_id AND o.id > :low AND c.operation_id IS NULL LIMIT 1"""
_NUMBERED = "SELECT id FROM operations WHERE account_id = :account_id AND +business_id = :business_id ORDER BY id LIMIT 1 OFFSET :skip"
# The plus keeps SQLite from reading all operations of the business instead of the account's.
_COUNT = "SELECT COUNT(*) FROM operations WHERE account_id = :account_id AND +business_id = :business_id"


async def links_after(reader: Reader, business_id: int, seq: int, limit: int) -> list[Any]:
    """seq, hash, recorded_at (epoch ms) in the chain's order."""
    return await reader.fetch_all(_LINKS, {"business_id": business_id, "after": seq, "limit": limit})


async def newest(reader: Reader, business_id: int) -> Any:
    """local_day and last_seq of the newest seal, or None."""
    return await reader.fetch_one(_NEWEST, {"business_id": business_id})


async def is_unsealed(reader: Reader, business_id: int, window: int) -> bool:
    """Whether an operation among the newest `window` ids still waits for its link."""
    low = await reader.fetch_val("SELECT COALESCE(MAX(id), 0) FROM operations") - window
    return await reader.fetch_val(_WAITING, {"business_id": business_id, "low": low}) is not None


async def insert(tx: Transaction, values: dict[str, Any]) -> None:
    await tx.execute(_INSERT, values)


async def list_days(reader: Reader, business_id: int, limit: int) -> Sequence[Any]:
    """local_day, first_seq, last_seq, head, root; newest first."""
    return await reader.fetch_all(_LIST, {"business_id": business_id, "limit": limit})


async def every(reader: Reader) -> Sequence[Any]:
    """business_id, local_day, first_seq, last_seq, head, root; by business, oldest first."""
    return await reader.fetch_all(
        "SELECT business_id, local_day, first_seq, last_seq, head, root FROM day_seals ORDER BY business_id, first_seq")


async def covering(reader: Reader, business_id: int, seq: int) -> Any:
    """The seal that a link belongs to, or None."""
    return await reader.fetch_one(_COVERING, {"business_id": business_id, "seq": seq})


async def hashes(reader: Reader, business_id: int, first: int, last: int) -> list[bytes]:
    return [bytes(row[0]) for row in await reader.fetch_all(_HASHES, {"business_id": business_id, "first": first, "last": last})]


async def link_of(reader: Reader, business_id: int, operation_id: int) -> Any:
    """seq and hash, or None while the operation is not sealed."""
    return await reader.fetch_one(_LINK, {"business_id": business_id, "operation_id": operation_id})


async def numbered(reader: Reader, business_id: int, account_id: int, number: int) -> int | None:
    """The account's operation number `number` (from 1), in the order of arrival."""
    return await reader.fetch_val(_NUMBERED, {"business_id": business_id, "account_id": account_id, "skip": number - 1})


async def count(reader: Reader, business_id: int, account_id: int) -> int:
    return await reader.fetch_val(_COUNT, {"business_id": business_id, "account_id": account_id})
