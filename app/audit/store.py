"""The table of audit entries; triggers refuse to change or delete them."""
from typing import Any, NamedTuple

import msgspec

from app.db import Database, Transaction


class AuditEntry(NamedTuple):
    """One act. details: what a person needs to understand it; never a secret, a whole phone or a name."""

    id: int
    business_id: int
    acting_business_id: int
    actor_kind: str
    actor_id: int | None
    action: str
    subject_kind: str | None
    subject_id: int | None
    details: dict[str, Any]
    at: int


_APPEND = """
INSERT INTO audit_entries(business_id, acting_business_id, actor_kind, actor_id, action, subject_kind, subject_id, details, at)
VALUES (:business_id, :acting_business_id, :actor_kind, :actor_id, :action, :subject_kind, :subject_id, :details, :at)"""
_LIST = """
SELECT id, business_id, acting_business_id, actor_kind, actor_id, action, subject_kind, subject_id, details, at
FROM audit_entries
WHERE business_id = :business_id AND id < :before AND (CAST(:action AS TEXT) IS NULL OR action = :action)
ORDER BY id DESC LIMIT :limit"""
NEWEST = 2**62


async def append(tx: Transaction, values: dict[str, Any]) -> None:
    await tx.execute(_APPEND, {**values, "details": msgspec.json.encode(values["details"]).decode()})


async def list_entries(db: Database, business_id: int, action: str | None, before: int | None, limit: int) -> list[AuditEntry]:
    rows = await db.fetch_all(_LIST, {"business_id": business_id, "action": action, "limit": limit,
                                      "before": NEWEST if before is None else before})
    return [AuditEntry(**{**dict(row), "details": msgspec.json.decode(row["details"])}) for row in rows]
