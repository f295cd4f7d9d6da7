"""Recording an act beside its effect, and reading the record."""
from datetime import datetime
from typing import Any

from app.audit import store
from app.audit.store import AuditEntry
from app.clock import to_ms
from app.db import Database, Transaction
from app.web.principal import Principal

__all__ = ["AuditEntry", "list_entries", "record"]


async def record(tx: Transaction, who: Principal, action: str, subject_kind: str | None = None, subject_id: int | None = None,
                 details: dict[str, Any] | None = None, *, now: datetime) -> None:
    """Note that `who` did `action` ("card.block"), in the transaction that does it: both are kept or none.

    details: ids, numbers and short words that JSON holds; never a secret, a whole phone or a name.
    """
    await store.append(tx, {
        "business_id": who.business_id, "acting_business_id": who.acting_business_id, "actor_kind": who.kind, "actor_id": who.id,
        "action": action, "subject_kind": subject_kind, "subject_id": subject_id, "details": details or {}, "at": to_ms(now)})


async def list_entries(db: Database, business_id: int, *, action: str | None = None, before: int | None = None,
                       limit: int = 50) -> list[AuditEntry]:
    """Newest first; `before`: the id of the last one of the page before."""
    return await store.list_entries(db, business_id, action, before, limit)
