"""What is true about pushes: what an answer means, how often a phone may be told, when to try again.

Source: Apple, "Handling notification responses from APNs"; the coalescing and the repeats are ours, because phones
that are told too often stop fetching although APNs goes on answering 200.
"""
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BUCKET_SIZE = 5
REFILL_EVERY = timedelta(seconds=60)
BACKOFF_LEAST = timedelta(seconds=1)
BACKOFF_MOST = timedelta(minutes=15)
# 429 is about one token, and Apple speaks of minutes.
THROTTLED_LEAST = timedelta(minutes=2)
# A phone that gave up fetching is told again this long after the push before; then never, because it would hear no more of it.
REPEAT_AFTER = (timedelta(minutes=15), timedelta(hours=2), timedelta(hours=12))


class Kind(StrEnum):
    """What an answer of APNs asks us to do."""

    ACCEPTED = "accepted"  # taken by APNs; only the phone's fetch is proof
    GONE = "gone"  # the token ended at `timestamp`: drop it unless it was renewed since
    BAD_TOKEN = "bad_token"  # noqa: S105 - this token never was one for this topic
    THROTTLED = "throttled"  # too many for this token: minutes of quiet
    CONFIGURATION = "configuration"  # certificate or key: nothing of this pass type goes out before a person acts
    BUG = "bug"  # our request is wrong: alert, do not repeat
    UNAVAILABLE = "unavailable"  # nobody's fault here: keep the job, back off


@dataclass(frozen=True, slots=True)
class PushResult:
    """What became of one push.

    status: HTTP status, 0 when there was no answer; reason: APNs' word or ours (`NoAnswer`, `ConnectionLost`, …), may
    be empty; timestamp: with `gone`, when APNs learnt that the token had ended; apns_id: the id sent, for the log.
    """

    kind: Kind
    status: int
    reason: str
    timestamp: datetime | None
    apns_id: str


BAD_TOKEN_REASONS = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
# Reasons about the certificate or the key; they also arrive in the debug data of a GOAWAY, without a status.
CONFIGURATION_REASONS = frozenset({
    "BadCertificate", "BadCertificateEnvironment", "Forbidden", "ExpiredProviderToken", "InvalidProviderToken", "MissingProviderToken"})


def kind_of(status: int, reason: str) -> Kind:
    """The meaning of a status and a reason; statuses that APNs does not document count by their class."""
    if status == 200:
        return Kind.ACCEPTED
    if status == 410:
        return Kind.GONE
    if status == 429:
        return Kind.THROTTLED
    if status == 403:
        return Kind.CONFIGURATION
    if status == 400 and reason in BAD_TOKEN_REASONS:
        return Kind.BAD_TOKEN
    # The connection was stale, the push itself was not judged.
    if status >= 500 or status == 0 or (status == 400 and reason == "IdleTimeout"):
        return Kind.UNAVAILABLE
    return Kind.BUG


def needs_person(status: int, reason: str) -> bool:
    """Whether waiting alone mends nothing: a refused request or certificate, also one that TLS refused before any status."""
    if status == 0:
        return reason in ("NoCertificate", "ServerCertificate") or reason in CONFIGURATION_REASONS or "ALERT" in reason
    return kind_of(status, reason) in (Kind.CONFIGURATION, Kind.BUG, Kind.BAD_TOKEN)


def ended_until(gone_at: datetime | None, now: datetime) -> datetime:
    """Registrations that named a token at or before this moment end with it; gone_at: the 410's timestamp, if it had one.

    A phone that was wiped and set up again may register with the token it had: what it said after APNs' news stands
    (Develatio/django-walletpass#38). News from the future is a clock of ours that is behind.
    """
    return min(gone_at or now, now)


def is_token_at_fault(rejected_at: datetime, accepted_at: datetime | None) -> bool:
    """Whether a 400 about a token may be believed: another token of the pass type was accepted within the day before.

    Else the certificate, the topic or the environment is the likelier fault, and dropping tokens would empty the base.
    """
    return accepted_at is not None and rejected_at - accepted_at <= timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many pushes a token and pass type may still get: `level` 0..5, counted at `at`."""

    level: int
    at: datetime


def full_bucket(now: datetime) -> Bucket:
    return Bucket(BUCKET_SIZE, now)


def refilled(bucket: Bucket, now: datetime) -> Bucket:
    """The bucket as it stands at `now`: one push more for each whole 60 s since `at`, at most 5."""
    # A clock that was set back must not starve the phone until the old time comes round again.
    since = min(bucket.at, now)
    level = bucket.level + (now - since) // REFILL_EVERY
    if level >= BUCKET_SIZE:
        return full_bucket(now)
    return Bucket(level, since + (level - bucket.level) * REFILL_EVERY)


def take(bucket: Bucket, now: datetime) -> tuple[Bucket, bool]:
    """Spend one push; returns the bucket afterwards and whether there was one to spend."""
    bucket = refilled(bucket, now)
    if bucket.level == 0:
        return bucket, False
    return Bucket(bucket.level - 1, bucket.at), True


def next_free_at(bucket: Bucket, now: datetime) -> datetime:
    """When the next push may go: `now` while there are any, else the next refill."""
    bucket = refilled(bucket, now)
    return now if bucket.level else bucket.at + REFILL_EVERY


def backoff(failures: int, jitter: float, least: timedelta = BACKOFF_LEAST) -> timedelta:
    """How long to wait after `failures` (>= 1) failures in a row; jitter: 0 <= x < 1, random, handed in.

    Doubles from `least` up to 15 min; jitter adds up to half, so that many phones do not come back in one moment.
    """
    assert failures >= 1 and 0 <= jitter < 1
    longest = BACKOFF_MOST / 1.5
    # 2 ** 20 s is far beyond the cap already; the bound keeps a long outage from computing huge numbers.
    wait = min(longest, least * 2 ** min(failures - 1, 20))
    return wait * (1 + jitter / 2)


def wait_after(kind: Kind, failures: int, jitter: float) -> timedelta | None:
    """How long a push that ended in `kind` waits for its next try, or None where trying again cannot help by itself."""
    if kind is Kind.UNAVAILABLE:
        return backoff(failures, jitter)
    if kind is Kind.THROTTLED:
        return backoff(failures, jitter, THROTTLED_LEAST)
    return None


def repeat_at(pushes: int, pushed_at: datetime) -> datetime | None:
    """When a version that nobody fetched is pushed again, or None to stop.

    pushes: how often this version was pushed (>= 1); pushed_at: the last time.
    """
    assert pushes >= 1
    return pushed_at + REPEAT_AFTER[pushes - 1] if pushes <= len(REPEAT_AFTER) else None
