"""Refunds and undo of every unit, by sum and by lines, in any order with what came later."""
import itertools

import msgspec
import pytest

from app.benefits import promo
from app.benefits import service as benefits
from app.benefits.rules import CodeUsedByYou, Terms
from app.db import write_transaction
from app.errors import Invalid
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs import terms
from app.programs.terms import Said
from app.sales import service
from app.sales.rules import AlreadyUndone, RefundExceedsSale
from app.standing import service as standings
from tests.money import add_card
from tests.sales.conftest import make_till, refused
from tests.sales.test_recording import LEVELS, STAMPS, changed, cups


async def test_lines_come_back_with_what_they_earned_and_paid(open_till):
    twice = terms.Rule("tea", Said("Tea"), terms.Multiply(20_000), terms.When(categories=("tea",)))
    till = await open_till(changed(rules=(twice,)))
    await till.adjust(100)
    sale = await till.sell(100_000, 100, lines=[{"sku": "green", "category": "tea", "quantity": 4, "amount": 40_000},
                                                {"sku": "pan", "amount": 60_000}])
    assert sale.gained("earned") == 63                # 45 for 900 ₽, and 18 more for the tea's 360 ₽
    part = await till.refund(sale, lines=[(1, 1)])
    assert (part.amount_minor, part.pay_back_minor, part.gained("refund_returned"), part.gained("refund_taken")) == (10_000, 9_000, 10, -9)
    rest = await till.refund(sale)
    assert part.gained("refund_taken") + rest.gained("refund_taken") == -63
    assert (await till.balance(), part.pay_back_minor + rest.pay_back_minor) == (100, 90_000)
    await refused(till, RefundExceedsSale, till.refund(sale, lines=[(1, 1)]))


async def test_a_till_that_reckons_a_line_otherwise_is_told(open_till):
    till = await open_till(changed(discount_bp=1_000))
    sale = await till.sell(10_000, lines=cups(2, 5_000))
    problem = await refused(till, Invalid, till.refund(sale, 5_000, lines=[(1, 1)]))
    assert problem.fields[0][:2] == ("amount", "lines_amount")
    assert (await till.refund(sale, 4_500, lines=[(1, 1)])).amount_minor == 4_500
    for line in ((3, 1), (0, 1), (1, 0)):
        await refused(till, Invalid, till.refund(sale, lines=[line]))
    await refused(till, RefundExceedsSale, till.refund(sale, lines=[(1, 2)]))


STEPS = {"amount": None, "lines": [(1, 1)]}, {"amount": 3_333}, {"amount": None, "lines": [(2, 1)]}


@pytest.mark.parametrize("order", list(itertools.permutations(STEPS)), ids=str)
async def test_refunds_end_at_the_same_place_in_any_order_and_mix(sqlite_db, order):
    till = await make_till(sqlite_db, msgspec.structs.replace(STAMPS, earn_points=7, charity=terms.Charity(Said("Trees"), share_bp=333)))
    await till.adjust(50)
    sale = await till.sell(9_999, 33, lines=[*cups(4, 1_111), {"sku": "pan", "amount": 1_001}])
    parts = [await till.refund(sale, **step) for step in order]
    assert sum(part.amount_minor for part in parts) == 1_111 + 3_333 + 1_001
    assert (await till.balance("stamps"), await till.balance("donated")) == (2, 103)
    parts.append(await till.refund(sale))
    assert sum(part.pay_back_minor for part in parts) == sale.to_pay_minor
    assert [await till.balance(unit) for unit in ("points", "stamps", "donated")] == [50, 0, 0]


async def test_an_undone_stamp_card_takes_its_voucher_back_and_gives_the_old_stamps_again(open_till):
    till = await open_till(STAMPS)
    await till.reward(stock=1)
    await till.sell(2_000, lines=cups(2))
    sale = await till.sell(2_000, lines=cups(2))
    assert (await till.balance("stamps"), await till.stock()) == (1, 0)
    undone = await till.undo(sale)
    assert (await till.balance("stamps"), await till.vouchers(), await till.stock()) == (2, [], 1)
    assert undone.texts["converted_back"] == {"stamps": 3}


async def test_a_conversion_is_reversed_only_where_the_stamps_are_not_there_otherwise(open_till):
    till = await open_till(STAMPS)
    await till.reward()
    sale = await till.sell(4_000, lines=cups(4))              # 3 became a voucher, 1 is left
    await till.refund(sale, lines=[(1, 1)])
    assert (await till.balance("stamps"), len(await till.vouchers())) == (0, 1)
    await till.refund(sale, lines=[(1, 1)])
    assert (await till.balance("stamps"), len(await till.vouchers())) == (2, 0)
    await till.refund(sale)
    assert await till.balance("stamps") == 0


async def lots(till, unit):
    rows = await till.db.fetch_all("SELECT expires_at, remaining FROM lots WHERE unit = :unit AND remaining <> 0 ORDER BY expires_at",
                                   {"unit": unit})
    return [row["remaining"] for row in rows]


async def test_what_paid_and_what_was_bought_comes_back_to_the_lots_that_it_came_from(open_till):
    till = await open_till(changed(lot_days=60))
    await till.reward("mug", unit="points", cost=30)
    for amount in (20, 20, 40):
        await till.adjust(amount)
        till.later(days=1)
    sale = await till.sell(100_000, 30, catalogue=["mug"])       # 20 + 10 pay, 10 + 20 buy
    earned = sale.gained("earned")
    assert await lots(till, "points") == [20, earned]
    await till.refund(sale, 50_000)                              # the last half of what paid: 10 of the second lot, 5 of the first
    assert (await lots(till, "points"))[:3] == [5, 10, 20]
    await till.refund(sale)
    assert await lots(till, "points") == [20, 20, 40]


async def test_reversed_conversions_give_the_stamps_of_each_lot_back_once(open_till):
    till = await open_till(msgspec.structs.replace(STAMPS, stamps=msgspec.structs.replace(STAMPS.stamps, days=30)))
    await till.reward()
    for _ in range(2):
        await till.sell(1_000, lines=cups(1))
        till.later(days=1)
    sale = await till.sell(4_000, lines=cups(4))                 # 1 + 1 + 1 and 3 of its own became two vouchers
    assert (await lots(till, "stamps"), len(await till.vouchers())) == ([], 2)
    await till.refund(sale, lines=[(1, 1)])
    assert (await lots(till, "stamps"), len(await till.vouchers())) == ([2], 1)
    await till.refund(sale)
    assert (await lots(till, "stamps"), len(await till.vouchers())) == ([1, 1], 0)


async def test_a_voucher_that_was_used_is_told_and_its_stamps_are_owed(open_till):
    till = await open_till(STAMPS)
    await till.reward()
    sale = await till.sell(3_000, lines=cups(3))
    [voucher] = await till.vouchers()
    await till.sell(1_000, vouchers=[(voucher.id, None)])
    told = await till.refund(sale)
    assert (told.texts["shortfall_vouchers"], await till.balance("stamps"), told.shortfall) == ([voucher.id], -3, 0)
    assert (await till.sell(4_000, lines=cups(4))).balances["stamps"] == 1


async def test_stamps_of_used_vouchers_are_let_go_where_the_programme_says_so(open_till):
    till = await open_till(msgspec.structs.replace(STAMPS, refund_debt="waived"))
    await till.reward()
    sale = await till.sell(3_000, lines=cups(3))
    [voucher] = await till.vouchers()
    await till.sell(1_000, vouchers=[(voucher.id, None)])
    parts = [await till.refund(sale, lines=[(1, 2)]), await till.refund(sale)]
    assert [part.texts["shortfall"] for part in parts] == [{"stamps": 2}, {"stamps": 1}]
    assert await till.balance("stamps") == 0


async def test_a_sale_that_used_a_voucher_and_a_code_opens_both_again_when_it_is_whole(open_till):
    till = await open_till(STAMPS)
    await till.reward()
    await till.reward("ten", kind="discount", value=1_000)
    await promo.create_batch(till.db, till.bed.manager, till.bed.program_id, Terms("spring", "Spring", reward="ten"), ["SPRING"], till.now)
    await till.sell(3_000, lines=cups(3))
    [voucher] = await till.vouchers()
    sale = await till.sell(10_000, vouchers=[(voucher.id, None)], promo_code="spring")
    assert (sale.to_pay_minor, sale.texts["promo"]) == (9_000, "spring")
    await till.refund(sale, 8_999)
    await refused(till, CodeUsedByYou, till.sell(10_000, promo_code="SPRING"))
    told = await till.refund(sale, 1)
    assert (told.texts["vouchers"]["reopened"], [one.id for one in await till.vouchers()]) == ([voucher.id], [voucher.id])
    await till.sell(10_000, vouchers=[(voucher.id, None)], promo_code="SPRING")


async def test_a_refund_takes_the_level_that_its_sale_reached(open_till):
    till = await open_till(LEVELS)
    await till.sell(90_000)
    sale = await till.sell(20_000)
    assert await standings.level_at(till.db, till.bed.account_id, till.now) == "gold"
    await till.refund(sale, 9_000)
    assert await standings.level_at(till.db, till.bed.account_id, till.now) == "gold"
    await till.refund(sale, 5_000)
    assert await standings.level_at(till.db, till.bed.account_id, till.now) == "bronze"
    assert await ledger.progress_of(till.db, till.bed.account_id, till.now, till.now) == 96_000


async def test_a_refund_frees_the_caps_that_its_sale_filled(open_till):
    gift = terms.Rule("ten", Said("Ten"), terms.Earn(10), caps=terms.Caps(person=10, campaign=10))
    till = await open_till(changed(rules=(gift,)))
    sale = await till.sell(10_000)
    assert (sale.gained("earned"), (await till.sell(10_000)).gained("earned")) == (15, 5)
    await till.refund(sale, 5_000)
    assert (await till.sell(10_000)).gained("earned") == 10
    await till.refund(sale)
    assert (await till.sell(10_000)).gained("earned") == 10


async def test_pending_points_are_taken_back_before_they_could_be_spent(open_till):
    till = await open_till(changed(pending_days=14))
    await till.adjust(30)
    sale = await till.sell(100_000)
    await till.refund(sale, 50_000)
    shown = await ledger.shown(till.db, till.bed.account_id, till.now)
    assert (shown.available, shown.pending) == ({"points": 30}, {"points": 25})


async def test_what_faded_already_is_not_asked_back(open_till):
    till = await open_till(changed(fades=(terms.Fade(7, 5_000), terms.Fade(14, 5_000))))
    sale = await till.sell(200_000)
    till.later(days=8)
    await till.refund(sale)
    assert await till.balance() == 0


async def test_a_refund_reaches_points_that_moved_with_later_activity(open_till):
    till = await open_till(changed(lot_days=30, lot_end="activity", largest_share_bp=10_000))
    first = await till.sell(100_000)
    till.later(days=10)
    await till.sell(2_000, 20)
    till.later(days=1)
    await till.refund(first)
    assert await till.balance() == -20


async def test_a_refund_after_a_merge_reaches_the_account_that_lives_on(open_till):
    till = await open_till(changed(largest_share_bp=10_000))
    await till.adjust(40)
    sale = await till.sell(100_000, 40)
    account, card = await add_card(till.db, till.bed.business_id, till.bed.program_id)

    async def merge(tx):
        program = await programs.get_program(tx, till.bed.business_id, till.bed.program_id)
        old, new = [await service.cards.get_card(tx, till.bed.business_id, number) for number in (till.bed.card_id, card)]
        await ledger.lock(tx, till.bed.business_id, [old.account_id, new.account_id])
        await ledger.move_account(tx, till.bed.manager, program, old, new, till.now)

    await write_transaction(till.db, merge)
    part, rest = await till.refund(sale, 50_000), await till.refund(sale)
    assert (part.account_id, part.card_id) == (account, card)
    assert rest.balances == {"points": 40}
    await refused(till, RefundExceedsSale, till.refund(sale, 1))


async def test_a_sale_that_cost_nothing_can_be_undone_and_refunded_by_its_pieces(open_till):
    till = await open_till(STAMPS)
    await till.reward("all", kind="discount", value=10_000, unit="points", cost=5)
    await till.adjust(20)
    sale = await till.sell(2_000, catalogue=["all"], lines=cups(2))
    assert (sale.to_pay_minor, sale.balances["points"]) == (0, 15)
    await till.undo(sale)
    assert await till.balance() == 20
    await refused(till, AlreadyUndone, till.undo(sale))
    second = await till.sell(2_000, catalogue=["all"], lines=cups(2))
    assert (await till.refund(second, lines=[(1, 1)])).balances["points"] == 15
    assert (await till.refund(second, lines=[(1, 1)])).balances["points"] == 20


async def test_a_sale_whose_texts_were_erased_comes_back_by_sum(open_till):
    till = await open_till(changed(earn_points=7))
    sale = await till.sell(10_000, lines=cups(2, 5_000))
    await till.refund(sale, lines=[(1, 1)])
    await till.db.execute("UPDATE operation_texts SET salt = NULL, content = NULL")
    await refused(till, Invalid, till.refund(sale, lines=[(1, 1)]))
    await till.refund(sale)
    assert await till.balance() == 0


async def test_vouchers_that_a_refund_cannot_take_stay_with_their_holder(open_till):
    gift = terms.Rule("free", Said("Free"), terms.GiveVoucher("coffee"))
    till = await open_till(changed(rules=(gift,)))
    await till.reward()
    sale = await till.sell(10_000)
    await till.refund(sale, 9_999)
    [voucher] = await till.vouchers()
    told = await till.refund(sale, 1)
    assert told.texts["vouchers"]["voided"] == [voucher.id]
    assert (await benefits.get_voucher(till.db, till.bed.business_id, voucher.id)).status == "void"
