"""SQLite behind the interface of `databases`: our own backend (docs: why the stock one cannot hold money).

Writes go to the one writer (`writer.py`), look-ups outside a transaction run inline on a `query_only` connection, and
`transaction(readonly=True)` is a snapshot in a thread (`reports.py`). Connections are opened once, with their PRAGMAs.
"""
import asyncio
import functools
import logging
import re
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from databases import core, interfaces

from app.db import failures
from app.db.failures import CommitFailed, WriterBusy
from app.db.leader import Leader
from app.db.options import Options
from app.db.parameters import numbered
from app.db.reports import INSTRUCTIONS_BETWEEN_LOOKS, Report, Reports
from app.db.transaction import Over, T, Transaction, Values, write_transaction
from app.db.wakeups import Wakeups
from app.db.writer import Writer
from app.errors import SettingsError
from app.text import N_

if TYPE_CHECKING:
    from app.db.database import Database

log = logging.getLogger("tessera.db")
SLOW_SECONDS = 0.02
OURS = {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "VACUUM"}
READS = {"SELECT", "VALUES", "EXPLAIN", "PRAGMA"}
ONE, ALL = sqlite3.Cursor.fetchone, sqlite3.Cursor.fetchall
# Any value but a number or a text is asked for an adapter, and where there is none two exceptions are raised and swallowed: a sale
# binds twenty NULLs and hashes, and paid a tenth of its time for that.
sqlite3.register_adapter(type(None), lambda nothing: nothing)
sqlite3.register_adapter(bytes, bytes)


@functools.lru_cache(4096)
def is_read(query: str) -> bool:
    """Whether the text only reads. Raises ValueError for what belongs to the backend or can undo others' work."""
    match = re.match(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(\w+)", query, re.S)
    verb = match[1].upper() if match else ""
    if verb in OURS or re.search(r"\bOR\s+ROLLBACK\b", query, re.I):
        raise ValueError(f"{verb} belongs to the backend, and OR ROLLBACK would undo the transactions of others: {query[:80]}")
    return verb in READS or (verb == "WITH" and not re.search(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b", query, re.I))


@functools.lru_cache(4096)
def counted(query: str) -> tuple[str, tuple[str, ...]]:
    """The text with `?n` for its names, and the names; raises as `is_read`. Binding by name looks each one up in every statement."""
    is_read(query)
    return numbered(query, "?")


class SQLiteBackend(interfaces.DatabaseBackend):
    """The connections of one process to one file."""

    def __init__(self, url: core.DatabaseURL, options: Options) -> None:
        self.path, self.options = url.database, options
        if self.path in ("", ":memory:"):
            raise SettingsError("The SQLite database needs a file: sqlite:///tessera.db, or sqlite:////var/lib/tessera/tessera.db")
        self.wakeups = Wakeups()
        self.deadline = 0.0                            # of the look-up that runs now, time.perf_counter

    async def connect(self) -> None:
        first = "query_only=ON" if self.options.readonly else "journal_mode=WAL"
        # More cache showed no gain at 100 k cards, the system's own holds the file; and it is memory that never comes back.
        self.writer = Writer(self._open(first, "cache_size=-16000"), self.options)
        self.reader = self._open("query_only=ON")
        self.reader.set_progress_handler(lambda: time.perf_counter() > self.deadline, INSTRUCTIONS_BETWEEN_LOOKS)
        self.reports = Reports(functools.partial(self._open, "query_only=ON", "busy_timeout=5000"), self.options)

    async def disconnect(self) -> None:
        await self.reports.close()
        self.reader.close()
        await self.writer.close()

    def connection(self) -> interfaces.ConnectionBackend:
        raise NotImplementedError("sqlite connections belong to the backend: use Database.connection()")

    def transaction_for(self, database: "Database") -> Transaction:
        return SQLiteTransaction(database, self)

    async def try_leader(self, name: str) -> Leader | None:
        """Always: the process lock beside the file makes this the one process."""
        return Leader(name)

    async def version(self) -> str:
        return sqlite3.sqlite_version

    def _open(self, *pragmas: str) -> sqlite3.Connection:
        """busy_timeout 0: on the loop's thread nothing may wait. mmap_size stays unset: it makes a torn file likelier. secure_delete: an
        erased name must not be found in the file's free room."""
        connection = sqlite3.connect(self.path, isolation_level=None, cached_statements=512, check_same_thread=False)
        try:
            connection.row_factory = None if self.options.plain_rows else sqlite3.Row
            cache = "cache_size=-64000" if self.options.plain_rows else "cache_size=-4000"
            for pragma in ("busy_timeout=0", "foreign_keys=ON", "temp_store=MEMORY", cache, "synchronous=FULL", "secure_delete=ON",
                           f"wal_autocheckpoint={self.options.checkpoint_pages}", *pragmas):
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error as error:
            connection.close()
            failures.raise_if_sqlite_cannot(error)
            raise
        return connection


class SQLiteTransaction(Transaction):
    """A transaction of one task; with none open, its look-ups go to the reader."""

    engine = "sqlite"
    _backend: SQLiteBackend
    _report: Report | None = None
    _timer: asyncio.TimerHandle | None = None

    @property
    def raw_connection(self) -> sqlite3.Connection:
        return self._backend.writer.connection if self._depth > 0 else self._backend.reader

    async def fetch_one(self, query: str, values: Values | None = None) -> Any:
        if self._depth and self._report is None:
            return self._write(ONE, query, values)
        return await self._elsewhere(ONE, query, values)

    async def fetch_all(self, query: str, values: Values | None = None) -> list[Any]:
        if self._depth and self._report is None:
            return self._write(ALL, query, values)
        return await self._elsewhere(ALL, query, values)

    async def fetch_val(self, query: str, values: Values | None = None, column: Any = 0) -> Any:
        inline = self._depth and self._report is None
        row = self._write(ONE, query, values) if inline else await self._elsewhere(ONE, query, values)
        return None if row is None else row[column]

    execute = fetch_val

    async def execute_many(self, query: str, values: Sequence[Values]) -> None:
        if not self._depth:
            return await write_transaction(self._database, lambda tx: tx.execute_many(query, values))
        if self._report is not None:
            raise ValueError("a readonly transaction cannot write")
        self._write(None, query, values)

    async def iterate(self, query: str, values: Values | None = None) -> AsyncGenerator[Any, None]:
        if not self._depth:
            async with self._database.transaction(readonly=True) as report:
                async for row in report.iterate(query, values):
                    yield row
        elif self._report is None:
            for row in self._write(ALL, query, values):
                yield row
        else:
            try:
                async with self._report.connection.execute(query, values or ()) as rows:  # type: ignore[arg-type]
                    async for row in rows:
                        yield row
            except sqlite3.Error as error:
                failures.raise_if_sqlite_cannot(error)
                raise

    def _write(self, take: Callable[[sqlite3.Cursor], Any] | None, query: str, values: Any) -> Any:
        """Inline on the writer; `take` reads the result, None runs it for each of `values`. The hot path: keep it thin."""
        writer = self._backend.writer
        if writer.body is not self:
            raise self._lost or Over("this transaction has ended")
        text, names = counted(query)
        started = time.perf_counter()
        try:
            if take:
                cursor = writer.connection.execute(text, [values[name] for name in names] if names else ())
            else:
                cursor = writer.connection.executemany(text, [[each[name] for name in names] for each in values])
            try:
                return take(cursor) if take else None
            finally:
                cursor.close()                         # no statement stays open on the connection: COMMIT would fail
        except sqlite3.Error as error:
            writer.failed(error)
            raise
        finally:
            if (took := time.perf_counter() - started) > SLOW_SECONDS:
                log.warning("%.0f ms on the writer, everybody waited: %s", took * 1000, query)

    async def _elsewhere(self, take: Callable[[sqlite3.Cursor], Any], query: str, values: Values | None) -> Any:
        reading = is_read(query)
        if self._report is not None and not reading:
            raise ValueError("a readonly transaction cannot write")
        if self._report is not None:
            return await self._report_on(self._report, take, query, values)
        if not reading:
            return await write_transaction(
                self._database, lambda tx: tx.fetch_one(query, values) if take is ONE else tx.fetch_all(query, values))
        backend = self._backend
        backend.deadline = time.perf_counter() + backend.options.look_up_seconds
        text, names = counted(query)
        try:
            cursor = backend.reader.execute(text, [values[name] for name in names] if values else ())
            try:
                return take(cursor)
            finally:
                cursor.close()
        except sqlite3.Error as error:
            failures.raise_if_sqlite_cannot(error)
            raise

    async def _report_on(self, report: Report, take: Callable[[sqlite3.Cursor], Any], query: str, values: Values | None) -> Any:
        try:
            async with report.connection.execute(query, values or ()) as cursor:  # type: ignore[arg-type]
                return await (cursor.fetchall() if take is ALL else cursor.fetchone())
        except sqlite3.Error as error:
            failures.raise_if_sqlite_cannot(error)
            raise

    async def run(self, act: Callable[[Transaction], Awaitable[T]]) -> T:
        try:
            return await self._attempt(act)
        except CommitFailed as failure:
            log.warning("a transaction runs again: %s", failure.__cause__)
        return await self._attempt(act)

    async def _open(self, readonly: bool) -> None:
        if not readonly:
            if self._backend.options.readonly:
                raise WriterBusy(N_("The database was opened for reading only."))
            return await self._backend.writer.enter(self)
        self._report = await self._backend.reports.take()
        self._timer = asyncio.get_running_loop().call_later(self._backend.options.report_seconds,
                                                            lambda: self.cut(failures.TooSlow()))

    async def _savepoint(self, number: int) -> None:
        if self._report is None:
            self._mark(f"SAVEPOINT s{number}")

    async def _end_savepoint(self, number: int, error: BaseException | None) -> None:
        if self._report is None:
            if error is not None:
                self._mark(f"ROLLBACK TO s{number}")
            self._mark(f"RELEASE s{number}")

    def _mark(self, text: str) -> None:
        writer = self._backend.writer
        if writer.body is not self:
            raise self._lost or Over("this transaction has ended")
        try:
            writer.connection.execute(text).close()
        except sqlite3.Error as error:
            writer.failed(error)
            raise

    async def _close(self, error: BaseException | None) -> None:
        if self._report is not None:
            await self._close_report()
        elif self._lost is None:
            done = self._backend.writer.leave(self, keep=error is None)
            # A refusal waits as well: it may rest on what a member of the same batch wrote. A cancelled caller does not.
            if done is not None and not isinstance(error, asyncio.CancelledError):
                await done
        if self._lost is not None:
            raise self._loss(error) from error

    async def _close_report(self) -> None:
        assert self._report is not None and self._timer is not None
        report, self._report = self._report, None
        self._timer.cancel()
        await self._backend.reports.give_back(report)
