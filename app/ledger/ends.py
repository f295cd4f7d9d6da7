"""When points end, when they begin to count, and into which parts a lot is cut: days of the business's own zone."""
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from app.clock import from_ms, local_day, midnight_after, to_ms
from app.money import share_floor
from app.programs.rules import ProgramRules
from app.programs.terms import Fade

QUARTER_MS = 15 * 60_000
WHOLE_BP = 10_000


class Part(NamedTuple):
    """A piece of what is put in, and when it ends (epoch ms; None: never)."""

    amount: int
    expires_at: int | None


def end_of_lot(at: datetime, days: int | None, zone: str) -> int | None:
    """Epoch ms of the local midnight after the `days`-th day that follows the day of `at` in `zone`; None: never."""
    return None if days is None else _end(to_ms(at) // QUARTER_MS, days, zone, "day")


def end_of(rules: ProgramRules, unit: str, at: datetime, zone: str, *, days: int | None = None) -> int | None:
    """Epoch ms at which a lot of `unit` made at `at` ends, as the programme says; None: never.

    days: a life of its own, counted in days. zone: the business's. The programme's own unit lives by lot_days and lot_end, stamps by
    their days, progress as long as the window of the levels, everything else for ever.
    """
    if days is not None:
        return end_of_lot(at, days, zone)
    if unit == rules.unit:
        to = rules.lot_end if rules.lot_end in ("month", "year") else "day"
        return None if rules.lot_days is None else _end(to_ms(at) // QUARTER_MS, rules.lot_days, zone, to)
    if unit == "stamps":
        return end_of_lot(at, rules.stamps.days, zone) if rules.stamps else None
    if unit == "progress" and rules.levels and rules.levels.window != "lifetime":
        if rules.levels.window == "year":
            return _end(to_ms(at) // QUARTER_MS, 0, zone, "year")
        return end_of_lot(at, rules.levels.window_days, zone)
    return None


@lru_cache(1024)
def _end(quarter: int, days: int, zone: str, to: str) -> int:
    """Zones shift by quarters of an hour, so a day begins with one everywhere, and a quarter needs one answer.

    to: the end of that day, or of the local month or year in which it lies.
    """
    day = local_day(from_ms(quarter * QUARTER_MS), zone) + timedelta(days=days)
    if to == "month":
        day = (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    elif to == "year":
        day = date(day.year, 12, 31)
    return to_ms(midnight_after(day, zone))


def parts_of(amount: int, end: int | None, at: datetime, zone: str, fades: Sequence[Fade]) -> list[Part]:
    """Cut `amount` by the steps of `fades`; what they leave over ends at `end`, and nothing later than that.

    The part of each step is what all steps so far end less what earlier ones did, each sum rounded down, so that they add up.
    """
    parts: list[Part] = []
    share = done = 0
    for fade in sorted(fades, key=lambda fade: fade.days):
        share = min(WHOLE_BP, share + fade.share_bp)
        faded = end_of_lot(at, fade.days, zone)
        assert faded is not None
        if (part := share_floor(amount, share) - done) > 0:
            parts.append(Part(part, faded if end is None else min(faded, end)))
        done += part
    return [*parts, Part(amount - done, end)] if amount > done else parts


def day_of(at: datetime, zone: str) -> str:
    """The local day in `zone`, YYYY-MM-DD."""
    return _day_of(to_ms(at) // QUARTER_MS, zone)


@lru_cache(1024)
def _day_of(quarter: int, zone: str) -> str:
    return local_day(from_ms(quarter * QUARTER_MS), zone).isoformat()
