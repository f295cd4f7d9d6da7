"""A manager's numbers against a small history made by hand, on both engines."""
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from app.cards import service as cards
from app.programs import service as programs
from app.programs.kinds import KINDS
from app.reports import service as reports
from app.sales import service as sales
from app.sales.rules import RefundRequest, SaleRequest
from tests.shops import RULES, make_card

NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)      # noon in Moscow


async def buy(here, shop, card, at, amount=10_000, redeem=0):
    """A purchase at `at`: 5 points for every 100.00."""
    request = SaleRequest(card_id=card.id, amount=amount, redeem=redeem, location_id=shop.location_id)
    return (await sales.sell(here.db, shop.key_principal, request, None, at)).operation


async def card_made(here, shop, phone, at):
    card = await make_card(here, shop, phone=phone)
    await here.db.execute("UPDATE cards SET created_at = :at, activated_at = :at WHERE id = :id",
                          {"at": int(at.timestamp() * 1000), "id": card.id})
    return await cards.get_card(here.db, shop.business_id, card.id)


async def test_a_business_without_a_past_has_zeroes_and_no_best_day(here, shop):
    found = await reports.today(here.db, shop.business_id, NOON)
    assert (found.new_cards, found.visits, found.visitors, found.returned, found.points_open, found.best_day) == (0, 0, 0, 0, 0, None)
    assert [day for day, _ in found.days] == [date(2026, 10, 24) + timedelta(days=number) for number in range(30)]
    assert [points for _, points in found.days] == [0] * 30 and found.before == (0,) * 30


async def test_the_last_thirty_days_stand_beside_the_thirty_before(here, shop):
    anna = await card_made(here, shop, "+79160000001", NOON - timedelta(days=45))
    boris = await card_made(here, shop, "+79160000002", NOON - timedelta(days=20))
    await card_made(here, shop, "+79160000003", NOON - timedelta(days=70))
    await buy(here, shop, anna, NOON - timedelta(days=40))
    await buy(here, shop, anna, NOON - timedelta(days=10), 40_000)
    sale = await buy(here, shop, anna, NOON - timedelta(days=3), 20_000, redeem=20)
    await buy(here, shop, boris, NOON, 30_000)
    found = await reports.today(here.db, shop.business_id, NOON)
    assert (found.new_cards, found.new_cards_before) == (1, 1)
    assert (found.visits, found.visits_before, found.visitors, found.returned) == (3, 1, 2, 1)
    # 5 + 20 - 20 + 9 (180 of 200 were paid in money) and 15
    assert found.points_open == 29 and sum(found.before) == 5 and found.before[19] == 5
    assert {day: points for day, points in found.days if points} == {date(2026, 11, 12): 20, date(2026, 11, 19): 9, date(2026, 11, 22): 15}
    assert found.best_day == date(2026, 11, 12)
    await sales.refund(here.db, shop.who, RefundRequest(sale.id, 20_000), None, NOON)
    assert (await reports.today(here.db, shop.business_id, NOON)).visits == 3


async def test_the_way_to_a_level_is_not_counted_as_points(here, shop):
    rules = replace(RULES, levels=KINDS["tiers"].rules("RUB").levels)
    await programs.change_rules(here.db, shop.who, shop.program_id, rules, NOON - timedelta(days=2))
    anna = await card_made(here, shop, "+79160000001", NOON - timedelta(days=1))
    await buy(here, shop, anna, NOON - timedelta(hours=2), 40_000)
    found = await reports.today(here.db, shop.business_id, NOON)
    assert sum(points for _, points in found.days) == found.points_open > 0


async def test_days_begin_at_midnight_where_the_business_is(here, shop):
    """In Moscow 21:00 UTC is midnight: a minute before belongs to the day that ends."""
    card = await card_made(here, shop, "+79160000001", NOON - timedelta(days=80))
    midnight = datetime(2026, 11, 20, 21, tzinfo=UTC)
    await buy(here, shop, card, midnight - timedelta(minutes=1))
    await buy(here, shop, card, midnight, 20_000)
    first = datetime(2026, 10, 23, 21, tzinfo=UTC)
    await buy(here, shop, card, first - timedelta(milliseconds=1), 60_000)
    await buy(here, shop, card, first, 80_000)
    found = await reports.today(here.db, shop.business_id, NOON)
    assert {day: points for day, points in found.days if points} == {date(2026, 10, 24): 40, date(2026, 11, 20): 5, date(2026, 11, 21): 10}
    assert found.before[-1] == 30 and (found.visits, found.visits_before) == (3, 1)


@pytest.mark.parametrize(("zone", "at", "day"), [
    ("America/St_Johns", datetime(2026, 11, 22, 3, 29, tzinfo=UTC), date(2026, 11, 21)),      # UTC-3:30
    ("America/St_Johns", datetime(2026, 11, 22, 3, 30, tzinfo=UTC), date(2026, 11, 22)),
    ("Asia/Kathmandu", datetime(2026, 11, 21, 18, 14, tzinfo=UTC), date(2026, 11, 21)),       # UTC+5:45
    ("Asia/Kathmandu", datetime(2026, 11, 21, 18, 15, tzinfo=UTC), date(2026, 11, 22)),
    ("Pacific/Kiritimati", datetime(2026, 11, 22, 9, tzinfo=UTC), date(2026, 11, 22)),        # UTC+14
    ("America/New_York", datetime(2026, 11, 1, 3, 59, tzinfo=UTC), date(2026, 10, 31)),       # the night the clocks go back
    ("America/New_York", datetime(2026, 11, 1, 4, 0, tzinfo=UTC), date(2026, 11, 1)),
    ("America/New_York", datetime(2026, 11, 2, 4, 59, tzinfo=UTC), date(2026, 11, 1)),        # a day of 25 hours
    ("America/New_York", datetime(2026, 11, 2, 5, 0, tzinfo=UTC), date(2026, 11, 2))])
async def test_every_zone_has_its_own_days(here, shop, zone, at, day):
    await programs.change_business(here.db, shop.who, name="Coffee corner", texts={}, time_zone=zone, language="en", now=NOON)
    card = await card_made(here, shop, "+79160000001", NOON - timedelta(days=80))
    await buy(here, shop, card, at)
    found = await reports.today(here.db, shop.business_id, NOON)
    assert {day: points for day, points in found.days if points} == {day: 5}


async def test_numbers_of_another_business_are_never_added(here, shop, other_shop):
    theirs = await make_card(here, other_shop, points=1_000)
    await buy(here, other_shop, theirs, NOON)
    found = await reports.today(here.db, shop.business_id, NOON)
    assert (found.new_cards, found.visits, found.points_open, found.best_day) == (0, 0, 0, None)
    assert await reports.list_cards(here.db, shop.business_id, status=None, sort="last", page=0) == ([], False)
    assert await reports.cards_of(here.db, shop.business_id, [theirs.id]) == []
    assert await reports.count_cards(here.db, shop.business_id) == {"": 0}


async def test_a_debt_makes_the_promise_of_others_no_smaller(here, shop):
    anna = await make_card(here, shop, phone="+79160000001", points=100)
    boris = await make_card(here, shop, phone="+79160000002")
    sale = await buy(here, shop, boris, NOON, 100_000)
    await sales.adjust(here.db, shop.who, boris.id, "points", -50, "spent by hand", None, NOON)
    await sales.refund(here.db, shop.who, RefundRequest(sale.id, 100_000), None, NOON)
    assert (await reports.today(here.db, shop.business_id, NOON)).points_open == 100
    listed, _ = await reports.list_cards(here.db, shop.business_id, status=None, sort="balance", page=0)
    assert [(row.id, row.balance) for row in listed] == [(anna.id, 100), (boris.id, -50)]


async def test_cards_are_listed_with_what_their_accounts_did(here, shop):
    anna = await make_card(here, shop, phone="+79160000001", points=7)
    boris = await make_card(here, shop, phone="+79160000002")
    await buy(here, shop, boris, NOON + timedelta(minutes=1))
    await buy(here, shop, boris, NOON + timedelta(minutes=2))
    listed, more = await reports.list_cards(here.db, shop.business_id, status=None, sort="last", page=0)
    assert [(row.id, row.visits, row.balance, row.last_at) for row in listed] == [
        (boris.id, 2, 10, NOON + timedelta(minutes=2)), (anna.id, 0, 7, None)] and not more
    assert [row.id for row in await reports.cards_of(here.db, shop.business_id, [anna.id, 999, boris.id])] == [anna.id, boris.id]


async def test_a_replaced_card_is_listed_only_where_it_is_asked_for(here, shop):
    card = await make_card(here, shop, points=7)
    new = await cards.replace(here.db, shop.who, card.id, None, "472", NOON)
    listed, _ = await reports.list_cards(here.db, shop.business_id, status=None, sort="last", page=0)
    replaced, _ = await reports.list_cards(here.db, shop.business_id, status="replaced", sort="last", page=0)
    assert [row.id for row in listed] == [new.id] and [row.id for row in replaced] == [card.id]
    assert await reports.count_cards(here.db, shop.business_id) == {"": 1, "active": 1, "replaced": 1}


async def test_pages_of_cards_are_fifty_and_do_not_overlap(here, shop):
    made = [(await make_card(here, shop, phone=f"+7916000{number:04}")).id for number in range(51)]
    pages = [await reports.list_cards(here.db, shop.business_id, status="active", sort="visits", page=page) for page in (0, 1, 2)]
    assert [(len(rows), more) for rows, more in pages] == [(50, True), (1, False), (0, False)]
    assert sorted(row.id for rows, _ in pages for row in rows) == made
