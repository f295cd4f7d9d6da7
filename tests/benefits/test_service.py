"""Vouchers: a right that is used once, by its holder, in its time; taken back and given back with what made or used it."""
import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.benefits import rewards as catalogue
from app.benefits import service as benefits
from app.benefits import vouchers_store
from app.benefits.rules import (
    OutOfStock,
    RewardNotChosen,
    VoucherElsewhere,
    VoucherEnded,
    VoucherNotYet,
    VoucherUsed,
    VoucherVoid,
)
from app.clock import to_ms
from app.db import write_transaction
from app.errors import NotFound
from tests.benefits.giving import add_reward, give, operation, use
from tests.benefits.test_rewards import count, stock_of
from tests.money import NOON, add_card, make_bed

END = datetime(2026, 12, 6, 21, 0, tzinfo=UTC)              # midnight in Moscow after 14 more days


async def status_of(bed, voucher):
    return (await benefits.get_voucher(bed.db, bed.business_id, voucher.id)).status


async def test_a_voucher_lives_to_the_end_of_its_last_local_day(bed):
    await add_reward(bed, days=14)
    voucher = await give(bed, "coffee")
    assert (voucher.starts_at, voucher.ends_at, voucher.status, voucher.rewards) == (NOON, END, "open", ("coffee",))
    [listed] = await benefits.vouchers_of(bed.db, bed.business_id, bed.account_id, END - timedelta(seconds=1))
    assert listed == voucher
    assert await benefits.vouchers_of(bed.db, bed.business_id, bed.account_id, END) == []


async def test_its_issuer_may_choose_a_life_and_a_beginning_of_its_own(sqlite_bed):
    await add_reward(sqlite_bed)
    begins = NOON + timedelta(days=2)
    voucher = await give(sqlite_bed, "coffee", days=3, starts_at=begins)
    assert (voucher.starts_at, voucher.ends_at) == (begins, datetime(2026, 11, 27, 21, tzinfo=UTC))
    with pytest.raises(VoucherNotYet):
        await use(sqlite_bed, voucher)


async def test_a_voucher_is_found_by_its_digits_however_they_are_spaced(bed):
    await add_reward(bed)
    voucher = await give(bed, "coffee")
    spaced = f" {voucher.code[:5]} {voucher.code[5:]} "
    assert await benefits.find_voucher(bed.db, bed.business_id, spaced) == voucher
    torn = voucher.code[:-1] + str((int(voucher.code[-1]) + 1) % 10)
    assert await benefits.find_voucher(bed.db, bed.business_id, torn) is None
    assert await benefits.find_voucher(bed.db, bed.business_id + 1, voucher.code) is None


async def test_a_code_that_is_taken_gives_way_to_the_next_one(bed):
    await add_reward(bed)
    first = await give(bed, "coffee")
    second = await give(bed, "coffee", code=first.code)
    assert second.code != first.code and await benefits.find_voucher(bed.db, bed.business_id, second.code) == second


async def test_a_voucher_is_used_once(bed):
    await add_reward(bed)
    voucher, sale = await give(bed, "coffee"), await operation(bed)
    assert (await use(bed, voucher, operation_id=sale)).key == "coffee"
    used = await benefits.get_voucher(bed.db, bed.business_id, voucher.id)
    assert (used.status, used.used_by) == ("used", sale) and used.reward_id is not None
    with pytest.raises(VoucherUsed):
        await use(bed, voucher)


async def test_of_two_tills_with_one_voucher_one_uses_it(bed):
    await add_reward(bed)
    voucher = await give(bed, "coffee")
    answers = await asyncio.gather(*(use(bed, voucher) for _ in range(5)), return_exceptions=True)
    assert sorted(isinstance(answer, VoucherUsed) for answer in answers) == [False, True, True, True, True]


async def test_a_till_that_saw_it_open_while_another_used_it_is_refused(bed):
    await add_reward(bed)
    voucher = await give(bed, "coffee")

    async def both(tx):
        return [await vouchers_store.set_used(tx, bed.business_id, voucher.id, 1, None) for _ in range(2)]

    assert await write_transaction(bed.db, both) == [True, False]


@pytest.mark.parametrize("at", [END, END + timedelta(days=30)])
async def test_after_its_end_it_is_refused_whether_or_not_the_job_ran(sqlite_bed, at):
    await add_reward(sqlite_bed, days=14)
    voucher = await give(sqlite_bed, "coffee")
    with pytest.raises(VoucherEnded):
        await use(sqlite_bed, voucher, now=at)
    assert await status_of(sqlite_bed, voucher) == "open"
    assert await benefits.expire_due(sqlite_bed.db, at) == 1
    with pytest.raises(VoucherEnded):
        await use(sqlite_bed, voucher, now=NOON)


async def test_somebody_elses_voucher_is_refused_and_stays_open(bed):
    await add_reward(bed)
    voucher = await give(bed, "coffee")
    stranger, _ = await add_card(bed.db, bed.business_id, bed.program_id)
    with pytest.raises(VoucherElsewhere):
        await use(bed, voucher, account_id=stranger)
    other = await make_bed(bed.db, "leaf")
    with pytest.raises(NotFound):
        await use(other, voucher)
    assert await status_of(bed, voucher) == "open"


async def test_one_of_several_rewards_is_chosen_when_it_is_used_and_only_then_taken(bed):
    await add_reward(bed, "coffee", stock=1)
    await add_reward(bed, "cake", stock=1)
    voucher = await give(bed, "coffee", "cake")
    assert (await stock_of(bed, "coffee"), await stock_of(bed, "cake")) == (1, 1)
    for wrong in (None, "tea"):
        with pytest.raises(RewardNotChosen):
            await use(bed, voucher, wrong)
    assert (await use(bed, voucher, "cake")).key == "cake"
    assert (await stock_of(bed, "coffee"), await stock_of(bed, "cake")) == (1, 0)


async def test_a_choice_that_is_out_of_stock_leaves_the_voucher_open(bed):
    await add_reward(bed, "coffee", stock=0)
    await add_reward(bed, "cake")
    voucher = await give(bed, "coffee", "cake")
    with pytest.raises(OutOfStock):
        await use(bed, voucher, "coffee")
    assert (await use(bed, voucher, "cake")).key == "cake"


async def test_what_an_operation_issued_is_void_with_it_and_its_stock_is_back(bed):
    await add_reward(bed, "coffee", stock=2)
    await add_reward(bed, "cake")
    sale = await operation(bed)
    first, second, third = [await give(bed, key, operation_id=sale) for key in ("coffee", "coffee", "cake")]
    await use(bed, third)
    assert await stock_of(bed) == 0
    answer = await write_transaction(bed.db, lambda tx: benefits.void_issued(tx, bed.business_id, sale))
    assert answer == ([first.id, second.id], [third.id])
    assert (await stock_of(bed), await status_of(bed, first), await status_of(bed, third)) == (2, "void", "used")
    with pytest.raises(VoucherVoid):
        await use(bed, first)
    again = await write_transaction(bed.db, lambda tx: benefits.void_issued(tx, bed.business_id, sale))
    assert again == ([], [third.id]) and await stock_of(bed) == 2


async def test_what_an_operation_used_is_open_again_after_it_is_taken_back(bed):
    await add_reward(bed, "coffee", stock=3)
    await add_reward(bed, "cake", stock=3)
    sale = await operation(bed)
    single, choice = await give(bed, "coffee"), await give(bed, "coffee", "cake")
    await use(bed, single, operation_id=sale)
    await use(bed, choice, "cake", operation_id=sale)
    assert (await stock_of(bed, "coffee"), await stock_of(bed, "cake")) == (2, 2)
    reopened = await write_transaction(bed.db, lambda tx: benefits.reopen_used(tx, bed.business_id, sale, NOON, 0))
    assert reopened == [single.id, choice.id]
    assert (await stock_of(bed, "coffee"), await stock_of(bed, "cake")) == (2, 3)
    assert [await status_of(bed, each) for each in (single, choice)] == ["open", "open"]
    assert (await use(bed, choice, "coffee")).key == "coffee"


async def test_a_voucher_that_comes_back_after_its_end_lives_on_for_the_days_of_grace(bed):
    await add_reward(bed, days=1)
    await add_reward(bed, "cake", days=90)
    sale, short, long = await operation(bed), await give(bed, "coffee"), await give(bed, "cake")
    for voucher in (short, long):
        await use(bed, voucher, operation_id=sale)
    late, grace = NOON + timedelta(days=10), NOON + timedelta(days=24)
    await write_transaction(bed.db, lambda tx: benefits.reopen_used(tx, bed.business_id, sale, late, to_ms(grace)))
    ends = {voucher.id: voucher.ends_at for voucher in await benefits.vouchers_of(bed.db, bed.business_id, bed.account_id, late)}
    assert ends == {short.id: grace, long.id: long.ends_at}
    assert await benefits.expire_due(bed.db, late) == 0


async def test_ending_gives_the_stock_back_and_tells_the_cards(bed):
    await add_reward(bed, stock=1, days=1)
    voucher = await give(bed, "coffee")
    table = "updates" if bed.db.engine == "sqlite" else "update_queue"
    before = await count(bed, table)
    assert await benefits.expire_due(bed.db, NOON) == 0
    assert await benefits.expire_due(bed.db, NOON + timedelta(days=3)) == 1
    assert (await status_of(bed, voucher), await stock_of(bed), await count(bed, table)) == ("expired", 1, before + 1)
    assert await benefits.expire_due(bed.db, NOON + timedelta(days=3)) == 0


async def test_a_reward_that_never_was_is_not_given(sqlite_bed):
    with pytest.raises(NotFound):
        await give(sqlite_bed, "coffee")
    assert await count(sqlite_bed, "vouchers") == 0


async def test_open_vouchers_are_counted_for_each_reward_that_they_may_become(sqlite_bed):
    bed = sqlite_bed
    for key in ("coffee", "cake"):
        await add_reward(bed, key)
    await give(bed, "coffee", "cake")
    await use(bed, await give(bed, "coffee"))
    await give(bed, "cake")
    assert await catalogue.count_open(bed.db, bed.business_id, bed.program_id) == {"coffee": 1, "cake": 2}
