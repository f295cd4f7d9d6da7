"""How SQLite will look for what a store asks: the steps of EXPLAIN QUERY PLAN. A step that begins with SCAN reads a whole table."""
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from app.db import Database


class _Explained:
    """Stands where a store expects its reader or transaction: explains each statement and answers that nothing was found."""

    engine = "sqlite"

    def __init__(self, db: Database) -> None:
        self.db = db
        self.steps: list[str] = []

    async def fetch_all(self, query: str, values: Mapping[str, Any]) -> list[Any]:
        self.steps += [row["detail"] for row in await self.db.fetch_all(f"EXPLAIN QUERY PLAN {query}", dict(values))]
        return []

    async def fetch_one(self, query: str, values: Mapping[str, Any]) -> None:
        await self.fetch_all(query, values)

    fetch_val = execute = fetch_one


async def steps_of(db: Database, ask: Callable[[Any], Awaitable[object]]) -> list[str]:
    """The steps of every statement with which `ask` calls upon the reader that it is handed."""
    explained = _Explained(db)
    await ask(explained)
    assert explained.steps
    return explained.steps
