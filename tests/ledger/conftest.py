"""A small business, and a hand that changes rows behind the application's back."""
import re
import sqlite3

import pytest

from tests.money import make_bed


@pytest.fixture
async def bed(db):
    return await make_bed(db)


async def tamper(db, *statements: str) -> None:
    """Run statements as somebody with the database file and without our triggers would."""
    if db.engine == "sqlite":
        with sqlite3.connect(db.url.database) as raw:
            for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                raw.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                raw.execute(statement)
        raw.close()
        return
    for statement in statements:
        table = re.search(r"(?:FROM|UPDATE|INTO) (\w+)", statement)[1]
        await db.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        await db.execute(statement)
