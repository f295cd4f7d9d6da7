"""A card is found by its account or its customer, however many cards the business has."""
import pytest

from app.cards import store
from app.db import Database
from app.ledger import store as ledger_store
from tests.plans import steps_of


@pytest.mark.parametrize("ask", [
    lambda reader: store.of_account(reader, 1, 2), lambda reader: store.of_customer(reader, 1, 2),
    lambda reader: store.of_customer(reader, 1, 2, 3), lambda reader: ledger_store.cards_of(reader, 1, 2)])
async def test_cards_of_somebody_are_looked_up_by_their_account(sqlite_db: Database, ask) -> None:
    steps = await steps_of(sqlite_db, ask)
    assert any("cards_account" in step for step in steps), steps
    assert not any(step.startswith("SCAN") or "cards_business" in step for step in steps), steps
