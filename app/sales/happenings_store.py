"""SQL on happenings, and who has an occasion: a birthday, a first activation, a long absence."""
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.db import Database, Row, Transaction

Reader = Database | Transaction

_CLAIM = """
INSERT INTO happenings(account_id, event, key, business_id, at) VALUES (:account_id, :event, :key, :business_id, :at)
ON CONFLICT DO NOTHING RETURNING account_id"""
_KEEP = "UPDATE happenings SET operation_id = :operation_id WHERE account_id = :account_id AND event = :event AND key = :key"
_FIND = """
SELECT operation_id FROM happenings WHERE account_id = :account_id AND event = :event AND key = :key AND business_id = :business_id"""
_PROGRAMS = """
SELECT p.business_id, p.id FROM programs p JOIN rules_versions r ON r.program_id = p.id AND r.version = p.rules_version
WHERE p.closed_at IS NULL AND r.rules LIKE :pattern ORDER BY p.id"""
_NEVER = "NOT EXISTS (SELECT 1 FROM happenings h WHERE h.account_id = a.id AND h.event = :event AND h.key = {key})"
_CARD = "(SELECT MAX(k.id) FROM cards k WHERE k.account_id = a.id AND k.status = 'active')"
# CROSS JOIN: SQLite begins with the few customers then, not with all accounts.
_BIRTHDAY = f"""
SELECT a.id, {_CARD} AS card_id, '' AS what FROM customers c CROSS JOIN accounts a
WHERE a.customer_id = c.id AND a.program_id = :program_id AND a.merged_into IS NULL AND c.business_id = :business_id
  AND c.birthday_on IS NOT NULL AND SUBSTR(c.birthday_on, 6, 5) IN ({{days}}) AND a.id > :after
  AND {_NEVER.format(key=":key")} AND {_CARD} IS NOT NULL ORDER BY a.id LIMIT :limit"""
# A card that replaces another is no new beginning.
_ACTIVATED = f"""
SELECT a.id, k.id AS card_id, k.activated_at AS what FROM cards k JOIN accounts a ON a.id = k.account_id AND a.merged_into IS NULL
WHERE k.program_id = :program_id AND k.business_id = :business_id AND k.activated_at > :since AND k.status = 'active' AND a.id > :after
  AND NOT EXISTS (SELECT 1 FROM cards e WHERE e.account_id = a.id AND e.activated_at < k.activated_at)
  AND {_NEVER.format(key=":key")} ORDER BY a.id LIMIT :limit"""
_VISIT = """{o}.kind IN ('sale', 'visit')
  AND NOT EXISTS (SELECT 1 FROM operations u WHERE u.of_operation_id = {o}.id AND u.kind = 'undo')"""
_ABSENT = f"""
SELECT a.id, {_CARD} AS card_id, v.last AS what FROM (
  SELECT o.account_id, MAX(o.id) AS last FROM operations o
  WHERE o.business_id = :business_id AND o.program_id = :program_id AND o.at > :since AND o.at <= :until AND o.account_id > :after
    AND {_VISIT.format(o="o")} GROUP BY o.account_id) v
JOIN accounts a ON a.id = v.account_id AND a.merged_into IS NULL
WHERE NOT EXISTS (SELECT 1 FROM operations l WHERE l.account_id = a.id AND l.at > :until AND {_VISIT.format(o="l")})
  AND {_NEVER.format(key="CAST(v.last AS TEXT) || CAST(:suffix AS TEXT)")} AND {_CARD} IS NOT NULL ORDER BY a.id LIMIT :limit"""


# Coupons without a reward that a shopper put on a card; what they give is an event named like their batch.
_CLAIMED = f"""
SELECT u.account_id, {_CARD} AS card_id, u.id, b.business_id, b.program_id, b.key
FROM promo_uses u JOIN promo_codes c ON c.id = u.promo_code_id JOIN promo_batches b ON b.id = c.batch_id
JOIN accounts a ON a.id = u.account_id AND a.merged_into IS NULL
WHERE u.id > :after AND u.operation_id IS NULL AND b.reward IS NULL AND {_CARD} IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM happenings h WHERE h.account_id = a.id AND h.event = b.key AND h.key = 'coupon-' || CAST(u.id AS TEXT))
ORDER BY u.id LIMIT :limit"""


class Occasion(NamedTuple):
    """An account that something is due for, and its newest active card. what: of `activated` the moment (epoch ms), of `absent` the
    last visit's operation."""

    account_id: int
    card_id: int
    what: Any


async def claim(tx: Transaction, business_id: int, account_id: int, event: str, key: str, at: int) -> bool:
    """Whether this happens for the first time."""
    return await tx.fetch_one(_CLAIM, {"account_id": account_id, "event": event, "key": key, "business_id": business_id,
                                       "at": at}) is not None


async def keep(tx: Transaction, account_id: int, event: str, key: str, operation_id: int) -> None:
    await tx.execute(_KEEP, {"account_id": account_id, "event": event, "key": key, "operation_id": operation_id})


async def find(reader: Reader, business_id: int, account_id: int, event: str, key: str) -> Row | None:
    """operation_id, None where it gave nothing."""
    return await reader.fetch_one(_FIND, {"account_id": account_id, "event": event, "key": key, "business_id": business_id})


async def programs_with(reader: Reader, event: str) -> list[tuple[int, int]]:
    """(business, programme) of those whose rules name the event (a word of letters)."""
    return [(row[0], row[1]) for row in await reader.fetch_all(_PROGRAMS, {"pattern": f'%"event":"{event}"%'})]


async def birthdays(reader: Reader, business_id: int, program_id: int, days: Sequence[str], key: str, after: int,
                    limit: int) -> list[Occasion]:
    """Whose birthday is on one of `days` (MM-DD) and brought nothing yet under `key`; accounts above `after`."""
    names = {f"day{number}": day for number, day in enumerate(days)}
    return _occasions(await reader.fetch_all(_BIRTHDAY.format(days=", ".join(f":{name}" for name in names)), {
        "business_id": business_id, "program_id": program_id, "event": "birthday", "key": key, "after": after, "limit": limit, **names}))


async def activations(reader: Reader, business_id: int, program_id: int, since: int, key: str, after: int, limit: int) -> list[Occasion]:
    """Accounts whose first card was activated after `since`."""
    return _occasions(await reader.fetch_all(_ACTIVATED, {
        "business_id": business_id, "program_id": program_id, "since": since, "event": "activated", "key": key, "after": after,
        "limit": limit}))


async def absences(reader: Reader, business_id: int, program_id: int, since: int, until: int, suffix: str, after: int,
                   limit: int) -> list[Occasion]:
    """Accounts whose last visit was in (since, until]; suffix: stands behind the last visit in the key."""
    return _occasions(await reader.fetch_all(_ABSENT, {
        "business_id": business_id, "program_id": program_id, "since": since, "until": until, "event": "absent", "suffix": suffix,
        "after": after, "limit": limit}))


async def claimed_coupons(reader: Reader, after: int, limit: int) -> list[Row]:
    """account_id, card_id, id of the use, business_id, program_id and key of the batch; uses above `after` that gave nothing yet."""
    return await reader.fetch_all(_CLAIMED, {"after": after, "limit": limit})


def _occasions(rows: Sequence[Row]) -> list[Occasion]:
    return [Occasion(row[0], row[1], row[2]) for row in rows]
