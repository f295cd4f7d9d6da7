"""The tables of pass types and passes: who a pass is, and which version of it was handed out last."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import from_ms
from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class PassType:
    """A pass type identifier and the word that its service's address carries."""

    id: int
    short_id: str


@dataclass(frozen=True, slots=True)
class Pass:
    """A card's Apple pass. version counts the pass.json that differed; modified_at: its Last-Modified, whole seconds."""

    id: int
    business_id: int
    card_id: int
    serial_number: str
    token_sealed: bytes
    version: int
    fingerprint: bytes | None
    modified_at: datetime


_COLUMNS = "id, business_id, card_id, serial_number, authentication_token_sealed, version, fingerprint, modified_at"
_FIND_TYPE = "SELECT id, short_id FROM pass_types WHERE pass_type_identifier = :pass_type_identifier"
_INSERT_TYPE = """
INSERT INTO pass_types(short_id, pass_type_identifier, team_identifier, created_at)
VALUES (:short_id, :pass_type_identifier, :team_identifier, :now) ON CONFLICT DO NOTHING"""
_FIND = f"SELECT {_COLUMNS} FROM passes WHERE card_id = :card_id AND pass_type_id = :pass_type_id"
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
_REGISTERED = """
SELECT DISTINCT p.card_id FROM passes p JOIN cards c ON c.id = p.card_id JOIN registrations r ON r.pass_id = p.id
WHERE c.business_id = :business_id AND c.program_id = :program_id AND p.card_id > :after ORDER BY p.card_id LIMIT :limit"""


def _pass(row: Row) -> Pass:
    fingerprint = row["fingerprint"]
    return Pass(row["id"], row["business_id"], row["card_id"], row["serial_number"], bytes(row["authentication_token_sealed"]),
                row["version"], None if fingerprint is None else bytes(fingerprint), from_ms(row["modified_at"]))


async def find_type(reader: Reader, pass_type_identifier: str) -> PassType | None:
    row = await reader.fetch_one(_FIND_TYPE, {"pass_type_identifier": pass_type_identifier})
    return PassType(row["id"], row["short_id"]) if row else None


async def insert_type(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Nothing happens where the type is known already."""
    await tx.execute(_INSERT_TYPE, values)


async def find(reader: Reader, card_id: int, pass_type_id: int) -> Pass | None:
    row = await reader.fetch_one(_FIND, {"card_id": card_id, "pass_type_id": pass_type_id})
    return _pass(row) if row else None


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


async def registered_cards(reader: Reader, business_id: int, program_id: int, after: int, limit: int) -> list[int]:
    """Ids above `after` of the programme's cards whose pass some device holds."""
    rows = await reader.fetch_all(_REGISTERED, {"business_id": business_id, "program_id": program_id, "after": after, "limit": limit})
    return [row["card_id"] for row in rows]
