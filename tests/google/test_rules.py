"""Bodies of classes and objects: what Google's schema takes, what a person reads, and nothing personal."""
import json
import re
from datetime import UTC, date, datetime
from functools import lru_cache

import pytest
from msgspec.structs import replace

from app.designs import shown
from app.designs.prepared import PreparedDesign, prepare
from app.designs.rules import CardFace, CardWords, WalletExtras, default_content
from app.google import rules
from app.google.checks import problems_of
from app.google.rules import ClassFacts, ObjectFacts, Pictures, Rotating, class_body, cut, make_id, method_for, object_body, outline
from app.passes import faces
from app.programs.explain import explain
from app.programs.kinds import KINDS

ISSUER = "3388000000022222228"
CLASS, OBJECT = f"{ISSUER}.class", f"{ISSUER}.object"
PICTURES = Pictures("https://cards.example/logo.png", "https://cards.example/hero.png")
CODE = "9029581036472915"
LANGUAGES = ("en", "ru")
LONG = "Кофейня и пекарня «У старого маяка» на набережной"
every_kind = pytest.mark.parametrize("kind", list(KINDS))
every_language = pytest.mark.parametrize("language", LANGUAGES)


@lru_cache
def design_of(kind: str, language: str = "en", currency: str = "RUB", name: str = "Coffee corner", **content: object) -> PreparedDesign:
    made = KINDS[kind].rules(currency)
    wish = replace(default_content(name, name, language=language), **content)
    return prepare(wish, {each: explain(made, currency, each) for each in LANGUAGES}, KINDS[kind].template,
                   values=shown.values_of(made), terms=shown.terms_of(made), addresses=("Pushkin Street 1",))


def full_face(kind: str, language: str = "en", currency: str = "RUB") -> CardFace:
    """A card that has everything, what is personal too."""
    return replace(faces.sample(KINDS[kind].rules(currency), currency, language), barcode_message=CODE, name="Анна Каренина",
                   page_link="https://cards.example/c/QrStUvWxYz1234567890ab", expires_on=date(2026, 12, 31), expiring_points=40,
                   expires_at=datetime(2027, 1, 1, tzinfo=UTC))


def class_of(design: PreparedDesign, **facts: object) -> dict:  # type: ignore[type-arg]
    names = dict.fromkeys(design.languages, "Coffee corner")
    return class_body(design, ClassFacts(CLASS, names, names, "RU", PICTURES)._replace(**facts))  # type: ignore[arg-type]


def object_of(design: PreparedDesign, face: CardFace, **facts: object) -> dict:  # type: ignore[type-arg]
    return object_body(design, face, ObjectFacts(OBJECT, CLASS, "active")._replace(**facts))  # type: ignore[arg-type]


def texts_of(body: object) -> list[str]:
    if isinstance(body, dict):
        return [text for value in body.values() for text in texts_of(value)]
    if isinstance(body, list | tuple):
        return [text for value in body for text in texts_of(value)]
    return [str(body)]


EXTRAS = WalletExtras(barcode="pdf417", phone="+7 916 000-00-00", mail="hello@cafe.example", site="https://cafe.example/menu")


@every_kind
@every_language
@pytest.mark.parametrize("extras", [WalletExtras(), EXTRAS], ids=["plain", "extras"])
def test_google_takes_class_and_object_of_every_kind(kind: str, language: str, extras: WalletExtras):
    design = design_of(kind, language, wallet=extras)
    places = tuple((55.0 + at / 10, 37.0) for at in range(14))
    made = class_of(design, locations=places, callback="https://cards.example/google/callback")
    assert problems_of("LoyaltyClass", made) == [] and len(made["merchantLocations"]) == 10
    assert problems_of("LoyaltyClassPatch", made) == []
    for facts in ({}, {"rotating": Rotating(b"k" * 20, 60)}, {"hero": PICTURES.hero}, {"is_over": True}):
        body = object_of(design, full_face(kind, language), **facts)
        assert problems_of("LoyaltyObject", body) == [] and problems_of("LoyaltyObjectPatch", body) == []
        assert problems_of("LoyaltyObjectPatch", {**body, "notifyPreference": "NOTIFY_ON_UPDATE"}) == []


@every_kind
@pytest.mark.parametrize("currency", ["RUB", "JPY", "KWD"])
def test_google_takes_the_emptiest_card_and_one_in_debt(kind: str, currency: str):
    design = design_of(kind, currency=currency)
    for face in (CardFace(CODE, 0, 0, currency, is_voided=True), CardFace(CODE, -15, 0, currency), CardFace(CODE, 2**40, 10**15, currency)):
        assert problems_of("LoyaltyObject", object_of(design, face, status="blocked")) == []


@every_kind
@every_language
def test_whatever_a_business_is_called_fits_googles_lines(kind: str, language: str):
    design = design_of(kind, language, name="Кофейня «Маяк» 🍰", en=CardWords(LONG, LONG[:24], about="я" * 1000),
                       ru=CardWords(LONG, LONG[:24]))
    made = class_of(design, issuer_names=dict.fromkeys(design.languages, LONG), program_names=dict.fromkeys(design.languages, LONG))
    body = object_of(design, full_face(kind, language))
    assert problems_of("LoyaltyClass", made) == [] and problems_of("LoyaltyObject", body) == []
    assert len(made["issuerName"]) <= 20 and len(made["programName"]) <= 20
    for module in (*made["textModulesData"], *body["textModulesData"]):
        headers = [module["header"], *(one["value"] for one in both(module["localizedHeader"]))]
        bodies = [module["body"], *(one["value"] for one in both(module["localizedBody"]))]
        assert max(map(len, headers)) <= 35 and max(map(len, bodies)) <= 500
    assert len(made["textModulesData"]) <= 10 and len(body["textModulesData"]) <= 10
    labels = [one["value"] for name in rules.POINTS if name in body for one in both(body[name]["localizedLabel"])]
    assert all(len(label) <= 9 for label in labels)


def both(localized: dict) -> list[dict]:  # type: ignore[type-arg]
    return [localized["defaultValue"], *localized.get("translatedValues", [])]


@every_kind
@every_language
def test_nothing_personal_is_in_any_body(kind: str, language: str):
    """Not who it is, not what they bought, not the address of their page, not their phone."""
    design, face = design_of(kind, language, wallet=EXTRAS), full_face(kind, language)
    said = " ".join(texts_of([class_of(design), object_of(design, face), object_of(design, face, rotating=Rotating(b"k" * 20, 60))]))
    assert "Анна" not in said and "Каренина" not in said and "QrStUvWxYz" not in said and "/c/" not in said and "#agreed" not in said
    assert "accountName" not in object_of(design, face) and "accountId" not in object_of(design, face)


@every_kind
def test_the_first_balance_is_complete_and_says_what_it_counts(kind: str):
    body = object_of(design_of(kind), full_face(kind))
    for name in rules.POINTS:
        if name in body:
            assert set(body[name]) == {"label", "localizedLabel", "balance"} and len(body[name]["balance"]) == 1
    assert "loyaltyPoints" in body


def test_money_is_micros_as_text_and_yen_have_no_parts():
    euro = object_of(design_of("cashback", currency="EUR"), replace(full_face("cashback", currency="EUR"), money_minor=1234))
    yen = object_of(design_of("cashback", currency="JPY"), replace(full_face("cashback", currency="JPY"), money_minor=1234))
    dinar = object_of(design_of("cashback", currency="KWD"), replace(full_face("cashback", currency="KWD"), money_minor=1234))
    assert euro["loyaltyPoints"]["balance"] == {"money": {"micros": "12340000", "currencyCode": "EUR"}}
    assert yen["loyaltyPoints"]["balance"] == {"money": {"micros": "1234000000", "currencyCode": "JPY"}}
    assert dinar["loyaltyPoints"]["balance"] == {"money": {"micros": "1234000", "currencyCode": "KWD"}}


def test_stamps_are_shown_as_so_many_of_so_many():
    assert re.fullmatch(r"\d+ / \d+", object_of(design_of("stamps"), full_face("stamps"))["loyaltyPoints"]["balance"]["string"])


@every_language
def test_a_level_is_a_row_of_the_card_in_each_language_and_never_the_classes(language: str):
    design = design_of("tiers", language)
    body = object_of(design, full_face("tiers", language))
    assert body["textModulesData"][0]["id"] == "level"
    assert "rewardsTier" not in class_of(design)
    assert {one["language"] for one in both(body["textModulesData"][0]["localizedBody"])} == set(design.languages)


def test_the_code_is_drawn_as_the_programme_wants_it_with_its_digits_below():
    for barcode, kind in rules.SYMBOLOGIES.items():
        body = object_of(design_of("points", wallet=WalletExtras(barcode=barcode)), full_face("points"))  # type: ignore[arg-type]
        assert body["barcode"] == {"type": kind, "value": CODE, "alternateText": "9029 5810 3647 2915"}


def test_a_rotating_code_has_no_still_one_beside_it_and_its_key_as_hex():
    body = object_of(design_of("points"), full_face("points"), rotating=Rotating(bytes.fromhex("31" * 20), 60))
    assert "barcode" not in body
    assert body["rotatingBarcode"] == {
        "type": "QR_CODE", "valuePattern": CODE + "{totp_value_0}", "alternateText": "9029 5810 3647 2915",
        "totpDetails": {"algorithm": "TOTP_SHA1", "periodMillis": "60000", "parameters": [{"key": "31" * 20, "valueLength": 8}]}}
    aztec = design_of("points", wallet=WalletExtras(barcode="aztec"))
    assert object_of(aztec, full_face("points"), rotating=Rotating(b"k" * 20, 30))["rotatingBarcode"]["type"] == "QR_CODE"


@pytest.mark.parametrize(("status", "state"), [("active", "ACTIVE"), ("blocked", "INACTIVE"), ("replaced", "INACTIVE"),
                                               ("expired", "EXPIRED"), ("provisional", "INACTIVE")])
def test_the_state_is_the_cards(status: str, state: str):
    assert object_of(design_of("points"), full_face("points"), status=status)["state"] == state


def test_a_card_whose_own_end_has_passed_is_expired_but_a_blocked_one_stays_blocked():
    design, face = design_of("membership"), full_face("membership")
    assert object_of(design, face, is_over=True)["state"] == "EXPIRED"
    assert object_of(design, face, is_over=True, status="blocked")["state"] == "INACTIVE"
    assert object_of(design, face)["validTimeInterval"] == {"end": {"date": "2027-01-01T00:00:00Z"}}
    assert "validTimeInterval" not in object_of(design, replace(face, expires_at=None))


def test_every_write_of_a_class_asks_for_review_and_calls_back_over_https_alone():
    design = design_of("points")
    assert class_of(design)["reviewStatus"] == "UNDER_REVIEW" and "callbackOptions" not in class_of(design)
    assert class_of(design, callback="https://x.example/cb")["callbackOptions"] == {"url": "https://x.example/cb"}


def test_contacts_are_links_and_rules_and_addresses_are_rows_of_the_class():
    made = class_of(design_of("points", wallet=EXTRAS))
    assert [link["uri"] for link in made["linksModuleData"]["uris"]] == ["https://cafe.example/menu", "tel:+79160000000",
                                                                        "mailto:hello@cafe.example"]
    assert {"rules", "addresses"} <= {module["id"] for module in made["textModulesData"]}


def test_long_rules_go_on_in_a_second_row_at_the_same_sentence_in_each_language():
    text = {language: "\n".join(f"{at} {'word ' * 18}".strip() for at in range(12)) for language in LANGUAGES}
    parts = rules._parts(text, LANGUAGES)
    assert len(parts) > 1 and "\n".join(part["en"] for part in parts) == text["en"]
    assert all(len(part["en"]) <= 500 for part in parts)
    assert [part["ru"].split()[0] for part in parts] == [part["en"].split()[0] for part in parts]


def test_what_is_cut_ends_with_an_ellipsis_within_its_length():
    assert cut("  Кофейный угол ", 20) == "Кофейный угол"
    assert cut("Coffee corner on the hill", 20) == "Coffee corner on th…" and len(cut("x" * 50, 20)) == 20


def test_a_member_that_goes_asks_for_a_put_and_a_plain_change_for_a_patch():
    design, face = design_of("points"), full_face("points")
    before = outline(object_of(design, face))
    assert method_for(before, object_of(design, replace(face, balance=7))) == "PATCH"
    assert method_for(before, object_of(design, replace(face, expires_at=None))) == "PUT"
    assert method_for(before, object_of(design, face, rotating=Rotating(b"k" * 20, 60))) == "PUT"
    assert method_for(before, object_of(design, replace(face, balance=2**40))) == "PUT"        # int becomes string
    assert method_for(outline(object_of(design, replace(face, expires_at=None))), object_of(design, face)) == "PATCH"


def test_the_same_card_has_the_same_fingerprint_and_another_balance_another():
    design, face = design_of("points"), full_face("points")
    one, two = object_of(design, face), object_of(design, face)
    assert rules.fingerprint(one) == rules.fingerprint({**two, "notifyPreference": "NOTIFY_ON_UPDATE", "messages": []})
    assert rules.fingerprint(one) != rules.fingerprint(object_of(design, replace(face, balance=1)))
    assert json.dumps(one) == json.dumps(two)


def test_ids_hold_nothing_that_an_address_would_escape():
    assert make_id(ISSUER, "Abc_1-2.x") == f"{ISSUER}.Abc_1-2.x" and rules.issuer_of(f"{ISSUER}.a.b") == ISSUER
    with pytest.raises(AssertionError):
        make_id(ISSUER, "a b")
