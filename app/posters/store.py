"""Places where sheets hang and links stand."""
from typing import Any

from app.db import Database, Transaction
from app.posters.rules import Place

Reader = Database | Transaction
MOST = 200


async def places(reader: Reader, business_id: int) -> list[Place]:
    """The newest first."""
    rows = await reader.fetch_all("SELECT id, name, slug, location_id FROM poster_places WHERE business_id = :business_id "
                                  "ORDER BY id DESC LIMIT :most", {"business_id": business_id, "most": MOST})
    return [_place(row) for row in rows]


async def append(tx: Transaction, business_id: int, name: str, slug: str, location_id: int | None, now: int) -> Place | None:
    """None where the slug is taken."""
    row = await tx.fetch_one(
        "INSERT INTO poster_places(business_id, name, slug, location_id, created_at) "
        "VALUES (:business_id, :name, :slug, CAST(:location_id AS BIGINT), :now) ON CONFLICT DO NOTHING "
        "RETURNING id, name, slug, location_id",
        {"business_id": business_id, "name": name, "slug": slug, "location_id": location_id, "now": now})
    return row and _place(row)


def _place(row: Any) -> Place:
    return Place(row["id"], row["name"], row["slug"], row["location_id"])
