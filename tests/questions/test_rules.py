"""What a questionnaire may hold, and how answers are kept."""
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.programs.kinds import get_kind
from app.programs.rules import ProgramRules
from app.questions import rules
from app.questions.rules import Choice, Question, QuestionWish, check, parse

POINTS = ProgramRules(earn_points=5)
STAMPS, DISCOUNT = get_kind("stamps").rules("RUB"), get_kind("discount").rules("RUB")
CATS, DOGS = Choice("cats", {"en": "Cats", "ru": "Кошки"}), Choice("dogs", {"en": "Dogs", "ru": "Собаки"})


def question(kind="text", need="optional", key="it", number=7, choices=(CATS, DOGS)) -> Question:
    return Question(number, key, kind, {"en": "What?", "ru": "Что?"}, choices if kind == "choice" else (), need, 0, 3)


def kept(asked: Question, text: str, **parts) -> str:
    return parse([asked], {asked.field: text}, "ru", **parts)[asked.id]


def wrong(asked: Question, text: str, **parts) -> str:
    with pytest.raises(Invalid) as refusal:
        parse([asked], {asked.field: text}, "ru", **parts)
    [field] = refusal.value.fields
    assert field.field == asked.field
    return field.code


def mistakes(wish: QuestionWish, program: ProgramRules = POINTS) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        check(wish, program)
    return {field.field: field.code for field in refusal.value.fields}


def wish(**parts) -> QuestionWish:
    return QuestionWish(**{"key": "it", "kind": "text", "labels": {"en": "What?"}, **parts})


@pytest.mark.parametrize(("typed", "number"), [
    ("12", "12"), ("12,5", "12.5"), ("0012.500", "12.5"), ("-0", "0"), ("−3", "-3"), ("+7", "7"), ("1 000 000", "1000000"),
    ("0.1", "0.1"), ("999999999999999.999999", "999999999999999.999999")])
def test_a_number_is_kept_as_the_very_decimal_that_was_typed(typed, number):
    assert kept(question("number"), typed) == number


@pytest.mark.parametrize("typed", ["12a", "1e5", "inf", "nan", "1,2,3", "1" * 16, "0x10", "١٢", "--1", "1."])
def test_what_is_no_number_is_refused(typed):
    assert wrong(question("number"), typed) == "number"


@pytest.mark.parametrize(("typed", "day"), [("2026-02-28", "2026-02-28"), ("29.02.2024", "2024-02-29"), ("1.2.1990", "1990-02-01")])
def test_a_date_is_kept_as_iso_however_people_type_it(typed, day):
    assert kept(question("date"), typed) == day


@pytest.mark.parametrize("typed", ["2026-02-29", "29.02.2023", "20260228", "2026-W09-6", "1899-12-31", "2101-01-01", "yesterday"])
def test_what_is_no_day_is_refused(typed):
    assert wrong(question("date"), typed) == "date"


def test_a_birthday_has_been():
    birthday = rules.STANDARD["birthday"]
    assert kept(birthday, "2026-11-22", today=date(2026, 11, 22)) == "2026-11-22"
    assert wrong(birthday, "2026-11-23", today=date(2026, 11, 22)) == "date"


def test_a_choice_is_given_by_its_key_or_its_words_and_nothing_else():
    pets = question("choice")
    assert kept(pets, "dogs") == kept(pets, "СОБАКИ") == "dogs"
    assert wrong(pets, "Dogs and cats") == wrong(pets, "Fish") == "choice"
    assert parse([pets], {"q_it": "Cats"}, "en") == {7: "cats"}


@pytest.mark.goal("B8")
@pytest.mark.parametrize("text", ["a\u202eb", "a\u2066b", "a\ud800b", "a\x00b", "a\x1bb", "e" + "\u0301" * 1000, "a\ue000"])
@pytest.mark.parametrize("kind", ["text", "number", "date", "choice"])
def test_signs_that_cannot_be_shown_are_kept_nowhere(text, kind):
    assert wrong(question(kind), text) in ("unprintable", "too_long")


@pytest.mark.goal("B8")
@pytest.mark.parametrize(("text", "stored"), [
    ("Cafe\u0301  au\n lait", "Café au lait"), ("👨‍👩‍👧", "👨‍👩‍👧"), ("محمد", "محمد"), ("İstanbul", "İstanbul"),
    ("{{7*7}}<b>", "{{7*7}}<b>")])
def test_a_text_is_kept_in_nfc_on_one_line(text, stored):
    assert kept(question(), text) == stored


def test_a_text_ends_at_five_hundred_characters():
    assert kept(question(), "я" * 500) == "я" * 500
    assert wrong(question(), "я" * 501) == wrong(question(), "я" * 65_536) == "too_long"


@given(st.text(max_size=40), st.sampled_from(rules.KINDS))
def test_whatever_is_typed_is_kept_the_same_again_or_refused(text, kind):
    asked = question(kind)
    try:
        first = parse([asked], {"q_it": text}, "ru")
    except Invalid:
        return
    assert parse([asked], {"q_it": value for value in first.values()}, "ru") == first


def test_every_wrong_field_is_named_at_once_and_required_ones_that_are_empty():
    asked = [question("number", key="age"), question("date", key="day", need="required"), question(key="note")]
    with pytest.raises(Invalid) as refusal:
        parse(asked, {"q_age": "old", "q_day": " ", "q_note": "fine"}, "en")
    assert [(field.field, field.code) for field in refusal.value.fields] == [("q_age", "number"), ("q_day", "required")]


def test_an_empty_field_says_nothing_unless_answers_are_being_edited():
    asked = [question(), question(key="other", number=8)]
    assert parse(asked, {"q_it": ""}, "en") == {}
    assert parse(asked, {"q_it": ""}, "en", emptied=True) == {7: ""}


def test_standard_fields_have_plain_names_and_their_own_limits():
    name, email = rules.STANDARD["name"], rules.STANDARD["email"]
    assert (name.field, email.field, question().field) == ("name", "email", "q_it")
    assert kept(name, " Анна  Петрова ") == "Анна Петрова"
    assert wrong(name, "а" * 101) == "too_long"
    assert kept(email, "Anna@example.com") == "Anna@example.com"
    assert wrong(email, "anna@") == wrong(email, "анна@пример.рф") == "email"


def test_a_text_in_one_language_stands_for_the_others():
    assert Question(1, "it", "text", {"ru": "Что?"}, (), "later", 0, 1).label_in("en") == "Что?"
    assert question().label_in("de") == "What?"


@pytest.mark.parametrize(("parts", "mistake"), [
    ({"labels": {}}, {"labels": "required"}), ({"labels": {"en": " "}}, {"labels": "required"}),
    ({"labels": {"en": "w" * 101}}, {"labels": "too_long"}), ({"labels": {"en": "fine", "ru": "ж" * 101}}, {"labels": "too_long"}),
    ({"labels": {"en": "a\u202eb", "ru": "да"}}, {"labels": "unprintable"}), ({"kind": "photo"}, {"kind": "kind"}),
    ({"need": "hidden"}, {"need": "need"}), ({"kind": "choice", "choices": (CATS,)}, {"choices": "out_of_range"}),
    ({"kind": "choice", "choices": tuple(Choice(f"c{at}", {"en": str(at)}) for at in range(31))}, {"choices": "out_of_range"}),
    ({"kind": "choice", "choices": (CATS, Choice("more", {"en": "CATS", "ru": "Ещё"}))}, {"choices": "twice"}),
    ({"kind": "choice", "choices": (CATS, Choice("more", {"en": "More"}))}, {"choices": "lines"}),
    ({"need": "later", "bonus_points": -1}, {"bonus_points": "out_of_range"}),
    ({"need": "later", "bonus_points": 100_001}, {"bonus_points": "out_of_range"}),
    ({"kind": "photo", "labels": {}, "need": ""}, {"labels": "required", "kind": "kind", "need": "need"})])
def test_a_question_that_makes_no_sense_is_refused_field_by_field(parts, mistake):
    assert mistakes(wish(**parts)) == mistake


def test_thirty_choices_are_enough_and_may_be_written_in_one_language():
    many = tuple(Choice(f"c{at}", {"ru": f"Вариант {at}"}) for at in range(30))
    assert len(check(wish(kind="choice", choices=many), POINTS).choices) == 30


def test_what_is_no_choice_keeps_no_choices_and_what_is_asked_at_once_no_bonus():
    plain = check(wish(choices=(CATS, DOGS), bonus_points=50), POINTS)
    assert (plain.choices, plain.bonus_points) == ((), 0)


def test_a_bonus_is_of_what_the_programme_counts_and_never_a_full_card():
    later = wish(need="later", bonus_points=5)
    assert [rules.unit_of(each) for each in (POINTS, STAMPS, DISCOUNT)] == ["points", "stamps", None]
    assert check(later, STAMPS).bonus_points == 5
    assert mistakes(wish(need="later", bonus_points=6), STAMPS) == {"bonus_points": "out_of_range"}
    assert mistakes(later, DISCOUNT) == {"bonus_points": "unit"}
    assert check(wish(need="later"), DISCOUNT).bonus_points == 0


def test_a_bonus_is_worth_nothing_once_the_programme_counts_nothing():
    asked = Question(1, "it", "text", {"en": "What?"}, (), "later", 50, 1)
    assert (rules.bonus_of(asked, POINTS), rules.bonus_of(asked, DISCOUNT)) == (50, 0)
