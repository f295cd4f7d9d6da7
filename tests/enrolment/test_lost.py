"""“Lost your phone?” on the enrolment page: a member's number brings a link, and strangers learn nothing."""
import re

import pytest

from tests.enrolment.joining import ANNA
from tests.shops import make_card

EN = {"accept-language": "en"}


@pytest.fixture
async def lost(here, shop, client):
    slug = await here.db.fetch_val("SELECT slug FROM programs WHERE id = :id", {"id": shop.program_id})
    return f"/e/coffee/{slug}/lost"


def text_of(answer) -> str:
    """The page without what is drawn for each answer alone."""
    return re.sub(r'nonce="[^"]*"', "", answer.text)


async def test_the_enrolment_page_leads_there(client, lost):
    assert f'href="{lost}"' in (await client.get("/e/coffee")).text
    assert "Lost your phone?" in (await client.get(lost, headers=EN)).text


async def test_a_members_number_brings_a_link_to_where_another_card_is_asked_for(client, here, shop, joining, lost):
    await make_card(here, shop)
    assert (await client.post(lost, data={"phone": ANNA}, headers=EN)).status_code == 200
    await joining.deliver()
    page = joining.inbox.path()
    assert page.endswith("/lost")
    assert "First we send six digits" in (await client.get(page, headers=EN)).text


async def test_a_strangers_number_gets_the_same_page_and_no_message(client, here, shop, joining, lost):
    await make_card(here, shop)
    member = await client.post(lost, data={"phone": ANNA}, headers=EN)
    stranger = await client.post(lost, data={"phone": "+79169991234"}, headers=EN)
    assert text_of(member) == text_of(stranger) and "If a card belongs" in stranger.text
    await joining.deliver()
    assert [to for to, _ in joining.inbox.messages] == [ANNA]
    assert await here.db.fetch_val("SELECT COUNT(*) FROM enrolments") == 0


async def test_what_is_no_number_is_said_so(client, lost):
    answer = await client.post(lost, data={"phone": "12"}, headers=EN)
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text


async def test_messages_to_a_number_have_their_gap_and_asking_has_an_end(client, here, shop, joining, lost):
    await make_card(here, shop)
    for _ in range(12):
        assert (await client.post(lost, data={"phone": ANNA}, headers=EN)).status_code == 200
    here.clock.advance(minutes=2)
    assert (await client.post(lost, data={"phone": ANNA}, headers=EN)).status_code == 200
    await joining.deliver()
    assert len(joining.inbox.messages) == 1
    here.clock.advance(hours=1)
    await client.post(lost, data={"phone": ANNA}, headers=EN)
    await joining.deliver()
    assert len(joining.inbox.messages) == 2


async def test_another_site_asks_for_nothing(client, here, shop, joining, lost):
    await make_card(here, shop)
    refused = await client.post(lost, data={"phone": ANNA}, headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403
    await joining.deliver()
    assert joining.inbox.messages == []
