"""Goods are named, sorted into categories and offered as favourites."""
import pytest

from app.standing import service as standings
from tests.console.visiting import audited, rows, value_of, words_of

PRODUCTS = "/console/products"
LATTE = {"sku": "C1", "name": "Latte", "category": "coffee", "can_be_favourite": "1"}


async def test_an_empty_list_says_how_it_fills(manager):
    assert "No product yet" in await manager.page(PRODUCTS)
    assert "Товаров пока нет" in await manager.page(PRODUCTS, "ru")


async def test_a_product_is_kept_changed_and_offered_as_a_favourite(here, shop, manager):
    answer = await manager.post(PRODUCTS, LATTE)
    assert answer.status_code == 303 and "Latte C1 coffee can be chosen" in await manager.page(answer.headers["location"])
    form = await manager.get(f"{PRODUCTS}?sku=C1")
    assert value_of(form, "name") == "Latte"
    await manager.post(PRODUCTS, {**LATTE, "name": "Flat white", "can_be_favourite": ""})
    [product] = await standings.list_products(here.db, shop.business_id)
    assert (product.name, product.can_be_favourite) == ("Flat white", False)
    assert (await audited(here, shop.business_id))[0] == "product.set"


@pytest.mark.parametrize(("field", "text"), [("sku", ""), ("name", ""), ("sku", "x" * 101), ("name", "x" * 201), ("category", "x" * 101)])
async def test_a_wrong_product_comes_back_with_what_was_typed(here, shop, manager, field, text):
    before = await rows(here)
    answer = await manager.post(PRODUCTS, {**LATTE, field: text})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.text and await rows(here) == before
    assert value_of(answer, "sku" if field == "name" else "name") == ("C1" if field == "name" else "Latte")


async def test_goods_of_another_business_are_not_there(manager, other_shop, here):
    await standings.set_product(here.db, other_shop.who, "T1", "Green tea", None, True, here.clock.now())
    assert "Green tea" not in words_of(await manager.get(PRODUCTS))
