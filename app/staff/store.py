"""SQL on staff, sessions, sign_in_links and api_keys."""
from typing import Any

from app.db import Database, Row, Transaction

Reader = Database | Transaction
_STAFF = "SELECT s.*, (SELECT MAX(n.seen_at) FROM sessions n WHERE n.staff_id = s.id) AS seen_at FROM staff s "


async def append_staff(tx: Transaction, row: dict[str, Any]) -> int | None:
    """The new row's id, or None where the address has an account already."""
    return await tx.fetch_val(
        "INSERT INTO staff(business_id, location_id, name, email_sealed, email_hash, role, password_hash, language, created_at, "
        "program_ids) VALUES (:business_id, CAST(:location_id AS BIGINT), :name, :email_sealed, :email_hash, :role, :password_hash, "
        ":language, :created_at, :program_ids) "
        "ON CONFLICT (email_hash) DO NOTHING RETURNING id", row)


async def staff_by_email(reader: Reader, email_hash: bytes) -> Row | None:
    """Nobody of a closed business."""
    return await reader.fetch_one("SELECT s.* FROM staff s JOIN businesses b ON b.id = s.business_id AND b.closed_at IS NULL "
                                  "WHERE s.email_hash = :email_hash", {"email_hash": email_hash})


async def staff_of(reader: Reader, business_id: int, staff_id: int) -> Row | None:
    return await reader.fetch_one(_STAFF + "WHERE s.id = :id AND s.business_id = :business_id",
                                  {"id": staff_id, "business_id": business_id})


async def customer_of(reader: Reader, business_id: int, staff_id: int) -> int | None:
    return await reader.fetch_val("SELECT customer_id FROM staff WHERE id = :id AND business_id = :business_id",
                                  {"id": staff_id, "business_id": business_id})


async def list_staff(reader: Reader, business_id: int) -> list[Row]:
    return await reader.fetch_all(_STAFF + "WHERE s.business_id = :business_id ORDER BY s.disabled_at IS NOT NULL, s.name, s.id",
                                  {"business_id": business_id})


async def owners_left(tx: Transaction, business_id: int, without: int) -> int:
    return await tx.fetch_val("SELECT COUNT(*) FROM staff WHERE business_id = :business_id AND role = 'owner' AND disabled_at IS NULL "
                              "AND id <> :without", {"business_id": business_id, "without": without})


async def set_password(tx: Transaction, staff_id: int, password_hash: str) -> None:
    await tx.execute("UPDATE staff SET password_hash = :password_hash WHERE id = :id", {"id": staff_id, "password_hash": password_hash})


async def change_staff(tx: Transaction, staff_id: int, name: str, role: str, location_id: int | None, program_ids: str) -> None:
    """program_ids: separated by spaces, empty for all."""
    await tx.execute("UPDATE staff SET name = :name, role = :role, location_id = CAST(:location_id AS BIGINT), program_ids = :program_ids "
                     "WHERE id = :id", {"id": staff_id, "name": name, "role": role, "location_id": location_id, "program_ids": program_ids})


async def change_own(tx: Transaction, staff_id: int, name: str, language: str | None) -> None:
    await tx.execute("UPDATE staff SET name = :name, language = CAST(:language AS TEXT) WHERE id = :id",
                     {"id": staff_id, "name": name, "language": language})


async def set_disabled(tx: Transaction, staff_id: int, disabled_at: int | None) -> None:
    await tx.execute("UPDATE staff SET disabled_at = CAST(:disabled_at AS BIGINT) WHERE id = :id",
                     {"id": staff_id, "disabled_at": disabled_at})


async def append_session(tx: Transaction, row: dict[str, Any]) -> int:
    return await tx.fetch_val(
        "INSERT INTO sessions(business_id, staff_id, location_id, token_hash, kind, created_at, seen_at, expires_at, device_id, agent, "
        "address, training, factor, confirmed_at) VALUES (:business_id, :staff_id, CAST(:location_id AS BIGINT), :token_hash, :kind, "
        ":created_at, :created_at, :expires_at, CAST(:device_id AS BIGINT), :agent, :address, :training, :factor, :created_at) "
        "RETURNING id", row)


async def session(reader: Reader, token_hash: bytes, kind: str) -> Row | None:
    """The session with its member of staff; revoked sessions, disabled people and those of closed businesses are not found."""
    return await reader.fetch_one(
        "SELECT n.id, n.business_id, n.staff_id, n.location_id, n.created_at, n.seen_at, n.expires_at, n.device_id, n.training, "
        "n.locked_at, r.idle_minutes, s.name, s.role, s.program_ids, s.location_id AS kept_location_id "
        "FROM sessions n JOIN staff s ON s.id = n.staff_id JOIN businesses b ON b.id = n.business_id AND b.closed_at IS NULL "
        "LEFT JOIN till_rules r ON r.business_id = n.business_id "
        "WHERE n.token_hash = :token_hash AND n.kind = :kind AND n.revoked_at IS NULL AND s.disabled_at IS NULL",
        {"token_hash": token_hash, "kind": kind})


async def set_seen(tx: Transaction, session_id: int, at: int) -> None:
    await tx.execute("UPDATE sessions SET seen_at = :at WHERE id = :id", {"id": session_id, "at": at})


async def lock_session(tx: Transaction, session_id: int, at: int) -> None:
    await tx.execute("UPDATE sessions SET locked_at = :at WHERE id = :id AND locked_at IS NULL", {"id": session_id, "at": at})


async def set_session_location(tx: Transaction, session_id: int, location_id: int | None) -> None:
    await tx.execute("UPDATE sessions SET location_id = CAST(:location_id AS BIGINT) WHERE id = :id",
                     {"id": session_id, "location_id": location_id})


async def revoke_session(tx: Transaction, session_id: int, at: int) -> None:
    await tx.execute("UPDATE sessions SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL", {"id": session_id, "at": at})


async def revoke_sessions_of(tx: Transaction, staff_id: int, at: int) -> None:
    await tx.execute("UPDATE sessions SET revoked_at = :at WHERE staff_id = :staff_id AND revoked_at IS NULL",
                     {"staff_id": staff_id, "at": at})


async def revoke_sessions_on(tx: Transaction, device_id: int, at: int) -> None:
    await tx.execute("UPDATE sessions SET revoked_at = :at WHERE device_id = :device_id AND revoked_at IS NULL",
                     {"device_id": device_id, "at": at})


async def delete_sessions_before(tx: Transaction, at: int, most: int) -> int:
    """Forgets sessions that ended before `at`; returns how many rows went."""
    rows = await tx.fetch_all("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < :at LIMIT :most) RETURNING id",
                              {"at": at, "most": most})
    return len(rows)


async def append_link(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute("INSERT INTO sign_in_links(business_id, staff_id, token_hash, created_at, expires_at, purpose, clears_factors) "
                     "VALUES (:business_id, :staff_id, :token_hash, :created_at, :expires_at, :purpose, :clears_factors)", row)


async def live_link(reader: Reader, token_hash: bytes, now: int) -> Row | None:
    return await reader.fetch_one(
        "SELECT l.id, l.business_id, l.staff_id, s.name, s.email_sealed, s.role FROM sign_in_links l JOIN staff s ON s.id = l.staff_id "
        "WHERE l.token_hash = :token_hash AND l.consumed_at IS NULL AND l.expires_at > :now AND s.disabled_at IS NULL",
        {"token_hash": token_hash, "now": now})


async def consume_link(tx: Transaction, token_hash: bytes, now: int) -> Row | None:
    return await tx.fetch_one("UPDATE sign_in_links SET consumed_at = :now WHERE token_hash = :token_hash AND consumed_at IS NULL "
                              "AND expires_at > :now RETURNING business_id, staff_id, purpose, clears_factors",
                              {"token_hash": token_hash, "now": now})


async def end_links_of(tx: Transaction, staff_id: int, now: int) -> None:
    await tx.execute("UPDATE sign_in_links SET consumed_at = :now WHERE staff_id = :staff_id AND consumed_at IS NULL",
                     {"staff_id": staff_id, "now": now})


async def set_customer(tx: Transaction, staff_id: int, customer_id: int | None) -> None:
    await tx.execute("UPDATE staff SET customer_id = CAST(:customer_id AS BIGINT) WHERE id = :id",
                     {"customer_id": customer_id, "id": staff_id})
