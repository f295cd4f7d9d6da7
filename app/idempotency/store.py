"""The table of keys; a row commits with what its request did."""
from typing import Any

from app.db import Database, Transaction

# A key that is past its days is taken over as if it had never been, whether or not the sweep ran.
_CLAIM = """
INSERT INTO idempotency_keys(business_id, key, fingerprint, created_at) VALUES (:business_id, :key, :fingerprint, :now)
ON CONFLICT (business_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, status = NULL, answer = NULL, created_at = excluded.created_at
WHERE idempotency_keys.created_at < :oldest
RETURNING created_at"""
_FIND = "SELECT fingerprint, status, answer FROM idempotency_keys WHERE business_id = :business_id AND key = :key"
_KEEP = "UPDATE idempotency_keys SET status = :status, answer = :answer WHERE business_id = :business_id AND key = :key"
_FORGET = """
DELETE FROM idempotency_keys WHERE (business_id, key) IN
(SELECT business_id, key FROM idempotency_keys WHERE created_at < :oldest ORDER BY created_at LIMIT :limit)
RETURNING key"""


async def claim(tx: Transaction, business_id: int, key: str, fingerprint: bytes, now_ms: int, oldest_ms: int) -> bool:
    """Whether the key is ours now. On PostgreSQL a twin that has it waits for the other to end."""
    values = {"business_id": business_id, "key": key, "fingerprint": fingerprint, "now": now_ms, "oldest": oldest_ms}
    return await tx.fetch_one(_CLAIM, values) is not None


async def find(tx: Transaction, business_id: int, key: str) -> Any:
    return await tx.fetch_one(_FIND, {"business_id": business_id, "key": key})


async def find_since(db: Database, business_id: int, key: str, oldest_ms: int) -> Any:
    return await db.fetch_one(_FIND + " AND created_at >= :oldest", {"business_id": business_id, "key": key, "oldest": oldest_ms})


async def keep(tx: Transaction, business_id: int, key: str, status: int, answer: str) -> None:
    await tx.execute(_KEEP, {"business_id": business_id, "key": key, "status": status, "answer": answer})


async def forget(tx: Transaction, oldest_ms: int, limit: int) -> int:
    return len(await tx.fetch_all(_FORGET, {"oldest": oldest_ms, "limit": limit}))
