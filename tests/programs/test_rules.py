import msgspec
import pytest

from app.errors import Invalid
from app.programs import rules, words
from app.programs.rules import ProgramRules, explain, validate

COFFEE = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, earn_mode="whole_steps", largest_share_bp=3000,
                     lot_days=365, welcome_points=50)


def plain(sentences: list[str]) -> list[str]:
    return [sentence.replace(words.SPACE, " ") for sentence in sentences]


def test_the_rules_are_explained_in_english():
    assert plain(explain(COFFEE, "RUB", "en")) == [
        "Every full 100 ₽ you pay gives 5 points.", "1 point is 1 ₽ off.", "Points can pay for up to 30% of a receipt.",
        "Points live 365 days; the oldest are spent first.", "50 points as a welcome gift."]


def test_the_rules_are_explained_in_russian():
    assert plain(explain(COFFEE, "RUB", "ru")) == [
        "За каждые полные 100 ₽ — 5 баллов.", "1 балл — 1 ₽ скидки.", "Баллами можно оплатить до 30 % чека.",
        "Баллы живут 365 дней; первыми тратятся самые старые.", "50 баллов в подарок при вступлении."]


def test_every_setting_changes_what_is_said():
    other = msgspec.structs.replace(COFFEE, earn_mode="proportional", minimum_receipt_minor=30_000, largest_share_bp=10_000,
                                    lot_days=None, worth_points=10, welcome_points=0)
    assert plain(explain(other, "RUB", "en")) == [
        "Every 100 ₽ you pay gives 5 points, in proportion.", "10 points are 1 ₽ off.",
        "Points can pay for a whole receipt; receipts from 300 ₽ on count.", "Points never expire."]
    nothing = msgspec.structs.replace(COFFEE, earn_points=0, largest_share_bp=0)
    assert plain(explain(nothing, "RUB", "ru"))[0] == "За покупки баллы сейчас не начисляются."
    assert plain(explain(nothing, "RUB", "ru"))[2] == "Оплатить покупку баллами сейчас нельзя."


@pytest.mark.parametrize(("count", "english", "russian"), [
    (0, "0 points", "0 баллов"), (1, "1 point", "1 балл"), (2, "2 points", "2 балла"), (5, "5 points", "5 баллов"),
    (11, "11 points", "11 баллов"), (14, "14 points", "14 баллов"), (21, "21 points", "21 балл"), (24, "24 points", "24 балла"),
    (111, "111 points", "111 баллов"), (1234, "1 234 points", "1 234 балла")])
def test_counts_take_the_right_word(count, english, russian):
    assert plain([words.points(count, "en"), words.points(count, "ru")]) == [english, russian]


@pytest.mark.parametrize(("minor", "currency", "english", "russian"), [
    (10_000, "RUB", "100 ₽", "100 ₽"), (12_550, "RUB", "125.50 ₽", "125,50 ₽"), (500, "JPY", "¥500", "500 ¥"),
    (1250, "USD", "$12.50", "12,50 $"), (1_005, "KWD", "1.005 KWD", "1,005 KWD")])
def test_amounts_are_written_as_their_currency_is(minor, currency, english, russian):
    assert plain([words.money(minor, currency, "en"), words.money(minor, currency, "ru")]) == [english, russian]


@pytest.mark.parametrize(("change", "field"), [
    ({"earn_points": -1}, "earn_points"), ({"earn_per_minor": 0}, "earn_per_minor"), ({"worth_points": 0}, "worth_points"),
    ({"worth_minor": 2**63}, "worth_minor"), ({"largest_share_bp": 10_001}, "largest_share_bp"), ({"lot_days": 0}, "lot_days"),
    ({"welcome_points": -5}, "welcome_points"), ({"undo_minutes": 1441}, "undo_minutes"),
    ({"minimum_receipt_minor": -1}, "minimum_receipt_minor"),
    ({"earn_per_minor": 1}, "earn_points")])
def test_rules_that_no_shop_can_mean_are_refused_at_their_field(change, field):
    validate(COFFEE)
    with pytest.raises(Invalid) as refusal:
        validate(msgspec.structs.replace(COFFEE, **change))
    assert [wrong.field for wrong in refusal.value.fields] == [field]


@pytest.mark.parametrize(("text", "field"), [
    ('{"earn_points": 5.5, "earn_per_minor": 1, "worth_minor": 1}', "earn_points"),
    ('{"earn_points": true, "earn_per_minor": 1, "worth_minor": 1}', "earn_points"),
    ('{"earn_points": 5, "unit": "stars"}', "unit"),
    ('{"earn_points": 5, "earn_per_minor": 1, "worth_minor": 1, "tiers": 3}', "tiers"), ("[]", "rules"), ("{", "rules")])
def test_rules_are_read_strictly(text, field):
    with pytest.raises(Invalid) as refusal:
        rules.parse(text)
    assert refusal.value.fields[0].field == field


def test_rules_come_back_from_their_json_as_they_were():
    assert rules.parse(rules.dump(COFFEE)) == COFFEE
