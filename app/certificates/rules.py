"""When a certificate's end is worth a word, and the words."""
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.clock import EPOCH

WARN_DAYS = (60, 30, 14, 7, 1)
EXPIRED = 0


@dataclass(frozen=True, slots=True)
class Warning:
    """A pass type whose newest certificate ends soon, or has.

    business_id: None for the server's own; threshold: the one of WARN_DAYS that was passed last, EXPIRED after the end;
    days_left: whole days, rounded down, negative after the end.
    """

    business_id: int | None
    pass_type_identifier: str
    ends_at: datetime
    days_left: int
    threshold: int

    @property
    def is_own(self) -> bool:
        """Whether a business brought it itself."""
        return self.business_id is not None

    @property
    def key(self) -> str:
        """The same for the same word about the same certificate: a message goes out once for each."""
        return f"certificate:{self.pass_type_identifier}:{(self.ends_at - EPOCH) // timedelta(seconds=1)}:{self.threshold}"


def days_left(ends_at: datetime, now: datetime) -> int:
    """Whole days, rounded down; negative once it has ended."""
    return (ends_at - now) // timedelta(days=1)


def threshold(ends_at: datetime, now: datetime) -> int | None:
    """The one of WARN_DAYS that was passed last, EXPIRED after the end; None: more than the first of them is left."""
    if now > ends_at:
        return EXPIRED
    left = days_left(ends_at, now)
    return min((days for days in WARN_DAYS if left <= days), default=None)
