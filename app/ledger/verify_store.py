"""Reading the whole ledger for `verify`: page by page along keys, so that memory does not grow with the ledger."""
from collections.abc import Sequence
from typing import Any

from app.db import Database, Transaction
from app.ledger.chain_store import COLUMNS
from app.ledger.store import in_list

Reader = Database | Transaction
PAGE = 2_000               # links
ACCOUNTS = 20_000

_LINKS = f"""
SELECT c.seq, c.hash, o.text_hash, t.salt, t.content, t.operation_id AS texts, c.operation_id, {COLUMNS}
FROM chain c LEFT JOIN operations o ON o.id = c.operation_id LEFT JOIN operation_texts t ON t.operation_id = c.operation_id
WHERE c.business_id = :business_id AND c.seq > :after AND c.seq <= :upto ORDER BY c.seq"""
_MOVED = """e.line, e.account_id, e.book, e.unit, e.amount, e.lot_id, l.operation_id AS made_by, l.id, l.unit AS lot_unit, l.granted,
  l.expires_at, l.created_at, l.available_at, l.moved_from, l.account_id AS owner"""
_MOVES = f"""
SELECT c.seq, {_MOVED} FROM chain c JOIN entries e ON e.operation_id = c.operation_id LEFT JOIN lots l ON l.id = e.lot_id
WHERE c.business_id = :business_id AND c.seq > :after AND c.seq <= :upto ORDER BY c.seq, e.line"""
_MOVES_OF = f"""
SELECT e.operation_id, {_MOVED} FROM entries e LEFT JOIN lots l ON l.id = e.lot_id
WHERE e.operation_id IN ({{ids}}) ORDER BY e.operation_id, e.line"""
_HASH = "SELECT hash FROM chain WHERE business_id = :business_id AND seq = :seq"
_UNSEALED = """
SELECT o.id, o.business_id, o.recorded_at, CASE WHEN t.operation_id IS NULL THEN 0 ELSE 1 END AS has_texts
FROM operations o LEFT JOIN chain c ON c.operation_id = o.id LEFT JOIN operation_texts t ON t.operation_id = o.id
WHERE c.operation_id IS NULL ORDER BY o.id LIMIT :limit"""
_LOTS = "SELECT id, remaining, account_id FROM lots WHERE id > :after ORDER BY id LIMIT :limit"
_BALANCES = """
SELECT account_id, unit, amount FROM balances WHERE account_id > :after AND account_id <= :last ORDER BY account_id, unit"""
# Rows that belong to nothing: each gives an id that a person can look for.
ENTRY, TEXTS, LOT = "an entry without its operation", "texts without their operation", "a lot that no entry made"
_ORPHANS = {
    ENTRY:
        "SELECT e.operation_id AS id FROM entries e LEFT JOIN operations o ON o.id = e.operation_id WHERE o.id IS NULL LIMIT 20",
    TEXTS:
        "SELECT t.operation_id AS id FROM operation_texts t LEFT JOIN operations o ON o.id = t.operation_id WHERE o.id IS NULL LIMIT 20",
    "a receipt without its operation":
        "SELECT r.operation_id AS id FROM receipts r LEFT JOIN operations o ON o.id = r.operation_id WHERE o.id IS NULL LIMIT 20",
    "an event that tells of an operation that is gone":
        "SELECT v.operation_id AS id FROM events v LEFT JOIN operations o ON o.id = v.operation_id"
        " WHERE v.operation_id IS NOT NULL AND o.id IS NULL LIMIT 20",
    LOT:
        "SELECT l.id FROM lots l WHERE NOT EXISTS"
        " (SELECT 1 FROM entries e WHERE e.operation_id = l.operation_id AND e.lot_id = l.id) LIMIT 20",
    "an operation without its account":
        "SELECT o.id FROM operations o LEFT JOIN accounts a ON a.id = o.account_id WHERE a.id IS NULL LIMIT 20",
    "an account without its cards, though it was moved":
        "SELECT b.account_id AS id FROM balances b WHERE NOT EXISTS (SELECT 1 FROM cards c WHERE c.account_id = b.account_id)"
        # What was merged away may have left its cards to the account that lives on.
        " AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = b.account_id AND a.merged_into IS NOT NULL) LIMIT 20",
}
# Those that no count can show to be absent.
ALWAYS = tuple(what for what in _ORPHANS if what not in (ENTRY, TEXTS, LOT))


async def chains(reader: Reader) -> list[Any]:
    """Each business and the number of its newest link; 0 for none."""
    return await reader.fetch_all("SELECT b.id, COALESCE((SELECT MAX(c.seq) FROM chain c WHERE c.business_id = b.id), 0) AS newest"
                                  " FROM businesses b ORDER BY b.id")


async def newest(reader: Reader) -> tuple[int, int]:
    """The ids of the newest lot and account."""
    row = await reader.fetch_one("SELECT (SELECT COALESCE(MAX(id), 0) FROM lots), (SELECT COALESCE(MAX(id), 0) FROM accounts)")
    return row[0], row[1]


async def counts(reader: Reader) -> tuple[int, int, int]:
    """How many entries, lots and texts there are."""
    row = await reader.fetch_one(
        "SELECT (SELECT COUNT(*) FROM entries), (SELECT COUNT(*) FROM lots), (SELECT COUNT(*) FROM operation_texts)")
    return row[0], row[1], row[2]


async def hash_of(reader: Reader, business_id: int, seq: int) -> bytes:
    """The hash of a link; empty where it is missing, so that nothing can follow it."""
    return bytes(await reader.fetch_val(_HASH, {"business_id": business_id, "seq": seq}) or b"")


async def links(reader: Reader, business_id: int, after: int, upto: int) -> list[Any]:
    """By seq: seq, hash, hash of the texts, their salt, content and row, the operation's id by the chain, then OPERATION_FIELDS."""
    return await reader.fetch_all(_LINKS, {"business_id": business_id, "after": after, "upto": upto})


async def moves(reader: Reader, business_id: int, after: int, upto: int) -> list[Any]:
    """The entries of these links by seq and line: seq, the entry (line to lot_id), and of its lot: the operation that made it,
    what `chain.lot_row` takes, whose it is."""
    return await reader.fetch_all(_MOVES, {"business_id": business_id, "after": after, "upto": upto})


async def moves_of(reader: Reader, operation_ids: Sequence[int]) -> list[Any]:
    """The same for at most 201 operations, with their ids in front."""
    names, values = in_list(operation_ids)
    return await reader.fetch_all(_MOVES_OF.format(ids=names), values)


async def operations(reader: Reader) -> int:
    """How many there are."""
    return await reader.fetch_val("SELECT COUNT(*) FROM operations")


async def unsealed(reader: Reader, limit: int) -> list[Any]:
    return await reader.fetch_all(_UNSEALED, {"limit": limit})


async def lots(reader: Reader, after: int) -> list[Any]:
    """A page: id, remaining, account_id."""
    return await reader.fetch_all(_LOTS, {"after": after, "limit": ACCOUNTS})


async def next_accounts(reader: Reader, after: int) -> int | None:
    """The last account of the page that begins behind `after`; None where there is none."""
    return await reader.fetch_val("SELECT MAX(account_id) FROM (SELECT DISTINCT account_id FROM balances WHERE account_id > :after"
                                  " ORDER BY account_id LIMIT :limit) page", {"after": after, "limit": ACCOUNTS})


async def balances_of_accounts(reader: Reader, after: int, last: int) -> list[Any]:
    """account_id, unit, amount."""
    return await reader.fetch_all(_BALANCES, {"after": after, "last": last})


async def orphans(reader: Reader, whats: Sequence[str]) -> list[tuple[str, int]]:
    """What is wrong, and the id that shows it."""
    return [(what, row[0]) for what in whats for row in await reader.fetch_all(_ORPHANS[what])]
