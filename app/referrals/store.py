"""SQL on invitations and referrals, and on what the accounts of both sides did."""
from typing import Any

from app.clock import from_ms
from app.db import Database, Row, Transaction
from app.referrals.rules import Invitation, Waiting

Reader = Database | Transaction
_INVITATION = "id, business_id, program_id, account_id, code, uses, used, created_at, ends_at"
_WAITING = "id, business_id, program_id, giver_account_id, friend_account_id, first_sale_id, settles_at, created_at"


def _moment(value: int | None) -> Any:
    return None if value is None else from_ms(value)


def _invitation(row: Row) -> Invitation:
    return Invitation(row["id"], row["business_id"], row["program_id"], row["account_id"], row["code"], row["uses"], row["used"],
                      from_ms(row["created_at"]), _moment(row["ends_at"]))


def _waiting(row: Row) -> Waiting:
    return Waiting(row["id"], row["business_id"], row["program_id"], row["giver_account_id"], row["friend_account_id"],
                   row["first_sale_id"], _moment(row["settles_at"]), from_ms(row["created_at"]))


# Invitations.

async def append_invitation(tx: Transaction, values: dict[str, Any]) -> Invitation | None:
    """None where the account has one already."""
    row = await tx.fetch_one(
        "INSERT INTO invitations(business_id, program_id, account_id, code, uses, created_at, ends_at) VALUES (:business_id, :program_id, "
        "CAST(:account_id AS BIGINT), :code, CAST(:uses AS BIGINT), :now, CAST(:ends_at AS BIGINT)) ON CONFLICT DO NOTHING "
        f"RETURNING {_INVITATION}", values)
    return _invitation(row) if row else None


async def of_account(reader: Reader, business_id: int, account_id: int) -> Invitation | None:
    row = await reader.fetch_one(f"SELECT {_INVITATION} FROM invitations WHERE account_id = :account_id AND business_id = :business_id",
                                 {"account_id": account_id, "business_id": business_id})
    return _invitation(row) if row else None


async def by_code(reader: Reader, business_id: int, program_id: int, code: str) -> Invitation | None:
    row = await reader.fetch_one(
        f"SELECT {_INVITATION} FROM invitations WHERE code = :code AND business_id = :business_id AND program_id = :program_id",
        {"code": code, "business_id": business_id, "program_id": program_id})
    return _invitation(row) if row else None


async def find(reader: Reader, business_id: int, invitation_id: int) -> Invitation | None:
    row = await reader.fetch_one(f"SELECT {_INVITATION} FROM invitations WHERE id = :id AND business_id = :business_id",
                                 {"id": invitation_id, "business_id": business_id})
    return _invitation(row) if row else None


async def of_business(reader: Reader, business_id: int, limit: int) -> list[Invitation]:
    """Those that no shopper gives, newest first."""
    rows = await reader.fetch_all(
        f"SELECT {_INVITATION} FROM invitations WHERE business_id = :business_id AND account_id IS NULL ORDER BY id DESC LIMIT :limit",
        {"business_id": business_id, "limit": limit})
    return [_invitation(row) for row in rows]


async def use(tx: Transaction, invitation_id: int, now: int) -> bool:
    """Whether one more could join by it; counted in the same statement, so that two together cannot share the last place."""
    return await tx.fetch_one(
        "UPDATE invitations SET used = used + 1 WHERE id = :id AND (uses IS NULL OR used < uses) "
        "AND (ends_at IS NULL OR ends_at > :now) RETURNING id", {"id": invitation_id, "now": now}) is not None


async def close_invitation(tx: Transaction, business_id: int, invitation_id: int, now: int) -> bool:
    return await tx.fetch_one(
        "UPDATE invitations SET ends_at = :now WHERE id = :id AND business_id = :business_id AND account_id IS NULL "
        "AND (ends_at IS NULL OR ends_at > :now) RETURNING id", {"id": invitation_id, "business_id": business_id, "now": now}) is not None


# Friends.

async def append(tx: Transaction, values: dict[str, Any]) -> int | None:
    """None where the friend was brought by somebody before."""
    return await tx.fetch_val(
        "INSERT INTO referrals(business_id, program_id, invitation_id, giver_account_id, friend_account_id, status, reason, created_at, "
        "ended_at) VALUES (:business_id, :program_id, :invitation_id, :giver, :friend, :status, CAST(:reason AS TEXT), :now, "
        "CAST(:ended_at AS BIGINT)) ON CONFLICT DO NOTHING RETURNING id", values)


async def is_known(reader: Reader, business_id: int, customer_id: int, card_id: int) -> bool:
    """Whether the person had a working card of this business before."""
    # By the programmes of the business, as the index of accounts begins with them: SQLite would walk all cards otherwise.
    return await reader.fetch_one(
        "SELECT c.id FROM accounts a CROSS JOIN cards c WHERE a.customer_id = :customer_id "
        "AND a.program_id IN (SELECT id FROM programs WHERE business_id = :business_id) AND c.account_id = a.id "
        "AND c.id <> :card_id AND c.activated_at IS NOT NULL LIMIT 1",
        {"business_id": business_id, "customer_id": customer_id, "card_id": card_id}) is not None


async def brought(reader: Reader, business_id: int, giver: int, friend: int) -> bool:
    """Whether the friend brought the giver, through any number of others."""
    return await reader.fetch_one(
        "WITH RECURSIVE up(account) AS (SELECT giver_account_id FROM referrals WHERE friend_account_id = :giver "
        "AND business_id = :business_id UNION SELECT r.giver_account_id FROM referrals r JOIN up ON r.friend_account_id = up.account "
        "WHERE r.business_id = :business_id) SELECT account FROM up WHERE account = :friend LIMIT 1",
        {"business_id": business_id, "giver": giver, "friend": friend}) is not None


async def count_lately(reader: Reader, business_id: int, giver: int, since_month: int, since_day: int) -> tuple[int, int]:
    """(friends since a month that were rewarded or wait, those since a day that wait without a purchase)"""
    row = await reader.fetch_one(
        "SELECT COUNT(*) AS of_month, COALESCE(SUM(CASE WHEN created_at >= :day AND first_sale_id IS NULL AND NOT EXISTS (SELECT 1 "
        "FROM operations o WHERE o.account_id = r.friend_account_id AND o.kind = 'sale') THEN 1 ELSE 0 END), 0) AS idle "
        "FROM referrals r WHERE giver_account_id = :giver AND business_id = :business_id AND created_at >= :month "
        "AND status IN ('waiting', 'rewarded')", {"business_id": business_id, "giver": giver, "month": since_month, "day": since_day})
    assert row is not None
    return int(row["of_month"]), int(row["idle"])


async def count_rewarded(reader: Reader, business_id: int, giver: int, since: int) -> int:
    return int(await reader.fetch_val(
        "SELECT COUNT(*) FROM referrals WHERE giver_account_id = :giver AND business_id = :business_id AND status = 'rewarded' "
        "AND ended_at >= :since", {"business_id": business_id, "giver": giver, "since": since}))


async def count_same_issuer(reader: Reader, business_id: int, giver: int, card_id: int, since: int) -> int:
    """How many of the giver's friends have a card that the same member of staff issued as this one."""
    return int(await reader.fetch_val(
        "SELECT COUNT(*) FROM cards this JOIN cards c ON c.issued_by_kind = this.issued_by_kind AND c.issued_by_id = this.issued_by_id "
        "JOIN referrals r ON r.friend_account_id = c.account_id WHERE this.id = :card_id AND this.issued_by_kind = 'staff' "
        "AND r.giver_account_id = :giver AND r.business_id = :business_id AND r.created_at >= :since",
        {"business_id": business_id, "giver": giver, "card_id": card_id, "since": since}))


async def counts(reader: Reader, business_id: int, giver: int) -> dict[str, int]:
    """status → how many friends"""
    rows = await reader.fetch_all("SELECT status, COUNT(*) AS n FROM referrals WHERE giver_account_id = :giver "
                                  "AND business_id = :business_id GROUP BY status", {"business_id": business_id, "giver": giver})
    return {row["status"]: row["n"] for row in rows}


# Settling, over all businesses: rows name theirs.

async def without_sale(reader: Reader, after: int, limit: int) -> list[Waiting]:
    rows = await reader.fetch_all(f"SELECT {_WAITING} FROM referrals WHERE status = 'waiting' AND settles_at IS NULL AND id > :after "
                                  "ORDER BY id LIMIT :limit", {"after": after, "limit": limit})
    return [_waiting(row) for row in rows]


async def due(reader: Reader, now: int, limit: int) -> list[Waiting]:
    rows = await reader.fetch_all(f"SELECT {_WAITING} FROM referrals WHERE status = 'waiting' AND settles_at IS NOT NULL "
                                  "AND settles_at <= :now ORDER BY settles_at, id LIMIT :limit", {"now": now, "limit": limit})
    return [_waiting(row) for row in rows]


async def first_sale(reader: Reader, business_id: int, accounts: tuple[int, int], least: int) -> Row | None:
    """id and recorded_at of the first purchase of `least` or more paid in money; one that was undone never was.

    accounts: the friend's, and the one that it was merged into (the same where it was not).
    """
    # +o.business_id: SQLite would look through all operations of the business instead of the two accounts' own.
    return await reader.fetch_one(
        "SELECT o.id, o.recorded_at FROM operations o WHERE o.account_id IN (:account, :home) AND +o.business_id = :business_id "
        "AND o.kind = 'sale' AND o.to_pay_minor >= :least AND NOT EXISTS (SELECT 1 FROM operations r WHERE r.of_operation_id = o.id "
        "AND r.kind = 'undo') ORDER BY o.id LIMIT 1",
        {"business_id": business_id, "account": accounts[0], "home": accounts[1], "least": least})


async def left_of(reader: Reader, business_id: int, sale_id: int) -> tuple[bool, int]:
    """(whether a sale was undone, what is left of the money that was paid for it)"""
    row = await reader.fetch_one(
        "SELECT o.to_pay_minor - COALESCE(SUM(r.pay_back_minor), 0) AS remains, "
        "COALESCE(MAX(CASE WHEN r.kind = 'undo' THEN 1 ELSE 0 END), 0) AS undone "
        "FROM operations o LEFT JOIN operations r ON r.of_operation_id = o.id AND r.kind IN ('undo', 'refund') "
        "WHERE o.id = :sale AND o.business_id = :business_id GROUP BY o.id, o.to_pay_minor", {"sale": sale_id, "business_id": business_id})
    assert row is not None
    return bool(row["undone"]), int(row["remains"])


async def set_sale(tx: Transaction, referral_id: int, sale_id: int | None, settles_at: int | None) -> None:
    """None: what was bought is undone, and another purchase is waited for."""
    await tx.execute("UPDATE referrals SET first_sale_id = CAST(:sale AS BIGINT), settles_at = CAST(:settles_at AS BIGINT) "
                     "WHERE id = :id AND status = 'waiting'",
                     {"id": referral_id, "sale": sale_id, "settles_at": settles_at})


async def end(tx: Transaction, referral_id: int, status: str, reason: str | None, now: int) -> bool:
    """Ends what waits, once: of two that try, one gets True."""
    return await tx.fetch_one("UPDATE referrals SET status = :status, reason = CAST(:reason AS TEXT), ended_at = :now "
                              "WHERE id = :id AND status = 'waiting' RETURNING id",
                              {"id": referral_id, "status": status, "reason": reason, "now": now}) is not None
