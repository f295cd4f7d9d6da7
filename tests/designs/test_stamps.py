"""The strip of a stamp card."""
import re
from io import BytesIO

import pytest
from PIL import Image

from app.designs.rules import default_content
from app.designs.stamps import LEAST, MOST, draw_stamps, places, stamps_svg
from app.designs.strip import HEIGHT, WIDTH, shade_properties

COLOURS = default_content("-").colours()


@pytest.mark.parametrize("size", range(LEAST, MOST + 1))
def test_every_place_lies_in_the_band_that_all_phones_show_and_touches_no_other(size):
    laid = places(size)
    assert len(laid) == size
    for at, place in enumerate(laid):
        assert place.y - place.radius >= (HEIGHT - 123) / 2 and place.y + place.radius <= (HEIGHT + 123) / 2
        assert place.x - place.radius > 0 and place.x + place.radius < WIDTH and place.radius >= 13
        for other in laid[:at]:
            assert ((place.x - other.x) ** 2 + (place.y - other.y) ** 2) ** 0.5 > place.radius + other.radius + 2


def test_a_stamp_more_changes_the_picture_and_the_same_count_never_does():
    pictures = [draw_stamps(COLOURS, 6, have)["strip@2x.png"] for have in range(7)]
    assert len(set(pictures)) == 7
    draw_stamps.cache_clear()
    assert draw_stamps(COLOURS, 6, 3)["strip@2x.png"] == pictures[3]


def test_a_picture_is_drawn_once_for_its_colours_and_count_and_not_kept_for_ever():
    draw_stamps.cache_clear()
    assert draw_stamps(COLOURS, 6, 3) is draw_stamps(default_content("another").colours(), 6, 3)
    assert (draw_stamps.cache_info().misses, draw_stamps.cache_info().hits) == (1, 1)
    assert draw_stamps.cache_info().maxsize == 256


@pytest.mark.parametrize("have", [-1, 0, 30, 31])
def test_the_pictures_have_the_sizes_that_apple_asks_for_whatever_is_counted(have):
    pictures = draw_stamps(COLOURS, 30, have)
    assert {name: Image.open(BytesIO(content)).size for name, content in pictures.items()} == {
        "strip.png": (375, 144), "strip@2x.png": (750, 288), "strip@3x.png": (1125, 432)}


def test_the_drawing_for_pages_counts_alike_and_names_only_properties_that_pages_set():
    svg = stamps_svg(10, 4)
    assert (svg.count("<g "), svg.count("<circle ")) == (4, 7)      # six empty places, and the gift's dot in the last
    known = {*shade_properties(COLOURS), *COLOURS.css()}
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", svg)) <= known
    assert stamps_svg(10, 10).count("<circle ") == 0
