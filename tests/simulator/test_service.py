"""The simulator reads real receipts, on both engines."""
from datetime import timedelta

import msgspec
import pytest

from app.programs import service as programs
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.simulator import rules, service
from app.simulator.service import Wish
from tests.shops import make_card


@pytest.fixture
async def month(here, shop, clock):
    """Three purchases of 1,000.00 and, on the last, 25 points spent; one undone; one of another programme's business is elsewhere."""
    card = await make_card(here, shop)
    for number in range(4):
        clock.advance(days=1)
        made = await sales.sell(here.db, shop.cashier, SaleRequest(card_id=card.id, amount=100_000, location_id=shop.location_id,
                                                                  redeem=25 if number == 2 else 0), None, here.clock.now())
    await sales.undo(here.db, shop.cashier, made.operation.id, None, here.clock.now())
    return card


async def test_real_receipts_are_judged_again_without_those_that_were_undone(here, shop, month):
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    draft = msgspec.structs.replace(program.rules, earn_points=10)
    found = await service.simulate(here.db, shop.business_id, program, draft, Wish(), here.clock.now())
    assert (found.judged, found.receipts) == (3, 3)
    # 50 + 50 + 48 (975.00 × 5 / 100, down); the draft gives twice as much: 100 + 100 + 97.
    assert found.in_force.given == {"points": 148} and found.draft.given == {"points": 297}
    assert found.in_force.turnover == 300_000 and found.in_force.given_worth == 14_800


async def test_what_was_spent_of_what_was_given_is_the_redemption_rate(here, shop, month):
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    found = await service.simulate(here.db, shop.business_id, program, program.rules, Wish(), here.clock.now())
    # 25 of 148: 16.89 %
    assert found.redeemed_bp == 1_689 and found.in_force.redeemed_bp == 1_689
    now = here.clock.now()
    assert await service.redemption_rate(here.db, shop.business_id, program, now - timedelta(days=30), now + timedelta(seconds=1)) == 1_690
    assert await service.redemption_rate(here.db, shop.business_id, program, now - timedelta(days=90), now - timedelta(days=60)) is None


async def test_what_is_owed_is_what_is_open_and_what_other_rules_would_have_given_more(here, shop, month):
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    draft = msgspec.structs.replace(program.rules, earn_points=10)
    found = await service.simulate(here.db, shop.business_id, program, draft, Wish(), here.clock.now())
    # 148 − 25 = 123 points of 1.00
    assert found.in_force.liability == 12_300 and found.draft.liability == 12_300 + 14_900


async def test_old_receipts_and_other_businesses_do_not_count(here, shop, other_shop, month, clock):
    program = await programs.get_program(here.db, other_shop.business_id, other_shop.program_id)
    found = await service.simulate(here.db, other_shop.business_id, program, program.rules, Wish(), here.clock.now())
    assert found.receipts == 0 and found.in_force.liability == 0
    clock.advance(days=40)
    own = await programs.get_program(here.db, shop.business_id, shop.program_id)
    assert (await service.simulate(here.db, shop.business_id, own, own.rules, Wish(), here.clock.now())).receipts == 0


async def test_of_many_receipts_evenly_chosen_ones_are_judged(here, shop, month, monkeypatch):
    monkeypatch.setattr(rules, "MOST_RECEIPTS", 2)
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    found = await service.simulate(here.db, shop.business_id, program, program.rules, Wish(), here.clock.now())
    # The first and the third of three stand for all: 50 and 48 points of two.
    assert (found.judged, found.receipts) == (2, 3) and found.in_force.given == {"points": 147}


async def test_a_typed_average_needs_no_receipts(here, shop):
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    found = await service.simulate(here.db, shop.business_id, program, program.rules, Wish("average", 74_000, 3_000, 4_000, 6_000),
                                   here.clock.now())
    assert found.receipts == 1_200 and found.in_force.turnover == 88_800_000
    assert found.in_force.likely == -(-found.in_force.cost * 6_000 // 10_000)
    assert found.in_force.liability == found.in_force.given_worth - found.in_force.given_worth * 6_000 // 10_000


async def test_what_is_open_is_told_by_unit(here, shop, month):
    assert await service.open_balances(here.db, shop.business_id, shop.program_id) == {"points": (123, 1)}
