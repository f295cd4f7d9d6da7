"""A merge looks up what is one customer's, however many the business has."""
from app.customers import merging_store as store
from app.db import Database
from tests.plans import steps_of


async def test_accounts_of_a_customer_are_found_by_their_index(sqlite_db: Database) -> None:
    for ask in (lambda tx: store.move_accounts(tx, 1, 2, 3), lambda tx: store.has_accounts(tx, 1, 2)):
        steps = await steps_of(sqlite_db, ask)
        assert not any(step.startswith("SCAN") for step in steps), steps
