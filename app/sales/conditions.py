"""Whether a rule holds: each condition that a rule names becomes one question about a scene, asked in turn, cheap ones first."""
from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.programs.terms import Rule, When
from app.sales.judgement import Receipt
from app.standing.rules import Standing

DAY = timedelta(days=1)


class Scene:
    """What a rule is judged by. amount: the receipt after the discounts that came before this rule; level: a key, or None."""

    __slots__ = ("_business_day", "_local", "amount", "level", "receipt", "standing")

    def __init__(self, receipt: Receipt, standing: Standing, level: str | None) -> None:
        self.receipt, self.standing, self.level = receipt, standing, level
        self.amount = receipt.amount
        self._local: datetime | None = None
        self._business_day: date | None = None

    @property
    def local(self) -> datetime:
        """The moment as a clock on the location's wall shows it."""
        if self._local is None:
            self._local = self.receipt.at.astimezone(ZoneInfo(self.receipt.zone))
        return self._local

    @property
    def business_day(self) -> date:
        if self._business_day is None:
            if self.receipt.zone == self.receipt.business_zone:
                self._business_day = self.local.date()
            else:
                self._business_day = self.receipt.at.astimezone(ZoneInfo(self.receipt.business_zone)).date()
        return self._business_day


Question = Callable[[Scene], bool]


def questions(rule: Rule) -> tuple[Question, ...]:
    """What must hold for a rule, but for the lines that it works on."""
    return tuple(question for question in (*_of_the_person(rule.when), *_of_the_receipt(rule.when), _of_days(rule),
                                           _of_the_week(rule.when), _of_the_birthday(rule.when)) if question)


def _of_the_person(when: When) -> list[Question | None]:
    levels, segments = frozenset(when.levels), frozenset(when.segments)
    return [
        (lambda scene: scene.level in levels) if levels else None,
        (lambda scene: scene.standing.is_first) if when.first_purchase else None,
        (lambda scene: not segments.isdisjoint(scene.standing.segments)) if segments else None,
    ]


def _of_the_receipt(when: When) -> list[Question | None]:
    locations, channels, tenders = frozenset(when.locations), frozenset(when.channels), frozenset(when.tenders)
    least, most = when.amount_from or 0, when.amount_to
    return [
        (lambda scene: scene.receipt.promo == when.promo) if when.promo is not None else None,
        (lambda scene: scene.receipt.location_id in locations) if locations else None,
        (lambda scene: scene.receipt.channel in channels) if channels else None,
        (lambda scene: not tenders.isdisjoint(scene.receipt.tenders)) if tenders else None,
        (lambda scene: scene.amount >= least) if least else None,
        (lambda scene: scene.amount <= most) if most is not None else None,
    ]


def _of_days(rule: Rule) -> Question | None:
    """A campaign's days are the business's."""
    if rule.starts_on is None and rule.ends_on is None:
        return None
    first = date.fromisoformat(rule.starts_on) if rule.starts_on else date.min
    last = date.fromisoformat(rule.ends_on) if rule.ends_on else date.max
    return lambda scene: first <= scene.business_day <= last


def _of_the_week(when: When) -> Question | None:
    """Weekdays and hours, local to the location. Hours after midnight belong to the weekday on which their window began."""
    if not when.weekdays and when.time_from is None and when.time_to is None:
        return None
    weekdays = frozenset(when.weekdays) or frozenset(range(1, 8))
    start, end = minutes(when.time_from or "00:00"), minutes(when.time_to) if when.time_to else 24 * 60
    if start < end:
        return lambda scene: start <= _minute(scene.local) < end and scene.local.isoweekday() in weekdays

    def passes_midnight(scene: Scene) -> bool:
        minute = _minute(scene.local)
        began = scene.local if minute >= start else scene.local - DAY
        return (minute >= start or minute < end) and began.isoweekday() in weekdays

    return passes_midnight


def _of_the_birthday(when: When) -> Question | None:
    before, after = when.birthday_before, when.birthday_after
    if before is None and after is None:
        return None
    return lambda scene: scene.standing.birthday is not None and is_near_birthday(
        scene.standing.birthday, scene.local.date(), before or 0, after or 0)


def is_near_birthday(birthday: date, day: date, before: int, after: int) -> bool:
    """Whether `day` lies from `before` days before a birthday to `after` days after it, over the new year too."""
    return any(-before <= (day - _in_year(birthday, year)).days <= after for year in (day.year - 1, day.year, day.year + 1))


def _in_year(birthday: date, year: int) -> date:
    try:
        return birthday.replace(year=year)
    except ValueError:                       # 29 February
        return date(year, 2, 28)


def minutes(clock: str) -> int:
    """Minutes since midnight of "HH:MM"."""
    return int(clock[:2]) * 60 + int(clock[3:5])


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute
