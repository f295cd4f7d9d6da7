"""Events that are no purchase: told from outside or found by the server; each gives what the rules say, once."""
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.benefits import service as benefits
from app.cards.rules import CardEnded
from app.clock import to_ms
from app.errors import Forbidden, Invalid, NotFound
from app.idempotency.rules import Key
from app.programs.terms import Caps, Earn, GiveReward, GiveVoucher, Rule, Said, When
from app.sales import happenings, occasions
from app.sales.happenings import GivesNothing
from app.web.principal import shopper
from tests.money import NOON, RULES, add_card, make_bed
from tests.sales.conftest import refused


def rule(key, effect, event, **more):
    conditions = {name: more.pop(name) for name in ("birthday_before", "birthday_after", "event_days") if name in more}
    return Rule(key, Said(key), effect, When(event=event, **conditions), **more)


REVIEW = rule("review", Earn(50), "review", caps=Caps(person=100))
PLASTIC = rule("plastic", Earn(3, each=True), "plastic")
HELLO = rule("hello", GiveVoucher("tea", 14), "activated")
CAKE = rule("cake", Earn(200, days=10), "birthday", birthday_before=7, birthday_after=3)
CARD = rule("card", GiveReward("tea"), "birthday")
BACK = rule("back", Earn(100, days=14), "absent", event_days=60)


@pytest.fixture
async def busy(till):
    """A till whose programme answers to events, with a reward to give."""
    await till.change_rules(msgspec.structs.replace(RULES, rules=(REVIEW, PLASTIC, HELLO, CAKE, CARD, BACK)), NOON - timedelta(days=300))
    await benefits.create_reward(till.db, till.bed.manager, till.bed.program_id, benefits.RewardWish("tea", "service", Said("Tea")), NOON)
    return till


def tell(till, event="review", quantity=1, key_text="r-1", card_id=None, who=None, key=None):
    return happenings.happen(till.db, who or till.who, card_id or till.bed.card_id, event, quantity, key_text, key or till.key(), till.now)


async def vouchers(till):
    return [(voucher.rewards, voucher.source, voucher.ends_at) for voucher in await benefits.vouchers_of(
        till.db, till.bed.business_id, till.bed.account_id, till.now)]


async def born(till, day):
    await till.db.execute("UPDATE customers SET birthday_on = :day WHERE id = :id", {"day": day, "id": till.bed.customer_id})


async def gifts(till):
    return await till.db.fetch_val("SELECT COUNT(*) FROM events WHERE kind = 'gift.given'")


async def test_an_event_gives_what_its_rule_says_as_an_operation(busy):
    told = await tell(busy)
    assert (told.operation.kind, told.is_replay, told.operation.balances["points"]) == ("event", False, 50)
    assert told.operation.texts["rules"] == [["review", "earn", 50]]
    assert [(change.unit, change.amount, change.why) for change in told.operation.changes] == [("points", 50, "earned")]
    assert await busy.balance() == 50
    assert await gifts(busy) == 1


async def test_the_same_event_told_again_answers_the_first_operation_whatever_its_idempotency_key(busy):
    first = await tell(busy)
    again = await tell(busy)
    assert (again.operation.id, again.is_replay) == (first.operation.id, True)
    key = Key("once", b"f" * 32)
    other = await tell(busy, key_text="r-2", key=key)
    repeated = await tell(busy, key_text="r-2", key=key)
    assert (repeated.operation.id, repeated.is_replay, other.is_replay) == (other.operation.id, True, False)
    assert await busy.balance() == 100


async def test_a_quantity_counts_where_the_rule_gives_for_each(busy):
    assert (await tell(busy, "plastic", 12)).operation.balances["points"] == 36


async def test_a_cap_for_a_person_ends_what_events_give_and_nothing_is_noted_then(busy):
    for number in range(2):
        await tell(busy, key_text=f"r-{number}")
    await refused(busy, GivesNothing, tell(busy, key_text="r-9"))
    assert await busy.db.fetch_val("SELECT COUNT(*) FROM happenings") == 2


async def test_events_that_no_rule_knows_or_that_are_not_told_from_outside_leave_nothing(busy):
    await refused(busy, GivesNothing, tell(busy, "repost"))
    for event, quantity, key_text, field in (("birthday", 1, "x", "event"), ("Re view", 1, "x", "event"), ("review", 0, "x", "quantity"),
                                             ("review", 1, "", "key"), ("review", 1, "a" * 101, "key")):
        error = await refused(busy, Invalid, tell(busy, event, quantity, key_text))
        assert [wrong.field for wrong in error.fields] == [field]
    await refused(busy, Forbidden, tell(busy, who=shopper(busy.bed.business_id)))
    assert await busy.db.fetch_val("SELECT COUNT(*) FROM happenings") == 0


async def test_an_event_needs_a_live_card_of_this_business(busy):
    other = await make_bed(busy.db, "leaf")
    await refused(busy, NotFound, tell(busy, card_id=other.card_id))
    _, ended = await add_card(busy.db, busy.bed.business_id, busy.bed.program_id, status="replaced")
    await refused(busy, CardEnded, tell(busy, card_id=ended))


async def test_a_first_activation_gives_its_voucher_for_two_weeks_within_the_next_run(busy):
    await busy.db.execute("UPDATE cards SET activated_at = :at WHERE id = :id", {"at": to_ms(NOON) - 1_000, "id": busy.bed.card_id})
    assert await occasions.give_activations(busy.db, NOON) == 1
    assert await vouchers(busy) == [(("tea",), "hello", datetime(2026, 12, 6, 21, tzinfo=UTC))]
    assert await occasions.give_activations(busy.db, NOON + timedelta(seconds=5)) == 0


async def test_a_replaced_card_is_no_new_activation(busy):
    bed = busy.bed
    await busy.db.execute("UPDATE cards SET activated_at = :at, status = 'replaced' WHERE id = :id",
                          {"at": to_ms(NOON) - 10**9, "id": bed.card_id})
    await busy.db.execute("INSERT INTO cards(business_id, program_id, account_id, number, code, status, source, created_at, activated_at) "
                          "VALUES (:b, :p, :a, '4729999999999999', '9999999999999999', 'active', 'api', :at, :at)",
                          {"b": bed.business_id, "p": bed.program_id, "a": bed.account_id, "at": to_ms(NOON)})
    assert await occasions.give_activations(busy.db, NOON + timedelta(seconds=5)) == 0


async def test_a_card_activated_before_the_rule_was_there_gets_nothing(busy):
    await busy.change_rules(RULES, NOON - timedelta(hours=2))
    await busy.change_rules(msgspec.structs.replace(RULES, rules=(HELLO,)), NOON)
    await busy.db.execute("UPDATE cards SET activated_at = :at WHERE id = :id", {"at": to_ms(NOON) - 3_600_000, "id": busy.bed.card_id})
    assert await occasions.give_activations(busy.db, NOON) == 0
    assert await vouchers(busy) == []


async def test_a_birthday_gives_each_rules_gift_once_a_year_from_its_days_before_on(busy):
    await born(busy, "1996-11-30")
    assert await occasions.give_birthdays(busy.db, NOON) == 0                       # eight days ahead
    assert await occasions.give_birthdays(busy.db, NOON + timedelta(days=1)) == 1
    assert await occasions.give_birthdays(busy.db, NOON + timedelta(days=7)) == 0
    busy.now = NOON + timedelta(days=8)
    assert await occasions.give_birthdays(busy.db, busy.now) == 1                   # the tea, on the day itself
    assert await busy.balance() == 200
    assert [(keys, source) for keys, source, _ in await vouchers(busy)] == [(("tea",), "card")]
    busy.now = NOON + timedelta(days=366)
    assert await occasions.give_birthdays(busy.db, busy.now) == 1


async def test_a_birthday_in_january_is_the_next_years(busy):
    await born(busy, "1996-01-02")
    assert await occasions.give_birthdays(busy.db, datetime(2026, 12, 29, 9, tzinfo=UTC)) == 1
    assert await busy.db.fetch_val("SELECT key FROM happenings") == "2027/cake"
    assert await occasions.give_birthdays(busy.db, datetime(2027, 1, 2, 9, tzinfo=UTC)) == 1       # the tea
    busy.now = datetime(2027, 1, 2, 9, tzinfo=UTC)


async def test_a_birthday_on_29_february_comes_every_year(busy):
    await born(busy, "1996-02-29")
    busy.now = datetime(2028, 2, 29, 9, tzinfo=UTC)
    assert await occasions.give_birthdays(busy.db, datetime(2027, 2, 28, 9, tzinfo=UTC)) == 2
    assert await occasions.give_birthdays(busy.db, datetime(2028, 2, 28, 9, tzinfo=UTC)) == 1      # not the day itself yet
    assert await occasions.give_birthdays(busy.db, busy.now) == 1


async def test_a_server_that_was_away_makes_up_for_a_birthday_within_the_days_after_it(busy):
    await born(busy, "1996-11-20")
    assert await occasions.give_birthdays(busy.db, NOON) == 1
    assert await busy.balance() == 200


async def test_gifts_that_can_wait_are_not_given_at_night(busy):
    await born(busy, "1996-11-25")
    assert await occasions.give_birthdays(busy.db, datetime(2026, 11, 22, 5, 59, tzinfo=UTC)) == 0     # 8:59 in Moscow
    assert await occasions.give_birthdays(busy.db, datetime(2026, 11, 22, 6, tzinfo=UTC)) == 1


async def test_a_long_absence_brings_its_gift_once_until_the_next_visit(busy):
    await busy.sell(10_000, at=NOON - timedelta(days=2))
    assert await occasions.give_absences(busy.db, NOON + timedelta(days=57)) == 0
    busy.now = NOON + timedelta(days=58)
    assert await occasions.give_absences(busy.db, busy.now) == 1
    assert await busy.balance() == 105
    assert await occasions.give_absences(busy.db, busy.now + timedelta(days=1)) == 0
    busy.later(days=2)
    await busy.sell(10_000)
    assert await occasions.give_absences(busy.db, busy.now) == 0
    busy.later(days=60)
    assert await occasions.give_absences(busy.db, busy.now) == 1


async def test_a_visit_that_was_undone_ends_no_absence_and_begins_none(busy):
    sale = await busy.sell(10_000)
    await busy.undo(sale)
    busy.later(days=60)
    assert await occasions.give_absences(busy.db, busy.now) == 0


async def test_a_campaign_that_has_not_begun_uses_up_no_occasion(busy):
    await born(busy, "1996-11-23")
    later = msgspec.structs.replace(CAKE, starts_on="2026-11-24")
    await busy.change_rules(msgspec.structs.replace(RULES, rules=(later,)), NOON - timedelta(hours=1))
    assert await occasions.give_birthdays(busy.db, NOON) == 0
    busy.now = NOON + timedelta(days=2)
    assert await occasions.give_birthdays(busy.db, busy.now) == 1
