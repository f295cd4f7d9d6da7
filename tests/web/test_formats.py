"""Numbers, amounts and moments as people read them."""
from datetime import UTC, date, datetime, timedelta

import pytest

from app.web import formats

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
MOSCOW = "Europe/Moscow"


@pytest.mark.parametrize(("count", "said"), [
    (0, "0"), (320, "320"), (1480, "1\u202f480"), (12480350, "12\u202f480\u202f350"), (-18, "\u221218")])
def test_points_are_grouped_and_a_minus_is_a_real_one(count: int, said: str):
    assert formats.points(count) == said


def test_a_change_says_its_direction():
    assert [formats.signed(count) for count in (34, 0, -100)] == ["+34", "0", "\u2212100"]


@pytest.mark.parametrize(("minor", "currency", "language", "said"), [
    (49000, "RUB", "en", "490\u00a0₽"), (125050, "RUB", "ru", "1\u202f250,50\u00a0₽"), (125050, "RUB", "en", "1\u202f250.50\u00a0₽"),
    (1250, "USD", "en", "$12.50"), (1250, "USD", "ru", "12,50\u00a0$"), (500, "JPY", "en", "¥500"), (1500, "KWD", "en", "1.500\u00a0KWD"),
    (-260, "RUB", "ru", "\u22122,60\u00a0₽"),
])
def test_amounts_show_the_minor_part_only_where_there_is_one(minor: int, currency: str, language: str, said: str):
    assert formats.money(minor, currency, language) == said


def test_moments_are_told_in_the_businesss_zone_as_one_would_say_them():
    late = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)      # half past midnight of the 22nd in Moscow
    assert formats.ago(late, "en", MOSCOW, NOW) == "today, 0:30"
    assert formats.ago(NOW - timedelta(days=1), "ru", MOSCOW, NOW) == "вчера, 9:00"
    assert formats.ago(NOW - timedelta(days=10), "ru", MOSCOW, NOW) == "12 ноября"
    assert formats.ago(NOW - timedelta(days=400), "en", MOSCOW, NOW) == "18 October 2025"


def test_days_and_times_have_the_form_of_their_language():
    assert formats.full(NOW, "ru", MOSCOW) == "22 ноября 2026, 9:00"
    assert formats.day_short(date(2026, 10, 24), "en") == "24 Oct"


def test_a_phone_shows_its_ends_only_and_a_card_number_stands_in_fours():
    assert formats.phone_masked("+79161231234") == "+7 916 ••• 12 34"
    assert formats.in_fours("4729581036472919") == "4729 5810 3647 2919"
