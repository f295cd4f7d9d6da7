"""Levels as arithmetic: reached, kept, lost."""
from datetime import UTC, datetime, timedelta

from app.clock import to_ms
from app.programs.terms import Level, Levels, Said
from app.standing.levels import BY_HAND, ENDED, GRACE, LOST, REACHED, Change, Held, decide, first, following, reached

NOON = to_ms(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))
DAY = 86_400_000
ZONE = "Europe/Moscow"


def level(key: str, threshold: int) -> Level:
    return Level(key, Said(key), threshold)


LEVELS = Levels((level("green", 0), level("silver", 1_000), level("gold", 5_000)), grace_days=30)


def held(key: str | None, reason: str = REACHED, until: int | None = None) -> Held:
    return Held(key, reason, until, NOON - DAY)


def changed(before: Held | None, progress: int, without: int | None = None, levels: Levels = LEVELS) -> Change | None:
    return decide(levels, before, progress, progress if without is None else without, NOON, ZONE)


def test_a_progress_reaches_the_highest_level_whose_threshold_it_has() -> None:
    assert [reached(LEVELS, progress) for progress in (-5, 0, 999, 1_000, 4_999, 5_000, 10**9)] == [
        "green", "green", "green", "silver", "silver", "gold", "gold"]


def test_without_a_level_from_zero_on_nobody_begins_with_one() -> None:
    assert first(Levels((level("silver", 1_000),))) is None
    assert first(LEVELS) == "green"
    assert first(None) is None


def test_two_levels_crossed_at_once_give_the_higher() -> None:
    assert changed(None, 7_000, without=0) == Change("gold", REACHED)


def test_a_progress_that_changes_no_level_writes_nothing() -> None:
    assert changed(None, 900, without=0) is None
    assert changed(held("silver"), 4_999, without=4_000) is None


def test_a_refund_that_takes_progress_below_the_threshold_takes_the_level_at_once() -> None:
    assert changed(held("gold"), 4_999, without=5_000) == Change("silver", LOST)


def test_a_window_that_passes_leaves_the_level_for_the_days_of_grace() -> None:
    change = changed(held("gold"), 900)
    assert change is not None and (change.level, change.reason) == ("gold", GRACE)
    # 30 whole local days after today's: until the midnight behind 22 December in Moscow.
    assert change.until_at == to_ms(datetime(2026, 12, 22, 21, 0, tzinfo=UTC))


def test_without_days_of_grace_a_passed_window_takes_the_level_at_once() -> None:
    assert changed(held("gold"), 900, levels=Levels(LEVELS.levels)) == Change("green", LOST)


def test_grace_ends_with_the_level_that_the_progress_reaches_then() -> None:
    assert changed(held("gold", GRACE, NOON + 1), 1_500) is None
    assert changed(held("gold", GRACE, NOON), 1_500) == Change("silver", LOST)


def test_a_purchase_within_the_grace_keeps_the_level_for_good() -> None:
    assert changed(held("gold", GRACE, NOON + DAY), 5_000, without=900) == Change("gold", REACHED)


def test_a_sale_rung_up_between_the_end_of_a_window_and_its_review_begins_the_grace_too() -> None:
    change = changed(held("gold"), 1_100, without=900)
    assert change is not None and change.reason == GRACE


def test_a_level_set_by_hand_stays_until_its_end_whatever_is_spent() -> None:
    assert changed(held("silver", BY_HAND, NOON + 1), 9_000) is None
    assert changed(held("gold", BY_HAND), 0) is None
    assert changed(held("gold", BY_HAND, NOON), 1_200) == Change("silver", ENDED)


def test_a_level_that_the_rules_know_no_more_is_replaced_by_the_one_reached() -> None:
    assert changed(held("platinum"), 1_200) == Change("silver", LOST)


def test_what_is_missing_is_told_to_the_next_level_above_the_one_held() -> None:
    found = following(LEVELS, "green", 400)
    assert found is not None and (found.level.key, found.missing) == ("silver", 600)
    found = following(LEVELS, "silver", 400)          # held by grace or by hand
    assert found is not None and (found.level.key, found.missing) == ("gold", 4_600)
    assert following(LEVELS, "gold", 9_000) is None


def test_grace_is_counted_from_the_moment_of_the_review() -> None:
    later = NOON + int(timedelta(days=1).total_seconds() * 1000)
    change = decide(LEVELS, held("gold"), 0, 0, later, ZONE)
    assert change is not None and change.until_at == to_ms(datetime(2026, 12, 23, 21, 0, tzinfo=UTC))
