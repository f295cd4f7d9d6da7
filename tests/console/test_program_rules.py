"""The rule editor, as a browser without scripts uses it."""
import html
import re
from datetime import timedelta

import msgspec
import pytest

from app.programs import service as programs
from app.programs.terms import BuyGet, Discount, Earn, Fade, GiveVoucher, Level, Levels, Multiply, Rule, Said, When
from tests.console.visiting import rows, value_of, words_of
from tests.shops import RULES

TUESDAY = {"name_en": "Tuesday", "name_ru": "Вторник", "conditions": ["weekdays"], "weekdays": ["2", "4"], "effect": "multiply",
           "times": "1,5", "priority": "7", "exclusive": "1", "starts_on": "2026-12-01", "ends_on": "2026-12-31"}
MEANT = Rule("tuesday", Said("Tuesday", "Вторник"), Multiply(15_000), When(weekdays=(2, 4)), "2026-12-01", "2026-12-31", 7, True)


@pytest.fixture
def page(here, shop):
    return f"/console/programs/{here.ids.encode('program', shop.program_id)}"


async def rules_now(here, shop):
    return (await programs.get_program(here.db, shop.business_id, shop.program_id)).rules.rules


def error_at(answer, field):
    found = re.search(rf'id="{field}-error" role="alert">(.*?)</span></span>', answer.text, flags=re.DOTALL)
    return html.unescape(found[1]) if found else ""


async def test_a_rule_is_added_and_stands_among_the_sentences(here, shop, manager, page):
    answer = await manager.post(f"{page}/rules/new", TUESDAY)
    assert answer.status_code == 303 and await rules_now(here, shop) == (MEANT,)
    shown = words_of(await manager.get(answer.headers["location"]))
    assert "The rule is kept." in shown and "Tuesday 1 Dec to 31 Dec stands alone" in shown
    assert "December 2026" in shown and "Вторник" in words_of(await manager.get(page, "ru"))


@pytest.mark.parametrize(("form", "effect", "when"), [
    ({"effect": "earn", "amount": "20", "unit": "points", "each": "1", "days": "14", "fades": "7: 50, 14: 50",
      "conditions": ["lines"], "categories": "coffee, tea", "quantity_from": "3"},
     Earn(20, "points", True, 14, (Fade(7, 5_000), Fade(14, 5_000))), When(categories=("coffee", "tea"), quantity_from=3)),
    ({"effect": "discount", "share": "12,5", "conditions": ["amount", "hours", "first_purchase"], "amount_from": "1 000",
      "time_from": "22:00", "time_to": "02:00"},
     Discount(1_250), When(amount_from=100_000, time_from="22:00", time_to="02:00", first_purchase=True)),
    ({"effect": "buy_get", "buy": "2", "get": "1", "get_share": "100", "conditions": ["birthday", "channels", "tenders"],
      "birthday_before": "3", "birthday_after": "0", "channels": ["till", "web"], "tenders": "cash"},
     BuyGet(2, 1), When(birthday_before=3, birthday_after=0, channels=("till", "web"), tenders=("cash",))),
    ({"effect": "earn", "amount": "50", "unit": "points", "conditions": ["event"], "event": "review"}, Earn(50), When(event="review"))])
async def test_every_sort_of_rule_is_read_and_shown_again_as_it_was_typed(here, shop, manager, page, form, effect, when):
    answer = await manager.post(f"{page}/rules/new", {"name_en": "Some rule", "priority": "0", **form})
    assert answer.status_code == 303, words_of(answer)
    [rule] = await rules_now(here, shop)
    assert (rule.effect, rule.when) == (effect, when)
    before = await rows(here)
    shown = await manager.get(f"{page}/rules/{rule.key}")
    again = {name: value_of(shown, name) for name in form if name not in ("effect", "unit", "conditions", "channels", "each")}
    same = await manager.post(f"{page}/rules/{rule.key}", {"name_en": "Some rule", "priority": "0", **form, **again})
    assert same.status_code == 303 and await rows(here) == before


async def test_a_location_is_named_by_its_own_id_and_another_business_s_is_none(here, shop, other_shop, manager, page):
    own, foreign = (here.ids.encode("location", each.location_id) for each in (shop, other_shop))
    form = {**TUESDAY, "conditions": ["locations"]}
    refused = await manager.post(f"{page}/rules/new", {**form, "locations": [foreign]})
    assert refused.status_code == 422 and await rules_now(here, shop) == ()
    await manager.post(f"{page}/rules/new", {**form, "locations": [own]})
    assert (await rules_now(here, shop))[0].when == When(locations=(shop.location_id,))


async def test_conditions_are_added_and_taken_away_without_a_script_and_keep_what_was_typed(here, manager, page):
    before = await rows(here)
    more = await manager.post(f"{page}/rules/new", {**TUESDAY, "step": "add:", "condition": "amount"})
    assert more.status_code == 200 and value_of(more, "times") == "1,5" and 'name="amount_from"' in more.text
    assert re.findall(r'name="conditions" value="(\w+)"', more.text) == ["amount", "weekdays"]
    assert len(re.findall(r'name="weekdays" value="\d" checked', more.text)) == 2
    less = await manager.post(f"{page}/rules/new", {**TUESDAY, "conditions": ["amount", "weekdays"], "step": "drop:weekdays"})
    assert re.findall(r'name="conditions" value="(\w+)"', less.text) == ["amount"] and 'name="weekdays"' not in less.text
    other = await manager.post(f"{page}/rules/new", {**TUESDAY, "effect": "discount", "step": "effect"})
    assert 'name="share"' in other.text and 'name="times"' not in other.text
    assert await rows(here) == before


@pytest.mark.parametrize(("field", "typed", "said"), [
    ("times", "1", "but not by 1"), ("times", "twice", "Type a number"), ("ends_on", "2026-11-01", "not before the first"),
    ("ends_on", "soon", "day of the calendar"), ("priority", "high", "-1000 to 1000"), ("cap_person", "few", "whole number"),
    ("name_en", "", "Give the rule a name")])
async def test_a_rule_that_makes_no_sense_is_told_beside_its_field_with_what_was_typed(here, manager, page, field, typed, said):
    before, form = await rows(here), {**TUESDAY, "name_ru": "", field: typed}
    answer = await manager.post(f"{page}/rules/new", form)
    assert answer.status_code == 422 and said in error_at(answer, field) and value_of(answer, field) == typed
    assert value_of(answer, "starts_on") == "2026-12-01" and await rows(here) == before


async def test_a_condition_that_was_left_empty_is_told(here, manager, page):
    answer = await manager.post(f"{page}/rules/new", {**TUESDAY, "conditions": ["amount"]})
    assert answer.status_code == 422 and "Fill this in, or take the condition away." in error_at(answer, "amount_from")


async def test_a_reward_of_another_programme_is_none(here, manager, page):
    before = await rows(here)
    answer = await manager.post(f"{page}/rules/new", {**TUESDAY, "effect": "voucher", "reward": "gift"})
    assert answer.status_code == 422 and await rows(here) == before


async def test_a_rule_names_the_levels_and_rewards_that_there_are(here, shop, manager, page):
    from app.benefits import rewards
    from app.benefits.rules import RewardWish

    levels = Levels((Level("start", Said("Start"), 0), Level("gold", Said("Gold"), 1_000_000)))
    await programs.change_rules(here.db, shop.who, shop.program_id, msgspec.structs.replace(RULES, levels=levels), here.clock.now())
    await rewards.create_reward(here.db, shop.who, shop.program_id, RewardWish("cake", "text", Said("A cake", "Торт")), here.clock.now())
    form = {**TUESDAY, "conditions": ["levels"], "levels": ["gold"], "effect": "voucher", "reward": "cake", "days": "9"}
    assert (await manager.post(f"{page}/rules/new", form)).status_code == 303
    assert (await rules_now(here, shop))[0].effect == GiveVoucher("cake", 9)
    assert "“A cake”" in words_of(await manager.get(page)) and "«Торт»" in words_of(await manager.get(page, "ru"))


async def test_a_rule_is_paused_goes_on_is_copied_and_deleted(here, shop, manager, page):
    await manager.post(f"{page}/rules/new", TUESDAY)
    await manager.post(f"{page}/rules/tuesday/pause")
    assert (await rules_now(here, shop))[0].paused and "paused" in await manager.page(page)
    await manager.post(f"{page}/rules/tuesday/resume")
    assert await rules_now(here, shop) == (MEANT,)
    copied = await manager.post(f"{page}/rules/tuesday/copy")
    assert copied.headers["location"] == f"{page}/rules/tuesday_2"
    copy = msgspec.structs.replace(MEANT, key="tuesday_2", name=Said("Tuesday 2", "Вторник 2"), paused=True)
    assert await rules_now(here, shop) == (MEANT, copy)
    await manager.post(f"{page}/rules/tuesday/delete")
    assert [rule.key for rule in await rules_now(here, shop)] == ["tuesday_2"]
    assert (await manager.post(f"{page}/rules/tuesday/delete")).status_code == 404


async def test_two_rules_of_one_name_have_words_of_their_own(here, shop, manager, page):
    for _ in range(2):
        await manager.post(f"{page}/rules/new", {**TUESDAY, "exclusive": ""})
    await manager.post(f"{page}/rules/new", {**TUESDAY, "name_en": "", "exclusive": ""})
    assert [rule.key for rule in await rules_now(here, shop)] == ["tuesday", "tuesday_2", "vtornik"]


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_preview_says_the_sentence_of_the_typed_rule(here, manager, page, language):
    before = await rows(here)
    answer = await manager.post(f"{page}/rules/new/preview", TUESDAY, headers={"Accept-Language": language})
    [sentence] = answer.json()["sentences"]
    assert ("Tuesdays" if language == "en" else "вторникам") in sentence and await rows(here) == before
    wrong = await manager.post(f"{page}/rules/new/preview", {**TUESDAY, "times": "x"})
    assert wrong.status_code == 422 and "times" in wrong.json()["errors"]


async def test_a_change_can_be_announced_for_a_day_and_holds_from_then_on(here, shop, manager, page, clock):
    answer = await manager.post(f"{page}/rules/new", {**TUESDAY, "from": "day", "from_day": "2026-11-30"})
    assert answer.status_code == 303 and await rules_now(here, shop) == ()
    shown = words_of(await manager.get(answer.headers["location"]))
    assert "The change is announced." in shown and "From 30 November other rules hold: + new: From 1" in shown
    assert "a change is announced" in await manager.page("/console/programs")
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    assert (await programs.rules_at(here.db, program, here.clock.now() + timedelta(days=9)))[1].rules == (MEANT,)
    assert (await manager.post(f"{page}/call-off", {"version": "2"})).status_code == 303
    shown = words_of(await manager.get(f"{page}?done=called_off"))
    assert "will not come" in shown and "From 30 November" not in shown
    assert (await manager.post(f"{page}/call-off", {"version": "2"})).status_code == 404


@pytest.mark.parametrize(("day", "said"), [("", "Choose the day"), ("2026-11-22", "after today"), ("2026-11-01", "after today"),
                                          ("2031-01-01", "next two years"), ("tomorrow", "day of the calendar")])
async def test_a_change_cannot_begin_in_the_past_or_on_no_day(here, manager, page, day, said):
    before = await rows(here)
    answer = await manager.post(f"{page}/rules/new", {**TUESDAY, "from": "day", "from_day": day})
    assert answer.status_code == 422 and said in error_at(answer, "from_day") and await rows(here) == before
