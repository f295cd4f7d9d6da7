"""The codes that pages draw, read back by a decoder that had no part in drawing them.

The decoder reads a picture of the SVG's path. `zbarimg` reads what zbar knows (QR, Code 128); for Aztec and PDF417 there is zxing-cpp's
reader, over pixels that its writer never made.
"""
import re
import subprocess

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from app.web.codes import code_svg

MESSAGES = ("9029581036472915", "902958103647291512345678", "0000000000000000")
SIZE, WHITE = 4, 12         # pixels of a module, modules of white around


def picture(svg: str) -> Image.Image:
    """The SVG as pixels: a white page, and a bar for each run of its path."""
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    tall = float((re.search(r'stroke-width="([\d.]+)"', svg) or [0, 1])[1])
    page = Image.new("L", (round((width + 2 * WHITE) * SIZE), round((height + 2 * WHITE) * SIZE)), 255)
    pen = ImageDraw.Draw(page)
    for x, y, run in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)", svg):
        left, top = (float(x) + WHITE) * SIZE, (float(y) - tall / 2 + WHITE) * SIZE
        pen.rectangle((left, top, left + float(run) * SIZE - 1, top + tall * SIZE - 1), fill=0)
    return page


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("kind", ["qr", "code128"])
def test_a_scanner_reads_the_code_s_message(kind, message, tmp_path):
    picture(code_svg(kind, message)).save(tmp_path / "code.png")
    read = subprocess.run(["zbarimg", "--quiet", tmp_path / "code.png"], capture_output=True, text=True, check=True).stdout
    assert read.strip() == {"qr": "QR-Code", "code128": "CODE-128"}[kind] + f":{message}"


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize(("kind", "read_as"), [("aztec", "Aztec"), ("pdf417", "PDF417"), ("code128", "Code 128"), ("qr", "QR Code")])
def test_a_reader_finds_the_kind_of_code_and_its_message(kind, read_as, message):
    [found] = zxingcpp.read_barcodes(picture(code_svg(kind, message)))
    assert found.text == message
    assert str(found.format).replace(" ", "").startswith(read_as.replace(" ", ""))


def test_a_code_says_what_it_is_to_those_who_do_not_see_it():
    assert 'role="img" aria-label="Code 128"' in code_svg("code128", MESSAGES[0])


def test_a_code_is_drawn_once():
    assert code_svg("aztec", MESSAGES[0]) is code_svg("aztec", MESSAGES[0])
