"""Exact sliding windows in the database: what was counted is what was committed, on both engines, however many ask at once."""
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.clock import from_ms, to_ms
from app.db import Database, Transaction, write_transaction
from app.limits import rules, store
from app.limits.rules import Limit, LimitReached
from app.limits.store import Reader

# The longest window that anything counts is 30 days; a day more costs nothing and forgives a clock that was put back.
KEPT_FOR = timedelta(days=31)
PRUNED_AT_ONCE = 500


async def hit(tx: Transaction, limits: Sequence[Limit], now: datetime) -> None:
    """Counts one event against all of `limits` at once, or against none.

    Raises LimitReached with `retry_after`, having written nothing. The caller's act must end with it, or the hits stay
    counted: they commit with what they allowed.
    """
    await store.lock(tx, sorted(rules.lock_number(scope, subject) for scope, subject in rules.subjects_of(limits)))
    await check(tx, limits, now)
    for scope, subject in rules.subjects_of(limits):
        await store.append(tx, scope, subject, to_ms(now))


async def take_back(tx: Transaction, limits: Sequence[Limit], at: datetime) -> None:
    """What was counted by `hit` at that moment was no misuse after all: a password that was right."""
    for scope, subject in rules.subjects_of(limits):
        await store.delete_newest(tx, scope, subject, to_ms(at))


async def check(reader: Reader, limits: Sequence[Limit], now: datetime) -> None:
    """Raises LimitReached where a hit would not fit now; counts nothing and keeps no room."""
    for limit in limits:
        await _judge(reader, limit, to_ms(now))


async def _judge(reader: Reader, limit: Limit, now_ms: int) -> None:
    for window_ms, most, in_gap in limit.windows():
        if most <= 0:
            raise LimitReached(limit, max(1, window_ms // 1000))
        oldest_at = await store.nth_newest(reader, limit.scope, limit.subject, now_ms - window_ms, most)
        if oldest_at is not None:
            raise LimitReached(limit, rules.seconds_until_free(oldest_at, window_ms, now_ms), in_gap)


async def note(tx: Transaction, scope: str, subject: str, at: datetime) -> None:
    """Counts what happened at `at` whatever the limits say: for those who look back at rates."""
    await store.append(tx, scope, subject, to_ms(at))


async def count(tx: Transaction, scope: str, subject: str, since: datetime, until: datetime) -> int:
    """How many hits lie in since < at <= until."""
    return await store.count(tx, scope, subject, to_ms(since), to_ms(until))


async def newest(tx: Transaction, scope: str, subject: str, until: datetime, most: int) -> list[datetime]:
    """When the newest hits up to `until` happened, newest first, at most `most` of them."""
    return [from_ms(at) for at in await store.newest(tx, scope, subject, to_ms(until), most)]


async def prune(db: Database, now: datetime) -> int:
    """Deletes hits that no window can reach any more, in small transactions; returns how many."""
    before_at, total = to_ms(now - KEPT_FOR), 0

    async def act(tx: Transaction) -> int:
        return await store.delete_before(tx, before_at, PRUNED_AT_ONCE)

    while deleted := await write_transaction(db, act):
        total += deleted
    return total
