"""Messages and what they may cost, the list of numbers that want none, and the demo's inbox."""
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.db import Database, Transaction


@dataclass(frozen=True, slots=True)
class Message:
    """A claimed message; moments in ms."""

    id: int
    business_id: int
    phone_sealed: bytes
    text_sealed: bytes
    segments: int
    reserved_minor: int
    reason: str | None
    tries: int
    created_at: int
    now_asked: bool


@dataclass(frozen=True, slots=True)
class DemoMessage:
    """What the simulated shopper got, or (`note`) why nothing came; `at` in ms."""

    phone: str
    text: str
    note: str | None
    at: int


async def append(tx: Transaction, values: Mapping[str, Any]) -> int:
    row = await tx.fetch_one(
        "INSERT INTO messages(business_id, enrolment_id, card_id, purpose, phone_sealed, phone_server_hash, phone_hint, text_sealed, "
        "language, segments, reserved_minor, now_asked, state, due_at, created_at) VALUES (:business_id, CAST(:enrolment_id AS BIGINT), "
        "CAST(:card_id AS BIGINT), :purpose, :phone_sealed, :phone_server_hash, :phone_hint, :text_sealed, :language, :segments, "
        ":reserved_minor, :now_asked, 'queued', :now, :now) RETURNING id", values)
    return row["id"]


# What the index of waiting messages says of itself: SQLite uses it only for a question that repeats it, and walks all messages else.
_WAITS = "state IN ('queued', 'submitting')"


async def claim(tx: Transaction, now: int, until: int) -> Message | None:
    """Takes the message that has waited longest, until `until`; None when nothing is due. It counts as a try."""
    row = await tx.fetch_one(
        "UPDATE messages SET state = 'submitting', claimed_until = :until, tries = tries + 1 WHERE state = 'queued' AND id = "
        f"(SELECT id FROM messages WHERE state = 'queued' AND {_WAITS} AND due_at <= :now ORDER BY due_at, id LIMIT 1) "
        "RETURNING id, business_id, phone_sealed, text_sealed, segments, reserved_minor, reason, tries, created_at, now_asked",
        {"now": now, "until": until})
    return row and Message(row["id"], row["business_id"], bytes(row["phone_sealed"]), bytes(row["text_sealed"]), row["segments"],
                           row["reserved_minor"], row["reason"], row["tries"], row["created_at"], bool(row["now_asked"]))


async def give_back_lost(tx: Transaction, now: int) -> int:
    """Messages whose sender died before it wrote the answer: may have been sent, so once more at most. Returns how many."""
    rows = await tx.fetch_all(
        "UPDATE messages SET state = CASE WHEN reason = 'unknown' THEN 'unknown' ELSE 'queued' END, "
        "phone_sealed = CASE WHEN reason = 'unknown' THEN NULL ELSE phone_sealed END, "
        "text_sealed = CASE WHEN reason = 'unknown' THEN NULL ELSE text_sealed END, "
        "final_at = CASE WHEN reason = 'unknown' THEN :now ELSE NULL END, reason = 'unknown', claimed_until = NULL, due_at = :now "
        f"WHERE state = 'submitting' AND {_WAITS} AND claimed_until < :now RETURNING id", {"now": now})
    return len(rows)


async def record_try(tx: Transaction, message_id: int, values: Mapping[str, Any], *, wipe: bool) -> bool:
    """Writes what became of a claimed message; with `wipe` its phone and text go. False: another worker has it by now."""
    wiped = "phone_sealed = NULL, text_sealed = NULL, " if wipe else ""
    row = await tx.fetch_one(
        f"UPDATE messages SET {wiped}state = :state, reason = CAST(:reason AS TEXT), due_at = :due_at, gateway = CAST(:gateway AS TEXT), "
        "provider_id = CAST(:provider_id AS TEXT), sent_at = CAST(:sent_at AS BIGINT), final_at = CAST(:final_at AS BIGINT), "
        "segments = :segments, reserved_minor = :reserved_minor, claimed_until = NULL WHERE id = :id AND state = 'submitting' RETURNING id",
        {"id": message_id, **values})
    return row is not None


async def put_off(tx: Transaction, message_id: int, due_at: int) -> None:
    """Gives a claimed message back until `due_at`; the try does not count."""
    await tx.execute("UPDATE messages SET state = 'queued', due_at = :due_at, claimed_until = NULL, tries = tries - 1 "
                     "WHERE id = :id AND state = 'submitting'", {"id": message_id, "due_at": due_at})


async def cancel_of_enrolment(tx: Transaction, enrolment_id: int, now: int) -> None:
    """What is still waiting to be sent for an enrolment will not be."""
    await tx.execute("UPDATE messages SET state = 'cancelled', final_at = :now, phone_sealed = NULL, text_sealed = NULL "
                     "WHERE enrolment_id = :enrolment_id AND state = 'queued'", {"enrolment_id": enrolment_id, "now": now})


async def newest(reader: Database | Transaction, enrolment_id: int) -> tuple[str, str | None, int] | None:
    """(state, reason, when it was last touched in ms) of its newest message."""
    row = await reader.fetch_one("SELECT state, reason, COALESCE(final_at, sent_at, created_at) AS at FROM messages "
                                 "WHERE enrolment_id = :id ORDER BY id DESC LIMIT 1", {"id": enrolment_id})
    return row and (row["state"], row["reason"], row["at"])


async def reserve(tx: Transaction, scope: str, period: str, cost_minor: int, cap_minor: int) -> int | None:
    """Adds to what a period has cost; the new sum, or None (nothing written) where it would pass the cap."""
    if cost_minor > cap_minor:
        return None
    return await tx.fetch_val(
        "INSERT INTO sms_spend(scope, period, reserved_minor) VALUES (:scope, :period, :cost) ON CONFLICT (scope, period) "
        "DO UPDATE SET reserved_minor = sms_spend.reserved_minor + :cost WHERE sms_spend.reserved_minor + :cost <= :cap "
        "RETURNING reserved_minor", {"scope": scope, "period": period, "cost": cost_minor, "cap": cap_minor})


async def settle(tx: Transaction, scope: str, period: str, difference_minor: int) -> None:
    await tx.execute("UPDATE sms_spend SET reserved_minor = reserved_minor + :difference WHERE scope = :scope AND period = :period",
                     {"scope": scope, "period": period, "difference": difference_minor})


async def append_demo_message(tx: Transaction, phone: str, text: str, note: str | None, at: int) -> None:
    await tx.execute("INSERT INTO demo_messages(phone, text, note, at) VALUES (:phone, :text, CAST(:note AS TEXT), :at)",
                     {"phone": phone, "text": text, "note": note, "at": at})


async def demo_messages(db: Database, most: int) -> list[DemoMessage]:
    """The newest `most`, oldest of them first."""
    rows = await db.fetch_all("SELECT phone, text, note, at FROM demo_messages ORDER BY id DESC LIMIT :most", {"most": most})
    return [DemoMessage(row["phone"], row["text"], row["note"], row["at"]) for row in reversed(rows)]
