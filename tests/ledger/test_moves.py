"""Two accounts become one, and refunds of what happened before find the points where they are now."""
import asyncio
from datetime import timedelta

import pytest

from app.clock import to_ms
from app.db import write_transaction
from app.errors import NotFound
from app.ledger import operations_store, service
from app.ledger.rules import NotEnoughPoints
from app.ledger.service import AlreadyMerged
from app.programs import service as programs
from tests.ledger.moving import DAY, act_on, agrees, give, take
from tests.money import NOON, add_card, make_bed


class Card:
    """A card as the ledger sees it."""

    def __init__(self, ids):
        self.account_id, self.id = ids


@pytest.fixture
async def bed(db):
    return await make_bed(db)


@pytest.fixture
async def other(db, bed):
    """A second card of the business, with an account of its own."""
    return Card(await add_card(db, bed.business_id, bed.program_id))


async def merge(db, bed, left, kept=None, now=NOON):
    async def act(tx):
        program = await programs.get_program(tx, bed.business_id, bed.program_id)
        return await service.move_account(tx, bed.manager, program, left, kept or Card((bed.account_id, bed.card_id)), now)
    return await write_transaction(db, act)


def on(card):
    return {"account_id": card.account_id, "card_id": card.id}


async def test_a_merge_moves_every_unit_with_its_ends_and_says_where_it_went(db, bed, other):
    await give(db, bed, points=5, end=NOON + 9 * DAY)
    await give(db, bed, points=30, visits=2, progress=700, end=NOON + 3 * DAY, **on(other))
    await give(db, bed, money=8, end=NOON + 4 * DAY, available=NOON + DAY, **on(other))
    out, into = await merge(db, bed, other)
    assert (out.kind, into.kind, into.of_operation_id, out.of_operation_id) == ("merge_out", "merge_in", out.id, None)
    assert out.balances == {"points": 0, "visits": 0, "progress": 0, "money": 0}
    assert into.balances == {"points": 35, "visits": 2, "progress": 700, "money": 8}
    assert {(change.unit, change.amount, change.why) for change in into.changes} == {
        ("points", 30, "moved"), ("visits", 2, "moved"), ("progress", 700, "moved"), ("money", 8, "moved")}
    assert await service.shown(db, bed.account_id, NOON) == ({"points": 35, "visits": 2, "progress": 700, "money": 0}, {"money": 8})
    ends = [("points", 30, NOON + 3 * DAY), ("visits", 2, NOON + 3 * DAY), ("money", 8, NOON + 4 * DAY), ("points", 5, NOON + 9 * DAY)]
    assert [(one.unit, one.amount, one.at) for one in await service.expiring(db, bed.account_id, NOON + DAY)] == ends
    # What waits to begin is no loss yet.
    assert [one.unit for one in await service.expiring(db, bed.account_id, NOON)] == ["points", "visits", "points"]
    assert await service.home_of(db, bed.business_id, other.account_id) == bed.account_id
    assert await service.home_of(db, bed.business_id, bed.account_id) == bed.account_id
    with pytest.raises(NotFound):
        await service.home_of(db, bed.business_id + 1, other.account_id)
    read = await operations_store.find_operation(db, bed.business_id, into.id)
    assert (read.changes, read.balances) == (into.changes, into.balances)
    assert await agrees(db)


@pytest.mark.parametrize(("points", "debt", "end"), [(50, 30, 20), (30, 50, -20)])
@pytest.mark.parametrize("is_debt_kept", [True, False])
async def test_a_debt_of_one_side_is_repaid_by_the_points_of_the_other(db, bed, other, points, debt, end, is_debt_kept):
    kept = Card((bed.account_id, bed.card_id))
    rich, poor = (other, kept) if is_debt_kept else (kept, other)
    await give(db, bed, points=points, **on(rich))
    await act_on(db, bed, lambda purses: purses["points"].take_back(debt, [], owe=True), kind="refund", **on(poor))
    _, into = await merge(db, bed, other)
    assert into.balances == {"points": end}
    purse = await service.purse_of(db, bed.account_id, NOON, NOON)
    assert (purse.spendable, purse.debt) == (max(end, 0), min(end, 0))
    assert await agrees(db)


async def test_a_debt_is_repaid_by_what_ends_soonest_whichever_was_earned_first(db, bed, other):
    await give(db, bed, points=30, end=NOON + 9 * DAY, **on(other))
    await give(db, bed, points=30, end=NOON + 3 * DAY, **on(other))
    await act_on(db, bed, lambda purses: purses["points"].take_back(20, [], owe=True), kind="refund")
    await merge(db, bed, other)
    assert [(one.amount, one.at) for one in await service.expiring(db, bed.account_id, NOON)] == [
        (10, NOON + 3 * DAY), (30, NOON + 9 * DAY)]


async def test_what_an_operation_made_is_named_soonest_ending_first(db, bed):
    def earn(purses):
        for days in (9, 3, None):
            purses["points"].earn(5, to_ms(NOON + days * DAY) if days else None)

    sale = await act_on(db, bed, earn)
    ends = [lot.expires_at for lot in await service.made_by(db, sale.id)]
    assert ends == [to_ms(NOON + 3 * DAY), to_ms(NOON + 9 * DAY), None]


async def test_what_ended_before_a_merge_is_expired_where_it_was(db, bed, other):
    await give(db, bed, points=30, end=NOON + DAY, **on(other))
    out, into = await merge(db, bed, other, now=NOON + 2 * DAY)
    assert out.changes == into.changes == ()
    kinds = await db.fetch_all("SELECT kind, account_id FROM operations WHERE kind = 'expiry'")
    assert [row["account_id"] for row in kinds] == [other.account_id]


@pytest.mark.parametrize("again", ["back", "twice", "itself", "into_a_merged_one"])
async def test_accounts_that_are_one_already_are_not_merged_again(db, bed, other, again):
    kept = Card((bed.account_id, bed.card_id))
    third = Card(await add_card(db, bed.business_id, bed.program_id))
    await give(db, bed, points=30, **on(other))
    await merge(db, bed, other)
    before = await db.fetch_val("SELECT COUNT(*) FROM operations")
    pair = {"back": (kept, other), "twice": (other, kept), "itself": (kept, kept), "into_a_merged_one": (third, other)}[again]
    with pytest.raises(AlreadyMerged):
        await merge(db, bed, *pair)
    assert await db.fetch_val("SELECT COUNT(*) FROM operations") == before
    assert await service.home_of(db, bed.business_id, bed.account_id) == bed.account_id
    assert await service.home_of(db, bed.business_id, third.account_id) == third.account_id


async def test_a_sale_before_the_merge_is_taken_back_from_the_points_that_it_earned_wherever_they_live(db, bed, other):
    await give(db, bed, points=100, end=NOON + 2 * DAY)
    sale = await give(db, bed, points=30, end=NOON + 9 * DAY, **on(other))
    third = Card(await add_card(db, bed.business_id, bed.program_id))
    await merge(db, bed, other, third)
    await merge(db, bed, third)
    home = await write_transaction(db, lambda tx: service.lock_home(tx, bed.business_id, other.account_id))
    assert home == bed.account_id
    own = await service.made_by(db, sale.id)
    assert [lot.remaining for lot in own] == [0, 0, 30]
    done = await act_on(db, bed, lambda purses: purses["points"].take_back(30, [lot.id for lot in own], owe=True), kind="refund")
    assert done.balances == {"points": 100}
    assert [one.at for one in await service.expiring(db, home, NOON)] == [NOON + 2 * DAY]
    assert await agrees(db)


async def test_points_spent_before_the_merge_come_back_where_their_lot_lives_on_or_as_one_with_its_end(db, bed, other):
    whole = await give(db, bed, points=10, end=NOON + 3 * DAY, **on(other))
    part = await give(db, bed, points=10, end=NOON + 5 * DAY, **on(other))
    sale = await take(db, bed, points=14, **on(other))
    await merge(db, bed, other)
    assert [lot.remaining for lot in await service.made_by(db, whole.id)] == [0]
    [_, moved] = await service.made_by(db, part.id)
    drawn = await service.drawn_by(db, sale.id, account_id=bed.account_id)
    assert [(lot.id, lot.remaining, lot.expires_at) for lot in drawn] == [
        (0, 10, to_ms(NOON + 3 * DAY)), (moved.id, 4, to_ms(NOON + 5 * DAY))]
    back = await act_on(db, bed, lambda purses: purses["points"].give_back(drawn, 0), kind="refund", of=sale.id)
    assert back.balances == {"points": 20}
    assert [(one.amount, one.at) for one in await service.expiring(db, bed.account_id, NOON)] == [
        (10, NOON + 3 * DAY), (10, NOON + 5 * DAY)]
    assert await agrees(db)


async def test_points_come_back_to_a_merged_account_with_the_end_that_their_lot_was_given_last(db, bed, other):
    await give(db, bed, points=10, end=NOON + 3 * DAY, **on(other))
    sale = await take(db, bed, points=4, **on(other))
    purse = await service.purse_of(db, other.account_id, NOON, NOON)
    longer = {purse.lots[0].id: (to_ms(NOON + 9 * DAY), None)}
    await act_on(db, bed, lambda purses: purses["points"].move(longer), kind="extend", **on(other))
    await take(db, bed, points=6, **on(other))
    await merge(db, bed, other)
    drawn = await service.drawn_by(db, sale.id, account_id=bed.account_id)
    assert [(lot.id, lot.remaining, lot.expires_at) for lot in drawn] == [(0, 4, to_ms(NOON + 9 * DAY))]


async def test_nobody_owes_points_that_ended_after_they_were_moved(db, bed, other):
    sale = await give(db, bed, points=30, end=NOON + DAY, **on(other))
    assert await service.expired_of(db, sale.id) == 0
    await merge(db, bed, other)
    await service.expire_due(db, NOON + DAY)
    assert await service.expired_of(db, sale.id) == 30
    assert await agrees(db, NOON + DAY)


async def test_points_that_ended_and_were_then_spent_by_a_late_sale_were_somebodys_after_all(db, bed):
    sale = await give(db, bed, points=30, end=NOON + DAY)
    now = NOON + 2 * DAY
    await service.expire_due(db, now)
    await take(db, bed, at=NOON + DAY / 2, now=now, points=20)
    assert await service.expired_of(db, sale.id) == 10
    assert await agrees(db, now)


async def test_only_what_was_drawn_for_one_book_comes_back_for_it(db, bed):
    await give(db, bed, stamps=12, points=9)

    def change(purses):
        purses["stamps"].spend(2)
        purses["stamps"].spend(10, "converted")
        purses["points"].spend(4)
    sale = await act_on(db, bed, change, units=("points", "stamps"))

    async def drawn(*args, **options):
        return [lot.remaining for lot in await service.drawn_by(db, sale.id, *args, **options)]
    assert (await drawn(), await drawn("stamps"), await drawn("stamps", book="converted"), await drawn("money")) == ([4], [2], [10], [])


async def test_a_lot_that_an_activity_prolonged_still_belongs_to_the_sale_that_earned_it(db, bed):
    first = await give(db, bed, points=10, end=NOON + DAY)
    sale = await act_on(db, bed, lambda purses: (
        purses["points"].move({lot.id: (to_ms(NOON + 9 * DAY), None) for lot in purses["points"].lots}),
        purses["points"].earn(5, to_ms(NOON + 9 * DAY))))
    assert [lot.remaining for lot in await service.made_by(db, first.id)] == [0, 10]
    assert [lot.remaining for lot in await service.made_by(db, sale.id)] == [5]
    assert await service.drawn_by(db, sale.id) == []
    assert [(change.amount, change.why) for change in sale.changes] == [(0, "moved"), (5, "earned")]
    assert await agrees(db)


async def test_a_late_sale_spends_points_that_a_merge_moved_only_from_when_they_were_earned(db, bed, other):
    await give(db, bed, points=10, **on(other))
    await merge(db, bed, other, now=NOON + DAY)
    with pytest.raises(NotEnoughPoints):
        await take(db, bed, points=1, at=NOON - timedelta(hours=1), now=NOON + DAY)
    assert (await take(db, bed, points=10, at=NOON + timedelta(hours=1), now=NOON + DAY)).balances == {"points": 0}


@pytest.mark.goal("M4")
async def test_merges_and_sales_at_once_neither_lose_nor_make_points(db, bed, other):
    await give(db, bed, points=50)
    await give(db, bed, points=50, **on(other))

    async def spend(card):
        try:
            await take(db, bed, points=7, **on(card))
        except NotEnoughPoints:
            return 0
        return 7
    kept = Card((bed.account_id, bed.card_id))
    merges = [merge(db, bed, other, kept), merge(db, bed, kept, other)]
    results = await asyncio.gather(*[spend(card) for card in (kept, other) * 6], *merges, return_exceptions=True)
    assert sum(isinstance(result, AlreadyMerged) for result in results) == 1
    spent = sum(result for result in results if isinstance(result, int))
    left = await db.fetch_val("SELECT SUM(amount) FROM balances")
    assert left == 100 - spent
    assert await agrees(db)


async def test_the_lot_of_a_merge_remembers_where_it_came_from(db, bed, other):
    await give(db, bed, points=30, **on(other))
    await merge(db, bed, other)
    [row] = await db.fetch_all("SELECT moved_from, created_at FROM lots WHERE account_id = :id", {"id": bed.account_id})
    origin = await db.fetch_val("SELECT id FROM lots WHERE account_id = :id", {"id": other.account_id})
    assert tuple(row) == (origin, to_ms(NOON))


async def test_an_account_that_was_merged_away_needs_no_card_and_says_in_one_step_where_it_went(db, bed, other):
    third = Card(await add_card(db, bed.business_id, bed.program_id))
    await give(db, bed, points=30, end=NOON + 3 * DAY, **on(other))
    await merge(db, bed, other, third)
    await merge(db, bed, third)
    # A replaced card may be shown with the account that lives on.
    await db.execute("UPDATE cards SET account_id = :kept WHERE account_id = :left", {"kept": bed.account_id, "left": other.account_id})
    assert await service.merged_into(db, bed.business_id, bed.account_id) == [other.account_id, third.account_id]
    assert await agrees(db, NOON)


async def test_hundreds_of_lots_that_live_on_from_the_last_purchase_keep_their_points_and_where_they_came_from(db, bed):
    count = 73
    for number in range(count):
        await give(db, bed, points=number + 1, end=NOON + 9 * DAY)
    before = {row["id"]: row["remaining"] for row in await db.fetch_all("SELECT id, remaining FROM lots")}

    def live_on(purses):
        purse = purses["points"]
        purse.move({lot.id: (to_ms(NOON + 30 * DAY), None) for lot in purse.lots})
    await act_on(db, bed, live_on)
    rows = await db.fetch_all("SELECT moved_from, remaining FROM lots WHERE moved_from IS NOT NULL ORDER BY id")
    assert [(row["moved_from"], row["remaining"]) for row in rows] == sorted(before.items())
    assert await agrees(db)


async def test_what_an_account_holds_and_what_ends_soon_are_the_same_in_one_look_as_in_two(db, bed):
    await give(db, bed, points=30, visits=2, end=NOON + 3 * DAY)
    await give(db, bed, points=5, end=NOON + 3 * DAY)
    await give(db, bed, money=8, end=NOON + 4 * DAY, available=NOON + DAY)
    await give(db, bed, stamps=1, progress=700, end=NOON + 90 * DAY)
    for at, count in ((NOON, 2), (NOON + DAY, 3), (NOON + 40 * DAY, 1)):
        held, ending = await service.shown_with_ending(db, bed.account_id, at)
        assert (held, ending) == (await service.shown(db, bed.account_id, at), await service.expiring(db, bed.account_id, at))
        assert len(ending) == count
    held, ending = await service.shown_with_ending(db, bed.account_id, NOON, limit=1)
    assert [(one.unit, one.amount, one.at) for one in ending] == [("points", 35, NOON + 3 * DAY)]
    assert held.pending == {"money": 8}
