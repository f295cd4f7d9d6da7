"""Whatever colours a business picks, its card and its pages can be read."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.designs.colours import (
    BLACK,
    INK,
    PAGE_DARK,
    PAGE_LIGHT,
    WHITE,
    _lighter,
    brand_label,
    brand_ui,
    contrast,
    derive,
    luminance,
    mix,
    on_brand,
    rgb,
    stones,
)

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


def test_contrast_is_wcags():
    assert contrast(WHITE, BLACK) == pytest.approx(21)
    assert contrast("#777777", WHITE) == pytest.approx(4.48, abs=0.01)
    assert luminance("#ff0000") == pytest.approx(0.2126)


@pytest.mark.parametrize(("card", "text"), [
    ("#0f4546", WHITE), ("#f0bf3a", INK), ("#191a1c", WHITE), ("#767676", WHITE), ("#7a7a7a", BLACK)])
def test_words_on_a_card_are_white_or_ink_and_black_where_neither_reads(card, text):
    assert on_brand(card) == text


def test_ink_alone_would_miss_a_middle_grey():
    assert contrast(INK, "#7a7a7a") < 4.5 <= contrast(BLACK, "#7a7a7a")


def test_a_label_that_reads_stays_as_chosen():
    assert brand_label("#f6d8b0", "#0f4546") == "#f6d8b0"


@pytest.mark.parametrize(("label", "card", "lighter"), [("#9a7a1e", "#f0bf3a", False), ("#2a6a6b", "#0f4546", True)])
def test_a_label_that_does_not_moves_towards_black_on_a_light_card_and_white_on_a_dark_one(label, card, lighter):
    moved = brand_label(label, card)
    assert contrast(moved, card) >= 4.5
    assert (luminance(moved) > luminance(label)) is lighter


@given(COLOURS, COLOURS, COLOURS)
def test_every_choice_of_colours_ends_readable(card, label, text):
    colours = derive(card, label, text)
    assert contrast(colours.on_brand, card) >= 4.5
    assert contrast(colours.label, card) >= 4.5
    assert contrast(colours.ui_light, PAGE_LIGHT) >= 4.5
    assert contrast(colours.ui_dark, PAGE_DARK) >= 4.5
    assert contrast(colours.on_ui_light, colours.ui_light) >= 4.5
    assert contrast(colours.on_ui_dark, colours.ui_dark) >= 4.5
    assert colours.brand == card


@given(COLOURS)
def test_the_brand_on_our_pages_reads_on_grounds_tinted_with_itself(card):
    light, dark = brand_ui(card)
    assert contrast(light, mix(PAGE_LIGHT, light, 0.12)) >= 4.5
    assert contrast(dark, mix(PAGE_DARK, dark, 0.12)) >= 4.5


@given(COLOURS)
def test_large_figures_read_on_every_stone_that_lies_under_them(card):
    assert all(contrast(on_brand(card), stone) >= 3 for stone in stones(card))


def test_a_chosen_text_colour_is_kept_when_it_reads():
    colours = derive("#0f4546", "#f6d8b0", "#ffe9c9")
    assert colours.on_brand == "#ffe9c9"
    assert colours.corrections == ()


def test_what_was_changed_is_said_with_the_ratio_rounded_down():
    colours = derive("#f0bf3a", "#9a7a1e", "#ffffff")
    assert [(each.what, each.asked, each.used) for each in colours.corrections] == [
        ("text", "#ffffff", INK), ("label", "#9a7a1e", colours.label)]
    assert colours.corrections[1].params == {"ratio": "2.36"}
    assert "%(ratio)s : 1" in colours.corrections[1].sentence


def test_a_page_gets_five_properties_for_both_schemes():
    assert derive("#0f4546", "#f6d8b0").css() == {
        "--brand": "#0f4546", "--on-brand": "#ffffff", "--brand-label": "#f6d8b0",
        "--brand-ui": f"light-dark(#0f4546, {brand_ui('#0f4546')[1]})", "--brand-on-ui": "light-dark(#ffffff, #1b1b19)"}


def test_the_spelling_of_a_colour_is_apples():
    assert rgb("#0f4546") == "rgb(15, 69, 70)"


def test_mixing_is_what_css_calls_oklab():
    assert mix(WHITE, BLACK, 0.5) == "#636363"       # the value that Chromium, Firefox and Safari give
    assert mix("#0f4546", "#0f4546", 0.3) == "#0f4546"


@given(COLOURS)
def test_getting_lighter_ends_at_white(colour):
    for _ in range(200):
        colour = _lighter(colour)
    assert colour == WHITE
