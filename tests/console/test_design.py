"""The designer: what the preview shows is what the pass says; colours that cannot be read are corrected, and it says so."""
import dataclasses
import html
import io
import json
import re
import zipfile
from datetime import timedelta

import pytest

from app.cards import service as cards
from app.db import write_transaction
from app.demo.certificates import make_demo_certificates
from app.designs import service as designs
from app.programs import service as programs
from app.updates import spreads
from tests.console.visiting import audited, rows, value_of, words_of
from tests.shops import make_card

PAGE = "/console/design"
FORM = {"en.name": "Coffee & co", "en.points": "Beans", "en.logo_text": "C&C", "en.about": "Two shops.\r\nOpen early.",
        "ru.name": "Кофейный угол", "ru.points": "Зёрна", "ru.logo_text": "", "ru.about": "",
        "background": "#F0BF3A", "label": "#ffffff", "text": "", "accent": "",
        "language": "ru"}


@pytest.fixture
async def signing(here, tmp_path):
    """A server that can sign passes."""
    made = make_demo_certificates(tmp_path / "certificates", pass_type_identifier="pass.demo.tessera.loyalty", team_identifier="DEMO123456",
                                  now=here.clock.now() - timedelta(days=1))
    here.settings = dataclasses.replace(here.settings, apple_certificate=made.certificate.read_bytes(), apple_key=made.key.read_bytes(),
                                        apple_wwdr=made.wwdr.read_bytes())


def field_of(answer, name):
    """What stands in a text field or area of the form."""
    area = re.search(rf'<textarea[^>]*\bname="{re.escape(name)}"[^>]*>(.*?)</textarea>', answer.text, flags=re.DOTALL)
    return html.unescape(area[1]) if area else value_of(answer, name)


async def shown(here, shop):
    return await designs.content_of(here.db, await programs.get_program(here.db, shop.business_id, shop.program_id))


async def test_publishing_is_a_new_version_with_the_corrections_told(here, shop, manager):
    answer = await manager.post(PAGE, FORM)
    assert answer.status_code == 303
    content = await shown(here, shop)
    assert (content.en.name, content.en.points, content.en.about) == ("Coffee & co", "Beans", "Two shops.\nOpen early.")
    assert (content.background, content.label, content.text, content.accent, content.language) == ("#f0bf3a", "#ffffff", None, None, "ru")
    page = await manager.get(answer.headers["location"])
    assert "Published." in words_of(page) and "Your labels would read 1.7" in words_of(page)
    assert (await audited(here, shop.business_id))[0] == "design.published"
    assert content.colours().css()["--brand-label"] in page.text and content.colours().css()["--brand-label"] != "#ffffff"


async def test_the_form_sent_back_unchanged_publishes_nothing(here, manager):
    page = await manager.get(PAGE)
    before = await rows(here)
    answer = await manager.post(PAGE, {name: field_of(page, name) for name in FORM if name != "language"} | {"language": "en"})
    assert answer.status_code == 303 and await rows(here) == before


@pytest.mark.parametrize(("field", "typed", "said"), [
    *[(field, typed, "Type the colour as #") for field, typed in (("background", "yellow"), ("background", ""), ("label", "#12345"),
                                                                  ("text", "#ggg000"), ("accent", "rgb(1,2,3)"))],
    ("en.name", "", "Type something here"),
    ("ru.name", "Ю" * 65, "longer than a card can show"), ("en.points", "100 %", "cannot hold a % sign"),
    ("ru.points", "x" * 25, "longer than a card"), ("en.about", "y" * 1001, "longer than a card"),
    ("en.logo_text", "a\x07b", "no card can show")])
async def test_what_no_card_can_show_is_refused_with_what_was_typed(here, manager, field, typed, said):
    before = await rows(here)
    answer = await manager.post(PAGE, {**FORM, field: typed})
    assert answer.status_code == 422 and said in words_of(answer)
    assert field_of(answer, field) == typed and field_of(answer, "ru.points") in (typed, "Зёрна")
    assert await rows(here) == before


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_preview_says_what_the_published_pass_says(here, shop, client, manager, signing, language):
    card = await make_card(here, shop, name={"en": "Anna", "ru": "Анна"}[language], points=320)
    await manager.post(PAGE, FORM)
    token = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, card, "card", here.clock.now()))
    answer = await client.get(f"/c/{token}/card.pkpass", headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    bundle = zipfile.ZipFile(io.BytesIO(answer.content))
    described = json.loads(bundle.read("pass.json"))
    strings = dict(re.findall(r'"((?:[^"\\]|\\.)*)" = "((?:[^"\\]|\\.)*)";', bundle.read(f"{language}.lproj/pass.strings").decode("utf-8")))
    preview = preview_of(await manager.get(PAGE, language), language)
    for place in ("headerFields", "primaryFields", "secondaryFields"):
        for field in described["storeCard"].get(place, []):
            if field["key"] != "expires":
                assert strings.get(field["label"], field["label"]).casefold() in preview.casefold(), field
    logo = described["logoText"]
    assert strings.get(logo, logo) in preview and described["backgroundColor"] == "rgb(240, 191, 58)"


def preview_of(answer, language):
    found = re.search(rf'data-card="{language}">(.*?)</article>', answer.text, flags=re.DOTALL)
    assert found is not None
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", found[1])))


async def test_the_page_says_how_far_a_change_has_come(here, shop, manager):
    card = await make_card(here, shop)
    assert "have been told" not in words_of(await manager.get(PAGE))
    await here.db.execute(
        "INSERT INTO pass_types(id, short_id, pass_type_identifier, team_identifier, created_at) VALUES (1, 's', 'pass.x', 'T', 0)")
    pass_id = await here.db.fetch_val(
        "INSERT INTO passes(business_id, card_id, pass_type_id, serial_number, authentication_token_sealed, created_at) "
        "VALUES (:business, :card, 1, 's', '', 0) RETURNING id", {"business": shop.business_id, "card": card.id})
    await here.db.fetch_val(
        "INSERT INTO registrations(business_id, pass_id, pass_type_id, device_library_identifier, push_token, created_at, renewed_at) "
        "VALUES (:business, :pass, 1, 'd', 't', 0, 0) RETURNING id", {"business": shop.business_id, "pass": pass_id})
    await manager.post(PAGE, FORM)
    assert "0 of 1 cards in wallets have been told" in words_of(await manager.get(PAGE))
    await spreads.go_on(here)
    assert "Every card in a wallet has been told of the last change: 1." in words_of(await manager.get(PAGE))
