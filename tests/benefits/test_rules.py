"""Codes as people write them, windows in local days, terms that make sense, cells that stay text."""
from datetime import UTC, date, datetime

import pytest

from app.benefits import rules
from app.benefits.promo import draw
from app.benefits.rules import RewardWish, Terms
from app.benefits.service import draw_codes
from app.errors import Invalid
from app.programs.rules import ProgramRules
from app.programs.terms import Level, Levels, Said
from tests.money import NOON

SILVER_GOLD = ProgramRules(levels=Levels((Level("silver", Said("Silver"), 0), Level("gold", Said("Gold"), 100))))
COFFEE = RewardWish("coffee", "product", Said("Coffee", "Кофе"), unit="points", cost=100, sku="C1")


@pytest.mark.parametrize("typed", ["SUMMER-10", "summer10", " Sum mer 10 ", "ЅUММЕR10", "summer\u00a010", "ＳＵＭＭＥＲ１０"])
def test_a_code_is_the_same_however_it_is_spaced_cased_or_mixed_with_cyrillic(typed):
    assert rules.fold(typed) == "SUMMER10"


def test_a_cyrillic_word_matches_when_typed_with_latin_look_alikes():
    assert rules.fold("скидка") == rules.fold("CKИДKA") and rules.fold("ёлка") == rules.fold("ЕЛКА")


def test_zero_and_the_letter_o_stay_two_codes():
    assert rules.fold("SAVE10") != rules.fold("SAVE1O")


def test_drawn_codes_are_different_long_enough_and_without_look_alike_letters():
    codes = draw(500, 10)
    assert len(set(codes)) == len(codes) >= 500 and {len(code) for code in codes} == {10}
    assert not set("".join(codes)) & set("0OQ1IL2Z5S8B") and all(rules.fold(code) == code for code in codes)


@pytest.mark.parametrize(("count", "length", "field"), [(0, 10, "count"), (10_001, 10, "count"), (5, 7, "length"), (5, 17, "length")])
def test_codes_that_could_be_guessed_or_are_too_many_are_refused(count, length, field):
    with pytest.raises(Invalid) as refused:
        draw(count, length)
    assert [wrong.field for wrong in refused.value.fields] == [field]


def test_a_voucher_code_has_ten_digits_a_check_digit_and_looks_like_no_russian_phone():
    for code in draw_codes(200):
        assert rules.is_voucher_code(code) and code[0] in "123456"
        assert not rules.is_voucher_code(code[:-1] + str((int(code[-1]) + 1) % 10))
        assert rules.is_voucher_code(rules.next_code(code)) and rules.next_code(code) != code


def test_a_voucher_ends_with_its_last_local_day():
    late = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)            # already the 23rd in Moscow
    assert rules.life_of(late, 14, "Europe/Moscow") == datetime(2026, 12, 7, 21, 0, tzinfo=UTC)


def test_a_window_of_days_includes_both_of_them_in_the_business_zone():
    terms = Terms("a", "A", starts_on=date(2026, 12, 1), ends_on=date(2026, 12, 2))
    assert rules.window_of(terms, "Europe/Moscow", NOON) == (datetime(2026, 11, 30, 21, tzinfo=UTC), datetime(2026, 12, 2, 21, tzinfo=UTC))
    assert rules.window_of(Terms("a", "A"), "Europe/Moscow", NOON) == (NOON, None)


@pytest.mark.parametrize(("changes", "field"), [
    ({"key": "Free Coffee"}, "key"), ({"kind": "car"}, "kind"), ({"names": Said()}, "name"), ({"unit": "miles"}, "unit"),
    ({"cost": 0}, "cost"), ({"kind": "discount", "value": 10_001}, "value"), ({"kind": "discount", "value": 0}, "value"),
    ({"kind": "money_off", "value": 0}, "value"), ({"days": 0}, "days"), ({"stock": -1}, "stock"), ({"sku": " "}, "sku"),
    ({"level": "platinum"}, "level")])
def test_a_reward_that_no_shop_could_mean_is_refused_at_its_field(changes, field):
    wish = RewardWish(**{**{name: getattr(COFFEE, name) for name in COFFEE.__struct_fields__}, **changes})
    with pytest.raises(Invalid) as refused:
        rules.check_reward(wish, SILVER_GOLD)
    assert [wrong.field for wrong in refused.value.fields] == [field]


def test_a_reward_of_a_level_is_for_that_level_and_those_above():
    reward = rules.Reward(1, 1, 1, "coffee", "service", Said("Coffee"), None, 0, 0, None, 30, "gold", None, 0)
    rules.check_level(reward, "gold", SILVER_GOLD)
    for level in ("silver", None):
        with pytest.raises(rules.LevelNeeded):
            rules.check_level(reward, level, SILVER_GOLD)


@pytest.mark.parametrize(("terms", "field"), [
    (Terms("ok", " "), "name"), (Terms("no way", "A"), "key"), (Terms("ok", "A", kind="leaflet"), "kind"),
    (Terms("ok", "A", kind="coupon", uses=2), "uses"), (Terms("ok", "A", uses=0), "uses"), (Terms("ok", "A", per_person=0), "per_person"),
    (Terms("ok", "A", total=0), "total"), (Terms("ok", "A", starts_on=date(2026, 12, 2), ends_on=date(2026, 12, 1)), "ends_on"),
    (Terms("ok", "A", ends_on=date(2026, 11, 21)), "ends_on")])
def test_terms_that_contradict_themselves_are_refused_at_their_field(terms, field):
    with pytest.raises(Invalid) as refused:
        rules.check_terms(terms, date(2026, 11, 22))
    assert [wrong.field for wrong in refused.value.fields] == [field]


def test_typed_codes_are_folded_and_counted_once():
    assert rules.typed_codes("spring-5\nSPRING5, лето\n\n") == ["SPRING5", rules.fold("ЛЕТО")]
    for text in ("", "ab", "x" * 33):
        with pytest.raises(Invalid):
            rules.typed_codes(text)
