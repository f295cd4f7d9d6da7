"""The sheets as others see them: other programs draw them, others read their codes and their words."""
import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import resvg_py
import zxingcpp
from PIL import Image

from app.designs.colours import BrandColours, contrast, derive
from app.posters import layout, pdf, raster, service, svg
from app.posters.rules import FORMATS, KINDS, CodeUnread, Poster, Saying, free_slug, judged, languages_of
from app.posters.shapes import Code, Group, Shape, Words
from app.web.paper import balanced, register_fonts, width
from tests.images import made as pictures

ADDRESS = "https://cards.example.com/e/coffee/points?from=door-pushkin-street"
SAYS = {"ru": Saying("ru", "Кофейный угол", "Каждый сотый рубль возвращается"),
        "en": Saying("en", "Coffee corner", "Every sixth coffee is on us")}
CODES = {"a4": 1, "a5": 1, "table": 2, "stickers90": 6, "stickers60": 12, "stickers45": 24, "screen": 1}
TEAL = derive("#0f4546", "#f6d8b0")


def made(size: str = "a4", languages: tuple[str, ...] = ("ru",), colours: BrandColours = TEAL, **changes: object) -> Poster:
    return replace(Poster(size, tuple(SAYS[each] for each in languages), ADDRESS, "cards.example.com/e/coffee", colours), **changes)


def run(*command: str | Path) -> str:
    assert shutil.which(str(command[0])), f"{command[0]} is missing; `make test` installs it"
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


def drawn(poster: Poster, folder: Path, dpi: int = 110) -> Path:
    """The PDF as poppler draws it, not the program that the server uses."""
    (folder / "sheet.pdf").write_bytes(pdf.draw(layout.lay(poster)))
    run("pdftoppm", "-r", str(dpi), "-png", "-singlefile", folder / "sheet.pdf", folder / "page")
    return folder / "page.png"


def read(file: Path) -> set[str]:
    return set(run("zbarimg", "-q", "--raw", file).split())


@pytest.mark.parametrize(("size", "languages"), [*((size, ("en",)) for size in FORMATS), ("a4", ("ru", "en")), ("screen", ("ru", "en"))])
def test_another_scanner_reads_every_printed_sheet(tmp_path: Path, size: str, languages: tuple[str, ...]) -> None:
    page = drawn(made(size, languages), tmp_path, 160 if size == "stickers45" else 90)
    assert read(page) == {ADDRESS}
    with Image.open(page) as picture:
        assert [code.text for code in zxingcpp.read_barcodes(picture.convert("L"))] == [ADDRESS] * CODES[size]


@pytest.mark.parametrize("size", ["a5", "stickers60", "screen"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_handed_out_is_read_back_first(tmp_path: Path, size: str, kind: str) -> None:
    file = service.hand_out(made(size), kind)
    assert raster.codes_in(file, kind) == [ADDRESS] * CODES[size]
    if kind == "png":
        (tmp_path / "sheet.png").write_bytes(file)
        assert read(tmp_path / "sheet.png") == {ADDRESS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_sheet_whose_code_does_not_read_is_not_handed_out(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    def smudged(poster: Poster) -> object:
        sheet = layout.lay(poster)
        [code] = codes_on(sheet.shapes)
        return replace(sheet, shapes=(*sheet.shapes, replace(Smudge, x=code.x, y=code.y, wide=code.side * 0.6, high=code.side * 0.6)))

    monkeypatch.setattr(service, "layout", type("Layout", (), {"lay": staticmethod(smudged)}))
    with pytest.raises(CodeUnread):
        service.hand_out(made("a5", colours=derive("#3a2f5b", "#f6d8b0")), kind)


def codes_on(shapes: tuple[Shape, ...]) -> list[Code]:
    """The codes, where they stand on the sheet."""
    found = []
    for shape in shapes:
        if isinstance(shape, Group):
            found += [replace(code, x=shape.x + code.x * shape.scale, y=shape.y + code.y * shape.scale, side=code.side * shape.scale)
                      for code in codes_on(shape.shapes)]
        elif isinstance(shape, Code):
            found.append(shape)
    return found


Smudge = layout.Rect(0, 0, 0, 0, "#ffffff")


@pytest.mark.parametrize(("size", "points"), [
    ("a4", "595.276 x 841.89"), ("a5", "419.528 x 595.276"), ("table", "595.276 x 841.89"), ("stickers45", "595.276 x 841.89"),
    ("screen", "960 x 540")])
def test_sheets_have_the_size_that_they_say(tmp_path: Path, size: str, points: str) -> None:
    drawn(made(size), tmp_path, 20)
    assert points in run("pdfinfo", tmp_path / "sheet.pdf")


def test_pictures_have_the_resolution_of_print_and_of_a_screen() -> None:
    for size, pixels, dpi in (("a5", (1749, 2481), 300), ("screen", (1920, 1080), 144)):
        with Image.open(io.BytesIO(raster.png_of(pdf.draw(layout.lay(made(size))), FORMATS[size].dpi))) as picture:
            assert picture.size == pixels and round(picture.info["dpi"][0]) == dpi


def test_the_words_are_text_in_cyrillic_too_in_either_language_and_in_both(tmp_path: Path) -> None:
    russian = ("Каждый сотый рубль возвращается", "Кофейный угол", "Наведите камеру на код.")
    english = ("Every sixth coffee is on us", "Point your camera at the code.")
    for size in ("a4", "screen", "table"):
        drawn(made(size, ("ru", "en")), tmp_path, 20)
        words = " ".join(run("pdftotext", tmp_path / "sheet.pdf", "-").split())
        assert all(sentence in words for sentence in (*russian, *english, "cards.example.com/e/coffee")), size
    drawn(made("a4", ("en",)), tmp_path, 20)
    words = " ".join(run("pdftotext", tmp_path / "sheet.pdf", "-").split())
    assert english[0] in words and not re.search("[а-яё]", words)


def test_the_svg_needs_no_font_and_says_its_words_to_those_who_cannot_see_it() -> None:
    file = svg.draw(layout.lay(made("a4", ("ru", "en")))).decode()
    assert "<text" not in file and "font" not in file and "<script" not in file
    assert all(sentence in file for sentence in ("Каждый сотый рубль возвращается", "Point your camera at the code."))


def test_pdf_and_svg_show_the_same() -> None:
    """Drawn by two programs from one layout, seen from a distance."""
    sheet = layout.lay(made("table", ("ru", "en"), logo=pictures.saved(pictures.logo(480, 150, "#00ff00"))))
    other = bytes(resvg_py.svg_to_bytes(svg_string=svg.draw(sheet).decode(), background="#ffffff", dpi=72))
    pages = (raster.png_of(pdf.draw(sheet), 72), other)
    one, two = (Image.open(io.BytesIO(page)).convert("L").resize((66, 94), Image.Resampling.BOX).tobytes() for page in pages)
    assert max(abs(here - there) for here, there in zip(one, two, strict=True)) < 60


def test_the_same_sheet_is_the_same_file() -> None:
    assert pdf.draw(layout.lay(made())) == pdf.draw(layout.lay(made()))
    assert svg.draw(layout.lay(made())) == svg.draw(layout.lay(made()))


LONG = Saying("ru", "Общество с ограниченной ответственностью «Кофейный угол на Пушкинской»",
              "Возвращаем пять рублей с каждых ста рублей, а в день рождения дарим ещё сто")
WORD = Saying("en", "W" * 60, "M" * 80)


def words_of(shapes: tuple[Shape, ...], x: float = 0, y: float = 0, scale: float = 1) -> list[tuple[float, float, Words]]:
    """(left, right) on the sheet of every line."""
    found = []
    for shape in shapes:
        if isinstance(shape, Group):
            turn = -1 if shape.is_turned else 1
            found += words_of(shape.shapes, x + shape.x * scale, y + shape.y * scale, turn * scale * shape.scale)
        elif isinstance(shape, Words):
            wide = width(shape.text, shape.font, shape.size)
            left = shape.x - {"start": 0, "middle": wide / 2, "end": wide}[shape.anchor]
            found.append((x + left * scale, x + (left + wide) * scale, shape))
    return found


@pytest.mark.parametrize("size", FORMATS)
@pytest.mark.parametrize("says", [(LONG,), (LONG, SAYS["en"]), (WORD,), (LONG, WORD)], ids=["long", "long, short", "word", "long, word"])
def test_long_names_and_headlines_are_set_smaller_and_stay_on_the_sheet(size: str, says: tuple[Saying, ...]) -> None:
    sheet = layout.lay(made(size, says=says))
    assert all(min(at[:2]) >= 0 and max(at[:2]) <= sheet.wide for at in words_of(sheet.shapes))


@pytest.mark.parametrize(("brand", "label"), [
    ("#f3e9c9", "#c9b26b"), ("#ffffff", "#ffffff"), ("#000000", "#111111"), ("#7f7f7f", "#808080")])
@pytest.mark.parametrize("size", ["a4", "stickers60", "table"])
def test_words_read_on_pale_and_on_dark_colours(size: str, brand: str, label: str) -> None:
    colours = derive(brand, label)
    assert min(judged(colours)) >= 4.5
    grounds = (colours.brand, "#ffffff")
    for _, _, line in words_of(layout.lay(made(size, ("ru", "en"), colours)).shapes):
        assert max(contrast(line.fill, ground) for ground in grounds) >= 4.5, line.text
    assert service.drawn(made(size, colours=colours))[1]


def test_a_poster_shows_the_businesss_own_cover_and_logo_and_its_code_still_reads(tmp_path: Path) -> None:
    cover, logo = Image.new("RGB", (1125, 432), "#ff0000"), pictures.logo(480, 150, "#00ff00")
    page = drawn(made(cover=pictures.saved(cover), logo=pictures.saved(logo)), tmp_path)
    with Image.open(page) as picture:
        known = {colour: count for count, colour in picture.convert("RGB").getcolors(1 << 20) or []}
        band = picture.width * picture.height * 104 / 297
    assert 0.7 * band < known[255, 0, 0] < 0.95 * band and known[0, 255, 0] > 40
    assert known[0x0F, 0x45, 0x46] > 500        # the plate under the logo
    assert read(page) == {ADDRESS}


def test_a_table_tent_folds_into_two_faces_that_both_stand_upright() -> None:
    back, front, fold = layout.lay(made("table", ("ru", "en"))).shapes
    assert isinstance(back, Group) and isinstance(front, Group) and back.is_turned and not front.is_turned
    assert (back.y, front.y) == (148.5, 148.5) and getattr(fold, "is_dashed", False)
    assert {line.text for line in front.shapes if isinstance(line, Words)} & {"Наведите камеру на код."}
    assert {line.text for line in back.shapes if isinstance(line, Words)} & {"Point your camera at the code."}


def test_stickers_lie_edge_to_edge_between_marks_that_no_colour_touches() -> None:
    for size, (across, down) in (("stickers90", (2, 3)), ("stickers60", (3, 4)), ("stickers45", (4, 6))):
        sheet = layout.lay(made(size))
        marks = [shape for shape in sheet.shapes if isinstance(shape, layout.Line)]
        assert len(marks) == 2 * (across + 1 + down + 1)
        colour = next(shape for shape in sheet.shapes if isinstance(shape, layout.Rect) and shape.fill != "#ffffff")
        for mark in marks:
            inside = colour.x < mark.x < colour.x + colour.wide and colour.y < mark.y < colour.y + colour.high
            assert not inside and 0 < mark.x < 210 and 0 < mark.y < 297


def test_no_word_stands_alone_on_the_last_line() -> None:
    register_fonts()
    assert balanced("Every sixth coffee is on us", "PT Sans Bold", 20, 174) == ["Every sixth", "coffee is on us"]


def test_both_languages_begin_with_the_businesss_own() -> None:
    assert languages_of("both", "ru") == ("ru", "en") and languages_of("both", "en") == ("en", "ru")
    assert languages_of("ru", "en") == ("ru",) and languages_of("both", "tlh") == ("en", "ru")


def test_a_place_gets_a_word_of_its_own() -> None:
    assert free_slug("door", {"door", "door-2"}) == "door-3" and free_slug("door", set()) == "door"
    assert free_slug("site", set()) == "site-2", "the button's name is kept for the button"
    assert len(free_slug("x" * 60, {"x" * 40})) <= 40
