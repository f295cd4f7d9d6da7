"""Groups of customers are made of a filter, say what they ask, show who is in them, and are handed out as a table."""
import pytest

from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.segments import service as segments
from tests.console.visiting import rows, value_of, words_of
from tests.shops import make_card

SEGMENTS = "/console/segments"
BLANK = {"sales_days": "365", "balance_unit": "points"}


@pytest.fixture
async def card(here, shop):
    made = await make_card(here, shop, name="=HYPERLINK(1)", points=320)
    await sales.sell(here.db, shop.key_principal, SaleRequest(made.id, 500_000), None, here.clock.now())
    return made


async def test_without_a_group_the_page_says_what_they_are_for(manager):
    assert "No group yet" in await manager.page(SEGMENTS)
    assert "Групп пока нет" in await manager.page(SEGMENTS, "ru")


async def test_a_group_is_made_says_itself_and_shows_its_members(here, shop, manager, card):
    answer = await manager.post(SEGMENTS, {**BLANK, "name": "Постоянные", "spend_from": "1 000", "balance_from": "100"})
    assert answer.headers["location"] == f"{SEGMENTS}/postoyannye?done=made"
    page = (await manager.page(answer.headers["location"])).replace("\u00a0", " ")
    assert "Spent in 365 days: from 1 000 ₽, at least 100 points." in page and "1 card is in it now" in page
    russian = (await manager.page(f"{SEGMENTS}/postoyannye", "ru")).replace("\u00a0", " ")
    assert "Потрачено за 365 дней: от 1 000 ₽, на карте от 100 баллов." in russian
    assert "Постоянные" in await manager.page(SEGMENTS)


async def test_a_table_of_members_holds_no_formula_and_no_whole_phone(here, shop, manager, card):
    await manager.post(SEGMENTS, {**BLANK, "name": "All buyers", "sales_from": "1"})
    answer = await manager.get(f"{SEGMENTS}/all-buyers/members.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="all-buyers-2026-11-22.csv"'
    assert answer.text == f'\ufeff"Card number","Name","Phone"\r\n"{card.number}","\'=HYPERLINK(1)","\'+7916•••1234"\r\n'


async def test_a_closed_group_is_gone(here, shop, manager, card):
    await manager.post(SEGMENTS, {**BLANK, "name": "Gone soon", "sales_from": "1"})
    answer = await manager.post(f"{SEGMENTS}/gone-soon/close")
    assert "Nobody is in that group any more." in await manager.page(answer.headers["location"])
    assert (await manager.get(f"{SEGMENTS}/gone-soon")).status_code == 404
    assert await segments.list_segments(here.db, shop.business_id) == []


@pytest.mark.parametrize(("field", "changes"), [
    ("name", {"name": ""}), ("spend_from", {"spend_from": "much"}), ("sales_to", {"sales_from": "5", "sales_to": "2"}),
    ("tags", {"tags": "%%%"}), ("birthday_within", {"birthday_within": "61"}), ("no_visit_days", {"no_visit_days": "-3"}),
    ("spend_from", {"spend_from": "²"})])
async def test_a_wrong_filter_comes_back_with_a_sentence_and_what_was_typed(here, shop, manager, field, changes):
    typed = {**BLANK, "name": "Some", "sales_from": "1", **changes}
    before = await rows(here)
    answer = await manager.post(SEGMENTS, typed)
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert value_of(answer, field) == changes.get(field, "") and await rows(here) == before


async def test_a_group_that_asks_nothing_and_a_second_of_the_same_name_are_refused(here, shop, manager):
    nothing = await manager.post(SEGMENTS, {**BLANK, "name": "Everybody"})
    assert nothing.status_code == 422 and "Ask at least one question" in words_of(nothing)
    assert (await manager.post(SEGMENTS, {**BLANK, "name": "Some", "sales_from": "1"})).status_code == 303
    assert (await manager.post(SEGMENTS, {**BLANK, "name": "Some", "sales_from": "2"})).status_code == 409


async def test_groups_of_another_business_are_not_there(here, other_shop, manager):
    await segments.create(here.db, other_shop.who, "theirs", "Theirs", segments.Filter(sales_from=1), here.clock.now())
    assert "Theirs" not in await manager.page(SEGMENTS)
    for address in (f"{SEGMENTS}/theirs", f"{SEGMENTS}/theirs/members.csv"):
        assert (await manager.get(address)).status_code == 404
    assert (await manager.post(f"{SEGMENTS}/theirs/close")).status_code == 404
