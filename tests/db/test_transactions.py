"""What both engines promise."""
import asyncio
import random

import pytest

from app.db import Database, Transaction, WriterBusy, open_database, write_transaction
from app.db.transaction import Over
from app.errors import Unavailable
from tests.db.ledger import Broken, add, kept, write_entry


async def test_two_hundred_concurrent_read_modify_writes_lose_nothing(opened: Database):
    await asyncio.gather(*[add(opened, f"n{i}", pause=i % 7 == 0) for i in range(200)])
    assert len(await kept(opened)) == 200


async def test_transactions_that_raise_keep_nothing_and_disturb_nobody(opened: Database):
    answers = await asyncio.gather(*[add(opened, f"n{i}", fail=i % 5 == 0, pause=i % 3 == 0) for i in range(200)],
                                   return_exceptions=True)
    assert [str(answer) for answer in answers if isinstance(answer, Broken)] == [f"n{i}" for i in range(0, 200, 5)]
    assert await kept(opened) == {answer for answer in answers if isinstance(answer, str)}


async def test_cancelling_hundreds_of_transactions_at_random_moments_leaks_nothing(opened: Database):
    rounds = 340 if opened.engine == "sqlite" else 60
    told: set[str] = set()
    for i in range(rounds):
        tasks = [asyncio.create_task(add(opened, f"n{i}-{j}", pause=j == 1)) for j in range(3)]
        await asyncio.sleep(random.random() * 0.003)
        for task in tasks:
            task.cancel()
        told |= {answer for answer in await asyncio.gather(*tasks, return_exceptions=True) if isinstance(answer, str)}
    await asyncio.wait_for(add(opened, "afterwards"), 2)
    assert told | {"afterwards"} <= await kept(opened)


async def test_execute_tells_no_change_from_a_change_only_by_returning(opened: Database):
    async def act(tx: Transaction) -> list[object]:
        await tx.execute("INSERT INTO entry (name, account_id, points) VALUES ('there', 1, 0)")
        return [
            await tx.execute("UPDATE account SET balance = 5 WHERE id = 999"),
            await tx.execute("INSERT INTO entry (name, account_id, points) VALUES ('there', 1, 0) ON CONFLICT DO NOTHING"),
            await tx.execute("INSERT INTO entry (name, account_id, points) VALUES ('there', 1, 0) ON CONFLICT DO NOTHING RETURNING name"),
            await tx.execute("INSERT INTO entry (name, account_id, points) VALUES ('new', 1, 0) ON CONFLICT DO NOTHING RETURNING name"),
            await tx.fetch_one("SELECT name FROM entry WHERE name = :name", {"name": "nobody"}),
        ]
    assert await write_transaction(opened, act) == [None, None, None, "new", None]


async def test_rows_are_read_by_name_and_by_index(opened: Database):
    row = await opened.fetch_one("SELECT id, balance AS points FROM account")
    assert (row["points"], row[1], dict(row), list(row.keys())) == (0, 0, {"id": 1, "points": 0}, ["id", "points"])
    assert await opened.fetch_val("SELECT id, balance FROM account", column="balance") == 0


async def test_execute_many_keeps_all_or_none(opened: Database):
    many = "INSERT INTO entry (name, account_id, points) VALUES (:name, 1, :points)"
    await opened.execute_many(many, [{"name": f"n{i}", "points": 0} for i in range(30)])
    with pytest.raises(Exception, match=r"(?i)unique"):
        await opened.execute_many(many, [{"name": "fresh", "points": 0}, {"name": "n0", "points": 0}])
    assert await kept(opened) == {f"n{i}" for i in range(30)}


async def test_a_nested_transaction_undoes_only_itself(opened: Database):
    async def act(tx: Transaction) -> None:
        await write_entry(tx, "outer")
        with pytest.raises(Broken):
            await inner(tx)
        async with tx.transaction():
            await write_entry(tx, "second")

    async def inner(tx: Transaction) -> None:
        async with tx.transaction():
            await write_entry(tx, "inner", 100)
            async with opened.transaction():
                await opened.execute("UPDATE account SET balance = 0 WHERE id = 1")
            raise Broken
    await write_transaction(opened, act)
    assert await kept(opened) == {"outer", "second"}


async def test_a_decorated_function_gets_a_transaction_of_its_own_in_every_task(opened: Database):
    @opened.transaction()
    async def work(i: int) -> None:
        await write_entry(opened, f"n{i}")  # type: ignore[arg-type]
        if i % 2:
            raise Broken
    await asyncio.gather(*[work(i) for i in range(20)], return_exceptions=True)
    assert await kept(opened) == {f"n{i}" for i in range(0, 20, 2)}


async def test_a_transaction_by_hand_is_kept_by_commit_and_undone_by_rollback(opened: Database):
    kept_one = await opened.transaction()
    await write_entry(opened, "kept")  # type: ignore[arg-type]
    await kept_one.commit()
    undone = await opened.transaction()
    await write_entry(opened, "undone")  # type: ignore[arg-type]
    await undone.rollback()
    async with opened.transaction(force_rollback=True):
        await write_entry(opened, "tried")  # type: ignore[arg-type]
    assert await kept(opened) == {"kept"}


async def test_callbacks_run_once_and_only_for_what_was_kept(opened: Database):
    heard: list[str] = []

    async def act(tx: Transaction) -> None:
        tx.after_commit(lambda: heard.append("outer"))
        with pytest.raises(Broken):
            await undone_savepoint(tx)
        async with tx.transaction():
            tx.after_commit(lambda: heard.append("inner"))
        assert heard == []

    async def undone_savepoint(tx: Transaction) -> None:
        async with tx.transaction():
            tx.after_commit(lambda: heard.append("undone savepoint"))
            raise Broken

    async def failing(tx: Transaction) -> None:
        tx.after_commit(lambda: heard.append("undone"))
        raise Broken

    await write_transaction(opened, act)
    with pytest.raises(Broken):
        await write_transaction(opened, failing)
    assert heard == ["outer", "inner"]


async def test_a_callback_that_fails_harms_neither_its_caller_nor_the_next(opened: Database, caplog: pytest.LogCaptureFixture):
    heard: list[str] = []

    async def act(tx: Transaction) -> str:
        tx.after_commit(lambda: 1 // 0)
        tx.after_commit(lambda: heard.append("next"))
        return "told"
    assert await write_transaction(opened, act) == "told"
    assert heard == ["next"] and "ZeroDivisionError" in caplog.text


async def test_a_body_that_awaits_something_else_is_cut_off_and_its_caller_told(engine_url: str):
    async with open_database(engine_url, body_seconds=0.1) as db:
        await db.execute("CREATE TABLE seen (name TEXT)")

        async def act(tx: Transaction) -> None:
            await tx.execute("INSERT INTO seen VALUES ('x')")
            await asyncio.Event().wait()
        with pytest.raises(Unavailable) as told:
            await write_transaction(db, act)
        assert told.value.code == "cannot_write"
        assert asyncio.current_task().cancelling() == 0
        await db.execute("INSERT INTO seen VALUES ('next')")
        assert [row["name"] for row in await db.fetch_all("SELECT name FROM seen")] == ["next"]


async def test_a_body_that_ignores_its_cut_off_can_write_nothing_more(engine_url: str):
    async with open_database(engine_url, body_seconds=0.05) as db:
        await db.execute("CREATE TABLE seen (name TEXT)")
        refused = []

        async def act(tx: Transaction) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                with pytest.raises(WriterBusy):
                    await tx.execute("INSERT INTO seen VALUES ('late')")
                refused.append(True)
        with pytest.raises(WriterBusy):
            await write_transaction(db, act)
        assert refused and await db.fetch_val("SELECT count(*) FROM seen") == 0


async def test_a_cancelled_caller_stays_cancelled_although_the_body_was_cut_off_too(engine_url: str):
    async with open_database(engine_url, body_seconds=0.05) as db:
        reached = asyncio.Event()

        async def act(tx: Transaction) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                reached.set()
                await asyncio.Event().wait()           # until the second cancellation
        caller = asyncio.create_task(write_transaction(db, act))
        await reached.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert await db.fetch_val("SELECT 1") == 1


async def test_a_child_task_may_use_the_open_transaction(opened: Database):
    async def act(tx: Transaction) -> list[object]:
        await write_entry(tx, "x")
        return await asyncio.gather(*[tx.fetch_val("SELECT count(*) FROM entry") for _ in range(5)])
    assert await write_transaction(opened, act) == [1] * 5


async def test_a_look_up_of_another_task_sees_nothing_that_is_not_committed(opened: Database):
    async def act(tx: Transaction) -> object:
        await write_entry(tx, "x")
        assert await opened.fetch_val("SELECT count(*) FROM entry") == 1      # the same task: the same transaction
        return await asyncio.create_task(opened.fetch_val("SELECT count(*) FROM entry"))
    assert await write_transaction(opened, act) == 0


async def test_a_transaction_inside_a_transaction_is_refused_as_a_mistake(opened: Database):
    async def act(tx: Transaction) -> None:
        await write_transaction(opened, lambda tx: tx.execute("UPDATE account SET balance = 7"))
    with pytest.raises(RuntimeError, match="hand the open one on"):
        await write_transaction(opened, act)
    assert await kept(opened) == set()


async def test_a_transaction_that_an_act_kept_can_no_longer_be_used(opened: Database):
    kept_tx: list[Transaction] = []

    async def act(tx: Transaction) -> None:
        kept_tx.append(tx)
    await write_transaction(opened, act)
    with pytest.raises(Over):
        await kept_tx[0].execute("UPDATE account SET balance = 7")
    with pytest.raises(Over):
        await kept_tx[0].fetch_one("SELECT 1")
    assert await kept(opened) == set()


async def test_a_report_sees_one_moment_and_waits_for_nobody(opened: Database):
    async with opened.transaction(readonly=True) as report:
        before = await report.fetch_val("SELECT count(*) FROM entry")
        await asyncio.create_task(add(opened, "beside"))
        assert await report.fetch_val("SELECT count(*) FROM entry") == before == 0
        assert [row["id"] async for row in report.iterate("SELECT id FROM account WHERE id = :id", {"id": 1})] == [1]
    assert await kept(opened) == {"beside"}


async def test_a_report_cannot_write(opened: Database):
    with pytest.raises((ValueError, Unavailable)):
        async with opened.transaction(readonly=True) as report:
            await report.fetch_one("UPDATE account SET balance = 9 RETURNING id")
    assert await kept(opened) == set()


async def test_a_report_that_takes_too_long_is_stopped(engine_url: str):
    async with open_database(engine_url, report_seconds=0.1) as db:
        for _ in range(4):                             # more than there are connections for reports: none is lost
            with pytest.raises(Unavailable) as told:
                async with db.transaction(readonly=True):
                    await asyncio.Event().wait()
            assert told.value.code == "too_slow"
        async with db.transaction(readonly=True) as report:
            assert await report.fetch_val("SELECT 1") == 1


async def test_iterating_outside_a_transaction_reads_a_snapshot(opened: Database):
    await asyncio.gather(*[add(opened, f"n{i}") for i in range(20)])
    names = set()
    async for row in opened.iterate("SELECT name FROM entry"):
        names.add(row["name"])
        await asyncio.create_task(add(opened, f"later {row['name']}"))
    assert names == {f"n{i}" for i in range(20)}


async def test_those_who_listen_are_woken_after_the_commit_and_not_for_what_was_undone(opened: Database):
    woken = asyncio.Event()
    seen: list[bool] = []
    await opened.listen("news", lambda: (seen.append(True), woken.set()))

    async def act(tx: Transaction) -> None:
        tx.notify("news")
        assert not seen
        raise Broken
    with pytest.raises(Broken):
        await write_transaction(opened, act)

    async def good(tx: Transaction) -> None:
        tx.notify("other")
        tx.notify("news")
        tx.notify("news")
    assert not seen
    await write_transaction(opened, good)
    await asyncio.wait_for(woken.wait(), 5)
    assert 1 <= len(seen) <= 2


async def test_the_engine_is_named_on_database_and_transaction(opened: Database):
    async def act(tx: Transaction) -> str:
        return tx.engine
    assert await write_transaction(opened, act) == opened.engine in ("sqlite", "postgresql")
    assert (await opened.engine_version())[0].isdigit()


async def test_a_unique_violation_reaches_the_caller_as_it_is(opened: Database):
    await add(opened, "x")
    with pytest.raises(Exception, match=r"(?i)unique") as error:
        await add(opened, "x")
    assert not isinstance(error.value, Unavailable) and len(await kept(opened)) == 1
