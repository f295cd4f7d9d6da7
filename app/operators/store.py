"""SQL on operators, their sessions, links and acts, and on business_limits; of businesses only what is no person's."""
from typing import Any

from app.db import Database, Row, Transaction

Reader = Database | Transaction
LIMITS = ("messages_day", "cards", "key_per_second", "storage_bytes")


async def append_operator(tx: Transaction, row: dict[str, Any]) -> int | None:
    """The new row's id, or None where the address is an operator's already."""
    return await tx.fetch_val("INSERT INTO operators(name, email_sealed, email_hash, created_at) "
                              "VALUES (:name, :email_sealed, :email_hash, :created_at) ON CONFLICT (email_hash) DO NOTHING RETURNING id",
                              row)


async def by_email(reader: Reader, email_hash: bytes) -> Row | None:
    return await reader.fetch_one("SELECT * FROM operators WHERE email_hash = :email_hash", {"email_hash": email_hash})


async def operator(reader: Reader, operator_id: int) -> Row | None:
    return await reader.fetch_one("SELECT * FROM operators WHERE id = :id", {"id": operator_id})


async def set_password(tx: Transaction, operator_id: int, password_hash: str) -> None:
    await tx.execute("UPDATE operators SET password_hash = :password_hash, disabled_at = NULL WHERE id = :id",
                     {"id": operator_id, "password_hash": password_hash})


async def append_link(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute("INSERT INTO operator_links(operator_id, token_hash, created_at, expires_at) "
                     "VALUES (:operator_id, :token_hash, :created_at, :expires_at)", row)


async def end_links(tx: Transaction, operator_id: int, now: int) -> None:
    await tx.execute("UPDATE operator_links SET consumed_at = :now WHERE operator_id = :operator_id AND consumed_at IS NULL",
                     {"operator_id": operator_id, "now": now})


async def live_link(reader: Reader, token_hash: bytes, now: int) -> Row | None:
    return await reader.fetch_one("SELECT l.operator_id, o.email_sealed FROM operator_links l JOIN operators o ON o.id = l.operator_id "
                                  "WHERE l.token_hash = :token_hash AND l.consumed_at IS NULL AND l.expires_at > :now",
                                  {"token_hash": token_hash, "now": now})


async def consume_link(tx: Transaction, token_hash: bytes, now: int) -> int | None:
    return await tx.fetch_val("UPDATE operator_links SET consumed_at = :now WHERE token_hash = :token_hash AND consumed_at IS NULL "
                              "AND expires_at > :now RETURNING operator_id", {"token_hash": token_hash, "now": now})


async def append_session(tx: Transaction, row: dict[str, Any]) -> int:
    return await tx.fetch_val("INSERT INTO operator_sessions(operator_id, token_hash, created_at, seen_at, expires_at) "
                              "VALUES (:operator_id, :token_hash, :created_at, :created_at, :expires_at) RETURNING id", row)


async def session(reader: Reader, token_hash: bytes) -> Row | None:
    """The session with its operator; ended sessions and operators whose access was taken away are not found."""
    return await reader.fetch_one(
        "SELECT n.id, n.operator_id, n.created_at, n.seen_at, n.expires_at, o.name FROM operator_sessions n "
        "JOIN operators o ON o.id = n.operator_id AND o.disabled_at IS NULL WHERE n.token_hash = :token_hash AND n.revoked_at IS NULL",
        {"token_hash": token_hash})


async def set_seen(tx: Transaction, session_id: int, at: int) -> None:
    await tx.execute("UPDATE operator_sessions SET seen_at = :at WHERE id = :id", {"id": session_id, "at": at})


async def end_session(tx: Transaction, session_id: int, at: int) -> None:
    await tx.execute("UPDATE operator_sessions SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL", {"id": session_id, "at": at})


async def end_sessions(tx: Transaction, operator_id: int, at: int) -> None:
    await tx.execute("UPDATE operator_sessions SET revoked_at = :at WHERE operator_id = :operator_id AND revoked_at IS NULL",
                     {"operator_id": operator_id, "at": at})


async def append_act(tx: Transaction, row: dict[str, Any]) -> None:
    await tx.execute("INSERT INTO operator_acts(operator_id, business_id, action, details, at) "
                     "VALUES (:operator_id, CAST(:business_id AS BIGINT), :action, :details, :at)", row)


async def acts(reader: Reader, limit: int) -> list[Row]:
    """Newest first."""
    return await reader.fetch_all(
        "SELECT a.id, a.action, a.details, a.at, o.name AS operator, b.name AS business FROM operator_acts a "
        "JOIN operators o ON o.id = a.operator_id LEFT JOIN businesses b ON b.id = a.business_id ORDER BY a.id DESC LIMIT :limit",
        {"limit": limit})


# Businesses, as numbers.
_BUSINESS = """
SELECT b.id, b.slug, b.name, b.country, b.currency, b.created_at, b.closed_at,
       l.messages_day, l.cards, l.key_per_second, l.storage_bytes,
       (SELECT COUNT(*) FROM cards c WHERE c.business_id = b.id AND c.status IN ('active', 'provisional', 'blocked')) AS cards_now,
       (SELECT COUNT(*) FROM messages m WHERE m.business_id = b.id AND m.created_at >= :since) AS messages_now,
       (SELECT COUNT(*) FROM api_keys k WHERE k.business_id = b.id AND k.revoked_at IS NULL) AS keys_now,
       COALESCE((SELECT SUM(LENGTH(f.content)) FROM images i JOIN image_files f ON f.image_id = i.id WHERE i.business_id = b.id), 0)
         AS storage_now
FROM businesses b LEFT JOIN business_limits l ON l.business_id = b.id
WHERE b.sandbox_of IS NULL"""


async def businesses(reader: Reader, since: int) -> list[Row]:
    return await reader.fetch_all(f"{_BUSINESS} ORDER BY b.closed_at IS NOT NULL, b.name, b.id", {"since": since})


async def business(reader: Reader, business_id: int, since: int) -> Row | None:
    return await reader.fetch_one(f"{_BUSINESS} AND b.id = :id", {"id": business_id, "since": since})


async def set_closed(tx: Transaction, business_id: int, closed_at: int | None) -> None:
    """Its sandbox with it."""
    await tx.execute("UPDATE businesses SET closed_at = CAST(:closed_at AS BIGINT) WHERE id = :id OR sandbox_of = :id",
                     {"id": business_id, "closed_at": closed_at})


async def end_sessions_of(tx: Transaction, business_id: int, at: int) -> None:
    await tx.execute("UPDATE sessions SET revoked_at = :at WHERE revoked_at IS NULL AND business_id IN "
                     "(SELECT id FROM businesses WHERE id = :id OR sandbox_of = :id)", {"id": business_id, "at": at})


async def set_limits(tx: Transaction, business_id: int, limits: dict[str, int | None], at: int) -> None:
    """limits: each of LIMITS."""
    columns, values = ", ".join(LIMITS), ", ".join(f"CAST(:{name} AS BIGINT)" for name in LIMITS)
    changed = ", ".join(f"{name} = excluded.{name}" for name in (*LIMITS, "changed_at"))
    await tx.execute(f"INSERT INTO business_limits(business_id, {columns}, changed_at) VALUES (:business_id, {values}, :at) "
                     f"ON CONFLICT (business_id) DO UPDATE SET {changed}", {"business_id": business_id, "at": at, **limits})


async def waiting(reader: Reader, now: int) -> dict[str, int]:
    """What is queued and due, by queue."""
    rows = await reader.fetch_all("""
SELECT 'messages' AS queue, COUNT(*) AS n FROM messages WHERE state IN ('queued', 'submitting')
UNION ALL SELECT 'mails', COUNT(*) FROM mails WHERE sent_at IS NULL AND failed_at IS NULL
UNION ALL SELECT 'pushes', COUNT(*) FROM push_targets WHERE sent_number < wanted_number AND due_at <= :now""", {"now": now})
    return {row["queue"]: int(row["n"]) for row in rows}


async def certificates(reader: Reader) -> list[Row]:
    """The newest certificate of each pass type: whose, and until when; the server's own lies in its settings."""
    return await reader.fetch_all(
        "SELECT t.pass_type_identifier, b.name AS business, MAX(c.not_after) AS not_after FROM certificates c "
        "JOIN pass_types t ON t.id = c.pass_type_id JOIN businesses b ON b.id = c.business_id "
        "GROUP BY t.pass_type_identifier, b.name ORDER BY 3", {})
