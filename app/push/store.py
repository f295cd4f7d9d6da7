"""What each push token should know of and what it was told: one row for a distinct token and pass type."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import from_ms, to_ms
from app.db import Database, Transaction
from app.push.rules import BUCKET_SIZE, Bucket

LEVEL_UNIT = 1000  # a bucket's level is kept × 1000


@dataclass(frozen=True, slots=True)
class Target:
    """A phone that should be told. number: the update it should know of; tries: how often that was tried before."""

    pass_type_id: int
    pass_type_identifier: str
    push_token: str
    number: int
    tries: int
    bucket: Bucket
    is_held: bool  # whether any registration still names the token


@dataclass(frozen=True, slots=True)
class Told:
    """A phone that was told and may have to be told again. pushes: how often, of what it has not fetched."""

    pass_type_id: int
    push_token: str
    sent_at: datetime
    pushes: int


# An update that a registration took for itself is not pushed: the device asks right after it registered. Nothing leaves for a sandbox.
_CONCERNED = """
FROM updates u JOIN businesses b ON b.id = u.business_id AND b.sandbox_of IS NULL
JOIN passes p ON p.card_id = u.card_id JOIN registrations r ON r.pass_id = p.id
WHERE u.number > :after AND u.number <= :until AND u.registration_id IS NULL"""
_CONCERNS = f"SELECT 1 {_CONCERNED} LIMIT 1"
_WANT = f"""
INSERT INTO push_targets(pass_type_id, push_token, wanted_number, bucket_level, bucket_at, due_at)
SELECT r.pass_type_id, r.push_token, MAX(u.number), CAST(:full AS BIGINT), CAST(:now AS BIGINT), CAST(:now AS BIGINT)
{_CONCERNED} GROUP BY r.pass_type_id, r.push_token
ON CONFLICT (pass_type_id, push_token) DO UPDATE SET wanted_number = excluded.wanted_number,
  due_at = CASE WHEN push_targets.wanted_number > push_targets.sent_number THEN push_targets.due_at ELSE excluded.due_at END
WHERE push_targets.wanted_number < excluded.wanted_number"""
_DUE = """
SELECT t.pass_type_id, y.pass_type_identifier, t.push_token, t.wanted_number, t.tries, t.bucket_level, t.bucket_at,
  EXISTS (SELECT 1 FROM registrations r WHERE r.pass_type_id = t.pass_type_id AND r.push_token = t.push_token) AS is_held
FROM push_targets t JOIN pass_types y ON y.id = t.pass_type_id
WHERE t.pass_type_id = :pass_type_id AND t.wanted_number > t.sent_number AND t.due_at <= :now
  AND (t.claimed_until IS NULL OR t.claimed_until <= :now)
ORDER BY t.due_at LIMIT :limit"""
_DUE_TYPES = """
SELECT y.id FROM pass_types y WHERE EXISTS (
  SELECT 1 FROM push_targets t WHERE t.pass_type_id = y.id AND t.wanted_number > t.sent_number AND t.due_at <= :now
    AND (t.claimed_until IS NULL OR t.claimed_until <= :now))
ORDER BY y.id"""
_CLAIM = """
UPDATE push_targets SET claimed_until = :until, tries = tries + 1, bucket_level = :level, bucket_at = :bucket_at
WHERE pass_type_id = :pass_type_id AND push_token = :push_token"""
_ONE = "WHERE pass_type_id = :pass_type_id AND push_token = :push_token"
_POSTPONE = f"UPDATE push_targets SET due_at = :due_at {_ONE}"
_SENT = f"""
UPDATE push_targets SET sent_number = :number, sent_at = :now, claimed_until = NULL, tries = 0,
  last_status = 200, last_reason = '' {_ONE}"""
_FAILED = f"""
UPDATE push_targets SET due_at = :due_at, claimed_until = NULL, last_status = :status, last_reason = :reason {_ONE}"""
_GIVE_UP = f"""
UPDATE push_targets SET sent_number = :number, claimed_until = NULL, tries = 0, last_status = :status, last_reason = :reason {_ONE}"""
_FORGET = f"DELETE FROM push_targets {_ONE}"
_ACCEPTED = """
SELECT MAX(sent_at) FROM push_targets WHERE pass_type_id = :pass_type_id AND last_status = 200 AND push_token <> :push_token"""
# Registrations behind a token whose card has news that nobody fetched.
_UNFETCHED = """
FROM registrations r JOIN passes p ON p.id = r.pass_id JOIN latest_updates l ON l.card_id = p.card_id
WHERE r.pass_type_id = t.pass_type_id AND r.push_token = t.push_token AND l.number > r.version_fetched"""
_NOTE_PUSHED = """
UPDATE registrations SET repushes = CASE WHEN version_pushed = :number THEN repushes + 1 ELSE 0 END, version_pushed = :number
WHERE pass_type_id = :pass_type_id AND push_token = :push_token AND version_fetched < (
  SELECT l.number FROM passes p JOIN latest_updates l ON l.card_id = p.card_id WHERE p.id = registrations.pass_id)"""
_UNHEARD = f"""
SELECT t.pass_type_id, t.push_token, t.sent_at,
  (SELECT MIN(r.repushes) + 1 {_UNFETCHED}) AS pushes
FROM push_targets t
WHERE t.wanted_number = t.sent_number AND t.sent_at > :since AND t.sent_at <= :until
  AND EXISTS (SELECT 1 {_UNFETCHED} AND r.repushes < :most)
ORDER BY t.sent_at LIMIT :limit"""
_AGAIN = f"UPDATE push_targets SET sent_number = wanted_number - 1, due_at = :now {_ONE} AND wanted_number = sent_number"
_TROUBLE = """
SELECT y.pass_type_identifier, t.last_status, t.last_reason, COUNT(*) AS phones FROM push_targets t
JOIN pass_types y ON y.id = t.pass_type_id WHERE t.last_status <> 200
GROUP BY y.pass_type_identifier, t.last_status, t.last_reason ORDER BY phones DESC"""
_WAITING = """
SELECT y.pass_type_identifier, COUNT(*) AS phones FROM push_targets t JOIN pass_types y ON y.id = t.pass_type_id
WHERE t.wanted_number > t.sent_number AND t.due_at <= :since AND COALESCE(t.last_status, 200) = 200
GROUP BY y.pass_type_identifier ORDER BY phones DESC"""


async def concerns_any(db: Database, after: int, until: int) -> bool:
    """Whether an update with after < number <= until changed a card that some device holds."""
    return await db.fetch_one(_CONCERNS, {"after": after, "until": until}) is not None


async def want(tx: Transaction, after: int, until: int, now: datetime) -> None:
    """Every token that holds a changed card should know of the newest number; what waits already keeps its turn."""
    await tx.execute(_WANT, {"after": after, "until": until, "now": to_ms(now), "full": BUCKET_SIZE * LEVEL_UNIT})


async def due_types(db: Database, now: datetime) -> list[int]:
    """Pass types of which some phone should be told now."""
    return [row["id"] for row in await db.fetch_all(_DUE_TYPES, {"now": to_ms(now)})]


async def due(reader: Database | Transaction, pass_type_id: int, now: datetime, limit: int) -> list[Target]:
    """Phones of a pass type to tell now that nobody else is telling, the longest waiting first."""
    rows = await reader.fetch_all(_DUE, {"pass_type_id": pass_type_id, "now": to_ms(now), "limit": limit})
    return [Target(row["pass_type_id"], row["pass_type_identifier"], row["push_token"], row["wanted_number"], row["tries"],
                   Bucket(row["bucket_level"] // LEVEL_UNIT, from_ms(row["bucket_at"])), bool(row["is_held"])) for row in rows]


async def claim(tx: Transaction, taken: Sequence[tuple[Target, Bucket]], until: datetime) -> None:
    """Keep these for one sender until then; their buckets as they stand after this push."""
    await tx.execute_many(_CLAIM, [{**_key(target), "until": to_ms(until), "level": bucket.level * LEVEL_UNIT,
                                    "bucket_at": to_ms(bucket.at)} for target, bucket in taken])


async def postpone(tx: Transaction, waiting: Sequence[tuple[Target, datetime]]) -> None:
    await tx.execute_many(_POSTPONE, [{**_key(target), "due_at": to_ms(at)} for target, at in waiting])


async def note_sent(tx: Transaction, targets: Sequence[Target], now: datetime) -> None:
    """Accepted by APNs. Only the fetch is proof, so what is not fetched is counted for a repeat."""
    await tx.execute_many(_SENT, [{**_key(target), "number": target.number, "now": to_ms(now)} for target in targets])
    await tx.execute_many(_NOTE_PUSHED, [{**_key(target), "number": target.number} for target in targets])


async def note_failed(tx: Transaction, target: Target, status: int, reason: str, due_at: datetime) -> None:
    await tx.execute(_FAILED, {**_key(target), "status": status, "reason": reason, "due_at": to_ms(due_at)})


async def give_up(tx: Transaction, target: Target, status: int, reason: str) -> None:
    """This number is not tried again; the next change is."""
    await tx.execute(_GIVE_UP, {**_key(target), "number": target.number, "status": status, "reason": reason})


async def forget(tx: Transaction, targets: Sequence[Target]) -> None:
    """These tokens lead nowhere any more."""
    await tx.execute_many(_FORGET, [_key(target) for target in targets])


async def accepted_at(tx: Transaction, target: Target) -> datetime | None:
    """When APNs last accepted a push of the pass type to another token."""
    at = await tx.fetch_val(_ACCEPTED, _key(target))
    return None if at is None else from_ms(at)


async def unheard(db: Database, since: datetime, until: datetime, most: int, limit: int) -> list[Told]:
    """Phones told between the two moments, fewer than `most` + 1 times, of something that they have not fetched."""
    rows = await db.fetch_all(_UNHEARD, {"since": to_ms(since), "until": to_ms(until), "most": most, "limit": limit})
    return [Told(row["pass_type_id"], row["push_token"], from_ms(row["sent_at"]), row["pushes"]) for row in rows]


async def tell_again(tx: Transaction, told: Sequence[Told], now: datetime) -> None:
    await tx.execute_many(_AGAIN, [{"pass_type_id": each.pass_type_id, "push_token": each.push_token, "now": to_ms(now)} for each in told])


async def trouble(db: Database) -> list[dict[str, Any]]:
    """What the newest push of each phone met other than acceptance, counted: pass_type_identifier, last_status, last_reason, phones."""
    return [dict(row) for row in await db.fetch_all(_TROUBLE)]


async def waiting(db: Database, since: datetime) -> list[dict[str, Any]]:
    """Phones that were due before `since` and of which no failure was noted, counted: pass_type_identifier, phones."""
    return [dict(row) for row in await db.fetch_all(_WAITING, {"since": to_ms(since)})]


def _key(target: Target) -> dict[str, Any]:
    return {"pass_type_id": target.pass_type_id, "push_token": target.push_token}
