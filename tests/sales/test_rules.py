from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Invalid
from app.ledger.rules import NotEnoughPoints
from app.money import MAX_AMOUNT
from app.sales import judging, rules
from app.sales.judgement import Receipt
from app.sales.rules import OverLargestShare, RefundRequest, SaleRequest
from app.standing.rules import Standing
from tests.money import NOON, RULES

ZONE = "Europe/Moscow"
WHOLE = msgspec.structs.replace(RULES, largest_share_bp=10_000)


def judge(rules_, amount, redeem, spendable):
    return judging.judge(rules_, Receipt(amount, NOON, ZONE, ZONE), Standing(spendable=spendable), redeem)


def test_points_are_earned_in_proportion_on_what_money_paid_and_rounded_down_once():
    judged = judge(WHOLE, 125_000 - 6_250, 100, 320)
    assert (judged.spent_minor, judged.to_pay, judged.to_earn) == (10_000, 108_750, 54)


def test_points_are_earned_for_whole_steps_only_where_the_programme_says_so():
    steps = msgspec.structs.replace(RULES, earn_mode="whole_steps")
    assert [judge(steps, amount, 0, 0).to_earn for amount in (9_999, 10_000, 19_999, 20_000)] == [0, 5, 5, 10]


def test_a_receipt_below_the_minimum_earns_nothing_and_takes_no_points():
    minimum = msgspec.structs.replace(RULES, minimum_receipt_minor=50_000)
    assert judge(minimum, 49_999, None, 1000).redeemable_points == judge(minimum, 49_999, 0, 0).to_earn == 0
    assert judge(minimum, 50_000, 0, 1000).to_earn == 25
    with pytest.raises(OverLargestShare):
        judge(minimum, 49_999, 1, 1000)


def test_the_minimum_and_the_share_are_judged_after_the_discount():
    minimum = msgspec.structs.replace(RULES, minimum_receipt_minor=50_000)
    assert judge(msgspec.structs.replace(minimum, discount_bp=1_000), 55_500, 0, 1000).to_earn == 0
    assert judge(msgspec.structs.replace(RULES, discount_bp=2_000), 100_000, None, 10_000).spent_minor == 40_000


def test_points_pay_no_more_than_the_largest_share_of_a_receipt():
    assert judge(RULES, 100_000, None, 10_000).points == 500
    with pytest.raises(OverLargestShare) as refused:
        judge(RULES, 100_000, 501, 10_000)
    assert refused.value.params == {"points": 500}


def test_points_that_are_not_there_are_refused_before_the_share_is_looked_at():
    with pytest.raises(NotEnoughPoints):
        judge(RULES, 100_000, 501, 500)


def test_no_points_at_all_can_pay_where_the_share_is_none():
    assert judge(msgspec.structs.replace(RULES, largest_share_bp=0), 100_000, None, 900).points == 0


def test_points_that_would_pay_nothing_are_not_offered():
    odd = msgspec.structs.replace(WHOLE, worth_minor=1, worth_points=3)
    judged = judge(odd, 100, None, 8)
    assert (judged.points, judged.spent_minor) == (6, 2)


@given(amount=st.integers(1, MAX_AMOUNT), spendable=st.integers(0, 10**9), redeem=st.none() | st.just(0),
       worth_minor=st.integers(1, 10**6), worth_points=st.integers(1, 10**3), share=st.integers(0, 10_000))
@settings(max_examples=200)
def test_what_points_and_money_pay_is_always_the_whole_receipt(amount, spendable, redeem, worth_minor, worth_points, share):
    some = msgspec.structs.replace(RULES, worth_minor=worth_minor, worth_points=worth_points, largest_share_bp=share)
    judged = judge(some, amount, redeem, spendable)
    assert judged.spent_minor + judged.to_pay == amount
    assert 0 <= judged.redeemable_minor * 10_000 <= amount * share
    assert 0 <= judged.points <= judged.redeemable_points <= spendable


@pytest.mark.goal("M7")
@pytest.mark.parametrize("amount", [0, -1, 0.1, 1e309, float("nan"), True, "5", 2**63, None, MAX_AMOUNT + 1])
def test_amounts_are_whole_numbers_above_zero_that_a_receipt_can_have(amount):
    refund = [(rules.check_refund, RefundRequest(1, amount))] if amount is not None else []
    for check, request in ((rules.check_sale, SaleRequest(1, amount)), *refund):
        with pytest.raises(Invalid) as refused:
            check(request)
        assert refused.value.fields[0].field == "amount"


@pytest.mark.parametrize("redeem", [-1, 0.5, True, "5", 2**63])
def test_points_to_redeem_are_whole_numbers_from_zero(redeem):
    with pytest.raises(Invalid):
        rules.check_sale(SaleRequest(1, 100, redeem))


@pytest.mark.parametrize("receipt", ["", " A", "x" * 65, "a\nb"])
def test_a_receipt_number_is_short_and_printable(receipt):
    with pytest.raises(Invalid):
        rules.check_sale(SaleRequest(1, 100, receipt=receipt))


@pytest.mark.parametrize(("amount", "reason", "field"), [
    (0, "sorry", "amount"), (1.5, "sorry", "amount"), (True, "sorry", "amount"), (2**63, "sorry", "amount"),
    (5, "  ", "reason"), (5, "x" * 301, "reason")])
def test_an_adjustment_names_a_number_and_a_reason(amount, reason, field):
    with pytest.raises(Invalid) as refused:
        rules.check_adjustment(amount, reason)
    assert refused.value.fields[0].field == field


@pytest.mark.parametrize(("minutes", "code"), [(5.01, "in_the_future"), (-72 * 60 - 1, "too_old"), (-61, "before_card")])
def test_a_time_that_cannot_be_is_refused(minutes, code):
    with pytest.raises(Invalid) as refused:
        rules.moment(NOON + timedelta(minutes=minutes), NOON, NOON - timedelta(hours=1))
    assert refused.value.fields[0][:2] == ("at", code)


def test_a_till_whose_clock_runs_a_little_ahead_means_now():
    assert rules.moment(NOON + timedelta(minutes=5), NOON, NOON) == NOON
    assert rules.moment(NOON - timedelta(hours=72), NOON, NOON - timedelta(days=9)) == NOON - timedelta(hours=72)
