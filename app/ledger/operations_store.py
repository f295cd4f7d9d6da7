"""Reading operations: one, and pages of many, newest first."""
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from app.clock import from_ms
from app.db.within import among
from app.ledger import rules
from app.ledger.chain import OPERATION_FIELDS
from app.ledger.operations import Change, Operation
from app.ledger.store import Reader, in_list

_COLUMNS = ", ".join(f"o.{field}" for field in OPERATION_FIELDS)
_SELECT = f"""
SELECT {_COLUMNS}, t.content, c.hash FROM operations o
LEFT JOIN operation_texts t ON t.operation_id = o.id LEFT JOIN chain c ON c.operation_id = o.id"""
_ENTRIES = """
SELECT e.operation_id, e.book, e.unit, e.amount, l.expires_at, l.operation_id AS made_by
FROM entries e LEFT JOIN lots l ON l.id = e.lot_id WHERE e.operation_id IN ({ids}) ORDER BY e.operation_id, e.line"""
# What the account stood at when the operation was written: what it stands at now, less what came after.
_BALANCES_AFTER = """
SELECT o.id, b.unit, b.amount - COALESCE((
  SELECT SUM(e.amount) FROM operations later JOIN entries e ON e.operation_id = later.id
  WHERE later.account_id = o.account_id AND later.id > o.id AND e.account_id = o.account_id AND e.unit = b.unit), 0) AS amount
FROM operations o JOIN balances b ON b.account_id = o.account_id WHERE o.id IN ({ids})"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which operations of a business; None: all. `since` included, `until` not. before: (at in ms, id) of the last one seen."""

    business_id: int
    account_id: int | None = None
    location_id: int | None = None
    receipt: str | None = None
    kind: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    before: tuple[int, int] | None = None
    program_ids: frozenset[int] | None = None


async def find_operation(reader: Reader, business_id: int, operation_id: int, *, has_balances: bool = True) -> Operation | None:
    """has_balances False: without what the account had after it, which is summed over all that came later."""
    row = await reader.fetch_one(f"{_SELECT} WHERE o.id = :id AND o.business_id = :business_id",
                                 {"id": operation_id, "business_id": business_id})
    return (await _complete(reader, [row], has_balances=has_balances))[0] if row else None


async def list_operations(reader: Reader, wanted: Filter, limit: int, *, has_balances: bool = True) -> list[Operation]:
    """Newest first: of one account in the order of arrival, else by when they happened. has_balances: as `find_operation`."""
    conditions = ["o.business_id = :business_id"]
    values: dict[str, Any] = {"business_id": wanted.business_id, "limit": limit}
    for column, test in (("account_id", "o.account_id ="), ("location_id", "o.location_id ="), ("kind", "o.kind ="),
                         ("since_ms", "o.at >="), ("until_ms", "o.at <")):
        if (value := getattr(wanted, column)) is not None:
            conditions.append(f"{test} :{column}")
            values[column] = value
    if wanted.receipt is not None:
        # With neither the plus nor the range SQLite would walk all operations, and all receipts, of the business.
        conditions[0] = "+o.business_id = :business_id"
        conditions.append("o.id IN (SELECT operation_id FROM receipts"
                          " WHERE business_id = :business_id AND number BETWEEN :receipt AND :receipt)")
        values["receipt"] = wanted.receipt
    order = "o.at DESC, o.id DESC" if wanted.account_id is None else "o.id DESC"
    if wanted.before is not None:
        conditions.append("o.id < :id" if wanted.account_id is not None else "(o.at < :at OR (o.at = :at AND o.id < :id))")
        values |= {"at": wanted.before[0], "id": wanted.before[1]} if wanted.account_id is None else {"id": wanted.before[1]}
    kept = among("o.program_id", wanted.program_ids)
    rows = await reader.fetch_all(f"{_SELECT} WHERE {' AND '.join(conditions)}{kept} ORDER BY {order} LIMIT :limit", values)
    return await _complete(reader, rows, has_balances=has_balances)


async def list_refunds(reader: Reader, business_id: int, operation_id: int) -> list[Operation]:
    """What took an operation back already, oldest first; without balances."""
    rows = await reader.fetch_all(f"{_SELECT} WHERE o.of_operation_id = :id AND o.business_id = :business_id ORDER BY o.id",
                                  {"id": operation_id, "business_id": business_id})
    return await _complete(reader, rows, has_balances=False)


async def count_receipts(reader: Reader, card_id: int, actor: tuple[str, int | None], since_ms: int) -> tuple[int, int]:
    """How many sales a card has that were not undone: all of them, and those that `actor` rang up since a moment."""
    row = await reader.fetch_one(
        "SELECT COUNT(*) AS total, COALESCE(SUM(CASE WHEN o.recorded_at >= :since AND o.actor_kind = :kind"
        " AND COALESCE(o.actor_id, 0) = :actor THEN 1 ELSE 0 END), 0) AS recent FROM operations o"
        " WHERE o.account_id = (SELECT c.account_id FROM cards c WHERE c.id = :card_id) AND o.card_id = :card_id AND o.kind = 'sale'"
        " AND NOT EXISTS (SELECT 1 FROM operations u WHERE u.of_operation_id = o.id AND u.kind = 'undo')",
        {"card_id": card_id, "kind": actor[0], "actor": actor[1] or 0, "since": since_ms})
    return int(row["total"]), int(row["recent"])


async def _complete(reader: Reader, rows: Sequence[Any], *, has_balances: bool = True) -> list[Operation]:
    """Operations with their changes and balances, in the order of `rows`."""
    if not rows:
        return []
    names, values = in_list([row["id"] for row in rows])
    entries = defaultdict(list)
    for entry in await reader.fetch_all(_ENTRIES.format(ids=names), values):
        entries[entry["operation_id"]].append(entry)
    balances: dict[int, dict[str, int]] = defaultdict(dict)
    for row in await reader.fetch_all(_BALANCES_AFTER.format(ids=names), values) if has_balances else ():
        balances[row["id"]][row["unit"]] = int(row["amount"])
    return [_operation(row, entries[row["id"]], balances[row["id"]]) for row in rows]


def _operation(row: Any, entries: Sequence[Any], balances: dict[str, int]) -> Operation:
    values = {field: row[field] for field in OPERATION_FIELDS}
    moments: dict[str, datetime] = {"at": from_ms(row["at"]), "recorded_at": from_ms(row["recorded_at"])}
    return Operation(**{**values, **moments}, texts=msgspec.json.decode(row["content"]) if row["content"] else {},
                     changes=_changes(row["kind"], entries), balances=balances, hash=bytes(row["hash"]) if row["hash"] else None)


def _changes(kind: str, entries: Sequence[Any]) -> tuple[Change, ...]:
    """The entries of the account's side come before the business's entry of their leg, which is there also where it is zero."""
    changes: list[Change] = []
    ends: list[int | None] = []
    for entry in entries:
        if entry["book"] == "account":
            if entry["made_by"] == entry["operation_id"] and entry["amount"] > 0:
                ends.append(entry["expires_at"])
        else:
            changes.append(Change(entry["unit"], -entry["amount"], rules.why(kind, entry["book"]), ends[0] if ends else None))
            ends = []
    return tuple(changes)
