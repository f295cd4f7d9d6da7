"""What a business sets for wallets, and what was done on a card, as pass.json: in every language, and nothing where nothing was set."""
import json
import shutil
from datetime import UTC, date, datetime
from functools import partial

import pytest
from msgspec.structs import replace

from app.designs import prepared
from app.designs.prepared import prepare
from app.designs.rules import Action, HistoryLine, Nfc, RelevantSpan, WalletExtras, default_content
from app.designs.template import FOLDER, load
from app.passes.apple import BARCODES, AppleDesign
from app.passes.check import check_pkpass
from tests.designs.test_wallet import P256
from tests.passes.conftest import CARD, FACE, NOON, SENTENCES

FULL = WalletExtras(
    barcode="aztec", sharing=True, near=(("ru", "Мы за углом"),), max_distance=300,
    relevant=(RelevantSpan("2026-12-05T18:00:00+03:00", "2026-12-05T23:00:00+03:00"),),
    actions=(Action("call", "tel:+74951234567"), Action("place", place="I123")), nfc=Nfc(P256), app_store_ids=(389801252,),
    app_url="coffee://card", phone="+7 495 123-45-67", mail="hello@example.com", site="https://example.com")
CONTENT = default_content("Coffee corner", "Кофейный угол")
HISTORY = (HistoryLine(date(2026, 11, 22), "sale", 1_250, "points"), HistoryLine(date(2026, 11, 20), "expiry", -30, "points"),
           HistoryLine(date(2026, 11, 19), "sale", 49_050, "paid"), HistoryLine(date(2026, 11, 18), "adjustment", 7_000, "money"),
           HistoryLine(date(2026, 11, 17), "a kind of tomorrow", 0, "points"))


def design_with(extras, **given):
    return prepare(replace(CONTENT, wallet=extras), SENTENCES, **given)


@pytest.fixture
def checked(signer, demo):
    """The pass of a design and a face as a strict phone reads it."""
    def read(design, face=FACE):
        apple = AppleDesign(design)
        data = apple.bundle.build(apple.pass_json(replace(CARD, face=face)), signer, NOON)
        return check_pkpass(data, root_pem=demo.root.read_bytes(), now=NOON)
    return read


def test_everything_that_can_be_set_stands_in_the_pass_as_apple_spells_it(checked):
    card = checked(design_with(FULL)).card
    assert card["barcodes"][0]["format"] == "PKBarcodeFormatAztec"
    assert "sharingProhibited" not in card
    assert card["maxDistance"] == 300
    assert card["relevantDates"] == [{"startDate": "2026-12-05T18:00:00+03:00", "endDate": "2026-12-05T23:00:00+03:00"}]
    assert card["featuredActions"] == [{"identifier": "action1", "type": "call", "url": "tel://+74951234567"},
                                       {"identifier": "action2", "type": "place", "placeIdentifier": "I123"}]
    assert card["nfc"] == {"message": FACE.barcode_message, "encryptionPublicKey": P256}
    assert (card["associatedStoreIdentifiers"], card["appLaunchURL"]) == ([389801252], "coffee://card")


def test_what_was_not_set_has_no_key(checked):
    card = checked(design_with(WalletExtras())).card
    assert card["sharingProhibited"] is True
    assert not card.keys() & {"maxDistance", "relevantDates", "featuredActions", "nfc", "associatedStoreIdentifiers", "appLaunchURL"}


def test_a_reader_may_ask_the_phone_for_its_owner(checked):
    assert checked(design_with(WalletExtras(nfc=Nfc(P256, True)))).card["nfc"]["requiresAuthentication"] is True


@pytest.mark.parametrize("kind", BARCODES)
def test_the_code_is_the_kind_that_was_chosen(checked, kind):
    assert checked(design_with(WalletExtras(barcode=kind))).barcode["format"] == BARCODES[kind]


def test_contacts_and_addresses_stand_on_the_back_and_can_be_tapped(checked):
    contents = checked(design_with(FULL, addresses=["Pushkin Street 1", "Old Lane 2"]))
    back = {field["key"]: (field["value"], field.get("dataDetectorTypes")) for field in contents.fields("backFields")}
    assert back["phone"] == ("+7 495 123-45-67", ["PKDataDetectorTypePhoneNumber"])
    assert back["mail"] == ("hello@example.com", ["PKDataDetectorTypeLink"])
    assert back["site"] == ("https://example.com", ["PKDataDetectorTypeLink"])
    assert back["addresses"] == ("Pushkin Street 1\nOld Lane 2", ["PKDataDetectorTypeAddress"])
    assert back["rules"][1] == []
    assert back["stop"] == (f"{FACE.page_link}#agreed", ["PKDataDetectorTypeLink"])
    plain = {field["key"] for field in checked(design_with(WalletExtras())).fields("backFields")}
    assert not {"phone", "mail", "site", "addresses"} & plain


def test_a_text_near_the_shops_is_the_business_s_own_in_its_language_and_ours_in_others(checked):
    contents = checked(design_with(FULL))
    said = contents.card["locations"][0]["relevantText"]
    assert (contents.text(said, "ru"), contents.text(said, "en")) == ("Мы за углом", "Your Coffee corner card is here")


def test_each_of_the_last_operations_is_a_field_whose_word_every_phone_translates(checked):
    contents = checked(design_with(WalletExtras()), replace(FACE, history=HISTORY))
    shown = [(contents.text(field["label"], "ru"), contents.text(field["label"], "en"), field["value"])
             for field in contents.fields("backFields") if field["key"].startswith("history")]
    assert shown == [
        ("Покупка", "Purchase", "2026-11-22 · +1\u202f250"), ("Срок вышел", "Ended", "2026-11-20 · \u221230"),
        ("Покупка", "Purchase", "2026-11-19 · 490.50\u00a0₽"), ("Исправление", "Correction", "2026-11-18 · +70\u00a0₽"),
        ("Изменение", "Change", "2026-11-17")]
    assert contents.field("history5") is not None and contents.field("history6") is None
    assert [field["key"] for field in contents.fields("backFields") if "changeMessage" in field] == []


def test_operations_leave_the_pass_small_and_the_same_bytes():
    apple = AppleDesign(design_with(WalletExtras()))
    card = replace(CARD, face=replace(FACE, history=HISTORY))
    assert apple.pass_json(card) == AppleDesign(design_with(WalletExtras())).pass_json(card)
    assert len(apple.pass_json(card)) < 3_000


def test_the_end_of_a_card_is_told_in_utc(checked):
    end = datetime(2026, 12, 31, 21, 0, tzinfo=UTC)
    assert checked(design_with(WalletExtras()), replace(FACE, expires_at=end)).card["expirationDate"] == "2026-12-31T21:00:00Z"


@pytest.fixture
def german(tmp_path, monkeypatch):
    """The templates with a language more: one file, and the shared words another."""
    shutil.copytree(FOLDER, tmp_path / "all")
    for name, old, new in (("points/{}.toml", "Off at the till", "Rabatt an der Kasse"), ("extras.{}.toml", "How it works", "So geht es")):
        text = (tmp_path / "all" / name.format("en")).read_text("utf-8")
        assert old in text
        (tmp_path / "all" / name.format("de")).write_text(text.replace(old, new), "utf-8")
    shutil.copy(tmp_path / "all" / "tiers" / "en.toml", tmp_path / "all" / "tiers" / "de.toml")
    monkeypatch.setattr(prepared, "load", partial(load, folder=tmp_path / "all"))


def test_a_language_more_is_a_file_more_and_nothing_else(german, checked):
    contents = checked(prepare(replace(CONTENT, language="ru", wallet=FULL), SENTENCES))
    assert sorted(contents.strings) == ["de", "en", "ru"]
    assert contents.text(contents.field("worth")["label"], "de") == "Rabatt an der Kasse"
    assert contents.text(contents.field("rules")["label"], "de") == "So geht es"
    # What the business wrote in no German stands in its own language.
    assert contents.text(contents.card["organizationName"], "de") == "Кофейный угол"
    assert contents.text(contents.field("rules")["value"], "de") == "\n".join(SENTENCES["ru"])


def test_a_level_has_its_name_in_the_business_s_language_where_a_phone_speaks_another(german, checked):
    terms = {"gold": {"en": "Gold", "ru": "Золото"}}
    design = prepare(replace(CONTENT, language="ru"), SENTENCES, "tiers", values={"level", "balance"}, terms=terms)
    contents = checked(design, replace(FACE, level="gold"))
    level = contents.field("level")["value"]
    assert [contents.text(level, language) for language in ("de", "en", "ru")] == ["Золото", "Gold", "Золото"]


def test_no_key_of_a_pass_is_null_or_empty():
    def empty(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return value in (None, "", {}) or any(empty(each) for each in inner)
    for extras in (WalletExtras(), FULL):
        card = json.loads(AppleDesign(design_with(extras)).pass_json(replace(CARD, face=replace(FACE, name=None, history=HISTORY))))
        assert not empty(card)
