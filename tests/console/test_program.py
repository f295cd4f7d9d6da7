"""The rules' form: sentences made from it, versions, and what it refuses."""
import html
import re

import msgspec
import pytest

from app.programs import rules as program_rules
from app.programs import service as programs
from app.programs.terms import Level, Levels, Multiply, Rule, Said, When
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.console.visiting import audited, rows, value_of, words_of
from tests.shops import RULES, make_card

FORM = {"earn_points": "7", "earn_per_minor": "100", "earn_mode": "whole_steps", "minimum_receipt_minor": "250,50", "welcome_points": "25",
        "worth_points": "2", "worth_minor": "1.50", "largest_share_bp": "12,5", "discount_bp": "0", "lot_days": "90", "lot_end": "day",
        "fades": "", "pending_days": "3", "warn_days": "14, 2", "smallest_redeem": "10", "redeem_step": "5", "refund_debt": "waived",
        "refund_grace_days": "21", "undo_minutes": "3", "four_eyes_over": "5000", "confirm_redeem_over": ""}
CHOICES = ("earn_mode", "refund_debt", "lot_end")
MEANT = program_rules.ProgramRules(
    earn_points=7, earn_per_minor=10_000, earn_mode="whole_steps", minimum_receipt_minor=25_050, welcome_points=25, worth_points=2,
    worth_minor=150, largest_share_bp=1_250, lot_days=90, refund_debt="waived", undo_minutes=3, pending_days=3, warn_days=(14, 2),
    smallest_redeem=10, redeem_step=5, refund_grace_days=21, four_eyes_over=5000)


@pytest.fixture
def page(here, shop):
    """The programme's address."""
    return f"/console/programs/{here.ids.encode('program', shop.program_id)}"



def sentences(answer):
    shown = re.search(r"<ul class=\"sentences\".*?</ul>", answer.text, flags=re.DOTALL)
    assert shown is not None
    return [html.unescape(each) for each in re.findall("<li>(.*?)</li>", shown[0])]


async def rules_now(here, shop):
    return (await programs.get_program(here.db, shop.business_id, shop.program_id)).rules


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_page_shows_the_rules_and_the_sentences_that_shoppers_read(owner, page, language):
    answer = await owner.get(page, language)
    assert sentences(answer) == program_rules.explain(RULES, "RUB", language)
    shown = ("earn_points", "earn_per_minor", "worth_minor", "worth_points", "largest_share_bp", "lot_days")
    assert [value_of(answer, name) for name in shown] == ["5", "100", "1", "1", "50", "365"]


async def test_the_old_address_leads_to_the_first_programme(owner, page):
    answer = await owner.get("/console/program")
    assert answer.status_code == 303 and answer.headers["location"] == page


async def test_new_rules_are_a_new_version_that_judges_from_now_on(here, shop, manager, page):
    card = await make_card(here, shop)
    answer = await manager.post(page, {**FORM, "pending_days": "0"})
    assert answer.status_code == 303 and await rules_now(here, shop) == msgspec.structs.replace(MEANT, pending_days=0)
    shown = await manager.get(answer.headers["location"])
    assert "These rules hold from now on." in words_of(shown)
    assert sentences(shown) == program_rules.explain(msgspec.structs.replace(MEANT, pending_days=0), "RUB", "en")
    assert "Version 2 today, 12:00, Manager − no longer: Every 100 ₽ you pay gives 5 points, in proportion." in words_of(shown)
    assert (await audited(here, shop.business_id))[0] == "program.rules_changed"
    sale = await sales.sell(here.db, shop.cashier, SaleRequest(card_id=card.id, amount=50_000, location_id=shop.location_id), None,
                            here.clock.now())
    assert sale.operation.rules_version == 2 and sale.operation.balances["points"] == 35


async def test_the_form_shown_and_sent_back_unchanged_makes_no_version(here, shop, manager, page):
    shown = await manager.get(page)
    fields = {name: value_of(shown, name) for name in FORM if name not in CHOICES} | {name: getattr(RULES, name) for name in CHOICES}
    before = await rows(here)
    answer = await manager.post(page, fields)
    assert answer.status_code == 303 and await rows(here) == before
    assert "Nothing was changed." in words_of(await manager.get(answer.headers["location"]))


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_preview_says_what_the_kept_rules_would(here, manager, page, language):
    before = await rows(here)
    answer = await manager.post(page + "/preview", FORM, headers={"Accept-Language": language})
    assert answer.json() == {"sentences": program_rules.explain(MEANT, "RUB", language)} and await rows(here) == before


@pytest.mark.parametrize(("field", "typed", "said"), [
    ("earn_points", "", "whole number"), ("earn_points", "1.5", "whole number"), ("earn_points", "-1", "whole number"),
    ("earn_points", "1000001", "from 0 to 1,000,000"), ("earn_points", "5000", "more than the purchase itself"),
    ("earn_points", "9" * 40, "whole number"), ("earn_points", "٥", "whole number"),
    ("earn_per_minor", "0", "above zero"), ("earn_per_minor", "1,234", "Type"), ("earn_per_minor", "abc", "in digits"),
    ("earn_per_minor", "", "in digits"), ("earn_per_minor", "9223372036854775808", "Type"), ("worth_minor", "-1", "Type"),
    ("worth_minor", "1e3", "in digits"), ("minimum_receipt_minor", "x", "in digits"), ("largest_share_bp", "101", "from 0 to 100"),
    ("largest_share_bp", "30 %", "per cent"), ("lot_days", "0", "from 1 to 3650"), ("lot_days", "never", "whole number"),
    ("welcome_points", "1000001", "1,000,000"), ("undo_minutes", "1441", "from 0 to 1440"), ("worth_points", "0", "above zero"),
    ("fades", "half", "Write the steps"), ("fades", "7: 50, 3: 50", ""), ("warn_days", "soon", "whole numbers"),
    ("redeem_step", "0", "from 1")])
async def test_rules_that_no_shop_could_mean_are_refused_with_what_was_typed(here, manager, page, field, typed, said):
    before = await rows(here)
    form = {**FORM, field: typed}
    answer = await manager.post(page, form)
    error = re.search(rf'id="{field}-error" role="alert">(.*?)</span></span>', answer.text, flags=re.DOTALL)
    assert answer.status_code == 422 and error is not None and said in html.unescape(error[1])
    assert {name: value_of(answer, name) for name in form if name not in CHOICES} == {
        name: value for name, value in form.items() if name not in CHOICES}
    preview = await manager.post(page + "/preview", form)
    assert preview.status_code == 422 and said in preview.json()["errors"][field]
    assert await rows(here) == before


@pytest.mark.parametrize("field", CHOICES)
async def test_a_choice_that_is_not_offered_is_refused(here, manager, page, field):
    before = await rows(here)
    answer = await manager.post(page, {**FORM, field: "both"})
    assert answer.status_code == 422 and await rows(here) == before


async def test_points_that_never_expire_leave_the_days_empty(here, shop, manager, page):
    await manager.post(page, {**FORM, "lot_days": ""})
    assert (await rules_now(here, shop)).lot_days is None
    shown = await manager.get(page)
    assert value_of(shown, "lot_days") == "" and "Points never expire." in sentences(shown)


async def test_what_the_form_does_not_show_stays(here, shop, manager, page):
    rule = Rule("tuesday", Said("Tuesday", ""), Multiply(20_000), When(weekdays=(2,)))
    await programs.change_rules(here.db, shop.who, shop.program_id, msgspec.structs.replace(RULES, rules=(rule,)), here.clock.now())
    await manager.post(page, FORM)
    assert (await rules_now(here, shop)) == msgspec.structs.replace(MEANT, rules=(rule,))


async def test_a_part_is_added_and_taken_away_without_a_script_and_kept_only_when_it_is_sent(here, shop, manager, page):
    before = await rows(here)
    answer = await manager.post(page, {**FORM, "step": "add:", "part": "levels"})
    assert answer.status_code == 200 and value_of(answer, "levels.levels.1.threshold") == "10000" and value_of(answer, "earn_points") == "7"
    assert await rows(here) == before
    levels = {"parts": "levels", "levels.measure": "spend", "levels.window": "year", "levels.window_days": "365", "levels.grace_days": "30",
              "levels.levels.0.key": "start", "levels.levels.0.name.en": "Start", "levels.levels.0.threshold": "0",
              "levels.levels.1.key": "silver", "levels.levels.1.name.ru": "Серебро", "levels.levels.1.threshold": "20 000",
              "levels.levels.1.discount_bp": "3", "levels.levels.2.key": "", "levels.levels.2.name.en": "Gold",
              "levels.levels.2.threshold": "90000,50", "levels.levels.2.earn_points": "9"}
    assert (await manager.post(page, {**FORM, **levels})).status_code == 303
    made = (await rules_now(here, shop)).levels
    assert made == Levels((Level("start", Said("Start"), 0), Level("silver", Said("", "Серебро"), 2_000_000, discount_bp=300),
                           Level("gold", Said("Gold"), 9_000_050, earn_points=9)), window="year", grace_days=30)
    dropped = await manager.post(page, {**FORM, **levels, "step": "drop:levels"})
    assert "levels.levels" not in dropped.text and (await rules_now(here, shop)).levels == made
    await manager.post(page, FORM)
    assert (await rules_now(here, shop)).levels is None


async def test_a_mistake_in_a_level_stands_beside_its_box(manager, page):
    levels = {"parts": "levels", "levels.measure": "spend", "levels.window": "year", "levels.window_days": "365", "levels.grace_days": "30",
              "levels.levels.0.key": "start", "levels.levels.0.name.en": "Start", "levels.levels.0.threshold": "0",
              "levels.levels.1.key": "silver", "levels.levels.1.name.en": "Silver", "levels.levels.1.threshold": "0"}
    answer = await manager.post(page, {**FORM, **levels})
    assert answer.status_code == 422
    beside = r'id="levels\.levels\.1\.threshold-error" role="alert">.*?Each level begins above the one before it'
    assert re.search(beside, answer.text, re.DOTALL)


async def test_the_programme_pages_of_several_programmes_let_one_choose(here, shop, owner, page):
    assert "switch" not in (await owner.get("/console/design")).text
    await owner.post("/console/programs/new/discount", {"name_en": "Staff card", "slug": "staff", "discount_bp": "5",
                                                        "minimum_receipt_minor": "0"})
    second = (await programs.list_programs(here.db, shop.business_id))[1]
    chosen = here.ids.encode("program", second.id)
    for path in ("/console/design", "/console/poster"):
        answer = await owner.get(f"{path}?program={chosen}")
        assert re.search(rf'<a class="chip" href="{path}\?program={chosen}" aria-current="true"><bdi>Staff card</bdi>', answer.text)
    assert f'/e/coffee/{second.slug}' in (await owner.get(f"/console/poster?program={chosen}")).text
