"""SQL on api_keys. The keys of a business's sandbox are the business's too."""
from typing import Any

from app.db import Database, Row, Transaction

Reader = Database | Transaction

_OWN = ("business_id IN (SELECT b.id FROM businesses b WHERE b.id = :business_id "
        "OR (b.sandbox_of = :business_id AND b.sandbox_ended_at IS NULL))")
# Alive, of an open business; a key that was rotated is found by both of its secrets while the old one lives.
_BY_HASH = """
SELECT k.*, b.sandbox_of, l.key_per_second AS most_per_second, k.key_hash <> :key_hash AS is_old
FROM api_keys k JOIN businesses b ON b.id = k.business_id LEFT JOIN business_limits l ON l.business_id = COALESCE(b.sandbox_of, b.id)
WHERE (k.key_hash = :key_hash OR (k.old_key_hash = :key_hash AND k.old_until_at > :now)) AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > :now) AND b.closed_at IS NULL AND b.sandbox_ended_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM businesses r WHERE r.id = b.sandbox_of AND r.closed_at IS NOT NULL)"""


async def append(tx: Transaction, row: dict[str, Any]) -> int:
    return await tx.fetch_val(
        "INSERT INTO api_keys(business_id, location_id, name, key_hash, hint, scopes, created_at, created_by, expires_at, per_second, "
        "channel) VALUES (:business_id, CAST(:location_id AS BIGINT), :name, :key_hash, :hint, :scopes, :created_at, "
        "CAST(:created_by AS BIGINT), CAST(:expires_at AS BIGINT), CAST(:per_second AS BIGINT), :channel) RETURNING id", row)


async def by_hash(reader: Reader, key_hash: bytes, now: int) -> Row | None:
    """The key with sandbox_of, most_per_second (of its business) and is_old (found by the secret before its rotation)."""
    return await reader.fetch_one(_BY_HASH, {"key_hash": key_hash, "now": now})


async def find(reader: Reader, business_id: int, key_id: int) -> Row | None:
    return await reader.fetch_one(f"SELECT * FROM api_keys WHERE id = :id AND {_OWN}", {"id": key_id, "business_id": business_id})


async def list_(reader: Reader, business_id: int) -> list[Row]:
    """Live ones first, newest first; with is_sandbox."""
    return await reader.fetch_all(
        "SELECT k.*, CASE WHEN k.business_id = :business_id THEN 0 ELSE 1 END AS is_sandbox FROM api_keys k "
        f"WHERE {_OWN.replace('business_id IN', 'k.business_id IN')} ORDER BY k.revoked_at IS NOT NULL, k.id DESC",
        {"business_id": business_id})


async def revoke(tx: Transaction, business_id: int, key_id: int, now: int) -> Row | None:
    return await tx.fetch_one(f"UPDATE api_keys SET revoked_at = :now, old_key_hash = NULL WHERE id = :id AND {_OWN} "
                              "AND revoked_at IS NULL RETURNING id", {"id": key_id, "business_id": business_id, "now": now})


async def rotate(tx: Transaction, business_id: int, key_id: int, values: dict[str, Any]) -> Row | None:
    """The new secret in the old one's place, which works until `until`; None for a key that is revoked or not there."""
    return await tx.fetch_one(
        "UPDATE api_keys SET old_key_hash = CASE WHEN CAST(:until AS BIGINT) > CAST(:now AS BIGINT) THEN key_hash END, "
        "old_until_at = CAST(:until AS BIGINT), key_hash = :key_hash, hint = :hint, rotated_at = CAST(:now AS BIGINT) "
        f"WHERE id = :id AND {_OWN} AND revoked_at IS NULL RETURNING id", {"id": key_id, "business_id": business_id, **values})


async def change(tx: Transaction, business_id: int, key_id: int, values: dict[str, Any]) -> Row | None:
    return await tx.fetch_one(
        "UPDATE api_keys SET name = :name, scopes = :scopes, location_id = CAST(:location_id AS BIGINT), "
        "expires_at = CAST(:expires_at AS BIGINT), per_second = CAST(:per_second AS BIGINT), channel = :channel "
        f"WHERE id = :id AND {_OWN} AND revoked_at IS NULL RETURNING id", {"id": key_id, "business_id": business_id, **values})


async def set_used(tx: Transaction, key_id: int, at: int) -> None:
    await tx.execute("UPDATE api_keys SET used_at = :at WHERE id = :id", {"id": key_id, "at": at})
