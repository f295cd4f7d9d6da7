"""A card's code on two phones, receipts rung up twice, receipts split in two: what an outsider can get out of a till (goal S7)."""
import asyncio

import msgspec
import pytest

from app.programs import service as programs
from tests.shops import RULES, make_card
from tests.till.calling import Till, written

pytestmark = pytest.mark.goal("S7")


@pytest.fixture
async def card(here, shop):
    return await make_card(here, shop, points=320)


async def sell(till: Till, card, amount: int, **more):
    return await till.post("/sales", {"code": card.code, "amount": amount, "location": till.id("location", till.shop.location_id), **more})


async def points(till: Till, card) -> int:
    return (await till.get(f"/cards/{till.id('card', card.id)}")).json()["balances"]["points"]


async def test_two_tills_that_scan_one_screenshot_at_once_spend_its_points_once(till, card):
    answers = await asyncio.gather(*[sell(till, card, 64_000, redeem={"points": 320}) for _ in range(2)])
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    [refused] = [answer.json() for answer in answers if answer.status_code == 409]
    assert refused["code"] == "not_enough_points"
    earned = 16
    assert await points(till, card) == earned


async def test_a_receipt_is_credited_once_at_its_place_whoever_shows_it_again(till, here, shop, card):
    other = await make_card(here, shop, phone="+79161239999")
    assert (await sell(till, card, 100_000, receipt="A-7")).status_code == 201
    before = await written(here)
    for shown in (card, other):
        answer = await sell(till, shown, 100_000, receipt="A-7")
        assert (answer.status_code, answer.json()["code"]) == (409, "receipt_already_used")
    assert await written(here) == before


async def test_of_two_tills_that_ring_up_one_receipt_at_once_one_is_refused(till, card):
    answers = await asyncio.gather(*[sell(till, card, 100_000, receipt="A-8") for _ in range(2)])
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_a_receipt_that_is_split_earns_no_more_than_the_whole(till, card):
    before = await points(till, card)
    for number, amount in enumerate((3_333, 3_333, 3_334)):
        assert (await sell(till, card, amount, receipt=f"B-{number}")).status_code == 201
    split = await points(till, card) - before
    assert (await sell(till, card, 10_000, receipt="B-9")).status_code == 201
    assert split <= await points(till, card) - before - split


async def test_points_above_the_limit_take_a_confirmation_and_leave_nothing_without_it(till, here, shop, card):
    await programs.change_rules(here.db, shop.who, shop.program_id, msgspec.structs.replace(RULES, confirm_redeem_over=100),
                                here.clock.now())
    before = await written(here)
    answer = await sell(till, card, 100_000, redeem={"points": 101})
    assert (answer.status_code, answer.json()["code"]) == (409, "confirmation_needed")
    assert await written(here) == before
    assert (await sell(till, card, 100_000, redeem={"points": 100})).status_code == 201
    assert (await sell(till, card, 100_000, redeem={"points": 101}, confirmed=True)).status_code == 201
