from types import SimpleNamespace

import msgspec
import pytest

from app.sales.judgement import Quote, Receipt
from app.sales.judging import judge
from app.sales.words import hints
from app.standing.rules import Standing
from tests.money import NOON, RULES

ZONE = "Europe/Moscow"


def quote(amount=100_000, redeem=0, spendable=0, status="active", debt=0, **rules):
    changed = msgspec.structs.replace(RULES, **rules)
    judged = judge(changed, Receipt(amount, NOON, ZONE, ZONE), Standing(spendable=spendable), redeem)
    return Quote(SimpleNamespace(status=status), judged, changed, "RUB", spendable, debt)


def said(language="en", **what):
    return [sentence.replace("\u00a0", " ") for sentence in hints(quote(**what), language)]


def test_a_cashier_reads_what_points_can_pay_and_what_the_purchase_brings():
    assert said(spendable=320) == ["320 points can pay 320 ₽ of this.", "This purchase brings 50 points."]
    assert said("ru", spendable=321) == ["Можно списать 321 балл — это 321 ₽.", "За покупку начислим 50 баллов."]


def test_what_is_paid_with_points_already_is_not_offered_again():
    assert said(spendable=320, redeem=320) == ["This purchase brings 34 points."]


def test_a_receipt_below_the_minimum_says_from_where_it_counts():
    assert said(amount=4_000, minimum_receipt_minor=5_000) == ["The programme counts receipts from 50 ₽ on."]


def test_a_debt_and_a_card_without_an_owner_are_named_first():
    assert said(debt=7)[0] == "The card owes 7 points for a returned purchase; new points repay them first."
    assert said(status="provisional")[0] == "The card is not activated yet: it collects points and can pay with them once it is."


@pytest.mark.parametrize(("amount", "missing"), [(17_500, "25 ₽"), (19_999, "0.01 ₽"), (17_499, None), (20_000, None)])
def test_a_shopper_hears_when_little_is_missing_to_the_next_step(amount, missing):
    sentence = f"Another {missing} would bring 5 points more."
    assert (sentence in said(amount=amount, earn_mode="whole_steps")) == (missing is not None)
