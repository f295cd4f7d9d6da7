"""Shoppers without a card at hand: found by surname or four digits, masked, noted, and not for browsing."""
import re

import pytest

from app.till import search_pages
from tests.shops import PASSWORD, make_card

ORIGIN = {"Origin": "https://cards.example.com", "Accept-Language": "en"}


@pytest.fixture
async def look(client, shop):
    """Looks for a text as the page's form does."""
    client.headers.update(ORIGIN)
    await client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": PASSWORD})
    token = re.search(r'name="csrf" value="([^"]*)"', (await client.get("/till/search")).text)[1]

    async def find(text: str):
        return await client.post("/till/search", data={"csrf": token, "q": text})

    return find


async def audited(here) -> list:
    return [(row["action"], row["details"]) for row in await here.db.fetch_all("SELECT action, details FROM audit_entries ORDER BY id")
            if row["action"] == "customer.searched"]


async def test_a_shopper_is_found_by_surname_and_by_four_digits_and_the_list_tells_little(look, here, shop, client):
    await make_card(here, shop, phone="+79161234567", name="Анна Иванова", points=77)
    await make_card(here, shop, phone="+79167654321", name="Олег Иванов")
    for text, found in (("Иванова", 1), ("иванов", 2), ("4567", 1), ("ivanov", 0), ("4321", 1)):
        page = (await look(text)).text
        assert len(set(re.findall(r"/till/cards/crd_\w+", page))) == found, text
    page = (await look("4567")).text
    assert "Анна И." in page and "••• 4567" in page
    for told in ("Иванова", "+7916", "123456", ">77<"):
        assert told not in page, told
    [url] = set(re.findall(r"/till/cards/crd_\w+", page))
    assert "Анна Иванова" in (await client.get(url)).text


async def test_each_search_is_noted_without_what_was_typed(look, here, shop):
    await make_card(here, shop, name="Анна Иванова")
    await look("Иванова")
    [(_, details)] = await audited(here)
    assert "Иванова" not in str(details) and '"by"' in str(details).replace("'", '"')


@pytest.mark.parametrize("text", ["", "А", "12", "123456", "+79161234567", "1а", "%", "....", "12345"])
async def test_what_would_list_half_the_town_is_refused(look, here, shop, text):
    await make_card(here, shop)
    answer = await look(text)
    assert answer.status_code == 422 and "crd_" not in answer.text and await audited(here) == []


async def test_nobody_browses_the_list_of_customers(look, here, shop, clock):
    for _ in range(search_pages.SEARCHES):
        assert (await look("Иванова")).status_code == 200
    answer = await look("Иванова")
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0 and 'value="Иванова"' in answer.text
    assert len(await audited(here)) == search_pages.SEARCHES


async def test_more_than_the_list_shows_is_said_and_other_businesses_are_nobody(look, here, shop, other_shop):
    for at in range(search_pages.MOST_SHOWN + 1):
        await make_card(here, shop, phone=f"+791612300{at:02}", name=f"Анна Иванова{at}")
    await make_card(here, other_shop, phone="+79160001122", name="Пётр Петров")
    page = (await look("Иванова")).text
    assert len(set(re.findall(r"/till/cards/crd_\w+", page))) == search_pages.MOST_SHOWN and "More people fit" in page
    assert "Nobody is found" in (await look("Петров")).text
