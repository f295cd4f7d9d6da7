"""SQL on customers, consent_texts and consents."""
from typing import Any

from app.clock import from_ms
from app.customers.rules import Consent, ConsentText
from app.db import Database, Row, Transaction

Reader = Database | Transaction


async def append(tx: Transaction, row: dict[str, Any]) -> int | None:
    """The new row's id, or None where the business has this phone already."""
    return await tx.fetch_val(
        "INSERT INTO customers(business_id, phone_sealed, phone_hash, phone_server_hash, phone_last4_hash, email_sealed, email_hash, "
        "name_sealed, name_folded, birthday_on, language, created_at) VALUES (:business_id, :phone_sealed, :phone_hash, "
        ":phone_server_hash, :phone_last4_hash, :email_sealed, :email_hash, :name_sealed, :name_folded, :birthday_on, :language, "
        ":created_at) ON CONFLICT DO NOTHING RETURNING id", row)


async def find(reader: Reader, business_id: int, customer_id: int) -> Row | None:
    return await reader.fetch_one("SELECT * FROM customers WHERE id = :id AND business_id = :business_id",
                                  {"id": customer_id, "business_id": business_id})


async def by_phone(reader: Reader, business_id: int, phone_hash: bytes) -> Row | None:
    return await reader.fetch_one("SELECT * FROM customers WHERE business_id = :business_id AND phone_hash = :phone_hash",
                                  {"business_id": business_id, "phone_hash": phone_hash})


async def by_email(reader: Reader, business_id: int, email_hash: bytes) -> Row | None:
    return await reader.fetch_one("SELECT * FROM customers WHERE business_id = :business_id AND email_hash = :email_hash "
                                  "ORDER BY id LIMIT 1", {"business_id": business_id, "email_hash": email_hash})


async def by_last4(reader: Reader, business_id: int, last4_hash: bytes, limit: int) -> list[Row]:
    return await reader.fetch_all("SELECT * FROM customers WHERE business_id = :business_id AND phone_last4_hash = :last4_hash "
                                  "ORDER BY id DESC LIMIT :limit", {"business_id": business_id, "last4_hash": last4_hash, "limit": limit})


async def by_name(reader: Reader, business_id: int, pattern: str, limit: int) -> list[Row]:
    return await reader.fetch_all("SELECT * FROM customers WHERE business_id = :business_id AND name_folded LIKE :pattern ESCAPE '!' "
                                  "ORDER BY name_folded, id LIMIT :limit", {"business_id": business_id, "pattern": pattern, "limit": limit})


async def led_on(reader: Reader, row: Row | None) -> Row | None:
    """The customer that a found one was merged into, else itself."""
    return row if row is None or row["merged_into"] is None else await find(reader, row["business_id"], row["merged_into"])


async def set_name(tx: Transaction, business_id: int, customer_id: int, name_sealed: bytes | None, name_folded: str | None) -> Row | None:
    return await tx.fetch_one(
        "UPDATE customers SET name_sealed = :name_sealed, name_folded = CAST(:name_folded AS TEXT) "
        "WHERE id = :id AND business_id = :business_id RETURNING id",
        {"id": customer_id, "business_id": business_id, "name_sealed": name_sealed, "name_folded": name_folded})


async def set_phone(tx: Transaction, business_id: int, customer_id: int, hashes: dict[str, Any]) -> Row | None:
    """hashes: phone_sealed, phone_hash, phone_server_hash, phone_last4_hash. None for a missing and for an erased customer."""
    return await tx.fetch_one(
        "UPDATE customers SET phone_sealed = :phone_sealed, phone_hash = :phone_hash, phone_server_hash = :phone_server_hash, "
        "phone_last4_hash = :phone_last4_hash WHERE id = :id AND business_id = :business_id AND erased_at IS NULL RETURNING id",
        {"id": customer_id, "business_id": business_id, **hashes})


async def erase(tx: Transaction, business_id: int, customer_id: int, now: int) -> None:
    """Everything personal of the row goes, and of those merged into it; the rows stay, because accounts point to them."""
    await tx.execute(
        "UPDATE customers SET phone_sealed = NULL, phone_hash = NULL, phone_server_hash = NULL, phone_last4_hash = NULL, "
        "email_sealed = NULL, email_hash = NULL, name_sealed = NULL, name_folded = NULL, birthday_on = NULL, tags = '[]', "
        "erased_at = :now "
        "WHERE (id = :id OR merged_into = :id) AND business_id = :business_id",
        {"id": customer_id, "business_id": business_id, "now": now})


def _text(row: Row) -> ConsentText:
    return ConsentText(row["id"], row["purpose"], row["language"], row["version"], row["text"])


async def newest_texts(reader: Reader, business_id: int, language: str) -> list[ConsentText]:
    rows = await reader.fetch_all(
        "SELECT id, purpose, language, version, text FROM consent_texts t WHERE business_id = :business_id AND language = :language "
        "AND version = (SELECT MAX(version) FROM consent_texts n WHERE n.business_id = t.business_id AND n.purpose = t.purpose "
        "AND n.language = t.language) AND NOT EXISTS (SELECT 1 FROM consent_purposes o WHERE o.business_id = t.business_id "
        "AND o.key = t.purpose AND o.closed_at IS NOT NULL)", {"business_id": business_id, "language": language})
    return [_text(row) for row in rows]


async def append_text(tx: Transaction, business_id: int, text: ConsentText, sha256: bytes, now: int) -> int | None:
    return await tx.fetch_val(
        "INSERT INTO consent_texts(business_id, purpose, language, version, text, sha256, created_at) VALUES (:business_id, :purpose, "
        ":language, :version, :text, :sha256, :now) ON CONFLICT DO NOTHING RETURNING id",
        {"business_id": business_id, "purpose": text.purpose, "language": text.language, "version": text.version, "text": text.text,
         "sha256": sha256, "now": now})


async def text_of_wording(reader: Reader, business_id: int, purpose: str, language: str, text: str) -> ConsentText | None:
    row = await reader.fetch_one(
        "SELECT id, purpose, language, version, text FROM consent_texts WHERE business_id = :business_id AND purpose = :purpose "
        "AND language = :language AND text = :text", {"business_id": business_id, "purpose": purpose, "language": language, "text": text})
    return _text(row) if row else None


async def last_version(reader: Reader, business_id: int, purpose: str, language: str) -> int:
    return await reader.fetch_val(
        "SELECT COALESCE(MAX(version), 0) FROM consent_texts WHERE business_id = :business_id AND purpose = :purpose "
        "AND language = :language", {"business_id": business_id, "purpose": purpose, "language": language})


async def find_text(reader: Reader, business_id: int, text_id: int) -> ConsentText | None:
    row = await reader.fetch_one("SELECT id, purpose, language, version, text FROM consent_texts WHERE id = :id "
                                 "AND business_id = :business_id", {"id": text_id, "business_id": business_id})
    return _text(row) if row else None


async def append_consent(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute(
        "INSERT INTO consents(business_id, customer_id, consent_text_id, purpose, granted, channel, actor_kind, actor_id, at) "
        "VALUES (:business_id, :customer_id, :consent_text_id, :purpose, :granted, :channel, :actor_kind, :actor_id, :at)", row)


async def newest_consents(reader: Reader, business_id: int, customer_id: int) -> list[Consent]:
    rows = await reader.fetch_all(
        "SELECT c.purpose, c.granted, c.channel, c.at, t.text FROM consents c JOIN consent_texts t ON t.id = c.consent_text_id "
        "WHERE c.business_id = :business_id AND c.customer_id = :customer_id AND c.id = (SELECT MAX(n.id) FROM consents n "
        "WHERE n.customer_id = c.customer_id AND n.purpose = c.purpose) ORDER BY c.purpose DESC",
        {"business_id": business_id, "customer_id": customer_id})
    return [Consent(row["purpose"], bool(row["granted"]), row["text"], row["channel"], from_ms(row["at"])) for row in rows]
