"""Enrolments and their links."""
from collections.abc import Mapping
from typing import Any

from app.db import Database, Row, Transaction
from app.enrolment.rules import Enrolment, Link

Reader = Database | Transaction
_COLUMNS = ("id, business_id, program_id, card_id, phone_sealed, phone_hint, name_sealed, language, source, poster, location_id, status, "
            "created_at, expires_at, invitation_id, email_sealed, mail_id, plastic_id")


def _enrolment(row: Any) -> Enrolment:
    return Enrolment(**{**dict(row), **{name: _bytes(row[name]) for name in ("phone_sealed", "name_sealed", "email_sealed")}})


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


async def append(tx: Transaction, values: Mapping[str, Any]) -> Enrolment | None:
    """A pending enrolment; None where this number or address waits for this programme already."""
    row = await tx.fetch_one(
        "INSERT INTO enrolments(business_id, program_id, phone_sealed, phone_hash, phone_server_hash, phone_hint, name_sealed, language, "
        "source, poster, location_id, actor_kind, actor_id, status, created_at, expires_at, invitation_id, email_sealed, email_hash, "
        "plastic_id, card_id) "
        "VALUES (:business_id, :program_id, "
        ":phone_sealed, :phone_hash, :phone_server_hash, :phone_hint, :name_sealed, :language, :source, CAST(:poster AS TEXT), "
        "CAST(:location_id AS BIGINT), :actor_kind, CAST(:actor_id AS BIGINT), 'pending', :now, :expires_at, "
        "CAST(:invitation_id AS BIGINT), :email_sealed, :email_hash, CAST(:plastic_id AS BIGINT), CAST(:card_id AS BIGINT)) "
        f"ON CONFLICT DO NOTHING RETURNING {_COLUMNS}", values)
    return row and _enrolment(row)


async def find_waiting(tx: Transaction, program_id: int, phone_hash: bytes | None, email_hash: bytes | None = None) -> Enrolment | None:
    """What waits for a number, or else for an address."""
    column, found = ("phone_hash", phone_hash) if phone_hash is not None else ("email_hash", email_hash)
    row = await tx.fetch_one(
        f"SELECT {_COLUMNS} FROM enrolments WHERE program_id = :program_id AND {column} = :hash AND status = 'pending'",
        {"program_id": program_id, "hash": found})
    return row and _enrolment(row)


async def find(reader: Reader, business_id: int, enrolment_id: int) -> Enrolment | None:
    row = await reader.fetch_one(f"SELECT {_COLUMNS} FROM enrolments WHERE id = :id AND business_id = :business_id",
                                 {"id": enrolment_id, "business_id": business_id})
    return row and _enrolment(row)


async def find_pending_of_card(reader: Reader, business_id: int, card_id: int) -> int | None:
    return await reader.fetch_val(
        "SELECT id FROM enrolments WHERE business_id = :business_id AND card_id = :card_id AND status = 'pending'",
        {"business_id": business_id, "card_id": card_id})


async def find_by_token(reader: Reader, token_hash: bytes) -> tuple[Enrolment, Link] | None:
    """The enrolment of a link in whatever state, and the link."""
    row = await reader.fetch_one(
        "SELECT id, enrolment_id, created_at, expires_at, consumed_at FROM activation_links WHERE token_hash = :hash", {"hash": token_hash})
    if row is None:
        return None
    link = Link(**dict(row))
    enrolment = await reader.fetch_one(f"SELECT {_COLUMNS} FROM enrolments WHERE id = :id", {"id": link.enrolment_id})
    return _enrolment(enrolment), link


async def set_invitation(tx: Transaction, enrolment_id: int, invitation_id: int) -> None:
    """The first invitation that somebody followed counts."""
    await tx.execute("UPDATE enrolments SET invitation_id = :invitation_id WHERE id = :id AND invitation_id IS NULL",
                     {"id": enrolment_id, "invitation_id": invitation_id})


async def set_card(tx: Transaction, enrolment_id: int, card_id: int) -> None:
    await tx.execute("UPDATE enrolments SET card_id = :card_id WHERE id = :id", {"id": enrolment_id, "card_id": card_id})


async def set_mail(tx: Transaction, enrolment_id: int, mail_id: int) -> None:
    await tx.execute("UPDATE enrolments SET mail_id = :mail_id WHERE id = :id", {"id": enrolment_id, "mail_id": mail_id})


async def append_link(tx: Transaction, business_id: int, enrolment_id: int, token_hash: bytes, now: int, expires_at: int) -> None:
    await tx.execute("INSERT INTO activation_links(business_id, enrolment_id, token_hash, created_at, expires_at) VALUES "
                     "(:business_id, :enrolment_id, :token_hash, :now, :expires_at)",
                     {"business_id": business_id, "enrolment_id": enrolment_id, "token_hash": token_hash, "now": now,
                      "expires_at": expires_at})


async def consume(tx: Transaction, link_id: int, now: int) -> bool:
    """Uses the link up; False where it is used or expired. Of twenty at once one gets True."""
    return await tx.fetch_one("UPDATE activation_links SET consumed_at = :now WHERE id = :id AND consumed_at IS NULL AND expires_at > :now "
                              "RETURNING id", {"id": link_id, "now": now}) is not None


async def consume_all(tx: Transaction, enrolment_id: int, now: int) -> None:
    await tx.execute("UPDATE activation_links SET consumed_at = :now WHERE enrolment_id = :id AND consumed_at IS NULL",
                     {"id": enrolment_id, "now": now})


async def end(tx: Transaction, enrolment_id: int, status: str, now: int) -> bool:
    """Ends a pending enrolment once, and forgets whose it was: a customer, if it made one, knows. False: it has ended already."""
    return await tx.fetch_one(
        "UPDATE enrolments SET phone_sealed = NULL, phone_hash = NULL, phone_server_hash = NULL, phone_hint = '', name_sealed = NULL, "
        "email_sealed = NULL, email_hash = NULL, "
        "status = :status, ended_at = :now WHERE id = :id AND status = 'pending' RETURNING id",
        {"id": enrolment_id, "status": status, "now": now}) is not None


async def overdue(db: Database, now: int, most: int) -> list[Enrolment]:
    rows = await db.fetch_all(f"SELECT {_COLUMNS} FROM enrolments WHERE status = 'pending' AND expires_at <= :now ORDER BY expires_at "
                              "LIMIT :most", {"now": now, "most": most})
    return [_enrolment(row) for row in rows]


async def count_by_poster(reader: Reader, business_id: int) -> list[tuple[str, int]]:
    """(poster, cards that it brought), the most first; an empty name for the page itself."""
    rows = await reader.fetch_all(
        "SELECT COALESCE(poster, '') AS name, COUNT(*) AS cards FROM enrolments WHERE business_id = :business_id AND source = 'poster' "
        "AND status = 'activated' GROUP BY COALESCE(poster, '') ORDER BY COUNT(*) DESC, COALESCE(poster, '') LIMIT 20",
        {"business_id": business_id})
    return [(row["name"], row["cards"]) for row in rows]


async def count_issued(reader: Reader, business_id: int, since: int, until: int, most: int) -> list[Row]:
    """Enrolments begun in since <= at < until (ms), by who began them, where and how."""
    return await reader.fetch_all(
        "SELECT actor_kind, actor_id, location_id, source, COALESCE(poster, '') AS poster, COUNT(*) AS begun, "
        "SUM(CASE WHEN status = 'activated' THEN 1 ELSE 0 END) AS activated, "
        "SUM(CASE WHEN status = 'refused' THEN 1 ELSE 0 END) AS refused FROM enrolments "
        "WHERE business_id = :business_id AND created_at >= :since AND created_at < :until "
        "GROUP BY actor_kind, actor_id, location_id, source, COALESCE(poster, '') "
        "ORDER BY activated DESC, begun DESC, actor_kind, actor_id, location_id, source, COALESCE(poster, '') LIMIT :most",
        {"business_id": business_id, "since": since, "until": until, "most": most})


async def refused_since(reader: Reader, business_id: int, location_id: int | None, since: int) -> list[Enrolment]:
    """Enrolments from a till whose phone said "not me" since then, newest first; None: of every location."""
    rows = await reader.fetch_all(
        f"SELECT {_COLUMNS} FROM enrolments WHERE business_id = :business_id AND status = 'refused' AND source = 'till' "
        "AND ended_at >= :since AND (CAST(:location_id AS BIGINT) IS NULL OR location_id = CAST(:location_id AS BIGINT)) "
        "ORDER BY id DESC LIMIT 5", {"business_id": business_id, "location_id": location_id, "since": since})
    return [_enrolment(row) for row in rows]


async def suppress_mail(tx: Transaction, business_id: int, email_hash: bytes, reason: str, now: int) -> None:
    await tx.execute("INSERT INTO mail_suppressions(business_id, email_hash, reason, created_at) VALUES (:business_id, :email_hash, "
                     ":reason, :now) ON CONFLICT DO NOTHING",
                     {"business_id": business_id, "email_hash": email_hash, "reason": reason, "now": now})


async def is_mail_suppressed(reader: Reader, business_id: int, email_hash: bytes) -> bool:
    return await reader.fetch_val("SELECT 1 FROM mail_suppressions WHERE business_id = :business_id AND email_hash = :email_hash",
                                  {"business_id": business_id, "email_hash": email_hash}) is not None
