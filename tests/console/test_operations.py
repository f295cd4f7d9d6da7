"""Operations in the console: every filter, the order, the pages."""
import re
from datetime import UTC, datetime, timedelta

import pytest

from app.db import write_transaction
from app.programs import service as programs
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.console.visiting import sign_in
from tests.shops import make_card


@pytest.fixture
async def quay(here, shop):
    """A second location."""
    return await write_transaction(here.db, lambda tx: programs.create_location(
        tx, shop.business_id, name="River quay", texts={"ru": {"name": "На набережной"}}, now=here.clock.now()))


async def buy(here, shop, card, receipt, location_id=None, at=None):
    return (await sales.sell(here.db, shop.key_principal, SaleRequest(card_id=card.id, amount=10_000, receipt=receipt, at=at,
                             location_id=location_id or shop.location_id), None, here.clock.now())).operation


async def shown(owner, language="en", **query):
    """The rows of the table, as words."""
    answer = await owner.client.get("/console/operations", params=query, headers={"Cookie": owner.cookie, "Accept-Language": language})
    assert answer.status_code == 200
    body = answer.text.partition("<tbody>")[2].partition("</tbody>")[0]
    return [re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", row)).strip() for row in body.split("</tr>")[:-1]]


async def test_every_operation_stands_there_with_who_where_and_how_much(here, shop, owner):
    card = await make_card(here, shop, points=100)
    sale = await buy(here, shop, card, "R-1")
    await sales.undo(here.db, shop.who, sale.id, None, here.clock.now())
    undo, bought, corrected = await shown(owner)
    assert re.search("Purchase taken back Анна .*Owner", undo) and undo.endswith("−5")
    assert bought == "22 November, 12:00 Purchase Анна Pushkin Street · till 2 R-1 100 ₽ +5"
    assert corrected == "22 November, 12:00 Correction Анна Owner +100"


async def test_each_filter_shows_what_fits_and_keeps_its_choice(here, shop, owner, quay):
    anna, boris = await make_card(here, shop, points=100), await make_card(here, shop, phone="+79165550000", name="Борис")
    await buy(here, shop, anna, "R-1")
    await buy(here, shop, boris, "R-2", quay)
    place = here.ids.encode("location", quay)
    assert [row.count("R-2") for row in await shown(owner, location=place)] == [1]
    assert [row.count("Correction") for row in await shown(owner, kind="adjustment")] == [1]
    assert await shown(owner, kind="refund") == []
    assert [row.count("R-1") for row in await shown(owner, q="R-1")] == [1]
    for text in (anna.number, anna.code, "+79161231234"):
        assert len(await shown(owner, q=text)) == 2, text
    assert len(await shown(owner, kind="sale")) == 2 and len(await shown(owner, kind="sale", location=place)) == 1
    page = (await owner.get(f"/console/operations?kind=sale&location={place}&q=R-2&from=2026-11-22")).text
    assert '<option value="sale" selected>' in page and f'<option value="{place}" selected>' in page
    assert 'value="R-2"' in page and 'value="2026-11-22"' in page


async def test_a_location_is_named_in_the_language_of_the_page(here, shop, owner, quay):
    await buy(here, shop, await make_card(here, shop), "R-1", quay)
    assert "River quay" in (await shown(owner))[0] and "На набережной" in (await shown(owner, "ru"))[0]


async def test_days_are_the_businesss_own(client, here, shop):
    """23:59 and 0:00 in Moscow are 20:59 and 21:00 UTC."""
    card = await make_card(here, shop)
    here.clock.advance(days=3)
    for minute, receipt in ((59, "late"), (60, "early")):
        at = datetime(2026, 11, 23, 20, tzinfo=UTC) + timedelta(minutes=minute)
        await buy(here, shop, card, receipt, at=at)
    owner = await sign_in(client, "owner@coffee.example.com")
    assert [row.count("late") for row in await shown(owner, **{"from": "2026-11-23", "to": "2026-11-23"})] == [1]
    assert [row.count("early") for row in await shown(owner, **{"from": "2026-11-24", "to": "2026-11-24"})] == [1]
    assert len(await shown(owner, **{"from": "2026-11-23", "to": "2026-11-24"})) == 2
    assert await shown(owner, **{"from": "2026-11-25"}) == [] and await shown(owner, to="2026-11-22") == []


@pytest.mark.parametrize("query", [{"from": "yesterday"}, {"to": "2026-13-45"}, {"kind": "theft"}, {"location": "loc_0000000000000"},
                                   {"before": "1-"}, {"before": "9" * 40}, {"from": "0001-01-01"}, {"to": "9999-12-31"}])
async def test_a_filter_that_makes_no_sense_is_left_out(here, shop, owner, query):
    await make_card(here, shop, points=100)
    assert len(await shown(owner, **query)) == 1


async def test_fifty_make_a_page_and_the_filters_go_along(here, shop, owner):
    card = await make_card(here, shop)
    for number in range(52):
        here.clock.advance(minutes=1)
        await buy(here, shop, card, f"R-{number:02}")
    first = await owner.get("/console/operations?kind=sale")
    [older] = re.findall(r'href="([^"]*before=[^"]*)"', first.text)
    second = await owner.get(older.replace("&amp;", "&"))
    receipts = [re.findall(r"R-\d\d", page.text) for page in (first, second)]
    assert [len(each) for each in receipts] == [50, 2] and receipts[0][0] == "R-51" and receipts[1] == ["R-01", "R-00"]
    assert "kind=sale" in older and "before=" not in "".join(re.findall(r'href="(/console/operations\?[^"]*)"', second.text))


async def test_nothing_found_says_what_to_do(owner):
    assert "stand here as they happen" in await owner.page("/console/operations")
    text = await owner.page("/console/operations?kind=refund")
    assert "No operation fits." in text and "Show everything" in text
