"""The code that changes, on the card's page: who sees it, how it is renewed, and the button for the till."""
import re

import pytest
from msgspec import json

from app.cards import rotation
from app.cards import service as cards
from app.web.codes import code_svg
from tests.card_pages.test_pages import EN
from tests.enrolment.joining import ANNA


@pytest.fixture
async def rotating(here, shop):
    await rotation.choose(here.db, shop.who, shop.program_id, 30, False, here.clock.now())


def in_fours(digits: str) -> str:
    return " ".join(digits[at:at + 4] for at in range(0, len(digits), 4))


async def how(here, card) -> str | None:
    return await here.db.fetch_val("SELECT how FROM presentations WHERE card_id = :id", {"id": card.id})


async def test_the_page_shows_24_digits_and_the_till_believes_them(client, here, shop, card, links, rotating):
    page = (await client.get(links["card"], headers=EN)).text
    [shown] = re.findall(rf"<span>({in_fours(card.code)} \d{{4}} \d{{4}})</span>", page)
    assert "This code changes every 30 seconds" in page
    assert (await cards.find(here.db, here.ring, shop.cashier, shown, "RU", here.clock.now())).cards == (card,)
    assert await how(here, card) == "code"


async def test_the_picture_holds_the_digits_that_are_written_beside_it(client, here, card, links, rotating):
    told = (await client.get(links["card"] + "/code")).json()
    assert told["svg"] == str(code_svg("qr", told["digits"].replace(" ", "")))
    assert told["seconds_left"] == 30


async def test_the_next_code_comes_when_the_time_of_one_is_over(client, here, card, links, rotating):
    first = await client.get(links["card"] + "/code")
    assert first.headers["cache-control"] == "private, no-store"
    here.clock.advance(seconds=29)
    late = (await client.get(links["card"] + "/code")).json()
    assert (late["digits"], late["seconds_left"]) == (first.json()["digits"], 1)
    here.clock.advance(seconds=1)
    assert (await client.get(links["card"] + "/code")).json()["digits"] != first.json()["digits"]


async def test_without_scripts_the_page_reloads_itself_in_time(client, here, links, rotating):
    here.clock.advance(seconds=12)
    assert '<noscript><meta http-equiv="refresh" content="18"></noscript>' in (await client.get(links["card"])).text


async def test_without_network_the_still_code_stands_ready_in_the_page(client, card, links, rotating):
    page = (await client.get(links["card"])).text
    [kept] = re.findall("<template data-still-code>(.*?)</template>", page, re.DOTALL)
    assert kept == f"{code_svg('qr', card.code)}<span>{in_fours(card.code)}</span>"


async def test_the_passs_link_shows_the_still_code_alone(client, card, links, rotating):
    page = (await client.get(links["pass"])).text
    assert f"<span>{in_fours(card.code)}</span>" in page and "data-code" not in page
    assert (await client.get(links["pass"] + "/code")).status_code == 404


async def test_a_programme_whose_codes_stand_still_has_no_such_page_and_makes_no_key(client, here, card, links):
    page = (await client.get(links["card"])).text
    assert "data-code" not in page and "at-till" not in page and "rotate.js" not in page
    assert (await client.get(links["card"] + "/code")).status_code == 404
    assert await here.db.fetch_val("SELECT totp_key_sealed FROM cards WHERE id = :id", {"id": card.id}) is None


async def test_a_blocked_card_shows_no_live_code(client, here, shop, card, links, rotating):
    await cards.block(here.db, shop.who, card.id, None, here.clock.now())
    assert (await client.get(links["card"] + "/code")).status_code == 404
    assert "data-code" not in (await client.get(links["card"])).text


async def test_the_button_confirms_to_the_till(client, here, card, links, rotating):
    assert f'action="{links["card"]}/at-till"' in (await client.get(links["card"])).text
    answer = await client.post(links["card"] + "/at-till")
    assert (answer.status_code, answer.headers["location"]) == (303, links["card"] + "?done=at-till")
    assert await how(here, card) == "page"
    assert "For five minutes" in (await client.get(answer.headers["location"], headers=EN)).text


async def test_through_the_passs_link_a_code_by_sms_comes_before_the_button(client, here, joining, card, links, rotating):
    asked = await client.post(links["pass"] + "/at-till")
    assert asked.headers["location"] == links["pass"] + "/confirm?to=till"
    assert await how(here, card) is None
    await client.post(links["pass"] + "/code?to=till")
    await joining.deliver()
    answer = await client.post(links["pass"] + "/confirm?to=till", data={"code": joining.inbox.link()})
    assert (answer.status_code, answer.headers["location"]) == (303, links["card"] + "?done=at-till")
    assert await how(here, card) == "page"


async def test_another_site_presses_no_button(client, here, card, links, rotating):
    refused = await client.post(links["card"] + "/at-till", headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403
    assert await how(here, card) is None


async def test_nothing_is_confirmed_where_no_till_asks(client, here, shop, card, links, rotating):
    await rotation.choose(here.db, shop.who, shop.program_id, 30, True, here.clock.now())
    assert "at-till" not in (await client.get(links["card"])).text
    assert (await client.post(links["card"] + "/at-till")).status_code == 409
    assert await how(here, card) is None


async def test_looking_at_the_code_changes_nothing_else(client, here, joining, card, links, rotating):
    await client.get(links["card"] + "/code")
    before = await joining.counts()
    for _ in range(3):
        here.clock.advance(seconds=30)
        assert ANNA not in json.encode((await client.get(links["card"] + "/code")).json()).decode()
    assert await joining.counts() == before
