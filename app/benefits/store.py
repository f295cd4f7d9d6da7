"""The tables of rewards and of the codes that are handed out with them piece by piece."""
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from app.benefits.rules import Reward, said_names
from app.db import Database, Transaction

Reader = Database | Transaction
_COLUMNS = """SELECT r.id, r.business_id, r.program_id, r.key, r.kind, r.names, r.unit, r.cost, r.value, r.sku, r.days, r.level, r.stock,
       r.position, EXISTS(SELECT 1 FROM reward_codes c WHERE c.reward_id = r.id) AS has_pieces, r.closed_at
FROM rewards r WHERE r.business_id = :business_id"""


def _reward(row: Any) -> Reward:
    return Reward(row["id"], row["business_id"], row["program_id"], row["key"], row["kind"],
                  said_names(msgspec.json.decode(row["names"])), row["unit"], row["cost"], row["value"], row["sku"], row["days"],
                  row["level"], row["stock"], row["position"], bool(row["has_pieces"]), row["closed_at"] is not None)


async def list_rewards(reader: Reader, business_id: int, program_id: int) -> list[Reward]:
    """In the order that the business gave them."""
    rows = await reader.fetch_all(f"{_COLUMNS} AND r.program_id = :program_id ORDER BY r.position, r.id",
                                  {"business_id": business_id, "program_id": program_id})
    return [_reward(row) for row in rows]


async def find(reader: Reader, business_id: int, program_id: int, key: str) -> Reward | None:
    row = await reader.fetch_one(f"{_COLUMNS} AND r.program_id = :program_id AND r.key = :key",
                                 {"business_id": business_id, "program_id": program_id, "key": key})
    return _reward(row) if row else None


async def find_by_id(reader: Reader, business_id: int, reward_id: int) -> Reward | None:
    row = await reader.fetch_one(f"{_COLUMNS} AND r.id = :reward_id", {"business_id": business_id, "reward_id": reward_id})
    return _reward(row) if row else None


async def insert(tx: Transaction, row: Mapping[str, Any]) -> int | None:
    """The new row's id; None where the key is taken."""
    return await tx.execute(
        "INSERT INTO rewards(business_id, program_id, key, kind, names, unit, cost, value, sku, days, level, stock, position, created_at) "
        "VALUES (:business_id, :program_id, :key, :kind, :names, CAST(:unit AS TEXT), :cost, :value, CAST(:sku AS TEXT), :days, "
        "CAST(:level AS TEXT), CAST(:stock AS BIGINT), :position, :created_at) ON CONFLICT DO NOTHING RETURNING id", dict(row))


async def update(tx: Transaction, reward_id: int, business_id: int, row: Mapping[str, Any]) -> None:
    """Everything but its key and its stock."""
    await tx.execute(
        "UPDATE rewards SET kind = :kind, names = :names, unit = CAST(:unit AS TEXT), cost = :cost, value = :value, "
        "sku = CAST(:sku AS TEXT), days = :days, level = CAST(:level AS TEXT), position = :position "
        "WHERE id = :id AND business_id = :business_id", {"id": reward_id, "business_id": business_id, **row})


async def set_stock(tx: Transaction, business_id: int, reward_id: int, was: int | None, stock: int | None) -> bool:
    """Whether the stock still was `was` and is `stock` now."""
    return await tx.fetch_one(
        "UPDATE rewards SET stock = CAST(:stock AS BIGINT) WHERE id = :id AND business_id = :business_id "
        "AND COALESCE(stock, -1) = CAST(:was AS BIGINT) RETURNING id",
        {"id": reward_id, "business_id": business_id, "stock": stock, "was": -1 if was is None else was}) is not None


async def take(tx: Transaction, business_id: int, reward_id: int) -> bool:
    """One piece of a reward that counts its stock; False where none is left."""
    return await tx.fetch_one("UPDATE rewards SET stock = stock - 1 WHERE id = :id AND business_id = :business_id AND stock > 0 "
                              "RETURNING id", {"id": reward_id, "business_id": business_id}) is not None


async def put_back(tx: Transaction, business_id: int, program_id: int, key: str) -> None:
    """One piece more of a reward that counts its stock; what was handed out as a code of its own does not come back."""
    await tx.execute(
        "UPDATE rewards SET stock = stock + 1 WHERE business_id = :business_id AND program_id = :program_id AND key = :key "
        "AND stock IS NOT NULL AND NOT EXISTS(SELECT 1 FROM reward_codes c WHERE c.reward_id = rewards.id)",
        {"business_id": business_id, "program_id": program_id, "key": key})


async def set_closed(tx: Transaction, business_id: int, reward_id: int, closed_at: int | None) -> None:
    await tx.execute("UPDATE rewards SET closed_at = CAST(:closed_at AS BIGINT) WHERE id = :id AND business_id = :business_id",
                     {"id": reward_id, "business_id": business_id, "closed_at": closed_at})


async def append_pieces(tx: Transaction, business_id: int, reward_id: int, sealed: Sequence[bytes]) -> None:
    """More codes to hand out; the stock is how many are left of them."""
    await tx.execute_many("INSERT INTO reward_codes(business_id, reward_id, code_sealed) VALUES (:business_id, :reward_id, :sealed)",
                          [{"business_id": business_id, "reward_id": reward_id, "sealed": each} for each in sealed])
    await tx.execute("UPDATE rewards SET stock = (SELECT COUNT(*) FROM reward_codes c WHERE c.reward_id = rewards.id "
                     "AND c.voucher_id IS NULL) WHERE id = :id AND business_id = :business_id",
                     {"id": reward_id, "business_id": business_id})


async def hand_out_piece(tx: Transaction, business_id: int, reward_id: int, voucher_id: int) -> bool:
    """The next code goes to a voucher; False where none is left. The caller took a piece of the stock: its row is locked."""
    return await tx.fetch_one(
        "UPDATE reward_codes SET voucher_id = :voucher_id WHERE id = (SELECT id FROM reward_codes WHERE reward_id = :reward_id "
        "AND voucher_id IS NULL ORDER BY id LIMIT 1) AND business_id = :business_id RETURNING id",
        {"voucher_id": voucher_id, "reward_id": reward_id, "business_id": business_id}) is not None


async def piece_of(reader: Reader, business_id: int, reward_id: int, voucher_id: int) -> Any:
    """code_sealed of the piece that this voucher holds, or None."""
    return await reader.fetch_val("SELECT code_sealed FROM reward_codes WHERE reward_id = :reward_id AND voucher_id = :voucher_id "
                                  "AND business_id = :business_id",
                                  {"reward_id": reward_id, "voucher_id": voucher_id, "business_id": business_id})


async def pieces_of_account(reader: Reader, business_id: int, account_id: int) -> list[Any]:
    """voucher_id and code_sealed of every piece that the account's vouchers hold."""
    return await reader.fetch_all(
        "SELECT c.voucher_id, c.code_sealed FROM vouchers v JOIN reward_codes c ON c.voucher_id = v.id "
        "WHERE v.account_id = :account_id AND v.business_id = :business_id AND v.status IN ('open', 'used')",
        {"account_id": account_id, "business_id": business_id})
