"""The table of what one manager asked for and another one must confirm."""
from typing import Any

import msgspec

from app.clock import from_ms
from app.db import Database, Transaction
from app.sales.approvals_rules import Approval

Reader = Database | Transaction
_COLUMNS = ("SELECT id, card_id, request, status, asked_kind, asked_id, asked_name, asked_at, decided_id, decided_at, operation_id"
            " FROM approvals WHERE business_id = :business_id")


def _approval(row: Any) -> Approval:
    asked = msgspec.json.decode(row["request"])
    return Approval(row["id"], row["card_id"], asked["unit"], asked["amount"], asked["reason"], row["status"], row["asked_kind"],
                    row["asked_id"], row["asked_name"], from_ms(row["asked_at"]), row["decided_id"],
                    from_ms(row["decided_at"]) if row["decided_at"] is not None else None, row["operation_id"])


async def insert(tx: Transaction, row: dict[str, Any]) -> int:
    return await tx.fetch_val(
        "INSERT INTO approvals(business_id, kind, card_id, request, status, asked_kind, asked_id, asked_name, asked_at)"
        " VALUES (:business_id, 'adjustment', :card_id, :request, 'waiting', :asked_kind, CAST(:asked_id AS BIGINT), :asked_name,"
        " :asked_at) RETURNING id", row)


async def find(reader: Reader, business_id: int, approval_id: int) -> Approval | None:
    row = await reader.fetch_one(f"{_COLUMNS} AND id = :id", {"business_id": business_id, "id": approval_id})
    return _approval(row) if row else None


async def list_waiting(reader: Reader, business_id: int, since: int) -> list[Approval]:
    """Those asked for after a moment, oldest first."""
    rows = await reader.fetch_all(f"{_COLUMNS} AND status = 'waiting' AND asked_at > :since ORDER BY id LIMIT 200",
                                  {"business_id": business_id, "since": since})
    return [_approval(row) for row in rows]


async def decide(tx: Transaction, business_id: int, approval_id: int, status: str, decided_id: int | None, at: int) -> bool:
    """Whether it still waited and is decided now: of two managers one."""
    return await tx.fetch_one(
        "UPDATE approvals SET status = :status, decided_id = CAST(:decided_id AS BIGINT), decided_at = :at"
        " WHERE id = :id AND business_id = :business_id AND status = 'waiting' RETURNING id",
        {"status": status, "decided_id": decided_id, "at": at, "id": approval_id, "business_id": business_id}) is not None


async def set_operation(tx: Transaction, business_id: int, approval_id: int, operation_id: int) -> None:
    await tx.execute("UPDATE approvals SET operation_id = :operation_id WHERE id = :id AND business_id = :business_id",
                     {"operation_id": operation_id, "id": approval_id, "business_id": business_id})


async def overdue(reader: Reader, until: int, limit: int) -> list[Any]:
    """id and business_id of those that waited too long, of every business."""
    return await reader.fetch_all(
        "SELECT id, business_id FROM approvals WHERE status = 'waiting' AND asked_at <= :until ORDER BY id LIMIT :limit",
        {"until": until, "limit": limit})
