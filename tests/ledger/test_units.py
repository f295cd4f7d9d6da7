"""Several balances on one account: one operation moves them together, and an answer tells them all."""
import asyncio
import re
from datetime import UTC, datetime

import pytest

from app.clock import from_ms, to_ms
from app.db import write_transaction
from app.ledger import chain, operations_store, sealing, service, store
from app.ledger.lives import freeze, unfreeze
from app.ledger.rules import NotEnoughPoints, Purse
from app.ledger.service import Draft, Shown
from tests.ledger.moving import DAY, act_on, agrees, give, take
from tests.money import NOON, RULES, make_bed
from tests.plans import steps_of


@pytest.fixture
async def bed(db):
    return await make_bed(db)


async def test_one_operation_moves_several_units_and_each_sums_to_zero(db, bed):
    def change(purses):
        purses["stamps"].earn(10, None)
        purses["stamps"].spend(10, "converted")
        purses["points"].earn(5, to_ms(NOON + DAY), rule="double")
        purses["progress"].earn(740, None)
        purses["donated"].earn(3, None)
    done = await act_on(db, bed, change, units=("points", "stamps"))
    entries = [tuple(row) for row in await db.fetch_all("SELECT book, unit, amount FROM entries ORDER BY line")]
    assert entries == [("account", "points", 5), ("issued", "points", -5), ("account", "donated", 3), ("issued", "donated", -3),
                       ("account", "progress", 740), ("issued", "progress", -740), ("account", "stamps", 10), ("issued", "stamps", -10),
                       ("account", "stamps", -10), ("converted", "stamps", 10)]
    assert done.balances == {"points": 5, "donated": 3, "progress": 740}
    assert (done.gained("earned"), done.gained("earned", unit="stamps"), done.gained("converted", unit="stamps")) == (5, 10, -10)
    await sealing.seal_pending(db)
    read = await operations_store.find_operation(db, bed.business_id, done.id)
    assert (read.changes, read.balances) == (done.changes, done.balances)
    assert [row["rule"] for row in await db.fetch_all("SELECT rule FROM lots WHERE unit = 'points'")] == ["double"]
    assert await agrees(db)


async def test_an_answer_tells_the_balances_that_the_operation_left_alone_too(db, bed):
    await give(db, bed, stamps=3, visits=2)
    async def act(tx):
        purse = await service.purse_of(tx, bed.account_id, NOON, NOON)
        purse.earn(7, None)
        return await service.post(tx, bed.key, Draft("sale", bed.program_id, bed.account_id, bed.card_id, to_ms(NOON), 1), purse, NOON)
    done = await write_transaction(db, act)
    assert done.balances == {"points": 7, "stamps": 3, "visits": 2} == await service.balances(db, bed.account_id)


async def test_what_ended_of_several_units_is_settled_as_one_operation(db, bed):
    await give(db, bed, end=NOON + DAY, points=5, stamps=2)
    done = await act_on(db, bed, lambda purses: purses["stamps"].earn(1, None), at=NOON + 2 * DAY, units=("points", "stamps"))
    assert done.balances == {"points": 0, "stamps": 1}
    kinds = [row["kind"] for row in await db.fetch_all("SELECT kind FROM operations ORDER BY id")]
    assert kinds == ["sale", "expiry", "sale"]
    assert await agrees(db, NOON + 2 * DAY)


async def test_pending_points_are_in_the_balance_apart_and_pay_from_their_moment_on(db, bed):
    await give(db, bed, available=NOON + DAY, points=30)
    await give(db, bed, points=4, stamps=1)
    assert await service.shown(db, bed.account_id, NOON) == Shown({"points": 4, "stamps": 1}, {"points": 30})
    assert await service.balances(db, bed.account_id) == {"points": 34, "stamps": 1}
    with pytest.raises(NotEnoughPoints):
        await take(db, bed, points=5)
    assert await service.shown(db, bed.account_id, NOON + DAY) == Shown({"points": 34, "stamps": 1}, {})
    assert (await take(db, bed, points=34, at=NOON + DAY)).balances["points"] == 0
    assert await agrees(db, NOON + DAY)


@pytest.mark.goal("M4")
async def test_tills_racing_for_the_last_of_different_units_take_each_once(db, bed):
    await give(db, bed, points=1, stamps=1, visits=1)
    wanted = [{unit: 1} for unit in ("points", "stamps", "visits") for _ in range(4)] + [{"points": 1, "stamps": 1}]
    results = await asyncio.gather(*[take(db, bed, **amounts) for amounts in wanted], return_exceptions=True)
    assert all(isinstance(result, NotEnoughPoints) for result in results if isinstance(result, BaseException))
    # The last one takes two units at once: where it comes first, it alone has what two others would have had.
    took_two = not isinstance(results[-1], BaseException)
    assert sum(not isinstance(result, BaseException) for result in results) == (2 if took_two else 3)
    assert await service.balances(db, bed.account_id) == {"points": 0, "stamps": 0, "visits": 0}
    assert await agrees(db)


async def test_a_refusal_in_one_unit_leaves_nothing_of_the_others(db, bed):
    await give(db, bed, points=5, stamps=1)
    with pytest.raises(NotEnoughPoints):
        await take(db, bed, points=5, stamps=2)
    assert await service.balances(db, bed.account_id) == {"points": 5, "stamps": 1}
    assert await db.fetch_val("SELECT COUNT(*) FROM operations") == 1


async def test_frozen_visits_wait_and_live_longer_and_are_given_back_where_they_live(db, bed):
    midnight = datetime(2026, 12, 22, 21, tzinfo=UTC)
    await give(db, bed, end=midnight, visits=8)
    visit = await take(db, bed, visits=1)
    await act_on(db, bed, lambda purses: freeze(purses["visits"], 10, NOON, "Europe/Moscow"), kind="freeze", units=("visits",))
    assert await service.shown(db, bed.account_id, NOON) == Shown({"visits": 0}, {"visits": 7})
    read = (await operations_store.list_operations(db, operations_store.Filter(bed.business_id), 1))[0]
    assert [(change.unit, change.amount, change.why, change.expires_at) for change in read.changes] == [
        ("visits", 0, "moved", to_ms(midnight + 10 * DAY))]
    drawn = await service.drawn_by(db, visit.id, "visits")
    assert [(lot.remaining, lot.expires_at) for lot in drawn] == [(1, to_ms(midnight + 10 * DAY))]
    back = await act_on(db, bed, lambda purses: purses["visits"].give_back(drawn, 0), kind="refund", units=("visits",), of=visit.id)
    assert back.balances == {"visits": 8}
    await act_on(db, bed, lambda purses: unfreeze(purses["visits"], NOON + 4 * DAY, "Europe/Moscow"), at=NOON + 4 * DAY, kind="freeze",
                 units=("visits",))
    assert [(one.unit, one.amount, one.at) for one in await service.expiring(db, bed.account_id, NOON + 4 * DAY)] == [
        ("visits", 8, midnight + 4 * DAY)]
    assert await agrees(db, NOON + 4 * DAY)


async def test_a_late_sale_spends_of_each_unit_what_ended_meanwhile_and_not_what_began_later(db, bed):
    await give(db, bed, end=NOON + DAY, points=50, visits=2)
    await give(db, bed, end=NOON + DAY, available=NOON + DAY / 2, points=5)
    now = NOON + 2 * DAY
    assert await service.expire_due(db, now) == 1
    done = await take(db, bed, at=NOON + DAY / 4, now=now, points=50, visits=1)
    assert done.balances == {"points": 0, "visits": 0}
    with pytest.raises(NotEnoughPoints):
        await take(db, bed, at=NOON + DAY / 4, now=now, points=1)
    assert (await take(db, bed, at=NOON + DAY / 4, now=now, visits=1)).gained("revived", unit="visits") == 1
    assert await agrees(db, now)


async def test_points_that_a_late_sale_earned_and_an_expiry_took_can_be_spent_by_another_late_sale_once(db, bed):
    now = NOON + 3 * DAY
    await give(db, bed, at=NOON, now=NOON + 2 * DAY, end=NOON + DAY, points=9)
    await service.expire_due(db, now)
    await take(db, bed, at=NOON + DAY / 2, now=now, points=9)
    with pytest.raises(NotEnoughPoints):
        await take(db, bed, at=NOON + DAY / 2, now=now, points=1)


async def test_a_membership_is_alive_between_its_beginning_and_its_end_also_looked_at_later(db, bed):
    await give(db, bed, end=NOON + DAY, membership=1)
    await give(db, bed, available=NOON + DAY, end=NOON + 3 * DAY, membership=1)
    assert await service.member_until(db, bed.account_id, NOON) == NOON + 3 * DAY
    assert await service.alive(db, bed.account_id, "membership", NOON + 2 * DAY)
    assert not await service.alive(db, bed.account_id, "membership", NOON + 3 * DAY)
    assert not await service.alive(db, bed.account_id, "membership", NOON - DAY)
    now = NOON + 4 * DAY
    await service.expire_due(db, now)
    assert await service.member_until(db, bed.account_id, now) is None
    assert not await service.alive(db, bed.account_id, "membership", NOON)
    assert await service.alive(db, bed.account_id, "membership", NOON, now)
    assert not await service.alive(db, bed.account_id, "membership", now, now)


async def test_a_membership_that_begins_after_a_gap_does_not_count_yet(db, bed):
    await give(db, bed, end=NOON + DAY, membership=1)
    await give(db, bed, available=NOON + 2 * DAY, end=NOON + 3 * DAY, membership=1)
    assert await service.member_until(db, bed.account_id, NOON) == NOON + DAY


async def test_the_end_of_the_last_membership_is_known_before_and_after_the_job_took_it(db, bed):
    await give(db, bed, end=NOON + DAY, membership=1)
    await give(db, bed, end=NOON + 5 * DAY, membership=1)
    await take(db, bed, at=NOON + 3 * DAY, membership=1)                    # given back, so that it did not end
    for now in (NOON + 6 * DAY, NOON + 7 * DAY):
        assert await service.member_ended(db, bed.account_id, NOON) is None
        assert await service.member_ended(db, bed.account_id, now) == NOON + DAY
        await service.expire_due(db, now)


async def test_the_end_of_a_membership_is_looked_for_among_the_lots_of_its_account(sqlite_db):
    steps = await steps_of(sqlite_db, lambda reader: store.membership_ended(reader, 1, 1))
    tables = [step for step in steps if re.match(r"(SCAN|SEARCH) (l|lots|o|e)\b", step)]
    assert len(tables) == 4 and all("USING" in step for step in tables), steps


async def test_progress_is_the_balance_less_what_left_the_window(db, bed):
    assert await service.progress_of(db, bed.account_id, NOON, NOON) == 0
    await give(db, bed, end=NOON + DAY, progress=100)
    await give(db, bed, end=NOON + 5 * DAY, progress=50)
    assert await service.progress_of(db, bed.account_id, NOON, NOON) == 150
    assert await service.progress_of(db, bed.account_id, NOON + DAY, NOON + DAY) == 50
    assert await service.expire_due(db, NOON + 2 * DAY) == 1
    assert await service.progress_of(db, bed.account_id, NOON + 2 * DAY, NOON + 2 * DAY) == 50


async def test_welcome_gives_points_first_stamps_and_a_trial_at_once(db):
    import msgspec

    from app.programs import service as programs
    from app.programs.terms import Conversion, Membership, Stamps
    bed = await make_bed(db, "club", msgspec.structs.replace(
        RULES, welcome_points=25, stamps=Stamps(Conversion(6, ("coffee",)), first=2), membership=Membership((), trial_days=14)))
    program = await programs.get_program(db, bed.business_id, bed.program_id)

    class Card:
        id, account_id = bed.card_id, bed.account_id
    done = await write_transaction(db, lambda tx: service.welcome(tx, bed.key, program, Card, NOON))
    assert done.balances == {"points": 25, "stamps": 2, "membership": 1}
    assert (await service.member_until(db, bed.account_id, NOON)).isoformat() == "2026-12-06T21:00:00+00:00"
    back = await write_transaction(db, lambda tx: service.return_points(tx, bed.key, program, Card, NOON))
    assert back.balances == {"points": 0, "stamps": 0, "membership": 0}
    assert await agrees(db)


def test_a_lot_that_neither_waits_nor_was_moved_is_sealed_as_lots_always_were():
    assert chain.lot_row(7, "points", 5, None, 3, None, None) == (7, "points", 5, None, 3)
    assert chain.lot_row(7, "points", 5, None, 3, 9, None) == (7, "points", 5, None, 3, 9, None)
    assert chain.lot_row(7, "points", 5, None, 3, None, 2) == (7, "points", 5, None, 3, None, 2)


@pytest.mark.goal("M1")
@pytest.mark.parametrize("change", ["available_at = available_at + 1", "available_at = NULL", "moved_from = NULL"])
async def test_a_changed_waiting_time_or_origin_is_found(db, bed, change):
    from app.ledger.verify import verify
    await give(db, bed, available=NOON + DAY, points=5)
    await act_on(db, bed, lambda purses: purses["points"].move({
        lot.id: (None, to_ms(NOON + 2 * DAY)) for lot in purses["points"].lots}), kind="freeze")
    assert await agrees(db)
    await db.execute(f"UPDATE lots SET {change} WHERE moved_from IS NOT NULL")
    assert [finding.kind for finding in await verify(db, NOON)] == ["chain"]


async def test_the_purse_of_one_unit_knows_nothing_of_the_lots_of_another(db, bed):
    await give(db, bed, points=5, stamps=9)
    purse = await service.purse_of(db, bed.account_id, NOON, NOON)
    assert isinstance(purse, Purse) and (purse.unit, purse.spendable, purse.stored) == ("points", 5, {"points": 5, "stamps": 9})
    assert from_ms(purse.at_ms) == NOON
