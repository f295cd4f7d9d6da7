"""SQL of what leads to a person: their number and address, and the language they chose."""
from typing import Any

from app.db import Database, Row, Transaction


async def set_phone(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute("UPDATE customers SET phone_sealed = :sealed, phone_hash = :hash, phone_server_hash = :server_hash, "
                     "phone_last4_hash = :last4 WHERE id = :id AND business_id = :business_id AND erased_at IS NULL", row)


async def drop_phone(tx: Transaction, business_id: int, phone_hash: bytes) -> None:
    """Whatever row of the business has this number has none from now on."""
    await tx.execute("UPDATE customers SET phone_sealed = NULL, phone_hash = NULL, phone_server_hash = NULL, phone_last4_hash = NULL "
                     "WHERE business_id = :business_id AND phone_hash = :hash", {"business_id": business_id, "hash": phone_hash})


async def set_language(tx: Transaction, business_id: int, customer_id: int, language: str, now: int) -> None:
    await tx.execute("UPDATE customers SET language = :language, language_at = :now WHERE id = :id AND business_id = :business_id",
                     {"id": customer_id, "business_id": business_id, "language": language, "now": now})


async def language(reader: Database | Transaction, business_id: int, customer_id: int) -> Row | None:
    return await reader.fetch_one("SELECT language, language_at FROM customers WHERE id = :id AND business_id = :business_id",
                                  {"id": customer_id, "business_id": business_id})
