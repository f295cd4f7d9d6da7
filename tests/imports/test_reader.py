"""Files as they come: every encoding, wrong in every way, and those that mean harm."""
import io
import json
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from app.imports import reading
from app.web.tables import csv_rows

HEAD = "Телефон;Имя;Карта\r\n"
PARTS = {"[Content_Types].xml": b"<?xml version='1.0'?><Types/>", "xl/workbook.xml": b"<?xml version='1.0'?><workbook/>"}


def read(content: bytes) -> list[Any]:
    """What the child says about a file."""
    with tempfile.TemporaryFile() as source:
        source.write(content)
        source.seek(0)
        done = subprocess.run([sys.executable, "-I", str(reading.READER)], stdin=source, stdout=subprocess.PIPE, check=True, env={})
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows(said: Iterable[Any]) -> list[tuple[int, Any]]:
    return [(row, cells) for block in said if isinstance(block, list) for row, cells in block]


def archive(parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return made.getvalue()


@pytest.mark.goal("B4")
@pytest.mark.parametrize(("encoding", "told"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"),
                                                ("utf-16-le", "utf-16-le"), ("cp1251", "cp1251")])
def test_a_list_is_read_in_the_alphabet_that_it_was_written_in_and_says_which(encoding: str, told: str) -> None:
    said = read((HEAD + "+79161234567;Анна Ко;20000001\r\n" * 3).encode(encoding))
    assert (said[0]["encoding"], said[0]["columns"]) == (told, ["Телефон", "Имя", "Карта"])
    assert rows(said)[0] == (2, ["+79161234567", "Анна Ко", "20000001"])


@pytest.mark.parametrize("sign", [";", ",", "\t"])
def test_a_list_is_cut_where_its_own_separator_is(sign: str) -> None:
    said = read(f'phone{sign}name\n1{sign}"Ко, Анна; и\tОлег"\n'.encode())
    assert (said[0]["delimiter"], rows(said)) == (sign, [(2, ["1", "Ко, Анна; и\tОлег"])])


@pytest.mark.goal("B3")
def test_a_cell_that_we_guarded_from_spreadsheets_comes_back_as_it_was() -> None:
    texts = ["=1+1", "+7916", "-5", "@x", "\tx", "\rx", "\nx", "＝1", "'quoted", 'say "hi"', "plain", "'=kept"]
    said = read(csv_rows([[f"c{number}" for number in range(len(texts))], texts]).encode("utf-8-sig"))
    assert rows(said)[0][1] == ["=kept" if text == "'=kept" else text for text in texts]


@pytest.mark.goal("B4")
def test_rows_that_cannot_be_read_are_named_and_the_others_are_read() -> None:
    long = "x" * 50_000
    said = read((HEAD + f"1;{long};2\r\n2;b;c\r\n3;\0;c\r\n\r\n4;b;c;d\r\n5;\ufffd;c\r\n6;b;c\r\n").encode())
    assert rows(said) == [(2, "too_long"), (3, ["2", "b", "c"]), (4, "nul"), (6, "cells"), (7, "broken_letters"), (8, ["6", "b", "c"])]
    assert said[-1] == {"rows": 6}


@pytest.mark.goal("B4")
def test_a_line_of_fifty_megabytes_is_one_wrong_row() -> None:
    started = time.perf_counter()
    said = read(HEAD.encode() + b"1;" + b"x" * 50_000_000 + b"\r\n2;b;c\r\n")
    assert rows(said) == [(2, "too_long"), (3, ["2", "b", "c"])]
    assert time.perf_counter() - started < 10


@pytest.mark.goal("B4")
def test_a_quote_that_is_never_closed_swallows_no_more_than_a_cell_may_hold() -> None:
    body = "".join(f"{number};b;c\r\n" for number in range(10_000))
    found = rows(read((HEAD + '0;"open;c\r\n' + body).encode()))
    assert found[0] == (2, "open_quote")
    assert found[-1] == (10_002, ["9999", "b", "c"]) and len(found) > 6_000


@pytest.mark.goal("B4")
@pytest.mark.parametrize(("content", "code"), [
    (b"", "empty"), (HEAD.encode(), "empty"), (b"\r\n\r\n", "empty"), (b"%PDF-1.4", "not_a_list"), (b"\xd0\xcf\x11\xe0", "old_excel"),
    (";".join(f"c{number}" for number in range(10_000)).encode() + b"\r\n1", "columns"), (b"\0\0\0\0;\0\r\n1;2", "not_a_list")])
def test_a_file_that_is_no_list_is_refused_as_a_whole(content: bytes, code: str) -> None:
    assert read(content)[-1] == {"refused": code}


def workbook(*table: Any) -> bytes:
    book = openpyxl.Workbook()
    for row in table:
        book.active.append(row)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def test_a_workbook_is_read_as_its_cells_show() -> None:
    said = read(workbook(["Телефон", "Карта", "Баллы", "Рожд", "Визит", "Соглас"], [79161234567, "0012", 12.5, date(1990, 12, 31),
                          datetime(2026, 1, 2, 3, 4), True], [None] * 6, ["x", 1234567890123456, 7.0, None, None, False]))
    assert said[0] == {"form": "xlsx", "encoding": "", "delimiter": "", "sheet": "Sheet",
                       "columns": ["Телефон", "Карта", "Баллы", "Рожд", "Визит", "Соглас"]}
    assert rows(said) == [(2, ["79161234567", "0012", "12.5", "1990-12-31", "2026-01-02 03:04", "1"]),
                          (4, ["x", "1.23456789012346E+15", "7", "", "", "0"])]


def overlapping() -> bytes:
    """Two entries of the directory that point into the same bytes."""
    made = bytearray(archive({**PARTS, "xl/a.xml": b"<a/>" * 50, "xl/b.xml": b"<a/>" * 50}, zipfile.ZIP_STORED))
    first, second = made.find(b"PK\3\4", made.find(b"xl/workbook.xml")), 0
    second = made.find(b"PK\3\4", first + 4)
    at = made.find(b"PK\1\2")
    while at >= 0:
        if made[at + 42:at + 46] == struct.pack("<I", second):
            made[at + 42:at + 46] = struct.pack("<I", first)
        at = made.find(b"PK\1\2", at + 4)
    return bytes(made)


def crowded() -> bytes:
    """A directory of 100,000 empty entries."""
    one, entry = b"PK\3\4" + bytes(26), b"PK\1\2" + bytes(24) + b"\5\0" + bytes(16)
    directory = b"".join(entry + b"%05d" % number for number in range(100_000))
    return one + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, len(directory), len(one), 0)


def linked() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in PARTS.items():
            file.writestr(name, content)
        link = zipfile.ZipInfo("xl/link")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    return made.getvalue()


def doubled() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in PARTS.items():
            file.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate name"):
            file.writestr("xl/workbook.xml", b"<other/>")
    return made.getvalue()


def torn() -> bytes:
    made = bytearray(workbook(["phone"], *[[str(number)] for number in range(500)]))
    with zipfile.ZipFile(io.BytesIO(made)) as file:
        info = file.getinfo("xl/worksheets/sheet1.xml")
    at = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    made[at] ^= 0xFF
    return bytes(made)


@pytest.mark.goal("B5")
@pytest.mark.parametrize(("make", "codes"), [
    (lambda: archive({**PARTS, "xl/worksheets/sheet1.xml": b"\0" * 40_000_000}), {"bomb"}),
    (lambda: archive({**PARTS, "xl/sharedStrings.xml": b"<a>" + b"<si><t>a</t></si>" * 3_000_000}), {"bomb"}),
    (crowded, {"bomb"}),
    (overlapping, {"tricks"}), (lambda: archive({**PARTS, "../../etc/x": b"x"}), {"tricks"}), (doubled, {"tricks"}),
    (lambda: archive({**PARTS, "/etc/x": b"x"}), {"tricks"}), (linked, {"tricks"}), (torn, {"broken"}),
    (lambda: archive({**PARTS, "xl/workbook.xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}), {"tricks"}),
    (lambda: archive({"a.txt": b"x"}), {"not_a_list"}), (lambda: archive(PARTS), {"broken"}), (lambda: b"PK\3\4 and no more", {"broken"})],
    ids=["flat bomb", "bomb of strings", "100,000 entries", "overlapping", "climbing", "twice", "absolute", "link", "bad sum", "entities",
         "no workbook", "hollow", "torn"])
def test_an_archive_that_means_harm_is_refused_within_a_second(make: Any, codes: set[str]) -> None:
    content = make()
    started = time.perf_counter()
    said = read(content)
    assert said[-1]["refused"] in codes
    # The goal is a second; a process of its own has to start first, and this machine may be busy.
    assert time.perf_counter() - started < 3
