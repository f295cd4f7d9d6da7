"""The SQL of the profile on SQLite and PostgreSQL: a number changes, two people become one, a link is used once, somebody leaves."""
import asyncio

import pytest

from app import secrets
from app.card_pages.service import Opened, WrongCode
from app.cards import service as cards
from app.customers import service as customers
from app.errors import NotFound
from app.ledger import service as ledger
from app.profiles import handovers, leaving, numbers
from app.programs import service as programs
from tests.conftest import database_url  # noqa: F401 - each engine again, past the one that this folder's pages are content with
from tests.enrolment.joining import ANNA
from tests.profiles.conftest import books_agree, second_card
from tests.shops import make_card

NEW, BORIS, CODE = "+79217778899", "+79035556677", "246813"


@pytest.fixture
async def opened(here, shop, monkeypatch) -> Opened:
    """Anna's card, and codes that are known."""
    monkeypatch.setattr(secrets, "new_digits", lambda count: CODE[:count].ljust(count, "0"))
    card = await make_card(here, shop, points=120)
    return Opened(card, await programs.get_program(here.db, shop.business_id, shop.program_id), "card")


async def begun(here, opened, e164, voucher=None):
    await numbers.begin(here, opened, e164, "ru", here.clock.now(), voucher=voucher)


async def test_a_number_changes_by_its_code_and_the_try_with_a_wrong_one_is_counted(here, shop, opened):
    await begun(here, opened, NEW)
    with pytest.raises(WrongCode):
        await numbers.prove(here, opened, "000000", "ru", here.clock.now())
    [row] = await here.db.fetch_all("SELECT tries FROM number_changes")
    assert row["tries"] == 1
    assert await numbers.prove(here, opened, CODE, "ru", here.clock.now()) == numbers.CHANGED
    assert (await customers.find_by_phone(here.db, here.ring, shop.business_id, NEW)).id == opened.card.customer_id
    assert await customers.find_by_phone(here.db, here.ring, shop.business_id, ANNA) is None
    with pytest.raises(numbers.NotBegun):
        await numbers.prove(here, opened, CODE, "ru", here.clock.now())
    here.clock.advance(days=2)
    await numbers.forget_old(here, here.clock.now())
    assert await here.db.fetch_all("SELECT id FROM number_changes") == []


async def test_two_people_become_one_with_cards_of_two_programmes(here, shop, opened, monkeypatch):
    monkeypatch.undo()
    boris = await make_card(here, shop, phone=BORIS, points=70)
    theirs = await second_card(here, shop, boris.customer_id, points=33)
    monkeypatch.setattr(secrets, "new_digits", lambda count: CODE)
    await begun(here, opened, BORIS)
    assert await numbers.prove(here, opened, CODE, "ru", here.clock.now()) == numbers.TAKEN
    await numbers.merge(here, opened, "ru", here.clock.now())
    assert (await ledger.balances(here.db, opened.card.account_id))["points"] == 190
    assert (await cards.get_card(here.db, shop.business_id, theirs.id)).customer_id == opened.card.customer_id
    assert (await customers.find_by_phone(here.db, here.ring, shop.business_id, BORIS)).id == opened.card.customer_id
    await books_agree(here)


async def test_two_presses_at_once_merge_once(here, shop, opened, monkeypatch):
    monkeypatch.undo()
    await make_card(here, shop, phone=BORIS, points=70)
    monkeypatch.setattr(secrets, "new_digits", lambda count: CODE)
    await begun(here, opened, BORIS)
    await numbers.prove(here, opened, CODE, "ru", here.clock.now())
    results = await asyncio.gather(*(numbers.merge(here, opened, "ru", here.clock.now()) for _ in range(2)), return_exceptions=True)
    assert sum(isinstance(each, numbers.NotBegun) for each in results) == 1 and None in results
    assert (await ledger.balances(here.db, opened.card.account_id))["points"] == 190
    await books_agree(here)


async def test_a_lost_number_is_told_once(here, shop, opened):
    await begun(here, opened, NEW, shop.who)
    await numbers.prove(here, opened, CODE, "ru", here.clock.now(), voucher=shop.who)
    here.clock.advance(hours=1)
    assert [await numbers.tell_due(here, here.clock.now()) for _ in range(2)] == [1, 0]


async def test_a_link_to_another_phone_is_used_once_by_whoever_presses_first(here, opened):
    token = await handovers.make(here, opened.card, here.clock.now())
    results = await asyncio.gather(*(handovers.use(here, token, here.clock.now()) for _ in range(5)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["NotFound"] * 4 + ["str"]
    with pytest.raises(NotFound):
        await handovers.find(here, token, here.clock.now())


async def test_whoever_leaves_leaves_an_empty_account(here, shop, opened):
    await leaving.leave(here, opened.card, opened.program, "ru", here.clock.now())
    assert (await cards.get_card(here.db, shop.business_id, opened.card.id)).status == "expired"
    assert (await ledger.balances(here.db, opened.card.account_id))["points"] == 0
    await books_agree(here)
