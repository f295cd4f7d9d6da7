"""The faults of the stock SQLite backend, and what is ours alone there."""
import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.db import TooSlow, Transaction, WriterBusy, forbidden_constraints, open_database, write_transaction
from app.errors import SettingsError, Unavailable
from tests import engines
from tests.db.ledger import add, create, kept, write_entry

Open = Callable[..., object]
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000) SELECT max(i) FROM n"
HOLD_LOCK = """
import select, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
select.select([sys.stdin], [], [], float(sys.argv[2]))
connection.execute("ROLLBACK")
print("free", flush=True)
"""


async def hold_lock(path: str, seconds: float) -> asyncio.subprocess.Process:
    """Another process that holds the write lock, until its input ends or `seconds` are over."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD_LOCK, path, str(seconds),
                                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    return process


async def test_pragmas_hold_for_every_connection_and_every_statement(lite: Open):
    db = await lite()
    names = ("journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint", "mmap_size")
    expected = ["wal", 2, 1, 4000, 0]

    async def read(where: object) -> list[object]:
        return [await where.fetch_val(f"PRAGMA {name}") for name in names]
    for _ in range(3):
        assert await write_transaction(db, read) == expected
        assert await read(db) == expected
        async with db.transaction(readonly=True) as report:
            assert await read(report) == expected
    assert [await write_transaction(db, lambda tx: tx.fetch_val("PRAGMA query_only")), await db.fetch_val("PRAGMA query_only")] == [0, 1]


async def test_values_go_in_by_their_names_and_come_back_as_they_were(lite: Open):
    db = await lite()

    async def act(tx: Transaction) -> list[object]:
        row = await tx.fetch_one("SELECT :b, ':a', :a, :none, :bytes, :a + 1", {"a": 1, "b": "б", "none": None, "bytes": b"\0:a"})
        await tx.execute_many("CREATE TABLE IF NOT EXISTS pairs(a, b)", [{}])
        await tx.execute_many("INSERT INTO pairs VALUES (:a, :b)", [{"b": 2, "a": 1}, {"a": None, "b": b"\1"}])
        return [*row, *[tuple(pair) for pair in await tx.fetch_all("SELECT a, b FROM pairs")]]
    assert await write_transaction(db, act) == ["б", ":a", 1, None, b"\0:a", 2, (1, 2), (None, b"\1")]


async def test_statements_open_no_connections_and_one_thread_serves_all_commits(lite: Open, monkeypatch: pytest.MonkeyPatch):
    db = await lite()
    threads = threading.active_count()
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: pytest.fail("a connection was opened"))
    for i in range(50):
        await add(db, f"n{i}")
        await db.fetch_one("SELECT 1")
    assert threading.active_count() == threads


async def test_foreign_keys_are_enforced(lite: Open):
    db = await lite()
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        await db.execute("INSERT INTO entry (name, account_id, points) VALUES ('x', 777, 1)")


async def test_a_commit_that_fails_leaves_no_transaction_open(lite: Open):
    db = await lite()
    await db.execute("CREATE TABLE child (account_id BIGINT REFERENCES account(id) DEFERRABLE INITIALLY DEFERRED)")
    for _ in range(3):
        with pytest.raises(Unavailable):
            await write_transaction(db, lambda tx: tx.execute("INSERT INTO child VALUES (4242)"))
    assert not db._backend.writer.connection.in_transaction
    assert await asyncio.create_task(add(db, "next")) == "next"


@pytest.mark.goal("F10")
async def test_a_lock_held_by_another_process_is_waited_for_without_stopping_the_loop(lite: Open):
    db = await lite()
    process = await hold_lock(db.url.database, 0.5)
    write, ticks = asyncio.create_task(add(db, "x")), 0
    while not write.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert await write == "x" and ticks > 20
    assert process.stdout is not None and await process.stdout.readline() == b"free\n"
    await process.communicate()


@pytest.mark.goal("F10")
async def test_a_lock_held_longer_than_the_limit_is_answered_503_while_reads_go_on(lite: Open):
    db = await lite(wait_seconds=0.15)
    process = await hold_lock(db.url.database, 20)
    writes = [asyncio.create_task(add(db, f"n{i}")) for i in range(5)]
    ticks = 0
    while not all(write.done() for write in writes):
        assert await db.fetch_val("SELECT count(*) FROM entry") == 0
        await asyncio.sleep(0.005)
        ticks += 1
    for write in writes:
        with pytest.raises(WriterBusy):
            await write
    assert ticks > 10
    await process.communicate(b"go")
    assert await add(db, "afterwards") == "afterwards" and await kept(db) == {"afterwards"}


async def test_a_look_up_that_does_not_end_is_stopped(lite: Open):
    db = await lite(look_up_seconds=0.05)
    with pytest.raises(TooSlow):
        await db.fetch_one(ENDLESS)
    assert await db.fetch_val("SELECT 1") == 1


async def test_a_report_that_does_not_end_is_stopped_in_its_thread_while_the_loop_runs_on(lite: Open):
    db = await lite(report_seconds=0.2)
    ticks = 0

    async def report() -> None:
        async with db.transaction(readonly=True) as tx:
            await tx.fetch_one(ENDLESS)
    task = asyncio.create_task(report())
    while not task.done():
        await asyncio.sleep(0.005)
        ticks += 1
    with pytest.raises(TooSlow):
        await task
    assert ticks > 1


async def test_a_cancelled_report_gives_its_connection_back_at_once(lite: Open):
    db = await lite(wait_seconds=1.0)
    for _ in range(5):
        async def report() -> None:
            async with db.transaction(readonly=True) as tx:
                begun.set()
                await tx.fetch_one(ENDLESS)
        begun = asyncio.Event()
        task = asyncio.create_task(report())
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()                                  # again, while it is being given back
        with pytest.raises(asyncio.CancelledError):
            await task
    async with db.transaction(readonly=True) as tx:
        assert await tx.fetch_val("SELECT 1") == 1


async def test_more_reports_than_connections_wait_and_then_are_refused(lite: Open):
    db = await lite(reports=1, wait_seconds=0.05)
    async with db.transaction(readonly=True):
        async def second() -> None:
            async with db.transaction(readonly=True):
                pytest.fail("there is one connection")
        with pytest.raises(WriterBusy):
            await asyncio.create_task(second())


@pytest.mark.parametrize("text", ["COMMIT", " begin immediate", "-- x\nROLLBACK", "/* x */ SAVEPOINT a", "ATTACH 'x' AS y", "VACUUM",
                                  "INSERT OR ROLLBACK INTO account VALUES (2, 2)", "RELEASE root", "END"])
async def test_what_belongs_to_the_backend_is_refused_as_text(lite: Open, text: str):
    db = await lite()
    with pytest.raises(ValueError, match="belongs to the backend"):
        await db.execute(text)
    with pytest.raises(ValueError, match="belongs to the backend"):
        await write_transaction(db, lambda tx: tx.execute(text))
    assert await kept(db) == set()


async def test_a_slow_statement_on_the_writer_is_logged(lite: Open, caplog: pytest.LogCaptureFixture):
    db = await lite()
    slow = ENDLESS.replace("1000000000", "400000")
    await write_transaction(db, lambda tx: tx.fetch_val(slow))
    assert "ms on the writer" in caplog.text and "RECURSIVE" in caplog.text


@pytest.mark.parametrize(("statement", "finding"), [
    ("CREATE TABLE c (a BIGINT REFERENCES account(id) DEFERRABLE INITIALLY DEFERRED)", "c: the table is deferrable"),
    ("CREATE TABLE c (a TEXT UNIQUE ON CONFLICT ROLLBACK)", "c: the table has a ROLLBACK or FAIL clause"),
    ("CREATE TRIGGER c BEFORE DELETE ON entry BEGIN SELECT RAISE(ROLLBACK, 'no'); END", "c: the trigger raises something else than ABORT"),
    ("CREATE TRIGGER c BEFORE DELETE ON entry BEGIN SELECT raise ( FAIL, 'no'); END", "c: the trigger raises something else than ABORT"),
    ("CREATE TRIGGER c BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'no ROLLBACK'); END", None),
    ("CREATE TABLE c (a TEXT CHECK (a <> 'DEFERRABLE'), b BIGINT REFERENCES account(id) NOT DEFERRABLE)", None),
])
async def test_the_schema_check_names_what_could_undo_the_work_of_others(lite: Open, statement: str, finding: str | None):
    db = await lite()
    assert await forbidden_constraints(db) == []
    await db.execute(statement)
    assert await forbidden_constraints(db) == ([finding] if finding else [])


async def test_closing_ends_the_open_batch_and_undoes_a_body_that_is_stuck(tmp_path: Path):
    url = engines.sqlite_url(tmp_path)
    db = open_database(url, wait_seconds=0.2, body_seconds=5)
    await db.connect()
    await create(db)
    entered = asyncio.Event()

    async def stuck(tx: Transaction) -> None:
        await tx.execute("UPDATE account SET balance = 99")
        entered.set()
        await asyncio.Event().wait()
    done, held = asyncio.create_task(add(db, "x")), asyncio.create_task(write_transaction(db, stuck))
    await entered.wait()
    await db.disconnect()
    assert await done == "x"
    with pytest.raises(WriterBusy):
        await held
    async with open_database(url) as again:
        assert await kept(again) == {"x"}


async def test_closing_lets_the_running_body_end_and_refuses_those_who_wait(tmp_path: Path):
    url = engines.sqlite_url(tmp_path)
    db = open_database(url)
    await db.connect()
    await create(db)
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def act(tx: Transaction) -> None:
        entered.set()
        await go_on.wait()
        await write_entry(tx, "running")
    running = asyncio.create_task(write_transaction(db, act))
    await entered.wait()
    waiting = [asyncio.create_task(add(db, f"n{i}")) for i in range(3)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(db.disconnect())
    await asyncio.sleep(0)
    go_on.set()
    answers = await asyncio.gather(running, *waiting, closing, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), WriterBusy, WriterBusy, WriterBusy, type(None)]
    async with open_database(url) as again:
        assert await kept(again) == {"running"}


async def test_a_database_opened_for_reading_refuses_to_write(tmp_path: Path):
    url = engines.sqlite_url(tmp_path)
    async with open_database(url) as db:
        await create(db)
        async with open_database(url, readonly=True) as beside:
            assert await beside.fetch_val("SELECT count(*) FROM account") == 1
            with pytest.raises(Unavailable):
                await add(beside, "x")
            assert await add(db, "x") == "x" and await kept(beside) == {"x"}


async def test_a_file_that_cannot_be_written_is_read_but_answered_503_for_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with open_database(engines.sqlite_url(tmp_path)) as db:
        await create(db)
        db._backend.writer.connection.execute("PRAGMA query_only = ON").close()      # what a read-only mount answers: SQLITE_READONLY
        with pytest.raises(Unavailable) as told:
            await add(db, "x")
        assert told.value.code == "cannot_write" and await kept(db) == set()


def test_addresses_that_mean_no_file_or_no_engine_are_refused_with_a_sentence():
    for url in ("sqlite://", "sqlite:///:memory:", "mysql://x/y", "tessera.db"):
        with pytest.raises(SettingsError, match="sqlite:///"):
            open_database(url)


def test_a_process_that_never_disconnects_still_ends(tmp_path: Path):
    program = """
import asyncio, sys
from app.db import open_database
async def leak():
    db = open_database(sys.argv[1])
    await db.connect()
    async with db.transaction(readonly=True):
        await db.fetch_one("SELECT 1")
    await db.execute("CREATE TABLE t (a TEXT)")
    await db.transaction()
    return db
kept = asyncio.run(leak())
"""
    subprocess.run([sys.executable, "-c", program, engines.sqlite_url(tmp_path)], timeout=15, check=True, cwd=Path(__file__).parents[2])
