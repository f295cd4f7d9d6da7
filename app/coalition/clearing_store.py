"""SQL that reads a coalition's operations, entries and lots for its clearing; runs on a snapshot and writes nothing.

A month is judged by when operations were recorded, so a statement that was paid never changes. `at` lies up to 72 hours before
that; it narrows the search to the index.
"""
from typing import Any

from app.db import Database, Row, Transaction

Reader = Database | Transaction
LATE_MS = 4 * 86_400_000

_MONTH = "o.business_id = :business_id AND o.at >= :early AND o.at < :until AND o.recorded_at >= :since AND o.recorded_at < :until"
# Sales of the month, and sales of any time that were taken back in it.
_CONCERNED = f"""
SELECT CASE WHEN o.kind = 'sale' THEN o.id ELSE o.of_operation_id END FROM operations o
WHERE {_MONTH} AND o.kind IN ('sale', 'refund', 'undo')"""
# The business's entry that closes a leg says what its parts were for.
_BOOK = """
(SELECT b.book FROM entries b WHERE b.operation_id = e.operation_id AND b.line > e.line AND b.account_id IS NULL ORDER BY b.line LIMIT 1)"""
_PARTS = f"""
SELECT s.id, s.acting_business_id AS spender, s.spent_minor, s.recorded_at, -e.amount AS amount, l.id AS lot,
  CASE WHEN l.moved_from IS NULL AND m.kind NOT IN ('refund', 'undo') THEN m.acting_business_id END AS issuer
FROM operations s JOIN entries e ON e.operation_id = s.id JOIN lots l ON l.id = e.lot_id JOIN operations m ON m.id = l.operation_id
WHERE s.business_id = :business_id AND s.id IN ({_CONCERNED}) AND e.book = 'account' AND e.unit = :unit AND e.amount < 0
  AND {_BOOK} = 'redeemed'
ORDER BY s.id, e.line"""
_GIVEN = f"""
SELECT r.of_operation_id AS sale, SUM(CASE WHEN r.recorded_at < :since THEN -e.amount ELSE 0 END) AS before,
  SUM(CASE WHEN r.recorded_at < :until THEN -e.amount ELSE 0 END) AS after
FROM operations r JOIN entries e ON e.operation_id = r.id
WHERE r.business_id = :business_id AND r.of_operation_id IN ({_CONCERNED}) AND r.kind IN ('refund', 'undo')
  AND e.account_id IS NULL AND e.book = 'redeemed' AND e.unit = :unit
GROUP BY r.of_operation_id"""
_ISSUED = f"""
SELECT o.acting_business_id AS business, SUM(-e.amount) AS amount FROM operations o JOIN entries e ON e.operation_id = o.id
WHERE {_MONTH} AND e.account_id IS NULL AND e.book = 'issued' AND e.unit = :unit GROUP BY o.acting_business_id"""
_EXPIRED = f"""
SELECT CASE WHEN l.moved_from IS NULL AND m.kind NOT IN ('refund', 'undo') THEN m.acting_business_id END AS issuer,
  CASE WHEN l.moved_from IS NULL AND m.kind NOT IN ('refund', 'undo') THEN 0 ELSE l.id END AS lot, SUM(-e.amount) AS amount
FROM operations o JOIN entries e ON e.operation_id = o.id JOIN lots l ON l.id = e.lot_id JOIN operations m ON m.id = l.operation_id
WHERE {_MONTH} AND o.kind = 'expiry' AND e.book = 'account' AND e.unit = :unit GROUP BY 1, 2"""
_ORIGIN = """
SELECT l.moved_from, m.acting_business_id, m.kind, m.of_operation_id FROM lots l JOIN operations m ON m.id = l.operation_id
WHERE l.id = :lot AND l.business_id = :business_id"""
_FIRST_DRAWN = """
SELECT lot_id FROM entries WHERE operation_id = :operation_id AND business_id = :business_id AND book = 'account' AND unit = :unit
AND amount < 0 ORDER BY line LIMIT 1"""


def _values(business_id: int, unit: str, since: int, until: int) -> dict[str, Any]:
    return {"business_id": business_id, "unit": unit, "since": since, "until": until, "early": since - LATE_MS}


async def parts(reader: Reader, business_id: int, unit: str, since: int, until: int) -> list[Row]:
    """id, spender, spent_minor, recorded_at of sales; amount, lot and issuer (None: ask `origin`) of what each drew, in its order."""
    return await reader.fetch_all(_PARTS, _values(business_id, unit, since, until))


async def given(reader: Reader, business_id: int, unit: str, since: int, until: int) -> dict[int, tuple[int, int]]:
    """sale → what its refunds gave back before the month, and by its end."""
    rows = await reader.fetch_all(_GIVEN, _values(business_id, unit, since, until))
    return {row["sale"]: (int(row["before"]), int(row["after"])) for row in rows}


async def issued(reader: Reader, business_id: int, unit: str, since: int, until: int) -> dict[int, int]:
    """business → what its operations gave, less what refunds took back."""
    values = _values(business_id, unit, since, until)
    return {row["business"]: int(row["amount"]) for row in await reader.fetch_all(_ISSUED, values)}


async def expired(reader: Reader, business_id: int, unit: str, since: int, until: int) -> list[Row]:
    """issuer (None: of `lot`) and amount."""
    return await reader.fetch_all(_EXPIRED, _values(business_id, unit, since, until))


async def origin(reader: Reader, business_id: int, unit: str, lot_id: int) -> int | None:
    """The business whose operation first made these points: before they were moved, or given back under a new end."""
    lot: int | None = lot_id
    while lot is not None:
        row = await reader.fetch_one(_ORIGIN, {"lot": lot, "business_id": business_id})
        if row is None:
            return None
        if row["moved_from"] is None and row["kind"] not in ("refund", "undo"):
            return row["acting_business_id"]
        lot = row["moved_from"] or await reader.fetch_val(
            _FIRST_DRAWN, {"operation_id": row["of_operation_id"], "business_id": business_id, "unit": unit})
    return None
