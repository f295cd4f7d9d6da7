"""The tables of pass types and of the certificates that businesses brought for theirs."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import from_ms
from app.db import Database, Row, Transaction

Reader = Database | Transaction


@dataclass(frozen=True, slots=True)
class PassType:
    """A pass type identifier, whose it is (None: the server's), and the word that its service's address carries."""

    id: int
    business_id: int | None
    short_id: str
    pass_type_identifier: str
    team_identifier: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """A row of `certificates`. certificate, wwdr, request: PEM; without a certificate it is a signing request that waits for one."""

    id: int
    business_id: int
    pass_type_id: int | None
    certificate: str | None
    wwdr: str | None
    request: str | None
    key_sealed: bytes
    serial_number: str | None
    not_before: datetime | None
    not_after: datetime | None
    created_at: datetime
    created_by: str
    retired_at: datetime | None


_TYPE = "SELECT id, business_id, short_id, pass_type_identifier, team_identifier FROM pass_types"
_INSERT_TYPE = """
INSERT INTO pass_types(business_id, short_id, pass_type_identifier, team_identifier, created_at)
VALUES (CAST(:business_id AS BIGINT), :short_id, :pass_type_identifier, :team_identifier, :now) ON CONFLICT DO NOTHING"""
_MARK = """
SELECT (SELECT COALESCE(MAX(id), 0) FROM pass_types) AS types, COUNT(*) AS certificates, COUNT(pass_type_id) AS complete,
  COUNT(retired_at) AS retired, COALESCE(MAX(id), 0) AS newest FROM certificates"""
_COLUMNS = ("id, business_id, pass_type_id, certificate, wwdr, request, key_sealed, serial_number, not_before, not_after, created_at, "
            "created_by, retired_at")
_INSERT = """
INSERT INTO certificates(business_id, pass_type_id, certificate, wwdr, request, key_sealed, serial_number, not_before, not_after,
  created_at, created_by)
VALUES (:business_id, CAST(:pass_type_id AS BIGINT), CAST(:certificate AS TEXT), CAST(:wwdr AS TEXT), CAST(:request AS TEXT), :nothing,
  CAST(:serial_number AS TEXT), CAST(:not_before AS BIGINT), CAST(:not_after AS BIGINT), :now, :created_by) RETURNING id"""
_COMPLETE = """
UPDATE certificates SET pass_type_id = :pass_type_id, certificate = :certificate, wwdr = :wwdr, serial_number = :serial_number,
  not_before = :not_before, not_after = :not_after
WHERE id = :id AND business_id = :business_id AND certificate IS NULL AND retired_at IS NULL RETURNING id"""


def _pass_type(row: Row) -> PassType:
    return PassType(row["id"], row["business_id"], row["short_id"], row["pass_type_identifier"], row["team_identifier"])


def _certificate(row: Row) -> Certificate:
    def moment(name: str) -> datetime | None:
        return None if row[name] is None else from_ms(row[name])

    return Certificate(
        row["id"], row["business_id"], row["pass_type_id"], row["certificate"], row["wwdr"], row["request"], bytes(row["key_sealed"]),
        row["serial_number"], moment("not_before"), moment("not_after"), from_ms(row["created_at"]), row["created_by"],
        moment("retired_at"))


async def find_type(reader: Reader, pass_type_identifier: str) -> PassType | None:
    row = await reader.fetch_one(f"{_TYPE} WHERE pass_type_identifier = :name", {"name": pass_type_identifier})
    return _pass_type(row) if row else None


async def types(reader: Reader) -> list[PassType]:
    """Every pass type of the server, whosever it is: the one list that no business sees."""
    return [_pass_type(row) for row in await reader.fetch_all(f"{_TYPE} ORDER BY id")]


async def insert_type(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Nothing happens where the identifier is known already, whosever it is."""
    await tx.execute(_INSERT_TYPE, values)


async def mark(reader: Reader) -> tuple[int, ...]:
    """Differs when a type or a certificate came, was completed or was retired."""
    row = await reader.fetch_one(_MARK)
    return tuple(row[name] for name in ("types", "certificates", "complete", "retired", "newest"))


async def live(reader: Reader) -> list[Certificate]:
    """The complete certificates of all businesses that nobody retired, newest first; expired ones too."""
    rows = await reader.fetch_all(f"SELECT {_COLUMNS} FROM certificates WHERE pass_type_id IS NOT NULL AND retired_at IS NULL "
                                  "ORDER BY id DESC")
    return [_certificate(row) for row in rows]


async def of_business(reader: Reader, business_id: int) -> list[Certificate]:
    """Everything that a business brought or asked for, newest first."""
    rows = await reader.fetch_all(f"SELECT {_COLUMNS} FROM certificates WHERE business_id = :business_id ORDER BY id DESC",
                                  {"business_id": business_id})
    return [_certificate(row) for row in rows]


async def find(reader: Reader, business_id: int, certificate_id: int) -> Certificate | None:
    row = await reader.fetch_one(f"SELECT {_COLUMNS} FROM certificates WHERE id = :id AND business_id = :business_id",
                                 {"id": certificate_id, "business_id": business_id})
    return _certificate(row) if row else None


async def insert(tx: Transaction, values: Mapping[str, Any]) -> int:
    """The new row's id, its key still to be set."""
    return await tx.fetch_val(_INSERT, {**values, "nothing": b""})


async def set_key(tx: Transaction, certificate_id: int, sealed: bytes) -> None:
    await tx.execute("UPDATE certificates SET key_sealed = :sealed WHERE id = :id", {"id": certificate_id, "sealed": sealed})


async def complete(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """The certificate that answers a signing request; False: it was answered or retired meanwhile."""
    return await tx.fetch_one(_COMPLETE, values) is not None


async def retire(tx: Transaction, business_id: int, certificate_id: int, now_ms: int) -> bool:
    """False: it was retired before, or is another business's."""
    return await tx.fetch_one("UPDATE certificates SET retired_at = :now WHERE id = :id AND business_id = :business_id "
                              "AND retired_at IS NULL RETURNING id",
                              {"now": now_ms, "id": certificate_id, "business_id": business_id}) is not None
