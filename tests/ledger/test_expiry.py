"""The expiry run: every unit, one operation an account, at local midnights, while tills go on."""
import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.clock import to_ms
from app.db import write_transaction
from app.ledger import expiry, operations_store, service
from app.ledger.ends import end_of_lot
from app.ledger.rules import NotEnoughPoints
from tests.ledger.moving import DAY, act_on, agrees, give, take
from tests.money import NOON, RULES, add_card, make_bed


@pytest.fixture
async def bed(db):
    return await make_bed(db)


async def newest(db, bed):
    return (await operations_store.list_operations(db, operations_store.Filter(bed.business_id, account_id=bed.account_id), 1))[0]


async def test_what_ended_of_all_units_is_taken_by_one_operation_and_told_like_any_other(db, bed):
    await give(db, bed, end=NOON + DAY, points=5, stamps=2, progress=700)
    await give(db, bed, end=NOON + DAY, available=NOON + 3 * DAY, points=4)
    await give(db, bed, points=7, visits=1)
    events = await db.fetch_val("SELECT COUNT(*) FROM events")
    updates = "updates" if db.engine == "sqlite" else "update_queue"
    told = await db.fetch_val(f"SELECT COUNT(*) FROM {updates}")
    assert await service.expire_due(db, NOON + DAY) == 1
    done = await newest(db, bed)
    assert [(change.unit, change.amount, change.why) for change in done.changes] == [
        ("points", -9, "expired"), ("progress", -700, "expired"), ("stamps", -2, "expired")]
    assert done.balances == await service.balances(db, bed.account_id) == {"points": 7, "visits": 1, "progress": 0, "stamps": 0}
    assert (done.kind, done.at, done.recorded_at, done.card_id, done.actor_kind, done.rules_version) == (
        "expiry", NOON + DAY, NOON + DAY, bed.card_id, "system", 1)
    assert await db.fetch_val("SELECT COUNT(*) FROM events") == events + 1
    assert await db.fetch_val("SELECT MAX(operation_id) FROM events WHERE kind = 'operation.created'") == done.id
    assert await db.fetch_val(f"SELECT COUNT(*) FROM {updates}") == told + 1
    assert await service.expire_due(db, NOON + DAY) == 0
    assert await agrees(db, NOON + DAY)


async def test_the_run_and_the_till_write_an_expiry_alike(db, bed):
    """By the run on one account, by the next sale on another: the same row, entries and balances."""
    other = await add_card(db, bed.business_id, bed.program_id)
    for account, card in ((bed.account_id, bed.card_id), other):
        await give(db, bed, end=NOON + DAY, points=5, money=3, stamps=2, account_id=account, card_id=card)
    now = NOON + 2 * DAY
    await act_on(db, bed, lambda purses: purses["points"].earn(1, None), at=now, units=("points", "stamps", "money"))
    assert await service.expire_due(db, now) == 1
    [first, second] = await db.fetch_all("SELECT * FROM operations WHERE kind = 'expiry' ORDER BY id")
    differs = {name for name in first.keys() if first[name] != second[name]}  # noqa: SIM118 (a row iterates over values)
    assert differs == {"id", "account_id", "card_id"}
    query = "SELECT line, book, unit, amount FROM entries WHERE operation_id = :id ORDER BY line"
    entries = [[tuple(row) for row in await db.fetch_all(query, {"id": one["id"]})] for one in (first, second)]
    assert entries[0] == entries[1] != []
    assert await agrees(db, now)


async def test_accounts_of_several_businesses_are_taken_page_by_page_each_once(db, bed, monkeypatch):
    monkeypatch.setattr(expiry, "CHUNK", 4)
    beds = [bed, await make_bed(db, "leaf")]
    for one in beds:
        for n in range(5):
            account, card = await add_card(db, one.business_id, one.program_id)
            for k in range(n):
                await give(db, one, end=NOON + DAY * (k % 2 + 1), points=k + 1, account_id=account, card_id=card)
    assert await service.expire_due(db, NOON + 3 * DAY) == 8
    assert await db.fetch_val("SELECT COUNT(*) FROM lots WHERE remaining <> 0") == 0
    assert await db.fetch_val("SELECT COUNT(DISTINCT account_id) FROM operations WHERE kind = 'expiry'") == 8
    assert await service.expire_due(db, NOON + 3 * DAY) == 0
    assert await agrees(db, NOON + 3 * DAY)


async def test_the_run_rests_as_long_as_a_page_took_while_others_write_and_only_then(db, bed, monkeypatch):
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(expiry, "CHUNK", 1)
    monkeypatch.setattr(expiry, "sleep", rest)
    for _ in range(6):
        account, card = await add_card(db, bed.business_id, bed.program_id)
        await give(db, bed, end=NOON + DAY, points=1, account_id=account, card_id=card)
    run = asyncio.create_task(service.expire_due(db, NOON + DAY))
    while not run.done():
        await write_transaction(db, lambda tx: tx.fetch_val("SELECT 1"))
    assert await run == 6
    assert rests and all(seconds > 0 for seconds in rests)
    rests.clear()
    await give(db, bed, end=NOON + DAY, points=1)
    assert await service.expire_due(db, NOON + DAY) == 1
    assert rests == []


async def test_a_blocked_card_is_told_and_a_replaced_one_is_not(db, bed):
    for status in ("replaced", "blocked"):
        await db.execute("INSERT INTO cards(business_id, program_id, account_id, number, code, status, source, created_at) "
                         "VALUES (:business, :program, :account, :number, :number, :status, 'api', 1)",
                         {"business": bed.business_id, "program": bed.program_id, "account": bed.account_id, "number": status,
                          "status": status})
    await give(db, bed, end=NOON + DAY, points=5)
    updates = "updates" if db.engine == "sqlite" else "update_queue"
    await db.execute(f"DELETE FROM {updates}")
    await service.expire_due(db, NOON + DAY)
    cards = [row["status"] for row in await db.fetch_all(
        f"SELECT c.status FROM {updates} u JOIN cards c ON c.id = u.card_id ORDER BY c.id")]
    assert cards == ["active", "blocked"]


@pytest.mark.goal("M4")
async def test_runs_and_tills_at_once_take_each_point_once(db, bed):
    cards = [await add_card(db, bed.business_id, bed.program_id) for _ in range(6)]
    for account, card in cards:
        await give(db, bed, end=NOON + DAY, points=10, account_id=account, card_id=card)
        await give(db, bed, points=3, account_id=account, card_id=card)
    now = NOON + 2 * DAY
    results = await asyncio.gather(
        *[take(db, bed, points=2, at=now, account_id=account, card_id=card) for account, card in cards * 2],
        *[service.expire_due(db, now) for _ in range(3)], return_exceptions=True)
    assert sum(isinstance(result, NotEnoughPoints) for result in results) == 6
    assert not [result for result in results if isinstance(result, BaseException) and not isinstance(result, NotEnoughPoints)]
    assert await db.fetch_val("SELECT COUNT(*) FROM operations WHERE kind = 'expiry'") == 6
    assert await db.fetch_val("SELECT SUM(amount) FROM balances") == 6
    assert await agrees(db, now)


@pytest.mark.goal("M7")
@pytest.mark.parametrize(("zone", "at", "last", "first"), [
    ("Europe/Berlin", "2026-03-28T12:00", "2026-03-29T21:59:59", "2026-03-29T22:00:00"),       # a day of 23 hours
    ("Europe/Berlin", "2026-10-24T12:00", "2026-10-25T22:59:59", "2026-10-25T23:00:00"),       # a day of 25 hours
    ("America/Santiago", "2026-09-04T12:00", "2026-09-06T03:59:59", "2026-09-06T04:00:00"),    # a midnight that does not exist
    ("Pacific/Apia", "2026-11-22T10:59", "2026-11-23T10:59:59", "2026-11-23T11:00:00"),
])
async def test_points_of_one_day_live_to_the_last_second_of_the_next_local_day(sqlite_db, zone, at, last, first):
    made, last_at, first_at = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (at, last, first))
    bed = await make_bed(sqlite_db, zone=zone)

    def change(purses):
        service.put(purses["points"], 5, msgspec.structs.replace(RULES, lot_days=1), made, zone)
    await act_on(sqlite_db, bed, change, at=made)
    assert await service.expire_due(sqlite_db, last_at) == 0
    assert (await service.purse_of(sqlite_db, bed.account_id, last_at, last_at)).spendable == 5
    assert (await service.purse_of(sqlite_db, bed.account_id, first_at, first_at)).spendable == 0
    assert await service.expire_due(sqlite_db, first_at) == 1


async def test_a_clock_that_jumped_ahead_and_back_takes_nothing_twice_and_gives_nothing_back(db, bed):
    await give(db, bed, end=NOON + DAY, points=5)
    assert await service.expire_due(db, NOON + 9 * DAY) == 1
    assert await service.expire_due(db, NOON) == 0
    with pytest.raises(NotEnoughPoints):
        await take(db, bed, points=5, at=NOON + timedelta(hours=1))
    await give(db, bed, end=end_and(NOON), points=3)
    assert await service.expire_due(db, NOON + 9 * DAY) == 1
    assert await service.balances(db, bed.account_id) == {"points": 0}
    assert await agrees(db, NOON + 9 * DAY)


def end_and(at):
    return at + timedelta(milliseconds=(end_of_lot(at, 0, "Europe/Moscow") or 0) - to_ms(at))


async def test_a_late_sale_after_the_run_spends_what_the_run_took(db, bed):
    await give(db, bed, end=NOON + DAY, points=5)
    await service.expire_due(db, NOON + DAY)
    done = await take(db, bed, points=5, at=NOON, now=NOON + DAY)
    assert [(change.amount, change.why) for change in done.changes] == [(5, "revived"), (-5, "redeemed")]
    assert await agrees(db, NOON + DAY)
