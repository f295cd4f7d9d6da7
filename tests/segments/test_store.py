"""A segment reads each account's own sales, however many the business has."""
import pytest

from app.db import Database
from app.segments.rules import Filter
from app.segments.store import _FROM, _OURS, Moment, conditions


@pytest.mark.parametrize("asked", [Filter(no_visit_days=30), Filter(sales_from=2), Filter(spend_from=1), Filter(last_sale_from=9),
                                   Filter(location=1)])
async def test_sales_are_looked_up_by_their_account(sqlite_db: Database, asked: Filter) -> None:
    text, values = conditions(asked, Moment(10**12, (), ()))
    plan = await sqlite_db.fetch_all(f"EXPLAIN QUERY PLAN SELECT COUNT(*) {_FROM} WHERE {_OURS} AND {text}", {"business_id": 1, **values})
    read = [row[3] for row in plan if " o " in row[3]]
    assert read
    assert all("operations_account" in step for step in read)
