"""SQLite's readonly transactions: a snapshot on a connection of its own, in a thread (aiosqlite), limited in time.

A long snapshot keeps the WAL growing, hence the limit; a statement that runs over it is interrupted in its thread.
"""
import asyncio
import sqlite3
import time
from collections.abc import Callable

import aiosqlite

from app.db.failures import WriterBusy
from app.db.options import Options
from app.text import N_

INSTRUCTIONS_BETWEEN_LOOKS = 50_000                    # SQLite's virtual machine: about 1 ms


class Report:
    """One connection; used by one transaction at a time."""

    def __init__(self, open_connection: Callable[[], sqlite3.Connection]) -> None:
        self.until = 0.0                               # time.monotonic
        self._open_connection = open_connection
        self.connection = aiosqlite.Connection(self._connect, 256)
        # Private, and the only way: a connection that was never closed would keep the process from ending.
        self.connection._thread.daemon = True

    def _connect(self) -> sqlite3.Connection:
        connection = self._open_connection()
        connection.set_progress_handler(lambda: time.monotonic() > self.until, INSTRUCTIONS_BETWEEN_LOOKS)
        return connection


class Reports:
    def __init__(self, open_connection: Callable[[], sqlite3.Connection], options: Options) -> None:
        """`open_connection` is called in the report's thread and gives a query_only connection."""
        self._open_connection, self._options = open_connection, options
        self._free: list[Report] = []
        self._gate = asyncio.Semaphore(options.reports)
        self._returning: set[asyncio.Task[None]] = set()

    async def take(self) -> Report:
        """A snapshot that begins with its first read, as on PostgreSQL. Raises WriterBusy where all have been taken for `wait_seconds`."""
        try:
            await asyncio.wait_for(self._gate.acquire(), self._options.wait_seconds)
        except TimeoutError:
            raise WriterBusy(N_("Too many reports are being made. Try again in a moment.")) from None
        report = self._free.pop() if self._free else Report(self._open_connection)
        try:
            report.until = time.monotonic() + self._options.report_seconds
            if report.connection._connection is None:
                await report.connection
            await report.connection.execute_fetchall("BEGIN")
        except BaseException:
            await self.give_back(report)
            raise
        return report

    async def give_back(self, report: Report) -> None:
        """Ends the snapshot. In a task of its own, so that a second cancellation cannot lose the connection."""
        report.until = 0.0                             # what still runs in its thread is interrupted
        task = asyncio.ensure_future(self._rollback(report))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)
        await asyncio.shield(task)

    async def _rollback(self, report: Report) -> None:
        try:
            await report.connection.rollback()
            self._free.append(report)
        except (sqlite3.Error, ValueError):            # never opened, or broken: the next one opens another
            await report.connection.close()
        finally:
            self._gate.release()

    async def close(self) -> None:
        """Waits for those being given back; one still in use is left to its daemon thread."""
        if self._returning:
            await asyncio.wait(self._returning)
        for report in self._free:
            await report.connection.close()
        self._free.clear()
