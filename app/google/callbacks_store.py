"""What callbacks leave behind: the nonces that were used, and when a class was last heard of."""
from datetime import datetime

from app.clock import to_ms
from app.db import Transaction

_NONCE = "INSERT INTO google_nonces(nonce, expires_at) VALUES (:nonce, :expires_at) ON CONFLICT DO NOTHING RETURNING nonce"
_HEARD = "UPDATE google_classes SET callback_at = :now WHERE id = :id"
_FORGET = "DELETE FROM google_nonces WHERE expires_at <= :now"


async def use_nonce(tx: Transaction, nonce: str, until: datetime) -> bool:
    """False where it was used before. until: when it may be forgotten."""
    return await tx.fetch_one(_NONCE, {"nonce": nonce, "expires_at": to_ms(until)}) is not None


async def heard(tx: Transaction, class_row_id: int, now: datetime) -> None:
    await tx.execute(_HEARD, {"id": class_row_id, "now": to_ms(now)})


async def forget(tx: Transaction, now: datetime) -> None:
    await tx.execute(_FORGET, {"now": to_ms(now)})
