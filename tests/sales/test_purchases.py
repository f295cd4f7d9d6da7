import asyncio
from datetime import timedelta

import msgspec
import pytest

from app.cards.rules import CardBlocked, CardEnded, CardProvisional
from app.clock import to_ms
from app.errors import Forbidden, Invalid, NotFound
from app.ledger import service as ledger
from app.ledger.service import ReceiptUsed
from app.programs import terms
from app.programs.terms import Said
from app.sales import purchases, visits
from app.sales.judging import NotEnough, VisitsUsedToday
from app.sales.purchases import Giver, Till
from app.sales.rules import (
    AlreadyFrozen,
    AlreadyUndone,
    FreezeLimit,
    NotFrozen,
    NotYourSale,
    ProgramClosed,
    PurchaseUsed,
    UndoTooLate,
    WholeOnly,
)
from tests.money import RULES, make_bed
from tests.sales.conftest import refused

YOGA = msgspec.structs.replace(RULES, visits=terms.Visits((terms.Package("eight", Said("Eight"), 8, 800_000, 30),), a_day=2,
                                                          freeze_days=14, freeze_times=2))
GYM = msgspec.structs.replace(RULES, membership=terms.Membership((terms.Plan("month", Said("Month"), 30, 300_000),)))
GIFT = msgspec.structs.replace(RULES, unit="money", earn_points=0, worth_minor=1, gift=terms.Gift(least_minor=10_000, most_minor=500_000))


async def buy(till, key="eight", at=purchases.NOWHERE):
    return (await purchases.buy_package(till.db, till.who, till.bed.card_id, key, till.key(), till.now, at)).operation


async def plan(till, who=None):
    return (await purchases.buy_plan(till.db, who or till.who, till.bed.card_id, "month", till.key(), till.now)).operation


async def load(till, amount, **more):
    return (await purchases.load_gift(till.db, till.who, till.bed.card_id, amount, till.key(), till.now, **more)).operation


async def come(till, count=1, **more):
    return (await visits.visit(till.db, till.who, till.bed.card_id, count, till.key(), till.now, **more)).operation


async def freeze(till, days):
    return (await visits.freeze(till.db, till.who, till.bed.card_id, days, till.key(), till.now)).operation


async def unfreeze(till):
    return (await visits.unfreeze(till.db, till.who, till.bed.card_id, till.key(), till.now)).operation


async def until(till):
    return await ledger.member_until(till.db, till.bed.account_id, till.now)


async def test_a_package_is_bought_used_visit_by_visit_and_ends(open_till):
    till = await open_till(YOGA)
    bought = await buy(till, at=Till("A-1"))
    assert (bought.kind, bought.to_pay_minor, bought.balances["visits"], bought.receipt) == ("purchase", 800_000, 8, "A-1")
    assert [(change.unit, change.amount, change.why) for change in bought.changes] == [("visits", 8, "loaded")]
    used = await come(till)
    assert (used.kind, used.amount_minor, used.balances["visits"], used.gained("redeemed", unit="visits")) == ("visit", 0, 7, -1)
    till.later(days=31)
    await refused(till, NotEnough, come(till))
    await ledger.expire_due(till.db, till.now)
    assert await till.balance("visits") == 0


async def test_a_card_takes_as_many_visits_a_day_as_the_programme_says(open_till):
    till = await open_till(YOGA)
    await buy(till)
    await come(till, 2)
    await refused(till, VisitsUsedToday, come(till))
    await refused(till, VisitsUsedToday, till.sell(1_000, visits=1))
    till.later(days=1)
    sale = await till.sell(1_000, visits=1)
    assert sale.balances["visits"] == 5
    await refused(till, VisitsUsedToday, come(till, 2))
    await till.undo(sale)
    await come(till, 2)
    assert await till.balance("visits") == 4


async def test_a_visit_that_was_undone_is_there_again(open_till):
    till = await open_till(YOGA)
    await buy(till)
    before = await till.db.fetch_val("SELECT expires_at FROM lots WHERE unit = 'visits'")
    undone = await till.undo(await come(till, 2))
    assert (undone.kind, undone.balances["visits"]) == ("undo", 8)
    assert await till.db.fetch_val("SELECT expires_at FROM lots WHERE unit = 'visits' AND remaining = 8") == before


async def test_two_tills_with_the_last_visit_take_it_once(open_till):
    till = await open_till(msgspec.structs.replace(YOGA, visits=terms.Visits((terms.Package("one", Said("One"), 1, 100),))))
    await buy(till, "one")
    done = await asyncio.gather(*[come(till) for _ in range(3)], return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["NotEnough", "NotEnough", "Operation"]


async def test_the_same_key_buys_once(open_till):
    till = await open_till(YOGA)
    key = till.key()
    made = [await purchases.buy_package(till.db, till.who, till.bed.card_id, "eight", key, till.now) for _ in range(2)]
    assert [one.is_replay for one in made] == [False, True] and made[0].operation.id == made[1].operation.id
    assert await till.balance("visits") == 8


async def test_frozen_visits_rest_and_live_as_many_days_longer(open_till):
    till = await open_till(YOGA)
    await buy(till)
    till.later(days=20)
    frozen = await freeze(till, 10)
    assert (frozen.kind, frozen.balances["visits"]) == ("freeze", 8)
    await refused(till, NotEnough, come(till))
    await refused(till, AlreadyFrozen, freeze(till, 1))
    till.later(days=11)
    await come(till)
    till.later(days=9)                                        # day 40: the package of 30 days and 10 of rest
    await come(till)
    till.later(days=1)
    await refused(till, NotEnough, come(till))


async def test_freezing_has_its_days_and_times_and_unused_days_come_back(open_till):
    till = await open_till(YOGA)
    await refused(till, NotEnough, freeze(till, 1))
    await buy(till)
    await refused(till, NotFrozen, unfreeze(till))
    problem = await refused(till, FreezeLimit, freeze(till, 15))
    assert problem.params == {"days": 14}
    await freeze(till, 10)
    till.later(days=4)
    assert (await unfreeze(till)).texts["unfreeze"] == 6
    await come(till)
    problem = await refused(till, FreezeLimit, freeze(till, 11))
    assert problem.params == {"days": 10}
    await freeze(till, 10)
    till.later(days=11)
    await refused(till, FreezeLimit, freeze(till, 1))


async def test_a_manager_lets_visits_live_longer_and_says_why(open_till):
    till = await open_till(YOGA)
    await refused(till, NotEnough, visits.extend(till.db, till.bed.manager, till.bed.card_id, 7, "repairs", till.key(), till.now))
    await buy(till)
    before = (await ledger.expiring(till.db, till.bed.account_id, till.now, within=timedelta(days=400)))[0].at
    cashier, away = till.bed.cashier(), till.bed.manager
    await refused(till, Forbidden, visits.extend(till.db, cashier, till.bed.card_id, 7, "a friend", till.key(), till.now))
    for days, reason in ((0, "why"), (366, "why"), (7, " ")):
        await refused(till, Invalid, visits.extend(till.db, away, till.bed.card_id, days, reason, till.key(), till.now))
    made = (await visits.extend(till.db, away, till.bed.card_id, 7, "closed for repairs", till.key(), till.now)).operation
    after = (await ledger.expiring(till.db, till.bed.account_id, till.now, within=timedelta(days=400)))[0].at
    assert after - before == timedelta(days=7) and made.texts["extend"] == 7 and made.balances["visits"] == 8
    await come(till)


async def test_a_package_comes_back_in_proportion_to_what_is_left(open_till):
    till = await open_till(YOGA)
    bought = await buy(till)
    await come(till, 2)
    problem = await refused(till, PurchaseUsed, till.refund(bought, 800_000))
    assert problem.extra == {"left": 600_000}
    await refused(till, PurchaseUsed, till.undo(bought))
    part = await till.refund(bought, 100_001)
    assert (part.pay_back_minor, part.gained("refund_taken", unit="visits")) == (100_001, -2)
    assert (await till.refund(bought)).pay_back_minor == 499_999
    assert await till.balance("visits") == 0
    await refused(till, PurchaseUsed, till.refund(bought))


async def test_a_package_that_was_frozen_comes_back_too(open_till):
    till = await open_till(YOGA)
    bought = await buy(till)
    await freeze(till, 10)
    assert (await till.undo(bought)).balances["visits"] == 0
    await refused(till, AlreadyUndone, till.undo(bought))


async def test_a_renewed_membership_goes_on_where_the_last_one_ends(open_till):
    till = await open_till(GYM)
    sale = await till.sell(10_000)
    assert sale.gained("earned") == 0
    await plan(till)
    first_end = await until(till)
    till.later(days=10)
    second = await plan(till)
    assert await until(till) == first_end + timedelta(days=30)
    assert (await till.sell(10_000)).gained("earned") == 5
    await till.undo(second)
    assert await until(till) == first_end
    till.later(days=21)
    assert (await till.sell(10_000)).gained("earned") == 0


async def test_a_membership_comes_back_whole_and_later_by_a_manager_only(open_till):
    till = await open_till(GYM)
    bought = await plan(till)
    await refused(till, WholeOnly, till.refund(bought, 1))
    await refused(till, NotYourSale, till.undo(bought, who=till.bed.cashier()))
    till.later(hours=1)
    await refused(till, UndoTooLate, till.refund(bought))
    assert (await till.refund(bought, who=till.bed.manager)).pay_back_minor == 300_000
    assert await until(till) is None


async def test_a_gift_card_is_loaded_spent_in_parts_and_what_is_left_comes_back(open_till):
    till = await open_till(GIFT)
    loaded = await load(till, 300_000, giver=Giver("Мама", "С днём рождения!"))
    assert (loaded.balances, loaded.texts["gift"]) == ({"money": 300_000}, {"from": "Мама", "words": "С днём рождения!"})
    assert (await till.sell(100_000, None)).to_pay_minor == 50_000
    assert (await till.refund(loaded)).pay_back_minor == 250_000
    assert await till.balance("money") == 0


@pytest.mark.parametrize("amount", [9_999, 500_001, 0, -1, 1.5, "5"])
async def test_a_gift_card_is_loaded_within_its_bounds(open_till, amount):
    till = await open_till(GIFT)
    await refused(till, Invalid, load(till, amount))


async def test_a_gift_card_of_fixed_amounts_takes_only_those(open_till):
    till = await open_till(msgspec.structs.replace(GIFT, gift=terms.Gift((100_000, 200_000))))
    await refused(till, Invalid, load(till, 150_000))
    await load(till, 200_000)
    await refused(till, Invalid, load(till, 100_000, giver=Giver("x" * 301)))


async def test_what_a_programme_does_not_sell_cannot_be_bought(till):
    for act in (buy(till), plan(till), load(till, 10_000), come(till), freeze(till, 1)):
        await refused(till, NotFound, act)


@pytest.mark.parametrize(("word", "kind"), [("blocked", CardBlocked), ("expired", CardEnded)])
async def test_a_card_that_is_not_in_use_buys_nothing(open_till, word, kind):
    till = await open_till(YOGA)
    await till.db.execute("UPDATE cards SET status = :word", {"word": word})
    await refused(till, kind, buy(till))
    await refused(till, kind, come(till))


async def test_visits_of_a_card_that_nobody_claimed_wait(open_till):
    till = await open_till(YOGA)
    await buy(till)
    await till.db.execute("UPDATE cards SET status = 'provisional'")
    await refused(till, CardProvisional, come(till))


async def test_the_number_of_a_receipt_is_one_among_sales_and_purchases(open_till):
    till = await open_till(YOGA)
    await buy(till, at=Till("A-1"))
    await refused(till, ReceiptUsed, till.sell(1_000, receipt="A-1"))


async def test_a_closing_programme_takes_no_more_money(open_till):
    till = await open_till(YOGA)
    await buy(till)
    await till.db.execute("UPDATE programs SET earns_until_at = :at", {"at": to_ms(till.now)})
    await refused(till, ProgramClosed, buy(till))
    await come(till)


async def test_another_business_buys_and_visits_nothing_here(open_till):
    till = await open_till(YOGA)
    other = (await make_bed(till.db, "leaf", rules=YOGA)).key
    await refused(till, NotFound, purchases.buy_package(till.db, other, till.bed.card_id, "eight", None, till.now))
    await refused(till, NotFound, visits.visit(till.db, other, till.bed.card_id, 1, None, till.now))
