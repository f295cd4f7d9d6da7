"""The table of issuers that businesses brought."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import from_ms, to_ms
from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class IssuerRow:
    """An issuer that a business brought."""

    id: int
    business_id: int
    issuer_id: str
    client_email: str
    account_sealed: bytes
    created_at: datetime
    created_by: str
    retired_at: datetime | None


_ISSUER = "id, business_id, issuer_id, client_email, account_sealed, created_at, created_by, retired_at"
_INSERT_ISSUER = """
INSERT INTO google_issuers(business_id, issuer_id, client_email, account_sealed, created_at, created_by)
VALUES (:business_id, :issuer_id, :client_email, :account_sealed, :now, :created_by) RETURNING id"""
_RETIRE = """
UPDATE google_issuers SET retired_at = :now WHERE business_id = :business_id AND retired_at IS NULL
  AND (id = CAST(:id AS BIGINT) OR issuer_id = CAST(:issuer_id AS TEXT)) RETURNING id"""


def _issuer(row: Row) -> IssuerRow:
    made = dict(row)
    return IssuerRow(**{**made, "account_sealed": bytes(made["account_sealed"]), "created_at": from_ms(made["created_at"]),
                        "retired_at": from_ms(made["retired_at"]) if made["retired_at"] else None})


async def issuers_of(reader: Reader, business_id: int) -> list[IssuerRow]:
    """The business's own, those in use first, newest first."""
    rows = await reader.fetch_all(f"SELECT {_ISSUER} FROM google_issuers WHERE business_id = :business_id "
                                  "ORDER BY CASE WHEN retired_at IS NULL THEN 0 ELSE 1 END, id DESC LIMIT 50", {"business_id": business_id})
    return [_issuer(row) for row in rows]


async def insert_issuer(tx: Transaction, values: Mapping[str, Any]) -> int:
    return await tx.fetch_val(_INSERT_ISSUER, values)


async def retire(tx: Transaction, business_id: int, now: datetime, *, row_id: int = 0, issuer_id: str = "") -> bool:
    """Takes one out of use by its row, or every one of an issuer id; False where none was in use."""
    values = {"business_id": business_id, "id": row_id, "issuer_id": issuer_id, "now": to_ms(now)}
    return await tx.fetch_one(_RETIRE, values) is not None
