import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.db import Database, write_transaction
from app.limits import service
from app.limits.rules import Limit, LimitReached

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
THREE_AN_HOUR = Limit("test.scope", "subject", 3600, 3)


async def hit(db: Database, *limits: Limit, at: datetime = NOON) -> None:
    await write_transaction(db, lambda tx: service.hit(tx, limits, at))


async def counted(db: Database, limit: Limit, at: datetime = NOON) -> int:
    since = at - timedelta(seconds=limit.window_seconds)
    return await write_transaction(db, lambda tx: service.count(tx, limit.scope, limit.subject, since, at))


async def test_a_limit_lets_its_number_through_and_says_when_there_is_room_again(db):
    for minute in (0, 10, 20):
        await hit(db, THREE_AN_HOUR, at=NOON + timedelta(minutes=minute))
    with pytest.raises(LimitReached) as refusal:
        await hit(db, THREE_AN_HOUR, at=NOON + timedelta(minutes=30))
    assert refusal.value.retry_after == 30 * 60
    assert not refusal.value.in_gap
    assert await counted(db, THREE_AN_HOUR, NOON + timedelta(minutes=30)) == 3
    await hit(db, THREE_AN_HOUR, at=NOON + timedelta(minutes=60))


async def test_a_gap_refuses_what_comes_too_soon_and_names_itself(db):
    limit = Limit("test.scope", "subject", 3600, 3, gap_seconds=60)
    await hit(db, limit)
    with pytest.raises(LimitReached) as refusal:
        await hit(db, limit, at=NOON + timedelta(seconds=59))
    assert (refusal.value.in_gap, refusal.value.retry_after) == (True, 1)
    await hit(db, limit, at=NOON + timedelta(seconds=60))


async def test_when_one_of_several_limits_refuses_none_of_them_counts(db):
    full, other = Limit("test.full", "x", 3600, 1), Limit("test.other", "y", 3600, 9)
    await hit(db, full)
    with pytest.raises(LimitReached) as refusal:
        await hit(db, other, full)
    assert refusal.value.limit == full
    assert await counted(db, other) == 0


async def test_a_hit_judged_by_two_windows_is_counted_once(db):
    day, month = Limit("test.scope", "z", 86_400, 3), Limit("test.scope", "z", 30 * 86_400, 6)
    await hit(db, day, month)
    assert await counted(db, month) == 1


async def test_a_limit_of_none_refuses_everything(db):
    with pytest.raises(LimitReached):
        await hit(db, Limit("test.scope", "never", 60, 0))


async def test_what_was_rolled_back_was_not_counted(db):
    async def act(tx):
        await service.hit(tx, [THREE_AN_HOUR], NOON)
        raise KeyError
    with pytest.raises(KeyError):
        await write_transaction(db, act)
    assert await counted(db, THREE_AN_HOUR) == 0


@pytest.mark.goal("S2")
async def test_fifty_at_once_get_exactly_as_many_as_the_limit_allows(db):
    limit, other = Limit("test.race", "block", 3600, 20), Limit("test.race.other", "x", 3600, 1000)
    # Half name the limits the other way round: whoever locks in the order given would deadlock.
    asked = [hit(db, *([limit, other] if number % 2 else [other, limit])) for number in range(50)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(answer is None for answer in answers) == 20
    assert all(isinstance(answer, LimitReached) for answer in answers if answer is not None)
    assert await counted(db, limit) == await counted(db, other) == 20


async def test_pruning_deletes_what_no_window_reaches_and_nothing_else(db):
    old, young = Limit("test.scope", "old", 60, 2000), Limit("test.scope", "young", 60, 9)

    async def many(tx):
        for _ in range(service.PRUNED_AT_ONCE + 1):
            await service.hit(tx, [old], NOON - timedelta(days=32))
    await write_transaction(db, many)
    await hit(db, young, at=NOON - timedelta(days=30))
    assert await service.prune(db, NOON) == service.PRUNED_AT_ONCE + 1
    assert await counted(db, Limit("test.scope", "young", 31 * 86_400, 1)) == 1


async def test_what_is_noted_is_counted_and_found_newest_first(db):
    async def act(tx):
        for minute in (1, 3, 2):
            await service.note(tx, "test.rate", "poster", NOON + timedelta(minutes=minute))
        return await service.newest(tx, "test.rate", "poster", NOON + timedelta(minutes=2), 2)
    assert await write_transaction(db, act) == [NOON + timedelta(minutes=2), NOON + timedelta(minutes=1)]
