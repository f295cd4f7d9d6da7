"""What is PostgreSQL's alone."""
import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from app.db import (
    CommitFailed,
    Database,
    TooSlow,
    Transaction,
    Unreachable,
    WriterBusy,
    forbidden_constraints,
    open_database,
    postgresql,
    write_transaction,
)
from app.errors import Unavailable
from tests import engines
from tests.db.ledger import add, create, kept, write_entry

Open = Callable[..., object]


async def end_connections(db: Database, but: int = 0) -> None:
    """The server ends all connections to this database but its own and the one of process `but`."""
    await db.fetch_all("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                       "AND pid NOT IN (pg_backend_pid(), :but)", {"but": but})


async def test_the_short_spelling_of_the_address_is_accepted():
    async with open_database(engines.new_postgres_url().replace("postgresql://", "postgres://")) as db:
        assert (db.engine, await db.fetch_val("SELECT 1")) == ("postgresql", 1)


async def test_each_connection_has_its_limits(post: Open):
    db = await post(wait_seconds=5, statement_seconds=30)
    limits = [await db.fetch_val(f"SHOW {name}") for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")]
    assert limits == ["5s", "30s", "40s"]


async def test_a_serialisation_failure_runs_the_whole_act_again(post: Open):
    db = await post()
    heard: list[int] = []
    runs: list[int] = []

    async def act(tx: Transaction) -> None:
        runs.append(len(runs))
        run = runs[-1]
        tx.after_commit(lambda: heard.append(run))
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await tx.fetch_one("SELECT balance FROM account WHERE id = 1")
        if run < 2:                                    # somebody else changes what was read
            await asyncio.create_task(add(db, f"other{run}"))
        await tx.execute("UPDATE account SET balance = balance + 10 WHERE id = 1")
        await tx.execute("INSERT INTO entry (name, account_id, points) VALUES ('mine', 1, 10)")
    await write_transaction(db, act)
    assert (runs, heard) == ([0, 1, 2], [2])
    assert await kept(db) == {"other0", "other1", "mine"}


async def test_an_act_that_never_gets_through_gives_up_after_five_more_runs(post: Open):
    db = await post()
    runs: list[int] = []

    async def act(tx: Transaction) -> None:
        runs.append(1)
        await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
    with pytest.raises(Unavailable):
        await write_transaction(db, act)
    assert len(runs) == 6


async def test_two_transactions_in_each_others_way_both_get_through(post: Open):
    db = await post()
    await db.execute("INSERT INTO account (id, balance) VALUES (2, 0)")
    both = asyncio.Barrier(2)
    runs: list[int] = []

    def act(first: int, second: int) -> Callable[[Transaction], object]:
        async def act(tx: Transaction) -> None:
            runs.append(first)
            await tx.execute("UPDATE account SET balance = balance + 1 WHERE id = :id", {"id": first})
            if len(runs) <= 2:
                await both.wait()
            await tx.execute("UPDATE account SET balance = balance + 1 WHERE id = :id", {"id": second})
        return act
    await asyncio.gather(write_transaction(db, act(1, 2)), write_transaction(db, act(2, 1)))
    assert len(runs) >= 3 and [row["balance"] for row in await db.fetch_all("SELECT balance FROM account ORDER BY id")] == [2, 2]


async def test_who_waits_for_a_row_longer_than_the_limit_is_refused(post: Open):
    db = await post(wait_seconds=0.1)

    async def holder(tx: Transaction) -> None:
        await write_entry(tx, "holder")
        with pytest.raises(WriterBusy):
            await asyncio.create_task(add(db, "waiting"))
    await write_transaction(db, holder)
    assert await kept(db) == {"holder"}


async def test_more_transactions_than_connections_wait_and_then_are_refused(post: Open):
    db = await post(pool_max=1, wait_seconds=0.1)

    async def holder(tx: Transaction) -> None:
        with pytest.raises(WriterBusy):
            await asyncio.create_task(add(db, "waiting"))
    await write_transaction(db, holder)
    assert await add(db, "x") == "x"


async def test_waiting_for_a_statement_is_no_reason_to_be_cut_off(post: Open):
    db = await post(body_seconds=0.05)
    assert await write_transaction(db, lambda tx: tx.fetch_val("SELECT 7 FROM pg_sleep(0.2)")) == 7


async def test_a_statement_that_takes_too_long_is_stopped(post: Open):
    db = await post(statement_seconds=0.1)
    with pytest.raises(TooSlow):
        await db.fetch_one("SELECT pg_sleep(20)")
    assert await add(db, "x") == "x"


async def test_a_body_that_swallows_an_error_is_told_that_nothing_was_kept(post: Open):
    db = await post()

    async def act(tx: Transaction) -> None:
        await write_entry(tx, "x")
        with pytest.raises(asyncpg.UniqueViolationError):
            await write_entry(tx, "x")
        tx.after_commit(lambda: pytest.fail("nothing was kept"))
    with pytest.raises(CommitFailed):
        await write_transaction(db, act)
    assert await kept(db) == set()


async def test_a_key_that_fails_at_the_commit_leaves_no_connection_behind(post: Open):
    db = await post(pool_max=2)
    await db.execute("CREATE TABLE child (account_id BIGINT REFERENCES account(id) DEFERRABLE INITIALLY DEFERRED)")
    for _ in range(5):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await write_transaction(db, lambda tx: tx.execute("INSERT INTO child VALUES (4242)"))
    assert await add(db, "next") == "next"
    assert await forbidden_constraints(db) == ["child: the constraint child_account_id_fkey is deferrable"]


async def test_a_connection_that_is_lost_fails_its_transaction_and_no_later_one(post: Open):
    db = await post(pool_max=3)

    async def act(tx: Transaction) -> None:
        await write_entry(tx, "lost")
        await asyncio.create_task(end_connections(db))
        await tx.execute("UPDATE account SET balance = 5")
    with pytest.raises(Unreachable) as told:
        await write_transaction(db, act)
    assert told.value.code == "cannot_write"
    assert await add(db, "next") == "next" and await kept(db) == {"next"}


async def test_a_server_that_is_not_there_is_named_unreachable(tmp_path):
    with pytest.raises(Unreachable):
        await open_database(f"postgresql://postgres@/x?host={tmp_path}").connect()


async def test_a_wake_up_reaches_other_processes(post: Open):
    url = engines.new_postgres_url()
    here, there = await post(url), await post(url)
    await create(here)
    woken = asyncio.Event()
    await there.listen("news", woken.set)

    async def act(tx: Transaction) -> None:
        tx.notify("news")
    await write_transaction(here, act)
    await asyncio.wait_for(woken.wait(), 5)


async def test_after_a_gap_in_the_listening_everybody_is_woken_once_and_hears_again(post: Open):
    url = engines.new_postgres_url()
    db = await post(url)
    woken = asyncio.Event()
    await db.listen("news", woken.set)
    await end_connections(db)
    await asyncio.wait_for(woken.wait(), 5)            # without any notification: it may have been missed
    woken.clear()

    async def act(tx: Transaction) -> None:
        tx.notify("news")
    await write_transaction(db, act)
    await asyncio.wait_for(woken.wait(), 5)


async def test_one_leads_until_it_releases_or_its_connection_ends(post: Open):
    url = engines.new_postgres_url()
    here, there = await post(url), await post(url)
    first = await here.try_leader("runner")
    assert first is not None and first.held
    assert await there.try_leader("runner") is None
    other = await there.try_leader("other work")
    assert other is not None
    await first.release()
    assert not first.held
    second = await there.try_leader("runner")
    assert second is not None and second.held
    await end_connections(there)
    async with asyncio.timeout(5):
        while second.held:
            await asyncio.sleep(0.001)
    third = await here.try_leader("runner")
    assert third is not None
    for leader in (other, second, third):
        await leader.release()


class Wire:
    """Between client and server; `cut()`: both ends stay open and hear nothing more, as when a host is gone."""

    def __init__(self, folder: Path, server: str) -> None:
        self._folder, self._server, self._silent, self._tasks = folder, f"{server}/.s.PGSQL.5432", False, set()

    async def open(self) -> None:
        self._listening = await asyncio.start_unix_server(self._connected, f"{self._folder}/.s.PGSQL.5432")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._server)
        self._tasks |= {asyncio.ensure_future(self._carry(reader, back)), asyncio.ensure_future(self._carry(there, writer))}

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if not self._silent:
                    sink.write(data)
        finally:
            sink.close()

    def cut(self) -> None:
        self._silent = True

    async def close(self) -> None:
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_leader_whose_host_was_cut_off_knows_it(post: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(postgresql, "WATCH_SECONDS", 0.05)
    url = engines.new_postgres_url()
    address, server = url.split("?host=")
    wire = Wire(tmp_path, server)
    await wire.open()
    db = await post(f"{address}?host={tmp_path}", wait_seconds=0.2)
    leader = await db.try_leader("runner")
    assert leader is not None and leader.held
    wire.cut()
    async with asyncio.timeout(5):
        while leader.held:
            await asyncio.sleep(0.001)
    await leader.release()
    with pytest.raises(Unavailable):
        await db.try_leader("runner")
    await wire.close()


async def test_a_change_of_the_schema_beside_running_servers_fails_nobody(post: Open):
    db = await post(pool_max=1)

    async def act(tx: Transaction) -> int:
        return len(await tx.fetch_one("SELECT * FROM account WHERE id = 1"))
    assert await write_transaction(db, act) == 2
    await db.execute("ALTER TABLE account ADD COLUMN note TEXT")
    assert await write_transaction(db, act) == 3


async def test_a_disconnect_sends_the_last_wake_ups_and_leaves_no_task(post: Open):
    url = engines.new_postgres_url()
    there = await post(url)
    woken = asyncio.Event()
    await there.listen("news", woken.set)
    before = asyncio.all_tasks()
    async with open_database(url) as here:
        async def act(tx: Transaction) -> None:
            tx.notify("news")
        await here.listen("other", lambda: None)
        await write_transaction(here, act)
    assert asyncio.all_tasks() == before
    await asyncio.wait_for(woken.wait(), 5)


async def test_many_who_begin_to_listen_at_once_all_hear(post: Open):
    db = await post()
    heard = [asyncio.Event()]
    begun = [asyncio.ensure_future(db.listen("channel_0", heard[0].set))]
    while not begun[0].done() and len(heard) < 5000:       # a new one in each turn of the loop, until the first one listens
        heard.append(asyncio.Event())
        begun.append(asyncio.ensure_future(db.listen(f"channel_{len(begun)}", heard[-1].set)))
        await asyncio.sleep(0)
    await asyncio.gather(*begun)

    async def act(tx: Transaction) -> None:
        for number in range(len(heard)):
            tx.notify(f"channel_{number}")

    await write_transaction(db, act)
    async with asyncio.timeout(20):
        await asyncio.gather(*(event.wait() for event in heard))
