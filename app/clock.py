"""The only module that asks what time it is. Rules and services take `now`; api, pages and jobs read a Clock."""
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Anything that tells the time; tests hand over one that stands still."""

    def now(self) -> datetime:
        """The present moment, aware, UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands where it was put; `advance` moves it."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, **parts: float) -> None:
        self._now += timedelta(**parts)


def to_ms(moment: datetime) -> int:
    """Epoch milliseconds, as columns ending in _at hold them; rounds down."""
    since = moment - EPOCH                         # by parts: ten of these in a sale, and dividing a timedelta takes four times as long
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def from_ms(ms: int) -> datetime:
    return EPOCH + timedelta(0, 0, 0, ms)


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with a Z, milliseconds only where there are any."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond >= 1000 else "seconds")
    return text.replace("+00:00", "Z")


def local_day(moment: datetime, zone: str) -> date:
    """The calendar day that a clock on the wall in `zone` (IANA name) shows at `moment`."""
    return moment.astimezone(ZoneInfo(zone)).date()


def midnight_after(day: date, zone: str) -> datetime:
    """The moment that `day` ends in `zone`, in UTC (where midnight is skipped by a clock change, the first moment after)."""
    return datetime.combine(day + timedelta(days=1), time(0), ZoneInfo(zone)).astimezone(UTC)
