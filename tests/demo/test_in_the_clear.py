"""Whoever gets hold of the file of a filled demo finds no telephone number and no address in it, and names only where search needs them."""
from datetime import timedelta

import pytest

from app.context import Context
from app.customers import service as customers
from app.demo import business, history, plan
from tests import engines

# A name folded for search (SQLite's LIKE knows no Cyrillic); staff, who are no shoppers; the demo's own inbox, which shows messages.
NAMES_STAND = {("customers", "name_folded"), ("staff", "name")}
INBOX = "demo_messages"


@pytest.fixture
def database_url(tmp_path):  # type: ignore[no-untyped-def]
    return engines.sqlite_url(tmp_path, migrated=True)


async def test_numbers_and_names_of_shoppers_are_in_no_column_in_the_clear(here: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CARDS", 6)
    here.clock.advance(hours=6)     # type: ignore[attr-defined]
    now = here.clock.now()
    shop = await business.found_coffee(here, now - timedelta(days=31))
    await history.live_through(here, shop, now)
    ids = {row["id"] for row in await here.db.fetch_all("SELECT id FROM customers")}
    names = {person.name for person in (await customers.get_many(here.db, here.ring, 1, ids)).values() if person.name}
    phones = [await customers.phone_of(here.db, here.ring, 1, customer_id) for customer_id in ids]
    secrets = {phone[-10:].encode() for phone in phones if phone} | {b"@coffee.example"}
    assert names and len(secrets) > 5
    found = set()
    for (table,) in await here.db.fetch_all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"):
        for row in await here.db.fetch_all(f"SELECT * FROM {table}"):
            for column, value in dict(row).items():
                data = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else b""
                if table != INBOX and any(secret in data for secret in secrets):
                    found.add((table, column, "number or address"))
                if table != INBOX and (table, column) not in NAMES_STAND and column != "created_by":
                    folded = data.decode("utf-8", "ignore").casefold()
                    found |= {(table, column, "name") for name in names if name.casefold() in folded}
    assert found == set()
