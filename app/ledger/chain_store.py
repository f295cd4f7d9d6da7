"""The chain's rows, and the tables read from end to end for sealing and verifying."""
from collections.abc import Sequence
from typing import Any

from app.db import Transaction
from app.ledger.chain import FIRST, OPERATION_FIELDS
from app.ledger.store import Reader, in_list

COLUMNS = ", ".join(f"o.{field}" for field in OPERATION_FIELDS)
_SEALING_LOCK = 0x7E55E7A2
_HEAD = "SELECT seq, hash FROM chain WHERE business_id = :business_id ORDER BY seq DESC LIMIT 1"
_LINK = "INSERT INTO chain(business_id, seq, operation_id, hash) VALUES (:business_id, :seq, :operation_id, :hash)"
_UNSEALED = f"""
SELECT {COLUMNS}, o.text_hash FROM operations o LEFT JOIN chain c ON c.operation_id = o.id
WHERE c.operation_id IS NULL AND o.id > :low ORDER BY o.id LIMIT :limit"""
_ENTRIES = """
SELECT e.operation_id, e.line, e.business_id, e.account_id, e.book, e.unit, e.amount, e.lot_id,
  l.unit AS lot_unit, l.granted, l.expires_at, l.created_at, l.available_at, l.moved_from,
  l.operation_id AS made_by
FROM entries e LEFT JOIN lots l ON l.id = e.lot_id"""


async def lock(tx: Transaction) -> None:
    await tx.execute("SELECT pg_advisory_xact_lock(CAST(:lock AS BIGINT))", {"lock": _SEALING_LOCK})


async def head(tx: Transaction, business_id: int) -> tuple[int, bytes]:
    row = await tx.fetch_one(_HEAD, {"business_id": business_id})
    return (row["seq"], bytes(row["hash"])) if row else (0, FIRST)


async def insert_links(tx: Transaction, links: Sequence[dict[str, Any]]) -> None:
    await tx.execute_many(_LINK, links)


async def unsealed(reader: Reader, window: int | None, limit: int) -> list[Any]:
    """Operations without a link, by id; window: only that many ids back from the newest sealed one."""
    newest = await reader.fetch_val("SELECT COALESCE(MAX(operation_id), 0) FROM chain")
    low = 0 if window is None else max(0, newest - window)
    return await reader.fetch_all(_UNSEALED, {"low": low, "limit": limit})


async def entries_of(reader: Reader, operation_ids: Sequence[int]) -> list[Any]:
    """Of at most 201 operations, by operation and line, each with what is known of its lot."""
    names, values = in_list(operation_ids)
    return await reader.fetch_all(f"{_ENTRIES} WHERE e.operation_id IN ({names}) ORDER BY e.operation_id, e.line", values)
