"""A month by brand or legal entity: what was sold at the locations of each tag, what it gave and what points paid."""
from dataclasses import dataclass

from app.coalition.service import month_of
from app.db import Database
from app.programs import tags
from app.reports import brands_store as store


@dataclass
class Brand:
    """tag: "" for locations without one and sales without a location. Money in minor units, refunds not taken off."""

    tag: str
    sales: int = 0
    amount: int = 0
    paid: int = 0
    by_points: int = 0


async def month(db: Database, business_id: int, month: str, zone: str) -> list[Brand]:
    """A month (YYYY-MM, of when purchases happened in `zone`) by tag, in their order; a location with two tags counts for both.

    A coalition's own sales only: what members sell is in its statement. Raises Invalid (field `month`).
    """
    since, until = month_of(month, zone)
    async with db.transaction(readonly=True) as tx:
        known, rows = await tags.tags_of(tx, business_id), await store.sales_by_location(tx, business_id, since, until)
    found: dict[str, Brand] = {}
    for row in rows:
        for tag in known.get(row["location_id"], ()) or ("",):
            brand = found.setdefault(tag, Brand(tag))
            brand.sales += int(row["sales"])
            brand.amount += int(row["amount"])
            brand.paid += int(row["paid"])
            brand.by_points += int(row["by_points"])
    return sorted(found.values(), key=lambda each: (not each.tag, each.tag.casefold()))
