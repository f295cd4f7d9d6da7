"""Levels by a measure: which one a progress reaches, what is missing to the next, and what happens to the one that is held.

Progress is in the measure of the rules: minor units spent, points earned, or receipts. Times are epoch milliseconds.
"""
from datetime import timedelta
from typing import NamedTuple

from app.clock import from_ms, local_day, midnight_after, to_ms
from app.programs.terms import Level, Levels

BY_HAND, GRACE, REACHED, LOST, ENDED = "by_hand", "grace", "reached", "lost", "by_hand_ended"


class Held(NamedTuple):
    """The newest row of an account's history; level None: none. until_at: where `grace` or `by_hand` ends."""

    level: str | None
    reason: str
    until_at: int | None
    at: int


class Change(NamedTuple):
    """What to write next into the history."""

    level: str | None
    reason: str
    until_at: int | None = None


class Next(NamedTuple):
    """The next level up and how much of the measure is missing, > 0."""

    level: Level
    missing: int


def reached(levels: Levels, progress: int) -> str | None:
    """The key of the highest level whose threshold `progress` reaches; two crossed at once give the higher one."""
    within = [level for level in levels.levels if level.threshold <= max(progress, 0)]
    return max(within, key=lambda level: level.threshold).key if within else None


def first(levels: Levels | None) -> str | None:
    """The level that everybody begins with."""
    return reached(levels, 0) if levels else None


def find(levels: Levels | None, key: str | None) -> Level | None:
    return next((level for level in levels.levels if level.key == key), None) if levels else None


def following(levels: Levels, held: str | None, progress: int) -> Next | None:
    """The nearest level above both the one held and what `progress` reaches; None at the top."""
    above = [level for level in levels.levels if level.threshold > max(progress, _rank(levels, held), 0)]
    if not above:
        return None
    level = min(above, key=lambda level: level.threshold)
    return Next(level, level.threshold - max(progress, 0))


def decide(levels: Levels, held: Held | None, progress: int, before: int, now_ms: int, zone: str) -> Change | None:
    """What becomes of the level that is held (None: no history yet) now that progress is what it is; None: nothing.

    before: the progress without the operation at hand. What an operation gave or took counts at once; what only time took
    leaves the level for grace_days. A level set by hand stays until its end, whatever is spent meanwhile.
    """
    goal = reached(levels, progress)
    if held is None:
        held = Held(first(levels), REACHED, None, now_ms)
    if held.reason == BY_HAND and (held.until_at is None or held.until_at > now_ms):
        return None
    was, will = _rank(levels, held.level), _rank(levels, goal)
    if held.level is not None and was < 0:               # the rules know this level no more
        return Change(goal, LOST)
    if held.reason == BY_HAND:
        return Change(goal, ENDED)
    if will > was:
        return Change(goal, REACHED)
    if will == was:
        return Change(goal, REACHED) if held.reason == GRACE else None
    return _lower(levels, held, goal, before, now_ms, zone)


def _lower(levels: Levels, held: Held, goal: str | None, before: int, now_ms: int, zone: str) -> Change | None:
    if held.reason == GRACE:
        return None if held.until_at is not None and held.until_at > now_ms else Change(goal, LOST)
    taken_now = _rank(levels, reached(levels, before)) >= _rank(levels, held.level)
    if taken_now or not levels.grace_days:
        return Change(goal, LOST)
    last_day = local_day(from_ms(now_ms), zone) + timedelta(days=levels.grace_days)
    return Change(held.level, GRACE, to_ms(midnight_after(last_day, zone)))


def _rank(levels: Levels, key: str | None) -> int:
    """The threshold of a level; -1 for none and for one that the rules do not know."""
    level = find(levels, key)
    return level.threshold if level else -1
