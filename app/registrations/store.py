"""Registrations of devices and what they report; joins `passes` and the newest update of each card for reading."""
from collections.abc import Sequence
from dataclasses import dataclass

from app.db import Database, Transaction
from app.registrations.rules import Changed


@dataclass(frozen=True, slots=True)
class Registered:
    """A registration that was deleted: whose, and of which card."""

    business_id: int
    card_id: int


@dataclass(frozen=True, slots=True)
class HeldPass:
    """A pass as the update service knows it."""

    id: int
    business_id: int
    card_id: int
    pass_type_id: int
    token_sealed: bytes


@dataclass(frozen=True, slots=True)
class DeviceLog:
    """A line of a device's report. received_at: epoch ms; serial_number: of the pass that it speaks of, if any."""

    received_at: int
    pass_type_identifier: str
    serial_number: str | None
    message: str


_HELD = """
SELECT p.id, p.business_id, p.card_id, p.pass_type_id, p.authentication_token_sealed FROM passes p
JOIN pass_types t ON t.id = p.pass_type_id
WHERE t.short_id = :short_id AND t.pass_type_identifier = :pass_type AND p.serial_number = :serial_number"""
_INSERT = """
INSERT INTO registrations(business_id, pass_id, pass_type_id, device_library_identifier, push_token, created_at, renewed_at)
VALUES (:business_id, :pass_id, :pass_type_id, :device, :push_token, :now, :now)
ON CONFLICT (device_library_identifier, pass_id) DO NOTHING RETURNING id"""
_RENEW = """
UPDATE registrations SET push_token = :push_token, renewed_at = :now
WHERE device_library_identifier = :device AND pass_id = :pass_id RETURNING id"""
_NUMBER = "UPDATE registrations SET number = :number WHERE id = :id AND number < :number"
_DELETE = "DELETE FROM registrations WHERE device_library_identifier = :device AND pass_id = :pass_id RETURNING id"
# The registration's own number stands beside the card's: an old file that is added late has changed for this device alone.
_CHANGED = """
SELECT serial_number, number FROM (
  SELECT p.serial_number, CASE WHEN l.number > r.number THEN l.number ELSE r.number END AS number
  FROM registrations r JOIN pass_types t ON t.id = r.pass_type_id JOIN passes p ON p.id = r.pass_id
  LEFT JOIN latest_updates l ON l.card_id = p.card_id
  WHERE r.device_library_identifier = :device AND t.short_id = :short_id AND t.pass_type_identifier = :pass_type
) AS held WHERE number > :seen"""
# What says nothing new is not written: phones ask more often than cards change.
_FETCHED = """
UPDATE registrations SET version_fetched = :number, repushes = 0, fetched_at = :now
WHERE pass_id = :pass_id AND version_fetched <= :number AND (version_fetched < :number OR repushes > 0 OR fetched_at IS NULL)"""
_END = """
DELETE FROM registrations WHERE pass_type_id = :pass_type_id AND push_token = :push_token AND renewed_at <= :until
RETURNING business_id, (SELECT card_id FROM passes WHERE passes.id = registrations.pass_id) AS card_id"""
_HAS = "SELECT 1 FROM registrations WHERE pass_type_id = :pass_type_id AND push_token = :push_token LIMIT 1"
_COUNT = """
SELECT p.card_id, COUNT(DISTINCT r.device_library_identifier) AS devices
FROM registrations r JOIN passes p ON p.id = r.pass_id
WHERE r.business_id = :business_id AND p.card_id = :card_id GROUP BY p.card_id"""
_KIND = "SELECT id FROM pass_types WHERE short_id = :short_id"
_LOG = """
INSERT INTO device_logs(pass_type_id, serial_number, message, received_at)
VALUES (:pass_type_id, CAST(:serial_number AS TEXT), :message, :now)"""
_LOGGED = "SELECT COALESCE(SUM(LENGTH(message)), 0) FROM device_logs WHERE received_at > :since"
_LOGS = """
SELECT d.received_at, t.pass_type_identifier, d.serial_number, d.message FROM device_logs d JOIN pass_types t ON t.id = d.pass_type_id
WHERE d.received_at > :since ORDER BY d.received_at DESC, d.id DESC LIMIT :limit"""
_CARD_LOGS = """
SELECT d.received_at, t.pass_type_identifier, d.serial_number, d.message
FROM passes p JOIN pass_types t ON t.id = p.pass_type_id
JOIN device_logs d ON d.serial_number = p.serial_number AND d.pass_type_id = p.pass_type_id
WHERE p.business_id = :business_id AND p.card_id = :card_id ORDER BY d.received_at DESC, d.id DESC LIMIT :limit"""
_PRUNE_LOGS = """
DELETE FROM device_logs WHERE id IN (SELECT id FROM device_logs WHERE received_at < :before ORDER BY id LIMIT :limit) RETURNING id"""


async def find_pass(db: Database, short_id: str, pass_type: str, serial_number: str) -> HeldPass | None:
    row = await db.fetch_one(_HELD, {"short_id": short_id, "pass_type": pass_type, "serial_number": serial_number})
    return HeldPass(*row) if row else None


async def upsert(tx: Transaction, business_id: int, pass_id: int, pass_type_id: int, device: str, push_token: str,
                 now_ms: int) -> tuple[int, bool]:
    """The registration's id and whether it is new. The push token is overwritten always: an old one leads nowhere."""
    values = {"business_id": business_id, "pass_id": pass_id, "pass_type_id": pass_type_id, "device": device,
              "push_token": push_token, "now": now_ms}
    if row := await tx.fetch_one(_INSERT, values):
        return row["id"], True
    row = await tx.fetch_one(_RENEW, {"pass_id": pass_id, "device": device, "push_token": push_token, "now": now_ms})
    return row["id"], False


async def set_number(tx: Transaction, registration_id: int, number: int) -> None:
    await tx.execute(_NUMBER, {"id": registration_id, "number": number})


async def delete(tx: Transaction, device: str, pass_id: int) -> bool:
    return await tx.fetch_one(_DELETE, {"device": device, "pass_id": pass_id}) is not None


async def changed(db: Database, short_id: str, device: str, pass_type: str, seen: int) -> list[Changed]:
    """What the device holds of this pass type that has a number above `seen`."""
    rows = await db.fetch_all(_CHANGED, {"short_id": short_id, "device": device, "pass_type": pass_type, "seen": seen})
    return [Changed(row["serial_number"], row["number"]) for row in rows]


async def note_fetched(tx: Transaction, fetched: Sequence[tuple[int, int, int]]) -> None:
    """fetched: (pass, number of the update that it was fetched as of, epoch ms) each."""
    await tx.execute_many(_FETCHED, [{"pass_id": pass_id, "number": number, "now": now_ms} for pass_id, number, now_ms in fetched])


async def end_token(tx: Transaction, pass_type_id: int, push_token: str, until_ms: int) -> list[Registered]:
    """Delete the registrations that named this token at or before `until_ms`."""
    rows = await tx.fetch_all(_END, {"pass_type_id": pass_type_id, "push_token": push_token, "until": until_ms})
    return [Registered(row["business_id"], row["card_id"]) for row in rows]


async def has_token(tx: Transaction, pass_type_id: int, push_token: str) -> bool:
    return await tx.fetch_one(_HAS, {"pass_type_id": pass_type_id, "push_token": push_token}) is not None


async def count_devices(db: Database | Transaction, business_id: int, card_id: int) -> int:
    row = await db.fetch_one(_COUNT, {"business_id": business_id, "card_id": card_id})
    return row["devices"] if row else 0


async def find_pass_type(db: Database, short_id: str) -> int | None:
    return await db.fetch_val(_KIND, {"short_id": short_id})


async def append_log(tx: Transaction, pass_type_id: int, serial_number: str | None, message: str, now_ms: int) -> None:
    await tx.execute(_LOG, {"pass_type_id": pass_type_id, "serial_number": serial_number, "message": message, "now": now_ms})


async def logged_since(tx: Transaction, since_ms: int) -> int:
    """Characters of all reports received after `since_ms`."""
    return int(await tx.fetch_val(_LOGGED, {"since": since_ms}))


async def logs(db: Database, since_ms: int, limit: int) -> list[DeviceLog]:
    """What devices reported after `since_ms`, newest first."""
    return [DeviceLog(*row) for row in await db.fetch_all(_LOGS, {"since": since_ms, "limit": limit})]


async def logs_of_card(db: Database, business_id: int, card_id: int, limit: int) -> list[DeviceLog]:
    """What devices reported of the passes of one card, newest first."""
    rows = await db.fetch_all(_CARD_LOGS, {"business_id": business_id, "card_id": card_id, "limit": limit})
    return [DeviceLog(*row) for row in rows]


async def prune_logs(tx: Transaction, before_ms: int, limit: int) -> int:
    return len(await tx.fetch_all(_PRUNE_LOGS, {"before": before_ms, "limit": limit}))
