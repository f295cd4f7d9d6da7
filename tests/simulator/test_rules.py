"""The simulator's arithmetic: worked figures that an accountant can repeat."""
from datetime import UTC, datetime

import msgspec
import pytest

from app.errors import Invalid
from app.programs.rules import ProgramRules
from app.programs.terms import Caps, Conversion, Discount, GiveVoucher, Multiply, Rule, Said, Stamps, When
from app.sales.judgement import Receipt
from app.simulator import rules
from app.simulator.rules import Past, Wish

ZONE = "Europe/Moscow"
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
POINTS = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100)


def past(amount, account=1, **more):
    return Past(Receipt(amount, MONDAY, ZONE, ZONE), account, **more)


def figures(made, receipts, count=None, worths=None, **more):
    tally = rules.tallied(made, receipts)
    return rules.figures(tally, count or len(receipts), lambda key: (worths or {}).get(key, 0),
                         **{"redeemed_bp": 10_000, "margin_bp": 3_000, "liability": 0, **more})


def test_points_cost_what_they_are_worth():
    made = figures(POINTS, [past(100_000), past(50_000)])
    assert made.given == {"points": 75} and made.given_worth == 7_500 and made.cost == 7_500 and made.turnover == 150_000
    assert made.per_thousand(made.cost) == 3_750_000 and made.touched == 2 and made.cost_bp == 500


def test_what_is_not_spent_costs_nothing_in_the_end():
    made = figures(POINTS, [past(100_000)], redeemed_bp=6_000)
    assert made.cost == 5_000 and made.likely == 3_000


def test_a_discount_is_paid_whatever_is_spent():
    made = figures(ProgramRules(discount_bp=1_000), [past(100_000)], redeemed_bp=0)
    assert made.discount == 10_000 and made.likely == 10_000


def test_growth_pays_for_the_programme_where_its_margin_covers_the_cost_of_all_turnover():
    # 1,000 of 10,000 at a margin of 30 %: 3,000 − 1,000 = 2,000 are left, so half as much again: 15,000 × 30 % − 1,500 = 3,000.
    assert rules.break_even(1_000, 10_000, 3_000) == 5_000
    assert rules.break_even(0, 10_000, 3_000) == 0
    assert rules.break_even(3_000, 10_000, 3_000) is None and rules.break_even(4_000, 10_000, 3_000) is None


def test_stamps_cost_a_share_of_the_dearest_reward_of_a_full_card():
    stamps = ProgramRules(stamps=Stamps(Conversion(6, ("coffee", "cake"))))
    made = figures(stamps, [past(20_000, account) for account in range(12)], worths={"coffee": 15_000, "cake": 24_000})
    assert made.given == {"stamps": 12} and made.given_worth == 48_000


def test_vouchers_cost_what_the_catalogue_says():
    gift = Rule("gift", Said("Gift"), GiveVoucher("cake"), When(amount_from=50_000))
    made = figures(ProgramRules(rules=(gift,)), [past(60_000), past(40_000)], worths={"cake": 24_000})
    assert made.vouchers == {"cake": 1} and made.cost == 24_000 and made.touched_bp == 5_000


def test_a_sample_stands_for_all_receipts():
    made = figures(POINTS, [past(100_000)], count=250)
    assert made.receipts == 250 and made.turnover == 25_000_000 and made.given == {"points": 12_500}


def test_limits_of_a_person_and_of_a_campaign_are_counted_along():
    rule = Rule("off", Said("Off"), Discount(share_bp=1_000), caps=Caps(person=15_000, campaign=25_000))
    made = figures(ProgramRules(rules=(rule,)), [past(100_000, 1), past(100_000, 1), past(100_000, 2), past(100_000, 3)])
    # 10,000, then 5,000 of the first one's 15,000; 10,000 of what the campaign has left, then nothing.
    assert made.discount == 25_000


def test_shoppers_pay_as_much_by_points_as_they_did_and_earn_on_the_rest():
    made = figures(POINTS, [past(100_000, spent_minor=20_000)])
    assert made.given == {"points": 40}


def test_an_average_is_judged_on_every_weekday_and_at_every_hour():
    tuesday = Rule("tuesday", Said("Tuesday"), Multiply(20_000), When(weekdays=(2,)))
    receipts = rules.around(74_000, MONDAY, ZONE)
    assert len(receipts) == 210 and sum(each.receipt.amount for each in receipts) == 210 * 74_000
    doubled = figures(msgspec.structs.replace(POINTS, rules=(tuesday,)), receipts)
    assert doubled.given["points"] * 7 == figures(POINTS, receipts).given["points"] * 8


def test_conditions_that_the_past_does_not_know_are_named():
    asked = Rule("vip", Said("VIP"), Multiply(20_000), When(segments=("vip",), birthday_before=3))
    assert rules.unknown_in(ProgramRules(rules=(asked,))) == ("segments", "birthday_before")
    assert rules.unknown_in(ProgramRules(rules=(msgspec.structs.replace(asked, paused=True),))) == ()


@pytest.mark.parametrize(("wish", "field"), [
    (Wish("average", 0, 100), "average"), (Wish("average", 100, 0), "receipts"), (Wish("average", 100, 10, 0), "members"),
    (Wish(redeemed_bp=10_001), "redeemed"), (Wish(margin_bp=0), "margin"), (Wish(margin_bp=10_001), "margin")])
def test_a_wish_that_makes_no_sense_is_refused(wish, field):
    with pytest.raises(Invalid) as refused:
        rules.check(wish)
    assert [each.field for each in refused.value.fields] == [field]


@pytest.mark.parametrize(("count", "every"), [(0, 1), (1_000, 1), (1_001, 2), (2_000, 2), (2_001, 3), (1_000_000, 1_000)])
def test_never_more_than_a_thousand_receipts_are_judged(count, every):
    assert rules.sampled(count) == every and count / every <= rules.MOST_RECEIPTS
