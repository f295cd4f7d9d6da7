"""A purchase whose card was nobody's after all is counted for another card, once, and the books agree."""
import asyncio
from datetime import timedelta

import msgspec
import pytest

from app.cards import service as cards
from app.db import write_transaction
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.terms import Level, Levels, Said
from app.sales import moving
from app.sales.moving import CostsAnother, NotToMove, OtherProgram
from app.sales.rules import ProvisionalLimit
from tests.money import RULES, add_card
from tests.sales.conftest import refused

LINES = ({"sku": "tea", "quantity": 1, "amount": 10_000},)


async def nobodys(till):
    """A card that somebody else's phone was typed for, before anything happened: its id."""
    _, card_id = await add_card(till.db, till.bed.business_id, till.bed.program_id, created=till.now - timedelta(hours=1),
                                status="provisional")
    return card_id


async def refuse(till, card_id):
    """What "not me" does with a card."""
    async def act(tx):
        card = await cards.get_card(tx, till.bed.business_id, card_id)
        program = await programs.get_program(tx, till.bed.business_id, till.bed.program_id)
        await ledger.return_points(tx, till.who, program, card, till.now)
        await cards.end(tx, card, "expired", till.now)

    await write_transaction(till.db, act)


async def sold(till, amount=20_000, **more):
    card_id = await nobodys(till)
    sale = await till.sell(amount, card_id=card_id, **more)
    await refuse(till, card_id)
    return sale


async def move(till, sale, card_id=None, key=None):
    card_id = card_id or till.bed.card_id
    key = key or Key(f"moved:{sale.id}", card_id.to_bytes(32, "big"))
    return (await moving.move(till.db, till.who, sale, card_id, key, till.now)).operation


async def points(till, account_id):
    return (await ledger.balances(till.db, account_id)).get("points", 0)


async def test_the_other_card_gets_what_the_purchase_brings_and_the_first_one_owes_nothing(till):
    sale = await sold(till, receipt="0042", location_id=till.bed.location_id, lines=LINES)
    till.later(hours=2)
    assert [each.id for each in await moving.movable(till.db, till.bed.business_id, sale.card_id, till.now)] == [sale.id]
    moved = await move(till, sale)
    same = ("kind", "at", "amount_minor", "to_pay_minor", "receipt", "location_id", "program_id")
    assert [getattr(moved, name) for name in same] == [getattr(sale, name) for name in same]
    assert moved.texts["lines"] == list(LINES) and moved.changes == sale.changes
    assert (await till.balance(), await points(till, sale.account_id)) == (sale.gained("earned"), 0)
    [undone] = await till.db.fetch_all("SELECT amount_minor, pay_back_minor, shortfall FROM operations WHERE kind = 'undo'")
    assert tuple(undone) == (sale.amount_minor, sale.to_pay_minor, 0)
    assert await till.db.fetch_val("SELECT COUNT(*) FROM audit_entries WHERE action = 'sale.moved'") == 1
    [number] = await till.db.fetch_all("SELECT number, operation_id FROM receipts")
    assert tuple(number) == ("0042", moved.id)


async def test_it_is_counted_once_whoever_presses_and_however_often(till):
    sale = await sold(till)
    _, other = await add_card(till.db, till.bed.business_id, till.bed.program_id)
    first, again = await move(till, sale), await move(till, sale)
    assert first.id == again.id
    await refused(till, NotToMove, move(till, sale, other, Key("another", b"f" * 32)))
    assert await moving.movable(till.db, till.bed.business_id, sale.card_id, till.now) == []
    assert await till.balance() == sale.gained("earned")


async def test_of_two_tills_at_once_one_gets_it(till):
    sale = await sold(till)
    other_account, other = await add_card(till.db, till.bed.business_id, till.bed.program_id)
    results = await asyncio.gather(move(till, sale, key=Key("one", b"f" * 32)), move(till, sale, other, Key("two", b"f" * 32)),
                                   return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["NotToMove", "Operation"]
    assert await till.balance() + await points(till, other_account) == sale.gained("earned")


async def test_only_purchases_of_the_last_day_on_a_card_that_was_nobodys_move(till):
    sale = await sold(till)
    mine = await till.sell(10_000)
    _, other = await add_card(till.db, till.bed.business_id, till.bed.program_id)
    await refused(till, NotToMove, move(till, mine, other))
    till.later(hours=24, seconds=1)
    await refused(till, NotToMove, move(till, sale))


async def test_one_that_came_back_meanwhile_stays_back_and_makes_no_debt(till):
    sale = await sold(till)
    assert (await till.refund(sale)).shortfall == 0
    assert await points(till, sale.account_id) == 0
    await refused(till, NotToMove, move(till, sale))


async def test_a_card_that_was_made_afterwards_has_it_from_its_beginning_on_and_the_receipt_keeps_its_day(till):
    sale = await sold(till, receipt="7", location_id=till.bed.location_id)
    till.later(hours=20)
    _, younger = await add_card(till.db, till.bed.business_id, till.bed.program_id, created=till.now)
    till.later(minutes=1)
    moved = await move(till, sale, younger)
    assert moved.at == till.now - timedelta(minutes=1)
    # Tomorrow's receipt of the same number is another one.
    assert (await till.sell(5_000, receipt="7", location_id=till.bed.location_id)).receipt == "7"


async def test_cards_of_other_programmes_and_with_discounts_of_their_own_are_refused(till):
    sale = await sold(till)
    other_program = await till.db.fetch_val(
        "INSERT INTO programs(business_id, slug, kind, name, number_prefix, rules_version, design_version, created_at) "
        "VALUES (:business, 'tea', 'points', 'Tea', '473', 1, 1, 0) RETURNING id", {"business": till.bed.business_id})
    _, elsewhere = await add_card(till.db, till.bed.business_id, other_program)
    await refused(till, OtherProgram, move(till, sale, elsewhere))
    await till.change_rules(msgspec.structs.replace(RULES, levels=Levels((Level("all", Said("All"), 0, discount_bp=1_000),))),
                            at=till.now - timedelta(hours=2))
    await refused(till, CostsAnother, move(till, sale))


async def test_a_card_that_nobody_has_claimed_takes_no_more_than_it_would_at_the_till(till):
    waiting = await nobodys(till)
    sale = await sold(till)
    for _ in range(3):
        await till.sell(1_000, card_id=waiting)
    await refused(till, ProvisionalLimit, move(till, sale, waiting))


@pytest.mark.parametrize("debt", ["owed", "waived"])
async def test_neither_way_of_settling_debts_is_needed(open_till, debt):
    till = await open_till(msgspec.structs.replace(RULES, refund_debt=debt))
    sale = await sold(till)
    await move(till, sale)
    assert await points(till, sale.account_id) == 0
    assert await till.db.fetch_val("SELECT COUNT(*) FROM lots WHERE granted < 0") == 0
