import asyncio
from datetime import timedelta

import pytest

from app.db import open_database, write_transaction
from app.idempotency import service
from app.idempotency.rules import Key, KeyInUse, KeyReused
from app.idempotency.service import Kept
from tests import engines
from tests.money import NOON, make_bed

KEY = Key("purchase-1", b"f" * 32)


async def once(db, business_id, key=KEY, now=NOON, answer=None):
    """One whole request: None where it worked, else what was kept."""
    async def act(tx):
        if kept := await service.claim(tx, business_id, key, now):
            return kept
        return await service.keep(tx, business_id, key, 201, answer or {"operation": 7})
    return await write_transaction(db, act)


async def test_the_same_request_gets_the_same_answer_again(db):
    bed = await make_bed(db)
    assert await once(db, bed.business_id) is None
    assert await once(db, bed.business_id, answer={"operation": 8}) == Kept(201, {"operation": 7})


async def test_the_answer_is_kept_for_thirty_days_and_no_longer(db):
    bed = await make_bed(db)
    await once(db, bed.business_id)
    assert await once(db, bed.business_id, now=NOON + timedelta(days=30)) == Kept(201, {"operation": 7})
    assert await once(db, bed.business_id, now=NOON + timedelta(days=30, seconds=1)) is None


async def test_another_request_under_the_same_key_is_refused(db):
    bed = await make_bed(db)
    await once(db, bed.business_id)
    with pytest.raises(KeyReused):
        await once(db, bed.business_id, Key(KEY.text, b"x" * 32))


async def test_the_key_of_another_business_is_another_key(db):
    bed, other = await make_bed(db), await make_bed(db, "leaf")
    await once(db, bed.business_id)
    assert await once(db, other.business_id) is None


async def test_a_failure_leaves_no_trace_of_the_key(db):
    bed = await make_bed(db)

    async def fails(tx):
        await service.claim(tx, bed.business_id, KEY, NOON)
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        await write_transaction(db, fails)
    assert await once(db, bed.business_id) is None


async def test_twins_that_come_together_make_one_effect(db):
    bed = await make_bed(db)
    answers = await asyncio.gather(*[once(db, bed.business_id) for _ in range(20)])
    assert answers.count(None) == 1
    assert [answer for answer in answers if answer] == [Kept(201, {"operation": 7})] * 19


async def test_on_postgresql_a_twin_that_takes_too_long_is_told_so():
    async with open_database(engines.new_postgres_url(engines.migrated_postgres()), wait_seconds=0.2) as db:
        bed, reached, go_on = await make_bed(db), asyncio.Event(), asyncio.Event()

        async def slow(tx):
            await service.claim(tx, bed.business_id, KEY, NOON)
            reached.set()
            await go_on.wait()
            await service.keep(tx, bed.business_id, KEY, 201, {})
        first = asyncio.create_task(write_transaction(db, slow))
        await reached.wait()
        with pytest.raises(KeyInUse) as refused:
            await once(db, bed.business_id)
        assert refused.value.retry_after == 1
        go_on.set()
        await first


async def test_old_keys_are_forgotten_and_young_ones_stay(db):
    bed = await make_bed(db)
    await once(db, bed.business_id, Key("old", b"f" * 32), NOON - timedelta(days=31))
    await once(db, bed.business_id)
    assert await service.forget_old(db, NOON) == 1
    assert [row["key"] for row in await db.fetch_all("SELECT key FROM idempotency_keys")] == [KEY.text]
