"""Numbers that change, notices to lost ones, and links to a second phone."""
from dataclasses import dataclass
from typing import Any

from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class NumberChange:
    """A change that is not over; moments in ms. staff_id: who vouched for the person; None: a code proved the old number."""

    id: int
    business_id: int
    card_id: int
    phone_sealed: bytes
    code_hash: bytes
    tries: int
    staff_id: int | None
    created_at: int
    expires_at: int
    proven_at: int | None


@dataclass(frozen=True, slots=True)
class Notice:
    id: int
    business_id: int
    card_id: int
    phone_sealed: bytes
    language: str


async def append_change(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute(
        "INSERT INTO number_changes(business_id, card_id, phone_sealed, code_hash, staff_id, created_at, expires_at) VALUES "
        "(:business_id, :card_id, :phone_sealed, :code_hash, CAST(:staff_id AS BIGINT), :now, :expires_at)", row)


async def find_change(reader: Reader, business_id: int, card_id: int, now: int) -> NumberChange | None:
    """The newest one of the card that is neither over nor too old."""
    row = await reader.fetch_one(
        "SELECT id, business_id, card_id, phone_sealed, code_hash, tries, staff_id, created_at, expires_at, proven_at FROM number_changes "
        "WHERE card_id = :card_id AND business_id = :business_id AND ended_at IS NULL AND expires_at > :now ORDER BY id DESC LIMIT 1",
        {"card_id": card_id, "business_id": business_id, "now": now})
    return row and _change(row)


def _change(row: Row) -> NumberChange:
    return NumberChange(row["id"], row["business_id"], row["card_id"], bytes(row["phone_sealed"]), bytes(row["code_hash"]), row["tries"],
                        row["staff_id"], row["created_at"], row["expires_at"], row["proven_at"])


async def count_try(tx: Transaction, change_id: int, most: int) -> bool:
    """Takes one of the tries of a change whose number is not proven; False where none is left."""
    return await tx.fetch_one("UPDATE number_changes SET tries = tries + 1 WHERE id = :id AND proven_at IS NULL AND ended_at IS NULL "
                              "AND tries < :most RETURNING id", {"id": change_id, "most": most}) is not None


async def set_proven(tx: Transaction, change_id: int, now: int, expires_at: int) -> None:
    await tx.execute("UPDATE number_changes SET proven_at = :now, expires_at = :expires_at WHERE id = :id",
                     {"id": change_id, "now": now, "expires_at": expires_at})


async def claim_merge(tx: Transaction, change_id: int, now: int) -> bool:
    """Whether this call ended a change whose number is proven."""
    return await tx.fetch_one("UPDATE number_changes SET ended_at = :now, phone_sealed = NULL WHERE id = :id AND proven_at IS NOT NULL "
                              "AND ended_at IS NULL RETURNING id", {"id": change_id, "now": now}) is not None


async def end_changes(tx: Transaction, business_id: int, card_id: int, now: int) -> None:
    """Whatever was begun on the card is over, and the numbers are forgotten."""
    await tx.execute("UPDATE number_changes SET ended_at = :now, phone_sealed = NULL WHERE card_id = :card_id "
                     "AND business_id = :business_id AND ended_at IS NULL", {"card_id": card_id, "business_id": business_id, "now": now})


async def append_notice(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute("INSERT INTO number_notices(business_id, card_id, phone_sealed, language, due_at, created_at) VALUES "
                     "(:business_id, :card_id, :phone_sealed, :language, :due_at, :now)", row)


async def due_notices(reader: Reader, now: int, limit: int) -> list[Notice]:
    rows = await reader.fetch_all("SELECT id, business_id, card_id, phone_sealed, language FROM number_notices WHERE due_at <= :now "
                                  "ORDER BY due_at, id LIMIT :limit", {"now": now, "limit": limit})
    return [Notice(row["id"], row["business_id"], row["card_id"], bytes(row["phone_sealed"]), row["language"]) for row in rows]


async def take_notice(tx: Transaction, notice_id: int) -> bool:
    """Whether this call took it: it is said once."""
    return await tx.fetch_one("DELETE FROM number_notices WHERE id = :id RETURNING id", {"id": notice_id}) is not None


async def append_handover(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute("INSERT INTO handovers(business_id, card_id, token_hash, created_at, expires_at) VALUES "
                     "(:business_id, :card_id, :token_hash, :now, :expires_at)", row)


async def end_handovers(tx: Transaction, business_id: int, card_id: int, now: int) -> None:
    await tx.execute("UPDATE handovers SET consumed_at = :now WHERE card_id = :card_id AND business_id = :business_id "
                     "AND consumed_at IS NULL", {"card_id": card_id, "business_id": business_id, "now": now})


async def find_handover(reader: Reader, token_hash: bytes, now: int) -> Row | None:
    """business_id and card_id of a link that works."""
    return await reader.fetch_one("SELECT business_id, card_id FROM handovers WHERE token_hash = :token_hash AND consumed_at IS NULL "
                                  "AND expires_at > :now", {"token_hash": token_hash, "now": now})


async def consume_handover(tx: Transaction, token_hash: bytes, now: int) -> Row | None:
    """business_id and card_id where this call used the link up."""
    return await tx.fetch_one("UPDATE handovers SET consumed_at = :now WHERE token_hash = :token_hash AND consumed_at IS NULL "
                              "AND expires_at > :now RETURNING business_id, card_id", {"token_hash": token_hash, "now": now})


async def delete_old(tx: Transaction, before: int) -> None:
    """What ended before `before` helps nobody any more."""
    await tx.execute("DELETE FROM number_changes WHERE expires_at < :before", {"before": before})
    await tx.execute("DELETE FROM handovers WHERE expires_at < :before", {"before": before})
