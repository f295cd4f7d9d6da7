"""What a limit is: at most so many hits of one subject inside a window that slides with the clock."""
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import TooMany


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` hits of `subject` in any `window_seconds`, and none sooner than `gap_seconds` after the last.

    scope: what is counted (`sms.phone`, `sign_in.account`); subject: an id or a keyed hash in hex, never a phone or an address.
    Several limits may name one scope and subject (3 a day and 6 a month): a hit is then counted once and judged by all.
    """

    scope: str
    subject: str
    window_seconds: int
    most: int
    gap_seconds: int | None = None

    def windows(self) -> list[tuple[int, int, bool]]:
        """(length in ms, most hits inside, whether it is the gap), the gap first: its answer is the more precise one."""
        gap = [(self.gap_seconds * 1000, 1, True)] if self.gap_seconds else []
        return [*gap, (self.window_seconds * 1000, self.most, False)]


class LimitReached(TooMany):
    """`limit` has no room; `in_gap` tells a hit that came too soon after the last from one too many."""

    def __init__(self, limit: Limit, retry_after: int, in_gap: bool = False) -> None:
        super().__init__(retry_after=retry_after)
        self.limit = limit
        self.in_gap = in_gap


def seconds_until_free(oldest_at: int, window_ms: int, now_ms: int) -> int:
    """Whole seconds, rounded up and at least 1, until the hit at `oldest_at` leaves the window (all in ms)."""
    return max(1, -(-(oldest_at + window_ms - now_ms) // 1000))


def subjects_of(limits: Sequence[Limit]) -> list[tuple[str, str]]:
    """The distinct (scope, subject) pairs, in an order that every process agrees on."""
    return sorted({(limit.scope, limit.subject) for limit in limits})


def lock_number(scope: str, subject: str) -> int:
    """A signed 64-bit number for PostgreSQL's advisory locks. Two subjects that share one only wait for each other."""
    digest = hashlib.sha256(f"limit\0{scope}\0{subject}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
