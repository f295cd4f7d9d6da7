"""Points that wake and points that are about to end: told once, and only what concerns the account."""
import asyncio
from datetime import timedelta

import msgspec
import pytest

from app.db import write_transaction
from app.ledger import notices, service
from app.updates.service import newest_of, number_pending
from tests.ledger.moving import DAY, give, take
from tests.money import NOON, RULES, add_card, make_bed

HOUR = timedelta(hours=1)


@pytest.fixture
async def bed(db):
    return await make_bed(db, rules=msgspec.structs.replace(RULES, warn_days=(30, 7, 1)))


async def events(db):
    rows = await db.fetch_all("SELECT card_id, details FROM events WHERE kind = 'balance.expiring' ORDER BY id")
    return [(row["card_id"], msgspec.json.decode(row["details"])) for row in rows]


async def told(db):
    table = "updates" if db.engine == "sqlite" else "update_queue"
    return [row["card_id"] for row in await db.fetch_all(f"SELECT card_id FROM {table} ORDER BY card_id")]


async def forget_updates(db):
    await db.execute(f"DELETE FROM {'updates' if db.engine == 'sqlite' else 'update_queue'}")


async def test_each_end_is_warned_of_once_for_each_number_of_days(db, bed):
    end = NOON + 40 * DAY
    await give(db, bed, end=end, points=5, stamps=2)
    await give(db, bed, end=end, points=4)
    await give(db, bed, points=9, progress=7)
    found = []
    for days_left in (40, 31, 30.5, 30, 29, 29, 8, 7, 6.9, 2, 1, 0.5, 0, -1):
        count = await service.warn_due(db, end - days_left * DAY)
        found += [days_left] * count
    assert found == [30, 7, 1]
    amounts = {"points": 9, "stamps": 2}
    assert await events(db) == [(bed.card_id, {"days": days, "ends_at": "2027-01-01T09:00:00Z", "amounts": amounts}) for days in (30, 7, 1)]


async def test_what_was_spent_meanwhile_is_not_warned_of(db, bed):
    end = NOON + 40 * DAY
    await give(db, bed, end=end, points=5)
    before = await newest_of(db, bed.card_id)
    assert await service.warn_due(db, end - 30 * DAY) == 1
    await number_pending(db)
    assert await newest_of(db, bed.card_id) > before, "the card's wallets are told"
    await take(db, bed, points=3, at=NOON + 11 * DAY)
    assert await service.warn_due(db, end - 7 * DAY) == 1
    await take(db, bed, points=2, at=NOON + 35 * DAY)
    assert await service.warn_due(db, end - DAY) == 0
    assert [details["amounts"] for _, details in await events(db)] == [{"points": 5}, {"points": 2}]


async def test_after_a_stop_only_the_nearest_warning_is_given(db, bed):
    await service.warn_due(db, NOON)
    end = NOON + 40 * DAY
    await give(db, bed, end=end, points=5)
    assert await service.warn_due(db, end - 3 * DAY) == 1
    assert [details["days"] for _, details in await events(db)] == [7]
    assert await service.warn_due(db, end) == 0


async def test_points_that_were_never_so_far_from_their_end_are_warned_of_by_smaller_numbers_alone(db, bed):
    other = await add_card(db, bed.business_id, bed.program_id)
    end = NOON + 40 * DAY
    await give(db, bed, end=end, points=5)
    assert await service.warn_due(db, end - 30 * DAY + HOUR) == 1
    await give(db, bed, end=end, points=5, at=end - 20 * DAY, account_id=other[0], card_id=other[1])
    assert await service.warn_due(db, end - 20 * DAY + HOUR) == 0
    assert await service.warn_due(db, end - 7 * DAY) == 2
    assert [(card, details["days"]) for card, details in await events(db)] == [(bed.card_id, 30), (bed.card_id, 7), (other[1], 7)]


async def test_a_programme_warns_by_its_own_numbers(db, bed):
    quiet = await make_bed(db, "quiet", msgspec.structs.replace(RULES, warn_days=()))
    early = await make_bed(db, "early", msgspec.structs.replace(RULES, warn_days=(14,)))
    end = NOON + 40 * DAY
    for one in (bed, quiet, early):
        await give(db, one, end=end, points=5)
    for days in range(40, -1, -1):
        await service.warn_due(db, end - days * DAY)
    assert [(card, details["days"]) for card, details in await events(db)] == [
        (bed.card_id, 30), (early.card_id, 14), (bed.card_id, 7), (bed.card_id, 1)]


async def test_pages_of_one_midnight_leave_nobody_out_and_name_nobody_twice(db, bed, monkeypatch):
    monkeypatch.setattr(notices, "PAGE", 3)
    end, cards = NOON + 40 * DAY, []
    for n in range(8):
        account, card = await add_card(db, bed.business_id, bed.program_id)
        cards.append(card)
        for _ in range(n % 3 + 1):
            await give(db, bed, end=end, points=n + 1, account_id=account, card_id=card)
    counts = await asyncio.gather(*[service.warn_due(db, end - 30 * DAY) for _ in range(3)])
    assert sum(counts) == 8
    assert sorted(card for card, _ in await events(db)) == cards
    assert [details["amounts"]["points"] for _, details in sorted(await events(db), key=lambda event: event[0])] == [
        (n + 1) * (n % 3 + 1) for n in range(8)]


async def test_a_card_that_is_used_no_more_is_not_told(db, bed):
    await give(db, bed, end=NOON + 40 * DAY, available=NOON + DAY, points=5)
    await db.execute("UPDATE cards SET status = 'expired'")
    await forget_updates(db)
    assert await service.warn_due(db, NOON + 10 * DAY) == 0 == await service.mature_due(db, NOON + DAY)
    assert await told(db) == [] == await events(db)


async def test_cards_learn_once_that_pending_points_have_become_available(db, bed):
    other = await add_card(db, bed.business_id, bed.program_id)
    await give(db, bed, available=NOON + DAY, points=5)
    await give(db, bed, available=NOON + 2 * DAY, stamps=5, account_id=other[0], card_id=other[1])
    await forget_updates(db)
    seen = []
    for at in (NOON, NOON + DAY - HOUR, NOON + DAY, NOON + DAY + HOUR, NOON + 5 * DAY, NOON + 6 * DAY):
        seen.append(await service.mature_due(db, at))
    assert seen == [0, 0, 1, 0, 1, 0]
    assert await told(db) == [bed.card_id, other[1]]


async def test_a_walk_that_is_cut_off_tells_the_rest_when_it_runs_again(db, bed, monkeypatch):
    monkeypatch.setattr(notices, "PAGE", 1)
    for _ in range(3):
        account, card = await add_card(db, bed.business_id, bed.program_id)
        await give(db, bed, available=NOON + DAY, points=5, account_id=account, card_id=card)
    await forget_updates(db)
    real, calls = notices.write_transaction, []

    async def cut_off(database, act):
        calls.append(1)
        if len(calls) == 2:
            raise ConnectionError
        return await real(database, act)
    monkeypatch.setattr(notices, "write_transaction", cut_off)
    with pytest.raises(ConnectionError):
        await service.mature_due(db, NOON + DAY)
    assert len(await told(db)) == 1
    assert await service.mature_due(db, NOON + DAY) == 2
    assert len(set(await told(db))) == 3


async def test_a_clock_that_goes_back_tells_nothing_again(db, bed):
    await give(db, bed, end=NOON + 31 * DAY, available=NOON + DAY, points=5)
    await service.warn_due(db, NOON + 2 * DAY)
    await service.mature_due(db, NOON + 2 * DAY)
    await forget_updates(db)
    for at in (NOON - 5 * DAY, NOON + 2 * DAY, NOON + 3 * DAY):
        assert (await service.warn_due(db, at), await service.mature_due(db, at)) == (0, 0)
    await write_transaction(db, lambda tx: tx.execute("SELECT 1"))
    assert len(await events(db)) == 1


async def test_what_ends_next_is_told_of_the_programmes_own_unit_first(db, bed):
    await give(db, bed, stamps=2, end=NOON + 3 * DAY)
    month = timedelta(days=30)
    assert (await service.next_end(db, bed.account_id, NOON, "points", within=month)).unit == "stamps"
    await give(db, bed, points=30, end=NOON + 9 * DAY)
    found = await service.next_end(db, bed.account_id, NOON, "points", within=month)
    assert (found.unit, found.amount, found.at) == ("points", 30, NOON + 9 * DAY)
    assert await service.next_end(db, bed.account_id, NOON, "points", within=DAY) is None
