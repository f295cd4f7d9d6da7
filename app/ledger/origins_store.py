"""Which lots an operation drew from and made, followed to where freezes and merges moved their points."""
from collections.abc import Sequence
from typing import Any

from app.ledger.rules import POINTS, Lot
from app.ledger.store import Reader, in_list

_ENTRIES = """
SELECT e.book, e.amount, l.id, l.expires_at, l.created_at, l.available_at, l.account_id
FROM entries e LEFT JOIN lots l ON l.id = e.lot_id WHERE e.operation_id = :operation_id AND e.unit = :unit ORDER BY e.line"""
_HEIRS = """
WITH RECURSIVE heirs(origin, id) AS (
  SELECT l.moved_from, l.id FROM lots l WHERE l.moved_from IN ({ids})
  UNION ALL SELECT h.origin, l.id FROM lots l JOIN heirs h ON l.moved_from = h.id)
SELECT h.origin, l.id, l.expires_at, l.created_at, l.available_at, l.account_id FROM heirs h CROSS JOIN lots l
WHERE l.id = h.id ORDER BY l.id"""
_OWN = """
WITH RECURSIVE own(id) AS (
  SELECT l.id FROM entries e JOIN lots l ON l.id = e.lot_id
  WHERE e.operation_id = :operation_id AND l.operation_id = :operation_id AND l.unit = :unit AND l.granted > 0 AND l.moved_from IS NULL
  UNION SELECT l.id FROM lots l JOIN own ON l.moved_from = own.id)"""
_MADE = f"""{_OWN}
SELECT l.id, l.remaining, l.expires_at, l.created_at, l.available_at FROM own CROSS JOIN lots l
WHERE l.id = own.id ORDER BY CASE WHEN l.expires_at IS NULL THEN 1 ELSE 0 END, l.expires_at, l.id"""
# Entries of an account stand before the book that they were moved against. A late sale spends what ended since: it comes back first.
_EXPIRED_OF = f"""{_OWN}
SELECT COALESCE(SUM(-e.amount), 0) FROM operations o JOIN entries e ON e.operation_id = o.id
WHERE o.account_id IN (SELECT l.account_id FROM own CROSS JOIN lots l WHERE l.id = own.id) AND o.id > :operation_id
  AND e.lot_id IN (SELECT id FROM own) AND (
    SELECT b.book FROM entries b WHERE b.operation_id = e.operation_id AND b.line > e.line AND b.book <> 'account'
    ORDER BY b.line LIMIT 1) IN ('expired', 'returned')"""
MOST = 201


async def drawn_by(reader: Reader, operation_id: int, unit: str = POINTS, *, book: str = "redeemed",
                   account_id: int | None = None) -> list[Lot]:
    """How much of `unit` an operation took from which lot for `book` (redeemed, converted), in its order: remaining is that amount.

    account_id: the account that the points go back to (`home_of` the operation's), None: the operation's own. Where a lot's points
    were moved since, the newest lot that they moved to is named in its place, with that one's end. A lot of an account that was
    merged, none of whose points were left to be moved, comes with the id 0 and its last end: `Purse.give_back` makes it a new lot.
    """
    drawn, leg = [], []
    for row in await reader.fetch_all(_ENTRIES, {"operation_id": operation_id, "unit": unit}):
        if row["book"] == "account":
            leg.append(row)
        else:
            drawn += [entry for entry in leg if entry["amount"] < 0] if row["book"] == book else []
            leg = []
    if not drawn:
        return []
    heirs = await _heirs(reader, [row["id"] for row in drawn], account_id)
    return [_now(row, heirs, account_id) for row in drawn]


def _now(row: Any, heirs: dict[int, Any], account_id: int | None) -> Lot:
    heir = heirs.get(row["id"], row)
    is_here = account_id in (None, heir["account_id"])
    return Lot(heir["id"] if is_here else 0, -row["amount"], heir["expires_at"], heir["created_at"], heir["available_at"])


async def _heirs(reader: Reader, lots: Sequence[int], account_id: int | None) -> dict[int, Any]:
    """The newest lot that the points of each of these lots were moved to: of this account (None: of any), else the newest elsewhere,
    whose end still is the one that they were given last."""
    here, elsewhere = dict[int, Any](), dict[int, Any]()
    for page in range(0, len(lots), MOST):
        names, values = in_list(lots[page:page + MOST])
        for row in await reader.fetch_all(_HEIRS.format(ids=names), values):
            kept = here if account_id in (None, row["account_id"]) else elsewhere
            kept[row["origin"]] = row
    return elsewhere | here


async def made_by(reader: Reader, operation_id: int, unit: str = POINTS) -> list[Lot]:
    """The lots of `unit` that an operation made, debts not among them, and those that their points were moved to since; the soonest
    ending first, so that a refund leaves what lives longest."""
    return [Lot(*row) for row in await reader.fetch_all(_MADE, {"operation_id": operation_id, "unit": unit})]


async def expired_of(reader: Reader, operation_id: int, unit: str = POINTS) -> int:
    """How many points of the lots that an operation made ended unspent, wherever they were moved to, or went back with a card that was
    never anybody's; what a late sale spent after all is not among them."""
    return int(await reader.fetch_val(_EXPIRED_OF, {"operation_id": operation_id, "unit": unit}))
