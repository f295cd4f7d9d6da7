"""SQL that reads past receipts and what was issued and spent; runs on a snapshot and writes nothing."""
from app.db import Database, Row, Transaction

Reader = Database | Transaction
# Purchases of a programme in a time that were not undone.
_SALES = (
    "FROM operations o WHERE o.business_id = :business_id AND o.program_id = :program_id AND o.kind = 'sale' AND o.at >= :since "
    "AND o.at < :until AND NOT EXISTS (SELECT 1 FROM operations u WHERE u.of_operation_id = o.id AND u.kind = 'undo')")


async def count_sales(reader: Reader, business_id: int, program_id: int, since: int, until: int) -> int:
    return int(await reader.fetch_val("SELECT COUNT(*) " + _SALES, {
        "business_id": business_id, "program_id": program_id, "since": since, "until": until}))


async def sales(reader: Reader, business_id: int, program_id: int, since: int, until: int, every: int, limit: int) -> list[Row]:
    """Each `every`th purchase, oldest first: account_id, location_id, at, amount_minor, spent_minor, content (its texts), is_first."""
    return await reader.fetch_all(
        "SELECT s.account_id, s.location_id, s.at, s.amount_minor, s.spent_minor, t.content, "
        "CASE WHEN EXISTS (SELECT 1 FROM operations e WHERE e.account_id = s.account_id AND e.kind = 'sale' AND e.id < s.id) THEN 0 "
        "ELSE 1 END AS is_first FROM (SELECT o.id, o.account_id, o.location_id, o.at, o.amount_minor, o.spent_minor, "
        "ROW_NUMBER() OVER (ORDER BY o.at, o.id) AS n " + _SALES + ") AS s LEFT JOIN operation_texts t ON t.operation_id = s.id "
        "WHERE (s.n - 1) % CAST(:every AS BIGINT) = 0 ORDER BY s.at, s.id LIMIT :limit",
        {"business_id": business_id, "program_id": program_id, "since": since, "until": until, "every": every, "limit": limit})


async def moved(reader: Reader, business_id: int, program_id: int, unit: str, since: int, until: int) -> tuple[int, int]:
    """(issued, redeemed) of a unit in a time, both >= 0; what refunds took and gave back is taken off."""
    row = await reader.fetch_one(
        "SELECT COALESCE(SUM(CASE WHEN e.book = 'issued' THEN -e.amount ELSE 0 END), 0) AS issued, "
        "COALESCE(SUM(CASE WHEN e.book = 'redeemed' THEN e.amount ELSE 0 END), 0) AS redeemed "
        "FROM operations o JOIN entries e ON e.operation_id = o.id WHERE o.business_id = :business_id AND o.program_id = :program_id "
        "AND o.at >= :since AND o.at < :until AND e.account_id IS NULL AND e.unit = :unit",
        {"business_id": business_id, "program_id": program_id, "since": since, "until": until, "unit": unit})
    assert row is not None
    return max(0, int(row["issued"])), max(0, int(row["redeemed"]))


async def open_balances(reader: Reader, business_id: int, program_id: int) -> list[Row]:
    """unit, accounts, amount: who holds something above zero."""
    return await reader.fetch_all(
        "SELECT b.unit, COUNT(*) AS accounts, SUM(b.amount) AS amount FROM balances b JOIN accounts a ON a.id = b.account_id "
        "WHERE a.business_id = :business_id AND a.program_id = :program_id AND b.amount > 0 GROUP BY b.unit ORDER BY b.unit",
        {"business_id": business_id, "program_id": program_id})


async def open_now(reader: Reader, business_id: int, program_id: int, unit: str) -> int:
    """What shoppers could still spend of a unit, all together; debts do not make it smaller."""
    return int(await reader.fetch_val(
        "SELECT COALESCE(SUM(b.amount), 0) FROM balances b JOIN accounts a ON a.id = b.account_id WHERE a.business_id = :business_id "
        "AND a.program_id = :program_id AND b.unit = :unit AND b.amount > 0",
        {"business_id": business_id, "program_id": program_id, "unit": unit}))
