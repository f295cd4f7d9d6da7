"""What holds of every judgement, whatever the rules and the receipt are."""
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Invalid, Refused
from app.programs import terms
from app.programs.rules import ProgramRules
from app.programs.terms import (
    BuyGet,
    Caps,
    Charity,
    Conversion,
    Discount,
    Earn,
    EarnRate,
    Favourite,
    GiveReward,
    GiveVoucher,
    Level,
    Levels,
    Membership,
    Multiply,
    Plan,
    Rule,
    Said,
    Stamps,
    When,
)
from app.sales.basket import spread
from app.sales.conditions import is_near_birthday
from app.sales.judgement import Line, Receipt, UsedReward
from app.sales.judging import judge, judge_event
from app.standing.rules import Standing
from tests.money import NOON, RULES

ZONE = "Europe/Moscow"
GOODS = ("coffee", "tea", "cake")
SORTS = {"discount": (Discount, BuyGet), "earn": (Earn, EarnRate, Multiply), "gift": (GiveVoucher, GiveReward)}

shares = st.sampled_from([1, 250, 1_000, 3_333, 5_000, 10_000])
effects = st.one_of(
    st.builds(Earn, st.integers(1, 500), st.sampled_from(["points", "stamps"]), st.booleans()),
    st.builds(EarnRate, st.integers(1, 20), st.sampled_from([777, 10_000])),
    st.builds(Multiply, st.sampled_from([0, 3_000, 15_000, 20_000, 33_333])),
    st.builds(Discount, shares), st.builds(Discount, st.just(0), st.integers(1, 50_000)),
    st.builds(BuyGet, st.integers(1, 3), st.integers(1, 2), shares),
    st.builds(GiveVoucher, st.just("tea")), st.builds(GiveReward, st.just("tea")))
goods = st.lists(st.sampled_from(GOODS), max_size=2, unique=True).map(tuple)
whens = st.builds(When, categories=goods, quantity_from=st.none() | st.integers(1, 4))
askings = st.builds(When, categories=goods, quantity_from=st.none() | st.integers(1, 4), amount_from=st.none() | st.integers(1, 200_000),
                    amount_to=st.none() | st.integers(100_000, 300_000), favourite=st.booleans(),
                    weekdays=st.sampled_from([(), (1, 2), (7,)]), levels=st.sampled_from([(), ("silver",)]))
caps = st.just(Caps()) | st.builds(Caps, *[st.none() | st.integers(1, 5_000)] * 4)
amounts = st.sampled_from([0, 1, 333, 9_999, 25_000, 100_000]) | st.integers(0, 100_000)
lines = st.lists(st.builds(Line, amounts, st.integers(1, 7), st.none() | st.sampled_from(GOODS), st.none(),
                           st.none() | st.sampled_from(GOODS)), max_size=5).map(tuple)
rewards = st.lists(st.one_of(
    st.builds(UsedReward, st.just("free"), st.just("product"), st.just(0), st.sampled_from(GOODS), st.just(1)),
    st.builds(UsedReward, st.just("share"), st.just("discount"), shares, st.none(), st.none() | st.just(2)),
    st.builds(UsedReward, st.just("off"), st.just("money_off"), st.integers(1, 50_000), st.none(), st.just(3)),
    st.builds(UsedReward, st.just("mug"), st.just("service"), st.just(0), st.none(), st.none(), st.just("points"), st.integers(1, 9)),
), max_size=3).map(tuple)


@st.composite
def rules_lists(draw, asked=askings, least=0, most=5):
    made = draw(st.lists(st.builds(
        Rule, st.just("x"), st.just(Said("x")), effects, asked, priority=st.integers(0, 2), exclusive=st.booleans(), caps=caps),
        min_size=least, max_size=most))
    return tuple(msgspec.structs.replace(rule, key=f"r{number}", exclusive=rule.exclusive and not is_less(rule))
                 for number, rule in enumerate(made))


def is_less(rule: Rule) -> bool:
    return isinstance(rule.effect, Multiply) and rule.effect.by_bp < 10_000


programs = st.builds(
    ProgramRules, earn_points=st.integers(0, 30), earn_mode=st.sampled_from(["proportional", "whole_steps"]),
    worth_minor=st.sampled_from([1, 100]), worth_points=st.sampled_from([1, 3]), minimum_receipt_minor=st.sampled_from([0, 20_000]),
    discount_bp=st.sampled_from([0, 333, 1_000]),
    largest_share_bp=st.sampled_from([0, 3_333, 10_000]), redeem_step=st.sampled_from([1, 7]), smallest_redeem=st.sampled_from([0, 20]),
    levels=st.none() | st.builds(Levels, st.just((Level("basic", Said("b"), 0), Level("silver", Said("s"), 10, 7, 500))),
                                 st.sampled_from(["spend", "points", "visits"])),
    stamps=st.none() | st.builds(Stamps, st.just(Conversion(6, ("tea",))), st.sampled_from(["visit", "item", "sum"]), st.just(7_000),
                                 goods),
    charity=st.none() | st.just(Charity(Said("f"), 100, 333)), favourite=st.none() | st.just(Favourite(3_333)), rules=rules_lists())
standings = st.builds(
    Standing, spendable=st.integers(100, 5_000), level=st.none() | st.just("silver"), is_member=st.just(True) | st.booleans(),
    favourite=st.none() | st.sampled_from(GOODS), offers=st.just({}) | st.just({"tea": 1_000, "cake": 3_333}),
    uses=st.dictionaries(st.tuples(st.sampled_from(["r0", "r1", "r2"]), st.sampled_from(["day", "person", "campaign"])),
                         st.integers(0, 6_000)))


@st.composite
def receipts(draw, rest=st.integers(0, 50_000)):
    bought = draw(lines)
    amount = sum(line.amount for line in bought) + draw(rest)
    return Receipt(max(1, amount), NOON, ZONE, ZONE, bought, rewards=draw(rewards))


@pytest.mark.goal("M7")
@given(programs, receipts(), standings, st.none() | st.just(0))
@settings(max_examples=120)
def test_what_is_taken_off_paid_and_earned_adds_up_by_line_and_in_all(rules, receipt, standing, redeem):
    found = judge(rules, receipt, standing, redeem)
    assert found.discount + found.spent_minor + found.to_pay == found.amount == receipt.amount
    assert min(found.discount, found.spent_minor, found.to_pay, found.points, found.to_earn) >= 0
    assert found.points + found.takes.get("points", 0) <= standing.spendable
    assert sum(line.amount for line in found.lines) == found.amount
    assert sum(line.net for line in found.lines) == found.amount - found.discount
    assert sum(line.paid for line in found.lines) == found.to_pay
    assert all(0 <= line.paid <= line.net <= line.amount and line.discount == line.amount - line.net for line in found.lines)
    assert all(gain.amount > 0 for gain in found.gains) and all(part > 0 for line in found.lines for part in line.earned.values())
    for unit in {gain.unit for gain in found.gains}:
        own = sum(line.earned.get(unit, 0) for line in found.lines)
        assert own <= found.gained(unit)
        assert own == found.gained(unit) or unit != "points" or found.amount == found.discount
    assert found.to_earn == found.gained(rules.unit)


@given(rules_lists(whens, least=3), receipts(), standings)
@settings(max_examples=80)
def test_no_rule_gives_more_than_its_limits(listed, receipt, standing):
    rules = msgspec.structs.replace(RULES, rules=listed)
    found = judge(rules, receipt, standing, 0)
    caps_of = {rule.key: rule.caps for rule in rules.rules}
    for applied in found.applied:
        for span, cap in msgspec.structs.asdict(caps_of.get(applied.rule, Caps())).items():
            assert cap is None or applied.amount <= max(0, cap - standing.uses.get((applied.rule, span), 0))


@given(rules_lists(whens, least=3), receipts(), standings)
@settings(max_examples=80)
def test_nothing_of_its_sort_comes_after_a_rule_that_stands_alone(listed, receipt, standing):
    rules = msgspec.structs.replace(RULES, rules=listed)
    by_key = {rule.key: rule for rule in rules.rules}
    applied = [by_key[some.rule] for some in judge(rules, receipt, standing, 0).applied if some.rule in by_key]
    for kinds in SORTS.values():
        sort = [rule for rule in applied if isinstance(rule.effect, kinds)]
        assert not any(rule.exclusive for rule in sort[:-1])


@given(rules_lists(whens, most=3), receipts(), st.randoms(use_true_random=False))
@settings(max_examples=80)
def test_the_order_in_which_goods_are_scanned_changes_no_more_than_the_rounding(listed, receipt, random):
    uncapped = tuple(msgspec.structs.replace(rule, caps=Caps()) for rule in listed)
    rules = msgspec.structs.replace(RULES, rules=uncapped, discount_bp=333)
    shuffled = list(receipt.lines)
    random.shuffle(shuffled)
    found = [judge(rules, msgspec.structs.replace(receipt, lines=tuple(bought)), Standing(), 0)
             for bought in (receipt.lines, shuffled) if not any(used.cost for used in receipt.rewards)]
    if found:
        first, second = found
        assert abs(first.to_pay - second.to_pay) <= (len(rules.rules) + 4) * (len(first.lines) + 1)
        assert abs(first.to_earn - second.to_earn) <= len(rules.rules) + 2
        assert first.gained("stamps") == second.gained("stamps")


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**5), min_size=1, max_size=8))
def test_parts_of_a_sum_add_up_and_are_no_larger_than_their_weights(whole, weights):
    parts = spread(min(whole, sum(weights)), weights)
    assert sum(parts) == min(whole, sum(weights))
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


@pytest.mark.parametrize(("line", "code"), [(Line(-1), "line"), (Line(5, 0), "line"), (Line(101), "lines_exceed_amount")])
def test_lines_that_are_none_are_refused(line, code):
    with pytest.raises(Invalid) as refused:
        judge(RULES, Receipt(100, NOON, ZONE, ZONE, (line,)), Standing(), 0)
    assert refused.value.fields[0].code == code


@given(st.dates(date(1930, 1, 1), date(2020, 12, 31)), st.dates(date(2024, 1, 1), date(2029, 12, 31)), st.integers(0, 40),
       st.integers(0, 40))
@settings(max_examples=100)
def test_a_birthday_window_is_as_long_as_it_says_in_every_year(birthday, day, before, after):
    """Counted day by day from every birthday that there is near `day`."""
    def has_birthday(on):
        leaps = on.month == 2 and on.day == 28 and (on + timedelta(days=1)).month != 2
        return (on.month, on.day) == (birthday.month, birthday.day) or (leaps and (birthday.month, birthday.day) == (2, 29))

    near = any(has_birthday(day + timedelta(days=ahead)) for ahead in range(-after, before + 1))
    assert is_near_birthday(birthday, day, before, after) == near


def test_a_clock_change_moves_no_window():
    """In Berlin 2:30 comes twice on 25 October 2026; the window from 2:00 to 3:00 holds both times and not an hour longer."""
    night = Rule("night", Said("Night"), Earn(10), When(time_from="02:00", time_to="03:00"))
    rules = msgspec.structs.replace(RULES, earn_points=0, rules=(night,))
    hours = [datetime(2026, 10, 24, 23, 30, tzinfo=UTC) + timedelta(hours=hour) for hour in range(4)]
    assert [judge(rules, Receipt(100, at, "Europe/Berlin", ZONE), Standing(), 0).to_earn for at in hours] == [0, 10, 10, 0]


@pytest.mark.parametrize(("more", "redeem", "code"), [
    ({}, 501, "not_enough_points"), ({"largest_share_bp": 4_000}, 401, "over_largest_share"),
    ({"smallest_redeem": 50}, 49, "below_smallest_redeem"), ({"redeem_step": 50}, 70, "not_in_steps")])
def test_money_that_cannot_pay_is_refused_without_a_word_of_points(more, redeem, code):
    rules = ProgramRules(unit="money", worth_minor=1, **more)
    with pytest.raises(Refused) as refused:
        judge(rules, Receipt(1_000, NOON, ZONE, ZONE), Standing(spendable=500), redeem)
    assert (refused.value.code, refused.value.extra) == (code, {"unit": "money"})
    assert "points" not in refused.value.detail


def test_outside_of_a_membership_prepaid_things_and_vouchers_still_count():
    rules = msgspec.structs.replace(RULES, membership=Membership((Plan("year", Said("A year"), 365, 1),)), rules=(
        Rule("more", Said("More"), Discount(500)), Rule("gift", Said("Gift"), GiveVoucher("tea"))))
    used = (UsedReward("ten", "discount", 1_000, voucher_id=1),)
    outsider = Standing(spendable=100, held={"visits": 2}, is_member=False)
    found = judge(rules, Receipt(100_000, NOON, ZONE, ZONE, rewards=used, visits=1), outsider, None)
    assert (found.discount, found.points, found.takes, found.gains, found.given) == (10_000, 0, {"visits": 1}, (), ())
    assert judge_event(rules, "review", 1, NOON, outsider, ZONE).gains == ()


def test_a_level_that_the_rules_know_no_longer_counts_as_the_first():
    rules = msgspec.structs.replace(RULES, levels=Levels((Level("basic", Said("B"), 0, discount_bp=100),)))
    assert judge(rules, Receipt(100_000, NOON, ZONE, ZONE), Standing(level="gone"), 0).discount == 1_000


def test_a_gift_of_its_own_life_is_a_lot_of_its_own():
    short = Rule("short", Said("Short"), Earn(20, days=7, fades=(terms.Fade(3, 5_000),)))
    gains = judge(msgspec.structs.replace(RULES, rules=(short,)), Receipt(100_000, NOON, ZONE, ZONE), Standing(), 0).gains
    assert [(gain.amount, gain.rule, gain.days, len(gain.fades)) for gain in gains] == [(50, None, None, 0), (20, "short", 7, 1)]


def test_what_the_visit_earns_falls_to_no_line_and_what_goods_earn_falls_to_theirs():
    stamps = Rule("two", Said("Two"), Earn(2, "stamps")), Rule("tea", Said("Tea"), Earn(3, "stamps"), When(categories=("tea",)))
    rules = msgspec.structs.replace(RULES, earn_points=0, rules=stamps, stamps=Stamps(Conversion(6, ("tea",))))
    bought = Line(60, category="coffee"), Line(40, category="tea")
    found = judge(rules, Receipt(100, NOON, ZONE, ZONE, bought), Standing(), 0)
    assert found.gained("stamps") == 6
    assert [line.earned for line in found.lines] == [{}, {"stamps": 3}]


def test_exclusive_gifts_and_exclusive_numbers_of_an_event_stand_alone_each_in_its_sort():
    review = When(event="review")
    rules = msgspec.structs.replace(RULES, rules=(
        Rule("a", Said("A"), Earn(5), review, exclusive=True), Rule("b", Said("B"), Earn(7), review),
        Rule("c", Said("C"), GiveVoucher("tea"), review, exclusive=True), Rule("d", Said("D"), GiveVoucher("cake"), review)))
    found = judge_event(rules, "review", 1, NOON, Standing(), ZONE)
    assert [some.rule for some in found.applied] == ["a", "c"]
    assert [(gain.amount, gain.rule) for gain in found.gains] == [(5, "a")]
    assert [given.reward for given in found.given] == ["tea"]
