"""SQL on how tills begin at locations."""
from app.db import Database, Transaction


async def start_of(reader: Database | Transaction, business_id: int, location_id: int) -> str | None:
    row = await reader.fetch_one("SELECT till_start FROM locations WHERE id = :id AND business_id = :business_id",
                                 {"id": location_id, "business_id": business_id})
    return row["till_start"] if row else None


async def set_start(tx: Transaction, business_id: int, location_id: int, start: str) -> bool:
    return await tx.fetch_one("UPDATE locations SET till_start = :start WHERE id = :id AND business_id = :business_id RETURNING id",
                              {"id": location_id, "business_id": business_id, "start": start}) is not None
