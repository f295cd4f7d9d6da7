"""The pictures that are laid from a business's colours."""
import re
from io import BytesIO

import pytest
from PIL import Image, ImageChops

from app.designs.colours import derive
from app.designs.rules import default_content
from app.designs.strip import CENTRE, HEIGHT, ROSETTE, WIDTH, draw, shade_properties, shades, strip_stones, strip_svg
from app.designs.template import load

SIZES = {"icon": (29, 29), "logo": (50, 50), "strip": (375, 144)}
COLOURS = default_content("-").colours()


def opened(content):
    return Image.open(BytesIO(content))


@pytest.mark.parametrize("colours", [COLOURS, derive("#7a7a7a", "#ffffff"), derive("#ffffff", "#1f51d0"), derive("#000000", "#000000")])
def test_every_picture_has_the_size_that_apple_asks_for_and_all_stay_light(colours):
    pictures = draw(colours)
    assert set(pictures) == {f"{name}{at}.png" for name in SIZES for at in ("", "@2x", "@3x")}
    for name, content in pictures.items():
        kind, scale = name.split("@")[0].removesuffix(".png"), int(name[-6]) if "@" in name else 1
        assert opened(content).size == tuple(scale * points for points in SIZES[kind])
        assert opened(content).format == "PNG"
    assert sum(map(len, pictures.values())) <= 150_000


def test_the_same_colours_give_the_same_bytes():
    first = draw(COLOURS)
    draw.cache_clear()
    assert draw(COLOURS) == first


def test_the_templates_pictures_are_those_of_its_own_colours():
    for name, content in draw(COLOURS).items():
        kept = opened(load("points").images[name]).convert("RGBA")
        assert ImageChops.difference(kept, opened(content).convert("RGBA")).getbbox() is None, name


def test_the_rosette_keeps_to_the_band_that_every_phone_shows():
    for stone in strip_stones():
        if not stone.shade.startswith("s"):
            assert all((HEIGHT - 123) / 2 <= y <= (HEIGHT + 123) / 2 for _, y in stone.corners)
    assert CENTRE[0] + ROSETTE < WIDTH


def test_only_the_quiet_stones_lie_under_the_words():
    assert all(stone.shade.startswith("s") for stone in strip_stones() if min(x for x, _ in stone.corners) < WIDTH * 0.6)


def test_the_ground_behind_the_words_is_laid_in_shades_of_the_brand():
    picture = opened(draw(COLOURS)["strip@3x.png"]).convert("RGB").crop((0, 0, 600, 432))
    grounds = [bytes.fromhex(colour[1:]) for colour in COLOURS.stones]
    darkest, lightest = (tuple(edge(parts) for parts in zip(*grounds, strict=True)) for edge in (min, max))
    for (low, high), least, most in zip(picture.getextrema(), darkest, lightest, strict=True):
        assert least - 4 <= low and high <= most + 4


def test_the_drawing_for_pages_is_small_and_names_only_properties_that_are_set():
    svg = strip_svg()
    assert len(svg) < 14_000
    assert {name for name in re.findall(r"var\((--[a-z0-9]+)\)", svg)} == set(shade_properties(COLOURS))
    assert "style" not in svg and "script" not in svg


def test_the_paths_for_pages_are_the_stones_of_the_picture():
    assert strip_svg().count("z") == len(strip_stones()) + 1
    assert set(shades(COLOURS)) == {"s0", *(stone.shade for stone in strip_stones())}


def test_the_logo_has_no_ground_and_the_icon_has_the_brands():
    assert opened(draw(COLOURS)["logo@3x.png"]).convert("RGBA").getpixel((0, 0))[3] == 0
    corner = opened(draw(COLOURS)["icon@3x.png"]).convert("RGB").getpixel((0, 0))
    assert max(abs(one - other) for one, other in zip(corner, bytes.fromhex("0f4546"), strict=True)) <= 3
