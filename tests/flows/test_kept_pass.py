"""Goal F15 over HTTP: after the certificate's end phones and the card's page get the last signed version, and nobody gets a new one."""
import json
import zipfile
from io import BytesIO

import pytest

from app.cards import service as cards
from app.certificates import bringing
from app.certificates.uploads import Upload
from app.db import write_transaction
from tests.certificates.authority import Authority, key, key_pem, pem
from tests.shops import make_card

pytestmark = pytest.mark.goal("F15")


async def address_of(here, card):
    token = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, card, "card", here.clock.now()))
    return f"/c/{token}"


async def bring(here, shop, number=1):
    apple = Authority(here.clock.now())
    upload = Upload(pem(apple.issue(key(number).public_key())), key_pem(number), pem(apple.certificate))
    await bringing.bring(here, shop.who, upload, here.clock.now())


async def test_a_phone_and_the_cards_page_get_the_last_signed_version_until_a_new_certificate_comes(here, client, shop):
    await bring(here, shop)
    card = await make_card(here, shop)
    page = await address_of(here, card)
    assert "/card.pkpass" in (await client.get(page, headers={"User-Agent": "iPhone"})).text
    first = await client.get(f"{page}/card.pkpass")
    assert first.headers["content-type"] == "application/vnd.apple.pkpass"
    held = json.loads(zipfile.ZipFile(BytesIO(first.content)).read("pass.json"))
    service = held["webServiceURL"].removeprefix("https://cards.example.com")
    update = f"{service}/v1/passes/{held['passTypeIdentifier']}/{held['serialNumber']}"
    phone = {"Authorization": f"ApplePass {held['authenticationToken']}"}
    await cards.block(here.db, shop.who, card.id, None, here.clock.now())
    second = await client.get(update, headers=phone)
    await here.extras["registrations.fetches"].flush()
    here.clock.advance(days=400)
    await cards.unblock(here.db, shop.who, card.id, None, here.clock.now())
    for served in (await client.get(update, headers=phone), await client.get(f"{page}/card.pkpass")):
        assert (served.status_code, served.content) == (200, second.content)
        assert served.headers["last-modified"] == second.headers["last-modified"] != first.headers["last-modified"]
    unchanged = await client.get(update, headers={**phone, "If-Modified-Since": second.headers["last-modified"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    await bring(here, shop, 2)
    renewed = await client.get(update, headers=phone)
    assert renewed.status_code == 200
    assert "voided" not in json.loads(zipfile.ZipFile(BytesIO(renewed.content)).read("pass.json"))
    await here.extras["registrations.fetches"].close()


async def test_a_card_without_a_kept_version_is_refused_in_plain_words_in_both_languages(here, client, shop):
    await bring(here, shop)
    here.clock.advance(days=400)
    page = await address_of(here, await make_card(here, shop))
    for language, words in (("en", "the pass certificate has expired"), ("ru", "сертификат")):
        refused = await client.get(f"{page}/card.pkpass", headers={"Accept": "text/html", "Accept-Language": language})
        assert refused.status_code == 503
        assert words in refused.text
    assert (await client.get(page)).status_code == 200        # the card itself works
