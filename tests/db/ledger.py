"""A tiny ledger to write to on either engine, and its rule: the balance is the sum of its entries."""
import asyncio
from collections.abc import Awaitable, Callable

from app.db import Database, Transaction, write_transaction

SCHEMA = (
    "CREATE TABLE account (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL)",
    "CREATE TABLE entry (name TEXT PRIMARY KEY, account_id BIGINT NOT NULL REFERENCES account(id), points BIGINT NOT NULL, pad TEXT)",
    "INSERT INTO account (id, balance) VALUES (1, 0)",
)


class Broken(Exception):
    """What a body raises of its own."""


async def create(db: Database) -> None:
    for statement in SCHEMA:
        await db.execute(statement)


async def write_entry(tx: Transaction, name: str, points: int = 1, pad: str = "",
                      between: Callable[[], Awaitable[object]] | None = None) -> None:
    """A read-modify-write with an entry; `between` runs after the read."""
    lock = " FOR UPDATE" if tx.engine == "postgresql" else ""
    balance = await tx.fetch_val("SELECT balance FROM account WHERE id = :id" + lock, {"id": 1})
    await tx.execute("INSERT INTO entry (name, account_id, points, pad) VALUES (:name, 1, :points, :pad)",
                     {"name": name, "points": points, "pad": pad})
    if between is not None:
        await between()
    await tx.execute("UPDATE account SET balance = :balance WHERE id = 1", {"balance": balance + points})


async def add(db: Database, name: str, points: int = 1, *, pad: str = "", fail: bool = False, pause: bool = False) -> str:
    """Add an entry; its name is told only if it was kept. `fail`: raise at the end; `pause`: give the loop a turn inside."""
    async def act(tx: Transaction) -> str:
        await write_entry(tx, name, points, pad, (lambda: asyncio.sleep(0)) if pause else None)
        if fail:
            raise Broken(name)
        return name
    return await write_transaction(db, act)


async def kept(db: Database) -> set[str]:
    """The names of all entries, having checked that they sum to the balance."""
    rows = await db.fetch_all("SELECT name, points FROM entry")
    assert await db.fetch_val("SELECT balance FROM account WHERE id = 1") == sum(row["points"] for row in rows)
    return {row["name"] for row in rows}
