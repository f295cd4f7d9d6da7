"""A till's batches: taken in by number, done in order and once, whatever way they travel; and what cannot be done is seen."""
from datetime import timedelta

import msgspec
import pytest

from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import draw_code
from app.devices import service as devices
from app.errors import Invalid, NotFound
from app.idempotency.rules import Key
from app.offline import conflicts, service, store
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.staff import service as staff
from tests.offline import tilling
from tests.shops import make_card

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def till(here, shop):
    return await tilling.pair(here, shop)


async def _ledger(here, shop):
    """What the books say, without the moment at which it came in."""
    page = await sales.list_operations(here.db, shop.who, limit=200)
    return [(each.kind, each.card_id, each.at, each.amount_minor, each.to_pay_minor, each.receipt, each.actor_id, each.location_id,
             [tuple(change) for change in each.changes], each.balances) for each in page.items]


async def _open(here, shop):
    return [(row.counter, row.why) for row in await store.conflicts(here.db, shop.business_id, 100)]


async def test_a_sale_made_without_a_network_is_done_as_of_its_moment_for_whoever_was_signed_in(here, shop, till):
    card = await make_card(here, shop)
    item = till.make(here.clock.now() + MINUTE, card.code, amount=100_000, to_pay=100_000, receipt="A-1")
    here.clock.advance(hours=2)
    answer = await till.send([item], who=shop.who)
    [state] = answer.items
    assert (state.state, state.why, state.repeated, answer.newest) == ("applied", None, False, 1)
    done = await sales.get_operation(here.db, shop.who, state.operation_id)
    assert (done.at, done.receipt, done.balances["points"]) == (here.clock.now() - timedelta(hours=2) + MINUTE, "A-1", 50)
    assert (done.actor_kind, done.actor_id, done.location_id) == ("staff", shop.cashier.id, shop.location_id)


async def test_the_same_batch_again_does_nothing_and_says_what_was_done(here, shop, till):
    card = await make_card(here, shop)
    items = [till.make(here.clock.now(), card.number, amount=10_000 * number, to_pay=10_000 * number) for number in (1, 2, 3)]
    first = await till.send(items)
    again = await till.send(items[::-1], oldest=4)
    assert [each.operation_id for each in again.items] == [each.operation_id for each in first.items]
    assert all(each.repeated and each.state == "applied" for each in again.items)
    assert len(await _ledger(here, shop)) == 3


async def test_nothing_overtakes_a_lower_number_that_is_still_on_its_way(here, shop, till):
    card = await make_card(here, shop)
    earn = till.make(here.clock.now(), card.code, amount=100_000, to_pay=100_000)
    spend = till.make(here.clock.now() + MINUTE, card.code, amount=10_000, points=50, to_pay=5_000)
    await conflicts.choose_risk(here, shop.who, 50_000, here.clock.now())
    here.clock.advance(hours=1)
    assert [each.state for each in (await till.send([spend])).items] == ["waiting"]
    assert await _ledger(here, shop) == []
    assert [each.state for each in (await till.send([earn])).items] == ["applied"]
    assert [each.state for each in (await till.send([spend])).items] == ["applied"]
    assert [row[3] for row in await _ledger(here, shop)] == [10_000, 100_000]


async def test_a_number_that_the_till_lost_is_told_and_waited_for_no_longer(here, shop, till):
    card = await make_card(here, shop)
    now = here.clock.now()
    first, _, third = [till.make(now, card.code, amount=10_000, to_pay=10_000) for _ in range(3)]
    assert [each.state for each in (await till.send([first, third])).items] == ["applied", "waiting"]
    answer = await till.send([third], oldest=3)
    assert ([each.state for each in answer.items], answer.newest) == (["applied"], 3)
    assert await _open(here, shop) == [(2, "gap")]


async def test_a_lost_number_that_turns_up_is_done_and_its_gap_closes(here, shop, till):
    card = await make_card(here, shop)
    first, second = [till.make(here.clock.now(), card.code, amount=10_000, to_pay=10_000) for _ in range(2)]
    await till.send([second], oldest=2)
    assert await _open(here, shop) == [(1, "gap")]
    assert [each.state for each in (await till.send([first])).items] == ["applied"]
    assert await _open(here, shop) == []


async def test_what_a_batch_says_of_lost_numbers_counts_only_signed(here, shop, till):
    card = await make_card(here, shop)
    item = till.make(here.clock.now(), card.code, amount=10_000, counter=5)
    batch = till.batch([item], oldest=1)
    answer = await service.receive(here, shop.cashier, msgspec.structs.replace(batch, oldest=5), here.clock.now())
    assert ([each.state for each in answer.items], answer.newest) == (["waiting"], 0)
    assert await _open(here, shop) == []


async def test_one_number_for_two_things_does_the_first_and_shows_the_second(here, shop, till):
    card = await make_card(here, shop)
    now = here.clock.now()
    first = till.make(now, card.code, amount=10_000, counter=1)
    other = till.make(now, card.code, amount=90_000, counter=1)
    await till.send([first])
    assert [(each.state, each.why) for each in (await till.send([other])).items] == [("conflict", "counter_reused")]
    assert [(each.state, each.why) for each in (await till.send([other])).items] == [("conflict", "counter_reused")]
    assert len(await _ledger(here, shop)) == 1 and await _open(here, shop) == [(1, "counter_reused")]


async def test_what_the_till_did_not_sign_is_shown_and_takes_no_number(here, shop, till):
    card = await make_card(here, shop)
    genuine = till.make(here.clock.now(), card.code, amount=10_000)
    forged = msgspec.structs.replace(genuine, amount=900_000)
    assert [(each.state, each.why) for each in (await till.send([forged])).items] == [("conflict", "signature")]
    assert [each.state for each in (await till.send([genuine])).items] == ["applied"]
    assert await _open(here, shop) == [(1, "signature")]


async def test_whoever_was_not_signed_in_there_then_is_not_believed(here, shop, till):
    card = await make_card(here, shop)
    before = till.make(here.clock.now() - timedelta(hours=3), card.code, amount=10_000)
    stranger = till.make(here.clock.now(), card.code, amount=10_000, staff=here.ids.encode("staff", shop.who.id))
    nobody = till.make(here.clock.now(), card.code, amount=10_000, staff="")
    assert [each.why for each in (await till.send([before, stranger, nobody])).items] == ["staff_elsewhere", "staff_elsewhere",
                                                                                           "staff_unknown"]
    assert await _ledger(here, shop) == []


async def test_a_cashier_who_left_later_did_what_they_did_before(here, shop, till):
    card = await make_card(here, shop)
    now = here.clock.now()
    early = till.make(now, card.code, amount=10_000)
    here.clock.advance(hours=1)
    await staff.disable(here.db, shop.who, shop.cashier.id, here.clock.now())
    late = till.make(here.clock.now() + 10 * MINUTE, card.code, amount=20_000)
    here.clock.advance(hours=1)
    assert [each.why for each in (await till.send([early, late], who=shop.who)).items] == [None, "staff_elsewhere"]


async def test_a_till_that_was_switched_off_does_nothing_any_more(here, shop, till):
    card = await make_card(here, shop)
    item = till.make(here.clock.now(), card.code, amount=10_000)
    await devices.revoke(here.db, shop.who, till.device_id, here.clock.now())
    assert [each.why for each in (await till.send([item], who=shop.who)).items] == ["device_revoked"]


async def test_another_business_knows_nothing_of_the_till(here, shop, other_shop, till):
    card = await make_card(here, shop)
    with pytest.raises(NotFound):
        await till.send([till.make(here.clock.now(), card.code, amount=10_000)], who=other_shop.cashier)


async def test_what_the_rules_refuse_is_a_conflict_each_with_its_reason(here, shop, till):
    now = here.clock.now()
    blocked, poor, moved = [await make_card(here, shop, phone=f"+7916000000{number}") for number in (1, 2, 3)]
    await cards.block(here.db, shop.who, blocked.id, None, now)
    await cards.reissue(here.db, shop.who, moved.id, None, now)
    await conflicts.choose_risk(here, shop.who, 5_000, now)
    wanted = [(blocked.code, {}, "card_blocked"), (poor.code, {"points": 10, "to_pay": 9_000}, "not_enough_points"),
              (moved.code, {}, "card_retired"), ("4720000000000009", {}, "card_torn"), (draw_code(), {}, "card_unknown"),
              (poor.code, {"points": 51, "to_pay": 4_900}, "over_risk"), (poor.code, {"to_pay": 9_999}, "quote_changed")]
    items = [till.make(now, code, amount=10_000, **more) for code, more, _ in wanted]
    items += [till.make(now - timedelta(hours=73), poor.code, amount=10_000), till.make(now, poor.code, amount=20_000, receipt="B-7"),
              till.make(now, poor.code, amount=30_000, receipt="B-7")]
    got = [each.why for each in (await till.send(items)).items]
    # Three days ago nobody was signed in here: that is found out first.
    assert got == [why for *_, why in wanted] + ["staff_elsewhere", None, "receipt_already_used"]
    assert len(await _open(here, shop)) == len(wanted) + 2
    assert len(await _ledger(here, shop)) == 1


async def test_a_cashiers_own_card_is_refused_here_too_and_recorded(here, shop, till):
    card = await make_card(here, shop)
    await staff.set_customer(here.db, shop.who, shop.cashier.id, card.customer_id, here.clock.now())
    assert [each.why for each in (await till.send([till.make(here.clock.now(), card.code, amount=10_000)])).items] == ["own_card"]
    assert [each.action for each in await audit.list_entries(here.db, shop.business_id, action="card.own_refused")] == ["card.own_refused"]


async def test_a_manager_lets_it_be_done_and_it_is_the_cashiers_operation(here, shop, till):
    card = await make_card(here, shop)
    now = here.clock.now()
    await cards.block(here.db, shop.who, card.id, None, now)
    await till.send([till.make(now, card.code, amount=10_000)])
    [row] = await store.conflicts(here.db, shop.business_id, 10)
    await cards.unblock(here.db, shop.who, card.id, None, now)
    done = await conflicts.apply(here, shop.who, row.id, now)
    assert (done.actor_id, done.amount_minor, done.at) == (shop.cashier.id, 10_000, now)
    assert await _open(here, shop) == []
    [entry] = await audit.list_entries(here.db, shop.business_id, action="offline.applied")
    assert (entry.actor_id, entry.subject_id, entry.details) == (shop.who.id, done.id, {"number": 1, "why": "card_blocked"})
    with pytest.raises(conflicts.DecidedAlready):
        await conflicts.apply(here, shop.who, row.id, now)


async def test_a_card_with_a_new_code_gets_what_was_meant_for_it(here, shop, till):
    card = await make_card(here, shop)
    now = here.clock.now()
    newer = await cards.replace(here.db, shop.who, card.id, None, "472", now)
    await till.send([till.make(now, card.number, amount=10_000)])
    [row] = await store.conflicts(here.db, shop.business_id, 10)
    assert (row.why, row.card_id) == ("card_ended", card.id)
    assert (await conflicts.apply(here, shop.who, row.id, now)).card_id == newer.id


async def test_what_came_too_late_is_counted_by_todays_rules_when_a_manager_says_so(here, shop, till):
    card = await make_card(here, shop)
    item = till.make(here.clock.now(), card.code, amount=10_000)
    here.clock.advance(hours=80)
    assert [each.why for each in (await till.send([item], who=shop.who)).items] == ["too_old"]
    [row] = await store.conflicts(here.db, shop.business_id, 10)
    assert (await conflicts.apply(here, shop.who, row.id, here.clock.now())).at == here.clock.now()


async def test_a_conflict_is_closed_with_a_reason_and_stays_closed(here, shop, till):
    card = await make_card(here, shop)
    now = here.clock.now()
    item = till.make(now, card.code, amount=10_000, staff="")
    await till.send([item])
    [row] = await store.conflicts(here.db, shop.business_id, 10)
    with pytest.raises(Invalid):
        await conflicts.dismiss(here, shop.who, row.id, "   ", now)
    await conflicts.dismiss(here, shop.who, row.id, "Rung up by hand", now)
    assert [each.state for each in (await till.send([item])).items] == ["conflict"]
    assert await _open(here, shop) == [] and await _ledger(here, shop) == []
    [kept] = await store.decided(here.db, shop.business_id, 10)
    assert (conflicts.reason_of(here, kept), kept.settled_by) == ("Rung up by hand", shop.who.id)


async def test_a_forged_or_a_lost_one_cannot_be_done_by_a_manager_either(here, shop, till):
    card = await make_card(here, shop)
    now = here.clock.now()
    forged = msgspec.structs.replace(till.make(now, card.code, amount=10_000), amount=1)
    await till.send([forged], oldest=2)
    for row in await store.conflicts(here.db, shop.business_id, 10):
        with pytest.raises(conflicts.NotToApply):
            await conflicts.apply(here, shop.who, row.id, now)
    assert await _ledger(here, shop) == []


async def test_after_a_crash_between_the_sale_and_its_mark_nothing_is_done_twice(here, shop, till, monkeypatch):
    card = await make_card(here, shop)
    items = [till.make(here.clock.now(), card.code, amount=10_000) for _ in range(3)]

    async def crash(*_):
        raise RuntimeError("power cut")

    monkeypatch.setattr(store, "settle", crash)
    with pytest.raises(RuntimeError):
        await till.send(items)
    monkeypatch.undo()
    # What was recorded stays so, even where the card has another code by now.
    await cards.reissue(here.db, shop.who, card.id, None, here.clock.now())
    assert [each.state for each in (await till.send(items)).items] == ["applied"] * 3
    assert len(await _ledger(here, shop)) == 3 and await _open(here, shop) == []


async def test_a_sale_whose_answer_the_till_lost_is_not_done_again(here, shop, till):
    card = await make_card(here, shop)
    now = here.clock.now()
    lost = "k" * 22
    online = await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 10_000), Key("till-" + lost, b"f" * 32), now)
    same, other = till.make(now, card.code, amount=10_000, key=lost), till.make(now, card.code, amount=99_000, key=lost)
    answer = await till.send([same, other])
    assert [(each.state, each.why) for each in answer.items] == [("applied", None), ("conflict", "idempotency_key_reused")]
    assert answer.items[0].operation_id == online.operation.id and len(await _ledger(here, shop)) == 1
