"""SQL of the retention table: how many rows are over, taking some of them, and what businesses chose."""
from collections.abc import Mapping, Sequence
from typing import Any

from app.db import Database, Transaction
from app.privacy.policy import Row

Reader = Database | Transaction


async def chosen(reader: Reader) -> dict[tuple[int, str], int]:
    """(business, key) → days"""
    return {(row["business_id"], row["key"]): row["days"] for row in await reader.fetch_all("SELECT business_id, key, days FROM retention")}


async def choose(tx: Transaction, business_id: int, key: str, days: int, now: int) -> None:
    await tx.execute("INSERT INTO retention(business_id, key, days, changed_at) VALUES (:business_id, :key, :days, :now) "
                     "ON CONFLICT(business_id, key) DO UPDATE SET days = excluded.days, changed_at = excluded.changed_at",
                     {"business_id": business_id, "key": key, "days": days, "now": now})


async def choose_none(tx: Transaction, business_id: int, key: str) -> None:
    await tx.execute("DELETE FROM retention WHERE business_id = :business_id AND key = :key", {"business_id": business_id, "key": key})


def _where(row: Row, only: int | None, without: Sequence[int]) -> str:
    """only: one business; without: businesses that chose for themselves."""
    if only is not None:
        return f"{row.table}.business_id = {int(only)} AND {row.where}"
    if without:
        listed = ",".join(str(int(each)) for each in without)
        return f"({row.table}.business_id IS NULL OR {row.table}.business_id NOT IN ({listed})) AND {row.where}"
    return row.where


def _values(text: str, before: int, now: int) -> dict[str, Any]:
    named: Mapping[str, Any] = {"before": before, "now": now, "nothing": b""}
    return {name: value for name, value in named.items() if f":{name}" in text}


async def count(reader: Reader, row: Row, before: int, now: int, only: int | None = None, without: Sequence[int] = ()) -> int:
    """How many are over. In a snapshot: it may look at every row."""
    text = f"SELECT COUNT(*) FROM {row.table} WHERE {_where(row, only, without)}"
    return await reader.fetch_val(text, _values(text, before, now))


async def people(reader: Reader, row: Row, before: int, now: int, only: int | None, without: Sequence[int],
                 most: int) -> list[tuple[int, int]]:
    """(business, customer) of a row that erases."""
    text = f"SELECT business_id, id FROM customers WHERE {_where(row, only, without)} ORDER BY id LIMIT {int(most)}"
    return [(each["business_id"], each["id"]) for each in await reader.fetch_all(text, _values(text, before, now))]


async def take(tx: Transaction, row: Row, before: int, now: int, only: int | None, without: Sequence[int], most: int) -> int:
    """Deletes or empties at most `most` rows; returns how many."""
    keys = ", ".join(row.keys)
    chosen_rows = f"({keys}) IN (SELECT {keys} FROM {row.table} WHERE {_where(row, only, without)} LIMIT {int(most)})"
    if row.changes is None:
        text = f"DELETE FROM {row.table} WHERE {chosen_rows} RETURNING {keys}"
    else:
        text = (f"UPDATE {row.table} SET {', '.join(f'{column} = {value}' for column, value in row.changes.items())} "
                f"WHERE {chosen_rows} RETURNING {keys}")
    return len(await tx.fetch_all(text, _values(text, before, now)))
