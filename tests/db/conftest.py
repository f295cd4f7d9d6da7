import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.db import Database, open_database
from tests import engines
from tests.db import ledger


class Commits:
    """Holds SQLite's COMMITs in their thread, or lets them fail, and counts them."""

    def __init__(self, db: Database) -> None:
        self.writer = db._backend.writer
        self.count = 0
        self.failures: list[Exception] = []
        self._free, self._reached = threading.Event(), threading.Event()
        self._free.set()
        self._send = self.writer._send_commit
        self.writer._send_commit = self._commit

    def _commit(self) -> None:
        self.count += 1
        self._reached.set()
        assert self._free.wait(10)
        if self.failures:
            raise self.failures.pop(0)
        self._send()

    @contextmanager
    def held(self) -> Iterator[None]:
        self._free.clear()
        self._reached.clear()
        try:
            yield
        finally:
            self._free.set()

    async def reached(self) -> None:
        """Returns once a COMMIT is in its thread."""
        assert await asyncio.to_thread(self._reached.wait, 10)


@pytest.fixture
async def opened(engine_url: str) -> AsyncIterator[Database]:
    """The ledger on each engine."""
    async with open_database(engine_url) as db:
        await ledger.create(db)
        yield db


Opener = Callable[..., "asyncio.Future[Database]"]


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[Callable[..., object]]:
    """`await lite(body_seconds=0.1)`: the ledger on SQLite with other limits."""
    made: list[Database] = []

    async def opener(**options: object) -> Database:
        db = open_database(engines.sqlite_url(tmp_path), **options)
        await db.connect()
        made.append(db)
        await ledger.create(db)
        return db
    yield opener
    for db in made:
        await db.disconnect()


@pytest.fixture
async def post() -> AsyncIterator[Callable[..., object]]:
    """As `lite`, on PostgreSQL; `url=` opens another view of the same database."""
    made: list[Database] = []

    async def opener(url: str | None = None, **options: object) -> Database:
        db = open_database(url or engines.new_postgres_url(), **options)
        await db.connect()
        made.append(db)
        if url is None:
            await ledger.create(db)
        return db
    yield opener
    for db in made:
        await db.disconnect()


@pytest.fixture
def commits() -> Callable[[Database], Commits]:
    return Commits
