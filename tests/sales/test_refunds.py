import msgspec
import pytest

from app.ledger import service as ledger
from app.ledger.rules import Lot, NotEnoughPoints
from app.ledger.service import ReceiptUsed
from app.sales.refunds import slice_of
from app.sales.rules import AlreadyRefunded, AlreadyUndone, NotASale, NotYourSale, RefundExceedsSale, UndoTooLate
from app.web.principal import Principal
from tests.money import RULES
from tests.sales.conftest import refused


def test_a_slice_takes_the_points_that_no_earlier_part_took():
    drawn = [Lot(3, 10, None), Lot(2, 5, None), Lot(1, 7, None)]
    assert [(lot.id, lot.remaining) for lot in slice_of(drawn, 8, 9)] == [(3, 2), (2, 5), (1, 2)]
    assert slice_of(drawn, 22, 0) == []


async def test_an_undo_takes_the_whole_sale_back(till):
    await till.adjust(320)
    sale = await till.sell(118_750, 100)
    undone = await till.undo(sale)
    assert (undone.kind, undone.of_operation_id, undone.pay_back_minor, undone.balances) == ("undo", sale.id, 108_750, {"points": 320})
    assert [(change.amount, change.why) for change in undone.changes] == [(100, "refund_returned"), (-54, "refund_taken")]


async def test_an_undo_puts_points_back_where_they_were(till):
    await till.adjust(30)
    await till.adjust(30)
    before = [tuple(row) for row in await till.db.fetch_all("SELECT id, remaining, expires_at FROM lots ORDER BY id")]
    await till.undo(await till.sell(100_000, 40))
    after = await till.db.fetch_all("SELECT id, remaining, expires_at FROM lots ORDER BY id")
    assert [tuple(row) for row in after][:2] == before


async def test_an_undo_works_for_ten_minutes(till):
    sale = await till.sell(10_000)
    till.later(minutes=10, seconds=1)
    problem = await refused(till, UndoTooLate, till.undo(sale))
    assert problem.params == {"minutes": 10}
    till.later(seconds=-1)
    await till.undo(sale)


async def test_a_late_sale_can_be_undone_for_ten_minutes_after_it_arrived(till):
    happened = till.now
    till.later(hours=5)
    await till.undo(await till.sell(10_000, at=happened))
    assert await till.balance() == 0


async def test_a_second_undo_and_a_refund_after_one_are_refused(till):
    sale = await till.sell(10_000)
    undone = await till.undo(sale)
    await refused(till, AlreadyUndone, till.undo(sale))
    await refused(till, AlreadyUndone, till.refund(sale, 1))
    await refused(till, NotASale, till.refund(undone, 1))
    await refused(till, NotASale, till.undo(undone))


async def test_an_undo_after_a_refund_is_refused(till):
    sale = await till.sell(10_000)
    await till.refund(sale, 1)
    await refused(till, AlreadyRefunded, till.undo(sale))


async def test_a_sale_is_undone_by_who_made_it_or_a_manager(till):
    sale = await till.sell(10_000, who=till.bed.cashier(2))
    other_key = Principal(till.bed.business_id, till.bed.business_id, "api_key", id=2, name="till 3", scopes=frozenset({"sales:write"}))
    for other in (till.bed.cashier(3), till.bed.key, other_key):
        await refused(till, NotYourSale, till.undo(sale, who=other))
    await till.undo(sale, who=till.bed.manager)
    assert await till.db.fetch_val("SELECT COUNT(*) FROM audit_entries WHERE action = 'sale.undo'") == 1
    admin = Principal(till.bed.business_id, till.bed.business_id, "api_key", id=9, name="office", scopes=frozenset({"admin"}))
    await till.undo(await till.sell(10_000, who=till.bed.cashier(2)), who=admin)
    await till.undo(await till.sell(10_000))


async def test_refunds_in_parts_add_up_to_the_whole(till):
    await till.adjust(1000)
    sale = await till.sell(99_999, 333)
    parts = [await till.refund(sale, amount) for amount in (1, 33_333, 33_333, 33_331, 1)]
    assert sum(part.pay_back_minor for part in parts) == sale.to_pay_minor
    assert sum(part.gained("refund_returned") for part in parts) == 333
    assert sum(part.gained("refund_taken") for part in parts) == -sale.gained("earned")
    assert await till.balance() == 1000
    await refused(till, RefundExceedsSale, till.refund(sale, 1))


@pytest.mark.goal("M5")
async def test_more_than_the_sale_can_never_come_back(till):
    sale = await till.sell(10_000)
    await till.refund(sale, 6_000)
    problem = await refused(till, RefundExceedsSale, till.refund(sale, 4_001))
    assert problem.extra == {"left": 4_000}
    await refused(till, NotASale, till.refund(await till.refund(sale, 1_000), 1))


@pytest.mark.goal("M5")
async def test_points_that_were_spent_before_the_refund_are_owed_and_repaid_first(till):
    await till.change_rules(msgspec.structs.replace(RULES, largest_share_bp=10_000))
    first = await till.sell(100_000)                              # earns 50
    await till.sell(5_000, 50)                                    # spends them
    owed = await till.refund(first, 100_000)
    assert (owed.balances, owed.shortfall) == ({"points": -50}, 0)
    await refused(till, NotEnoughPoints, till.sell(100_000, 1))
    quote = await till.quote(10_000)
    assert (quote.debt, quote.judgement.redeemable_points) == (50, 0)
    assert (await till.sell(60_000)).balances == {"points": -20}
    assert (await till.sell(60_000)).balances == {"points": 10}
    assert (await till.quote(10_000)).judgement.redeemable_points == 10


@pytest.mark.goal("M5")
async def test_points_that_were_spent_are_let_go_where_the_programme_says_so(till):
    await till.change_rules(msgspec.structs.replace(RULES, largest_share_bp=10_000, refund_debt="waived"))
    first = await till.sell(100_000)
    await till.sell(4_000, 40)
    parts = [await till.refund(first, 50_000), await till.refund(first, 50_000)]
    assert [(part.shortfall, part.gained("refund_taken")) for part in parts] == [(15, -10), (25, 0)]
    assert await till.balance() == 0


async def test_spent_points_whose_end_has_passed_come_back_for_the_days_of_grace(till):
    await till.change_rules(msgspec.structs.replace(RULES, lot_days=1, refund_grace_days=14))
    await till.adjust(40)
    sale = await till.sell(100_000, 40)
    till.later(days=20)
    await ledger.expire_due(till.db, till.now)
    given = await till.refund(sale, 100_000)
    assert given.balances == {"points": 40}
    assert given.shortfall == 0
    till.later(days=14)
    assert await ledger.expire_due(till.db, till.now) == 0
    till.later(days=1)
    assert await ledger.expire_due(till.db, till.now) == 1


@pytest.mark.parametrize("swept", [True, False])
async def test_earned_points_that_ended_unspent_are_not_asked_back(till, swept):
    await till.change_rules(msgspec.structs.replace(RULES, lot_days=1, largest_share_bp=10_000))
    sale = await till.sell(100_000)                               # earns 50
    await till.sell(2_000, 20)                                    # spends 20 of them
    till.later(days=5)
    if swept:
        await ledger.expire_due(till.db, till.now)
    first, second = await till.refund(sale, 50_000), await till.refund(sale, 50_000)
    # 30 ended unspent: of the 50 that the sale earned, 20 are owed.
    assert (first.balances, second.balances) == ({"points": 0}, {"points": -20})


async def test_a_refund_is_allowed_on_blocked_and_provisional_cards(till):
    for word in ("blocked", "provisional"):
        sale = await till.sell(10_000)
        await till.db.execute("UPDATE cards SET status = :word", {"word": word})
        await till.refund(sale, 10_000)
        await till.db.execute("UPDATE cards SET status = 'active'")
    assert await till.balance() == 0


async def test_receipts_of_refunds_count_among_refunds_only(till):
    sale = await till.sell(10_000, receipt="A-1")
    await till.refund(sale, 1_000, receipt="A-1")
    await refused(till, ReceiptUsed, till.refund(sale, 1_000, receipt="A-1"))


async def test_the_same_key_refunds_once(till):
    sale, key = await till.sell(10_000), till.key()
    first = await till.undo(sale, key=key)
    assert (await till.undo(sale, key=key)).id == first.id
