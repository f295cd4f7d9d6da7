"""The rules of a batch on SQLite (docs/design: each is a test)."""
import asyncio
import sqlite3
from collections.abc import Callable

import pytest

from app.db import CommitFailed, Database, Transaction, WriterBusy, write_transaction
from app.errors import Refused, Unavailable
from tests.db.conftest import Commits
from tests.db.ledger import Broken, add, kept, write_entry

Open = Callable[..., object]


def io_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR if hasattr(sqlite3, "SQLITE_IOERR") else 10
    return error


async def balance(db: Database) -> int:
    return await db.fetch_val("SELECT balance FROM account WHERE id = 1")


async def test_transactions_run_one_after_another_and_are_never_interleaved(lite: Open):
    db = await lite()
    steps: list[tuple[str, int]] = []

    async def work(i: int) -> None:
        async def act(tx: Transaction) -> None:
            steps.append(("in", i))
            await write_entry(tx, f"n{i}", between=lambda: asyncio.sleep(0))
            await asyncio.sleep(0)
            steps.append(("out", i))
        await write_transaction(db, act)
    await asyncio.gather(*[work(i) for i in range(50)])
    assert steps == [(what, i) for i in range(50) for what in ("in", "out")]        # in the order of their arrival
    assert len(await kept(db)) == 50


async def test_those_who_are_ready_share_one_commit(lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    counted = commits(db)
    await asyncio.gather(*[add(db, f"n{i}") for i in range(60)])
    assert counted.count <= 2 and len(await kept(db)) == 60


async def test_everybody_is_answered_after_the_commit_also_who_only_read_or_was_refused(
        lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    counted = commits(db)

    async def refuse(tx: Transaction) -> None:
        raise Refused(f"there are {await tx.fetch_val('SELECT count(*) FROM entry')}")
    with counted.held():
        writer = asyncio.create_task(add(db, "x"))
        reader = asyncio.create_task(write_transaction(db, lambda tx: tx.fetch_val("SELECT count(*) FROM entry")))
        refused = asyncio.create_task(write_transaction(db, refuse))
        await counted.reached()
        assert not writer.done() and not reader.done() and not refused.done()
        assert await balance(db) == 0                  # nor does anybody else see it
    assert (await writer, await reader) == ("x", 1)
    with pytest.raises(Refused, match="there are 1"):
        await refused


async def test_who_is_refused_on_durable_rows_alone_need_not_wait(lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    counted = commits(db)
    counted.failures.append(io_error())
    with pytest.raises(Broken):
        await add(db, "x", fail=True)                  # the batch's COMMIT fails, and concerns nobody
    assert await kept(db) == set()


async def test_a_refusal_that_rests_on_what_was_not_kept_is_judged_again(lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    await add(db, "start", 10)
    counted = commits(db)
    counted.failures += [io_error(), io_error()]       # for who spends: undone, and undone again

    async def spend(name: str) -> str:
        async def act(tx: Transaction) -> str:
            if await tx.fetch_val("SELECT balance FROM account WHERE id = 1") < 10:
                raise Refused
            await write_entry(tx, name, -10)
            return name
        return await write_transaction(db, act)
    answers = await asyncio.gather(spend("first"), spend("second"), return_exceptions=True)
    assert isinstance(answers[0], CommitFailed) and answers[1] == "second"
    assert await kept(db) == {"start", "second"}


async def test_a_commit_that_fails_once_is_repeated_for_all_of_the_batch(lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    counted = commits(db)
    counted.failures.append(io_error())
    assert await asyncio.gather(*[add(db, f"n{i}") for i in range(10)]) == [f"n{i}" for i in range(10)]
    assert len(await kept(db)) == 10


async def test_a_commit_that_fails_twice_answers_that_nothing_was_kept(lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    counted = commits(db)
    counted.failures += [io_error() for _ in range(5)]
    answers = await asyncio.gather(*[add(db, f"n{i}") for i in range(4)], return_exceptions=True)
    assert [type(answer) for answer in answers] == [CommitFailed] * 4
    assert {answer.code for answer in answers} == {"cannot_write"}
    assert await kept(db) == set() and await add(db, "afterwards") == "afterwards"


async def test_a_key_that_fails_at_the_commit_fails_its_own_transaction_alone(lite: Open):
    db = await lite()
    await db.execute("CREATE TABLE child (account_id BIGINT REFERENCES account(id) DEFERRABLE INITIALLY DEFERRED)")
    culprit = write_transaction(db, lambda tx: tx.execute("INSERT INTO child VALUES (4242)"))
    answers = await asyncio.gather(*[add(db, f"n{i}") if i != 7 else culprit for i in range(20)], return_exceptions=True)
    assert [i for i, answer in enumerate(answers) if isinstance(answer, Exception)] == [7]
    assert isinstance(answers[7], CommitFailed)
    assert len(await kept(db)) == 19 and await db.fetch_val("SELECT count(*) FROM child") == 0


async def test_a_rollback_of_sqlite_itself_is_repeated_for_the_others_and_writes_nothing_outside(lite: Open):
    db = await lite()
    await db.execute("CREATE TABLE hard (name TEXT UNIQUE ON CONFLICT ROLLBACK)")

    async def swallow(tx: Transaction) -> None:
        await tx.execute("INSERT INTO hard VALUES ('a')")
        try:
            await tx.execute("INSERT INTO hard VALUES ('a')")      # SQLite undoes the whole batch
        except (Unavailable, sqlite3.IntegrityError):
            await tx.execute("INSERT INTO hard VALUES ('must not be kept')")
    answers = await asyncio.gather(*[add(db, f"n{i}") if i != 5 else write_transaction(db, swallow) for i in range(10)],
                                   return_exceptions=True)
    assert [i for i, answer in enumerate(answers) if isinstance(answer, Exception)] == [5]
    assert isinstance(answers[5], CommitFailed)
    assert len(await kept(db)) == 9 and await db.fetch_val("SELECT count(*) FROM hard") == 0


async def test_a_full_database_answers_503_and_works_again_afterwards(lite: Open):
    db = await lite()
    pages = await db.fetch_val("PRAGMA page_count")
    told: set[str] = set()
    for turn in range(3):
        await write_transaction(db, lambda tx: tx.execute(f"PRAGMA max_page_count = {pages + 40}"))
        answers: list[object] = []
        for wave in range(6):
            answers += await asyncio.gather(*[add(db, f"{turn}-{wave}-{i}", pad="x" * 9000) for i in range(8)], return_exceptions=True)
        refused = [answer for answer in answers if not isinstance(answer, str)]
        assert refused and all(isinstance(answer, Unavailable) and answer.code == "cannot_write" for answer in refused)
        told |= {answer for answer in answers if isinstance(answer, str)}
        assert await kept(db) == told                  # reads go on, and what was told is there
        await write_transaction(db, lambda tx: tx.execute("PRAGMA max_page_count = 1000000"))
        told.add(await add(db, f"{turn}-again", pad="x" * 9000))
        pages = await db.fetch_val("PRAGMA page_count")
    assert await kept(db) == told


async def test_nothing_touches_the_writer_while_a_commit_is_in_its_thread(lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    counted = commits(db)
    statements: list[str] = []
    with counted.held():
        first = asyncio.create_task(add(db, "first"))
        await counted.reached()
        counted.writer.connection.set_trace_callback(statements.append)
        others = [asyncio.create_task(add(db, f"n{i}")) for i in range(5)]
        gone = asyncio.create_task(add(db, "gone"))
        await asyncio.sleep(0)
        gone.cancel()
        for _ in range(20):
            assert await balance(db) == 0              # look-ups go on
            await asyncio.sleep(0)
        assert statements == []
    await asyncio.gather(first, *others)
    assert await kept(db) == {"first", *[f"n{i}" for i in range(5)]}


async def test_a_child_task_cannot_write_after_its_body_has_ended(lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    counted = commits(db)
    children: list[asyncio.Task[object]] = []

    async def act(tx: Transaction) -> None:
        await write_entry(tx, "x")
        children.append(asyncio.create_task(tx.execute("UPDATE account SET balance = 99")))
    with counted.held():
        caller = asyncio.create_task(write_transaction(db, act))
        await counted.reached()
        with pytest.raises(RuntimeError, match="has ended"):
            await children[0]
    await caller
    assert await balance(db) == 1


async def test_callbacks_run_after_the_commit_and_before_the_answer(lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    counted = commits(db)
    heard: list[str] = []

    async def act(tx: Transaction) -> None:
        await write_entry(tx, "x")
        tx.after_commit(lambda: heard.append("kept"))
    with counted.held():
        caller = asyncio.create_task(write_transaction(db, act))
        caller.add_done_callback(lambda _: heard.append("told"))
        await counted.reached()
        assert heard == []
    await caller
    assert heard == ["kept", "told"]


async def test_callbacks_of_a_refused_member_of_a_batch_never_run(lite: Open):
    db = await lite()

    async def act(tx: Transaction) -> None:
        tx.after_commit(lambda: heard.append("refused"))
        raise Refused
    heard: list[str] = []
    answers = await asyncio.gather(add(db, "x"), write_transaction(db, act), add(db, "y"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [str, Refused, str] and heard == []


async def test_callbacks_of_a_repeated_transaction_run_once(lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    commits(db).failures.append(io_error())
    heard: list[int] = []
    runs: list[int] = []

    async def act(tx: Transaction) -> None:
        runs.append(len(runs))
        run = runs[-1]
        tx.after_commit(lambda: heard.append(run))
        await write_entry(tx, "x")
    await write_transaction(db, act)
    assert (runs, heard) == ([0, 1], [1])


async def test_a_caller_cancelled_at_the_commit_leaves_its_rows_and_callbacks_to_the_batch(
        lite: Open, commits: Callable[[Database], Commits]):
    db = await lite()
    counted = commits(db)
    heard: list[str] = []

    async def act(tx: Transaction) -> None:
        await write_entry(tx, "x")
        tx.after_commit(lambda: heard.append("kept"))
    with counted.held():
        caller = asyncio.create_task(write_transaction(db, act))
        await counted.reached()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert heard == []
    await add(db, "next")
    assert heard == ["kept"] and await kept(db) == {"x", "next"}


async def test_a_caller_cancelled_just_as_its_turn_comes_hands_it_on(lite: Open):
    db = await lite()
    waiting: list[asyncio.Task[str]] = []

    async def act(tx: Transaction) -> None:
        waiting.extend(asyncio.create_task(add(db, name)) for name in ("gone", "next"))
        await asyncio.sleep(0)                         # both wait for their turns now
        asyncio.get_running_loop().call_soon(waiting[0].cancel)
    await write_transaction(db, act)
    assert await asyncio.wait_for(waiting[1], 2) == "next"
    assert waiting[0].cancelled() and await kept(db) == {"next"}


async def test_a_body_that_is_cut_off_takes_nobody_with_it(lite: Open):
    db = await lite(body_seconds=0.05)

    async def stuck(tx: Transaction) -> None:
        await write_entry(tx, "stuck")
        await asyncio.Event().wait()
    answers = await asyncio.gather(add(db, "before"), write_transaction(db, stuck), add(db, "after"), return_exceptions=True)
    assert (answers[0], answers[2]) == ("before", "after") and isinstance(answers[1], WriterBusy)
    assert await kept(db) == {"before", "after"}


async def test_who_waits_for_the_writer_longer_than_the_limit_is_refused_in_turn(lite: Open):
    db = await lite(body_seconds=0.3, wait_seconds=0.1)

    async def stuck(tx: Transaction) -> None:
        await asyncio.Event().wait()
    answers = await asyncio.gather(write_transaction(db, stuck), *[add(db, f"n{i}") for i in range(5)], return_exceptions=True)
    assert [type(answer) for answer in answers] == [WriterBusy] * 6
    assert await kept(db) == set() and await add(db, "free") == "free"


async def test_a_child_task_with_a_transaction_of_its_own_is_refused_not_hung(lite: Open):
    db = await lite(wait_seconds=0.1)

    async def act(tx: Transaction) -> None:
        await write_entry(tx, "parent")
        with pytest.raises(WriterBusy):
            await asyncio.create_task(add(db, "child"))
    await write_transaction(db, act)
    assert await kept(db) == {"parent"}
