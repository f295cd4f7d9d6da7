"""The moments at which a programme ends: from when on it earns nothing, and from when on it is over."""
from typing import Any

from app.db import Database, Transaction

Reader = Database | Transaction
# Accounts of a programme that still hold something or show a card. They drop out as they are closed.
_OPEN = """
SELECT a.id FROM accounts a WHERE a.program_id = :program_id AND a.business_id = :business_id AND a.id > :after
  AND a.merged_into IS NULL AND (
  EXISTS (SELECT 1 FROM balances b WHERE b.account_id = a.id AND b.amount <> 0)
  OR EXISTS (SELECT 1 FROM cards c WHERE c.account_id = a.id AND c.status IN ('active', 'provisional', 'blocked')))
ORDER BY a.id LIMIT :limit"""


async def set_closing(tx: Transaction, business_id: int, program_id: int, earns_until: int | None, spends_until: int | None) -> None:
    await tx.execute(
        "UPDATE programs SET earns_until_at = CAST(:earns_until AS BIGINT), spends_until_at = CAST(:spends_until AS BIGINT)"
        " WHERE id = :id AND business_id = :business_id AND closed_at IS NULL",
        {"earns_until": earns_until, "spends_until": spends_until, "id": program_id, "business_id": business_id})


async def set_closed(tx: Transaction, business_id: int, program_id: int, at: int) -> bool:
    """Whether it was open until now."""
    return await tx.fetch_one("UPDATE programs SET closed_at = :at WHERE id = :id AND business_id = :business_id AND closed_at IS NULL"
                              " RETURNING id", {"at": at, "id": program_id, "business_id": business_id}) is not None


async def due(reader: Reader, now: int) -> list[Any]:
    """id and business_id of the programmes of every business that are over and not closed yet."""
    return await reader.fetch_all("SELECT id, business_id FROM programs WHERE spends_until_at <= :now AND closed_at IS NULL ORDER BY id",
                                  {"now": now})


async def open_accounts(reader: Reader, business_id: int, program_id: int, after: int, limit: int) -> list[int]:
    """In order of their ids, those above `after`."""
    return [row["id"] for row in await reader.fetch_all(
        _OPEN, {"business_id": business_id, "program_id": program_id, "after": after, "limit": limit})]
