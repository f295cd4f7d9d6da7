"""A card as pass.json: every line of Apple's reference that a store card meets, and the same words as the preview."""
import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.designs.prepared import prepare
from app.designs.preview import preview, written
from app.designs.rules import CardFace, CardWords, default_content
from app.passes.apple import AppleDesign, PassLocation
from app.passes.check import check_pkpass
from app.passes.check_files import read_strings
from tests.passes.conftest import CARD, FACE, NOON, SENTENCES


def built(design, card=CARD):
    return json.loads(design.pass_json(card))


def with_face(**changes):
    return replace(CARD, face=replace(FACE, **changes))


def every_field(card):
    return [field for fields in card["storeCard"].values() for field in fields]


@pytest.fixture(scope="session")
def finished(design, signer, demo):
    return check_pkpass(design.bundle.build(design.pass_json(CARD), signer, NOON), root_pem=demo.root.read_bytes(), now=NOON)


def test_a_finished_pass_satisfies_the_strict_checker(finished):
    assert finished.signed_at == NOON
    assert finished.serial_number == CARD.serial_number
    assert finished.authentication_token == CARD.authentication_token
    assert sorted(finished.strings) == ["en", "ru"]


def test_the_top_of_the_pass_says_who_it_is(design):
    card = built(design)
    assert {key: card[key] for key in ("formatVersion", "passTypeIdentifier", "teamIdentifier", "serialNumber", "organizationName",
                                       "description", "logoText", "webServiceURL", "authenticationToken", "sharingProhibited")} == {
        "formatVersion": 1, "passTypeIdentifier": CARD.pass_type_identifier, "teamIdentifier": CARD.team_identifier,
        "serialNumber": CARD.serial_number, "organizationName": "Coffee corner", "description": "Coffee corner loyalty card",
        "logoText": "Coffee corner", "webServiceURL": "https://cards.example.com/apple/x1",
        "authenticationToken": CARD.authentication_token, "sharingProhibited": True}
    assert (card["backgroundColor"], card["foregroundColor"], card["labelColor"]) == (
        "rgb(15, 69, 70)", "rgb(255, 255, 255)", "rgb(246, 216, 176)")


def test_points_stand_in_the_header_and_alone_announce_their_change(design):
    card = built(design)
    [points] = card["storeCard"]["headerFields"]
    assert points == {
        "key": "points", "value": 320, "label": "Points", "changeMessage": "Points on your card: %@", "numberStyle": "PKNumberStyleDecimal"}
    assert [field["key"] for field in every_field(card) if "changeMessage" in field] == ["points"]


def test_what_the_points_are_worth_is_a_number_with_its_currency(design):
    [worth] = built(design)["storeCard"]["primaryFields"]
    assert worth == {"key": "worth", "value": 320.5, "label": "Off at the till", "currencyCode": "RUB"}
    assert built(design, with_face(currency="JPY", worth_minor=320))["storeCard"]["primaryFields"][0]["value"] == 320


def test_at_most_three_fields_share_the_row_and_the_rest_is_on_the_back(design):
    style = built(design)["storeCard"]
    assert [field["key"] for field in style["secondaryFields"] + style["auxiliaryFields"]] == ["name", "expiring", "expires"]
    assert [field["key"] for field in style["backFields"]] == ["rules", "page", "stop"]


def test_the_last_good_day_is_the_same_in_every_zone(design):
    [_, expires] = built(design)["storeCard"]["auxiliaryFields"]
    assert expires == {"key": "expires", "value": "2026-11-30T12:00:00Z", "label": "On", "dateStyle": "PKDateStyleMedium",
                       "timeStyle": "PKDateStyleNone", "ignoresTimeZone": True}


def test_the_barcode_is_one_qr_whose_text_is_its_own_digits_in_fours(design):
    assert built(design)["barcodes"] == [{"format": "PKBarcodeFormatQR", "message": "9029581036472915", "messageEncoding": "iso-8859-1",
                                          "altText": "9029 5810 3647 2915"}]
    assert "barcode" not in built(design)


def test_a_card_without_name_and_ends_has_no_such_fields_and_no_empty_places(design):
    style = built(design, with_face(name=None, expiring_points=None, expires_on=None, page_link=None))["storeCard"]
    assert list(style) == ["headerFields", "primaryFields", "backFields"]
    assert [field["key"] for field in style["backFields"]] == ["rules"]


def test_field_keys_stay_the_same_whatever_the_card_has(design):
    keys = {field["key"] for field in every_field(built(design))}
    assert {field["key"] for field in every_field(built(design, with_face(name=None)))} == keys - {"name"}


def test_a_blocked_card_is_voided_and_others_do_not_say_so(design):
    assert built(design, with_face(is_voided=True))["voided"] is True
    assert "voided" not in built(design)


def test_the_cards_own_end_is_a_full_date_with_its_zone(design):
    end = datetime(2027, 1, 1, tzinfo=timezone(timedelta(hours=3)))
    assert built(design, with_face(expires_at=end))["expirationDate"] == "2026-12-31T21:00:00Z"
    assert "expirationDate" not in built(design)


def test_locations_are_ten_at_most_and_speak(design):
    many = tuple(PassLocation(number / 2, 10.0) for number in range(14))
    locations = built(design, replace(CARD, locations=many))["locations"]
    assert len(locations) == 10
    assert locations[1] == {"latitude": 0.5, "longitude": 10.0, "relevantText": "Your Coffee corner card is here"}
    assert "locations" not in built(design, replace(CARD, locations=()))


def test_a_place_says_its_own_words_in_its_languages_and_the_designs_in_others(signer, demo):
    river = (("ru", "Кофе у реки"),)
    made = AppleDesign(prepare(default_content("Coffee corner", "Кофейный угол"), SENTENCES), near=[river])
    card = replace(CARD, locations=(PassLocation(55.7, 37.6, river), PassLocation(55.8, 37.6)))
    contents = check_pkpass(made.bundle.build(made.pass_json(card), signer, NOON), root_pem=demo.root.read_bytes())
    own, others = [place["relevantText"] for place in contents.card["locations"]]
    assert [contents.text(own, language) for language in ("ru", "en")] == ["Кофе у реки", "Your Coffee corner card is here"]
    assert [contents.text(others, language) for language in ("ru", "en")] == [
        "Ваша карта «Кофейный угол» здесь", "Your Coffee corner card is here"]


def test_the_same_card_gives_the_same_bytes_from_a_design_prepared_anew(design):
    again = AppleDesign(prepare(default_content("Coffee corner", "Кофейный угол"), SENTENCES))
    assert again.pass_json(CARD) == design.pass_json(CARD)
    assert again.bundle.manifest(b"{}") == design.bundle.manifest(b"{}")


def test_building_one_card_leaves_nothing_behind_in_the_next(design):
    plain = with_face(name=None, expiring_points=None, expires_on=None)
    before = design.pass_json(plain)
    design.pass_json(with_face(is_voided=True, balance=7))
    assert design.pass_json(plain) == before


def test_the_texts_stand_in_the_businesss_language_for_phones_that_speak_neither(signer, demo):
    russian = AppleDesign(prepare(default_content("Coffee corner", "Кофейный угол", language="ru"), SENTENCES))
    assert built(russian)["organizationName"] == "Кофейный угол"
    contents = check_pkpass(russian.bundle.build(russian.pass_json(CARD), signer, NOON), root_pem=demo.root.read_bytes())
    assert contents.text(contents.card["organizationName"], "en") == "Coffee corner"
    assert contents.text(contents.card["organizationName"], "de") == "Кофейный угол"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_preview_says_what_the_pass_says(finished, language):
    view = preview(prepare(default_content("Coffee corner", "Кофейный угол"), SENTENCES), FACE, language)
    places = {"headerFields": view.header, "primaryFields": view.primary, "backFields": view.back}
    row = [*finished.fields("secondaryFields"), *finished.fields("auxiliaryFields")]
    for fields, shown in [*((finished.fields(place), shown) for place, shown in places.items()), (row, view.row)]:
        assert [field["key"] for field in fields] == [each.key for each in shown]
        for field, each in zip(fields, shown, strict=True):
            value = date.fromisoformat(field["value"][:10]) if "dateStyle" in field else field["value"]
            assert finished.text(field["label"], language) == each.label
            assert written(finished.text(value, language) if isinstance(value, str) else value, each.format, "RUB", language) == each.text
    assert finished.text(finished.card["logoText"], language) == view.logo_text
    assert finished.text(finished.card["description"], language) == view.description
    assert finished.barcode["altText"] == view.barcode_text


def test_every_text_of_the_design_is_translated_and_values_of_the_card_are_not(finished):
    for field in [each for place in finished.card["storeCard"].values() for each in place]:
        assert field["label"] in finished.strings["ru"]
    assert finished.text(finished.field("rules")["value"], "ru") == "За каждые 100 ₽ — 7 баллов.\n1 балл — 1 ₽ скидки."
    assert finished.text(finished.field("points")["changeMessage"], "ru") == "Баллы на карте: %@"
    assert finished.text(finished.card["locations"][0]["relevantText"], "ru") == "Ваша карта «Кофейный угол» здесь"
    assert "Анна" not in finished.strings["en"]


NASTY = 'He said "hi"; \\ and /* left */ = "x";\nsecond line // no'


def test_quotes_backslashes_lines_and_comments_in_texts_survive_the_strings(signer, demo):
    content = default_content('"Quoted" \\ corner', "«Угол» = ;")
    content = replace(content, en=replace(content.en, about=NASTY))
    design = AppleDesign(prepare(content, SENTENCES))
    contents = check_pkpass(design.bundle.build(design.pass_json(CARD), signer, NOON), root_pem=demo.root.read_bytes())
    assert contents.text(contents.field("about")["value"], "ru") == NASTY
    assert contents.text(contents.card["organizationName"], "ru") == "«Угол» = ;"


def test_two_texts_that_read_alike_in_one_language_only_stay_two():
    content = default_content("Name", "Название")      # "Name" is also the label of the shopper's name, «Имя» in Russian
    card = built(AppleDesign(prepare(content, SENTENCES)))
    strings = read_strings(dict(_strings_of(content)))
    label = next(field["label"] for field in every_field(card) if field["key"] == "name")
    assert strings["ru"][label] == "Имя"
    assert strings["ru"][card["organizationName"]] == "Название"
    assert strings["en"][label].strip("\u2060") == "Name"


def _strings_of(content):
    from app.passes.apple import _sources, _strings
    design = prepare(content, SENTENCES)
    return _strings(design, _sources(design)).items()


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn")), min_size=1, max_size=24).filter(
    lambda text: text.strip() and "%" not in text)


FACES = st.builds(CardFace, st.just("9029581036472915"), st.integers(-10**12, 10**12), st.integers(0, 10**12),
                  st.sampled_from(["RUB", "JPY", "KWD", "USD"]), st.none() | WORDS)


@given(name=WORDS, points=WORDS, russian=WORDS, face=FACES)
def test_whatever_a_business_and_a_shopper_are_called_the_pass_is_right(signer, demo, name, points, russian, face):
    content = replace(default_content(name), en=CardWords(name, points), ru=CardWords(russian, points))
    design = AppleDesign(prepare(content, SENTENCES))
    data = design.bundle.build(design.pass_json(replace(CARD, face=face)), signer, datetime(2026, 12, 1, tzinfo=UTC))
    contents = check_pkpass(data, root_pem=demo.root.read_bytes())
    assert contents.text(contents.card["organizationName"], "ru") == russian
    assert contents.text(contents.field("points")["label"], "ru") == points


def test_the_archive_holds_little_beyond_pictures_and_words(design, signer):
    data = design.bundle.build(design.pass_json(CARD), signer, NOON)
    assert len(data) - design.bundle.static_bytes <= 7_000
    assert design.bundle.static_bytes <= 150_000


def test_colours_that_cannot_be_read_are_corrected_on_the_pass(signer, demo):
    content = replace(default_content("Leaf"), background="#f0bf3a", label="#9a7a1e", text="#ffffff")
    card = built(AppleDesign(prepare(content, SENTENCES)))
    assert card["foregroundColor"] == "rgb(27, 27, 25)"
    assert card["labelColor"] != "rgb(154, 122, 30)"
