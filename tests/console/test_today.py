"""The console's first page."""
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.shops import make_card


async def test_a_fresh_business_is_told_how_to_begin(owner):
    text = await owner.page("/console")
    assert "No sales with a card so far" in text and "Make the poster" in text and "Nothing has happened yet." in text


async def test_the_page_counts_and_tells_what_just_happened(here, shop, owner):
    card = await make_card(here, shop, points=100)
    for amount in (20_000, 10_000):
        here.clock.advance(minutes=1)
        await sales.sell(here.db, shop.cashier, SaleRequest(card_id=card.id, amount=amount, location_id=shop.location_id), None,
                         here.clock.now())
    text = await owner.page("/console")
    assert "New cards 1" in text and "Visits with a card 2" in text and "100 % 1 of 1 shoppers" in text
    assert "Points not spent yet 115 a promise of 115 ₽" in text and "The best day was 22 November." in text
    assert "Анна earned +5 Pushkin Street · Cashier today, 12:02" in text
    russian = await owner.page("/console", "ru")
    assert "Лучший день" in russian and "Pushkin Street" in russian


async def test_amounts_are_in_the_businesss_currency_and_worth(here, shop, owner):
    await make_card(here, shop, points=1_480)
    assert "1\u202f480" in (await owner.get("/console")).text
