"""Trying a receipt, reckoning what rules cost, closing, and the sheet for the wall."""
import html
import re

import pytest

from app.programs import service as programs
from app.programs.explain import explain
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.console.visiting import audited, rows, sign_in, value_of, words_of
from tests.shops import RULES, make_card

TUESDAY = {"name_en": "Tuesday", "conditions": ["weekdays"], "weekdays": ["2"], "effect": "multiply", "times": "2", "draft_of": "rule:new"}
RECEIPT = {"amount": "740", "day": "2026-11-24", "clock": "10:00"}            # a Tuesday


@pytest.fixture
def page(here, shop):
    return f"/console/programs/{here.ids.encode('program', shop.program_id)}"


def draft_in(answer):
    return html.unescape(re.search(r'name="draft" value="([^"]*)"', answer.text)[1])


async def test_a_receipt_gives_what_it_would_give_at_the_till(here, shop, manager, page):
    before = await rows(here)
    shown = await manager.page(page + "/try")
    assert "To pay 740 ₽ Put on the card +37 points" in shown
    typed = words_of(await manager.post(page + "/try", {**RECEIPT, "balance": "100"}))
    assert "To pay 640 ₽ Paid with the card: 100 points −100 ₽ Put on the card +32 points" in typed
    assert await rows(here) == before
    card = await make_card(here, shop, points=100)
    sale = await sales.sell(here.db, shop.cashier, SaleRequest(card_id=card.id, amount=74_000, redeem=None, location_id=shop.location_id),
                            None, here.clock.now())
    assert (sale.operation.to_pay_minor, sale.operation.balances["points"]) == (64_000, 32)


async def test_lines_decide_what_rules_for_goods_give(here, shop, manager, page):
    await manager.post(f"{page}/rules/new", {"name_en": "Coffee", "conditions": ["lines"], "categories": "coffee", "effect": "discount",
                                             "share": "10"})
    text = words_of(await manager.post(page + "/try", {**RECEIPT, "amount.0": "400", "quantity.0": "2", "category.0": "coffee",
                                                       "amount.1": "340", "category.1": "cake"}))
    assert "To pay 700 ₽ Discount −40 ₽" in text and "Because of these rules" in text
    assert "1 rule did not apply" in words_of(await manager.post(page + "/try", RECEIPT))


async def test_an_edited_rule_is_tried_and_nothing_of_it_is_kept(here, manager, page):
    before = await rows(here)
    answer = await manager.post(page + "/try", TUESDAY)
    assert "These are the rules from your form." in words_of(answer)
    tried = words_of(await manager.post(page + "/try", {**RECEIPT, "draft": draft_in(answer)}))
    assert "Put on the card +74 points Because of these rules On Tuesdays" in tried and await rows(here) == before
    broken = await manager.post(page + "/try", {**TUESDAY, "times": "x"})
    assert broken.status_code == 422 and "These rules cannot be tried yet. Type a number" in words_of(broken)


@pytest.mark.parametrize("draft", ["{", "[]", '{"earn_points": "5"}', '{"unheard_of": 1}', '{"earn_points": 5000}', "x" * 70_000])
async def test_a_draft_that_is_no_rules_is_refused(here, manager, page, draft):
    before = await rows(here)
    for path in ("/try", "/simulator"):
        answer = await manager.post(page + path, {**RECEIPT, "draft": draft})
        assert answer.status_code in (400, 413, 422), path
    assert await rows(here) == before


@pytest.mark.parametrize(("field", "typed", "said"), [
    ("amount", "", "Type"), ("amount", "0", "above zero"), ("amount", "much", "in digits"), ("day", "2026-02-31", "day of the calendar"),
    ("clock", "25:00", "08:30"), ("balance", "-1", "whole number")])
async def test_a_receipt_that_is_none_is_told_beside_what_was_typed(manager, page, field, typed, said):
    answer = await manager.post(page + "/try", {**RECEIPT, field: typed})
    error = re.search(rf'id="{field}-error" role="alert">(.*?)</span></span>', answer.text, flags=re.DOTALL)
    assert answer.status_code == 422 and error is not None and said in error[1] and value_of(answer, field) == typed


async def test_lines_above_the_sum_are_told(manager, page):
    answer = await manager.post(page + "/try", {**RECEIPT, "amount.0": "900", "category.0": "coffee"})
    assert answer.status_code == 422 and value_of(answer, "amount.0") == "900"


async def test_the_simulator_says_what_the_last_receipts_cost(here, shop, manager, page):
    assert "No purchases with a card in the last 30 days" in await manager.page(page + "/simulator")
    card = await make_card(here, shop)
    for amount in (100_000, 50_000):
        await sales.sell(here.db, shop.cashier, SaleRequest(card_id=card.id, amount=amount, location_id=shop.location_id), None,
                         here.clock.now())
    before = await rows(here)
    text = await manager.page(page + "/simulator")
    assert "All 2 receipts of the last 30 days were judged." in text
    assert "Turnover with the card sums of the receipts, before discounts 1 500 ₽" in text.replace("\u202f", " ")
    draft = words_of(await manager.post(page + "/simulator", {**TUESDAY, "weekdays": ["7"]})).replace("\u202f", " ")
    assert "150 ₽ 150 points 75 ₽ 75 points" in draft and "+ new: On Sundays" in draft
    assert await rows(here) == before


async def test_a_typed_average_is_reckoned_and_wrong_ones_are_told(manager, page):
    form = {"source": "average", "average": "740", "receipts": "3000", "members": "40", "margin": "30", "redeemed": "60"}
    answer = await manager.post(page + "/simulator", form)
    assert answer.status_code == 200 and "210 receipts were judged" in words_of(answer)
    for field, typed in (("average", "x"), ("receipts", "0"), ("members", "101"), ("margin", "0"), ("redeemed", "200")):
        wrong = await manager.post(page + "/simulator", {**form, field: typed})
        error = re.search(rf'id="{field}-error" role="alert">(.*?)</span></span>', wrong.text, flags=re.DOTALL)
        assert wrong.status_code == 422 and error is not None and value_of(wrong, field) == typed


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_rule_sheet_says_the_rules_in_both_languages(manager, page, language):
    answer = await manager.get(page + "/sheet", language)
    for each in ("en", "ru"):
        sheet = re.search(rf'<article class="rulesheet" lang="{each}">.*?</article>', answer.text, flags=re.DOTALL)[0]
        assert [html.unescape(one) for one in re.findall("<li>(.*?)</li>", sheet)] == explain(RULES, "RUB", each)


async def test_a_closing_is_announced_by_its_name_changed_and_called_off(here, shop, owner, page):
    form = {"earns_until": "2026-12-31", "spends_until": "2027-03-31", "name": "Points"}
    answer = await owner.post(page + "/close", form)
    assert answer.status_code == 303
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    # The days are over at midnight in Moscow.
    assert (program.earns_until_at, program.spends_until_at) == (1798750800000, 1806526800000)
    shown = await owner.get(answer.headers["location"])
    assert "Purchases until 31 December still earn; what is on the cards can be spent until 31 March 2027." in words_of(shown)
    assert (value_of(shown, "earns_until"), value_of(shown, "spends_until")) == ("2026-12-31", "2027-03-31")
    assert "closing" in await owner.page("/console/programs")
    assert (await owner.post(page + "/close", {**form, "spends_until": "2027-04-30", "name": "баллы"})).status_code == 303
    called = await owner.post(page + "/close/call-off")
    assert "The programme goes on." in words_of(await owner.get(called.headers["location"]))
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    assert program.earns_until_at is None and (await audited(here, shop.business_id))[0] == "program.closing_called_off"


@pytest.mark.parametrize(("field", "typed"), [("name", "Pints"), ("name", ""), ("earns_until", ""), ("earns_until", "2026-11-01"),
                                             ("spends_until", "2026-12-30"), ("spends_until", "never")])
async def test_a_closing_that_nobody_could_mean_changes_nothing(here, owner, page, field, typed):
    before = await rows(here)
    answer = await owner.post(page + "/close", {"earns_until": "2026-12-31", "spends_until": "2027-03-31", "name": "Points", field: typed})
    error = re.search(rf'id="{field}-error" role="alert">(.*?)</span></span>', answer.text, flags=re.DOTALL)
    assert answer.status_code == 422 and error is not None and await rows(here) == before


async def test_once_earning_has_ended_a_closing_cannot_be_called_off(here, shop, owner, page, clock):
    await owner.post(page + "/close", {"earns_until": "2026-11-22", "spends_until": "2026-12-31", "name": "Points"})
    clock.advance(hours=13)
    owner = await sign_in(owner.client, "owner@coffee.example.com")
    before = await rows(here)
    answer = await owner.post(page + "/close/call-off")
    assert answer.status_code == 409 and "cannot be called off any more" in words_of(answer) and await rows(here) == before
    assert "Announce" not in words_of(await owner.get(page + "/close"))


async def test_what_is_at_stake_is_said_before_a_closing(here, shop, owner, page):
    await make_card(here, shop, points=250)
    assert "Cards 1 Points 250 on 1 card, worth 250 ₽" in await owner.page(page + "/close")
