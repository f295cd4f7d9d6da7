"""SQL on the tags of locations."""
from app.db import Database, Row, Transaction


async def tags_of(reader: Database | Transaction, business_id: int) -> list[Row]:
    return await reader.fetch_all("SELECT id, tags FROM locations WHERE business_id = :business_id ORDER BY id",
                                  {"business_id": business_id})


async def set_tags(tx: Transaction, business_id: int, location_id: int, tags: str) -> bool:
    return await tx.fetch_one("UPDATE locations SET tags = :tags WHERE id = :id AND business_id = :business_id RETURNING id",
                              {"id": location_id, "business_id": business_id, "tags": tags}) is not None
