"""SQL on pins and pin_links."""
from typing import Any

from app.db import Database, Row, Transaction

Reader = Database | Transaction
_PEOPLE = "SELECT s.*, p.pin_hash, p.set_at FROM staff s LEFT JOIN pins p ON p.staff_id = s.id "


async def list_people(reader: Reader, business_id: int) -> list[Row]:
    return await reader.fetch_all(_PEOPLE + "WHERE s.business_id = :business_id AND s.disabled_at IS NULL ORDER BY s.name, s.id",
                                  {"business_id": business_id})


async def person(reader: Reader, business_id: int, staff_id: int) -> Row | None:
    """A row of staff with pin_hash and set_at, NULL without a PIN; nobody whose access was taken away."""
    return await reader.fetch_one(_PEOPLE + "WHERE s.id = :id AND s.business_id = :business_id AND s.disabled_at IS NULL",
                                  {"id": staff_id, "business_id": business_id})


async def password_session_at(reader: Reader, business_id: int, session_id: int) -> int | None:
    """When a session began that no PIN opened, epoch ms."""
    return await reader.fetch_val("SELECT created_at FROM sessions WHERE id = :id AND business_id = :business_id AND factor <> 'pin'",
                                  {"id": session_id, "business_id": business_id})


async def session_person(reader: Reader, session_id: int) -> Row | None:
    """The member of staff of a till session that stands, with its device_id, agent, factor and began_at."""
    # Of which business it is the row says: in training who asks is in another one.
    return await reader.fetch_one(
        "SELECT s.*, n.device_id, n.agent, n.factor, n.created_at AS began_at FROM sessions n JOIN staff s ON s.id = n.staff_id "
        "WHERE n.id = :id AND n.kind = 'till' AND n.revoked_at IS NULL AND s.disabled_at IS NULL", {"id": session_id})


async def end_session(tx: Transaction, business_id: int, session_id: int, now: int) -> None:
    await tx.execute("UPDATE sessions SET revoked_at = :now WHERE id = :id AND business_id = :business_id AND revoked_at IS NULL",
                     {"now": now, "id": session_id, "business_id": business_id})


async def last_person(reader: Reader, business_id: int, device_id: int) -> int | None:
    """Who worked on a device last, signed in still or not."""
    return await reader.fetch_val("SELECT staff_id FROM sessions WHERE business_id = :business_id AND device_id = :device_id "
                                  "ORDER BY id DESC LIMIT 1", {"business_id": business_id, "device_id": device_id})


async def set_pin(tx: Transaction, business_id: int, staff_id: int, pin_hash: str, now: int) -> None:
    await tx.execute("INSERT INTO pins(staff_id, business_id, pin_hash, set_at) VALUES (:staff_id, :business_id, :pin_hash, :now) "
                     "ON CONFLICT (staff_id) DO UPDATE SET pin_hash = excluded.pin_hash, set_at = excluded.set_at",
                     {"staff_id": staff_id, "business_id": business_id, "pin_hash": pin_hash, "now": now})


async def delete_pin(tx: Transaction, business_id: int, staff_id: int) -> None:
    await tx.execute("DELETE FROM pins WHERE staff_id = :staff_id AND business_id = :business_id",
                     {"staff_id": staff_id, "business_id": business_id})


async def append_link(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute("INSERT INTO pin_links(business_id, staff_id, token_hash, created_by, created_at, expires_at) "
                     "VALUES (:business_id, :staff_id, :token_hash, :created_by, :now, :expires_at)", row)


async def end_links(tx: Transaction, business_id: int, staff_id: int, now: int) -> None:
    await tx.execute("UPDATE pin_links SET consumed_at = :now WHERE staff_id = :staff_id AND business_id = :business_id "
                     "AND consumed_at IS NULL", {"now": now, "staff_id": staff_id, "business_id": business_id})


async def live_link(reader: Reader, token_hash: bytes, now: int) -> Row | None:
    return await reader.fetch_one(
        "SELECT l.staff_id, s.name, s.role, s.location_id, s.program_ids FROM pin_links l JOIN staff s ON s.id = l.staff_id "
        "WHERE l.token_hash = :token_hash AND l.consumed_at IS NULL AND l.expires_at > :now AND s.disabled_at IS NULL",
        {"token_hash": token_hash, "now": now})


async def consume_link(tx: Transaction, token_hash: bytes, now: int) -> Row | None:
    return await tx.fetch_one("UPDATE pin_links SET consumed_at = :now WHERE token_hash = :token_hash AND consumed_at IS NULL "
                              "AND expires_at > :now RETURNING business_id, staff_id", {"token_hash": token_hash, "now": now})
