from datetime import timedelta

import msgspec
import pytest

from app.cards.rules import CardBlocked, CardEnded, CardProvisional
from app.errors import Forbidden, Invalid, NotFound
from app.idempotency.rules import Key, KeyReused
from app.ledger import service as ledger
from app.ledger.rules import NotEnoughPoints
from app.ledger.service import ReceiptUsed
from app.sales import service
from app.sales.rules import OtherLocation, ProvisionalLimit, QuoteChanged, SaleRequest
from app.web.principal import Principal
from tests.money import NOON, RULES, add_card, make_bed
from tests.sales.conftest import refused


async def status(till, word):
    await till.db.execute("UPDATE cards SET status = :status WHERE id = :id", {"status": word, "id": till.bed.card_id})


async def test_a_sale_redeems_and_earns_in_one_step(till):
    await till.adjust(320)
    sale = await till.sell(118_750, 100, receipt="A-1042")
    assert (sale.to_pay_minor, sale.spent_minor, sale.balances) == (108_750, 10_000, {"points": 274})
    assert [(change.amount, change.why) for change in sale.changes] == [(-100, "redeemed"), (54, "earned")]
    assert (sale.receipt, sale.actor_name, sale.kind) == ("A-1042", "till 2", "sale")


async def test_a_quote_says_what_the_sale_will_do_and_changes_nothing(till):
    await till.adjust(320)
    before = await till.rows()
    quote = await till.quote(100_000, None)
    assert await till.rows() == before
    sale = await till.sell(100_000, None, expect_to_pay=quote.judgement.to_pay)
    assert (sale.to_pay_minor, -sale.gained("redeemed"), sale.gained("earned")) == (
        quote.judgement.to_pay, quote.judgement.points, quote.judgement.to_earn)


async def test_a_till_that_showed_another_amount_gets_the_new_quote(till):
    await till.adjust(320)
    problem = await refused(till, QuoteChanged, till.sell(100_000, 100, expect_to_pay=95_000))
    assert (problem.code, problem.quote.judgement.to_pay) == ("quote_changed", 90_000)


async def test_the_same_key_gives_the_same_operation_and_balance_again(till):
    request, key = SaleRequest(till.bed.card_id, 10_000), till.key()
    first = await service.sell(till.db, till.who, request, key, till.now)
    await till.sell(20_000)
    again = await service.sell(till.db, till.who, request, key, till.now)
    assert (first.is_replay, again.is_replay) == (False, True)
    assert (again.operation.id, again.operation.balances, again.operation.changes) == (
        first.operation.id, first.operation.balances, first.operation.changes)
    assert await till.balance() == 15


async def test_another_request_under_a_used_key_is_refused(till):
    key = till.key()
    await till.sell(10_000, key=key)
    await refused(till, KeyReused, till.sell(20_000, key=Key(key.text, b"x" * 32)))


async def test_more_points_than_there_are_is_refused(till):
    await till.adjust(10)
    await refused(till, NotEnoughPoints, till.sell(100_000, 11))


async def test_a_blocked_card_takes_no_sale(till):
    await status(till, "blocked")
    await refused(till, CardBlocked, till.sell(10_000))


@pytest.mark.parametrize("word", ["replaced", "expired", "erased"])
async def test_a_card_that_has_ended_takes_no_sale_and_no_adjustment(till, word):
    await status(till, word)
    await refused(till, CardEnded, till.sell(10_000))
    await refused(till, CardEnded, till.adjust(10))


async def test_a_provisional_card_earns_and_cannot_pay(till):
    await status(till, "provisional")
    assert (await till.sell(10_000)).gained("earned") == 5
    for redeem in (1, None):
        await refused(till, CardProvisional, till.sell(10_000, redeem))
    assert (await till.quote(10_000)).judgement.redeemable_points == 0


async def test_a_provisional_card_takes_three_receipts_a_day_of_one_cashier(till):
    await status(till, "provisional")
    for _ in range(3):
        await till.sell(10_000, who=till.bed.cashier(1))
    await refused(till, ProvisionalLimit, till.sell(10_000, who=till.bed.cashier(1)))
    await till.sell(10_000, who=till.bed.cashier(2))
    till.later(days=1)
    await till.sell(10_000, who=till.bed.cashier(1))


async def test_a_provisional_card_takes_ten_receipts_and_undone_ones_do_not_count(till):
    await status(till, "provisional")
    await till.undo(await till.sell(10_000))
    for number in range(10):
        await till.sell(10_000, who=till.bed.cashier(number // 2))
    await refused(till, ProvisionalLimit, till.sell(10_000, who=till.bed.cashier(9)))


async def test_a_receipt_number_counts_once_per_location_and_local_day(till):
    await till.sell(10_000, receipt="A-1")
    await refused(till, ReceiptUsed, till.sell(20_000, receipt="A-1"))
    await till.sell(10_000, receipt="A-1", location_id=till.bed.location_id)
    till.now = NOON.replace(hour=20, minute=59)                   # 23:59 in Moscow
    await refused(till, ReceiptUsed, till.sell(20_000, receipt="A-1"))
    till.later(minutes=1)
    await till.sell(10_000, receipt="A-1")


async def test_a_receipt_that_was_undone_may_be_rung_up_again(till):
    first = await till.sell(10_000, receipt="A-1")
    await till.undo(first)
    second = await till.sell(15_000, receipt="A-1")
    found = await service.list_operations(till.db, till.who, receipt="A-1")
    assert [operation.id for operation in found.items] == [second.id]
    await refused(till, ReceiptUsed, till.sell(20_000, receipt="A-1"))


async def test_a_key_of_one_location_sells_there_and_nowhere_else(till):
    here = Principal(till.bed.business_id, till.bed.business_id, "api_key", id=1, name="till 2", location_id=till.bed.location_id)
    assert (await till.sell(10_000, who=here)).location_id == till.bed.location_id
    there = (await make_bed(till.db, "leaf")).location_id
    await refused(till, OtherLocation, till.sell(10_000, who=here, location_id=there))
    await refused(till, NotFound, till.sell(10_000, location_id=there))


async def test_another_business_does_not_find_the_card_or_the_sale(till):
    other = await make_bed(till.db, "leaf")
    sale = await till.sell(10_000)
    await refused(till, NotFound, till.sell(10_000, who=other.key))
    await refused(till, NotFound, till.undo(sale, who=other.key))
    await refused(till, NotFound, till.refund(sale, 100, who=other.key))
    await refused(till, NotFound, service.get_operation(till.db, other.key, sale.id))
    await refused(till, NotFound, service.list_operations(till.db, other.key, card_id=till.bed.card_id))
    assert (await service.list_operations(till.db, other.key)).items == []


async def test_a_late_sale_is_judged_by_the_rules_of_its_moment(till):
    happened = till.now
    till.later(hours=10)
    await till.change_rules(msgspec.structs.replace(RULES, earn_points=50))
    sale = await till.sell(10_000, at=happened)
    assert (sale.gained("earned"), sale.rules_version, sale.at, sale.recorded_at) == (5, 1, happened, till.now)
    assert (await till.sell(10_000)).gained("earned") == 50


async def test_a_late_sale_is_paid_with_points_that_were_alive_then(till):
    await till.change_rules(msgspec.structs.replace(RULES, lot_days=1))
    await till.adjust(100)
    till.later(hours=36)                                          # the day after its end
    late, before_end = till.now, till.now - timedelta(hours=12)
    await ledger.expire_due(till.db, till.now)
    await refused(till, NotEnoughPoints, till.sell(100_000, 60))
    sale = await till.sell(100_000, 60, at=before_end)
    assert sale.balances == {"points": 47}                        # 47 earned, the other 40 stay expired
    assert await till.balance() == 47 and till.now == late


async def test_points_earned_later_do_not_pay_for_an_earlier_purchase(till):
    happened = till.now
    till.later(hours=1)
    await till.adjust(100)
    await refused(till, NotEnoughPoints, till.sell(100_000, 1, at=happened))


@pytest.mark.parametrize("shift", [{"minutes": 6}, {"hours": -73}])
async def test_a_time_out_of_reach_is_refused(till, shift):
    await refused(till, Invalid, till.sell(10_000, at=till.now + timedelta(**shift)))


async def test_a_time_before_the_card_existed_is_refused(till):
    _, card = await add_card(till.db, till.bed.business_id, till.bed.program_id, created=till.now - timedelta(hours=1))
    problem = await refused(till, Invalid, till.sell(10_000, card_id=card, at=till.now - timedelta(hours=2)))
    assert problem.fields[0].code == "before_card"


async def test_ended_points_are_taken_before_a_sale_is_written_though_no_job_ran(till):
    await till.change_rules(msgspec.structs.replace(RULES, lot_days=1))
    await till.adjust(100)
    till.later(days=3)
    assert (await till.quote(10_000, None)).judgement.redeemable_points == 0
    sale = await till.sell(10_000)
    assert sale.balances == {"points": 5}
    history = await service.list_operations(till.db, till.who, card_id=till.bed.card_id)
    assert [operation.kind for operation in history.items] == ["sale", "expiry", "adjustment"]


@pytest.mark.goal("M7")
@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
async def test_points_end_at_local_midnight_on_days_when_clocks_change(db, day, hours):
    """Berlin: a lot of one day, earned on the day before, lives through a day of 23 or 25 hours."""
    from datetime import datetime

    from tests.sales.conftest import Till
    bed = await make_bed(db, rules=msgspec.structs.replace(RULES, lot_days=1), zone="Europe/Berlin")
    till = Till(db, bed, bed.key)
    midnight = datetime.fromisoformat(f"{day}T00:00:00{'+01:00' if hours == 23 else '+02:00'}")
    till.now = (midnight - timedelta(hours=2)).astimezone(NOON.tzinfo)
    await till.adjust(10)
    till.now = midnight.astimezone(NOON.tzinfo) + timedelta(hours=hours, milliseconds=-1)
    assert await ledger.expire_due(db, till.now) == 0
    till.later(milliseconds=1)
    assert await ledger.expire_due(db, till.now) == 1
    assert await till.balance() == 0


async def test_an_adjustment_is_a_managers_and_recorded(till):
    await refused(till, Forbidden, till.adjust(10, who=till.bed.cashier()))
    await refused(till, Forbidden, till.adjust(10, who=till.bed.key))
    given = await till.adjust(50, "a birthday")
    assert (given.kind, given.texts["reason"], given.gained("adjusted")) == ("adjustment", "a birthday", 50)
    details = await till.db.fetch_val("SELECT details FROM audit_entries WHERE action = 'card.adjust'")
    assert details == f'{{"operation":{given.id},"points":50}}'


async def test_an_adjustment_never_takes_more_than_there_is(till):
    await till.adjust(50)
    await refused(till, NotEnoughPoints, till.adjust(-51))
    assert (await till.adjust(-50)).balances == {"points": 0}


async def test_a_sale_tells_wallets_and_webhooks_in_the_same_commit(till):
    sale = await till.sell(10_000)
    waiting = "updates" if till.db.engine == "sqlite" else "update_queue"
    assert await till.db.fetch_val(f"SELECT COUNT(*) FROM {waiting} WHERE card_id = :card", {"card": till.bed.card_id}) == 1
    assert await till.db.fetch_val("SELECT operation_id FROM events WHERE kind = 'operation.created'") == sale.id


async def test_a_change_reaches_the_card_that_replaced_the_one_of_the_sale(till):
    sale = await till.sell(10_000)
    await status(till, "replaced")
    new = await till.db.fetch_val(
        "INSERT INTO cards(business_id, program_id, account_id, number, code, status, source, created_at) "
        "VALUES (:b, :p, :a, '1', '2', 'active', 'api', 0) RETURNING id",
        {"b": till.bed.business_id, "p": till.bed.program_id, "a": till.bed.account_id})
    await till.refund(sale, 10_000)
    waiting = "updates" if till.db.engine == "sqlite" else "update_queue"
    assert await till.db.fetch_val(f"SELECT COUNT(*) FROM {waiting} WHERE card_id = :card", {"card": new}) == 1


async def test_pages_of_operations_follow_one_another(till):
    made = [(await till.sell(10_000)).id for _ in range(5)]
    seen, before = [], None
    while True:
        page = await service.list_operations(till.db, till.who, before=before, limit=2)
        seen += [operation.id for operation in page.items]
        if page.next is None:
            break
        before = page.next
    assert seen == made[::-1]


async def test_lines_are_kept_with_the_operation(till):
    sale = await till.sell(10_000, lines=[{"sku": "tea", "name": "Чай", "quantity": 1, "amount": 10_000}])
    assert (await service.get_operation(till.db, till.who, sale.id)).texts["lines"][0]["name"] == "Чай"
