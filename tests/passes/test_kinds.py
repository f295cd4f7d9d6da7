"""Every kind's card as a pass: what a phone accepts, what it shows, and that the same card gives the same bytes."""
from datetime import date
from io import BytesIO

import pytest
import zxingcpp
from msgspec.structs import replace
from PIL import Image

from app.designs import shown
from app.designs.prepared import prepare
from app.designs.preview import preview, stamps_of
from app.designs.rules import CardFace, WalletExtras, default_content
from app.passes import apple, faces
from app.passes.apple import AppleDesign
from app.passes.check import check_pkpass
from app.programs import terms as t
from app.programs.explain import explain
from app.programs.kinds import KINDS
from app.programs.rules import ProgramRules
from app.web.codes import code_svg
from tests.passes.conftest import CARD, NOON
from tests.web.test_codes import picture

LANGUAGES = ("en", "ru")
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def prepared(rules: ProgramRules, template: str, language: str = "en", currency: str = "RUB", **content):
    sentences = {each: explain(rules, currency, each) for each in LANGUAGES}
    wish = replace(default_content("Coffee corner", "Кофейный угол", language=language), **content)
    return prepare(wish, sentences, template, values=shown.values_of(rules), terms=shown.terms_of(rules))


def built(design, face, signer, demo, noon=NOON):
    made = AppleDesign(design, stamps_of(design, face))
    data = made.bundle.build(made.pass_json(replace(CARD, face=face)), signer, noon)
    return check_pkpass(data, root_pem=demo.root.read_bytes())


@every_kind
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_phone_takes_the_card_of_every_kind(kind, language, signer, demo):
    rules = kind.rules("RUB")
    face = replace(faces.sample(rules, "RUB", language), expires_on=date(2026, 12, 31), page_link="https://cards.example/c/x")
    contents = built(prepared(rules, kind.template, language), face, signer, demo)
    shown_fields = [field for place in ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")
                    for field in contents.fields(place)]
    assert sum("changeMessage" in field for field in shown_fields) == 1
    assert contents.field("rules")["value"] == "\n".join(explain(rules, "RUB", language))
    assert contents.strings["ru"].keys() == contents.strings["en"].keys()
    # The stacked pass shows its head alone, the open one its large line or its picture: neither may be empty.
    assert contents.fields("headerFields") or contents.fields("primaryFields")


@every_kind
def test_the_emptiest_card_of_every_kind_is_taken_too(kind, signer, demo):
    rules = kind.rules("JPY")
    face = CardFace("9029581036472915", 0, 0, "JPY", is_voided=True)
    contents = built(prepared(rules, kind.template, currency="JPY"), face, signer, demo)
    assert contents.is_voided


@every_kind
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_web_card_of_every_kind_shows_the_same_fields(kind, language, signer, demo):
    rules = kind.rules("RUB")
    design, face = prepared(rules, kind.template, language), faces.sample(rules, "RUB", language)
    view, contents = preview(design, face, language), built(design, face, signer, demo)
    drawn = [field.key for field in (*view.header, *view.primary, *view.row, *view.back)]
    assert drawn == [field["key"] for place in ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")
                     for field in contents.fields(place)]
    assert len(view.row) <= 3 and all(field.text for field in (*view.header, *view.primary, *view.row))


@every_kind
def test_a_programme_with_everything_still_fits_on_its_card(kind, signer, demo):
    """Whatever a business adds to a kind's rules goes to the back of its card."""
    everything = replace(
        kind.rules("RUB"), pending_days=14, discount_bp=500, charity=t.Charity(t.Said("Fund", "Фонд"), 100),
        levels=t.Levels((t.Level("all", t.Said("All", "Все"), 0), t.Level("gold", t.Said("Gold", "Золото"), 100))),
        stamps=t.Stamps(t.Conversion(8, ("gift",))), visits=t.Visits((t.Package("a", t.Said("a", "а"), 1, 1),)),
        membership=t.Membership((t.Plan("a", t.Said("a", "а"), 1, 1),)))
    face = replace(faces.sample(everything, "RUB", "ru"), pending=7, pending_minor=700)
    contents = built(prepared(everything, kind.template, "ru"), face, signer, demo)
    said = {field["label"] for place in ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")
            for field in contents.fields(place)}
    assert {"Штампы", "Осталось посещений"} <= said and "Ждут окончания срока возврата" in said


def test_the_same_card_gives_the_same_bytes_and_another_stamp_another_picture():
    rules = KINDS["stamps"].rules("RUB")
    design = prepared(rules, "stamps")

    def drawn(stamps: int) -> tuple[bytes, bytes]:
        face = replace(faces.sample(rules, "RUB", "en"), stamps=stamps)
        made = AppleDesign(design, stamps_of(design, face))
        return made.pass_json(replace(CARD, face=face)), made.bundle.manifest(b"")
    assert drawn(3) == drawn(3)
    assert drawn(3)[1] != drawn(4)[1]
    assert drawn(7)[1] == drawn(6)[1]       # more than the card has places for look full


def test_a_level_is_called_by_its_name_in_the_phone_s_language_and_has_its_own_colour(signer, demo):
    rules = KINDS["tiers"].rules("RUB")
    gold = replace(rules.levels.levels[2], background="#6a4b00")
    content = shown.on_level(default_content("Coffee"), gold)
    assert shown.on_level(default_content("Coffee"), rules.levels.levels[0]) == default_content("Coffee")
    face = replace(faces.sample(rules, "RUB", "en"), level="gold")
    contents = built(prepared(rules, "tiers", background=content.background), face, signer, demo)
    level = contents.field("level")["value"]
    assert (contents.text(level, "en"), contents.text(level, "ru")) == ("Gold", "Золото")
    assert contents.card["backgroundColor"] == "rgb(106, 75, 0)"


def test_a_share_is_written_as_the_business_s_language_writes_it(signer, demo):
    rules = replace(KINDS["discount"].rules("RUB"), discount_bp=750)
    for language, text in (("en", "7.5%"), ("ru", "7,5\u00a0%")):
        design, face = prepared(rules, "discount", language), faces.sample(rules, "RUB", language)
        assert built(design, face, signer, demo).field("discount")["value"] == text == preview(design, face, language).primary[0].text


def test_points_that_wait_stand_on_the_back_apart(signer, demo):
    rules = replace(KINDS["points"].rules("RUB"), pending_days=14)
    contents = built(prepared(rules, "points"), replace(faces.sample(rules, "RUB", "en"), pending=40), signer, demo)
    assert [field["value"] for field in contents.fields("backFields") if field["key"] == "more_pending"] == [40]


def test_a_points_programme_shows_what_it_showed_before():
    plain = prepare(default_content("Coffee corner"), {"en": ["One."], "ru": ["Раз."]})
    rules = KINDS["points"].rules("RUB")
    assert [field.key for field in prepared(rules, "points").fields] == [field.key for field in plain.fields]


def test_the_discount_of_a_card_is_the_larger_of_everybody_s_and_the_level_s_and_needs_the_membership():
    gold = t.Level("gold", t.Said("Gold"), 1, discount_bp=700)
    rules = ProgramRules(discount_bp=500, levels=t.Levels((gold,)), membership=t.Membership((), discount_outside_bp=100))
    assert [shown.discount_of(rules, level, member) for level, member in ((gold, True), (None, True), (gold, False))] == [700, 500, 100]


def test_a_pass_of_stamps_stays_light(signer, demo):
    rules = KINDS["stamps"].rules("RUB")
    rules = replace(rules, stamps=replace(rules.stamps, card=replace(rules.stamps.card, size=30)))
    files = built(prepared(rules, "stamps"), replace(faces.sample(rules, "RUB", "en"), stamps=30), signer, demo).files
    assert sum(map(len, files.values())) <= 200_000
    assert Image.open(BytesIO(files["strip@3x.png"])).size == (1125, 432)


@every_kind
@pytest.mark.parametrize("barcode", apple.BARCODES)
def test_the_message_of_every_issued_pass_is_read_back_from_its_code(kind, barcode, signer, demo):
    rules = kind.rules("RUB")
    design = prepared(rules, kind.template, wallet=WalletExtras(barcode=barcode))
    face = faces.sample(rules, "RUB", "en")
    code = built(design, face, signer, demo).barcode
    assert code["format"] == apple.BARCODES[barcode]
    drawn = preview(design, face, "en")
    [read] = zxingcpp.read_barcodes(picture(code_svg(drawn.barcode, drawn.barcode_message)))
    assert read.text == code["message"] == face.barcode_message
    assert code["altText"].replace(" ", "") == read.text
