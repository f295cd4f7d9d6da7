"""The outbox of mail."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import from_ms
from app.db import Database, Transaction


@dataclass(frozen=True, slots=True)
class Waiting:
    """A claimed mail; tries counts this one too."""

    id: int
    text_sealed: bytes
    tries: int
    created_at: datetime


_INSERT = """
INSERT INTO mails(business_id, kind, dedupe, text_sealed, due_at, created_at, failed_at)
VALUES (CAST(:business_id AS BIGINT), :kind, CAST(:dedupe AS TEXT), :nothing, :now, :now, CAST(:failed_at AS BIGINT))
ON CONFLICT DO NOTHING RETURNING id"""
_IS_FREE = "sent_at IS NULL AND failed_at IS NULL AND due_at <= :now AND (claimed_until IS NULL OR claimed_until < :now)"
_CLAIM = f"""
UPDATE mails SET claimed_until = :until, tries = tries + 1
WHERE id = (SELECT id FROM mails WHERE {_IS_FREE} ORDER BY due_at, id LIMIT 1) AND {_IS_FREE}
RETURNING id, text_sealed, tries, created_at"""
_NOTE = """
UPDATE mails SET claimed_until = NULL, sent_at = CAST(:sent_at AS BIGINT), failed_at = CAST(:failed_at AS BIGINT), due_at = :due_at,
  last_error = CAST(:last_error AS TEXT) WHERE id = :id AND sent_at IS NULL"""


_SANDBOX = "EXISTS (SELECT 1 FROM businesses b WHERE b.id = mails.business_id AND b.sandbox_of IS NOT NULL)"


async def insert(tx: Transaction, values: Mapping[str, Any]) -> int | None:
    """The new row's id, its text still to be set; None where the same word was queued before."""
    return await tx.fetch_val(_INSERT, {**values, "nothing": b""})


async def set_text(tx: Transaction, mail_id: int, sealed: bytes) -> None:
    await tx.execute("UPDATE mails SET text_sealed = :sealed WHERE id = :id", {"id": mail_id, "sealed": sealed})


async def is_any_due(db: Database, now_ms: int) -> bool:
    return await db.fetch_one(f"SELECT 1 FROM mails WHERE {_IS_FREE} LIMIT 1", {"now": now_ms}) is not None


async def claim(tx: Transaction, now_ms: int, until_ms: int) -> Waiting | None:
    """Takes the mail that has waited longest, until `until_ms`."""
    row = await tx.fetch_one(_CLAIM, {"now": now_ms, "until": until_ms})
    return row and Waiting(row["id"], bytes(row["text_sealed"]), row["tries"], from_ms(row["created_at"]))


async def state_of(reader: Database | Transaction, mail_id: int) -> str | None:
    """queued, sent, failed or sandbox; None for one that was forgotten."""
    return await reader.fetch_val(f"SELECT CASE WHEN {_SANDBOX} THEN 'sandbox' WHEN sent_at IS NOT NULL THEN 'sent' "
                                  "WHEN failed_at IS NOT NULL THEN 'failed' "
                                  "ELSE 'queued' END FROM mails WHERE id = :id", {"id": mail_id})


async def sandbox_text(reader: Database | Transaction, mail_id: int) -> bytes | None:
    """The sealed text of a mail that went nowhere."""
    return await reader.fetch_val(f"SELECT text_sealed FROM mails WHERE id = :id AND {_SANDBOX}", {"id": mail_id})


async def cancel(tx: Transaction, mail_id: int, sealed: bytes, now_ms: int) -> None:
    """What nobody carries yet is not sent any more."""
    await tx.execute("UPDATE mails SET failed_at = :now, text_sealed = :sealed, last_error = NULL WHERE id = :id AND sent_at IS NULL "
                     "AND failed_at IS NULL AND (claimed_until IS NULL OR claimed_until < :now)",
                     {"id": mail_id, "sealed": sealed, "now": now_ms})


async def note(tx: Transaction, mail_id: int, values: Mapping[str, Any]) -> None:
    """What became of a claimed mail: sent_at, failed_at, due_at (ms), last_error."""
    await tx.execute(_NOTE, {"id": mail_id, **values})


async def delete_before(tx: Transaction, at_ms: int, most: int) -> int:
    """Forget what was sent or given up before `at_ms`; returns how many rows went."""
    rows = await tx.fetch_all("DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE created_at < :at AND (sent_at IS NOT NULL "
                              "OR failed_at IS NOT NULL) LIMIT :most) RETURNING id", {"at": at_ms, "most": most})
    return len(rows)


async def newest_failure(db: Database, since_ms: int) -> str | None:
    """Why the newest mail of late could not be sent; None where none failed."""
    return await db.fetch_val("SELECT last_error FROM mails WHERE last_error IS NOT NULL AND sent_at IS NULL AND created_at >= :since "
                              "ORDER BY id DESC LIMIT 1", {"since": since_ms})
