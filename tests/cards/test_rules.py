import json
from pathlib import Path

import pytest

from app.cards import rules


def test_numbers_carry_the_programme_and_codes_begin_with_nine() -> None:
    drawn = [rules.IssuedNumbers.draw("472") for _ in range(200)]
    for numbers in drawn:
        assert numbers.number.startswith("472")
        assert numbers.code.startswith("9")
        for digits in (numbers.number, numbers.code):
            assert len(digits) == 16
            assert rules.passes_luhn(digits)
            assert not rules.is_reserved(digits)
    assert len({numbers.code for numbers in drawn}) == 200


def test_a_hundred_million_cards_of_a_programme_would_be_too_dense_and_ten_million_are_not() -> None:
    assert rules.one_in(0) == rules.one_in(1) == 999_900_000_000
    assert rules.one_in(10_000_000) > rules.SPARSE > rules.one_in(100_000_000)


@pytest.mark.parametrize(("digits", "good"), [
    ("4539578763621486", True), ("4539578763621487", False), ("79927398713", True), ("79927398710", False)])
def test_the_check_digit_is_luhns(digits: str, good: bool) -> None:
    assert rules.passes_luhn(digits) is good


def test_one_wrong_digit_and_two_swapped_neighbours_are_noticed() -> None:
    code = rules.draw_code()
    for at in range(16):
        wrong = code[:at] + str((int(code[at]) + 1) % 10) + code[at + 1:]
        assert not rules.passes_luhn(wrong)
    swapped = [code[:at] + code[at + 1] + code[at] + code[at + 2:] for at in range(15)
               if code[at] != code[at + 1] and {code[at], code[at + 1]} != {"0", "9"}]
    assert not any(rules.passes_luhn(text) for text in swapped)


@pytest.mark.parametrize("typed", [
    "9123 4567 8901 2345", "9123-4567-8901-2345",
    " 9123456789012345\n", "９１２３４５６７８９０１２３４５", "9123\u00a04567\u202f8901 2345"])
def test_spaces_hyphens_and_full_width_digits_are_read_as_the_same_code(typed: str) -> None:
    assert rules.tidy(typed) == "9123456789012345"


@pytest.mark.parametrize(("digits", "reserved"), [
    ("9999000000000000", True), ("9998000000000000", False),
    ("4720000123456789", True), ("4721000123456789", False)])
def test_the_reserved_ranges_are_never_issued(digits: str, reserved: bool) -> None:
    assert rules.is_reserved(digits) is reserved


def test_a_code_is_shown_in_fours() -> None:
    assert rules.in_fours("9123456789012345") == "9123 4567 8901 2345"


def test_scans_are_read_as_the_pages_read_them() -> None:
    vectors = json.loads((Path(__file__).parent / "typed_codes.json").read_text("utf-8"))
    for one in vectors["codes"]:
        assert rules.clean_code(one["typed"]) == (one.get("code", ""), one.get("wrong", "")), one
    for one in vectors["keys"]:
        assert rules.latin(one["typed"]) == one["pressed"]
