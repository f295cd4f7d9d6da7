"""Reading and writing a page of accounts at once: what ended, whose it is, and its operations. For jobs: of all businesses."""
from collections.abc import Iterable, Sequence
from typing import Any

from app.db import Transaction
from app.ledger.chain import OPERATION_FIELDS
from app.ledger.rules import UNITS
from app.ledger.store import Reader, in_list, in_units

_DUE = """
SELECT expires_at, account_id FROM lots
WHERE remaining > 0 AND expires_at IS NOT NULL AND expires_at <= :now AND (expires_at, account_id) > (:moment, :account_id)
ORDER BY expires_at, account_id LIMIT :limit"""
_ACCOUNTS = "SELECT id, business_id, program_id FROM accounts WHERE id IN ({ids}) ORDER BY id"
_ENDED = """
SELECT account_id, unit, id, remaining FROM lots
WHERE account_id IN ({ids}) AND unit IN ({units}) AND remaining <> 0 AND expires_at <= :now AND remaining > 0 ORDER BY account_id, id"""
_WAKING = """
SELECT available_at, account_id FROM lots
WHERE remaining <> 0 AND available_at IS NOT NULL AND available_at <= :now AND (available_at, account_id) > (:moment, :account_id)
ORDER BY available_at, account_id LIMIT :limit"""
_ENDING = """
SELECT account_id, expires_at, unit, SUM(remaining) AS amount FROM lots
WHERE account_id IN ({ids}) AND unit IN ({units}) AND remaining <> 0 AND remaining > 0 AND expires_at >= :first AND expires_at <= :last
GROUP BY account_id, expires_at, unit ORDER BY unit"""
_CARDS = "SELECT account_id, business_id, id, status FROM cards WHERE account_id IN ({ids}) ORDER BY id"
_NEW_IDS = {
    "sqlite": "SELECT COALESCE(MAX(id), 0) FROM operations",         # one writer: nobody else takes the next ones
    "postgresql": "SELECT nextval(pg_get_serial_sequence('operations', 'id')) FROM generate_series(1, CAST(:count AS BIGINT))"}
_COLUMNS = (*OPERATION_FIELDS, "text_hash")
_OPERATION = f"INSERT INTO operations({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
_EMPTY = "UPDATE lots SET remaining = 0 WHERE id IN ({ids})"
_BALANCE = "UPDATE balances SET amount = amount + :amount WHERE account_id = :account_id AND unit = :unit"


async def due(reader: Reader, now_ms: int, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
    """(end in ms, account) of lots that ended, those behind `after`, in this order."""
    rows = await reader.fetch_all(_DUE, {"now": now_ms, "moment": after[0], "account_id": after[1], "limit": limit})
    return [(row["expires_at"], row["account_id"]) for row in rows]


async def waking(reader: Reader, now_ms: int, after: tuple[int, int], limit: int) -> list[tuple[int, int]]:
    """(moment in ms, account) of lots that can be used from a moment on that has come, those behind `after`, in this order."""
    rows = await reader.fetch_all(_WAKING, {"now": now_ms, "moment": after[0], "account_id": after[1], "limit": limit})
    return [(row["available_at"], row["account_id"]) for row in rows]


async def ending(reader: Reader, ids: Sequence[int], units: Sequence[str], first_ms: int, last_ms: int) -> list[Any]:
    """account_id, expires_at, unit, amount of what ends between two moments, both included, on at most 201 accounts."""
    names, values = in_list(ids)
    query, its = in_units(_ENDING.replace("{ids}", names), tuple(units))
    return await reader.fetch_all(query, {**values, **its, "first": first_ms, "last": last_ms})


async def accounts(reader: Reader, ids: Sequence[int]) -> list[Any]:
    """id, business_id, program_id of at most 201 accounts, by id."""
    names, values = in_list(ids)
    return await reader.fetch_all(_ACCOUNTS.format(ids=names), values)


async def lock_accounts(tx: Transaction, ids: Sequence[int]) -> list[Any]:
    """id, business_id, program_id of at most 201 accounts, by id; nobody else changes them from here on."""
    names, values = in_list(ids)
    return await tx.fetch_all(_ACCOUNTS.format(ids=names) + (" FOR UPDATE" if tx.engine == "postgresql" else ""), values)


async def ended_lots(tx: Transaction, ids: Sequence[int], now_ms: int) -> list[Any]:
    """account_id, unit, id, remaining of everything that ended on at most 201 accounts."""
    names, values = in_list(ids)
    query, its = in_units(_ENDED.replace("{ids}", names), UNITS)
    return await tx.fetch_all(query, {**values, **its, "now": now_ms})


async def cards_of(reader: Reader, ids: Sequence[int]) -> list[Any]:
    """account_id, business_id, id, status of the cards of at most 201 accounts, oldest first."""
    names, values = in_list(ids)
    return await reader.fetch_all(_CARDS.format(ids=names), values)


async def new_ids(tx: Transaction, count: int) -> list[int]:
    """Ids for as many operations, ascending."""
    if tx.engine == "sqlite":
        newest = await tx.fetch_val(_NEW_IDS["sqlite"])
        return list(range(newest + 1, newest + 1 + count))
    return sorted([row[0] for row in await tx.fetch_all(_NEW_IDS["postgresql"], {"count": count})])


async def insert_operations(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """With their ids."""
    await tx.execute_many(_OPERATION, rows)


async def empty_lots(tx: Transaction, ids: Sequence[int]) -> None:
    for page in range(0, len(ids), 201):
        names, values = in_list(ids[page:page + 201])
        await tx.execute(_EMPTY.format(ids=names), values)


async def change_balances(tx: Transaction, changes: Iterable[tuple[int, str, int]]) -> None:
    """(account, unit, amount) each, of balances that are there."""
    await tx.execute_many(_BALANCE, [{"account_id": account, "unit": unit, "amount": amount} for account, unit, amount in changes])
