"""What a cashier hears: made from the quote and what is known around it, the most useful first, never more than five."""
from datetime import UTC, date, datetime
from types import SimpleNamespace

import msgspec
import pytest

from app.ledger.service import Expiring
from app.programs import terms as t
from app.programs.rules import ProgramRules
from app.programs.terms import Said
from app.sales.judgement import Given, Line, Quote, Receipt
from app.sales.judging import judge
from app.sales.surroundings import Around, Seen
from app.sales.words import MOST, about_card, hints
from app.standing.rules import Standing
from app.standing.service import Next
from tests.money import RULES

NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ZONE = "Europe/Moscow"
COFFEE = {"coffee": Said("A coffee", "Кофе")}
SILVER = t.Level("silver", Said("Silver", "Серебро"), 1_000_000)
STAMPS = ProgramRules(stamps=t.Stamps(t.Conversion(6, ("coffee",)), by="item", categories=("coffee",)))


def quote(rules: ProgramRules = RULES, amount: int = 100_000, redeem: int = 0, status: str = "active", debt: int = 0, lines=(),
          standing: Standing | None = None, vouchers=(), given=(), **around) -> Quote:
    receipt = Receipt(amount, NOON, ZONE, ZONE, tuple(lines))
    standing = standing or Standing()
    judged = judge(rules, receipt, standing, redeem)
    if given:
        judged = msgspec.structs.replace(judged, given=tuple(given))
    known = Around(NOON, ZONE, rewards=COFFEE, receipt=receipt, **around)
    return Quote(SimpleNamespace(status=status), judged, rules, "RUB", standing.spendable, debt, standing, tuple(vouchers), known)


def said(language: str = "en", **what) -> list[str]:
    return plain(hints(quote(**what), language))


def plain(sentences: list[str]) -> list[str]:
    return [sentence.replace("\u00a0", " ") for sentence in sentences]


def with_rules(**change) -> ProgramRules:
    return msgspec.structs.replace(RULES, **change)


def both(**what) -> tuple[list[str], list[str]]:
    return said("en", **what), said("ru", **what)


def test_a_cashier_hears_what_points_can_pay_and_what_the_purchase_brings():
    assert said(standing=Standing(spendable=320)) == ["320 points can pay 320 ₽ of this.", "This purchase brings 50 points."]
    assert said("ru", standing=Standing(spendable=321)) == ["Можно списать 321 балл — это 321 ₽.", "За покупку начислим 50 баллов."]


def test_what_is_paid_with_points_already_is_not_offered_again():
    assert said(standing=Standing(spendable=320), redeem=320) == ["This purchase brings 34 points."]


def test_money_on_a_card_is_called_money():
    rules = ProgramRules(unit="money", earn_points=500, worth_minor=1)
    assert said(rules=rules, standing=Standing(spendable=5_000)) == ["50 ₽ can be paid from the card.", "This purchase brings 50 ₽."]


def test_a_receipt_below_the_minimum_says_from_where_it_counts():
    assert said(rules=with_rules(minimum_receipt_minor=5_000), amount=4_000) == ["The programme counts receipts from 50 ₽ on."]


def test_a_debt_a_closing_programme_and_a_card_without_an_owner_are_named_first():
    assert said(debt=7)[0] == "The card owes 7 points for a returned purchase; new points repay them first."
    assert said(status="provisional")[0] == "The card is not activated yet: it collects points and can pay with them once it is."
    assert said(standing=Standing(is_closed=True))[0] == "The programme is closing: it gives nothing for new purchases."
    member = ProgramRules(discount_bp=500, membership=t.Membership((t.Plan("a", Said("A"), 30, 1),)))
    assert said(rules=member, standing=Standing(is_member=False))[0] == "There is no membership now; one can be bought."


@pytest.mark.parametrize(("amount", "missing"), [(17_500, "25 ₽"), (19_999, "0.01 ₽"), (17_499, None), (20_000, None)])
def test_a_shopper_hears_when_little_is_missing_to_the_next_step(amount, missing):
    sentence = f"Another {missing} would bring 5 points more."
    assert (sentence in said(rules=with_rules(earn_mode="whole_steps"), amount=amount)) == (missing is not None)


@pytest.mark.parametrize(("held", "bought", "english", "russian"), [
    (4, 1, "One more coffee and there is a gift: “A coffee”.", "Ещё одна штука (coffee) — и подарок: «Кофе»."),
    (3, 1, "2 stamps more and there is a gift: “A coffee”.", "Ещё 2 штампа — и подарок: «Кофе»."),
    (5, 1, "The stamp card is full: a voucher for “A coffee”.", "Карта заполнена: будет купон — «Кофе»."),
    (1, 1, None, None)])
def test_a_shopper_hears_how_near_the_gift_is(held, bought, english, russian):
    what = {"rules": STAMPS, "lines": [Line(20_000, bought, category="coffee")], "amount": 20_000,
            "standing": Standing(held={"stamps": held})}
    assert both(**what) == (([english], [russian]) if english else ([], []))


def test_gifts_of_this_receipt_and_vouchers_that_wait_are_named():
    given = [Given("coffee", "rule", at_once=True), Given("coffee", "rule")]
    wait = [SimpleNamespace(rewards=("coffee",), starts_at=NOON, ends_at=datetime(2026, 11, 30, 21, tzinfo=UTC)),
            SimpleNamespace(rewards=("coffee",), starts_at=NOON, ends_at=None)]
    assert both(given=given, vouchers=wait)[0][:3] == [
        "Hand out with this purchase: “A coffee”.", "This purchase brings a voucher: “A coffee”.",
        "A voucher can be used: “A coffee”, until 30 November. One more waits."]
    assert both(given=given, vouchers=wait)[1][2] == "Можно использовать купон: «Кофе», до 30 ноября. И ещё 1."


@pytest.mark.parametrize(("born", "english"), [
    (date(1990, 11, 22), "It is their birthday today."), (date(1990, 11, 29), "Their birthday is within a week."),
    (date(1990, 11, 30), None), (date(1990, 11, 21), None)])
def test_a_birthday_is_said_on_the_day_and_the_week_before(born, english):
    assert [sentence for sentence in said(standing=Standing(birthday=born)) if "birthday" in sentence] == ([english] if english else [])


def test_a_birthday_on_the_29th_of_february_is_not_forgotten_in_other_years():
    seen = quote(standing=Standing(birthday=date(2000, 2, 29)))
    seen = msgspec.structs.replace(seen, around=Around(datetime(2027, 2, 28, 9, tzinfo=UTC), ZONE))
    assert "It is their birthday today." in hints(seen, "en")


THREE_FOR_TWO = ProgramRules(rules=(t.Rule("three", Said("x"), t.BuyGet(2, 1), t.When(categories=("cake",), weekdays=(7,))),))


@pytest.mark.parametrize(("pieces", "is_said"), [(1, False), (2, True), (3, False), (5, True)])
def test_a_shopper_hears_when_a_piece_more_is_free(pieces, is_said):
    what = {"rules": THREE_FOR_TWO, "amount": 30_000, "lines": [Line(20_000, pieces, category="cake"), Line(10_000, category="tea")]}
    assert both(**what) == ((["1 piece more: of every 3 pieces of cake the cheapest is free."],
                             ["Ещё 1 штука: из каждых 3 штук (cake) самая дешёвая — в подарок."]) if is_said else ([], []))


def test_a_rule_of_another_day_is_not_offered():
    other = msgspec.structs.replace(THREE_FOR_TWO.rules[0], when=t.When(categories=("cake",), weekdays=(1,)))
    what = {"rules": ProgramRules(rules=(other,)), "amount": 20_000, "lines": [Line(20_000, 2, category="cake")]}
    assert said(**what) == []


@pytest.mark.parametrize(("amount", "is_said"), [(90_000, True), (75_000, True), (74_999, False), (100_000, False)])
def test_a_shopper_hears_when_little_is_missing_to_a_better_receipt(amount, is_said):
    rules = ProgramRules(rules=(t.Rule("big", Said("x"), t.Discount(share_bp=500), t.When(amount_from=100_000)),))
    expected = [f"Another {(100_000 - amount) // 100} ₽ and the receipt gets this: 5% off the whole receipt."]
    assert said(rules=rules, amount=amount) == (expected if is_said else [])


def test_the_next_level_is_said_with_this_purchase_counted():
    rules = ProgramRules(discount_bp=100, levels=t.Levels((t.Level("basic", Said("Basic"), 0), SILVER)))
    standing = Standing(level="basic")
    assert both(rules=rules, standing=standing, next_level=Next(SILVER, 150_000)) == (
        ["510 ₽ more to the level “Silver”."], ["До уровня «Серебро» не хватает 510 ₽."])
    assert said(rules=rules, standing=standing, next_level=Next(SILVER, 99_000)) == ["This purchase lifts the card to the level “Silver”."]


def test_offers_and_the_favourite_product_are_named():
    rules = ProgramRules(favourite=t.Favourite(), offers=t.Offers())
    assert said(rules=rules, standing=Standing(offers={"tea": 1_000, "bun": 500})) == [
        "No favourite product is chosen yet: offer to choose one.", "Personal offers: tea −10%, bun −5%."]
    assert said("ru", rules=rules, standing=Standing(favourite="tea")) == ["Предложите любимый товар: tea."]
    goods = {"tea": "Чай с мятой"}
    assert said("ru", rules=rules, standing=Standing(favourite="tea"), goods=goods) == ["Предложите любимый товар: Чай с мятой."]
    offers = with_rules(offers=t.Offers(), earn_points=0)
    assert said("ru", rules=offers, standing=Standing(offers={"tea": 1_000, "bun": 500}), goods=goods) == [
        "Личные предложения: Чай с мятой −10 %, bun −5 %."]


def test_what_ends_soon_is_said_with_its_last_good_day():
    rules = ProgramRules(visits=t.Visits(()), membership=t.Membership((t.Plan("a", Said("A"), 30, 1),)))
    end = datetime(2026, 12, 1, 21, tzinfo=UTC)
    assert both(rules=rules, standing=Standing(held={"visits": 2}), expiring=Expiring("points", 120, end), member_until=end) == (
        ["120 points can be used until 1 December.", "The membership ends on 1 December; it can be renewed now.",
         "2 visits left; offer a new package."],
        ["120 баллов можно потратить до 1 декабря.", "Членство действует до 1 декабря; можно продлить сейчас.",
         "Осталось: 2 посещения; предложите новый абонемент."])


def test_there_are_never_more_than_five():
    wait = [SimpleNamespace(rewards=("coffee",), starts_at=NOON, ends_at=None)]
    rules = with_rules(earn_mode="whole_steps", favourite=t.Favourite(), stamps=STAMPS.stamps)
    many = said(rules=rules, amount=119_000, debt=3, vouchers=wait, standing=Standing(
        spendable=10, birthday=date(1990, 11, 22), held={"stamps": 5}, offers={"tea": 100}))
    assert len(many) == MOST and many[0].startswith("The card owes")


def test_a_quote_that_nobody_looked_around_for_still_says_what_it_knows():
    bare = msgspec.structs.replace(quote(), around=None)
    assert plain(hints(bare, "en")) == ["This purchase brings 50 points."]


def test_a_card_that_is_looked_up_says_what_is_known_before_anything_is_typed():
    standing = Standing(birthday=date(1990, 11, 25), held={"stamps": 5})
    seen = Seen(SimpleNamespace(status="active"), STAMPS, "RUB", 0, 0, standing, (), Around(NOON, ZONE, rewards=COFFEE))
    assert about_card(seen, "en") == ["Their birthday is within a week.", "One more coffee and there is a gift: “A coffee”."]
