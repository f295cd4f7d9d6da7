"""SQL of the review of operations for signs of fraud, and of what it noted."""
from collections.abc import Sequence
from typing import Any

from app.db import Database, Row, Transaction
from app.ledger.store import in_list
from app.reports.suspicions_rules import Act

Reader = Database | Transaction
# +business_id: SQLite would look through all operations of the business instead of those of some accounts.
_ACT = "id, account_id, location_id, kind, of_operation_id, at, recorded_at, actor_kind, actor_id"


async def newest(reader: Reader) -> int:
    return await reader.fetch_val("SELECT COALESCE(MAX(id), 0) FROM operations")


async def since(reader: Reader, after: int, limit: int) -> list[Row]:
    """id, business_id, account_id, card_id, kind of operations behind `after`, of every business."""
    return await reader.fetch_all(
        "SELECT id, business_id, account_id, card_id, kind FROM operations WHERE id > :after ORDER BY id LIMIT :limit",
        {"after": after, "limit": limit})


async def acts_of(reader: Reader, business_id: int, account_ids: Sequence[int], since: int) -> list[Act]:
    names, values = in_list(account_ids)
    rows = await reader.fetch_all(
        f"SELECT {_ACT} FROM operations WHERE account_id IN ({names}) AND +business_id = :business_id AND recorded_at >= :since "
        "AND kind IN ('sale', 'undo')", {**values, "business_id": business_id, "since": since})
    return [Act(*row) for row in rows]


async def returns_of(reader: Reader, business_id: int, account_ids: Sequence[int], since: int) -> list[tuple[int, int]]:
    """(account, refunds that found the points spent: a debt was made, or what was missing was let go)"""
    names, values = in_list(account_ids)
    rows = await reader.fetch_all(
        f"SELECT o.account_id, COUNT(*) AS n FROM operations o WHERE o.account_id IN ({names}) AND +o.business_id = :business_id "
        "AND o.recorded_at >= :since AND o.kind IN ('refund', 'undo') AND (o.shortfall > 0 OR EXISTS (SELECT 1 FROM entries e "
        # By its entries: lots have no index of the operation that made them.
        "CROSS JOIN lots l WHERE e.operation_id = o.id AND l.id = e.lot_id AND l.operation_id = o.id AND l.granted < 0)) "
        "GROUP BY o.account_id",
        {**values, "business_id": business_id, "since": since})
    return [(row["account_id"], row["n"]) for row in rows]


async def issuers_of(reader: Reader, business_id: int, card_ids: Sequence[int], since: int) -> list[tuple[int, int, int]]:
    """(staff, cards they issued since then that got a welcome gift, those without a sale), of the issuers of these cards"""
    names, values = in_list(card_ids)
    rows = await reader.fetch_all(
        "SELECT c.issued_by_id AS staff, COUNT(*) AS issued, SUM(CASE WHEN EXISTS (SELECT 1 FROM operations s "
        "WHERE s.account_id = c.account_id AND s.kind = 'sale') THEN 0 ELSE 1 END) AS idle FROM cards c "
        # By the gifts since then, which no card was given before it was made: cards have no index of their issuers.
        "WHERE c.account_id IN (SELECT w.account_id FROM operations w WHERE w.business_id = :business_id AND w.at >= :since "
        "AND w.kind = 'welcome') AND +c.business_id = :business_id AND c.issued_by_kind = 'staff' AND c.created_at >= :since "
        f"AND c.issued_by_id IN (SELECT i.issued_by_id FROM cards i WHERE i.id IN ({names}) AND i.issued_by_kind = 'staff') "
        "GROUP BY c.issued_by_id",
        {**values, "business_id": business_id, "since": since})
    return [(row["staff"], row["issued"], int(row["idle"])) for row in rows]


async def corrections_since(reader: Reader, business_id: int, since: int) -> list[tuple[str, int, int, int]]:
    """(actor kind, actor, account, corrections upwards)"""
    rows = await reader.fetch_all(
        "SELECT o.actor_kind, o.actor_id, o.account_id, COUNT(*) AS n FROM operations o WHERE o.business_id = :business_id "
        "AND o.at >= :since AND o.kind = 'adjustment' AND o.actor_id IS NOT NULL AND o.actor_kind IN ('staff', 'api_key') "
        "AND EXISTS (SELECT 1 FROM entries e WHERE e.operation_id = o.id AND e.account_id IS NULL AND e.amount < 0) "
        "GROUP BY o.actor_kind, o.actor_id, o.account_id", {"business_id": business_id, "since": since})
    return [(row["actor_kind"], row["actor_id"], row["account_id"], row["n"]) for row in rows]


async def note(tx: Transaction, values: dict[str, Any]) -> int | None:
    """The new row's id; None where the same was seen on this day already."""
    return await tx.fetch_val(
        "INSERT INTO suspicions(business_id, kind, subject_kind, subject_id, period, details, at) VALUES (:business_id, :kind, "
        ":subject_kind, :subject_id, :period, :details, :at) ON CONFLICT DO NOTHING RETURNING id", values)


async def open_ones(reader: Reader, business_id: int, limit: int) -> list[Row]:
    return await reader.fetch_all(
        "SELECT id, kind, subject_kind, subject_id, period, details, at FROM suspicions WHERE business_id = :business_id "
        "AND seen_at IS NULL ORDER BY id DESC LIMIT :limit", {"business_id": business_id, "limit": limit})


async def dismiss(tx: Transaction, business_id: int, suspicion_id: int, now: int) -> bool:
    return await tx.fetch_one("UPDATE suspicions SET seen_at = :now WHERE id = :id AND business_id = :business_id AND seen_at IS NULL "
                              "RETURNING id", {"id": suspicion_id, "business_id": business_id, "now": now}) is not None
