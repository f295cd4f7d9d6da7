"""SQL on favourites, personal_offers and offer_rounds."""
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.db import Database, Row, Transaction
from app.standing.offers import Fresh, Offered, Often

Reader = Database | Transaction

_NEWEST_FAVOURITE = """
SELECT f.sku, f.at, f.until_at, p.name FROM favourites f LEFT JOIN products p ON p.business_id = f.business_id AND p.sku = f.sku
WHERE f.account_id = :account_id AND f.business_id = :business_id ORDER BY f.id DESC LIMIT 1"""
_FAVOURITE = """
INSERT INTO favourites(business_id, account_id, sku, at, until_at) VALUES (:business_id, :account_id, :sku, :at, :until_at)"""
_OFFERS = """
SELECT o.sku, p.name, o.discount_bp, o.why, o.starts_at, o.ends_at FROM personal_offers o
LEFT JOIN products p ON p.business_id = o.business_id AND p.sku = o.sku
WHERE o.account_id = :account_id AND o.starts_at <= :now AND o.ends_at > :now ORDER BY o.why, o.id"""
_OFFER = """
INSERT INTO personal_offers(business_id, account_id, sku, discount_bp, why, starts_at, ends_at)
VALUES (:business_id, :account_id, :sku, :discount_bp, :why, :starts_at, :ends_at)"""
_LAST_BASKET = """
SELECT sku, ends_at FROM personal_offers WHERE account_id = :account_id AND business_id = :business_id
  AND ends_at = (SELECT MAX(ends_at) FROM personal_offers WHERE account_id = :account_id)"""
# A row that is there keeps its time: the basket of now is not cut short by a purchase.
_ROUND = """
INSERT INTO offer_rounds(account_id, business_id, program_id, due_at) VALUES (:account_id, :business_id, :program_id, :due_at)
ON CONFLICT DO NOTHING"""
_DUE = "SELECT account_id, business_id, program_id FROM offer_rounds WHERE due_at <= :now ORDER BY due_at, account_id LIMIT :limit"
_OFTEN = """
SELECT sku, times, last_at FROM bought WHERE account_id = :account_id AND business_id = :business_id AND times > 0 AND last_at > :since"""
_FRESH = """
SELECT sku, added_at FROM products p WHERE business_id = :business_id AND NOT EXISTS (
  SELECT 1 FROM bought b WHERE b.account_id = :account_id AND b.sku = p.sku AND b.times > 0)
ORDER BY added_at DESC, sku LIMIT :limit"""


class Round(NamedTuple):
    """An account whose basket is due."""

    account_id: int
    business_id: int
    program_id: int


# What the shopper chose.
async def newest_favourite(reader: Reader, business_id: int, account_id: int) -> Row | None:
    """sku, at, until_at, name (None where the product is gone)."""
    return await reader.fetch_one(_NEWEST_FAVOURITE, {"account_id": account_id, "business_id": business_id})


async def insert_favourite(tx: Transaction, values: dict[str, Any]) -> None:
    await tx.execute(_FAVOURITE, values)


# What the shopper is offered.
async def offers_at(reader: Reader, account_id: int, now: int) -> list[Row]:
    """sku, name, discount_bp, why, starts_at, ends_at of the basket of now: the frequent ones first."""
    return await reader.fetch_all(_OFFERS, {"account_id": account_id, "now": now})


async def last_basket(reader: Reader, business_id: int, account_id: int) -> tuple[set[str], int]:
    """The skus of the newest basket, and when it ends or ended; none, 0 before the first."""
    rows = await reader.fetch_all(_LAST_BASKET, {"account_id": account_id, "business_id": business_id})
    return {row[0] for row in rows}, max([row[1] for row in rows], default=0)


async def insert_offers(tx: Transaction, business_id: int, account_id: int, offered: Sequence[Offered], discount_bp: int,
                        starts_at: int, ends_at: int) -> None:
    await tx.execute_many(_OFFER, [
        {"business_id": business_id, "account_id": account_id, "sku": one.sku, "discount_bp": discount_bp, "why": one.why,
         "starts_at": starts_at, "ends_at": ends_at} for one in offered])


async def often_bought(reader: Reader, business_id: int, account_id: int, since: int) -> list[Often]:
    rows = await reader.fetch_all(_OFTEN, {"business_id": business_id, "account_id": account_id, "since": since})
    return [Often(row[0], row[1], row[2]) for row in rows]


async def never_bought(reader: Reader, business_id: int, account_id: int, limit: int) -> list[Fresh]:
    """The newest ones first."""
    rows = await reader.fetch_all(_FRESH, {"business_id": business_id, "account_id": account_id, "limit": limit})
    return [Fresh(row[0], row[1]) for row in rows]


# When the next basket is made.
async def begin_round(tx: Transaction, one: Round, due_at: int) -> None:
    """From now on the account has baskets; one that has them keeps its time."""
    await tx.execute(_ROUND, {**one._asdict(), "due_at": due_at})


async def due_rounds(reader: Reader, now: int, limit: int) -> list[Round]:
    rows = await reader.fetch_all(_DUE, {"now": now, "limit": limit})
    return [Round(row[0], row[1], row[2]) for row in rows]


async def move_round(tx: Transaction, account_id: int, due_at: int) -> None:
    await tx.execute("UPDATE offer_rounds SET due_at = :due_at WHERE account_id = :account_id",
                     {"account_id": account_id, "due_at": due_at})


async def end_round(tx: Transaction, account_id: int) -> None:
    """The next purchase begins it again."""
    await tx.execute("DELETE FROM offer_rounds WHERE account_id = :account_id", {"account_id": account_id})
