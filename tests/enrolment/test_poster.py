"""The poster as others see it: another program draws it, another reads its code and its words."""
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from app.designs.colours import derive
from app.enrolment.poster import SIZES, Poster, draw
from tests.images import made as pictures

ADDRESS = "https://cards.example.com/e/coffee/points?from=door"


def made(**changes: str) -> Poster:
    said = {"business_name": "Кофейный угол", "headline": "Каждый сотый рубль возвращается", "address": ADDRESS,
            "shown": "cards.example.com/e/coffee", "language": "ru", "size": "a4"}
    return Poster(colours=derive("#0f4546", "#f6d8b0"), **{**said, **changes})


def run(*command: str | Path) -> str:
    assert shutil.which(str(command[0])), f"{command[0]} is missing; `make test` installs it"
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_phone_reads_the_code_of_a_printed_poster(tmp_path: Path, size: str, language: str) -> None:
    path = tmp_path / "poster.pdf"
    path.write_bytes(draw(made(size=size, language=language)))
    run("pdftoppm", "-r", "110", "-png", path, tmp_path / "page")
    [picture] = tmp_path.glob("page*.png")
    assert run("zbarimg", "-q", "--raw", picture).strip() == ADDRESS


def test_the_words_are_text_in_cyrillic_too(tmp_path: Path) -> None:
    path = tmp_path / "poster.pdf"
    path.write_bytes(draw(made()))
    words = " ".join(run("pdftotext", path, "-").split())
    for sentence in ("Каждый сотый рубль возвращается", "Кофейный угол", "Наведите камеру на код.", "cards.example.com/e/coffee"):
        assert sentence in words


def test_sheets_have_the_size_that_they_say(tmp_path: Path) -> None:
    for size, expected in (("a4", "595.276 x 841.89"), ("a5", "419.528 x 595.276")):
        path = tmp_path / f"{size}.pdf"
        path.write_bytes(draw(made(size=size)))
        assert expected in run("pdfinfo", path)


def test_a_long_headline_is_set_smaller_and_stays_on_the_sheet(tmp_path: Path) -> None:
    path = tmp_path / "poster.pdf"
    headline = "Возвращаем пять рублей с каждых ста рублей, а в день рождения дарим ещё сто баллов на любой напиток и десерт"
    path.write_bytes(draw(made(headline=headline)))
    assert headline in " ".join(run("pdftotext", path, "-").split())


def test_the_same_poster_is_the_same_file() -> None:
    assert draw(made()) == draw(made())


def test_a_poster_shows_the_businesss_own_cover_and_logo_and_its_code_still_reads(tmp_path: Path) -> None:
    path = tmp_path / "poster.pdf"
    cover, logo = Image.new("RGB", (1125, 432), "#ff0000"), pictures.logo(480, 150, "#00ff00")
    path.write_bytes(draw(replace(made(), cover=pictures.saved(cover), logo=pictures.saved(logo))))
    run("pdftoppm", "-r", "60", "-png", path, tmp_path / "page")
    [picture] = tmp_path.glob("page*.png")
    with Image.open(picture) as page:
        known = {colour: count for count, colour in page.convert("RGB").getcolors(1 << 20) or []}
    band = page.width * page.height * 104 / 297
    assert 0.7 * band < known[255, 0, 0] < 0.95 * band and known[0, 255, 0] > 40
    assert known[0x0F, 0x45, 0x46] > 500        # the plate under the logo
    run("pdftoppm", "-r", "110", "-png", path, tmp_path / "large")
    [large] = tmp_path.glob("large*.png")
    assert run("zbarimg", "-q", "--raw", large).strip() == ADDRESS
