"""SQL on devices, device_pairings and till_rules."""
from typing import Any

from app.db import Database, Row, Transaction
from app.devices.rules import Device

Reader = Database | Transaction
_DEVICE = ("SELECT id, business_id, location_id, name, public_key, paired_by, paired_at, revoked_at, seen_at, counter, agent "
           "FROM devices ")


def _device(row: Row | None) -> Device | None:
    return Device(**{**dict(row), "public_key": bytes(row["public_key"])}) if row is not None else None


async def append_device(tx: Transaction, row: dict[str, Any]) -> int:
    return await tx.fetch_val(
        "INSERT INTO devices(business_id, location_id, name, agent, token_hash, public_key, paired_by, paired_at, seen_at) "
        "VALUES (:business_id, :location_id, :name, :agent, :token_hash, :public_key, :paired_by, :now, :now) RETURNING id", row)


async def device_by_token(reader: Reader, token_hash: bytes) -> Device | None:
    return _device(await reader.fetch_one(_DEVICE + "WHERE token_hash = :token_hash AND revoked_at IS NULL", {"token_hash": token_hash}))


async def device_of(reader: Reader, business_id: int, device_id: int) -> Device | None:
    return _device(await reader.fetch_one(_DEVICE + "WHERE id = :id AND business_id = :business_id",
                                          {"id": device_id, "business_id": business_id}))


async def live_device(tx: Transaction, business_id: int, device_id: int) -> int | None:
    """The device's id, locked until the commit where rows can be; None once it is revoked: whoever signs in beside that loses."""
    lock = " FOR UPDATE" if tx.engine == "postgresql" else ""
    return await tx.fetch_val("SELECT id FROM devices WHERE id = :id AND business_id = :business_id AND revoked_at IS NULL" + lock,
                              {"id": device_id, "business_id": business_id})


async def list_devices(reader: Reader, business_id: int) -> list[Device]:
    rows = await reader.fetch_all(_DEVICE + "WHERE business_id = :business_id ORDER BY revoked_at IS NOT NULL, name, id",
                                  {"business_id": business_id})
    return [device for row in rows if (device := _device(row)) is not None]


async def last_uses(reader: Reader, business_id: int) -> dict[int, int]:
    """device → when a session on it was used last, epoch ms."""
    rows = await reader.fetch_all("SELECT device_id, MAX(seen_at) AS seen_at FROM sessions WHERE business_id = :business_id "
                                  "AND device_id IS NOT NULL GROUP BY device_id", {"business_id": business_id})
    return {row["device_id"]: row["seen_at"] for row in rows}


async def change_device(tx: Transaction, business_id: int, device_id: int, name: str, location_id: int | None) -> int | None:
    return await tx.fetch_val(
        "UPDATE devices SET name = :name, location_id = CAST(:location_id AS BIGINT) WHERE id = :id AND business_id = :business_id "
        "AND revoked_at IS NULL RETURNING id", {"name": name, "location_id": location_id, "id": device_id, "business_id": business_id})


async def revoke_device(tx: Transaction, business_id: int, device_id: int, now: int) -> int | None:
    return await tx.fetch_val("UPDATE devices SET revoked_at = :now WHERE id = :id AND business_id = :business_id AND revoked_at IS NULL "
                              "RETURNING id", {"now": now, "id": device_id, "business_id": business_id})


async def set_seen(tx: Transaction, business_id: int, device_id: int, now: int) -> None:
    await tx.execute("UPDATE devices SET seen_at = :now WHERE id = :id AND business_id = :business_id",
                     {"now": now, "id": device_id, "business_id": business_id})


async def bind_session(tx: Transaction, business_id: int, session_id: int, device_id: int, location_id: int | None) -> None:
    await tx.execute("UPDATE sessions SET device_id = CAST(:device_id AS BIGINT), location_id = CAST(:location_id AS BIGINT) "
                     "WHERE id = :id AND business_id = :business_id",
                     {"device_id": device_id, "location_id": location_id, "id": session_id, "business_id": business_id})


async def append_pairing(tx: Transaction, row: dict[str, Any]) -> int:
    return await tx.fetch_val(
        "INSERT INTO device_pairings(business_id, location_id, name, code_hash, created_by, created_at, expires_at) "
        "VALUES (:business_id, :location_id, :name, :code_hash, :created_by, :now, :expires_at) RETURNING id", row)


async def live_pairing(reader: Reader, code_hash: bytes, now: int) -> Row | None:
    """The pairing of a code, as long as whoever made it still works here."""
    return await reader.fetch_one(
        "SELECT p.id, p.business_id, p.location_id, p.name, p.created_by FROM device_pairings p JOIN staff s ON s.id = p.created_by "
        "WHERE p.code_hash = :code_hash AND p.used_at IS NULL AND p.expires_at > :now AND s.disabled_at IS NULL",
        {"code_hash": code_hash, "now": now})


async def use_pairing(tx: Transaction, pairing_id: int, now: int) -> int | None:
    return await tx.fetch_val("UPDATE device_pairings SET used_at = :now WHERE id = :id AND used_at IS NULL AND expires_at > :now "
                              "RETURNING id", {"now": now, "id": pairing_id})


async def idle_minutes(reader: Reader, business_id: int) -> int | None:
    return await reader.fetch_val("SELECT idle_minutes FROM till_rules WHERE business_id = :business_id", {"business_id": business_id})


async def set_idle_minutes(tx: Transaction, business_id: int, minutes: int, now: int) -> None:
    await tx.execute("INSERT INTO till_rules(business_id, idle_minutes, changed_at) VALUES (:business_id, :minutes, :now) "
                     "ON CONFLICT (business_id) DO UPDATE SET idle_minutes = excluded.idle_minutes, changed_at = excluded.changed_at",
                     {"business_id": business_id, "minutes": minutes, "now": now})
