"""SQL on rule_uses and rule_totals, on products and what each account buys."""
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.db import Database, Row, Transaction

Reader = Database | Transaction

_USE = """
INSERT INTO rule_uses(operation_id, rule, business_id, program_id, account_id, local_day, amount)
VALUES (:operation_id, :rule, :business_id, :program_id, :account_id, :local_day, :amount)"""
# One statement, so that two tills cannot both take the rest: the second waits for the first, then sees its sum.
_ADD_TOTAL = """
INSERT INTO rule_totals(business_id, program_id, rule, amount) VALUES (:business_id, :program_id, :rule, :amount)
ON CONFLICT (program_id, rule) DO UPDATE SET amount = rule_totals.amount + excluded.amount
WHERE rule_totals.amount + excluded.amount <= CAST(:most AS BIGINT) RETURNING amount"""
_LOWER_TOTAL = """
UPDATE rule_totals SET amount = amount - :amount WHERE program_id = :program_id AND rule = :rule AND business_id = :business_id"""
_USED_BY = """
SELECT rule, account_id, MAX(local_day) AS local_day, CAST(SUM(CASE WHEN amount > 0 THEN amount ELSE 0 END) AS BIGINT) AS used,
       CAST(SUM(CASE WHEN amount < 0 THEN -amount ELSE 0 END) AS BIGINT) AS taken
FROM rule_uses WHERE business_id = :business_id AND operation_id IN (
  SELECT id FROM operations WHERE id = :operation_id OR of_operation_id = :operation_id)
GROUP BY rule, account_id ORDER BY rule"""

_KNOWN = "SELECT sku FROM products WHERE business_id = :business_id AND sku IN ({names})"
_PRODUCT = """
INSERT INTO products(business_id, sku, name, category, added_at)
VALUES (:business_id, :sku, :name, CAST(:category AS TEXT), :added_at) ON CONFLICT DO NOTHING"""
_BOUGHT = """
INSERT INTO bought(account_id, sku, business_id, times, last_at) VALUES (:account_id, :sku, :business_id, 1, :at)
ON CONFLICT (account_id, sku) DO UPDATE SET times = bought.times + 1,
  last_at = CASE WHEN excluded.last_at > bought.last_at THEN excluded.last_at ELSE bought.last_at END"""
_UNBOUGHT = """
UPDATE bought SET times = times - 1 WHERE account_id = :account_id AND sku = :sku AND business_id = :business_id AND times > 0"""
_SET_PRODUCT = """
INSERT INTO products(business_id, sku, name, category, can_be_favourite, added_at)
VALUES (:business_id, :sku, :name, CAST(:category AS TEXT), :can_be_favourite, :added_at)
ON CONFLICT (business_id, sku) DO UPDATE SET name = excluded.name, category = excluded.category,
  can_be_favourite = excluded.can_be_favourite"""
_PRODUCTS = "SELECT sku, name, category, can_be_favourite, added_at FROM products WHERE business_id = :business_id"


class Used(NamedTuple):
    """What a rule gave with an operation, and what its refunds took back so far, both >= 0."""

    rule: str
    account_id: int
    local_day: str
    used: int
    taken: int


# How much rules with caps gave.
async def insert_uses(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """rows: operation_id, rule, business_id, program_id, account_id, local_day, amount."""
    await tx.execute_many(_USE, rows)


async def add_total(tx: Transaction, business_id: int, program_id: int, rule: str, amount: int, most: int) -> bool:
    """Whether the campaign had `amount` left under `most`; it is counted then. amount: at most `most`."""
    return await tx.fetch_one(_ADD_TOTAL, {"business_id": business_id, "program_id": program_id, "rule": rule, "amount": amount,
                                           "most": most}) is not None


async def lower_total(tx: Transaction, business_id: int, program_id: int, rule: str, amount: int) -> None:
    """Nothing where the rule has no total."""
    await tx.execute(_LOWER_TOTAL, {"business_id": business_id, "program_id": program_id, "rule": rule, "amount": amount})


async def used_by(reader: Reader, business_id: int, operation_id: int) -> list[Used]:
    """By rule, with what operations that point at this one took back."""
    rows = await reader.fetch_all(_USED_BY, {"business_id": business_id, "operation_id": operation_id})
    return [Used(row[0], row[1], row[2], row[3], row[4]) for row in rows]


# Goods, and who buys them.
async def known_products(reader: Reader, business_id: int, skus: Sequence[str]) -> set[str]:
    names = {f"sku{number}": sku for number, sku in enumerate(skus)}
    rows = await reader.fetch_all(_KNOWN.format(names=", ".join(f":{name}" for name in names)), {"business_id": business_id, **names})
    return {row[0] for row in rows}


async def insert_products(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """rows: business_id, sku, name, category, added_at; those that are there stay as they are."""
    await tx.execute_many(_PRODUCT, rows)


async def add_bought(tx: Transaction, business_id: int, account_id: int, skus: Sequence[str], at: int) -> None:
    await tx.execute_many(_BOUGHT, [{"account_id": account_id, "sku": sku, "business_id": business_id, "at": at} for sku in skus])


async def take_bought(tx: Transaction, business_id: int, account_id: int, skus: Sequence[str]) -> None:
    await tx.execute_many(_UNBOUGHT, [{"account_id": account_id, "sku": sku, "business_id": business_id} for sku in skus])


async def set_product(tx: Transaction, business_id: int, sku: str, name: str, category: str | None, can_be_favourite: bool,
                      now: int) -> None:
    await tx.execute(_SET_PRODUCT, {"business_id": business_id, "sku": sku, "name": name, "category": category,
                                    "can_be_favourite": int(can_be_favourite), "added_at": now})


async def find_product(reader: Reader, business_id: int, sku: str) -> Row | None:
    return await reader.fetch_one(f"{_PRODUCTS} AND sku = :sku", {"business_id": business_id, "sku": sku})


async def list_products(reader: Reader, business_id: int, only_favourites: bool, after: str, limit: int) -> list[Row]:
    """By sku, those behind `after`."""
    return await reader.fetch_all(f"{_PRODUCTS} AND sku > :after{' AND can_be_favourite = 1' if only_favourites else ''} "
                                  "ORDER BY sku LIMIT :limit", {"business_id": business_id, "after": after, "limit": limit})
