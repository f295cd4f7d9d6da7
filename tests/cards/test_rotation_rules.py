"""Rotating codes as arithmetic: RFC 6238's vectors, what is believed and for how long."""
from datetime import UTC, datetime, timedelta

import pytest

from app.cards import rotation_rules as rules
from app.errors import Invalid

KEY = bytes.fromhex("3132333435363738393031323334353637383930")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "digits"), [
    (59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"), (2000000000, "69279037"),
    (20000000000, "65353130")])
def test_the_codes_are_those_of_rfc_6238(seconds, digits) -> None:
    assert rules.code_at(KEY, datetime.fromtimestamp(seconds, UTC), 30) == digits


def test_a_code_is_believed_one_period_early_and_late_and_no_longer() -> None:
    shown = rules.code_at(KEY, NOON, 30)
    believed = [late for late in range(-90, 91, 30) if rules.verify(KEY, shown, NOON + timedelta(seconds=late), 30)]
    assert believed == [-30, 0, 30]


def test_a_longer_period_keeps_a_code_for_longer() -> None:
    shown = rules.code_at(KEY, NOON, 60)
    assert rules.code_at(KEY, NOON + timedelta(seconds=59), 60) == shown
    assert rules.verify(KEY, shown, NOON + timedelta(seconds=119), 60)
    assert not rules.verify(KEY, shown, NOON + timedelta(seconds=120), 60)


def test_neither_another_key_nor_a_piece_of_a_code_is_believed() -> None:
    shown = rules.code_at(KEY, NOON, 30)
    assert not rules.verify(b"x" * 20, shown, NOON, 30)
    assert not any(rules.verify(KEY, text, NOON, 30) for text in ("", shown[:7], shown + "0", "٠٠٠٠٠٠٠٠"))


def test_the_first_moments_of_1970_have_no_period_before_them() -> None:
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    assert rules.verify(KEY, rules.code_at(KEY, begin, 30), begin, 30)


def test_a_page_is_told_how_long_its_code_holds() -> None:
    for late, left in ((0.0, 30), (0.001, 30), (12.0, 18), (29.0, 1), (29.999, 1)):
        shown = rules.live(KEY, "9" * 16, NOON + timedelta(seconds=late), 30)
        assert shown == rules.Live("9" * 16 + rules.code_at(KEY, NOON, 30), left)


def test_twenty_four_digits_of_ours_are_parted_and_nothing_else_is() -> None:
    assert rules.parted("9" * 16 + "12345678") == ("9" * 16, "12345678")
    for text in ("4" * 24, "9" * 23, "9" * 25, "9" * 16 + "1234567x", "٩" * 24, ""):
        assert rules.parted(text) is None


def test_a_card_that_was_shown_is_believed_for_five_minutes() -> None:
    shown_at = int(NOON.timestamp() * 1000)
    assert rules.is_fresh(shown_at, NOON + timedelta(minutes=5))
    assert not rules.is_fresh(shown_at, NOON + timedelta(minutes=5, milliseconds=1))
    assert not rules.is_fresh(None, NOON)


def test_only_tills_of_programmes_with_rotation_ask_for_a_live_code() -> None:
    assert rules.asks(30, False, "staff") and rules.asks(60, False, "api_key")
    assert not rules.asks(0, False, "staff")
    assert not rules.asks(30, True, "staff")
    assert not rules.asks(30, False, "shopper") and not rules.asks(30, False, "system")


def test_a_period_is_none_or_30_to_60_seconds() -> None:
    for seconds in (0, 30, 45, 60):
        rules.check_period(seconds)
    for seconds in (-30, 1, 29, 61, 3600, True, "30"):
        with pytest.raises(Invalid):
            rules.check_period(seconds)
