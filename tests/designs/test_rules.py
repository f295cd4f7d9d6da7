"""A business's copy of a design: what it may say, how it is kept, what a card shows through it."""
from datetime import UTC, date, datetime

import msgspec
import pytest

from app.designs.rules import VALUES, CardFace, CardWords, HistoryLine, default_content, dump, parse, validate
from app.errors import Invalid

CONTENT = default_content("Coffee corner", "Кофейный угол")


def changed(language="en", **words):
    return msgspec.structs.replace(CONTENT, **{language: msgspec.structs.replace(CONTENT.words(language), **words)})


def wrong(content):
    with pytest.raises(Invalid) as refused:
        validate(content)
    return [(error.field, error.code) for error in refused.value.fields]


def test_a_new_programme_starts_with_a_design_that_is_right():
    validate(CONTENT)
    assert (CONTENT.words("ru").name, CONTENT.words("ru").points) == ("Кофейный угол", "Баллы")
    assert CONTENT.words("en") == CardWords("Coffee corner", "Points")


def test_a_design_survives_being_stored():
    assert parse(dump(CONTENT)) == CONTENT


@pytest.mark.parametrize("stored", ["{}", "[]", '{"en": 1}', dump(CONTENT)[:-1] + ',"extra":1}'])
def test_what_is_not_a_design_is_refused_when_it_is_read(stored):
    with pytest.raises(Invalid):
        parse(stored)


@pytest.mark.parametrize(("words", "code"), [
    ({"name": ""}, "required"), ({"name": "  "}, "required"), ({"points": ""}, "required"), ({"name": "x" * 65}, "too_long"),
    ({"points": "x" * 25}, "too_long"), ({"about": "x" * 1001}, "too_long"), ({"name": "a\nb"}, "characters"),
    ({"name": "a\x00b"}, "characters"), ({"points": "\ud800"}, "characters"), ({"points": "%@"}, "characters"),
    ({"about": "\x1b"}, "characters")])
def test_words_that_a_card_cannot_show_are_refused_by_name(words, code):
    assert wrong(changed("ru", **words)) == [(f"ru.{next(iter(words))}", code)]


@pytest.mark.parametrize("name", ["Кофе «Угол» & Co.", "مقهى الركن", "Café 🧁", 'He said "hi" \\ {name}', "x" * 64])
def test_names_in_any_script_with_any_quotes_are_taken(name):
    validate(changed(name=name))


def test_the_text_on_the_back_may_have_lines():
    validate(changed(about="First line\nSecond line"))


@pytest.mark.parametrize("colour", ["", "red", "#fff", "#0F4546", "rgb(1, 2, 3)", "#0f4546;", "#0f4546\n"])
def test_a_colour_in_another_spelling_is_refused(colour):
    assert wrong(msgspec.structs.replace(CONTENT, background=colour)) == [("background", "colour")]
    assert wrong(msgspec.structs.replace(CONTENT, accent=colour)) == [("accent", "colour")]


def test_text_and_accent_may_be_left_to_the_card():
    validate(msgspec.structs.replace(CONTENT, text=None, accent=None))


def test_every_mistake_is_told_at_once():
    assert wrong(msgspec.structs.replace(changed(name="", points=""), label="blue")) == [
        ("en.name", "required"), ("en.points", "required"), ("label", "colour")]


@pytest.mark.parametrize(("minor", "currency", "worth"), [
    (32000, "RUB", 320), (32050, "RUB", 320.5), (5, "USD", 0.05), (7, "JPY", 7), (1005, "KWD", 1.005), (0, "RUB", 0)])
def test_what_points_are_worth_is_in_major_units_and_whole_where_it_is_whole(minor, currency, worth):
    value = CardFace("9000000000000000", 1, minor, currency).values()["worth"]
    assert value == worth
    assert isinstance(value, type(worth))


def test_a_card_without_a_name_or_an_end_shows_neither():
    values = CardFace("9000000000000000", -50, 0, "RUB", name="").values()
    assert {name: value for name, value in values.items() if value is not None} == {"balance": -50, "worth": 0}


def test_a_card_with_everything_names_every_value_that_designs_may_ask_for():
    face = CardFace("9000000000000000", 5, 500, "RUB", "Anna", 3, date(2026, 11, 30), "https://cards.example/c/x", False, 700, 50, 4, 90,
                    500, 750, "gold", 120_050, 3, 4, 10, 8, date(2027, 1, 31), 1_000, 2, date(2026, 12, 1),
                    datetime(2027, 2, 1, tzinfo=UTC), (HistoryLine(date(2026, 11, 22), "sale", 3, "points"),))
    values = face.values()
    assert tuple(values) == VALUES and None not in values.values()
    assert (values["money"], values["next_money"], values["stamps"], values["discount"]) == (7, 1200.5, "4 / 10", 750)
