from datetime import UTC, datetime, timedelta

import pytest

from app.push.rules import (
    Bucket,
    Kind,
    backoff,
    ended_until,
    full_bucket,
    is_token_at_fault,
    kind_of,
    needs_person,
    next_free_at,
    refilled,
    repeat_at,
    take,
    wait_after,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("status", "reason", "kind"), [
    (200, "", Kind.ACCEPTED),
    (400, "BadDeviceToken", Kind.BAD_TOKEN),
    (400, "DeviceTokenNotForTopic", Kind.BAD_TOKEN),
    *((400, reason, Kind.BUG) for reason in (
        "MissingTopic", "BadTopic", "TopicDisallowed", "InvalidPushType", "BadPriority", "BadExpirationDate", "PayloadEmpty")),
    (400, "IdleTimeout", Kind.UNAVAILABLE),
    *((403, reason, Kind.CONFIGURATION) for reason in (
        "BadCertificate", "BadCertificateEnvironment", "Forbidden", "ExpiredProviderToken", "InvalidProviderToken")),
    (404, "BadPath", Kind.BUG),
    (405, "MethodNotAllowed", Kind.BUG),
    (413, "PayloadTooLarge", Kind.BUG),
    (410, "Unregistered", Kind.GONE),
    (410, "ExpiredToken", Kind.GONE),
    (429, "TooManyRequests", Kind.THROTTLED),
    (429, "TooManyProviderTokenUpdates", Kind.THROTTLED),
    (500, "InternalServerError", Kind.UNAVAILABLE),
    (503, "ServiceUnavailable", Kind.UNAVAILABLE),
    (503, "Shutdown", Kind.UNAVAILABLE),
    (0, "ConnectionLost", Kind.UNAVAILABLE),
    (400, "SomethingNewOfApples", Kind.BUG),
    (403, "", Kind.CONFIGURATION),
    (302, "", Kind.BUG),
])
def test_every_answer_of_apns_has_its_meaning(status, reason, kind):
    assert kind_of(status, reason) is kind


@pytest.mark.parametrize(("status", "reason", "is_needed"), [
    (403, "BadCertificate", True), (400, "BadPriority", True), (0, "NoCertificate", True), (0, "SSLV3_ALERT_CERTIFICATE_EXPIRED", True),
    (0, "ConnectionLost", False), (0, "Backoff", False), (503, "Shutdown", False), (429, "TooManyRequests", False)])
def test_an_operator_is_needed_where_waiting_mends_nothing(status, reason, is_needed):
    assert needs_person(status, reason) is is_needed


def test_a_410_speaks_of_what_was_registered_until_its_timestamp():
    assert ended_until(NOON - MINUTE, now=NOON) == NOON - MINUTE


def test_a_410_without_a_timestamp_or_with_one_from_the_future_speaks_of_now():
    assert ended_until(None, now=NOON) == ended_until(NOON + MINUTE, now=NOON) == NOON


def test_a_bad_token_is_believed_only_when_another_token_was_accepted_lately():
    assert is_token_at_fault(NOON, accepted_at=NOON - timedelta(hours=3))
    assert not is_token_at_fault(NOON, accepted_at=NOON - timedelta(hours=25))
    assert not is_token_at_fault(NOON, accepted_at=None)


def test_five_pushes_go_at_once_and_the_sixth_waits_a_minute():
    bucket, taken = full_bucket(NOON), []
    for _ in range(6):
        bucket, went = take(bucket, NOON)
        taken.append(went)
    assert taken == [True] * 5 + [False]
    assert next_free_at(bucket, NOON) == NOON + MINUTE
    assert take(bucket, NOON + MINUTE)[1]


def test_a_bucket_refills_by_one_per_minute_and_keeps_the_broken_minute():
    bucket = Bucket(0, NOON)
    later = refilled(bucket, NOON + timedelta(seconds=150))
    assert later == Bucket(2, NOON + timedelta(seconds=120))
    assert refilled(bucket, NOON + timedelta(hours=1)).level == 5


def test_an_hour_of_sales_every_second_gives_sixty_five_pushes():
    bucket, sent = full_bucket(NOON), 0
    for second in range(3600):
        bucket, went = take(bucket, NOON + timedelta(seconds=second))
        sent += went
    assert sent == 5 + 59


@pytest.mark.goal("F9")
def test_a_clock_set_back_neither_starves_nor_floods_a_phone():
    bucket = Bucket(0, NOON)
    hour_back = NOON - timedelta(hours=1)
    assert refilled(bucket, hour_back).level == 0
    assert next_free_at(bucket, hour_back) == hour_back + MINUTE


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_backoff_doubles_from_a_second_and_never_exceeds_a_quarter_of_an_hour(jitter):
    waits = [backoff(failures, jitter) for failures in range(1, 60)]
    assert timedelta(seconds=1) <= waits[0] < timedelta(seconds=1.5)
    assert waits == sorted(waits)
    assert timedelta(minutes=10) <= waits[-1] <= timedelta(minutes=15)


def test_jitter_spreads_the_tries_of_many():
    assert len({backoff(4, step / 10) for step in range(10)}) == 10


def test_a_throttled_token_rests_for_minutes_and_a_bad_one_is_not_tried_again():
    assert wait_after(Kind.THROTTLED, 1, 0.0) >= timedelta(minutes=2)
    assert wait_after(Kind.UNAVAILABLE, 1, 0.0) == timedelta(seconds=1)
    assert [wait_after(kind, 1, 0.0) for kind in (Kind.ACCEPTED, Kind.GONE, Kind.BAD_TOKEN, Kind.CONFIGURATION, Kind.BUG)] == [None] * 5


def test_a_version_nobody_fetched_is_pushed_again_three_times_and_then_left():
    assert repeat_at(1, NOON) == NOON + timedelta(minutes=15)
    assert repeat_at(2, NOON) == NOON + timedelta(hours=2)
    assert repeat_at(3, NOON) == NOON + timedelta(hours=12)
    assert repeat_at(4, NOON) is None
