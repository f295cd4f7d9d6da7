"""What is known of each gateway: its rest, its failures, its balance; and the secret address that each business's reports come to."""
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.db import Database, Transaction

Reader = Database | Transaction
_ALL = "name, resting_until, why, failed_at, failures, balance_minor, currency, asked_at, low_since"


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """Moments in ms."""

    name: str
    resting_until: int | None
    why: str | None
    failed_at: int | None
    failures: int
    balance_minor: int | None
    currency: str
    asked_at: int | None
    low_since: int | None


async def gateways(reader: Reader) -> list[GatewayRow]:
    return [GatewayRow(*row) for row in await reader.fetch_all(f"SELECT {_ALL} FROM sms_gateways ORDER BY name")]


async def know(tx: Transaction, names: Sequence[str]) -> None:
    """A row for each of these, and no others: a gateway that TESSERA_SMS names no longer has nothing to say."""
    there = {row["name"] for row in await tx.fetch_all("SELECT name FROM sms_gateways")}
    for name in names:
        if name not in there:
            await _ensure(tx, name)
    for name in there - set(names):
        await tx.execute("DELETE FROM sms_gateways WHERE name = :name", {"name": name})
        await tx.execute("DELETE FROM sms_balances WHERE gateway = :name", {"name": name})


async def _ensure(tx: Transaction, name: str) -> None:
    await tx.execute("INSERT INTO sms_gateways(name) VALUES (:name) ON CONFLICT DO NOTHING", {"name": name})


async def note_failure(tx: Transaction, name: str, why: str, now: int) -> None:
    await _ensure(tx, name)
    await tx.execute("UPDATE sms_gateways SET why = :why, failed_at = :now, failures = failures + 1 WHERE name = :name",
                     {"name": name, "why": why, "now": now})


async def rest(tx: Transaction, name: str, until: int, now: int, *, ask_balance: bool) -> bool:
    """Nobody asks it before `until`; False where it rested already."""
    asked = ", asked_at = NULL" if ask_balance else ""
    row = await tx.fetch_one(f"UPDATE sms_gateways SET resting_until = :until{asked} WHERE name = :name AND "
                             "(resting_until IS NULL OR resting_until <= :now) RETURNING name", {"name": name, "until": until, "now": now})
    return row is not None


async def note_success(tx: Transaction, name: str) -> None:
    await tx.execute("UPDATE sms_gateways SET failures = 0, why = NULL, resting_until = NULL WHERE name = :name AND failures > 0",
                     {"name": name})


async def claim_balance(tx: Transaction, name: str, now: int, before: int) -> bool:
    """Whether the balance is to be asked for: not since `before`. Nobody else asks then."""
    row = await tx.fetch_one("UPDATE sms_gateways SET asked_at = :now WHERE name = :name AND (asked_at IS NULL OR asked_at <= :before) "
                             "RETURNING name", {"name": name, "now": now, "before": before})
    return row is not None


async def keep_balance(tx: Transaction, name: str, balance_minor: int, currency: str, now: int, kept_since: int) -> None:
    await tx.execute("UPDATE sms_gateways SET balance_minor = :balance, currency = :currency WHERE name = :name",
                     {"name": name, "balance": balance_minor, "currency": currency})
    await tx.execute("INSERT INTO sms_balances(gateway, at, balance_minor) VALUES (:name, :now, :balance) ON CONFLICT DO NOTHING",
                     {"name": name, "now": now, "balance": balance_minor})
    await tx.execute("DELETE FROM sms_balances WHERE gateway = :name AND at < :since", {"name": name, "since": kept_since})


async def balances(reader: Reader, name: str, since: int) -> list[int]:
    """What was left, oldest first."""
    rows = await reader.fetch_all("SELECT balance_minor FROM sms_balances WHERE gateway = :name AND at >= :since ORDER BY at",
                                  {"name": name, "since": since})
    return [row["balance_minor"] for row in rows]


async def set_low(tx: Transaction, name: str, since: int | None) -> bool:
    """Notes that the balance is low, or no longer; True where that is news."""
    row = await tx.fetch_one(
        "UPDATE sms_gateways SET low_since = CAST(:since AS BIGINT) WHERE name = :name AND (low_since IS NULL) <> "
        "(CAST(:since AS BIGINT) IS NULL) RETURNING name", {"name": name, "since": since})
    return row is not None


async def users_of(reader: Reader, name: str, since: int) -> list[int]:
    """Businesses whose messages this gateway carried since then."""
    rows = await reader.fetch_all("SELECT DISTINCT business_id FROM messages WHERE created_at >= :since AND gateway = :name "
                                  "ORDER BY business_id", {"since": since, "name": name})
    return [row["business_id"] for row in rows]


async def writers_to(reader: Reader, name: str, phone_server_hash: bytes, since: int) -> list[int]:
    """Businesses that wrote to this number through this gateway since then."""
    rows = await reader.fetch_all("SELECT DISTINCT business_id FROM messages WHERE created_at >= :since AND phone_server_hash = :hash "
                                  "AND gateway = :name ORDER BY business_id", {"since": since, "hash": phone_server_hash, "name": name})
    return [row["business_id"] for row in rows]


# Where a business's reports come to

async def sealed_secret(reader: Reader, business_id: int) -> bytes | None:
    found = await reader.fetch_val("SELECT secret_sealed FROM sms_callbacks WHERE business_id = :id", {"id": business_id})
    return None if found is None else bytes(found)


async def without_secret(reader: Reader) -> list[int]:
    """Businesses that no report could come to."""
    rows = await reader.fetch_all("SELECT b.id FROM businesses b LEFT JOIN sms_callbacks c ON c.business_id = b.id "
                                  "WHERE c.business_id IS NULL ORDER BY b.id")
    return [row["id"] for row in rows]


async def insert_secret(tx: Transaction, business_id: int, sealed: bytes, secret_hash: bytes, now: int) -> None:
    await tx.execute("INSERT INTO sms_callbacks(business_id, secret_sealed, secret_hash, created_at) VALUES (:id, :sealed, :hash, :now) "
                     "ON CONFLICT DO NOTHING", {"id": business_id, "sealed": sealed, "hash": secret_hash, "now": now})


async def business_of_secret(reader: Reader, secret_hash: bytes) -> int | None:
    return await reader.fetch_val("SELECT business_id FROM sms_callbacks WHERE secret_hash = :hash", {"hash": secret_hash})


async def resting(reader: Reader, now: int, names: Collection[str]) -> dict[str, int]:
    """Name → until when, of those that rest now."""
    rows = await reader.fetch_all("SELECT name, resting_until FROM sms_gateways WHERE resting_until > :now", {"now": now})
    return {row["name"]: row["resting_until"] for row in rows if row["name"] in names}
