"""Codes of an app: RFC 6238's own figures, its drift, and that no code works twice."""
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from app.staff import rules, totp

KEY = b"12345678901234567890"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(("second", "code"), [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
                                              (2000000000, "279037"), (20000000000, "353130")])
def test_codes_are_those_of_the_standard(second, code):
    """RFC 6238, appendix B, SHA-1; the last six of its eight digits."""
    assert totp.code_at(KEY, totp.step_of(datetime.fromtimestamp(second, UTC))) == code


@pytest.mark.parametrize(("seconds", "fits"), [(-61, False), (-30, True), (0, True), (30, True), (61, False)])
def test_a_clock_may_be_half_a_minute_off_and_no_more(seconds, fits):
    code = totp.code_at(KEY, totp.step_of(NOON + timedelta(seconds=seconds)))
    assert (totp.matching_step(KEY, code, NOON, 0) is not None) is fits


def test_a_code_is_not_taken_again_nor_one_before_it():
    step = totp.step_of(NOON)
    assert totp.matching_step(KEY, totp.code_at(KEY, step), NOON, step - 1) == step
    assert totp.matching_step(KEY, totp.code_at(KEY, step), NOON, step) is None
    assert totp.matching_step(KEY, totp.code_at(KEY, step - 1), NOON, step) is None


@pytest.mark.parametrize("typed", ["", "1", "００００００", "abcdef", "1234567"])
def test_what_is_no_code_fits_nothing(typed):
    assert totp.matching_step(KEY, typed, NOON, 0) is None


def test_the_address_says_what_an_app_needs_to_know():
    parts = urlsplit(totp.address(KEY, "Tessera", "anna@example.com"))
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Tessera%3Aanna@example.com")
    assert parse_qs(parts.query) == {"secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"], "issuer": ["Tessera"]}
    assert totp.typed_key(KEY) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"


@pytest.mark.parametrize(("typed", "meant"), [("ABCDE-fghjk", "abcdefghjk"), (" 123 456 ", "123456"), ("ab cde-fg hjk", "abcdefghjk")])
def test_a_code_is_read_however_it_was_typed(typed, meant):
    assert rules.folded_code(typed) == meant


@pytest.mark.parametrize(("address", "shown", "network"), [
    ("203.0.113.77", "203.0.113.x", "203.0.113.77"), ("2001:db8:1:2:3::4", "2001:db8:1::", "2001:db8:1:2::/64"),
    ("nonsense", "", "nonsense")])
def test_an_address_is_kept_shortened_and_a_whole_network_is_counted_as_one(address, shown, network):
    assert (rules.shortened(address), rules.network_of(address)) == (shown, network)
