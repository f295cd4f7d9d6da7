"""Many programmes: the list, the thirteen kinds, and a new one from its few numbers."""
import html
import re

import pytest

from app.benefits import rewards
from app.designs import service as designs
from app.programs import service as programs
from app.programs.kinds import KINDS
from tests.console.visiting import audited, rows, value_of, words_of


def filled(answer):
    """What stands in the page's form, as a browser would send it back."""
    found = {}
    for box in re.findall(r'<input class="field__input[^>]*>', answer.text):
        name, value = re.search(r'\bname="([^"]+)"', box), re.search(r'\bvalue="([^"]*)"', box)
        if name:
            found[name[1]] = html.unescape(value[1]) if value else ""
    for name, options in re.findall(r'<select class="field__input" id="([^"]+)".*?>(.*?)</select>', answer.text, flags=re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_thirteen_kinds_are_offered_each_with_its_promise(manager, language):
    text = await manager.page("/console/programs/new", language)
    assert len(KINDS) == 13
    assert all(kind.name.in_(language) in text and kind.sentence.in_(language) in text for kind in KINDS.values())


@pytest.mark.parametrize("kind", list(KINDS))
async def test_a_programme_of_each_kind_opens_with_what_its_form_shows(here, shop, manager, kind):
    shown = await manager.get(f"/console/programs/new/{kind}")
    form = filled(shown)
    answer = await manager.post(f"/console/programs/new/{kind}", {**form, "name_en": "Second card", "slug": "second"})
    assert answer.status_code == 303, words_of(answer)
    made = (await programs.list_programs(here.db, shop.business_id))[1]
    assert (made.kind, made.slug, made.name) == (kind, "second", "Second card") and made.rules == KINDS[kind].rules("RUB")
    assert {each.key for each in await rewards.list_rewards(here.db, shop.business_id, made.id)} == {
        each.key for each in KINDS[kind].rewards}
    assert (await designs.content_of(here.db, made)).language == "en"
    assert "program.opened" in await audited(here, shop.business_id)
    page = await manager.get(answer.headers["location"])
    assert page.status_code == 200 and "The programme is open." in words_of(page)
    listed = await manager.page("/console/programs")
    assert "Second card" in listed and KINDS[kind].name.en in listed


async def test_the_few_numbers_are_kept_as_they_were_typed(here, shop, manager):
    form = filled(await manager.get("/console/programs/new/stamps"))
    await manager.post("/console/programs/new/stamps", {**form, "stamps_size": "9", "stamps_first": "2", "slug": "coffee-stamps"})
    made = (await programs.list_programs(here.db, shop.business_id))[1]
    assert made.rules.stamps.card.size == 9 and made.rules.stamps.first == 2 and made.name_in("ru") == "Штампы"


@pytest.mark.parametrize(("field", "typed", "said"), [
    ("slug", "points", "taken"), ("slug", "Big Word", "small Latin letters"), ("stamps_size", "1", "within the limits"),
    ("stamps_size", "many", "whole number"), ("stamps_per_minor", "x", "in digits")])
async def test_a_wrong_number_or_word_is_told_beside_what_was_typed_and_opens_nothing(here, manager, field, typed, said):
    form = {**filled(await manager.get("/console/programs/new/stamps")), field: typed}
    before = await rows(here)
    answer = await manager.post("/console/programs/new/stamps", form)
    error = re.search(rf'id="{field}-error" role="alert">(.*?)</span></span>', answer.text, flags=re.DOTALL)
    assert answer.status_code == 422 and error is not None and said in error[1] and value_of(answer, field) == typed
    assert await rows(here) == before


async def test_a_programme_needs_a_name_in_one_language(here, manager):
    form = {**filled(await manager.get("/console/programs/new/points")), "name_en": "", "name_ru": ""}
    before = await rows(here)
    answer = await manager.post("/console/programs/new/points", form)
    assert answer.status_code == 422 and "Type a name of 1 to 100 characters." in words_of(answer) and await rows(here) == before
    made = await manager.post("/console/programs/new/points", {**form, "name_ru": "Друзья", "slug": "friends"})
    assert made.status_code == 303


async def test_the_preview_of_a_kind_says_its_sentences_and_keeps_nothing(here, manager):
    form, before = filled(await manager.get("/console/programs/new/discount")), await rows(here)
    answer = await manager.post("/console/programs/new/discount/preview", {**form, "discount_bp": "7,5"})
    assert answer.json()["sentences"][0] == "7.5% off every purchase."
    wrong = await manager.post("/console/programs/new/discount/preview", {**form, "discount_bp": "lots"})
    assert wrong.status_code == 422 and "per cent" in wrong.json()["errors"]["discount_bp"]
    assert await rows(here) == before


async def test_a_kind_that_is_none_is_a_missing_page(manager):
    assert (await manager.get("/console/programs/new/lottery")).status_code == 404


async def test_a_second_programme_of_a_kind_is_offered_a_free_word(manager):
    assert value_of(await manager.get("/console/programs/new/points"), "slug") == "points-2"
