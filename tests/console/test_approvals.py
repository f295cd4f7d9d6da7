"""Large corrections wait for another manager, who agrees or refuses; who asked decides nothing."""
import pytest
from msgspec.structs import replace

from app.sales import approvals
from tests.console.visiting import rows, sign_in, words_of
from tests.shops import RULES, make_card, make_shop

APPROVALS = "/console/approvals"


@pytest.fixture
async def careful(here):
    """A shop whose corrections above 100 need a second manager."""
    return await make_shop(here, rules=replace(RULES, four_eyes_over=100))


@pytest.fixture
async def card(here, careful):
    return await make_card(here, careful)


@pytest.fixture
async def asked(here, client, careful, card):
    """A manager asked for 500 points."""
    manager = await sign_in(client, "manager@coffee.example.com")
    answer = await manager.post(f"/console/cards/{here.ids.encode('card', card.id)}/adjust",
                                {"points": "500", "reason": "a lost receipt", "key": "k1"})
    assert answer.status_code == 303 and "waits for a second pair of eyes" in await manager.page(answer.headers["location"])
    [found] = await approvals.list_waiting(here.db, careful.business_id, here.clock.now())
    return manager, f"{APPROVALS}/{here.ids.encode('approval', found.id)}"


async def balance(here, card):
    row = await here.db.fetch_one("SELECT amount FROM balances WHERE account_id = :id AND unit = 'points'", {"id": card.account_id})
    return row["amount"] if row else 0


async def test_a_large_correction_waits_and_is_told_on_the_first_page(here, client, asked, card):
    manager, _ = asked
    assert await balance(here, card) == 0
    assert "1 correction waits for a second pair of eyes" in await manager.page("/console")
    assert "1 исправление ждёт второй подписи" in await manager.page("/console", "ru")
    page = await manager.page(APPROVALS)
    assert "a lost receipt" in page and "somebody else decides" in page


async def test_another_manager_agrees_and_it_is_done_once(here, client, asked, card):
    owner = await sign_in(client, "owner@coffee.example.com")
    answer = await owner.post(asked[1], {"act": "approve"})
    assert answer.status_code == 303 and "Agreed, and done." in await owner.page(answer.headers["location"])
    assert await balance(here, card) == 500
    again = await owner.post(asked[1], {"act": "approve"})
    assert again.status_code == 409 and "decided already" in words_of(again)
    assert await balance(here, card) == 500


async def test_a_refused_correction_changes_nothing(here, client, asked, card):
    owner = await sign_in(client, "owner@coffee.example.com")
    answer = await owner.post(asked[1], {"act": "refuse"})
    assert "Nothing was changed" in await owner.page(answer.headers["location"]) and await balance(here, card) == 0
    assert "Nothing waits" in await owner.page(APPROVALS)


async def test_who_asked_cannot_agree_and_nonsense_decides_nothing(here, client, asked, card):
    manager, address = asked
    owner = await sign_in(client, "owner@coffee.example.com")
    before = await rows(here)
    assert (await manager.post(address, {"act": "approve"})).status_code == 403
    assert (await owner.post(address, {"act": "dance"})).status_code == 422
    assert (await owner.post(f"{APPROVALS}/apr_0000000000000", {"act": "approve"})).status_code == 404
    assert await rows(here) == before
