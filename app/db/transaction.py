"""One task's transaction, whichever engine is behind it: what an act gets as `tx`.

    async def act(tx: Transaction) -> int:
        row = await tx.fetch_one("INSERT INTO entries(points) VALUES (:points) RETURNING id", {"points": 10})
        tx.after_commit(forget_cached_balance)
        return row["id"]
    entry_id = await write_transaction(db, act)

A body awaits its own statements and nothing else. Results come by RETURNING; `execute` gives the first value that the
statement returned, or None, never a count. It stands in the place of `databases`' own Connection, which compiles each
text through SQLAlchemy: ten times the cost of the look-up itself.
"""
import asyncio
import functools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from databases import core

from app.errors import Unavailable

if TYPE_CHECKING:
    from app.db.database import Database

T = TypeVar("T")
Callback = Callable[[], object]
Values = Mapping[str, Any]
log = logging.getLogger("tessera.db")
ENDED = -1                                             # the depth of a transaction that takes no statement any more


class Row(Protocol):
    """A row of either engine: by name, by index, `dict(row)`; never changed."""

    def __getitem__(self, key: Any, /) -> Any: ...
    def keys(self) -> Any: ...
    def __iter__(self) -> Any: ...
    def __len__(self) -> int: ...


class Over(RuntimeError):
    """A statement of a transaction that has ended: our mistake, a `tx` was kept or its task not awaited."""


class Undone(Exception):
    """Marks an end without an error that shall keep nothing: `rollback()` by hand."""


class Transaction:
    """What both engines share: nesting, callbacks after the COMMIT, the cut-off. Unused, it holds nothing."""

    engine: str                                    # "sqlite" or "postgresql"

    def __init__(self, database: "Database", backend: Any) -> None:
        self._database, self._backend = database, backend
        self._depth = 0
        self._callbacks: list[Callback] = []
        self._marks: list[int] = []                # how many callbacks there were as each savepoint began
        self._lost: Unavailable | None = None      # why the engine no longer holds it although the body runs on
        self._task: asyncio.Task[Any] | None = None
        self._cut, self._cancelling = False, 0

    async def __aenter__(self) -> "Transaction":
        return self

    async def __aexit__(self, *exc: object) -> None:
        if not self._depth:
            self._database._connection = None

    # What an act calls.
    async def fetch_one(self, query: str, values: Values | None = None) -> Any:
        """The first row, or None."""
        raise NotImplementedError

    async def fetch_all(self, query: str, values: Values | None = None) -> list[Any]:
        """All rows. Not for more than some hundred: inside a transaction everybody else waits."""
        raise NotImplementedError

    async def fetch_val(self, query: str, values: Values | None = None, column: Any = 0) -> Any:
        """One column of the first row, or None where there is no row."""
        row = await self.fetch_one(query, values)
        return None if row is None else row[column]

    async def execute(self, query: str, values: Values | None = None) -> Any:
        """Run it; gives the first RETURNING value or None: never a row count, never a row id."""
        row = await self.fetch_one(query, values)
        return None if row is None else row[0]

    async def execute_many(self, query: str, values: Sequence[Values]) -> None:
        """The same statement for each of `values`; all or none."""
        raise NotImplementedError

    def iterate(self, query: str, values: Values | None = None) -> AsyncGenerator[Any, None]:
        """Row by row; outside a transaction from a snapshot of its own."""
        raise NotImplementedError

    def after_commit(self, callback: Callback) -> None:
        """Call it, without arguments, once the COMMIT is durable; never if nothing was kept. It must not fail or wait."""
        self._callbacks.append(callback)

    def notify(self, channel: str) -> None:
        """Wake whoever listens on `channel`, in every process, after the COMMIT.

        A wake-up and no message: a process killed right after its COMMIT sends none, so a listener also looks by itself.
        """
        self._callbacks.append(functools.partial(self._backend.wakeups.send, channel))

    def transaction(self, *, force_rollback: bool = False, **options: Any) -> "Block":
        """A savepoint inside an open transaction, else a transaction."""
        return Block(lambda: self, force_rollback, **options)

    # How it begins and ends.
    async def begin(self, readonly: bool = False) -> None:
        """Open it, or a savepoint in it; `readonly` gives a snapshot that never waits for the writer."""
        if self._depth:
            await self._savepoint(self._depth)
            self._marks.append(len(self._callbacks))
        else:
            self._task = asyncio.current_task()
            assert self._task is not None
            self._cancelling, self._cut, self._lost = self._task.cancelling(), False, None
            self._callbacks, self._marks = [], []
            await self._open(readonly)
        self._depth += 1

    async def end(self, error: BaseException | None) -> None:
        """Keep it, or undo it where there was an `error`; returns once that is durable. Raises where it was lost."""
        self._depth -= 1
        if self._depth:
            mark = self._marks.pop()
            if error is not None:
                del self._callbacks[mark:]
            if self._lost is None:
                await self._end_savepoint(self._depth, error)
            elif error is None:
                raise self._lost
        else:
            self._depth = ENDED                        # a child task may still hold it while the COMMIT is under way
            try:
                await self._close(error)
            finally:
                self._depth = 0

    async def run(self, act: Callable[["Transaction"], Awaitable[T]]) -> T:
        """`act` in a transaction of its own, again where the engine asks for it."""
        raise NotImplementedError

    async def _attempt(self, act: Callable[["Transaction"], Awaitable[T]]) -> T:
        await self.begin()
        try:
            result = await act(self)
        except BaseException as error:
            await self.end(error)
            raise
        await self.end(None)
        return result

    def cut(self, why: Unavailable) -> None:
        """Its time is over: the body's task is cancelled, and its caller gets `why` in place of the cancellation."""
        assert self._task is not None
        self._lost, self._cut = why, True
        self._task.cancel()

    def _loss(self, error: BaseException | None) -> BaseException:
        """What the caller of a lost transaction gets; a cancellation that was not ours goes on."""
        assert self._lost is not None and self._task is not None
        if self._cut and self._task.uncancel() > self._cancelling and isinstance(error, asyncio.CancelledError):
            return error
        return self._lost

    async def _open(self, readonly: bool) -> None:
        raise NotImplementedError

    async def _savepoint(self, number: int) -> None:
        raise NotImplementedError

    async def _end_savepoint(self, number: int, error: BaseException | None) -> None:
        raise NotImplementedError

    async def _close(self, error: BaseException | None) -> None:
        raise NotImplementedError


class Block(core.Transaction):
    """`async with db.transaction():`, `await db.transaction()` and `@db.transaction()`, as in the `databases` package."""

    def __init__(self, opener: Callable[[], Transaction], force_rollback: bool, **options: Any) -> None:
        super().__init__(opener, force_rollback, **options)  # type: ignore[arg-type]
        self._opener = opener

    async def __aenter__(self) -> Transaction:  # type: ignore[override]
        await self.start()
        return self._session

    async def start(self) -> "Block":
        self._session = self._opener()
        try:
            await self._session.begin(bool(self._extra_options.get("readonly")))
        except BaseException:
            await self._session.__aexit__()
            raise
        return self

    async def __aexit__(self, kind: Any = None, error: BaseException | None = None, traceback: Any = None) -> None:
        await self._end(Undone() if error is None and self._force_rollback else error)

    async def commit(self) -> None:
        await self._end(None)

    async def rollback(self) -> None:
        await self._end(Undone())

    async def _end(self, error: BaseException | None) -> None:
        try:
            await self._session.end(error)
        finally:
            await self._session.__aexit__()

    def __call__(self, function: Any) -> Any:
        @functools.wraps(function)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            # A block of its own per call: the decorator's object is shared by all tasks.
            async with Block(self._opener, self._force_rollback, **self._extra_options):
                return await function(*args, **kwargs)
        return wrapper


def run_callbacks(callbacks: Sequence[Callback]) -> None:
    """The transaction is durable: a callback that fails must not make its caller, or others, believe otherwise."""
    for callback in callbacks:
        try:
            callback()
        except Exception:
            log.exception("a callback after the COMMIT failed: %r", callback)


async def write_transaction(db: "Database", act: Callable[[Transaction], Awaitable[T]]) -> T:
    """Run `act(tx)` in a root transaction and return its result once that is durable.

    The whole act runs again where the engine asks for it (SQLite: once after CommitFailed; PostgreSQL: at most 5 times
    after 40001 and 40P01), so it has no effect but rows: clock readings and random numbers are handed in.
    Raises Unavailable (code `cannot_write`) where the database cannot, and what `act` raises, having kept nothing.
    """
    before = db._connection
    if before is not None and before._depth:  # type: ignore[attr-defined]
        raise RuntimeError("write_transaction inside a transaction: hand the open one on as `tx`")
    tx = db.new_transaction()
    db._connection = tx  # type: ignore[assignment]
    db.written += 1
    try:
        return await tx.run(act)
    finally:
        tx._depth = ENDED
        db._connection = before
