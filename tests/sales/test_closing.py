from datetime import timedelta

import msgspec
import pytest

from app.cards.rules import CardEnded
from app.clock import to_ms
from app.errors import Forbidden, Invalid, NotFound
from app.programs import service as programs
from app.programs import terms
from app.sales import closing
from app.sales.closing import ClosingBegun
from app.sales.rules import ProgramClosed
from tests.money import RULES, add_card, make_bed
from tests.sales.conftest import refused

WEEK, MONTH = timedelta(days=7), timedelta(days=30)


async def announce(till, earns=WEEK, spends=MONTH, who=None):
    await closing.announce(till.db, who or till.bed.manager, till.bed.program_id, till.now + earns, till.now + spends, till.now)


async def call_off(till, who=None):
    await closing.call_off(till.db, who or till.bed.manager, till.bed.program_id, till.now)


async def test_a_programme_stops_earning_then_ends_its_balances_and_voids_its_cards(open_till):
    till = await open_till(msgspec.structs.replace(RULES, convert=terms.Conversion(40, ("coffee",))))
    await till.reward(stock=5)
    await till.sell(100_000)
    other_account, other = await add_card(till.db, till.bed.business_id, till.bed.program_id)
    await till.sell(10_000, card_id=other)
    await announce(till)
    assert (await till.sell(10_000)).gained("earned") == 5
    till.later(days=7)
    frozen = await till.sell(10_000, 2)
    assert (frozen.gained("earned"), frozen.gained("redeemed")) == (0, -2)
    assert await closing.close_due(till.db, till.now) == 0
    till.later(days=23)
    await refused(till, ProgramClosed, till.sell(10_000))
    assert await closing.close_due(till.db, till.now) == 1
    assert await closing.close_due(till.db, till.now) == 0
    assert await till.db.fetch_val("SELECT COALESCE(SUM(amount), 0) FROM balances") == 0
    assert (await till.vouchers(), await till.stock()) == ([], 5)
    assert {row["status"] for row in await till.db.fetch_all("SELECT status FROM cards")} == {"expired"}
    kinds = await till.db.fetch_all("SELECT account_id FROM operations WHERE kind = 'closing' ORDER BY account_id")
    assert [row["account_id"] for row in kinds] == [till.bed.account_id, other_account]
    assert (await programs.get_program(till.db, till.bed.business_id, till.bed.program_id)).closed_at == to_ms(till.now)
    await refused(till, CardEnded, till.sell(10_000))


async def test_a_debt_ends_with_the_programme(till):
    await till.change_rules(msgspec.structs.replace(RULES, largest_share_bp=10_000))
    sale = await till.sell(100_000)
    await till.sell(5_000, 50)
    await till.refund(sale)
    assert await till.balance() == -50
    await announce(till)
    till.later(days=30)
    await closing.close_due(till.db, till.now)
    assert await till.balance() == 0


async def test_late_sales_are_judged_by_the_days_of_the_closing(till):
    await announce(till, timedelta(hours=1), timedelta(hours=2))
    happened = till.now
    till.later(hours=3)
    await refused(till, ProgramClosed, till.sell(10_000))
    assert (await till.sell(10_000, at=happened + timedelta(minutes=30))).gained("earned") == 5
    assert (await till.sell(10_000, at=happened + timedelta(minutes=90))).gained("earned") == 0


async def test_a_closing_can_be_moved_and_called_off_until_earning_ends(till):
    await announce(till)
    await announce(till, MONTH, 2 * MONTH)
    await call_off(till)
    till.later(days=90)
    assert await closing.close_due(till.db, till.now) == 0
    assert (await till.sell(10_000)).gained("earned") == 5
    await announce(till)
    till.later(days=7)
    await refused(till, ClosingBegun, call_off(till))
    await refused(till, ClosingBegun, announce(till))
    till.later(days=23)
    await closing.close_due(till.db, till.now)
    await refused(till, ProgramClosed, call_off(till))


@pytest.mark.parametrize(("earns", "spends", "field"), [(timedelta(0), WEEK, "earns_until"), (-WEEK, WEEK, "earns_until"),
                                                        (WEEK, WEEK, "spends_until"), (MONTH, WEEK, "spends_until")])
async def test_the_days_of_a_closing_follow_one_another(till, earns, spends, field):
    problem = await refused(till, Invalid, announce(till, earns, spends))
    assert [one.field for one in problem.fields] == [field]


async def test_a_closing_is_a_managers_and_of_their_own_programme(till):
    await refused(till, Forbidden, announce(till, who=till.bed.cashier()))
    other = (await make_bed(till.db, "leaf")).manager
    await refused(till, NotFound, announce(till, who=other))
    await refused(till, NotFound, call_off(till, who=other))


async def test_a_closing_that_was_cut_off_goes_on_where_it_stood(till, monkeypatch):
    await till.adjust(10)
    for _ in range(3):
        await add_card(till.db, till.bed.business_id, till.bed.program_id)
    await announce(till)
    till.later(days=30)
    monkeypatch.setattr(closing, "CHUNK", 2)
    real, ended = closing._close_account, []

    async def cut(tx, program, account_id, now):
        if len(ended) == 3:
            raise RuntimeError("the power went")
        ended.append(account_id)
        await real(tx, program, account_id, now)

    monkeypatch.setattr(closing, "_close_account", cut)
    with pytest.raises(RuntimeError):
        await closing.close_due(till.db, till.now)
    assert await till.db.fetch_val("SELECT COUNT(*) FROM cards WHERE status = 'expired'") == 2
    monkeypatch.setattr(closing, "_close_account", real)
    assert await closing.close_due(till.db, till.now) == 1
    assert await till.db.fetch_val("SELECT COUNT(*) FROM operations WHERE kind = 'closing'") == 1
