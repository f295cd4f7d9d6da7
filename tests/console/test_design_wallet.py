"""What a business sets for phones' wallets on the designer's page: kept as it was meant, refused beside the field that is wrong."""
import pytest

from app.console import design_wallet
from app.designs import service as designs
from app.designs.wallet import Action, Nfc, RelevantSpan, WalletExtras
from app.programs import service as programs
from tests.console.test_design import FORM, PAGE
from tests.console.visiting import value_of, words_of
from tests.designs.test_wallet import P256

ZONE = "Europe/Moscow"
FULL = WalletExtras(
    barcode="pdf417", sharing=True, near=(("en", "Come in"), ("ru", "Заходите")), max_distance=300,
    relevant=(RelevantSpan("2026-12-05T18:00:00+03:00", "2026-12-05T23:00:00+03:00"),),
    actions=(Action("shop", "https://example.com/shop"), Action("place", place="I123")), nfc=Nfc(P256, True), app_store_ids=(1, 23),
    app_url="coffee://card", phone="+7 495 123-45-67", mail="hello@example.com", site="https://example.com")


async def kept(here, shop):
    return (await designs.content_of(here.db, await programs.get_program(here.db, shop.business_id, shop.program_id))).wallet


def test_what_was_set_survives_the_form():
    assert design_wallet.extras_of(design_wallet.values_of(FULL, ZONE), ZONE, WalletExtras()) == FULL
    assert design_wallet.extras_of(design_wallet.values_of(WalletExtras(), ZONE), ZONE, WalletExtras()) == WalletExtras()


def test_a_text_in_a_language_that_the_form_does_not_have_stays():
    before = WalletExtras(near=(("de", "Kommen Sie"), ("en", "Come in")))
    values = {**design_wallet.values_of(before, ZONE), "wallet.near.en": "Hello"}
    assert design_wallet.extras_of(values, ZONE, before).near == (("en", "Hello"), ("de", "Kommen Sie"))


def test_a_number_to_call_may_be_typed_as_people_write_it():
    values = {**design_wallet.values_of(WalletExtras(), ZONE), "wallet.actions.0.type": "call", "wallet.actions.0.to": "+7 (495) 123-45-67"}
    assert design_wallet.extras_of(values, ZONE, WalletExtras()).actions == (Action("call", "tel:+74951234567"),)


async def test_publishing_keeps_all_of_it_and_the_page_shows_it_again(here, shop, manager):
    answer = await manager.post(PAGE, {**FORM, **design_wallet.values_of(FULL, ZONE)})
    assert answer.status_code == 303
    assert await kept(here, shop) == FULL
    page = await manager.get(PAGE)
    assert value_of(page, "wallet.relevant.0.start") == "2026-12-05T18:00"
    assert value_of(page, "wallet.phone") == "+7 495 123-45-67"
    assert 'aria-label="PDF417"' in page.text
    assert "hello@example.com" in words_of(page)        # the back of the card


@pytest.mark.parametrize(("typed", "field", "sentence"), [
    ({"wallet.phone": "ask"}, "wallet.phone", "Type a phone number in digits"),
    ({"wallet.max_distance": "far"}, "wallet.max_distance", "Type a distance from 1 to 10,000 metres"),
    ({"wallet.app_store_ids": "12, x"}, "wallet.app_store_ids", "Type the app’s number in the App Store"),
    ({"wallet.nfc": "key"}, "wallet.nfc", "Paste the public key of your reader"),
    ({"wallet.relevant.2.start": "2026-12-05T18:00"}, "wallet.relevant.0", "Type day and time of the beginning and of the end."),
    ({"wallet.actions.1.type": "shop", "wallet.actions.1.to": "http://x"}, "wallet.actions.0", "Type the whole address")])
async def test_a_mistake_is_told_beside_its_field_and_nothing_is_published(here, shop, manager, typed, field, sentence):
    answer = await manager.post(PAGE, {**FORM, **typed})
    assert answer.status_code == 422
    told = answer.text.split(f'id="{field}{".to" if "actions" in field else ""}-error"')[1].split("</p>")[0]
    assert sentence in told
    assert await kept(here, shop) == WalletExtras()


async def test_every_kind_of_code_is_on_the_page_for_the_preview(manager):
    page = await manager.get(PAGE)
    assert all(f'<template data-code="{kind}"><svg' in page.text for kind, _ in design_wallet.BARCODES)
