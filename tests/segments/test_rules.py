"""Which filters make sense, which words are tags, whose birthday is near."""
from datetime import date

import pytest

from app.segments.rules import Filter, birthdays, clean_tag, wrong


@pytest.mark.parametrize("asked", [
    Filter(last_sale_from=30), Filter(sales_from=3, sales_to=3), Filter(tags=("vip",)), Filter(birthday_within=0), Filter(marketing=False),
    Filter(balance_unit="stamps", balance_from=5)])
def test_a_filter_that_asks_something_is_kept(asked: Filter) -> None:
    assert wrong(asked) == []


@pytest.mark.parametrize(("asked", "field"), [
    (Filter(), "filter"), (Filter(sales_days=30), "filter"), (Filter(last_sale_from=10, last_sale_to=5), "last_sale_to"),
    (Filter(spend_from=-1), "spend_from"), (Filter(birthday_within=61), "birthday_within"), (Filter(no_visit_days=0), "no_visit_days"),
    (Filter(balance_from=1, balance_unit="gold"), "balance_unit"), (Filter(tags=tuple("abcdefghijklmnopqrstu")), "tags")])
def test_a_filter_that_nobody_could_mean_is_refused_with_a_sentence(asked: Filter, field: str) -> None:
    [error] = wrong(asked)
    assert error.field == field
    assert error.detail.endswith(".")


def test_a_tag_is_a_word_or_two_without_difference_of_case() -> None:
    assert clean_tag("  VIP ") == "vip"
    assert clean_tag("Постоянный гость") == "постоянный гость"
    assert [clean_tag(text) for text in ("", " ", "a" * 41, 'a"b', "a,b", "-a")] == [None] * 6


def test_the_next_birthdays_cross_the_end_of_the_year() -> None:
    assert birthdays(date(2026, 12, 30), 3) == ["12-30", "12-31", "01-01", "01-02"]


def test_a_birthday_on_29_february_is_kept_on_the_28th_of_other_years() -> None:
    assert birthdays(date(2027, 2, 27), 1) == ["02-27", "02-28", "02-29"]
    assert birthdays(date(2028, 2, 28), 0) == ["02-28"]
    assert birthdays(date(2028, 2, 28), 1) == ["02-28", "02-29"]
