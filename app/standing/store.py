"""What is known of a person at a receipt's moment, in one query made of the parts that rules ask for; and the history of levels."""
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from app.db import Database, Row, Transaction
from app.standing.levels import Change, Held
from app.standing.needs import Needs

Reader = Database | Transaction

# Each part gives rows of what, word, number. +o.business_id: SQLite would look through all operations of the business instead of the
# account's, because that index holds more columns.
_LEVEL = """
SELECT 'level' AS what, l.level AS word, 0 AS number FROM (
  SELECT level FROM level_changes WHERE account_id = :account_id AND business_id = :business_id AND at <= :at
  ORDER BY at DESC, id DESC LIMIT 1) l"""
_BIRTHDAY = """
SELECT 'birthday', birthday_on, 0 FROM customers
WHERE id = CAST(:customer_id AS BIGINT) AND business_id = :business_id AND birthday_on IS NOT NULL"""
# A sale that was undone was none. One sale is enough, whenever it was: a first purchase is rewarded once. Sales of cards that were
# merged into this one are its own.
_HAS_BOUGHT = """
SELECT 'bought', '', 1 FROM (
  SELECT o.id FROM operations o
  WHERE o.account_id IN (SELECT CAST(:account_id AS BIGINT) UNION ALL SELECT m.id FROM accounts m WHERE m.merged_into = :account_id)
    AND +o.business_id = :business_id AND o.kind = 'sale'
    AND NOT EXISTS (SELECT 1 FROM operations u WHERE u.of_operation_id = o.id AND u.kind = 'undo') LIMIT 1) b"""
_FAVOURITE = """
SELECT 'favourite', f.sku, 0 FROM (
  SELECT sku, until_at FROM favourites WHERE account_id = :account_id AND business_id = :business_id AND at <= :at
  ORDER BY id DESC LIMIT 1) f WHERE f.until_at > :at"""
_OFFERS = """
SELECT 'offer', sku, discount_bp FROM personal_offers
WHERE account_id = :account_id AND business_id = :business_id AND starts_at <= :at AND ends_at > :at"""
# What a refund or undo gave back counts for the day of the visit.
_VISITS = """
SELECT 'visits', '', CAST(COALESCE(-SUM(e.amount), 0) AS BIGINT) FROM operations o
JOIN entries e ON e.operation_id = o.id AND e.account_id = o.account_id AND e.unit = 'visits'
LEFT JOIN operations s ON s.id = o.of_operation_id
WHERE o.account_id IN (SELECT CAST(:account_id AS BIGINT) UNION ALL SELECT m.id FROM accounts m WHERE m.merged_into = :account_id)
  AND +o.business_id = :business_id AND COALESCE(s.at, o.at) >= :day_from
  AND COALESCE(s.at, o.at) < :day_to AND COALESCE(s.kind, o.kind) IN ('sale', 'visit') AND e.book = 'account'"""
_USES = """
SELECT 'day', rule, CAST(SUM(amount) AS BIGINT) FROM rule_uses
WHERE account_id = :account_id AND business_id = :business_id AND local_day = :day AND rule IN ({names}) GROUP BY rule"""
_PERSON_USES = """
SELECT 'person', rule, CAST(SUM(amount) AS BIGINT) FROM rule_uses
WHERE account_id = :account_id AND business_id = :business_id AND rule IN ({names}) GROUP BY rule"""
_TOTALS = """
SELECT 'campaign', rule, amount FROM rule_totals
WHERE program_id = :program_id AND business_id = :business_id AND rule IN ({names})"""


@lru_cache(256)
def _query(needs: Needs) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """The text for what is needed, "" for nothing; the values of its lists of rules; the names of the other values in it."""
    parts = [text for wanted, text in (
        (needs.level, _LEVEL), (needs.birthday, _BIRTHDAY), (needs.first_purchase, _HAS_BOUGHT), (needs.favourite, _FAVOURITE),
        (needs.offers, _OFFERS), (needs.visits_today, _VISITS)) if wanted]
    named: dict[str, str] = {}
    for prefix, keys, text in (("day", needs.day_caps, _USES), ("person", needs.person_caps, _PERSON_USES),
                               ("campaign", needs.campaign_caps, _TOTALS)):
        if keys:
            names = {f"{prefix}_rule{number}": key for number, key in enumerate(keys)}
            parts.append(text.format(names=", ".join(f":{name}" for name in names)))
            named |= names
    whole = " UNION ALL ".join(parts)
    return whole, named, tuple(sorted(set(re.findall(r":(\w+)", whole)) - named.keys()))


async def facts(reader: Reader, needs: Needs, values: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """(what, word, number): level, birthday, bought, favourite, offer, visits, and day | person | campaign with a rule's key.

    values: account_id, business_id, program_id, customer_id, at; day for caps of a day; day_from and day_to for visits.
    """
    text, named, names = _query(needs)
    if not text:
        return []
    # Both engines refuse a value that the text does not name.
    rows = await reader.fetch_all(text, {**named, **{name: values[name] for name in names}})
    return [(row[0], row[1], row[2]) for row in rows]


# The history of levels.
_NEWEST = """
SELECT level, reason, until_at, at FROM level_changes
WHERE account_id = :account_id AND business_id = :business_id ORDER BY at DESC, id DESC LIMIT 1"""
_AT = """
SELECT level FROM level_changes WHERE account_id = :account_id AND at <= :at ORDER BY at DESC, id DESC LIMIT 1"""
_APPEND = """
INSERT INTO level_changes(business_id, account_id, level, reason, until_at, note, actor_kind, actor_id, operation_id, at)
VALUES (:business_id, :account_id, CAST(:level AS TEXT), :reason, CAST(:until_at AS BIGINT), CAST(:note AS TEXT), :actor_kind,
        CAST(:actor_id AS BIGINT), CAST(:operation_id AS BIGINT), :at)"""
_HISTORY = """
SELECT level, reason, until_at, note, actor_kind, actor_id, operation_id, at FROM level_changes
WHERE account_id = :account_id AND business_id = :business_id ORDER BY at DESC, id DESC LIMIT :limit"""
_PROGRESS_OF = """
SELECT COALESCE(CAST(SUM(amount) AS BIGINT), 0) FROM entries
WHERE operation_id = :operation_id AND account_id = :account_id AND unit = 'progress'"""
# Rows are never deleted, so what ended long ago stays behind `since`.
_ENDED = """
SELECT c.account_id, a.business_id, a.program_id FROM level_changes c JOIN accounts a ON a.id = c.account_id
WHERE c.until_at > :since AND c.until_at <= :now AND a.merged_into IS NULL AND NOT EXISTS (
  SELECT 1 FROM level_changes n WHERE n.account_id = c.account_id AND (n.at > c.at OR (n.at = c.at AND n.id > c.id)))"""
_PASSED = """
SELECT DISTINCT o.account_id, o.business_id, o.program_id FROM operations o
JOIN entries e ON e.operation_id = o.id AND e.account_id = o.account_id AND e.unit = 'progress'
WHERE o.kind = 'expiry' AND o.recorded_at > :since AND o.recorded_at <= :now"""


async def newest_level(reader: Reader, business_id: int, account_id: int) -> Held | None:
    row = await reader.fetch_one(_NEWEST, {"account_id": account_id, "business_id": business_id})
    return Held(row[0], row[1], row[2], row[3]) if row else None


async def level_at(reader: Reader, account_id: int, at: int) -> Row | None:
    """The row (level) in force at `at`; None: no history before it."""
    return await reader.fetch_one(_AT, {"account_id": account_id, "at": at})


async def append_level(tx: Transaction, business_id: int, account_id: int, change: Change, *, at: int, actor_kind: str,
                       actor_id: int | None, operation_id: int | None = None, note: str | None = None) -> None:
    await tx.execute(_APPEND, {
        "business_id": business_id, "account_id": account_id, "level": change.level, "reason": change.reason, "until_at": change.until_at,
        "note": note, "actor_kind": actor_kind, "actor_id": actor_id, "operation_id": operation_id, "at": at})


async def level_history(reader: Reader, business_id: int, account_id: int, limit: int) -> list[Row]:
    return await reader.fetch_all(_HISTORY, {"business_id": business_id, "account_id": account_id, "limit": limit})


async def progress_of_operation(reader: Reader, account_id: int, operation_id: int) -> int:
    """What an operation gave (> 0) or took of the measure."""
    return int(await reader.fetch_val(_PROGRESS_OF, {"account_id": account_id, "operation_id": operation_id}))


async def accounts_to_review(reader: Reader, since: int, now: int) -> list[tuple[int, int, int]]:
    """(account, business, programme) whose grace or hand-set level ended, or whose progress was taken by time, in (since, now]."""
    values = {"since": since, "now": now}
    rows = [*await reader.fetch_all(_ENDED, values), *await reader.fetch_all(_PASSED, values)]
    return sorted({(row[0], row[1], row[2]) for row in rows})
