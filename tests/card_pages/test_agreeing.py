"""New words of a document are asked about on the card's page, calmly: the card works, and nothing is agreed to that was not read."""
import re

import pytest

from app.customers import documents
from app.customers.document_rules import Draft
from app.db import write_transaction
from app.web.principal import shopper
from tests.console.visiting import words_of

EN = {"Accept-Language": "en"}


@pytest.fixture
async def agreed(here, shop, card):
    """Anna said yes to the card and to messages an hour ago."""
    async def act(tx):
        await documents.answer(tx, shopper(card.business_id, card.customer_id), card.customer_id, {"terms": True, "marketing": True}, "en",
                               "activation", here.clock.now())

    await write_transaction(here.db, act)
    here.clock.advance(hours=1)


async def write(here, shop, text, purpose="terms", **more):
    await write_transaction(here.db, lambda tx: documents.write(tx, shop.who, Draft(purpose, "en", text, **more), here.clock.now()))
    here.clock.advance(hours=1)


async def given(here, card):
    """(purpose, yes or no, version, channel) of every answer, the newest first."""
    found = await documents.given_by(here.db, card.business_id, card.customer_id)
    return [(each.document.purpose, each.granted, each.document.version, each.channel) for each in found]


def read_in(page) -> str:
    return re.search(r'name="read" value="(\w+)"', page.text)[1]


async def answer(client, address, said, page):
    return await client.post(f"{address}/agree", data={"agree": said, "read": read_in(page)}, headers=EN)


@pytest.mark.goal("N1")
async def test_terms_that_everybody_is_asked_about_stand_on_the_page_and_a_yes_is_kept_with_their_version(
        here, shop, client, card, links, agreed):
    await write(here, shop, "Keep my number", title="How we keep data", long_text="For a year.", ask_again=True)
    page = await client.get(links["card"], headers=EN)
    assert "Our words have changed Keep my number How we keep data" in words_of(page) and 'href="/e/coffee/terms/terms/en/2"' in page.text
    assert "No, thank you" not in page.text and " ".join(card.code[at:at + 4] for at in range(0, 16, 4)) in page.text
    done = await answer(client, links["card"], "1", page)
    assert done.headers["location"] == f"{links['card']}?done=agreed#agreed"
    assert (await given(here, card))[0] == ("terms", True, 2, "card_page")
    page = await client.get(done.headers["location"], headers=EN)
    assert 'id="again"' not in page.text and "Your answer is kept" in page.text


async def test_a_new_version_that_nobody_is_asked_about_shows_nothing(here, shop, client, links, agreed):
    await write(here, shop, "Keep my number")
    assert 'id="again"' not in (await client.get(links["card"], headers=EN)).text


async def test_one_is_asked_after_the_other_and_a_no_to_messages_is_an_answer(here, shop, client, card, links, agreed):
    await write(here, shop, "Text me a lot", "marketing", ask_again=True)
    await write(here, shop, "Keep my number", ask_again=True)
    page = await client.get(links["card"], headers=EN)
    assert "Text me a lot" not in page.text
    refused = await answer(client, links["card"], "0", page)        # no card without its terms: such a no is none
    assert refused.headers["location"] == links["card"] and len(await given(here, card)) == 2
    await answer(client, links["card"], "1", page)
    page = await client.get(links["card"], headers=EN)
    assert "Our words have changed Text me a lot" in words_of(page) and "No, thank you" in page.text
    await answer(client, links["card"], "0", page)
    assert (await given(here, card))[0] == ("marketing", False, 2, "card_page")
    assert 'id="again"' not in (await client.get(links["card"], headers=EN)).text


@pytest.mark.goal("N1")
async def test_words_that_changed_once_more_are_read_first(here, shop, client, card, links, agreed):
    await write(here, shop, "Keep my number", ask_again=True)
    page = await client.get(links["card"], headers=EN)
    await write(here, shop, "Keep everything")
    assert (await answer(client, links["card"], "1", page)).headers["location"] == links["card"]
    assert len(await given(here, card)) == 2 and "Keep everything" in (await client.get(links["card"], headers=EN)).text


async def test_the_link_that_is_shown_around_and_another_site_agree_to_nothing(here, shop, client, card, links, agreed):
    await write(here, shop, "Keep my number", ask_again=True)
    page = await client.get(links["card"], headers=EN)
    assert 'id="again"' not in (await client.get(links["pass"], headers=EN)).text
    assert (await answer(client, links["pass"], "1", page)).headers["location"] == links["pass"]
    forged = await client.post(f"{links['card']}/agree", data={"agree": "1", "read": read_in(page)},
                               headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code == 403 and len(await given(here, card)) == 2
