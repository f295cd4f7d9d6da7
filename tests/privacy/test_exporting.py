"""A shopper gets everything that is known of them, and nothing that opens a door."""
import csv
import io
import json
import zipfile

import pytest

from app.cards import service as cards
from app.customers import documents, topics
from app.customers import service as customers
from app.db import write_transaction
from app.errors import NotFound
from app.privacy import service as privacy
from app.sales import merging
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.web.principal import shopper
from tests.shops import make_card


@pytest.fixture
async def anna(here, shop):
    """A customer with a card, a sale, an adjustment, consents and a topic."""
    card = await make_card(here, shop, points=300)
    await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 100_000, 100), None, here.clock.now())

    async def act(tx):
        who = shopper(shop.business_id, card.customer_id)
        await documents.answer(tx, who, card.customer_id, {"terms": True, "marketing": True}, "ru", "activation", here.clock.now())
        topic = await topics.add_topic(tx, shop.who, "coffee", {"en": "Coffee", "ru": "Кофе"}, here.clock.now())
        await topics.set_wish(tx, who, card.customer_id, topic.id, "sms", False, here.clock.now())
        return await cards.page_link(tx, here.ring, card, "card", here.clock.now())

    token = await write_transaction(here.db, act)
    return card, token


async def exported(here, shop, card):
    return await privacy.export(here.db, here.ring, shop.business_id, card.customer_id)


@pytest.mark.goal("N3")
async def test_an_export_holds_what_is_known_of_a_shopper(here, shop, anna):
    card, _ = anna
    sections = json.loads((await exported(here, shop, card)).json_bytes())
    [profile] = sections["profile"]
    assert (profile["phone"], profile["name"], profile["language"]) == ("+79161231234", "Анна", "ru")
    assert [one["number"] for one in sections["cards"]] == [card.number]
    assert {one["kind"] for one in sections["operations"]} == {"adjustment", "sale"}
    assert {one["operation"] for one in sections["entries"]} == {one["operation"] for one in sections["operations"]}
    assert [(one["topic"], one["channel"], one["wanted"]) for one in sections["topics"]] == [("coffee", "sms", 0)]
    assert {(one["purpose"], one["granted"], one["text"]) for one in sections["consents"]} == {
        ("terms", True, "Храните мой номер и мои визиты, чтобы карта работала"), ("marketing", True, "Пишите мне о подарках и новинках")}
    assert profile["created_at"] == "2026-11-22T09:00:00Z"


@pytest.mark.goal("N3")
async def test_nothing_in_an_export_opens_a_door(here, shop, anna):
    card, token = anna
    made = await exported(here, shop, card)
    text = made.json_bytes().decode()
    assert token not in text and card.code not in text
    columns = {column for rows in made.sections.values() for row in rows for column in row}
    assert not [column for column in columns if column.endswith(("_hash", "_sealed", "_id")) or "token" in column or column == "id"]


async def test_the_tables_hold_the_same_as_the_json_and_no_cell_is_a_formula(here, shop):
    card = await make_card(here, shop, name="=HYPERLINK(1)")
    made = await exported(here, shop, card)
    with zipfile.ZipFile(io.BytesIO(made.csv_zip())) as archive:
        assert set(archive.namelist()) == {f"{name}.csv" for name in made.sections}
        rows = list(csv.DictReader(io.StringIO(archive.read("profile.csv").decode("utf-8-sig"))))
    assert [row["name"] for row in rows] == ["'=HYPERLINK(1)"] and rows[0]["phone"] == "'+79161231234"


async def test_what_was_merged_into_a_shopper_is_theirs(here, shop):
    keep = await make_card(here, shop)
    lose = await make_card(here, shop, phone="+79161231235", points=50)
    await merging.merge(here.db, shop.who, keep.id, lose.id, None, here.clock.now())
    sections = (await exported(here, shop, keep)).sections
    assert {row["number"] for row in sections["cards"]} >= {keep.number, lose.number}
    assert {row["phone"] for row in sections["profile"]} >= {"+79161231234"}


async def test_another_businesss_shopper_is_nobody_here(here, shop, other_shop):
    card = await make_card(here, shop)
    with pytest.raises(NotFound):
        await privacy.export(here.db, here.ring, other_shop.business_id, card.customer_id)
    await make_card(here, other_shop, name="Мария")
    assert "Мария" not in (await exported(here, shop, card)).json_bytes().decode()
    assert await customers.get(here.db, here.ring, shop.business_id, card.customer_id)
