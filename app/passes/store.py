"""The table of passes: who a pass is, and which version of it was handed out last."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import from_ms
from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class Pass:
    """A card's Apple pass. version counts the pass.json that differed; modified_at: its Last-Modified, whole seconds."""

    id: int
    business_id: int
    card_id: int
    pass_type_id: int
    serial_number: str
    token_sealed: bytes
    version: int
    fingerprint: bytes | None
    modified_at: datetime


_COLUMNS = "id, business_id, card_id, pass_type_id, serial_number, authentication_token_sealed, version, fingerprint, modified_at"
# The oldest, should two requests ever have made two: an issued pass keeps its type.
_FIND = f"SELECT {_COLUMNS} FROM passes WHERE card_id = :card_id ORDER BY id LIMIT 1"
_INSERT = """
INSERT INTO passes(business_id, card_id, pass_type_id, serial_number, authentication_token_sealed, created_at)
VALUES (:business_id, :card_id, :pass_type_id, :serial_number, :nothing, :now) ON CONFLICT DO NOTHING RETURNING id"""
_SEAL = "UPDATE passes SET authentication_token_sealed = :sealed WHERE id = :id"
_LOCK = "SELECT id FROM passes WHERE id = :id FOR UPDATE"
# One statement, so that no two versions share a Last-Modified, however fast they follow and whatever the clock does.
_NEXT = f"""
UPDATE passes SET version = version + 1, fingerprint = :fingerprint,
  modified_at = CASE WHEN modified_at + 1000 > :now THEN modified_at + 1000 ELSE :now END
WHERE id = :id RETURNING {_COLUMNS}"""
_FIND_MARKED = f"""
SELECT {", ".join(f"p.{column}" for column in _COLUMNS.split(", "))}, COALESCE(l.number, 0) AS number,
  COALESCE((SELECT MAX(s.id) FROM spreads s WHERE s.program_id = c.program_id), 0) AS spread,
  (SELECT COUNT(*) FROM update_queue q WHERE q.card_id = c.id) AS waiting
FROM passes p JOIN cards c ON c.id = p.card_id LEFT JOIN latest_updates l ON l.card_id = p.card_id
WHERE p.card_id = :card_id ORDER BY p.id LIMIT 1"""

Mark = tuple[int, int, int]     # a card's newest update, its programme's newest spread, updates that wait for their number


def _pass(row: Row) -> Pass:
    fingerprint = row["fingerprint"]
    return Pass(row["id"], row["business_id"], row["card_id"], row["pass_type_id"], row["serial_number"],
                bytes(row["authentication_token_sealed"]), row["version"], None if fingerprint is None else bytes(fingerprint),
                from_ms(row["modified_at"]))


async def find(reader: Reader, card_id: int) -> Pass | None:
    """The card's pass, whatever its type."""
    row = await reader.fetch_one(_FIND, {"card_id": card_id})
    return _pass(row) if row else None


async def find_marked(reader: Reader, card_id: int) -> tuple[Pass, Mark] | None:
    """The card's pass and how far its changes have come. Asked before the card is read: a change in between is then looked at again."""
    row = await reader.fetch_one(_FIND_MARKED, {"card_id": card_id})
    return (_pass(row), (row["number"], row["spread"], row["waiting"])) if row else None


async def insert(tx: Transaction, values: Mapping[str, Any]) -> int | None:
    """The new row's id, its token still to be set; None where the card has a pass of this type."""
    return await tx.fetch_val(_INSERT, {**values, "nothing": b""})


async def set_token(tx: Transaction, pass_id: int, sealed: bytes) -> None:
    await tx.execute(_SEAL, {"id": pass_id, "sealed": sealed})


async def lock(tx: Transaction, pass_id: int) -> None:
    """From here on nobody else takes a version of this pass before `tx` ends (SQLite: one writer anyway)."""
    if tx.engine != "sqlite":
        await tx.fetch_one(_LOCK, {"id": pass_id})


async def next_version(tx: Transaction, pass_id: int, fingerprint: bytes, now_ms: int) -> Pass:
    """now_ms: whole seconds."""
    return _pass(await tx.fetch_one(_NEXT, {"id": pass_id, "fingerprint": fingerprint, "now": now_ms}))
