"""What is true of API keys: what they look like, what they may be given, when they end, and how often they may ask."""
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.clock import to_ms
from app.errors import FieldError, Invalid
from app.text import N_
from app.web.principal import CHANNELS, SCOPES

PREFIX, TEST_PREFIX = "tsk_", "tsk_test_"
LENGTH_MOST = 100
GRACE_HOURS_MOST = 30 * 24
PER_SECOND_MOST = 10_000
# A burst may ask for so many seconds at once: a till that opens with its queue of the night.
BURST_SECONDS = 2
WARNED_BEFORE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it may be shown: never the key itself, only its last four characters. Moments in epoch ms.

    per_second: calls, 0 for no limit, None for the server's own; old_until_at: until when the secret before the last rotation works.
    """

    id: int
    name: str
    hint: str
    scopes: frozenset[str]
    location_id: int | None
    created_at: int
    used_at: int | None
    revoked_at: int | None
    expires_at: int | None = None
    per_second: int | None = None
    channel: str = "till"
    rotated_at: int | None = None
    old_until_at: int | None = None
    is_sandbox: bool = False

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or to_ms(now) < self.expires_at)

    def ends_soon(self, now: datetime) -> bool:
        return self.is_live(now) and self.expires_at is not None and self.expires_at <= to_ms(now + WARNED_BEFORE)


@dataclass(slots=True)
class Allowance:
    """What a key may ask now: a bucket that fills by `per_second` and holds `burst`; left: what is in it; at: epoch ms of that."""

    per_second: int
    burst: int
    left: float
    at: int

    def take(self, now_ms: int) -> bool:
        """Whether one more call may come; a clock that goes back gives nothing and takes nothing."""
        if now_ms > self.at:
            self.left = min(self.burst, self.left + (now_ms - self.at) * self.per_second / 1000)
            self.at = now_ms
        if self.left < 1:
            return False
        self.left -= 1
        return True

    @property
    def retry_after(self) -> int:
        """Whole seconds, at least 1, until a call may come; rounded up."""
        return max(1, -(-int((1 - self.left) * 1000) // (self.per_second * 1000)))

    @property
    def reset(self) -> int:
        """Whole seconds, rounded up, until the bucket is full."""
        return -(-int((self.burst - self.left) * 1000) // (self.per_second * 1000))


def full(per_second: int, now_ms: int) -> Allowance:
    burst = per_second * BURST_SECONDS
    return Allowance(per_second, burst, burst, now_ms)


def rate_of(own: int | None, most: int | None, server: int) -> int:
    """Calls a second, 0 for no limit. own: the key's, None: the server's; most: what the business may have, None: as it likes."""
    wanted = server if own is None else own
    if not most:
        return wanted
    return min(wanted, most) if wanted else most


def check_scopes(scopes: frozenset[str]) -> frozenset[str]:
    if not scopes or scopes - set(SCOPES):
        raise Invalid(fields=[FieldError("scopes", "scopes", N_("Choose at least one of the scopes that are listed."))])
    return scopes


def check_channel(channel: str) -> str:
    if channel not in CHANNELS:
        raise Invalid(fields=[FieldError("channel", "channel", N_("Choose where its sales are made."))])
    return channel


def check_end(expires_at: datetime | None, now: datetime) -> int | None:
    """Epoch ms. Raises Invalid (field `expires_at`) for an end that is over."""
    if expires_at is None:
        return None
    if expires_at <= now:
        raise Invalid(fields=[FieldError("expires_at", "out_of_range", N_("Choose a day to come, or none."))])
    return to_ms(expires_at)


def check_rate(per_second: int | None) -> int | None:
    if per_second is not None and not 0 <= per_second <= PER_SECOND_MOST:
        raise Invalid(fields=[FieldError("per_second", "out_of_range", N_("Type a whole number from 0 to 10,000, or nothing."))])
    return per_second


def check_grace(hours: int) -> timedelta:
    if not 0 <= hours <= GRACE_HOURS_MOST:
        raise Invalid(fields=[FieldError("hours", "out_of_range", N_("Type a number of hours from 0 to 720."))])
    return timedelta(hours=hours)
