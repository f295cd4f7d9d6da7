"""The tables of promo codes: batches, codes, and who used them."""
from collections.abc import Mapping, Sequence
from typing import Any

from app.benefits.rules import Batch, Promo
from app.clock import from_ms
from app.db import Database, Transaction

Reader = Database | Transaction
_BATCH = """SELECT b.id, b.business_id, b.program_id, b.key, b.name, b.kind, b.reward, b.uses, b.per_person, b.total, b.used,
       (SELECT COUNT(*) FROM promo_codes c WHERE c.batch_id = b.id) AS codes, b.starts_at, b.ends_at, b.created_at, b.created_by,
       b.closed_at
FROM promo_batches b WHERE b.business_id = :business_id"""
_CODE = """SELECT c.id AS code_id, c.code, c.used AS code_used, b.id AS batch_id, b.key, b.kind, b.reward, b.uses, b.per_person, b.total,
       b.used, b.starts_at, b.ends_at, b.closed_at, b.program_id, b.business_id
FROM promo_codes c JOIN promo_batches b ON b.id = c.batch_id"""


def _moment(value: int | None) -> Any:
    return None if value is None else from_ms(value)


def _batch(row: Any) -> Batch:
    return Batch(**{**dict(row), **{field: _moment(row[field]) for field in ("starts_at", "ends_at", "created_at", "closed_at")}})


def promo(row: Any) -> Promo:
    """The part of a `find_code` row that a claim needs."""
    return Promo(row["code_id"], row["code"], row["batch_id"], row["key"], row["kind"], row["reward"], row["uses"], row["per_person"],
                 row["total"], row["business_id"], row["program_id"])


async def insert_batch(tx: Transaction, row: Mapping[str, Any]) -> int | None:
    """The new row's id; None where the key is taken."""
    return await tx.execute(
        "INSERT INTO promo_batches(business_id, program_id, key, name, kind, reward, uses, per_person, total, starts_at, ends_at, "
        "created_at, created_by) VALUES (:business_id, :program_id, :key, :name, :kind, CAST(:reward AS TEXT), CAST(:uses AS BIGINT), "
        "CAST(:per_person AS BIGINT), CAST(:total AS BIGINT), :starts_at, CAST(:ends_at AS BIGINT), :created_at, :created_by) "
        "ON CONFLICT DO NOTHING RETURNING id", dict(row))


async def insert_codes(tx: Transaction, business_id: int, batch_id: int, codes: Sequence[str]) -> list[str]:
    """Those of some hundred codes that nobody had before, and that are the batch's now."""
    places = ", ".join(f"(:business_id, :batch_id, :c{number})" for number in range(len(codes)))
    rows = await tx.fetch_all(
        f"INSERT INTO promo_codes(business_id, batch_id, code) VALUES {places} ON CONFLICT DO NOTHING RETURNING code",
        {"business_id": business_id, "batch_id": batch_id, **{f"c{number}": code for number, code in enumerate(codes)}})
    return [row["code"] for row in rows]


async def list_batches(reader: Reader, business_id: int, program_id: int) -> list[Batch]:
    """Newest first."""
    rows = await reader.fetch_all(f"{_BATCH} AND b.program_id = :program_id ORDER BY b.id DESC",
                                  {"business_id": business_id, "program_id": program_id})
    return [_batch(row) for row in rows]


async def find_batch(reader: Reader, business_id: int, program_id: int, key: str) -> Batch | None:
    row = await reader.fetch_one(f"{_BATCH} AND b.program_id = :program_id AND b.key = :key",
                                 {"business_id": business_id, "program_id": program_id, "key": key})
    return _batch(row) if row else None


async def batch_of(reader: Reader, business_id: int, batch_id: int) -> Batch | None:
    row = await reader.fetch_one(f"{_BATCH} AND b.id = :batch_id", {"business_id": business_id, "batch_id": batch_id})
    return _batch(row) if row else None


async def has_coupons(reader: Reader, business_id: int, program_id: int, now: int) -> bool:
    """Whether any coupon of the programme may be used now or later."""
    return await reader.fetch_one(
        "SELECT id FROM promo_batches WHERE business_id = :business_id AND program_id = :program_id AND kind = 'coupon' "
        "AND reward IS NOT NULL AND closed_at IS NULL AND (ends_at IS NULL OR ends_at > :now) LIMIT 1",
        {"business_id": business_id, "program_id": program_id, "now": now}) is not None


async def close_batch(tx: Transaction, business_id: int, batch_id: int, now: int) -> bool:
    return await tx.fetch_one("UPDATE promo_batches SET closed_at = :now WHERE id = :id AND business_id = :business_id "
                              "AND closed_at IS NULL RETURNING id", {"id": batch_id, "business_id": business_id, "now": now}) is not None


async def list_codes(reader: Reader, business_id: int, batch_id: int, after: int, limit: int) -> list[Any]:
    """id, code, used; in the order in which they were made, those after the id `after`."""
    return await reader.fetch_all("SELECT id, code, used FROM promo_codes WHERE business_id = :business_id AND batch_id = :batch_id "
                                  "AND id > :after ORDER BY id LIMIT :limit",
                                  {"business_id": business_id, "batch_id": batch_id, "after": after, "limit": limit})


async def newest_uses(reader: Reader, business_id: int, batch_id: int, limit: int) -> list[Any]:
    """code, at, account_id, place (a location's name or None), taken_back_at; newest first."""
    return await reader.fetch_all(
        "SELECT c.code, u.at, u.account_id, l.name AS place, u.taken_back_at FROM promo_codes c "
        "JOIN promo_uses u ON u.promo_code_id = c.id LEFT JOIN locations l ON l.id = u.location_id "
        "WHERE c.business_id = :business_id AND c.batch_id = :batch_id ORDER BY u.id DESC LIMIT :limit",
        {"business_id": business_id, "batch_id": batch_id, "limit": limit})


async def find_code(reader: Reader, business_id: int, code: str) -> Any:
    """The code with its batch's terms, or None."""
    return await reader.fetch_one(f"{_CODE} WHERE c.business_id = :business_id AND c.code = :code",
                                  {"business_id": business_id, "code": code})


async def code_by_id(reader: Reader, code_id: int) -> Any:
    """The same by the id that a coupon's signature vouches for, of whatever business."""
    return await reader.fetch_one(f"{_CODE} WHERE c.id = :code_id", {"code_id": code_id})


async def count_of_person(reader: Reader, business_id: int, batch_id: int, account_id: int) -> int:
    """How many codes of the batch an account has used and not had taken back."""
    return int(await reader.fetch_val(
        "SELECT COUNT(*) FROM promo_uses u JOIN promo_codes c ON c.id = u.promo_code_id WHERE u.account_id = :account_id "
        "AND u.taken_back_at IS NULL AND u.business_id = :business_id AND c.batch_id = :batch_id",
        {"account_id": account_id, "business_id": business_id, "batch_id": batch_id}))


async def take_of_batch(tx: Transaction, batch_id: int) -> bool:
    """One use of the batch's stock; also the lock that makes its users take turns on PostgreSQL."""
    return await tx.fetch_one("UPDATE promo_batches SET used = used + 1 WHERE id = :id AND (total IS NULL OR used < total) RETURNING id",
                              {"id": batch_id}) is not None


async def take_of_code(tx: Transaction, code_id: int, uses: int | None) -> bool:
    return await tx.fetch_one("UPDATE promo_codes SET used = used + 1 WHERE id = :id AND used < CAST(:uses AS BIGINT) RETURNING id",
                              {"id": code_id, "uses": 2**62 if uses is None else uses}) is not None


async def insert_use(tx: Transaction, row: Mapping[str, Any]) -> int:
    return await tx.execute(
        "INSERT INTO promo_uses(business_id, promo_code_id, account_id, operation_id, actor_kind, actor_id, location_id, at) "
        "VALUES (:business_id, :promo_code_id, CAST(:account_id AS BIGINT), CAST(:operation_id AS BIGINT), :actor_kind, "
        "CAST(:actor_id AS BIGINT), CAST(:location_id AS BIGINT), :at) RETURNING id", dict(row))


async def give_back(tx: Transaction, operation_id: int, now: int) -> list[int]:
    """The codes' ids of the uses that are taken back by this."""
    rows = await tx.fetch_all("UPDATE promo_uses SET taken_back_at = :now WHERE operation_id = :operation_id AND taken_back_at IS NULL "
                              "RETURNING promo_code_id", {"operation_id": operation_id, "now": now})
    return [row["promo_code_id"] for row in rows]


async def uncount(tx: Transaction, code_id: int) -> None:
    batch_id = await tx.fetch_val("UPDATE promo_codes SET used = used - 1 WHERE id = :id RETURNING batch_id", {"id": code_id})
    await tx.execute("UPDATE promo_batches SET used = used - 1 WHERE id = :id", {"id": batch_id})


async def last_use(reader: Reader, business_id: int, code_id: int) -> Any:
    """at, account_id and location_id of the newest use that stands; or None."""
    return await reader.fetch_one(
        "SELECT u.at, u.account_id, u.location_id FROM promo_uses u WHERE u.promo_code_id = :code_id AND u.business_id = :business_id "
        "AND u.taken_back_at IS NULL ORDER BY u.id DESC LIMIT 1", {"code_id": code_id, "business_id": business_id})
