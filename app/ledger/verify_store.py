"""Reading the whole ledger for `verify`: page by page along keys, so that memory does not grow with the ledger."""
from typing import Any

from app.db import Database, Transaction
from app.ledger.chain_store import COLUMNS

Reader = Database | Transaction
PAGE = 200                 # operations
ACCOUNTS = 500

_CHAIN = f"""
SELECT c.seq, c.operation_id, c.hash, o.text_hash, t.operation_id AS texts, t.salt, t.content, {COLUMNS}
FROM chain c LEFT JOIN operations o ON o.id = c.operation_id LEFT JOIN operation_texts t ON t.operation_id = c.operation_id
WHERE c.business_id = :business_id AND c.seq > :after ORDER BY c.seq LIMIT :limit"""
_UNSEALED = """
SELECT o.id, o.business_id, o.recorded_at FROM operations o LEFT JOIN chain c ON c.operation_id = o.id
WHERE c.operation_id IS NULL ORDER BY o.id LIMIT :limit"""
_LOTS = """
SELECT o.account_id, e.account_id AS moved, e.lot_id, e.unit, SUM(e.amount) AS amount,
  l.account_id AS owner, l.unit AS lot_unit, l.remaining
FROM operations o JOIN entries e ON e.operation_id = o.id LEFT JOIN lots l ON l.id = e.lot_id
WHERE o.account_id > :after AND o.account_id <= :last AND e.book = 'account'
GROUP BY o.account_id, e.account_id, e.lot_id, e.unit, l.account_id, l.unit, l.remaining ORDER BY o.account_id"""
_BALANCES = "SELECT account_id, unit, amount FROM balances WHERE account_id > :after AND account_id <= :last ORDER BY account_id"
# Rows that belong to nothing: each gives an id that a person can look for.
_ORPHANS = {
    "an entry without its operation":
        "SELECT e.operation_id AS id FROM entries e LEFT JOIN operations o ON o.id = e.operation_id WHERE o.id IS NULL LIMIT 20",
    "texts without their operation":
        "SELECT t.operation_id AS id FROM operation_texts t LEFT JOIN operations o ON o.id = t.operation_id WHERE o.id IS NULL LIMIT 20",
    "a receipt without its operation":
        "SELECT r.operation_id AS id FROM receipts r LEFT JOIN operations o ON o.id = r.operation_id WHERE o.id IS NULL LIMIT 20",
    "an event that tells of an operation that is gone":
        "SELECT v.operation_id AS id FROM events v LEFT JOIN operations o ON o.id = v.operation_id"
        " WHERE v.operation_id IS NOT NULL AND o.id IS NULL LIMIT 20",
    "a lot that no entry made":
        "SELECT l.id FROM lots l WHERE NOT EXISTS"
        " (SELECT 1 FROM entries e WHERE e.operation_id = l.operation_id AND e.lot_id = l.id) LIMIT 20",
    "an operation without its account":
        "SELECT o.id FROM operations o LEFT JOIN accounts a ON a.id = o.account_id WHERE a.id IS NULL LIMIT 20",
    "an account without its cards, though it was moved":
        "SELECT b.account_id AS id FROM balances b WHERE NOT EXISTS (SELECT 1 FROM cards c WHERE c.account_id = b.account_id) LIMIT 20",
}


async def businesses(reader: Reader) -> list[int]:
    return [row["id"] for row in await reader.fetch_all("SELECT id FROM businesses ORDER BY id")]


async def links(reader: Reader, business_id: int, after: int) -> list[Any]:
    return await reader.fetch_all(_CHAIN, {"business_id": business_id, "after": after, "limit": PAGE})


async def unsealed(reader: Reader, limit: int) -> list[Any]:
    return await reader.fetch_all(_UNSEALED, {"limit": limit})


async def next_accounts(reader: Reader, after: int) -> int | None:
    """The last account of the page that begins behind `after`; None where there is none."""
    return await reader.fetch_val("SELECT MAX(id) FROM (SELECT id FROM accounts WHERE id > :after ORDER BY id LIMIT :limit) page",
                                  {"after": after, "limit": ACCOUNTS})


async def lots_of_accounts(reader: Reader, after: int, last: int) -> list[Any]:
    return await reader.fetch_all(_LOTS, {"after": after, "last": last})


async def balances_of_accounts(reader: Reader, after: int, last: int) -> list[Any]:
    return await reader.fetch_all(_BALANCES, {"after": after, "last": last})


async def orphans(reader: Reader) -> list[tuple[str, int]]:
    """What is wrong, and the id that shows it."""
    return [(what, row["id"]) for what, query in _ORPHANS.items() for row in await reader.fetch_all(query)]
