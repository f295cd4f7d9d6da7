"""Goal F16: whatever way a day's operations travel, the ledger is that of the day online; and each that cannot be done is seen."""
import random
from datetime import timedelta

import msgspec
import pytest

from app.cards import service as cards
from app.clock import FixedClock
from app.ledger.verify import verify
from app.offline import conflicts, rules, store
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.offline import tilling
from tests.shops import make_card, make_shop

pytestmark = [pytest.mark.goal("F16"), pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
OPERATIONS, CARDS, RISK = 500, 20, 20_000


async def _books(here, shop, held):
    """Every operation and balance, with the place of its card instead of its id."""
    places = {card.id: place for place, card in enumerate(held)}
    found, before = [], None
    while True:
        page = await sales.list_operations(here.db, shop.who, kind="sale", limit=200, before=before)
        found += [(each.at, places[each.card_id], each.amount_minor, each.discount_minor, each.spent_minor, each.to_pay_minor, each.receipt,
                   [tuple(change) for change in each.changes], each.balances, each.actor_name) for each in page.items]
        if page.next is None:
            return found[::-1]
        before = page.next


async def _shop(here, slug):
    shop = await make_shop(here, slug=slug, name="Coffee corner")
    return shop, [await make_card(here, shop, phone=f"+7916{number:07d}", points=100) for number in range(CARDS)]


def _plan(draw, began):
    """(moment, card's place, amount, points, receipt), a minute or so apart."""
    return [(began + timedelta(seconds=150 * number + draw.randrange(100)), draw.randrange(CARDS), draw.randrange(10_000, 200_000),
             draw.choice((0, 0, 0, 5, 20)), f"R-{number}" if number % 3 else None) for number in range(OPERATIONS)]


async def _send(till, items, draw):
    """As a bad network would: in shuffled batches that overlap, until nothing waits any more."""
    states, left = {}, list(items)
    while left:
        draw.shuffle(left)
        oldest = min(item.counter for item in left)
        answer = await till.send(left[:rules.MOST_ITEMS], oldest)
        states |= {each.counter: each for each in answer.items}
        left = [item for item in left if item.counter not in states or states[item.counter].state == "waiting"]
    return states


async def test_a_day_offline_sent_twice_and_shuffled_leaves_the_books_of_the_day_online(here, clock: FixedClock):
    draw, began = random.Random(16), clock.now() + timedelta(minutes=1)
    online, online_cards = await _shop(here, "online")
    offline, offline_cards = await _shop(here, "offline")
    await conflicts.choose_risk(here, offline.who, RISK, clock.now())
    till, plan = await tilling.pair(here, offline), _plan(draw, began)
    for at, place, amount, points, receipt in plan:
        # Neither till spends what it knows not to be there.
        clock.advance(seconds=(at - clock.now()).total_seconds())
        held = await here.db.fetch_val("SELECT amount FROM balances WHERE account_id = :id AND unit = 'points'",
                                       {"id": online_cards[place].account_id})
        spent = min(points, held, amount // 200)
        request = SaleRequest(online_cards[place].id, amount, spent, receipt=receipt, expect_to_pay=amount - spent * 100)
        await sales.sell(here.db, online.cashier, request, None, at)
        till.make(at, offline_cards[place].code, amount=amount, points=spent, to_pay=amount - spent * 100,
                  **({"receipt": receipt} if receipt else {}))
    clock.advance(hours=2)
    first, again = await _send(till, till.items, draw), await _send(till, till.items, draw)
    assert {each.state for each in first.values()} == {"applied"} and len(first) == OPERATIONS
    assert {number: each.operation_id for number, each in again.items()} == {number: each.operation_id for number, each in first.items()}
    assert await _books(here, offline, offline_cards) == await _books(here, online, online_cards)
    assert await store.count_conflicts(here.db, offline.business_id) == 0
    assert list(await verify(here.db, clock.now())) == []


async def test_planted_conflicts_are_each_listed_once_and_the_rest_is_done(here, clock: FixedClock):
    draw, now = random.Random(61), clock.now()
    shop, held = await _shop(here, "planted")
    till = await tilling.pair(here, shop)
    for number in range(OPERATIONS // 5):
        till.make(now + timedelta(seconds=number), held[number % 10].code, amount=20_000)
    blocked, moved, poor = held[10:13]
    wanted = {}
    for card, why, more in ((blocked, "card_blocked", {}), (moved, "card_retired", {}), (poor, "over_risk", {"points": 50}),
                            (poor, "quote_changed", {"to_pay": 1}), (poor, "staff_unknown", {"staff": "stf_nobody"})):
        wanted[till.make(now, card.code, amount=30_000, **more).counter] = why
    twin = till.make(now, poor.code, amount=77_000, counter=3)
    till.number = len(till.items)
    lost = till.make(now, poor.code, amount=20_000)
    wanted |= {3: "counter_reused", lost.counter: "gap"}
    till.make(now, poor.code, amount=20_000)
    await cards.block(here.db, shop.who, blocked.id, None, now)
    await cards.reissue(here.db, shop.who, moved.id, None, now)
    clock.advance(hours=24)
    sent = [item for item in till.items if item not in (lost, twin)]
    for _ in range(2):
        await _send(till, sent, draw)
        await till.send([twin])
        # Its store lost one in the middle: what is left begins behind it.
        await till.send([sent[-1]], sent[-1].counter)
    found = await store.conflicts(here.db, shop.business_id, 100)
    assert {row.counter: row.why for row in found} == wanted and len(found) == len(wanted)
    done = await sales.list_operations(here.db, shop.who, kind="sale", limit=200)
    assert len(done.items) == len(sent) - 5


async def test_a_batch_of_another_till_is_not_this_ones(here, shop):
    till, other = await tilling.pair(here, shop), await tilling.pair(here, shop)
    card = await make_card(here, shop)
    item = till.make(here.clock.now(), card.code, amount=10_000)
    stolen = msgspec.structs.replace(other.batch([item]), items=[item])
    answer = await tilling.service.receive(here, shop.cashier, stolen, here.clock.now())
    assert [(each.state, each.why) for each in answer.items] == [("conflict", "signature")]
