"""SQL on sessions that their owner asks: which there are, ending them, and giving one a new id."""
from app.db import Database, Row, Transaction

Reader = Database | Transaction


async def live_of(reader: Reader, business_id: int, staff_id: int, now: int) -> list[Row]:
    return await reader.fetch_all(
        "SELECT id, kind, agent, address, factor, created_at, seen_at, expires_at, device_id FROM sessions WHERE staff_id = :staff_id "
        "AND business_id = :business_id AND revoked_at IS NULL AND expires_at > :now ORDER BY seen_at DESC, id DESC",
        {"business_id": business_id, "staff_id": staff_id, "now": now})


async def revoke_own(tx: Transaction, business_id: int, staff_id: int, session_id: int, now: int) -> bool:
    return await tx.fetch_one("UPDATE sessions SET revoked_at = :now WHERE id = :id AND staff_id = :staff_id "
                              "AND business_id = :business_id AND revoked_at IS NULL RETURNING id",
                              {"id": session_id, "staff_id": staff_id, "business_id": business_id, "now": now}) is not None


async def revoke_others(tx: Transaction, business_id: int, staff_id: int, but: int, now: int) -> int:
    """Ends every session of theirs but one; returns how many ended."""
    return len(await tx.fetch_all("UPDATE sessions SET revoked_at = :now WHERE staff_id = :staff_id AND business_id = :business_id "
                                  "AND id <> :but AND revoked_at IS NULL RETURNING id",
                                  {"staff_id": staff_id, "business_id": business_id, "but": but, "now": now}))


async def rotate(tx: Transaction, business_id: int, session_id: int, token_hash: bytes, confirmed_at: int) -> bool:
    """A new id in the place of the old one, which opens nothing from then on."""
    return await tx.fetch_one("UPDATE sessions SET token_hash = :token_hash, confirmed_at = :confirmed_at WHERE id = :id "
                              "AND business_id = :business_id AND revoked_at IS NULL RETURNING id",
                              {"id": session_id, "business_id": business_id, "token_hash": token_hash,
                               "confirmed_at": confirmed_at}) is not None


async def confirmed_at(reader: Reader, business_id: int, session_id: int) -> int:
    """When whoever holds the session last showed that it is they; 0 for never."""
    return await reader.fetch_val("SELECT confirmed_at FROM sessions WHERE id = :id AND business_id = :business_id",
                                  {"id": session_id, "business_id": business_id}) or 0
