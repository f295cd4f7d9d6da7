"""Which shoppers a stolen key saw is answered from what was noted, for staff as well (goal N7)."""
import time
from datetime import timedelta

import pytest

from app.privacy import reads
from app.web.principal import shopper, system
from tests.shops import make_card


async def seen(here, shop, who, since):
    return [(each.card_id, each.hours) for each in await reads.since(here.db, shop.business_id, who.kind, who.id, since, 1000)]


@pytest.mark.goal("N7")
async def test_a_key_that_read_cards_is_told_with_their_shoppers(here, shop, client):
    cards = [await make_card(here, shop, phone=f"+7916123123{n}") for n in range(3)]
    start, bearer = here.clock.now(), {"Authorization": f"Bearer {shop.api_key}"}
    for card in cards[:2]:
        assert (await client.get(f"/api/v1/cards/{here.ids.encode('card', card.id)}", headers=bearer)).status_code == 200
    here.clock.advance(hours=2)
    assert (await client.get("/api/v1/cards", params={"code": cards[0].code}, headers=bearer)).status_code == 200
    assert await seen(here, shop, shop.key_principal, start) == [(cards[0].id, 2), (cards[1].id, 1)]
    assert await seen(here, shop, shop.key_principal, here.clock.now()) == [(cards[0].id, 1)]
    assert await seen(here, shop, shop.who, start) == []


async def test_many_looks_in_an_hour_are_one_row_and_nobody_else_is_noted(here, shop):
    card = await make_card(here, shop)
    for who in (shop.who, shop.who, shopper(shop.business_id, card.customer_id), system(shop.business_id)):
        reads.note(here.db, who, [card.id], here.clock.now())
    assert await reads.write(here.db) == 1
    reads.note(here.db, shop.who, [card.id], here.clock.now())
    await reads.write(here.db)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM card_reads") == 1


async def test_another_business_sees_nothing_of_it(here, shop, other_shop):
    card = await make_card(here, shop)
    reads.note(here.db, shop.key_principal, [card.id], here.clock.now())
    assert await reads.since(here.db, other_shop.business_id, "api_key", shop.key_principal.id, here.clock.now(), 10) == []


@pytest.mark.goal("N7")
async def test_the_answer_is_quick_among_many_looks(here, shop):
    card, now = await make_card(here, shop), here.clock.now()
    for hour in range(20_000):
        reads.note(here.db, shop.who if hour % 2 else shop.key_principal, [card.id], now - timedelta(hours=hour))
    await reads.write(here.db)
    began = time.perf_counter()
    assert await seen(here, shop, shop.key_principal, now - timedelta(hours=100)) == [(card.id, 51)]
    assert time.perf_counter() - began < 1
