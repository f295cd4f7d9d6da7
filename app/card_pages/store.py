"""Codes by SMS, and the browsers that are believed for a while."""
from app.card_pages.rules import Code
from app.db import Database, Transaction


async def append_code(tx: Transaction, business_id: int, card_id: int, code_hash: bytes, now: int, expires_at: int) -> None:
    await tx.execute("INSERT INTO page_codes(business_id, card_id, code_hash, created_at, expires_at) VALUES "
                     "(:business_id, :card_id, :code_hash, :now, :expires_at)",
                     {"business_id": business_id, "card_id": card_id, "code_hash": code_hash, "now": now, "expires_at": expires_at})


async def close_codes(tx: Transaction, card_id: int, now: int) -> None:
    await tx.execute("UPDATE page_codes SET consumed_at = :now WHERE card_id = :card_id AND consumed_at IS NULL",
                     {"card_id": card_id, "now": now})


async def find_code(reader: Database | Transaction, card_id: int) -> Code | None:
    """The newest code that was not used."""
    row = await reader.fetch_one("SELECT id, code_hash, tries, created_at, expires_at FROM page_codes "
                                 "WHERE card_id = :card_id AND consumed_at IS NULL ORDER BY id DESC LIMIT 1", {"card_id": card_id})
    return row and Code(row["id"], bytes(row["code_hash"]), row["tries"], row["created_at"], row["expires_at"])


async def count_try(tx: Transaction, code_id: int, most: int) -> bool:
    """Takes one of the code's tries; False where none is left."""
    return await tx.fetch_one("UPDATE page_codes SET tries = tries + 1 WHERE id = :id AND consumed_at IS NULL AND tries < :most "
                              "RETURNING id", {"id": code_id, "most": most}) is not None


async def append_session(tx: Transaction, business_id: int, card_id: int, token_hash: bytes, strength: str, now: int,
                         expires_at: int) -> None:
    await tx.execute("INSERT INTO page_sessions(business_id, card_id, token_hash, strength, created_at, expires_at) VALUES "
                     "(:business_id, :card_id, :token_hash, :strength, :now, :expires_at)",
                     {"business_id": business_id, "card_id": card_id, "token_hash": token_hash, "strength": strength, "now": now,
                      "expires_at": expires_at})


async def find_session(db: Database, card_id: int, token_hash: bytes, now: int) -> tuple[str, int] | None:
    """The strength of a browser's live session for this card, and since when."""
    row = await db.fetch_one("SELECT strength, created_at FROM page_sessions WHERE token_hash = :token_hash AND card_id = :card_id "
                              "AND expires_at > :now", {"token_hash": token_hash, "card_id": card_id, "now": now})
    return row and (row["strength"], row["created_at"])


async def end_sessions(tx: Transaction, card_id: int) -> None:
    await tx.execute("DELETE FROM page_sessions WHERE card_id = :card_id", {"card_id": card_id})


async def delete_old(tx: Transaction, before: int) -> None:
    """Codes and sessions that ended before `before` help nobody any more."""
    await tx.execute("DELETE FROM page_codes WHERE expires_at < :before", {"before": before})
    await tx.execute("DELETE FROM page_sessions WHERE expires_at < :before", {"before": before})
