"""Messages and what they may cost, the list of numbers that want none, and the demo's inbox."""
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.db import Database, Transaction


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
        "language, segments, reserved_minor, now_asked, state, due_at, created_at, final_at) VALUES (:business_id, "
        "CAST(:enrolment_id AS BIGINT), "
        "CAST(:card_id AS BIGINT), :purpose, :phone_sealed, :phone_server_hash, :phone_hint, :text_sealed, :language, :segments, "
        ":reserved_minor, :now_asked, :state, :now, :now, CAST(:final_at AS BIGINT)) RETURNING id", values)
    return row["id"]


async def cancel_of_enrolment(tx: Transaction, enrolment_id: int, now: int) -> None:
    """What is still waiting to be sent for an enrolment will not be."""
    await tx.execute("UPDATE messages SET state = 'cancelled', final_at = :now, phone_sealed = NULL, text_sealed = NULL "
                     "WHERE enrolment_id = :enrolment_id AND state = 'queued'", {"enrolment_id": enrolment_id, "now": now})


async def newest(reader: Database | Transaction, enrolment_id: int) -> tuple[str, str | None, int] | None:
    """(state, reason, when it was last touched in ms) of its newest message."""
    row = await reader.fetch_one("SELECT state, reason, COALESCE(final_at, sent_at, created_at) AS at FROM messages "
                                 "WHERE enrolment_id = :id ORDER BY id DESC LIMIT 1", {"id": enrolment_id})
    return row and (row["state"], row["reason"], row["at"])


async def sandbox_text(reader: Database | Transaction, business_id: int, enrolment_id: int) -> bytes | None:
    """The sealed text of the newest message that went nowhere."""
    return await reader.fetch_val("SELECT text_sealed FROM messages WHERE business_id = :business_id AND enrolment_id = :enrolment_id "
                                  "AND state = 'sandbox' ORDER BY id DESC LIMIT 1",
                                  {"business_id": business_id, "enrolment_id": enrolment_id})


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
