import asyncio
from datetime import timedelta

import pytest

from app.db import open_database, write_transaction
from app.updates import runner, service
from app.updates.service import NotNumberedYet
from tests import engines
from tests.money import NOON, make_bed


async def change(db, bed, registration_id=None):
    await write_transaction(db, lambda tx: service.append(tx, bed.business_id, bed.card_id, NOON, registration_id))
    await service.number_pending(db)


async def test_updates_are_numbered_one_after_another(db):
    bed = await make_bed(db)
    for _ in range(3):
        await change(db, bed)
    assert [update.number for update in await service.since(db, 0, 10)] == [1, 2, 3]
    assert [update.number for update in await service.since(db, 1, 1)] == [2]
    assert await service.newest(db) == 3
    assert await db.fetch_val("SELECT number FROM latest_updates WHERE card_id = :card", {"card": bed.card_id}) == 3


async def test_a_number_that_a_registration_took_does_not_concern_other_devices(db):
    bed = await make_bed(db)
    await change(db, bed)
    await change(db, bed, registration_id=5)
    assert await db.fetch_val("SELECT number FROM latest_updates WHERE card_id = :card", {"card": bed.card_id}) == 1
    assert await service.wait_for_number(db, 5, after=1) == 2


async def test_an_undone_change_leaves_no_update(db):
    bed = await make_bed(db)

    async def fails(tx):
        await service.append(tx, bed.business_id, bed.card_id, NOON)
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        await write_transaction(db, fails)
    await service.number_pending(db)
    assert await service.newest(db) == 0


async def test_on_postgresql_a_transaction_that_commits_late_is_never_skipped():
    """A reader that saw the newest number must still be told of what was begun before it and committed after it."""
    async with open_database(engines.new_postgres_url(engines.migrated_postgres())) as db:
        bed, appended, go_on = await make_bed(db), asyncio.Event(), asyncio.Event()

        async def slow(tx):
            await service.append(tx, bed.business_id, bed.card_id, NOON)
            appended.set()
            await go_on.wait()
        late = asyncio.create_task(write_transaction(db, slow))
        await appended.wait()
        await change(db, bed)
        seen = await service.newest(db)
        assert seen == 1
        go_on.set()
        await late
        await service.number_pending(db)
        assert [update.number for update in await service.since(db, seen, 10)] == [2]


async def test_on_postgresql_the_runner_numbers_what_commits_while_it_runs_and_wakes_readers():
    async with open_database(engines.new_postgres_url(engines.migrated_postgres())) as db:
        bed = await make_bed(db)
        running = asyncio.create_task(runner.run_numbering(db))
        try:
            for number in range(1, 11):
                await write_transaction(db, lambda tx: service.append(tx, bed.business_id, bed.card_id, NOON, registration_id=1))
                assert await service.wait_for_number(db, 1, after=number - 1, seconds=5) == number
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_runners_in_several_processes_give_every_number_once(db):
    bed = await make_bed(db)
    await asyncio.gather(*[change(db, bed) for _ in range(40)])
    assert [update.number for update in await service.since(db, 0, 100)] == list(range(1, 41))


async def test_a_number_that_does_not_come_in_time_is_asked_for_again(db):
    with pytest.raises(NotNumberedYet) as refused:
        await service.wait_for_number(db, 5, after=0, seconds=0.05)
    assert refused.value.retry_after == 1


async def test_after_a_restore_numbers_lie_beyond_every_tag_handed_out(db):
    bed = await make_bed(db)
    await change(db, bed)
    floor = await write_transaction(db, service.lift)
    assert floor == 2**32 + 1
    await change(db, bed)
    assert await service.newest(db) == floor + 1
    assert await write_transaction(db, service.lift) == floor + 1 + 2**32


async def test_a_cursor_only_goes_forward(db):
    assert await service.find_cursor(db, "pushes") == 0
    for number in (5, 3, 7):
        await write_transaction(db, lambda tx, number=number: service.move_cursor(tx, "pushes", number))
    assert await service.find_cursor(db, "pushes") == 7


async def test_an_event_is_kept_with_the_change_it_tells_of(db):
    bed = await make_bed(db)
    await write_transaction(db, lambda tx: service.emit(
        tx, bed.business_id, "card.blocked", NOON, card_id=bed.card_id, details={"why": "lost"}))
    row = await db.fetch_one("SELECT kind, card_id, details FROM events")
    assert tuple(row) == ("card.blocked", bed.card_id, '{"why":"lost"}')


async def test_updates_are_forgotten_once_they_are_old_and_every_reader_has_passed_them(db, monkeypatch):
    monkeypatch.setattr(service, "FORGOTTEN_AT_ONCE", 2)
    bed, old = await make_bed(db), NOON - timedelta(days=91)
    for at in (old, old, old, old, old, NOON):
        await write_transaction(db, lambda tx, at=at: service.append(tx, bed.business_id, bed.card_id, at))
    await service.number_pending(db)
    assert await service.forget_old(db, NOON) == 0          # nobody has read them
    await write_transaction(db, lambda tx: service.move_cursor(tx, "push", 5))
    await write_transaction(db, lambda tx: service.move_cursor(tx, "google", 4))
    await write_transaction(db, lambda tx: service.move_cursor(tx, "a cursor of moments", 1))
    assert await service.forget_old(db, NOON) == 3
    assert [update.number for update in await service.since(db, 0, 10)] == [4, 5, 6]
    await write_transaction(db, lambda tx: service.move_cursor(tx, "google", 6))
    await write_transaction(db, lambda tx: service.move_cursor(tx, "push", 6))
    assert await service.forget_old(db, NOON) == 2


async def test_numbers_go_on_after_all_old_updates_are_forgotten(db):
    bed = await make_bed(db)
    for _ in range(3):
        await change(db, bed)
    await write_transaction(db, lambda tx: service.move_cursor(tx, "push", 3))
    assert await service.forget_old(db, NOON + timedelta(days=400)) == 2
    await change(db, bed)
    assert await service.newest(db) == 4 and await service.newest_of(db, bed.card_id) == 4
