"""What a business writes into its messages, and what it chose about sending them."""
from dataclasses import dataclass

from app.db import Database, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class OwnText:
    """A text that a business wrote; created_at in ms; created_by: of the staff, None for the server."""

    purpose: str
    language: str
    text: str
    most_parts: int
    created_at: int
    created_by: int | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a business chose; None: the gateway's own sender, the server's cap. Amounts in minor units."""

    sender: str | None = None
    message_cap_minor: int | None = None
    day_cap_minor: int | None = None
    month_cap_minor: int | None = None


_TEXT = "SELECT purpose, language, text, most_parts, created_at, created_by FROM sms_texts "


async def find_text(reader: Reader, business_id: int, purpose: str, language: str) -> OwnText | None:
    """The one in use."""
    row = await reader.fetch_one(
        _TEXT + "WHERE business_id = :business_id AND purpose = :purpose AND language = :language AND replaced_at IS NULL",
        {"business_id": business_id, "purpose": purpose, "language": language})
    return row and OwnText(**dict(row))


async def texts(reader: Reader, business_id: int, purpose: str | None = None, language: str | None = None, *,
                most: int = 20) -> list[OwnText]:
    """Those in use; with a purpose and a language the ones before them too, newest first."""
    where = "replaced_at IS NULL" if purpose is None else "purpose = :purpose AND language = :language"
    values = {"business_id": business_id, "most": most, **({} if purpose is None else {"purpose": purpose, "language": language})}
    rows = await reader.fetch_all(_TEXT + f"WHERE business_id = :business_id AND {where} ORDER BY id DESC LIMIT :most", values)
    return [OwnText(**dict(row)) for row in rows]


async def replace_text(tx: Transaction, business_id: int, purpose: str, language: str, now: int) -> bool:
    """The one in use is no more; False where there was none."""
    row = await tx.fetch_one(
        "UPDATE sms_texts SET replaced_at = :now WHERE business_id = :business_id AND purpose = :purpose AND language = :language "
        "AND replaced_at IS NULL RETURNING id", {"business_id": business_id, "purpose": purpose, "language": language, "now": now})
    return row is not None


async def append_text(tx: Transaction, business_id: int, purpose: str, language: str, text: str, most_parts: int, staff_id: int | None,
                      now: int) -> None:
    await tx.execute(
        "INSERT INTO sms_texts(business_id, purpose, language, text, most_parts, created_at, created_by) VALUES "
        "(:business_id, :purpose, :language, :text, :most_parts, :now, CAST(:staff_id AS BIGINT)) ON CONFLICT DO NOTHING",
        {"business_id": business_id, "purpose": purpose, "language": language, "text": text, "most_parts": most_parts, "now": now,
         "staff_id": staff_id})


async def choices(reader: Reader, business_id: int) -> Choices:
    row = await reader.fetch_one("SELECT sender, message_cap_minor, day_cap_minor, month_cap_minor FROM sms_choices "
                                 "WHERE business_id = :business_id", {"business_id": business_id})
    return Choices(**dict(row)) if row else Choices()


async def set_choices(tx: Transaction, business_id: int, wanted: Choices, now: int) -> None:
    await tx.execute(
        "INSERT INTO sms_choices(business_id, sender, message_cap_minor, day_cap_minor, month_cap_minor, changed_at) VALUES "
        "(:business_id, CAST(:sender AS TEXT), CAST(:message AS BIGINT), CAST(:day AS BIGINT), CAST(:month AS BIGINT), :now) "
        "ON CONFLICT (business_id) DO UPDATE SET sender = EXCLUDED.sender, message_cap_minor = EXCLUDED.message_cap_minor, "
        "day_cap_minor = EXCLUDED.day_cap_minor, month_cap_minor = EXCLUDED.month_cap_minor, changed_at = EXCLUDED.changed_at",
        {"business_id": business_id, "sender": wanted.sender, "message": wanted.message_cap_minor, "day": wanted.day_cap_minor,
         "month": wanted.month_cap_minor, "now": now})
