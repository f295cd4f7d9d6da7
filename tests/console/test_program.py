"""The rules' form: sentences made from it, versions, and what it refuses."""
import html
import re

import pytest

from app.programs import rules as program_rules
from app.programs import service as programs
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.console.visiting import audited, rows, value_of, words_of
from tests.shops import RULES, make_card

FORM = {"earn_points": "7", "earn_per": "100", "earn_mode": "whole_steps", "minimum_receipt": "250,50", "welcome_points": "25",
        "worth_points": "2", "worth": "1.50", "largest_share": "12,5", "lot_days": "90", "refund_debt": "waived", "undo_minutes": "3"}
MEANT = program_rules.ProgramRules(earn_points=7, earn_per_minor=10_000, earn_mode="whole_steps", minimum_receipt_minor=25_050,
                                  welcome_points=25, worth_points=2, worth_minor=150, largest_share_bp=1_250, lot_days=90,
                                  refund_debt="waived", undo_minutes=3)


def sentences(answer):
    shown = re.search(r"<ul class=\"sentences\".*?</ul>", answer.text, flags=re.DOTALL)
    assert shown is not None
    return [html.unescape(each) for each in re.findall("<li>(.*?)</li>", shown[0])]


async def rules_now(here, shop):
    return (await programs.get_program(here.db, shop.business_id, shop.program_id)).rules


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_page_shows_the_rules_and_the_sentences_that_shoppers_read(owner, language):
    answer = await owner.get("/console/program", language)
    assert sentences(answer) == program_rules.explain(RULES, "RUB", language)
    assert [value_of(answer, name) for name in ("earn_points", "earn_per", "worth", "worth_points", "largest_share", "lot_days")] == [
        "5", "100", "1", "1", "50", "365"]


async def test_new_rules_are_a_new_version_that_judges_from_now_on(here, shop, manager):
    card = await make_card(here, shop)
    answer = await manager.post("/console/program", FORM)
    assert answer.status_code == 303 and await rules_now(here, shop) == MEANT
    page = await manager.get(answer.headers["location"])
    assert "These rules hold from now on." in words_of(page) and sentences(page) == program_rules.explain(MEANT, "RUB", "en")
    assert "2 versions so far Version 2 today, 12:00 Manager Version 1" in words_of(page)
    assert (await audited(here, shop.business_id))[0] == "program.rules_changed"
    sale = await sales.sell(here.db, shop.cashier, SaleRequest(card_id=card.id, amount=50_000, location_id=shop.location_id), None,
                            here.clock.now())
    assert sale.operation.rules_version == 2 and sale.operation.balances == {"points": 35}


async def test_the_form_shown_and_sent_back_unchanged_makes_no_version(here, shop, manager):
    page = await manager.get("/console/program")
    fields = {name: value_of(page, name) for name in FORM} | {"earn_mode": RULES.earn_mode, "refund_debt": RULES.refund_debt}
    before = await rows(here)
    assert (await manager.post("/console/program", fields)).status_code == 303 and await rows(here) == before


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_preview_says_what_the_kept_rules_would(here, manager, language):
    before = await rows(here)
    answer = await manager.post("/console/program/preview", FORM, headers={"Accept-Language": language})
    assert answer.json() == {"sentences": program_rules.explain(MEANT, "RUB", language)} and await rows(here) == before


@pytest.mark.parametrize(("field", "typed", "said"), [
    ("earn_points", "", "whole number"), ("earn_points", "1.5", "whole number"), ("earn_points", "-1", "whole number"),
    ("earn_points", "1000001", "from 0 to 1,000,000"), ("earn_points", "5000", "more than the purchase itself"),
    ("earn_points", "9" * 40, "whole number"), ("earn_points", "٥", "whole number"),
    ("earn_per", "0", "above zero"), ("earn_per", "1,234", "Type"), ("earn_per", "abc", "in digits"), ("earn_per", "", "in digits"),
    ("earn_per", "9223372036854775808", "Type"), ("worth", "-1", "Type"), ("worth", "1e3", "in digits"),
    ("minimum_receipt", "x", "in digits"), ("largest_share", "101", "from 0 to 100"), ("largest_share", "30 %", "in digits"),
    ("lot_days", "0", "from 1 to 3650"), ("lot_days", "never", "whole number"), ("welcome_points", "1000001", "1,000,000"),
    ("undo_minutes", "1441", "from 0 to 1440"), ("worth_points", "0", "above zero")])
async def test_rules_that_no_shop_could_mean_are_refused_with_what_was_typed(here, manager, field, typed, said):
    before = await rows(here)
    form = {**FORM, field: typed}
    answer = await manager.post("/console/program", form)
    error = re.search(rf'id="{field}-error" role="alert">(.*?)</span></span>', answer.text, flags=re.DOTALL)
    assert answer.status_code == 422 and error is not None and said in html.unescape(error[1])
    assert {name: value_of(answer, name) for name in form if name not in ("earn_mode", "refund_debt")} == {
        name: value for name, value in form.items() if name not in ("earn_mode", "refund_debt")}
    preview = await manager.post("/console/program/preview", form)
    assert preview.status_code == 422 and said in preview.json()["errors"][field]
    assert await rows(here) == before


@pytest.mark.parametrize("field", ["earn_mode", "refund_debt"])
async def test_a_choice_that_is_not_offered_is_refused(here, manager, field):
    before = await rows(here)
    answer = await manager.post("/console/program", {**FORM, field: "both"})
    assert answer.status_code == 422 and await rows(here) == before


async def test_points_that_never_expire_leave_the_days_empty(here, shop, manager):
    await manager.post("/console/program", {**FORM, "lot_days": ""})
    assert (await rules_now(here, shop)).lot_days is None
    page = await manager.get("/console/program")
    assert value_of(page, "lot_days") == "" and "Points never expire." in sentences(page)


async def test_what_the_form_does_not_show_stays(here, shop, manager):
    await programs.change_rules(here.db, shop.who, shop.program_id, program_rules.ProgramRules(
        earn_points=1, earn_per_minor=100, worth_minor=1, refund_grace_days=77), here.clock.now())
    await manager.post("/console/program", FORM)
    assert (await rules_now(here, shop)).refund_grace_days == 77
