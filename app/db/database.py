"""The database as the rooms see it: the interface of the `databases` package, one code path for both engines."""
import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import databases
from databases import core

from app.db.leader import Leader
from app.db.options import Options
from app.db.parameters import without_literals
from app.db.transaction import Block, Transaction, Values
from app.errors import SettingsError


class Database(databases.Database):
    """`db.fetch_…` and `db.execute` outside a transaction; inside one, in the same task, they belong to it."""

    SUPPORTED_BACKENDS = {  # noqa: RUF012  (the name and shape are the package's)
        "sqlite": "app.db.sqlite:SQLiteBackend",
        "postgresql": "app.db.postgresql:PostgresBackend",
        "postgres": "app.db.postgresql:PostgresBackend",
    }
    _backend: Any

    def __init__(self, url: str, options: Options | None = None) -> None:
        super().__init__(url, options=options or Options())
        self.engine = "sqlite" if self.url.dialect == "sqlite" else "postgresql"
        self.written = 0                               # write transactions of this process so far: work that can wait sees others by it
        self._alone = self.new_transaction()           # for single statements; never begun, so all tasks share it

    def new_transaction(self) -> Transaction:
        return self._backend.transaction_for(self)

    def connection(self) -> Transaction:  # type: ignore[override]
        if self._connection is None:
            self._connection = self.new_transaction()  # type: ignore[assignment]
        return self._connection  # type: ignore[return-value]

    def transaction(self, *, force_rollback: bool = False, **options: Any) -> Block:
        """`readonly=True`: a snapshot for a report, which never waits for the writer; 30 s at most."""
        return Block(self.connection, force_rollback, **options)

    async def fetch_one(self, query: str, values: Values | None = None) -> Any:  # type: ignore[override]
        return await self._here().fetch_one(query, values)

    async def fetch_all(self, query: str, values: Values | None = None) -> list[Any]:  # type: ignore[override]
        return await self._here().fetch_all(query, values)

    async def fetch_val(self, query: str, values: Values | None = None, column: Any = 0) -> Any:  # type: ignore[override]
        return await self._here().fetch_val(query, values, column)

    async def execute(self, query: str, values: Values | None = None) -> Any:  # type: ignore[override]
        return await self._here().execute(query, values)

    async def execute_many(self, query: str, values: Sequence[Values]) -> None:  # type: ignore[override]
        await self._here().execute_many(query, values)

    async def iterate(self, query: str, values: Values | None = None) -> AsyncGenerator[Any, None]:  # type: ignore[override]
        async for row in self._here().iterate(query, values):
            yield row

    async def listen(self, channel: str, callback: Callable[[], object]) -> None:
        """Call it, on the loop, whenever some process calls `tx.notify(channel)`, and after a gap in the listening."""
        await self._backend.wakeups.listen(channel, callback)

    async def forget(self, channel: str, callback: Callable[[], object]) -> None:
        """The end of `listen`."""
        await self._backend.wakeups.forget(channel, callback)

    async def try_leader(self, name: str) -> Leader | None:
        """The lead among all processes for what `name` says, or None where another has it. SQLite: always ours."""
        return await self._backend.try_leader(name)

    async def engine_version(self) -> str:
        """SQLite's library, or PostgreSQL's server."""
        return await self._backend.version()

    def _here(self) -> Transaction:
        held = self._connection_map
        return (held.get(asyncio.current_task()) or self._alone) if held else self._alone  # type: ignore[arg-type,return-value]


def open_database(url: str, **options: Any) -> Database:
    """A database that is not connected yet: `async with open_database(url) as db`, or `await db.connect()`.

    url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://…` or `postgres://…`; options: those of `Options`.
    Raises SettingsError for another scheme.
    """
    if core.DatabaseURL(url).dialect not in Database.SUPPORTED_BACKENDS:
        raise SettingsError("DATABASE_URL must begin with sqlite:/// or postgresql://")
    return Database(url, Options(**options))


async def forbidden_constraints(db: Database) -> list[str]:
    """What in the schema could fail, or undo, the COMMIT of others: a sentence each; none in a schema of ours.

    A deferred key fails at the COMMIT, which on SQLite belongs to a whole batch; a ROLLBACK clause undoes the batch.
    """
    if db.engine == "postgresql":
        rows = await db.fetch_all("SELECT conrelid::regclass::text AS owner, conname AS name FROM pg_constraint WHERE condeferrable")
        return [f"{row['owner']}: the constraint {row['name']} is deferrable" for row in rows]
    found = []
    for row in await db.fetch_all("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        text = without_literals(row["sql"])
        for pattern, what in ((r"(?<!NOT )\bDEFERRABLE\b", "is deferrable"),
                              (r"\bON\s+CONFLICT\s+(ROLLBACK|FAIL)\b|\bOR\s+(ROLLBACK|FAIL)\b", "has a ROLLBACK or FAIL clause"),
                              (r"\bRAISE\s*\(\s*(?!ABORT\b)\w+", "raises something else than ABORT")):
            if re.search(pattern, text, re.I):
                found.append(f"{row['name']}: the {row['type']} {what}")
    return found
