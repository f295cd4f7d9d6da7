import asyncio

import msgspec
import pytest

from app.benefits import service as benefits
from app.benefits.rules import LevelNeeded, OutOfStock, RewardClosed, VoucherUsed
from app.cards.rules import CardBlocked, CardProvisional
from app.errors import NotFound
from app.programs import terms
from app.sales import claims
from app.sales.judging import NotEnough
from app.sales.rules import AlreadyUndone
from app.web.principal import shopper
from tests.money import RULES, add_card
from tests.sales.conftest import refused
from tests.sales.test_recording import LEVELS


async def claim(till, key="coffee", who=None, card_id=None):
    return (await claims.claim(till.db, who or till.who, card_id or till.bed.card_id, key, till.key(), till.now)).operation


async def test_a_reward_is_bought_for_its_cost_and_becomes_a_voucher(till):
    await till.reward(unit="points", cost=30, stock=2)
    await till.adjust(100)
    made = await claim(till, who=shopper(till.bed.business_id, till.bed.customer_id))
    [voucher] = await till.vouchers()
    assert (made.kind, made.balances["points"], made.texts["reward"], await till.stock()) == ("claim", 70, "coffee", 1)
    assert (voucher.issued_by, voucher.source, voucher.rewards) == (made.id, "catalogue", ("coffee",))


async def test_a_claim_taken_back_gives_points_and_stock_again(till):
    await till.reward(unit="points", cost=30, stock=1)
    await till.adjust(100)
    ends = await till.db.fetch_val("SELECT expires_at FROM lots")
    made = await claim(till)
    assert (await till.undo(made)).balances["points"] == 100
    assert (await till.vouchers(), await till.stock()) == ([], 1)
    assert await till.db.fetch_val("SELECT expires_at FROM lots WHERE remaining = 100") == ends
    await refused(till, AlreadyUndone, till.undo(made))


async def test_a_claim_whose_voucher_was_used_stays(till):
    await till.reward(unit="points", cost=30)
    await till.adjust(100)
    made = await claim(till)
    [voucher] = await till.vouchers()
    sale = await till.sell(1_000, vouchers=[(voucher.id, None)])
    await refused(till, VoucherUsed, till.refund(made))
    await till.undo(sale)
    await till.refund(made)
    assert await till.balance() == 100


async def test_what_cannot_be_bought_is_refused(till):
    await till.reward(unit="points", cost=30, stock=0)
    await till.reward("mug", unit="points", cost=101)
    await till.reward("gift")
    await till.reward("old", unit="points", cost=1)
    await benefits.close_reward(till.db, till.bed.manager, till.bed.program_id, "old", till.now)
    await till.adjust(100)
    for key, kind in (("coffee", OutOfStock), ("mug", NotEnough), ("gift", NotFound), ("none", NotFound), ("old", RewardClosed)):
        await refused(till, kind, claim(till, key))


@pytest.mark.parametrize(("word", "kind"), [("blocked", CardBlocked), ("provisional", CardProvisional)])
async def test_a_card_that_cannot_pay_claims_nothing(till, word, kind):
    await till.reward(unit="points", cost=30)
    await till.adjust(100)
    await till.db.execute("UPDATE cards SET status = :word", {"word": word})
    await refused(till, kind, claim(till))


async def test_a_reward_of_a_higher_level_waits_for_it(open_till):
    till = await open_till(LEVELS)
    await till.reward(unit="points", cost=1, level="gold")
    await till.adjust(10)
    await refused(till, LevelNeeded, claim(till))
    await till.sell(100_000)
    await claim(till)


async def test_a_reward_costs_stamps_where_it_says_so(open_till):
    till = await open_till(msgspec.structs.replace(RULES, stamps=terms.Stamps(terms.Conversion(30, ("coffee",)))))
    await till.reward("cookie", unit="stamps", cost=2)
    for _ in range(2):
        await till.sell(1_000)
    assert (await claim(till, "cookie")).balances["stamps"] == 0


async def test_two_shoppers_claim_the_last_piece_once(till):
    await till.reward(unit="points", cost=30, stock=1)
    _, other = await add_card(till.db, till.bed.business_id, till.bed.program_id)
    await till.adjust(100)
    await till.db.execute("UPDATE rewards SET cost = 0")
    done = await asyncio.gather(claim(till), claim(till, card_id=other), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Operation", "OutOfStock"]
    assert await till.stock() == 0


async def test_two_tills_with_the_last_points_claim_once(till):
    await till.reward(unit="points", cost=60)
    await till.adjust(100)
    done = await asyncio.gather(*[claim(till) for _ in range(3)], return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["NotEnough", "NotEnough", "Operation"]
    assert len(await till.vouchers()) == 1
