"""What columns are, and what other systems write into their cells."""
from datetime import date

import pytest

from app.cards.rules import luhn_digit
from app.imports import rules
from app.imports.rules import Options, Setting

TODAY = date(2026, 11, 22)
AT = Setting("RU", "ru", TODAY, "points", "RUB", {"gold": "gold", "золото": "gold"}, True)
MONEY = Setting("RU", "ru", TODAY, "money", "RUB", {}, False)


def row(at: Setting = AT, **cells: str):  # type: ignore[no-untyped-def]
    person, wrong = rules.read_row(2, list(cells.values()), list(cells), Options(), at)
    return person, [(each.field, each.code) for each in wrong], rules.stays_out(person, wrong)


@pytest.mark.parametrize(("columns", "kinds"), [
    (["Телефон", "ФИО", "№ карты", "Баллы", "Дата рождения"], ["phone", "name", "alias", "balance", "birthday"]),
    (["Фамилия", "Имя", "Моб. тел.", "E-mail", "Штрихкод"], ["name", "name", "phone", "email", "alias"]),
    (["Phone", "First name", "Card number", "Bonus balance", "Tier", "Last visit", "Tags", "Language"],
     ["phone", "name", "alias", "balance", "level", "last_visit", "tags", "language"]),
    (["Согласие на рассылку", "Баллы действуют до", "Последняя покупка", "Статус"], ["consent", "balance_ends", "last_visit", "level"]),
    (["Телефон", "Телефон 2", "Примечание", ""], ["phone", "", "", ""]),
    (["Строка", "Что не так", "Row", "What is wrong"], ["", "", "", ""])])
def test_columns_are_guessed_by_their_names_in_both_languages(columns: list[str], kinds: list[str]) -> None:
    assert rules.guess(columns) == kinds


def test_a_column_named_like_an_own_question_is_that_question() -> None:
    assert rules.guess(["Любимый напиток"], {"drink": ["Favourite drink", "Любимый напиток"]}) == ["q_drink"]


@pytest.mark.parametrize(("mapping", "code"), [
    (["phone", "name"], None), (["alias", "alias", "tags", "tags"], None), (["name"], "nobody"), (["phone", "phone"], "kind_twice"),
    (["phone", "shoe_size"], "unknown_kind")])
def test_a_mapping_names_somebody_and_nothing_twice(mapping: list[str], code: str | None) -> None:
    assert rules.wrong_mapping(mapping, rules.KINDS) == code


@pytest.mark.parametrize(("text", "points"), [("120", 120), ("1 250,75", 1250), ("1,250.50", 1250), ("1'250", 1250), ("0", 0), ("", 0),
                                              ("\u00a01\u202f000", 1000)])
def test_points_are_whole_and_a_part_of_one_is_dropped(text: str, points: int) -> None:
    person, wrong, _ = row(phone="+79161234567", balance=text)
    assert (person.amount, wrong) == (points, [])


@pytest.mark.parametrize(("text", "minor"), [("120", 12_000), ("1 250,75", 125_075), ("0.5", 50), ("12.50 ", 1250), ("12.500", 1250)])
def test_money_keeps_its_minor_units(text: str, minor: int) -> None:
    assert row(MONEY, phone="+79161234567", balance=text)[0].amount == minor


@pytest.mark.parametrize("text", ["-5", "12a", "1.2.3", "99999999999999", "1e5", "∞"])
def test_a_balance_that_is_none_keeps_the_row_out(text: str) -> None:
    assert row(phone="+79161234567", balance=text)[1:] == ([("balance", "amount")], True)


def test_money_with_more_digits_than_its_currency_has_is_no_balance() -> None:
    assert row(MONEY, phone="+79161234567", balance="1.005")[1] == [("balance", "amount")]


@pytest.mark.parametrize("text", ["31.12.1990", "1990-12-31", "31/12/1990", "1990-12-31 00:00", "31.12.1990 12:30:00"])
def test_a_day_is_read_as_people_and_programs_write_it(text: str) -> None:
    assert row(phone="+79161234567", birthday=text)[0].birthday == date(1990, 12, 31)


@pytest.mark.parametrize(("cells", "code"), [
    ({"birthday": "31.02.1990"}, ("birthday", "day")), ({"birthday": "31.12.2030"}, ("birthday", "birthday")),
    ({"email": "anna@"}, ("email", "email")), ({"language": "Klingon"}, ("language", "language")), ({"tags": "!!!"}, ("tags", "tag")),
    ({"last_visit": "yesterday"}, ("last_visit", "day"))])
def test_what_is_not_needed_and_wrong_is_left_out_and_the_row_goes_in(cells: dict[str, str], code: tuple[str, str]) -> None:
    assert row(phone="+79161234567", **cells)[1:] == ([code], False)


@pytest.mark.parametrize(("cells", "code"), [
    ({"alias": "1.23456789012346E+15"}, ("alias", "digits_lost")), ({"alias": "x" * 65}, ("alias", "alias")),
    ({"alias": "9999000000000000"}, None), ({"alias": "<b>"}, ("alias", "alias")), ({"level": "Platinum"}, ("level", "level")),
    ({"balance_ends": "01.01.2020"}, ("balance_ends", "ended"))])
def test_what_counts_and_is_wrong_keeps_the_row_out(cells: dict[str, str], code: tuple[str, str] | None) -> None:
    assert row(phone="+79161234567", **cells)[1:] == ([code] if code else [], code is not None)


def test_a_number_that_no_card_may_have_is_refused() -> None:
    body = "999900000000000"
    assert row(phone="+79161234567", alias=body + luhn_digit(body))[1] == [("alias", "alias_reserved")]


def test_old_numbers_are_kept_as_the_till_looks_them_up() -> None:
    assert row(alias=" 2000-0001 0002 ")[0].aliases == ("200000010002",)


def test_a_row_without_anybody_stays_out() -> None:
    assert row(name="Анна", balance="5")[1:] == ([("", "nobody_in_row")], True)
    assert row(email="anna@example.com")[1:] == ([], False)


def test_names_of_two_columns_are_one_and_yes_is_said_in_many_ways() -> None:
    person, _ = rules.read_row(2, ["Анна", "Ко", "+79161234567", "ДА"], ["name", "name", "phone", "consent"], Options(), AT)
    assert (person.name, person.may_write) == ("Анна Ко", True)
    assert not row(phone="+79161234567", consent="не знаю")[0].may_write
    assert row(phone="+79161234567", level="Золото")[0].level == "gold"


@pytest.mark.parametrize(("visited", "tag"), [("22.11.2025", "активные"), ("21.11.2025", "пассивные")])
def test_the_last_visit_says_who_is_active(visited: str, tag: str) -> None:
    assert row(phone="+79161234567", last_visit=visited)[0].tags == (tag,)
