"""The brand kit: a picture is sent, seen on the card, and on every phone's card once it is published."""
import dataclasses
import html
import io
import re
import zipfile
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from app.cards import service as cards
from app.db import write_transaction
from app.demo.certificates import make_demo_certificates
from app.designs import service as designs
from app.designs.rules import Pictures
from app.images import rules
from app.images import service as images
from app.passes.check import check_pkpass
from app.programs import service as programs
from tests.console.visiting import HOST, audited, rows, words_of
from tests.images import made
from tests.shops import make_card, make_shop

PAGE = "/console/brand"
LOGO = made.saved(made.logo(colour="#f6d8b0"))
DARK = made.photograph(600, 300).point(lambda value: value // 4)


async def send(who, kind, data, *, path=PAGE, token=None, name="logo.png", headers=None):
    """Send a picture as a browser does: as a file in a form."""
    sent = {"Cookie": who.cookie, "Accept-Language": "en", "Origin": HOST, **(headers or {})}
    fields = {"csrf": who.token if token is None else token}
    address = path.replace(PAGE, f"{PAGE}/{kind}", 1)
    return await who.client.post(address, data=fields, files={"picture": (name, data, "image/png")}, headers=sent)


async def content_of(here, shop):
    return await designs.content_of(here.db, await programs.get_program(here.db, shop.business_id, shop.program_id))


async def publish(who, address, **fields):
    return await who.post(PAGE + "?" + urlsplit(address).query, fields)


async def test_a_picture_is_seen_on_the_card_before_anything_is_published(here, shop, manager):
    before = await content_of(here, shop)
    answer = await send(manager, "logo", LOGO)
    assert answer.status_code == 303
    [image] = await images.list_(here.db, shop.business_id, "logo")
    assert parse_qs(urlsplit(answer.headers["location"]).query)["logo"] == [image.digest]
    page = await manager.get(answer.headers["location"])
    address = (await images.kept(here.db, shop.business_id, image.digest)).addresses["logo.webp"]
    # On the light stage and the dark one: beside the name, and on the card.
    assert len(re.findall(rf'<span class="(?:pass|shown)__logo"><img src="{re.escape(address)}"', page.text)) == 4
    assert "Nothing has changed on cards yet." in words_of(page) and await content_of(here, shop) == before
    assert (await audited(here, shop.business_id))[0] == "image.kept"


async def test_what_is_published_stands_in_passes_that_our_checker_accepts(here, shop, manager, client, tmp_path):
    certificates = make_demo_certificates(tmp_path / "certificates", pass_type_identifier="pass.demo.tessera.loyalty",
                                          team_identifier="DEMO123456", now=here.clock.now() - timedelta(days=1))
    here.settings = dataclasses.replace(here.settings, apple_certificate=certificates.certificate.read_bytes(),
                                        apple_key=certificates.key.read_bytes(), apple_wwdr=certificates.wwdr.read_bytes())
    at = PAGE
    for kind, data in (("logo", LOGO), ("icon", made.saved(made.calm(300, 300))), ("strip", made.saved(DARK, "JPEG"))):
        answer = await send(manager, kind, data, path=at)
        at = answer.headers["location"]
    answer = await publish(manager, at)
    assert answer.status_code == 303 and "Published." in words_of(await manager.get(answer.headers["location"]))
    shown = await content_of(here, shop)
    assert all(getattr(shown.pictures, kind) for kind in rules.KINDS) and (await audited(here, shop.business_id))[0] == "design.published"
    card = await make_card(here, shop, points=320)
    token = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, card, "card", here.clock.now()))
    answer = await client.get(f"/c/{token}/card.pkpass")
    check_pkpass(answer.content, root_pem=certificates.root.read_bytes(), now=here.clock.now())
    assert len(answer.content) < 150_000
    bundle = zipfile.ZipFile(io.BytesIO(answer.content))
    for kind in rules.KINDS:
        files = await images.files(here.db, shop.business_id, getattr(shown.pictures, kind))
        assert all(bundle.read(f"{kind}{suffix}.png") == files[f"{kind}{suffix}.png"] for suffix in rules.SUFFIXES)


async def test_a_card_page_with_the_businesss_pictures_is_light(here, shop, manager, client):
    at = (await send(manager, "logo", LOGO)).headers["location"]
    at = (await send(manager, "strip", made.saved(made.photograph(), "JPEG"), path=at)).headers["location"]
    await publish(manager, at)
    card = await make_card(here, shop, points=320)
    token = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, card, "card", here.clock.now()))
    for path in (f"/c/{token}", "/e/coffee"):
        page = await client.get(path)
        found = set(re.findall(r'<img[^>]* src="([^"]+)"', page.text))
        assert len(found) == 2 and all(address.startswith("/images/") for address in found)
        assert len(page.content) + sum([len((await client.get(address)).content) for address in found]) < 60 * 1024


async def test_removing_a_picture_draws_the_mark_again(here, shop, manager):
    await publish(manager, (await send(manager, "logo", LOGO)).headers["location"])
    page = await manager.get(PAGE)
    remove = html.unescape(re.search(r'href="(/console/brand\?[^"]*)"[^>]*>(?:(?!</a>).)*Remove', page.text, flags=re.DOTALL)[1])
    assert 'pass__logo"><img' not in (await manager.get(remove)).text
    await publish(manager, remove)
    assert (await content_of(here, shop)).pictures == Pictures() and 'pass__logo"><svg' in (await manager.get(PAGE)).text


async def test_all_programmes_get_the_pictures_and_keep_everything_else(here, shop, manager):
    first = await programs.get_program(here.db, shop.business_id, shop.program_id)
    second_id = await write_transaction(here.db, lambda tx: programs.create_program(
        tx, shop.business_id, slug="second", name="Second", rules=first.rules, now=here.clock.now()))
    mine = replace(await content_of(here, shop), background="#102030")
    await write_transaction(here.db, lambda tx: designs.create(tx, shop.business_id, second_id, mine, "Olga", here.clock.now()))
    at = (await send(manager, "logo", LOGO)).headers["location"]
    await publish(manager, at, where="all")
    second = await designs.content_of(here.db, await programs.get_program(here.db, shop.business_id, second_id))
    assert second.pictures == (await content_of(here, shop)).pictures != Pictures() and second.background == "#102030"


async def test_publishing_what_is_shown_already_makes_no_version(here, manager):
    await publish(manager, (await send(manager, "logo", LOGO)).headers["location"])
    page, before = await manager.get(PAGE), await rows(here)
    action = html.unescape(re.search(r'class="brand__save" method="post" action="([^"]+)"', page.text)[1])
    assert (await publish(manager, action)).status_code == 303 and await rows(here) == before


BAD = [("icon", made.gif_of(5), 422, "This is a GIF"), ("logo", made.DRAWINGS["script"].encode(), 422, "This is an SVG drawing"),
       ("strip", made.png_of(13_000, 13_000), 422, "13,000 × 13,000 pixels"), ("strip", LOGO[:len(LOGO) // 2], 422, "damaged or not whole"),
       ("logo", b"", 422, "Choose a picture first"), ("logo", bytes(2 * 1024 * 1024 + 1), 422, "over 2 MB"),
       ("logo", bytes(5 * 1024 * 1024), 413, "over 2 MB")]


@pytest.mark.goal("B6", "B7")
@pytest.mark.parametrize(("kind", "data", "status", "said"), BAD, ids=[f"{kind} {said}" for kind, _, _, said in BAD])
async def test_a_bad_picture_is_refused_beside_its_field_and_nothing_is_kept(here, shop, manager, kind, data, status, said):
    before = await rows(here)
    answer = await send(manager, kind, data)
    assert answer.status_code == status
    beside = re.search(rf'id="{kind}-error" role="alert">(.*?)</p>', answer.text, flags=re.DOTALL)
    assert beside and said in html.unescape(beside[1])
    assert await rows(here) == before


async def test_a_refusal_keeps_what_was_chosen_before(manager):
    at = (await send(manager, "logo", LOGO)).headers["location"]
    answer = await send(manager, "icon", made.gif_of(5), path=at)
    assert answer.status_code == 422 and 'pass__logo"><img' in answer.text


async def test_another_businesss_picture_cannot_be_chosen(here, shop, manager):
    other = await make_shop(here, "leaf", "Leaf")
    digest = await images.keep(here.db, other.who, "logo", LOGO, here.clock.now())
    page = await manager.get(f"{PAGE}?logo={digest}")
    assert page.status_code == 200 and 'pass__logo"><svg' in page.text
    await publish(manager, f"{PAGE}?logo={digest}")
    assert (await content_of(here, shop)).pictures == Pictures()


@pytest.mark.parametrize("spoiled", [{"token": "0" * 32}, {"headers": {"Origin": "https://evil.example.com"}}])
async def test_a_forged_upload_is_refused(here, manager, spoiled):
    before = await rows(here)
    assert (await send(manager, "logo", LOGO, **spoiled)).status_code == 403
    assert await rows(here) == before


async def test_only_the_three_kinds_have_an_address(here, manager):
    before = await rows(here)
    assert (await send(manager, "cover", LOGO)).status_code == 404 and await rows(here) == before


async def test_what_reads_badly_is_told(here, shop, manager):
    at = (await send(manager, "logo", made.saved(made.logo(colour="#104648")))).headers["location"]
    bright = made.photograph(600, 300).point(lambda value: 200 + value // 5)
    words = words_of(await manager.get((await send(manager, "strip", made.saved(bright), path=at)).headers["location"]))
    assert "Your logo can hardly be seen on the card’s colour (1.0 : 1)" in words
    assert "The figure is hard to read over this cover (1." in words and "Every word on the card reads well." not in words
    fine = words_of(await manager.get((await send(manager, "strip", made.saved(DARK), path=PAGE)).headers["location"]))
    assert "Every word on the card reads well." in fine


async def test_colours_that_do_not_read_are_told_here_too(here, shop, manager):
    content = replace(await content_of(here, shop), background="#f0bf3a", label="#ffffff")
    await write_transaction(here.db, lambda tx: designs.publish(tx, shop.who, shop.program_id, content, here.clock.now()))
    assert "Your labels would read 1.7" in await manager.page(PAGE)


async def test_publishing_the_look_keeps_the_pictures(here, shop, manager):
    await publish(manager, (await send(manager, "logo", LOGO)).headers["location"])
    await manager.post("/console/design", {
        "en.name": "Coffee & co", "en.points": "Beans", "en.logo_text": "", "en.about": "",
        "ru.name": "Кофе", "ru.points": "Зёрна", "ru.logo_text": "", "ru.about": "",
        "background": "#102030", "label": "#ffffff", "text": "", "accent": "", "language": "en"})
    content = await content_of(here, shop)
    assert content.en.name == "Coffee & co" and content.pictures.logo


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_page_speaks_both_languages(manager, language):
    words = await manager.page(PAGE, language)
    assert {"en": "Publish the pictures", "ru": "Опубликовать картинки"}[language] in words


