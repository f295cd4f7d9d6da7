"""Favourites, what is bought, and baskets of offers, over real rows."""
from datetime import datetime, timedelta

import pytest

from app.clock import to_ms
from app.db import Database, write_transaction
from app.errors import Forbidden, Invalid, NotFound
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Favourite, Offers
from app.sales.judgement import Line
from app.standing import service as standing
from app.standing.baskets import ChosenAlready, NoFavourites
from tests.money import NOON, Bed, make_bed

RULES = ProgramRules(favourite=Favourite(3_000, 10, 1), offers=Offers(3, 1_500, 5, 4_000))
MILK, BREAD = Line(8_000, 2, "milk", "Milk 1 l", "dairy"), Line(5_000, 1, "bread", "Rye bread")


async def bought(bed: Bed, *lines: Line, days_ago: int = 0) -> None:
    program = await programs.get_program(bed.db, bed.business_id, bed.program_id)
    await write_transaction(bed.db, lambda tx: standing.remember_lines(tx, program, bed.account_id, lines, NOON - timedelta(days=days_ago)))


async def times(bed: Bed) -> dict[str, int]:
    return {row[0]: row[1] for row in await bed.db.fetch_all("SELECT sku, times FROM bought ORDER BY sku")}


async def basket(bed: Bed, now: datetime) -> list[tuple[str, str]]:
    return [(offer.sku, offer.why) for offer in await standing.offers_of(bed.db, bed.account_id, now)]


async def test_a_product_counts_once_a_receipt_and_keeps_its_first_name(db: Database) -> None:
    bed = await make_bed(db, rules=RULES)
    await bought(bed, MILK, MILK, Line(100))
    await bought(bed, BREAD, Line(1, 1, "milk", "other name"))
    assert await times(bed) == {"bread": 1, "milk": 2}
    assert [(product.sku, product.name, product.category) for product in await standing.list_products(db, bed.business_id)] == [
        ("bread", "Rye bread", None), ("milk", "Milk 1 l", "dairy")]


async def test_a_purchase_that_was_undone_is_taken_off_again(db: Database) -> None:
    bed = await make_bed(db, rules=RULES)
    program = await programs.get_program(db, bed.business_id, bed.program_id)
    await bought(bed, MILK, BREAD)
    await bought(bed, MILK)
    await write_transaction(db, lambda tx: standing.forget_lines(tx, program, bed.account_id, [MILK, BREAD, Line(5)]))
    assert await times(bed) == {"bread": 0, "milk": 1}


async def test_a_programme_without_favourites_and_offers_remembers_nothing(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db)
    await bought(bed, MILK)
    assert await times(bed) == {}


async def test_a_basket_is_made_after_a_purchase_and_the_next_one_when_it_ends(db: Database) -> None:
    bed = await make_bed(db, rules=RULES)
    await standing.set_product(db, bed.manager, "figs", "Figs", None, False, NOON)
    await bought(bed, MILK, BREAD)
    assert await standing.renew_offers(db, NOON) == 1
    assert await basket(bed, NOON) == [("bread", "frequent"), ("milk", "frequent"), ("figs", "new")]
    assert await standing.renew_offers(db, NOON) == 0
    [offer, *_] = await standing.offers_of(db, bed.account_id, NOON)
    assert offer.discount_bp == 1_500
    assert offer.ends_at == datetime.fromisoformat("2026-11-27T21:00:00Z")       # the midnight after five more days in Moscow
    await bought(bed, MILK, days_ago=-1)
    assert await standing.renew_offers(db, offer.ends_at - timedelta(seconds=1)) == 0
    assert await standing.renew_offers(db, offer.ends_at) == 1
    assert len(await basket(bed, offer.ends_at)) == 3
    assert await db.fetch_val("SELECT COUNT(*) FROM events WHERE kind = 'offers.renewed'") == 2


async def test_who_bought_nothing_for_ninety_days_is_offered_nothing_until_the_next_purchase(db: Database) -> None:
    bed = await make_bed(db, rules=RULES)
    await bought(bed, MILK, days_ago=91)
    assert await standing.renew_offers(db, NOON) == 0
    assert await basket(bed, NOON) == []
    await bought(bed, MILK)
    assert await standing.renew_offers(db, NOON) == 1


async def test_a_new_basket_reaches_the_pass(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db, rules=RULES)
    await bought(bed, MILK)
    await standing.renew_offers(sqlite_db, NOON)
    assert await sqlite_db.fetch_val("SELECT card_id FROM updates ORDER BY number DESC LIMIT 1") == bed.card_id


async def test_a_favourite_holds_for_its_days_and_may_change_on_the_next_day(db: Database) -> None:
    bed = await make_bed(db, rules=RULES)
    program = await programs.get_program(db, bed.business_id, bed.program_id)
    for sku in ("cake", "tea"):
        await standing.set_product(db, bed.manager, sku, sku.title(), None, True, NOON)
    chosen = await standing.choose_favourite(db, bed.key, bed.card_id, "cake", NOON)
    assert (chosen.sku, chosen.name, chosen.until) == ("cake", "Cake", datetime.fromisoformat("2026-12-02T21:00:00Z"))
    assert await standing.choose_favourite(db, bed.key, bed.card_id, "cake", NOON) == chosen
    with pytest.raises(ChosenAlready) as refused:
        await standing.choose_favourite(db, bed.key, bed.card_id, "tea", NOON + timedelta(hours=1))
    assert refused.value.params == {"day": "2026-11-23"}
    midnight = datetime.fromisoformat("2026-11-22T21:00:00Z")
    assert (await standing.choose_favourite(db, bed.key, bed.card_id, "tea", midnight)).sku == "tea"
    held = await standing.favourite_of(db, program, bed.account_id, midnight + timedelta(days=10))
    assert held is not None and held.sku == "tea"
    assert await standing.favourite_of(db, program, bed.account_id, midnight + timedelta(days=11)) is None
    assert await db.fetch_val("SELECT COUNT(*) FROM favourites") == 2


async def test_only_products_that_can_be_one_of_this_business_are_chosen(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db, rules=RULES)
    other = await make_bed(sqlite_db, "leaf")
    await standing.set_product(sqlite_db, bed.manager, "milk", "Milk", None, False, NOON)
    await standing.set_product(sqlite_db, other.manager, "cake", "Cake", None, True, NOON)
    for sku in ("milk", "cake", "unknown"):
        with pytest.raises(Invalid):
            await standing.choose_favourite(sqlite_db, bed.key, bed.card_id, sku, NOON)
    with pytest.raises(NoFavourites):
        await standing.choose_favourite(sqlite_db, other.key, other.card_id, "cake", NOON)
    with pytest.raises(NotFound):
        await standing.choose_favourite(sqlite_db, other.key, bed.card_id, "cake", NOON)
    assert await sqlite_db.fetch_val("SELECT COUNT(*) FROM favourites") == 0


async def test_products_are_named_by_managers_and_need_a_text(sqlite_db: Database) -> None:
    bed = await make_bed(sqlite_db)
    with pytest.raises(Forbidden):
        await standing.set_product(sqlite_db, bed.cashier(), "milk", "Milk", None, True, NOON)
    with pytest.raises(Invalid) as refused:
        await standing.set_product(sqlite_db, bed.manager, " ", "x" * 201, None, True, NOON)
    assert [error.field for error in refused.value.fields] == ["sku", "name"]
    await standing.set_product(sqlite_db, bed.manager, "milk", "Milk", "dairy", True, NOON)
    await standing.set_product(sqlite_db, bed.manager, "milk", "Fresh milk", "dairy", False, NOON)
    assert await standing.list_products(sqlite_db, bed.business_id) == [standing.Product("milk", "Fresh milk", "dairy", False, NOON)]
    assert to_ms(NOON) == await sqlite_db.fetch_val("SELECT added_at FROM products")
