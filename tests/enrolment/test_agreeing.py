"""What the activation page asks: each purpose by itself, nothing ticked before, and only words that were really read (goal N1)."""
import re

import pytest

from app.customers import documents
from app.customers.document_rules import Draft
from app.db import write_transaction
from tests import engines


@pytest.fixture
def database_url(tmp_path):
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def asked(here, shop, joining):
    """An activation link of a business that also asks whether it may tell its partners, with a long document behind the terms."""
    async def act(tx):
        now = here.clock.now()
        await documents.add_purpose(tx, shop.who, "partners", {"en": "Partners", "ru": "Партнёры"}, now)
        await documents.write(tx, shop.who, Draft("partners", "en", "Tell the bakery next door"), now)
        await documents.write(tx, shop.who, Draft("terms", "en", "Keep my number", "How we keep data", "For a year."), now)

    await write_transaction(here.db, act)
    await joining.start()
    return joining.inbox.path()


async def given(here, shop):
    row = await here.db.fetch_one("SELECT id FROM customers ORDER BY id DESC LIMIT 1")
    found = await documents.given_by(here.db, shop.business_id, row["id"])
    return {each.document.purpose: (each.granted, each.document.text) for each in found}


async def page_of(client, path):
    return (await client.get(path, headers={"Accept-Language": "en"})).text


@pytest.mark.goal("N1")
async def test_each_purpose_has_a_box_of_its_own_and_none_is_ticked(client, asked):
    page = await page_of(client, asked)
    boxes = re.findall(r'<input type="checkbox"[^>]*>', page)
    assert len(boxes) == 3 and not [box for box in boxes if "checked" in box]
    assert "Tell the bakery next door" in page and 'href="/e/coffee/terms/terms/en/2"' in page
    assert re.findall(r'name="([^"]+)"[^>]* required', "".join(boxes)) == ["terms"]


@pytest.mark.goal("N1")
async def test_the_card_is_there_with_the_terms_alone_and_every_no_is_remembered(here, shop, client, asked):
    answer = await client.post(asked, data={"terms": "on"}, headers={"Accept-Language": "en"})
    assert answer.status_code == 303
    assert await given(here, shop) == {"terms": (True, "Keep my number"), "marketing": (False, "Text me about gifts and news"),
                                       "partners": (False, "Tell the bakery next door")}


@pytest.mark.goal("N1")
async def test_an_own_purpose_that_was_ticked_is_kept_with_its_words(here, shop, client, asked):
    await client.post(asked, data={"terms": "on", "agree-partners": "on"}, headers={"Accept-Language": "en"})
    assert (await given(here, shop))["partners"] == (True, "Tell the bakery next door")


@pytest.mark.goal("N1")
async def test_words_that_changed_while_somebody_read_are_read_again_first(here, shop, client, asked):
    read = re.search(r'name="read" value="(\w+)"', await page_of(client, asked))[1]
    await write_transaction(here.db, lambda tx: documents.write(tx, shop.who, Draft("terms", "en", "Keep all"), here.clock.now()))
    answer = await client.post(asked, data={"terms": "on", "read": read}, headers={"Accept-Language": "en"})
    assert answer.status_code == 422 and "have changed while you read" in answer.text and "Keep all" in answer.text
    assert "checked" not in "".join(re.findall(r'<input type="checkbox"[^>]*>', answer.text))
    assert await here.db.fetch_val("SELECT COUNT(*) FROM consents") == 0
    now_read = re.search(r'name="read" value="(\w+)"', answer.text)[1]
    assert (await client.post(asked, data={"terms": "on", "read": now_read}, headers={"Accept-Language": "en"})).status_code == 303
    assert (await given(here, shop))["terms"] == (True, "Keep all")
