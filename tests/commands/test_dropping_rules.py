from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commands.dropping import rules
from app.commands.dropping.rules import Wrong, parse
from app.commands.dropping.words import SAID

MOSCOW = timezone(timedelta(hours=3))


@pytest.mark.parametrize(("data", "delimiter", "encoding"), [
    (b"action;card;amount\r\nsale;4720000000000001;1 250,00\r\n", ";", "utf-8"),
    ("\ufeffДействие;Карта;Сумма\nпродажа;4720000000000001;1250,00\n".encode(), ";", "utf-8-sig"),
    ("действие;карта;сумма\nПродажа;4720000000000001;1250\n".encode("cp1251"), ";", "cp1251"),
    (b'action,card,amount\nsale,4720000000000001,"1250,00"\n', ",", "utf-8"),
    (b"Action\tCARD\tAmount\n\n sale \t4720000000000001\t1250.0\n;;\n"[:-3], "\t", "utf-8")])
def test_a_file_is_read_as_tills_of_every_kind_write_it(data, delimiter, encoding):
    file = parse(data)
    [row] = file.rows
    assert (file.delimiter, file.encoding, rules.action_of(row)) == (delimiter, encoding, "sale")
    assert rules.sale_body(row, 2, MOSCOW) == {"code": "4720000000000001", "amount": 125_000}


@pytest.mark.parametrize(("data", "code"), [
    (b"", "empty"), (b"  \r\n \n", "empty"), (b"action;colour\n", "unknown_column"), (b"card;amount\n1;2\n", "no_action_column"),
    ("action;card;карта\n".encode(), "column_twice"), (b"\xff\xfe\x00\x00\x98", "no_text"), (b"PK\x03\x04\x00\x98\x00", "no_text"),
    (b"action\n" + b"sale\n" * 20_001, "too_large"), (b"a" * (rules.BYTES_MOST + 1), "too_large")])
def test_what_is_no_file_of_rows_is_refused_as_a_whole(data, code):
    with pytest.raises(Wrong) as refused:
        parse(data)
    assert refused.value.code == code and code in SAID


@pytest.mark.parametrize(("text", "minor"), [
    ("1250,00", 125_000), ("1250.5", 125_050), ("1 250", 125_000), ("1\u00a0250,07", 125_007), ("0,01", 1)])
def test_amounts_are_read_exactly(text, minor):
    assert rules.minor(text, 2) == minor


@pytest.mark.parametrize("text", ["", "-5", "1,250.00", "12,345", "1e3", "NaN", "five", "١٢", "1250р", "9" * 13])
def test_what_is_no_amount_is_refused_and_never_rounded(text):
    with pytest.raises(Wrong):
        rules.minor(text, 2)


@given(st.integers(0, 10**12 - 1), st.sampled_from([0, 2, 3]), st.sampled_from([";", ","]))
def test_an_amount_that_is_shown_is_read_as_the_same(amount, digits, delimiter):
    text = rules.shown(amount, digits, delimiter)
    assert rules.minor(text, digits) == amount and (delimiter == ";" or "," not in text)


@pytest.mark.parametrize(("text", "told"), [
    ("2026-11-22T14:05:00Z", "2026-11-22T14:05:00+00:00"), ("22.11.2026 14:05", "2026-11-22T14:05:00+03:00"),
    ("22.11.2026 14:05:30", "2026-11-22T14:05:30+03:00"), ("2026-11-22 14:05", "2026-11-22T14:05:00+03:00")])
def test_times_are_of_the_till_s_clock_unless_they_say_otherwise(text, told):
    assert rules.moment(text, MOSCOW) == told


@pytest.mark.parametrize("text", ["", "yesterday", "31.02.2026 10:00", "22/11/2026", "14:05"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(Wrong):
        rules.moment(text, MOSCOW)


def test_a_row_s_key_is_its_file_place_and_content():
    first, second = parse(b"action;card\nbalance;1\nbalance;1\n").rows
    [other] = parse(b"action;card\nbalance;2\n").rows
    keys = {first.key("a.csv"), second.key("a.csv"), first.key("b.csv"), other.key("a.csv")}
    assert len(keys) == 4 and first.key("a.csv") == parse(b"action;card\nbalance;1\n").rows[0].key("a.csv")


def test_a_row_with_cells_beyond_its_columns_is_refused_and_a_short_one_is_not():
    long, short = parse(b"action;card\nbalance;1;oops\nbalance\n").rows
    with pytest.raises(Wrong) as refused:
        rules.action_of(long)
    assert refused.value.code == "too_many_cells" and rules.action_of(short) == "balance"


@pytest.mark.parametrize(("name", "is_one"), [
    ("a.csv", True), ("A.CSV", True), ("a.answer.csv", False),
    ("a.csv.tmp", False), (".a.csv", False), ("~a.csv", False), ("a.txt", False)])
def test_only_finished_files_of_the_till_are_taken(name, is_one):
    assert rules.is_drop(name) is is_one


def test_answers_are_written_as_the_till_writes_and_no_cell_is_a_formula():
    file = parse("действие;карта\nбаланс;1\n".encode("cp1251"))
    made = rules.answer(file, [{"row": 1, "error": "Карты нет ☂", "hints": "=1+1", "redeemed": -5, "points": 7}])
    head, line = made.decode("cp1251").split("\r\n")[:2]
    assert head.startswith("row;action;status") and line.startswith("1;;;;Карты нет ?;") and ";'=1+1" in line and ";-5;7;" in line
