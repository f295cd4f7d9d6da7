"""A month of campaigns: which rules with dates run on which of its days."""
import calendar
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from app.programs.terms import Rule
from app.web import formats

MONTHS = 3


def calendar_of(rules: Iterable[Rule], today: date, language: str) -> list[dict[str, Any]]:
    """This month and the next two, each with its campaigns' bars; no months where no rule has dates.

    A month: title, days (how many), today (its day, 0 for another month), bars: key, name, paused, begin and end (its days), and
    whether it goes on before and after.
    """
    campaigns = [rule for rule in rules if rule.starts_on or rule.ends_on]
    if not campaigns:
        return []
    months, first = [], today.replace(day=1)
    for _ in range(MONTHS):
        months.append(_month(campaigns, first, today, language))
        first = (first + timedelta(days=32)).replace(day=1)
    return months


def _month(rules: list[Rule], first: date, today: date, language: str) -> dict[str, Any]:
    from babel.dates import format_date

    days = calendar.monthrange(first.year, first.month)[1]
    last = first.replace(day=days)
    bars = [bar for rule in sorted(rules, key=lambda rule: (rule.starts_on or "", rule.key)) if (bar := _bar(rule, first, last, language))]
    return {"title": format_date(first, "LLLL y", locale=language).capitalize(), "days": days, "bars": bars,
            "today": today.day if first <= today <= last else 0,
            "weekends": [day for day in range(1, days + 1) if first.replace(day=day).isoweekday() > 5]}


def _bar(rule: Rule, first: date, last: date, language: str) -> dict[str, Any] | None:
    begin = date.fromisoformat(rule.starts_on) if rule.starts_on else date.min
    end = date.fromisoformat(rule.ends_on) if rule.ends_on else date.max
    if end < first or begin > last:
        return None
    said = [formats.day_short(day, language) for day in (begin, end) if day not in (date.min, date.max)]
    return {"key": rule.key, "name": rule.name.in_(language), "paused": rule.paused, "begin": max(begin, first).day,
            "end": min(end, last).day, "from_before": begin < first, "goes_on": end > last, "dates": " – ".join(said)}
