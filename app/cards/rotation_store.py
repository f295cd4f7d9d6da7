"""SQL on presentations and on the keys of rotating codes, which lie sealed in cards."""
from app.db import Database, Transaction

Reader = Database | Transaction


async def sealed_key(reader: Reader, business_id: int, card_id: int) -> bytes | None:
    found = await reader.fetch_val("SELECT totp_key_sealed FROM cards WHERE id = :id AND business_id = :business_id",
                                   {"id": card_id, "business_id": business_id})
    return None if found is None else bytes(found)


async def keep_key(tx: Transaction, business_id: int, card_id: int, sealed: bytes) -> bool:
    """Whether the card had no key and has this one now."""
    return await tx.fetch_one("UPDATE cards SET totp_key_sealed = :sealed WHERE id = :id AND business_id = :business_id "
                              "AND totp_key_sealed IS NULL RETURNING id",
                              {"id": card_id, "business_id": business_id, "sealed": sealed}) is not None


async def presented_at(reader: Reader, business_id: int, card_id: int) -> int | None:
    """When the card was last seen live, epoch ms."""
    return await reader.fetch_val("SELECT at FROM presentations WHERE card_id = :card_id AND business_id = :business_id",
                                  {"card_id": card_id, "business_id": business_id})


async def present(tx: Transaction, business_id: int, card_id: int, how: str, now: int) -> None:
    await tx.execute(
        "INSERT INTO presentations(card_id, business_id, how, at) VALUES (:card_id, :business_id, :how, :now) "
        "ON CONFLICT(card_id) DO UPDATE SET how = excluded.how, at = excluded.at",
        {"card_id": card_id, "business_id": business_id, "how": how, "now": now})


async def forget(tx: Transaction, business_id: int, card_id: int) -> None:
    """The card ended: its key opens nothing, and what it showed confirms nothing."""
    await tx.execute("DELETE FROM presentations WHERE card_id = :card_id AND business_id = :business_id",
                     {"card_id": card_id, "business_id": business_id})
    await tx.execute("UPDATE cards SET totp_key_sealed = NULL WHERE id = :card_id AND business_id = :business_id "
                     "AND totp_key_sealed IS NOT NULL", {"card_id": card_id, "business_id": business_id})
