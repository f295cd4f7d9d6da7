"""SQL of the language that a person chose."""
from app.customers.store import Reader
from app.db import Row, Transaction


async def set_language(tx: Transaction, business_id: int, customer_id: int, language: str, now: int) -> None:
    await tx.execute("UPDATE customers SET language = :language, language_at = :now WHERE id = :id AND business_id = :business_id",
                     {"id": customer_id, "business_id": business_id, "language": language, "now": now})


async def language(reader: Reader, business_id: int, customer_id: int) -> Row | None:
    return await reader.fetch_one("SELECT language, language_at FROM customers WHERE id = :id AND business_id = :business_id",
                                  {"id": customer_id, "business_id": business_id})
