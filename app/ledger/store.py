"""Writing: accounts, operations with their texts and receipts, entries, lots, balances and the chain."""
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from app.db import Database, Transaction
from app.ledger.rules import Lot

Reader = Database | Transaction
_PADDED = (1, 10, 50, 201)
_lot = Lot._make

_LOCK = "SELECT id FROM accounts WHERE id = :id AND business_id = :business_id FOR UPDATE"
_OPEN = """
INSERT INTO accounts(business_id, program_id, customer_id, created_at)
VALUES (:business_id, :program_id, CAST(:customer_id AS BIGINT), :now)
ON CONFLICT (program_id, customer_id) WHERE customer_id IS NOT NULL DO NOTHING RETURNING id"""
_FIND_ACCOUNT = "SELECT id FROM accounts WHERE program_id = :program_id AND customer_id = :customer_id AND business_id = :business_id"
# With the lots the balances, as rows without an id: an operation answers with the balances of all units, also those it left alone.
_LOTS = """
SELECT id, remaining, expires_at, created_at, available_at, unit FROM lots
WHERE account_id = :account_id AND remaining <> 0 AND unit IN ({units})
UNION ALL SELECT 0, amount, NULL, NULL, NULL, unit FROM balances WHERE account_id = :account_id"""
_OPERATION = """
INSERT INTO operations(
  business_id, acting_business_id, program_id, account_id, card_id, location_id, kind, of_operation_id, at, recorded_at, rules_version,
  amount_minor, discount_minor, spent_minor, to_pay_minor, pay_back_minor, shortfall, actor_kind, actor_id, text_hash)
VALUES (
  :business_id, :acting_business_id, :program_id, :account_id, :card_id, :location_id, :kind, :of_operation_id, :at, :recorded_at,
  :rules_version, :amount_minor, :discount_minor, :spent_minor, :to_pay_minor, :pay_back_minor, :shortfall, :actor_kind, :actor_id,
  :text_hash)
RETURNING id"""
_TEXTS = """
INSERT INTO operation_texts(operation_id, business_id, salt, content) VALUES (:operation_id, :business_id, :salt, :content)"""
# The number of a sale that was undone may be rung up again: the till corrects a typing mistake under the same receipt.
_RECEIPT = """
INSERT INTO receipts(business_id, location_id, local_day, kind, number, operation_id)
VALUES (:business_id, :location_id, :local_day, :kind, :number, :operation_id)
ON CONFLICT (business_id, location_id, local_day, kind, number) DO UPDATE SET operation_id = excluded.operation_id
WHERE EXISTS (SELECT 1 FROM operations o WHERE o.of_operation_id = receipts.operation_id AND o.kind = 'undo')
RETURNING operation_id"""
_LOT = """
INSERT INTO lots(business_id, account_id, unit, operation_id, granted, remaining, expires_at, created_at, available_at, moved_from, rule)
VALUES (:business_id, :account_id, :unit, :operation_id, :granted, :remaining, :expires_at, :created_at, :available_at, :moved_from, :rule)
RETURNING id"""
_SHARED = ("business_id", "account_id", "unit", "operation_id")
_OF_EACH = {"granted": "BIGINT", "remaining": "BIGINT", "expires_at": "BIGINT", "created_at": "BIGINT", "available_at": "BIGINT",
            "moved_from": "BIGINT", "rule": "TEXT"}
_AT_ONCE = 50, 10          # few lengths, so that both engines keep the texts prepared
_CHANGE_LOT = "UPDATE lots SET remaining = remaining + :amount WHERE id = :id"
_ENTRY = """
INSERT INTO entries(operation_id, line, business_id, account_id, book, unit, amount, lot_id)
VALUES (:operation_id, :line, :business_id, :account_id, :book, :unit, :amount, :lot_id)"""
_BALANCE = """
INSERT INTO balances(account_id, unit, amount) VALUES (:account_id, :unit, :amount)
ON CONFLICT (account_id, unit) DO UPDATE SET amount = balances.amount + excluded.amount"""


def in_list(ids: Sequence[int]) -> tuple[str, dict[str, int]]:
    """The names and values for `IN (…)`, at most 201; padded to few lengths, so that both engines keep the texts prepared."""
    size = next(size for size in _PADDED if size >= len(ids))
    padded = [*ids, *[ids[-1]] * (size - len(ids))]
    return ", ".join(f":id{number}" for number in range(size)), {f"id{number}": value for number, value in enumerate(padded)}


async def lock(tx: Transaction, business_id: int, account_id: int) -> None:
    """PostgreSQL: nobody else changes the account before this transaction ends."""
    await tx.fetch_one(_LOCK, {"id": account_id, "business_id": business_id})


async def open_account(tx: Transaction, business_id: int, program_id: int, customer_id: int | None, now_ms: int) -> int:
    """The new account, or the one that the customer has in the programme already."""
    whose = {"business_id": business_id, "program_id": program_id, "customer_id": customer_id}
    account_id = await tx.fetch_val(_OPEN, {**whose, "now": now_ms})
    return account_id if account_id is not None else await tx.fetch_val(_FIND_ACCOUNT, whose)


async def lots_of(reader: Reader, account_id: int, units: Sequence[str]) -> tuple[dict[str, list[Lot]], dict[str, int]]:
    """The lots of these units with a remainder, debts included, in order of their ids; and the balances of all units."""
    lots: dict[str, list[Lot]] = {unit: [] for unit in units}
    balances: dict[str, int] = {}
    query, values = in_units(_LOTS, tuple(units))
    for row in await reader.fetch_all(query, {"account_id": account_id, **values}):
        if row[0]:
            lots[row[5]].append(_lot(row[:5]))
        else:
            balances[row[5]] = row[1]
    for found in lots.values():
        found.sort()
    return lots, balances


@lru_cache
@lru_cache(64)
def in_units(query: str, units: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The text with names for `IN ({units})`, and their values."""
    values = {f"unit{number}": unit for number, unit in enumerate(units)}
    return query.format(units=", ".join(f":{name}" for name in values)), values


async def insert_operation(tx: Transaction, values: dict[str, Any]) -> int:
    return await tx.fetch_val(_OPERATION, values)


async def insert_texts(tx: Transaction, operation_id: int, business_id: int, salt: bytes, content: str) -> None:
    await tx.execute(_TEXTS, {"operation_id": operation_id, "business_id": business_id, "salt": salt, "content": content})


async def claim_receipt(tx: Transaction, values: dict[str, Any]) -> bool:
    """Whether the number was free at its location, on its local day, among its kind."""
    return await tx.fetch_one(_RECEIPT, values) is not None


async def insert_lot(tx: Transaction, values: dict[str, Any]) -> int:
    return (await tx.fetch_one(_LOT, values))["id"]


async def insert_lots(tx: Transaction, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Lots of one operation and unit, some at a time: a purse that lives on from its last activity moves hundreds. Ids as the rows."""
    made: list[int] = []
    while left := rows[len(made):]:
        size = next((size for size in _AT_ONCE if size <= len(left)), 1)
        if size == 1:
            made.append(await insert_lot(tx, left[0]))
            continue
        values = {name: left[0][name] for name in _SHARED}
        for number, row in enumerate(left[:size]):
            values |= {f"{name}{number}": row[name] for name in _OF_EACH}
        ids = sorted(row["id"] for row in await tx.fetch_all(_many_lots(size), values))
        made += ids          # counted up in the order of the rows
    return made


@lru_cache
def _many_lots(size: int) -> str:
    shared = ", ".join(f":{name}" for name in _SHARED)
    rows = [f"({shared}, {', '.join(f'CAST(:{name}{number} AS {kind})' for name, kind in _OF_EACH.items())})" for number in range(size)]
    return f"INSERT INTO lots({', '.join((*_SHARED, *_OF_EACH))}) VALUES {', '.join(rows)} RETURNING id"


async def change_lots(tx: Transaction, changes: Iterable[tuple[int, int]]) -> None:
    """(lot, amount) each."""
    await tx.execute_many(_CHANGE_LOT, [{"id": lot, "amount": amount} for lot, amount in changes])


async def insert_entries(tx: Transaction, operation_id: int, business_id: int, entries: Sequence[Sequence[Any]]) -> None:
    """entries: line, account or None for the business's side, book, unit, amount, lot or None."""
    await insert_all_entries(tx, [(operation_id, business_id, entry) for entry in entries])


async def insert_all_entries(tx: Transaction, entries: Iterable[tuple[int, int, Sequence[Any]]]) -> None:
    """Of several operations: operation, business, and the entry as in `insert_entries`."""
    await tx.execute_many(_ENTRY, [
        {"operation_id": operation_id, "line": line, "business_id": business_id, "account_id": account_id, "book": book, "unit": unit,
         "amount": amount, "lot_id": lot_id} for operation_id, business_id, (line, account_id, book, unit, amount, lot_id) in entries])


async def change_balance(tx: Transaction, account_id: int, unit: str, amount: int) -> None:
    await tx.execute(_BALANCE, {"account_id": account_id, "unit": unit, "amount": amount})


# Which cards show an account, and what it holds.
# +business_id: SQLite would walk all cards of the business in the order of their ids, to save itself a sort of one or two.
_CARDS = """
SELECT id, status FROM cards WHERE account_id = :account_id AND +business_id = :business_id ORDER BY id DESC LIMIT 20"""
# What expired of the lots that were alive at a moment, less what sales that came late have spent of it since.
_ENDED_SINCE = """
SELECT l.unit, l.id, -SUM(e.amount) AS amount, l.expires_at, l.created_at, l.available_at
FROM operations o JOIN entries e ON e.operation_id = o.id JOIN lots l ON l.id = e.lot_id
WHERE o.account_id = :account_id AND o.recorded_at > :at
  AND (o.kind = 'expiry' OR (o.kind IN ('sale', 'visit', 'claim') AND e.amount > 0 AND l.operation_id <> o.id))
  AND l.expires_at > :at AND l.expires_at <= :now AND l.created_at <= :at AND (l.available_at IS NULL OR l.available_at <= :at)
GROUP BY l.unit, l.id, l.expires_at, l.created_at, l.available_at HAVING SUM(e.amount) < 0"""
_BALANCES = "SELECT unit, amount FROM balances WHERE account_id = :account_id"
_WITH_PENDING = """
SELECT b.unit, b.amount, COALESCE((SELECT SUM(l.remaining) FROM lots l WHERE l.account_id = b.account_id AND l.unit = b.unit
  AND l.remaining <> 0 AND l.available_at > :now), 0) AS pending
FROM balances b WHERE b.account_id = :account_id ORDER BY b.unit"""
_PROGRESS = """
SELECT b.amount - COALESCE((SELECT SUM(l.remaining) FROM lots l WHERE l.account_id = b.account_id AND l.unit = b.unit
  AND l.remaining <> 0 AND l.expires_at <= :at), 0) FROM balances b WHERE b.account_id = :account_id AND b.unit = 'progress'"""
_HAS_ALIVE = """
SELECT 1 FROM lots WHERE account_id = :account_id AND unit = :unit AND remaining <> 0 AND remaining > 0 AND created_at <= :at
  AND (available_at IS NULL OR available_at <= :at) AND (expires_at IS NULL OR expires_at > :at) LIMIT 1"""
_MEMBERSHIPS = """
SELECT id, remaining, expires_at, created_at, available_at FROM lots
WHERE account_id = :account_id AND unit = 'membership' AND remaining <> 0 AND (expires_at IS NULL OR expires_at > :at)"""
# A membership that was taken back did not end: what ended is still there, or an expiry took it.
_MEMBERSHIP_ENDED = """
SELECT MAX(ended) FROM (
  SELECT expires_at AS ended FROM lots
  WHERE account_id = :account_id AND unit = 'membership' AND remaining <> 0 AND remaining > 0 AND expires_at <= :at
  UNION ALL SELECT l.expires_at FROM operations o JOIN entries e ON e.operation_id = o.id JOIN lots l ON l.id = e.lot_id
  WHERE o.account_id = :account_id AND o.kind = 'expiry' AND l.account_id = :account_id AND l.unit = 'membership' AND l.expires_at <= :at
) ends"""
_SET_MERGED = """
UPDATE accounts SET merged_into = :into WHERE id = :id AND business_id = :business_id AND merged_into IS NULL RETURNING id"""
_LEAD_ON = "UPDATE accounts SET merged_into = :into WHERE merged_into = :id AND business_id = :business_id"
_MERGED_INTO = "SELECT id FROM accounts WHERE merged_into = :id AND business_id = :business_id ORDER BY id"
_MERGED = "SELECT merged_into FROM accounts WHERE id = :id AND business_id = :business_id"
NEAR_MS = 62 * 86_400_000
_EXPIRING = """
SELECT unit, expires_at, CAST(SUM(remaining) AS BIGINT) AS amount FROM lots
WHERE account_id = :account_id AND remaining <> 0 AND unit IN ({units}) AND remaining > 0 AND expires_at > :now AND expires_at <= :until
  AND (available_at IS NULL OR available_at <= :now)
GROUP BY unit, expires_at"""
# What an account holds and what of it ends soon, in one look; each lot by itself: SQLite's grouping costs more than adding them up.
_HELD_AND_ENDING = """
SELECT b.unit, b.amount, CAST(COALESCE((SELECT SUM(l.remaining) FROM lots l WHERE l.account_id = b.account_id AND l.unit = b.unit
  AND l.remaining <> 0 AND l.available_at > :now), 0) AS BIGINT), CAST(NULL AS BIGINT)
FROM balances b WHERE b.account_id = :account_id
UNION ALL
SELECT unit, remaining, 0, expires_at FROM lots
WHERE account_id = :account_id AND remaining <> 0 AND unit IN ({units}) AND remaining > 0 AND expires_at > :now AND expires_at <= :until
  AND (available_at IS NULL OR available_at <= :now)"""
_EXPIRING_FIRST = _EXPIRING + " ORDER BY expires_at, unit LIMIT :limit"


async def cards_of(reader: Reader, business_id: int, account_id: int) -> list[Any]:
    """id and status of the cards that show the account, newest first."""
    return await reader.fetch_all(_CARDS, {"account_id": account_id, "business_id": business_id})


async def ended_since(reader: Reader, account_id: int, at_ms: int, now_ms: int) -> dict[str, list[Lot]]:
    """By unit: what ended after `at_ms` and was taken by an expiry, and nothing that came late has spent since."""
    found: dict[str, list[Lot]] = {}
    for unit, lot_id, amount, *times in await reader.fetch_all(_ENDED_SINCE, {"account_id": account_id, "at": at_ms, "now": now_ms}):
        found.setdefault(unit, []).append(Lot(lot_id, int(amount), *times))
    return found


async def balances(reader: Reader, account_id: int) -> dict[str, int]:
    return {row["unit"]: row["amount"] for row in await reader.fetch_all(_BALANCES, {"account_id": account_id})}


async def expiring(reader: Reader, account_id: int, units: Sequence[str], now_ms: int, until_ms: int, limit: int) -> list[Any]:
    """unit, expires_at (epoch ms) and amount, soonest first.

    The few of a near time are put in order here: for SQLite to do it costs three times the reading, and every look-up asks.
    """
    is_near = until_ms - now_ms <= NEAR_MS
    query, names = in_units(_EXPIRING if is_near else _EXPIRING_FIRST, tuple(units))
    values: dict[str, Any] = {**names, "account_id": account_id, "now": now_ms, "until": until_ms}
    if not is_near:
        return await reader.fetch_all(query, {**values, "limit": limit})
    return sorted(await reader.fetch_all(query, values), key=lambda row: (row["expires_at"], row["unit"]))[:limit]


async def balances_with_pending(reader: Reader, account_id: int, now_ms: int) -> list[Any]:
    """unit, amount, and pending: how much of it cannot be spent yet."""
    return await reader.fetch_all(_WITH_PENDING, {"account_id": account_id, "now": now_ms})


async def held_and_ending(reader: Reader, account_id: int, units: Sequence[str], now_ms: int, until_ms: int) -> list[Any]:
    """Rows of (unit, amount, pending, None), one a balance, and of (unit, remaining, 0, expires_at), one a lot that ends by `until_ms`."""
    query, names = in_units(_HELD_AND_ENDING, tuple(units))
    return await reader.fetch_all(query, {**names, "account_id": account_id, "now": now_ms, "until": until_ms})


async def progress_of(reader: Reader, account_id: int, at_ms: int) -> int:
    return int(await reader.fetch_val(_PROGRESS, {"account_id": account_id, "at": at_ms}) or 0)


async def has_alive(reader: Reader, account_id: int, unit: str, at_ms: int) -> bool:
    """Whether a lot of the unit is there that began and did not end at a moment."""
    return await reader.fetch_val(_HAS_ALIVE, {"account_id": account_id, "unit": unit, "at": at_ms}) is not None


async def memberships(reader: Reader, account_id: int, at_ms: int) -> list[Lot]:
    """Those that did not end by a moment, by when they begin."""
    lots = [Lot(*row) for row in await reader.fetch_all(_MEMBERSHIPS, {"account_id": account_id, "at": at_ms})]
    return sorted(lots, key=lambda lot: (lot.available_at or 0, lot.id))


async def membership_ended(reader: Reader, account_id: int, at_ms: int) -> int | None:
    """The newest end (ms) of a membership that lies behind a moment."""
    end = await reader.fetch_val(_MEMBERSHIP_ENDED, {"account_id": account_id, "at": at_ms})
    return None if end is None else int(end)


async def find_merged(reader: Reader, business_id: int, account_id: int) -> tuple[int | None] | None:
    """The account that this one was merged into, None in it for none; None where there is no such account."""
    row = await reader.fetch_one(_MERGED, {"id": account_id, "business_id": business_id})
    return (row["merged_into"],) if row else None


async def set_merged(tx: Transaction, business_id: int, account_id: int, into: int) -> bool:
    """Whether the account was there and not merged yet. Those that were merged into it before are led on, so that one step is enough."""
    values = {"id": account_id, "business_id": business_id, "into": into}
    if await tx.fetch_one(_SET_MERGED, values) is None:
        return False
    await tx.execute(_LEAD_ON, values)
    return True


async def merged_into(reader: Reader, business_id: int, account_id: int) -> list[int]:
    return [row["id"] for row in await reader.fetch_all(_MERGED_INTO, {"id": account_id, "business_id": business_id})]
