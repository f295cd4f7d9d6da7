from datetime import UTC, datetime, timedelta

import pytest

from app.sms import rules
from app.sms.rules import Step, after_try, is_paused, may_go_at, moves, plain, size_of, told

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.goal("S4")
@pytest.mark.parametrize(("text", "parts"), [
    ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2), ("a" * 152 + "€" + "b" * 153, 3),
    ("я" * 70, 1), ("я" * 71, 2), ("я" * 134, 2), ("я" * 135, 3), ("😀" * 35, 1), ("😀" * 36, 2), ("😀" * 67, 3),
    ("a" * 66 + "😀" + "a" * 66, 3)], ids=lambda value: value if isinstance(value, int) else f"{value[:3]}…{len(value)}")
def test_a_text_costs_the_parts_that_carriers_count(text, parts):
    assert size_of(text).parts == parts


@pytest.mark.parametrize(("text", "left"), [
    ("a" * 160, 0), ("a" * 161, 145), ("я" * 60, 10), ("я" * 71, 63), ("a" * 152 + "€" + "b" * 153, 151), ("", 160)])
def test_what_is_left_is_counted_in_the_last_part(text, left):
    assert size_of(text).left == left


def test_one_character_outside_the_table_turns_the_whole_text_into_ucs_2():
    assert size_of("a" * 71).encoding == "GSM-7"
    assert (size_of("a" * 70 + "`").encoding, size_of("a" * 70 + "`").parts) == ("UCS-2", 2)


@pytest.mark.parametrize("letter", list("`ç—«»“”’Ёё\u00a0"))
def test_what_word_processors_put_in_is_not_in_the_table(letter):
    assert size_of(letter).encoding == "UCS-2"


def test_typographic_characters_become_plain_ones():
    assert plain("«Кофе»\u00a0— это “да”… it’s\u200b ok\n\tnow") == '"Кофе" - это "да"... it\'s ok now'


def test_states_move_only_forward_and_final_ones_never():
    assert moves("queued", "submitting") and moves("submitting", "accepted") and moves("accepted", "delivered")
    assert moves("unknown", "delivered")
    assert not moves("delivered", "accepted") and not moves("delivered", "undelivered") and not moves("accepted", "accepted")


def test_a_message_not_taken_is_tried_again_later_and_later_then_given_up():
    waits = [after_try("temporary", "", tries, False, NOON, 0.5).due_at - NOON for tries in (1, 2, 3, 4)]
    assert waits == [timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10)]
    assert after_try("throttled", "", 5, False, NOON, 0.5) == Step("undelivered", None, "throttled")


def test_retries_are_spread_by_a_fifth():
    assert after_try("temporary", "", 2, False, NOON, 0.0).due_at == NOON + timedelta(seconds=24)
    assert after_try("temporary", "", 2, False, NOON, 0.9999999).due_at <= NOON + timedelta(seconds=36)


@pytest.mark.parametrize("second", ["unknown", "temporary", "throttled", "config"])
def test_what_may_have_been_sent_is_tried_once_more_at_most(second):
    first = after_try("unknown", "", 1, False, NOON, 0.5)
    assert first == Step("queued", NOON + timedelta(seconds=90), "unknown")
    assert after_try(second, "", 2, True, NOON, 0.5) == Step("unknown", None, "unknown")


def test_a_bad_number_fails_at_once_and_a_bad_gateway_keeps_the_message():
    assert after_try("permanent", "21211", 1, False, NOON, 0.5) == Step("rejected", None, "21211")
    assert after_try("config", "", 1, False, NOON, 0.5) == Step("queued", NOON + rules.GATEWAY_AGAIN, "config")


def test_at_night_only_what_was_asked_for_just_now_goes():
    night = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)                                        # 23:30 in Moscow
    assert may_go_at(night, night - timedelta(minutes=10), "Europe/Moscow") == night
    assert may_go_at(night, night - timedelta(minutes=11), "Europe/Moscow") == datetime(2026, 11, 23, 6, tzinfo=UTC)
    early = datetime(2026, 11, 23, 3, tzinfo=UTC)                                             # 6:00 in Moscow
    assert may_go_at(early, night, "Europe/Moscow") == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert may_go_at(NOON, NOON - timedelta(hours=3), "Europe/Moscow") == NOON


def test_what_nobody_waits_for_never_goes_at_night():
    night = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)
    assert may_go_at(night, None, "Europe/Moscow") == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert may_go_at(NOON, None, "Europe/Moscow") == NOON


@pytest.mark.parametrize(("state", "reason", "expected"), [
    ("queued", None, ("queued", "", "")), ("queued", "no_funds", ("queued", "waiting", "")), ("accepted", None, ("sent", "", "")),
    ("unknown", "unknown", ("sent", "unknown", "")), ("delivered", None, ("delivered", "", "")),
    ("rejected", "21211", ("failed", "rejected", "21211")), ("undelivered", "throttled", ("failed", "undelivered", "")),
    ("expired", "too_late", ("failed", "expired", "")), ("cancelled", None, ("failed", "cancelled", ""))])
def test_what_became_of_a_message_is_told_as_a_class_and_the_carriers_word(state, reason, expected):
    assert told(state, reason) == expected


def test_logs_show_the_ends_of_a_number_only():
    assert rules.for_log("+79123456789") == "+7912*****89"


def test_a_place_whose_links_nobody_uses_is_paused_and_may_try_again_two_days_later():
    day = 86_400_000
    ripe = [10 * day - number for number in range(50)]
    assert is_paused(ripe, 9, 11 * day)
    assert not is_paused(ripe, 10, 11 * day)
    assert not is_paused(ripe[:49], 0, 11 * day)
    assert not is_paused(ripe, 0, 13 * day)
