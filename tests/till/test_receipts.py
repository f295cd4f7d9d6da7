"""Goods that come back at the cashier's page: a receipt found by its number, a sum or pieces of its lines, and what to give back."""
import re

import pytest

from app.ledger import service as ledger
from app.ledger import verify
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.console.visiting import words_of
from tests.shops import PASSWORD, make_card
from tests.till.calling import on_sqlite, written
from tests.till.test_pages import hidden

pytestmark = on_sqlite
LINES = [{"amount": 60_000, "quantity": 3, "name": "Latte", "sku": "L"}, {"amount": 40_000, "name": "Cake", "sku": "C"}]


@pytest.fixture
async def sold(client, here, shop):
    """(browser at the till, the page of a sale with lines, its card)"""
    client.headers.update({"Origin": "https://cards.example.com", "Accept-Language": "en"})
    assert (await client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": PASSWORD})).status_code == 303
    card = await make_card(here, shop)
    done = await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 100_000, receipt="A-77", lines=LINES), None, here.clock.now())
    return client, f"/till/sales/{here.ids.encode('operation', done.operation.id)}", card


async def points(here, card) -> int:
    return (await ledger.shown(here.db, card.account_id, here.clock.now())).available.get("points", 0)


async def send(client, url, act, **fields):
    return await client.post(url, data={**hidden((await client.get(url)).text), "act": act, **fields})


def plain(answer) -> str:
    return words_of(answer).replace("\u00a0", " ").replace("\u202f", " ")


async def test_a_receipt_is_found_by_its_number_and_leads_to_its_page(sold, here) -> None:
    client, url, _ = sold
    page = (await client.get("/till/sales?q=A-77")).text
    assert f'href="{url}"' in page
    assert "No purchase with a card has this receipt number" in words_of(await client.get("/till/sales?q=B-1"))
    shown = plain(await client.get(url))
    assert "A-77" in shown and "Latte 600 ₽" in shown and "of 3" in shown and "1 000 ₽ are left" in shown


async def test_pieces_of_lines_come_back_and_what_is_left_is_told(sold, here) -> None:
    client, url, card = sold
    answer = await send(client, url, "refund", line1="2", line2="0", sum="")
    assert answer.status_code == 303
    page = plain(await client.get(answer.headers["location"]))
    assert "Give back 400 ₽" in page and "−20 points" in page and "of 1" in page and "600 ₽ are left" in page
    assert await points(here, card) == 30
    again = await send(client, url, "refund", line1="2", sum="")
    assert again.status_code in (409, 422) and await points(here, card) == 30 and 'value="2"' in again.text


async def test_a_sum_comes_back_then_all_that_is_left(sold, here) -> None:
    client, url, card = sold
    assert (await send(client, url, "refund", sum="250,50")).status_code == 303
    answer = await send(client, url, "whole")
    page = plain(await client.get(answer.headers["location"]))
    assert "Give back 749.50 ₽" in page and "All of it came back." in page and await points(here, card) == 0
    assert [found.sentence for found in await verify.verify(here.db, here.clock.now()) if found.is_fault] == []


async def test_a_second_press_of_the_same_form_is_the_same_refund(sold, here) -> None:
    client, url, card = sold
    form = {**hidden((await client.get(url)).text), "act": "refund", "sum": "100"}
    one, other = await client.post(url, data=form), await client.post(url, data=form)
    assert one.headers["location"] == other.headers["location"] and await points(here, card) == 45


@pytest.mark.parametrize(("fields", "status", "word"), [
    ({"sum": ""}, 422, "Type a sum"), ({"sum": "abc"}, 422, "in digits"), ({"sum": "1000,01"}, 409, ""), ({"line1": "4"}, 409, ""),
    ({"sum": "10", "receipt": "x" * 65}, 422, "1 to 64")])
async def test_what_cannot_come_back_is_told_with_what_was_typed(sold, here, fields, status, word) -> None:
    client, url, _ = sold
    before = await written(here)
    answer = await send(client, url, "refund", **fields)
    assert answer.status_code in (status, 422) and word in words_of(answer) and await written(here) == before
    assert all(f'value="{text}"' in answer.text for text in fields.values() if text)


async def test_an_undone_sale_offers_nothing_more(sold, here) -> None:
    client, url, card = sold
    operation = url.rsplit("/", 1)[1]
    answer = await send(client, url, "undo", operation=operation)
    assert answer.status_code == 303 and await points(here, card) == 0
    assert "It was taken back." in words_of(await client.get(url))
    assert re.search(r"taken back", words_of(await client.get("/till/sales")))


@pytest.mark.goal("A3")
async def test_sales_of_another_business_are_not_there(sold, here, other_shop) -> None:
    client = sold[0]
    card = await make_card(here, other_shop)
    theirs = await sales.sell(here.db, other_shop.cashier, SaleRequest(card.id, 10_000, receipt="Z-1"), None, here.clock.now())
    csrf = hidden((await client.get("/till")).text)
    for operation in (here.ids.encode("operation", theirs.operation.id), "op_0000000000000", "x"):
        assert (await client.get(f"/till/sales/{operation}")).status_code == 404
        assert (await client.post(f"/till/sales/{operation}", data={**csrf, "act": "whole"})).status_code == 404
    assert "No purchase with a card" in words_of(await client.get("/till/sales?q=Z-1"))
