"""The sheet of coupons as others see it: another program draws it, another reads its codes and its words."""
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.benefits import coupons
from app.benefits.sheet import Sheet, draw, validity
from tests.money import NOON

END = datetime(2026, 12, 31, 21, tzinfo=UTC)        # midnight in Moscow: the 31st is included


def made(language="ru", slips=(), **changes) -> Sheet:
    said = {"business_name": "Кофейный угол", "gift": "Кофе в подарок", "note": "Осенняя листовка", "starts_at": NOON, "ends_at": END,
            "made_at": NOON, "zone": "Europe/Moscow", "colour": "#1f5c46"}
    return Sheet(language=language, slips=slips or [("AACDEFGHKM", "https://cards.example.com/k/x")], **{**said, **changes})


def run(*command: str | Path) -> str:
    assert shutil.which(str(command[0])), f"{command[0]} is missing; `make test` installs it"
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_phone_reads_every_code_of_a_printed_sheet(tmp_path: Path, ring, ids, language) -> None:
    slips = [(f"AACDEFGH{number:02d}", f"https://cards.example.com/k/{coupons.token_of(ring, ids, number)}") for number in range(1, 13)]
    path = tmp_path / "sheet.pdf"
    path.write_bytes(draw(made(language, slips)))
    run("pdftoppm", "-r", "110", "-gray", "-png", path, tmp_path / "page")
    read = run("zbarimg", "-q", "--raw", *sorted(tmp_path.glob("page*.png"))).split()
    assert sorted(read) == sorted(address for _, address in slips)
    for number, address in enumerate(read):
        assert coupons.code_id_of(ring, ids, address.rpartition("/")[2]) in range(1, 13), number


@pytest.mark.parametrize(("language", "sentences"), [
    ("ru", ["Действует до 31.12.2026 включительно.", "Кофейный угол · Купон", "Один раз. Покажите на кассе"]),
    ("en", ["Good until 31 Dec 2026.", "Кофейный угол · Coupon", "Works once. Show it at the till"])])
def test_a_slip_says_what_it_gives_until_when_and_its_letters(tmp_path: Path, language, sentences) -> None:
    path = tmp_path / "sheet.pdf"
    path.write_bytes(draw(made(language)))
    words = " ".join(run("pdftotext", "-raw", path, "-").split())
    for sentence in [*sentences, "Кофе в подарок", "Осенняя листовка", "AACD-EFGH-KM"]:
        assert sentence in words


def test_eleven_slips_take_two_pages_of_a4(tmp_path: Path) -> None:
    path = tmp_path / "sheet.pdf"
    path.write_bytes(draw(made(slips=[(f"AACDEFGH{number:02d}", "https://cards.example.com/k/x") for number in range(11)])))
    said = run("pdfinfo", path)
    assert "595.276 x 841.89" in said and "Pages:           2" in said


def test_a_window_that_begins_later_or_never_ends_is_said() -> None:
    later = datetime(2026, 11, 30, 21, tzinfo=UTC)
    assert validity(made(starts_at=later)) == "Действует с 01.12.2026 по 31.12.2026."
    assert validity(made("en", starts_at=later)) == "Good from 01 Dec 2026 to 31 Dec 2026."
    assert validity(made(ends_at=None)) == "Без срока."


def test_the_same_sheet_is_the_same_file() -> None:
    assert draw(made()) == draw(made())
