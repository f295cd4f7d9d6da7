"""A design with every word filled in."""
import msgspec
import pytest

from app.designs.prepared import prepare
from app.designs.preview import preview
from app.designs.rules import CardFace, CardWords, default_content
from app.designs.strip import draw
from app.designs.template import load

SENTENCES = {"en": ["One.", "Two."], "ru": ["Раз.", "Два."]}
CONTENT = default_content("Coffee corner", "Кофейный угол")
FACE = CardFace("9029581036472915", 1480, 148_050, "RUB", "Анна")


def field(design, key):
    return next(each for each in design.fields if each.key == key)


def test_names_points_and_rules_stand_in_every_language():
    design = prepare(msgspec.structs.replace(CONTENT, en=CardWords("Coffee corner", "Beans")), SENTENCES)
    assert field(design, "points").label == {"en": "Beans", "ru": "Баллы"}
    assert field(design, "points").changes == {"en": "Beans on your card: %@", "ru": "Баллы на карте: %@"}
    assert field(design, "rules").text == {"en": "One.\nTwo.", "ru": "Раз.\nДва."}
    assert design.description == {"en": "Coffee corner loyalty card", "ru": "Карта лояльности «Кофейный угол»"}


def test_a_name_with_braces_is_a_name_and_not_a_place_to_fill():
    design = prepare(default_content("{points} {0} {"), SENTENCES)
    assert design.name["en"] == "{points} {0} {"
    assert design.description["en"] == "{points} {0} { loyalty card"


def test_a_business_without_a_text_of_its_own_has_no_such_field():
    assert "about" not in [each.key for each in prepare(CONTENT, SENTENCES).fields]


def test_a_text_in_one_language_serves_both():
    content = msgspec.structs.replace(CONTENT, ru=msgspec.structs.replace(CONTENT.ru, about=" Жарим сами. "))
    assert field(prepare(content, SENTENCES), "about").text == {"en": "Жарим сами.", "ru": "Жарим сами."}


def test_the_text_beside_the_logo_is_the_name_unless_another_is_given():
    own = msgspec.structs.replace(CONTENT, en=msgspec.structs.replace(CONTENT.en, logo_text="Corner"))
    assert prepare(own, SENTENCES).logo_text == {"en": "Corner", "ru": "Кофейный угол"}


def test_pictures_follow_the_colours():
    assert prepare(CONTENT, SENTENCES).images == load("points").images
    other = msgspec.structs.replace(CONTENT, background="#191a1c")
    assert prepare(other, SENTENCES).images == draw(other.colours())


def test_the_preview_shows_what_the_card_has_in_the_language_asked_for():
    view = preview(prepare(CONTENT, SENTENCES), FACE, "ru")
    assert (view.logo_text, view.barcode_text) == ("Кофейный угол", "9029 5810 3647 2915")
    assert [(each.label, each.text) for each in view.header] == [("Баллы", "1\u202f480")]
    assert [(each.label, each.text) for each in view.primary] == [("Скидка на кассе", "1\u202f480,50\u00a0₽")]
    assert [(each.label, each.text) for each in view.row] == [("Имя", "Анна")]
    assert [each.key for each in view.back] == ["rules"]


@pytest.mark.parametrize(("asked", "shown"), [("ru", "ru"), ("en", "en"), ("de", "en"), ("", "en")])
def test_a_language_that_the_design_lacks_becomes_its_own(asked, shown):
    assert preview(prepare(CONTENT, SENTENCES), FACE, asked).language == shown


def test_a_debt_is_shown_with_a_real_minus():
    view = preview(prepare(CONTENT, SENTENCES), CardFace("9029581036472915", -50, 0, "RUB"), "en")
    assert view.header[0].text == "\u221250"
