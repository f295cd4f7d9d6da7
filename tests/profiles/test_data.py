"""What is handed out, what ends, and what is forgotten: each said before, each with a fresh code and a tick."""
import io
import json
import zipfile

import pytest

from app.cards import service as cards
from app.customers import service as customers
from app.ledger import service as ledger
from app.programs.kinds import KINDS
from app.sales import service as sales
from tests.enrolment.joining import ANNA
from tests.profiles.conftest import EN, Shopper, books_agree, links_of, second_card


async def test_my_data_comes_as_one_file_and_as_tables(anna):
    await anna.confirm("export")
    await anna.get("/export")
    one, tables = [await anna.post("/export", format=kind) for kind in ("json", "zip")]
    assert (one.headers["content-type"], tables.headers["content-type"]) == ("application/json", "application/zip")
    assert one.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert {one.headers["cache-control"], tables.headers["cache-control"]} == {"private, no-store"}
    said = json.loads(one.content)
    assert ANNA in one.text and "Анна" in one.text
    names = {name.removesuffix(".csv") for name in zipfile.ZipFile(io.BytesIO(tables.content)).namelist()}
    assert names == set(said) and {"profile", "cards", "operations"} <= names
    assert (await anna.post("/export", format="exe")).status_code == 400


async def test_who_leaves_is_told_before_what_ends_and_the_card_ends_with_it(anna, here, shop, joining):
    await anna.confirm("leave")
    said = await anna.get("/leave")
    assert "120\u00a0points" in said and "nothing is paid out" in said
    assert (await anna.post("/leave")).status_code == 422
    assert (await cards.get_card(here.db, shop.business_id, anna.card.id)).status == "active"
    last = await anna.post("/leave", sure="on")
    assert last.status_code == 200 and "You have left" in last.text and 'href="/e/coffee/' in last.text
    assert (await cards.get_card(here.db, shop.business_id, anna.card.id)).status == "expired"
    assert (await ledger.shown(here.db, anna.card.account_id, here.clock.now())).available.get("points", 0) == 0
    for page in (anna.page, anna.shared):
        assert (await anna.client.get(page)).status_code == 404
    assert (await customers.get(here.db, here.ring, shop.business_id, anna.card.customer_id)).name == "Анна"
    given = await customers.consents_of(here.db, shop.business_id, anna.card.customer_id)
    assert {each.purpose: each.granted for each in given} == {"marketing": False}
    await books_agree(here)


async def test_who_left_may_come_back_with_an_empty_card(anna, here, shop, joining):
    await anna.confirm("leave")
    await anna.post("/leave", sure="on")
    here.clock.advance(minutes=5)
    told = await joining.start(ANNA)
    again = await cards.get_card(here.db, shop.business_id, told.card_id)
    assert again.id != anna.card.id and again.status == "provisional"
    assert (await ledger.shown(here.db, again.account_id, here.clock.now())).available.get("points", 0) == 0


async def test_cards_of_other_programmes_stay_when_one_is_left(anna, here, shop):
    other = await second_card(here, shop, anna.card.customer_id, points=7)
    await anna.confirm("leave")
    assert "stay as they are" in await anna.get("/leave")
    await anna.post("/leave", sure="on")
    assert (await cards.get_card(here.db, shop.business_id, other.id)).status == "active"
    assert (await ledger.shown(here.db, other.account_id, here.clock.now())).available["points"] == 7
    assert await customers.consents_of(here.db, shop.business_id, anna.card.customer_id) == []


async def test_no_card_ends_over_money_that_was_paid_in(anna, here, shop, client, joining):
    card = await second_card(here, shop, anna.card.customer_id, rules=KINDS["gift"].rules("RUB"))
    await sales.adjust(here.db, shop.who, card.id, "money", 5_000, "paid in", None, here.clock.now())
    gift = Shopper(here, client, joining, card, await links_of(here, card), ANNA)
    await gift.confirm("leave")
    assert "money of yours" in await gift.get("/leave")
    refused = await gift.post("/leave", sure="on")
    assert refused.status_code == 409 and "money of yours" in refused.text
    assert (await cards.get_card(here.db, shop.business_id, card.id)).status == "active"


async def test_who_wants_to_be_forgotten_is_told_before_and_nothing_names_them_afterwards(anna, here, shop):
    await anna.confirm("erase")
    said = await anna.get("/erase")
    assert "120\u00a0points" in said and f'href="{anna.page}/export"' in said
    assert (await anna.post("/erase")).status_code == 422
    last = await anna.post("/erase", sure="on")
    assert last.status_code == 200 and "You are forgotten" in last.text
    assert "own-" in last.headers["set-cookie"] and last.headers["clear-site-data"] == '"cache", "storage"'
    assert await customers.find_by_phone(here.db, here.ring, shop.business_id, ANNA) is None
    assert (await cards.get_card(here.db, shop.business_id, anna.card.id)).status == "erased"
    assert (await anna.client.get(anna.page)).status_code == 404
    await books_agree(here)


@pytest.mark.parametrize("rest", ["/leave", "/erase", "/export"])
async def test_a_card_that_no_code_can_reach_ends_by_nobodys_press(nobody, joining, rest):
    before = await joining.counts()
    assert (await nobody.client.get(nobody.page + rest)).headers["location"].endswith(f"/confirm?to={rest[1:]}")
    assert (await nobody.client.post(nobody.page + rest, data={"sure": "on", "format": "json"}, headers=EN)).status_code == 403
    assert await joining.counts() == before
