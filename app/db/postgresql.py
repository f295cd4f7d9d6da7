"""PostgreSQL behind the interface of `databases`: asyncpg and a thin session.

The stock backend compiles each text through SQLAlchemy and costs half of the rate; here `:name` becomes `$n` once per text.
A transaction takes one connection from the pool and gives it back in a task of its own, so a cancelled caller leaks none.
"""
import asyncio
import contextlib
import hashlib
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg
from databases import core, interfaces

from app.db.failures import CommitFailed, TooSlow, WriterBusy
from app.db.leader import Leader
from app.db.notifications import Notifications
from app.db.options import Options
from app.db.parameters import numbered
from app.db.server_failures import ERRORS, raise_if_cannot
from app.db.transaction import Callback, Over, T, Transaction, Values, run_callbacks

if TYPE_CHECKING:
    from app.db.database import Database

log = logging.getLogger("tessera.db")
RERUNS = 5
# 40001, 40P01, and a statement that was prepared before a migration
AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)
WATCH_SECONDS = 5.0                                    # a leader that is cut off knows after twice this


class PostgresBackend(interfaces.DatabaseBackend):
    """The pool of one process, and the connections beside it: a listener's, and each leader's."""

    def __init__(self, url: core.DatabaseURL, options: Options) -> None:
        self.dsn = f"postgresql://{str(url).split('://', 1)[1]}"
        self.options = options
        self.wakeups = Notifications(self)
        self._ending: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        try:
            self.pool = await asyncpg.create_pool(
                min_size=self.options.pool_min, max_size=self.options.pool_max, reset=_leave_as_it_is, **self._settings())
        except ERRORS as error:
            raise_if_cannot(error)
            raise

    async def disconnect(self) -> None:
        await self.wakeups.close()
        if self._ending:
            await asyncio.wait(self._ending)
        try:
            await asyncio.wait_for(self.pool.close(), self.options.wait_seconds)
        except TimeoutError:
            self.pool.terminate()                      # a body that never ends: the server undoes it

    def connection(self) -> interfaces.ConnectionBackend:
        raise NotImplementedError("connections belong to transactions: use Database.connection()")

    def transaction_for(self, database: "Database") -> Transaction:
        return PostgresTransaction(database, self)

    async def version(self) -> str:
        return str(await self.run_alone("fetchval", "SHOW server_version"))

    async def connect_alone(self) -> asyncpg.Connection:
        """A connection outside the pool."""
        return await asyncpg.connect(**self._settings())

    async def take(self) -> Any:
        """A connection of the pool. Raises WriterBusy where none is free in time, Unreachable where none can be made."""
        try:
            return await self.pool.acquire(timeout=self.options.wait_seconds)
        except ERRORS as error:
            if isinstance(error, TimeoutError):
                raise WriterBusy() from error
            raise_if_cannot(error)
            raise

    async def run_alone(self, method: str, text: str, *arguments: Any) -> Any:
        """One statement outside a transaction; `method` is asyncpg's."""
        held = await self.take()
        try:
            return await getattr(held, method)(text, *arguments)
        except asyncpg.DeadlockDetectedError as error:
            raise WriterBusy() from error
        except ERRORS as error:
            raise_if_cannot(error)
            raise
        finally:
            await self.to_the_end(self.give_back(held))

    async def give_back(self, held: Any) -> None:
        """A broken one is replaced by the pool."""
        with contextlib.suppress(*ERRORS):
            await self.pool.release(held)

    async def to_the_end(self, work: Awaitable[None]) -> None:
        """Waits for `work`, which goes on where the waiting is cancelled: nothing stays half ended."""
        task = asyncio.ensure_future(work)
        self._ending.add(task)  # type: ignore[arg-type]
        task.add_done_callback(self._ending.discard)
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(task)

    async def try_leader(self, name: str) -> Leader | None:
        """A session lock on a connection of its own, so the server gives it back as soon as this process is gone."""
        key = int.from_bytes(hashlib.sha256(f"tessera leader {name}".encode()).digest()[:8], signed=True)
        try:
            connection = await self.connect_alone()
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
                await connection.close()
                return None
        except ERRORS as error:
            raise_if_cannot(error)
            raise
        watch = asyncio.ensure_future(_watch(connection))

        async def release() -> None:
            watch.cancel()
            with contextlib.suppress(*ERRORS):
                await connection.close(timeout=self.options.wait_seconds)
        return Leader(name, alive=lambda: not connection.is_closed(), release=release)

    def _settings(self) -> dict[str, Any]:
        options = self.options
        return {"dsn": self.dsn, "timeout": options.wait_seconds, "command_timeout": options.statement_seconds + 5,
                "statement_cache_size": 1024, "max_cached_statement_lifetime": 0,
                "server_settings": {
                    "application_name": "tessera", "jit": "off",
                    "lock_timeout": f"{options.wait_seconds * 1000:.0f}",
                    "statement_timeout": f"{options.statement_seconds * 1000:.0f}",
                    # The server frees the locks of a host that is gone, but not before its leader knows it.
                    "tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
                    # Of a process that is frozen, or whose host is gone: our own cut-offs come before.
                    "idle_in_transaction_session_timeout": f"{(options.report_seconds + 10) * 1000:.0f}"}}


async def _watch(connection: asyncpg.Connection) -> None:
    """Closes a connection whose other end is silently gone: it looks open until something is sent on it."""
    with contextlib.suppress(*ERRORS):
        while not connection.is_closed():
            await asyncio.sleep(WATCH_SECONDS)
            await connection.execute("SELECT 1", timeout=WATCH_SECONDS)
    connection.terminate()


async def _leave_as_it_is(connection: Any) -> None:
    """In place of asyncpg's reset, a round trip each time: our transactions leave nothing behind in a session."""


class PostgresTransaction(Transaction):
    """A transaction of one task; with none open, each statement is one of its own."""

    engine = "postgresql"
    _backend: PostgresBackend

    def __init__(self, database: "Database", backend: PostgresBackend) -> None:
        super().__init__(database, backend)
        self._held: Any = None
        self._timer: asyncio.TimerHandle | None = None
        self._one_at_a_time = asyncio.Lock()           # a child task may use `tx` too
        self._idle_since: float | None = None          # none: a statement runs

    @property
    def raw_connection(self) -> Any:
        return self._held

    async def fetch_one(self, query: str, values: Values | None = None) -> Any:
        return await self._statement("fetchrow", query, values)

    async def fetch_all(self, query: str, values: Values | None = None) -> list[Any]:
        return await self._statement("fetch", query, values)

    async def execute_many(self, query: str, values: Sequence[Values]) -> None:
        text, names = numbered(query)
        await self._run("executemany", text, [[row[name] for name in names] for row in values])

    async def iterate(self, query: str, values: Values | None = None) -> AsyncGenerator[Any, None]:
        if not self._depth:
            async with self._database.transaction(readonly=True) as report:
                async for row in report.iterate(query, values):
                    yield row
            return
        text, names = numbered(query)
        try:
            async for row in self._open_connection().cursor(text, *[(values or {})[name] for name in names], prefetch=256):
                self._idle_since = asyncio.get_running_loop().time()
                yield row
        except ERRORS as error:
            raise_if_cannot(error)
            raise

    async def _statement(self, method: str, query: str, values: Values | None) -> Any:
        text, names = numbered(query)
        return await self._run(method, text, *[(values or {})[name] for name in names])

    async def _run(self, method: str, text: str, *arguments: Any) -> Any:
        if not self._depth:
            return await self._backend.run_alone(method, text, *arguments)
        async with self._one_at_a_time:
            held = self._open_connection()
            self._idle_since = None
            try:
                return await getattr(held, method)(text, *arguments)
            except ERRORS as error:
                raise_if_cannot(error)
                raise
            finally:
                self._idle_since = asyncio.get_running_loop().time()

    def _open_connection(self) -> Any:
        if self._lost is not None or self._held is None:
            raise self._lost or Over("this transaction has ended")
        return self._held

    async def run(self, act: Callable[[Transaction], Awaitable[T]]) -> T:
        for rerun in range(RERUNS + 1):
            try:
                return await self._attempt(act)
            except AGAIN as error:
                if rerun == RERUNS:
                    raise WriterBusy() from error
                log.info("a transaction runs again: %s", error)
            # Apart from each other, else the same two meet again.
            await asyncio.sleep(0.005 * 2 ** rerun * (0.5 + random.random()))  # noqa: S311
        raise AssertionError("the last rerun returns or raises")

    async def _open(self, readonly: bool) -> None:
        held = await self._backend.take()
        try:
            await held.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if readonly else "BEGIN")
        except BaseException as error:
            await self._backend.to_the_end(self._finish(held, False, []))
            if isinstance(error, ERRORS):
                raise_if_cannot(error)
            raise
        loop, options = asyncio.get_running_loop(), self._backend.options
        self._held, self._idle_since = held, loop.time()
        if readonly:
            self._timer = loop.call_later(options.report_seconds, lambda: self.cut(TooSlow()))
        else:
            self._timer = loop.call_later(options.body_seconds, self._look)

    def _look(self) -> None:
        """Cuts a body off that awaits something else; waiting for a statement has the server's own limits."""
        loop, limit = asyncio.get_running_loop(), self._backend.options.body_seconds
        since = loop.time() if self._idle_since is None else self._idle_since
        if loop.time() >= since + limit:
            log.error("a transaction awaited something else than its statements and was cut off: %r", self._task)
            self.cut(WriterBusy())
        else:
            self._timer = loop.call_at(since + limit, self._look)

    async def _savepoint(self, number: int) -> None:
        await self._run("execute", f"SAVEPOINT s{number}")

    async def _end_savepoint(self, number: int, error: BaseException | None) -> None:
        undo = f"ROLLBACK TO SAVEPOINT s{number}; " if error is not None else ""
        await self._run("execute", f"{undo}RELEASE SAVEPOINT s{number}")

    async def _close(self, error: BaseException | None) -> None:
        assert self._timer is not None
        self._timer.cancel()
        held, self._held = self._held, None
        await self._backend.to_the_end(self._finish(held, error is None and self._lost is None, self._callbacks))
        if self._lost is not None:
            raise self._loss(error) from error

    async def _finish(self, held: Any, keep: bool, callbacks: Sequence[Callback]) -> None:
        try:
            if not keep:
                with contextlib.suppress(*ERRORS):     # a broken connection: the server has undone it
                    await held.execute("ROLLBACK")
            elif await held.execute("COMMIT") != "COMMIT":
                # The server answers ROLLBACK to the COMMIT of a transaction in which a statement had failed.
                log.error("an error inside a transaction was swallowed, so nothing of it was kept")
                raise CommitFailed()
        except ERRORS as error:
            raise_if_cannot(error)
            raise
        finally:
            await self._backend.give_back(held)
        if keep:
            run_callbacks(callbacks)
