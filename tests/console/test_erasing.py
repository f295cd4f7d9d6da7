"""The owner forgets a shopper from a card's page."""
import pytest

from app.cards import service as cards
from tests.console.visiting import audited, words_of
from tests.shops import make_card


@pytest.fixture
async def card(here, shop):
    return await make_card(here, shop, points=40)


@pytest.fixture
def page(here, card):
    return f"/console/cards/{here.ids.encode('card', card.id)}"


async def status(here, shop, card) -> str:
    return (await cards.get_card(here.db, shop.business_id, card.id)).status


async def test_the_owner_types_the_cards_last_digits_and_the_person_is_forgotten(owner, here, shop, card, page):
    assert "Forget this person" in await owner.page(page)
    answer = await owner.post(f"{page}/erase", {"end": card.number[-4:]})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{page}?done=erase")
    shown = await owner.page(f"{page}?done=erase")
    assert "This person is forgotten" in shown and "Анна" not in shown and "Forget this person" not in shown
    assert await status(here, shop, card) == "erased"
    assert (await audited(here, shop.business_id))[0] == "customer.erased"


@pytest.mark.parametrize("end", ["", "0000", "12345"])
async def test_without_the_digits_nothing_happens(owner, here, shop, card, page, end):
    answer = await owner.post(f"{page}/erase", {"end": end})
    assert answer.status_code == 422 and "Type the last four digits" in words_of(answer)
    assert await status(here, shop, card) == "active"


async def test_a_manager_is_not_offered_it_and_not_let(manager, here, shop, card, page):
    assert "Forget this person" not in await manager.page(page)
    assert (await manager.post(f"{page}/erase", {"end": card.number[-4:]})).status_code == 403
    assert await status(here, shop, card) == "active"
