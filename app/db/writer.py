"""SQLite's one writer: a fair queue, a savepoint per transaction, one COMMIT for all that are ready.

Statements run on the loop's thread; COMMIT, with its fsync, in a thread of its own. A statement never suspends, so a body
that awaits only its statements is one step of the loop and bodies are never interleaved. Nobody is answered before the
COMMIT that holds them, also not who only read or was refused: they may have seen what a power cut would take back.

`busy` is true while a body runs, while a COMMIT is in its thread, and while a turn is on its way; only then may anything
wait, and only `body` may touch the connection. COMMIT belongs to no task, so no cancellation reaches it.
"""
import asyncio
import collections
import contextlib
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from app.db import failures
from app.db.failures import CommitFailed, WriterBusy
from app.db.options import Options
from app.db.transaction import Callback, Transaction, run_callbacks

log = logging.getLogger("tessera.db")
LOCK_RETRY_SECONDS = 0.005


class _Member(NamedTuple):
    """A finished body that waits for the COMMIT; a refused one has no callbacks."""

    done: "asyncio.Future[None]"
    callbacks: list[Callback]


class _Turn(NamedTuple):
    """A transaction in the queue; `until` is the loop's time."""

    come: "asyncio.Future[None]"
    until: float


class Writer:
    def __init__(self, connection: sqlite3.Connection, options: Options) -> None:
        """`connection`: in autocommit mode, busy_timeout 0, used by nobody else."""
        self.connection, self.options = connection, options
        self.body: Transaction | None = None           # whose statements may run now
        self._body_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "tessera-commit")
        self._queue: collections.deque[_Turn] = collections.deque()
        self._busy = self._closing = False
        self._batch: list[_Member] | None = None       # none: no outer transaction is open
        self._opened = 0.0
        self._alone = 0                                # so many of the next transactions get a COMMIT each
        self._idle: asyncio.Future[None] | None = None
        self._watchdog: asyncio.TimerHandle | None = None

    async def enter(self, transaction: Transaction) -> None:
        """Returns when `transaction` may run its statements. Raises WriterBusy after `wait_seconds`."""
        if self._busy:
            await self._wait()
        self._busy = True
        try:
            if self._closing:
                raise WriterBusy()
            if self._batch is None:
                await self._begin()
                self._batch, self._opened = [], self._loop.time()
            self.connection.execute("SAVEPOINT root").close()
        except BaseException as error:
            self._pass_on()
            if isinstance(error, sqlite3.Error):
                failures.raise_if_sqlite_cannot(error)
            raise
        self.body, self._body_since = transaction, self._loop.time()
        self._watch()

    def leave(self, transaction: Transaction, keep: bool) -> "asyncio.Future[None] | None":
        """The body has ended. Gives the future of its COMMIT, or None where it saw nothing that is not durable."""
        assert self.body is transaction and self._batch is not None
        self.body = None
        try:
            if not keep:
                self.connection.execute("ROLLBACK TO root").close()
            self.connection.execute("RELEASE root").close()
            if keep or self._batch:
                self._batch.append(_Member(self._loop.create_future(), transaction._callbacks if keep else []))
                return self._batch[-1].done
            return None
        except sqlite3.Error as error:
            self._undo(error)
            raise CommitFailed() from error
        finally:
            self._pass_on()

    def failed(self, error: sqlite3.Error) -> None:
        """After a statement's error. A full disk, an I/O error or a ROLLBACK clause has undone the others' work as well.

        Raises Unavailable, or returns where the error speaks for itself.
        """
        if self.body is not None and not self.connection.in_transaction:
            body, self.body = self.body, None
            body._lost = CommitFailed()
            self._undo(error)
            self._pass_on()
            raise body._lost from error
        failures.raise_if_sqlite_cannot(error)

    async def close(self) -> None:
        """Refuses the queue, lets the open batch end, undoes a body that does not; then closes the connection."""
        self._closing = True
        await self._drain()
        if self.body is not None:
            self._cut_off()
            await self._drain()
        if self._watchdog is not None:
            self._watchdog.cancel()
        await self._loop.run_in_executor(self._thread, self.connection.close)   # the last one out checkpoints
        self._thread.shutdown(wait=False)

    async def _drain(self) -> None:
        if self._busy or self._batch is not None:
            self._idle = self._loop.create_future()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle, self.options.wait_seconds)

    # The queue.
    async def _wait(self) -> None:
        turn = _Turn(self._loop.create_future(), self._loop.time() + self.options.wait_seconds)
        self._queue.append(turn)
        self._watch()
        try:
            await turn.come
        except asyncio.CancelledError:
            if turn.come.done() and not turn.come.cancelled() and turn.come.exception() is None:
                self._pass_on()                        # cancelled just as its turn came
            raise

    async def _begin(self) -> None:
        """BEGIN IMMEDIATE. Another process's lock (a migration, a backup) is waited for without blocking the loop."""
        until = self._loop.time() + self.options.wait_seconds
        while True:
            try:
                self.connection.execute("BEGIN IMMEDIATE").close()
                return
            except sqlite3.OperationalError as error:
                if not failures.is_locked(error):
                    raise
                if self._loop.time() > until:
                    log.error("another process has held the database's write lock for %.1f s", self.options.wait_seconds)
                    raise
            await asyncio.sleep(LOCK_RETRY_SECONDS)

    def _pass_on(self) -> None:
        """The turn goes to the next in the queue, or the batch to its COMMIT; `busy` stays true, so nobody overtakes."""
        if self._batch is not None and (len(self._batch) >= (1 if self._alone else self.options.batch_size)
                                        or self._loop.time() - self._opened > self.options.batch_seconds):
            self._commit()
            return
        while self._queue:
            turn = self._queue.popleft()
            if not turn.come.done():
                turn.come.set_result(None)
                return
        self._busy = False
        if self._batch is not None:
            # Whoever becomes ready in this turn of the loop may still join.
            self._loop.call_soon(self._commit_if_idle, self._batch)
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    # The COMMIT.
    def _commit_if_idle(self, batch: list[_Member]) -> None:
        if not self._busy and self._batch is batch:
            self._commit()

    def _commit(self) -> None:
        self._busy = True
        if self._batch:
            job = self._loop.run_in_executor(self._thread, self._send_commit)
            job.add_done_callback(lambda job: self._committed(job.exception()))
            return
        error = None
        try:                                           # nobody waits and nothing was kept: no need of a thread
            self._send_commit()
        except sqlite3.Error as caught:
            error = caught
        self._committed(error)

    def _send_commit(self) -> None:
        self.connection.execute("COMMIT").close()

    def _committed(self, error: BaseException | None) -> None:
        self._alone = max(0, self._alone - 1)
        if error is None:
            batch, self._batch = self._batch, None
            for member in batch or []:
                run_callbacks(member.callbacks)
                if not member.done.done():             # its caller was cancelled while it waited
                    member.done.set_result(None)
        else:
            self._undo(error)
        self._pass_on()

    def _undo(self, error: BaseException) -> None:
        """Nothing of the batch is kept, and all of it are told so."""
        batch, self._batch = self._batch or [], None
        log.error("a batch of %d transactions was not kept: %s", len(batch), error)
        # Repeated one by one, only the culprit fails again.
        self._alone = 2 * (len(batch) + 1) if batch else self._alone
        with contextlib.suppress(sqlite3.Error):
            self.connection.rollback()
        for member in batch:
            if not member.done.done():
                failure = CommitFailed()
                failure.__cause__ = error
                member.done.set_exception(failure)
                member.done.exception()                # looked at: no complaint where the caller is gone

    # The clock. One timer for all: a body that keeps the rules never sees it, and a timer each would cost it 2 µs.
    def _watch(self) -> None:
        if self._watchdog is None:
            self._watchdog = self._loop.call_later(self._step(), self._look)

    def _step(self) -> float:
        return min(self.options.body_seconds, self.options.wait_seconds)

    def _look(self) -> None:
        self._watchdog, now = None, self._loop.time()
        while self._queue and (self._queue[0].until <= now or self._queue[0].come.done()):
            turn = self._queue.popleft()
            if not turn.come.done():
                turn.come.set_exception(WriterBusy())
        if self.body is not None and now >= self._body_since + self.options.body_seconds:
            self._cut_off()
        due = [turn.until for turn in [*self._queue][:1]]
        due += [self._body_since + self.options.body_seconds] if self.body is not None else []
        if due:
            self._watchdog = self._loop.call_at(min(*due, now + self._step()), self._look)

    def _cut_off(self) -> None:
        body, self.body = self.body, None
        assert body is not None
        log.error("a transaction awaited something else than its statements and was cut off: %r", body._task)
        try:
            self.connection.execute("ROLLBACK TO root").close()
            self.connection.execute("RELEASE root").close()
        except sqlite3.Error as error:
            self._undo(error)
        body.cut(WriterBusy())
        self._pass_on()
