"""Locations belong to brands and legal entities, and a month is counted by them."""
from app.context import Context
from app.db import write_transaction
from app.programs import service as programs
from app.programs import tags
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.conftest import Shop
from tests.console.visiting import Visitor, rows
from tests.shops import make_card

PAGE = "/console/brands"


async def test_a_month_is_counted_by_what_locations_belong_to(here: Context, shop: Shop, manager: Visitor) -> None:
    now = here.clock.now()
    second = await write_transaction(here.db, lambda tx: programs.create_location(tx, shop.business_id, name="River", now=now))
    card = await make_card(here, shop)
    for location, amount in ((shop.location_id, 10_000), (second, 20_000), (None, 5_000)):
        await sales.sell(here.db, shop.who, SaleRequest(card.id, amount, location_id=location), None, now)
    gone = await sales.sell(here.db, shop.who, SaleRequest(card.id, 70_000, location_id=second), None, now)
    await sales.undo(here.db, shop.who, gone.operation.id, None, now)
    for location, text in ((shop.location_id, "Leaf LLC, Tea"), (second, "Leaf  LLC,,Leaf LLC")):
        kept = await manager.post(PAGE, {"location": here.ids.encode("location", location), "tags": text})
        assert kept.status_code == 303
    assert await tags.tags_of(here.db, shop.business_id) == {shop.location_id: ("Leaf LLC", "Tea"), second: ("Leaf LLC",)}
    page = (await manager.page(PAGE)).replace("\u202f", " ")
    assert "Leaf LLC 2 300 ₽ 300 ₽ 0 ₽" in page and "Tea 1 100 ₽" in page and "nothing named 1 50 ₽" in page
    assert "Nothing was sold" in await manager.page(PAGE + "?month=2026-10")


async def test_tags_that_are_none_and_foreign_locations_are_refused(here: Context, shop: Shop, other_shop: Shop, manager: Visitor) -> None:
    before = await rows(here)
    own, theirs = (here.ids.encode("location", each.location_id) for each in (shop, other_shop))
    assert (await manager.post(PAGE, {"location": own, "tags": ",".join("abcdefghi")})).status_code == 422
    assert (await manager.post(PAGE, {"location": own, "tags": "x" * 61})).status_code == 422
    assert (await manager.post(PAGE, {"location": theirs, "tags": "Tea"})).status_code == 404
    assert await rows(here) == before
