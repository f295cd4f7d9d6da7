"""The table of vouchers."""
from collections.abc import Mapping
from typing import Any

import msgspec

from app.benefits.rules import Voucher
from app.clock import from_ms
from app.db import Database, Transaction

Reader = Database | Transaction
_COLUMNS = ("SELECT id, business_id, program_id, account_id, rewards, code, source, status, starts_at, ends_at, issued_by, used_by, "
            "reward_id, created_at FROM vouchers WHERE business_id = :business_id")


def _voucher(row: Any) -> Voucher:
    return Voucher(row["id"], row["business_id"], row["program_id"], row["account_id"], tuple(msgspec.json.decode(row["rewards"])),
                   row["code"], row["source"], row["status"], from_ms(row["starts_at"]),
                   None if row["ends_at"] is None else from_ms(row["ends_at"]), row["issued_by"], row["used_by"], row["reward_id"],
                   from_ms(row["created_at"]))


async def insert(tx: Transaction, row: Mapping[str, Any]) -> int | None:
    """The new row's id; None where the code is taken."""
    return await tx.execute(
        "INSERT INTO vouchers(business_id, program_id, account_id, rewards, code, source, status, starts_at, ends_at, issued_by, "
        "created_at) "
        "VALUES (:business_id, :program_id, :account_id, :rewards, :code, :source, 'open', :starts_at, CAST(:ends_at AS BIGINT), "
        "CAST(:issued_by AS BIGINT), :created_at) ON CONFLICT DO NOTHING RETURNING id", dict(row))


async def find(reader: Reader, business_id: int, voucher_id: int) -> Voucher | None:
    row = await reader.fetch_one(f"{_COLUMNS} AND id = :id", {"business_id": business_id, "id": voucher_id})
    return _voucher(row) if row else None


async def find_by_code(reader: Reader, business_id: int, code: str) -> Voucher | None:
    row = await reader.fetch_one(f"{_COLUMNS} AND code = :code", {"business_id": business_id, "code": code})
    return _voucher(row) if row else None


async def open_of(reader: Reader, business_id: int, account_id: int, now: int) -> list[Voucher]:
    """Soonest end first."""
    rows = await reader.fetch_all(
        f"{_COLUMNS} AND account_id = :account_id AND status = 'open' AND (ends_at IS NULL OR ends_at > :now) "
        "ORDER BY COALESCE(ends_at, 9223372036854775807), id", {"business_id": business_id, "account_id": account_id, "now": now})
    return [_voucher(row) for row in rows]


async def of_operation(reader: Reader, business_id: int, operation_id: int, *, used: bool) -> list[Voucher]:
    """Those that an operation used, else those that it issued."""
    column = "used_by" if used else "issued_by"
    rows = await reader.fetch_all(f"{_COLUMNS} AND {column} = :operation_id ORDER BY id",
                                  {"business_id": business_id, "operation_id": operation_id})
    return [_voucher(row) for row in rows]


async def set_status(tx: Transaction, business_id: int, voucher_id: int, before: str, after: str) -> bool:
    """Whether it stood in `before` and stands in `after` now."""
    return await tx.fetch_one("UPDATE vouchers SET status = :after WHERE id = :id AND business_id = :business_id AND status = :before "
                              "RETURNING id", {"id": voucher_id, "business_id": business_id, "before": before, "after": after}) is not None


async def set_used(tx: Transaction, business_id: int, voucher_id: int, reward_id: int, operation_id: int | None) -> bool:
    """Whether it was open and is used now: of two tills one."""
    return await tx.fetch_one(
        "UPDATE vouchers SET status = 'used', used_by = CAST(:operation_id AS BIGINT), reward_id = :reward_id "
        "WHERE id = :id AND business_id = :business_id AND status = 'open' RETURNING id",
        {"id": voucher_id, "business_id": business_id, "reward_id": reward_id, "operation_id": operation_id}) is not None


async def reopen(tx: Transaction, business_id: int, voucher_id: int, now: int, grace_end: int) -> bool:
    """Whether it was used and is open now; until grace_end, where its own end has passed."""
    return await tx.fetch_one(
        "UPDATE vouchers SET status = 'open', used_by = NULL, reward_id = NULL, "
        "ends_at = CASE WHEN ends_at <= :now THEN :grace_end ELSE ends_at END "
        "WHERE id = :id AND business_id = :business_id AND status = 'used' RETURNING id",
        {"id": voucher_id, "business_id": business_id, "now": now, "grace_end": grace_end}) is not None


async def ended(reader: Reader, now: int, limit: int) -> list[Any]:
    """id and business_id of open vouchers of every business whose end has come."""
    return await reader.fetch_all("SELECT id, business_id FROM vouchers WHERE status = 'open' AND ends_at IS NOT NULL AND ends_at <= :now "
                                  "ORDER BY ends_at LIMIT :limit", {"now": now, "limit": limit})


async def count_open(reader: Reader, business_id: int, program_id: int) -> dict[str, int]:
    """Reward key → open vouchers that may become it."""
    rows = await reader.fetch_all("SELECT rewards, COUNT(*) AS number FROM vouchers WHERE business_id = :business_id "
                                  "AND program_id = :program_id AND status = 'open' GROUP BY rewards",
                                  {"business_id": business_id, "program_id": program_id})
    found: dict[str, int] = {}
    for row in rows:
        for key in msgspec.json.decode(row["rewards"]):
            found[key] = found.get(key, 0) + row["number"]
    return found
