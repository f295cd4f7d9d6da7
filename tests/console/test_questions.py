"""The questionnaire in the console: added, changed, ordered, closed, seen as shoppers see it; wrong fields come back with a sentence."""
import pytest

from app.db import write_transaction
from app.programs import service as programs
from app.programs.kinds import get_kind
from app.questions import service
from app.questions.rules import Question
from tests.console.visiting import audited, rows, value_of, words_of
from tests.shops import make_card

QUESTIONS = "/console/questions"
DRINK = {"label_en": "Your drink?", "label_ru": "Ваш напиток?", "kind": "choice", "choices_en": "Tea\r\nCoffee\r\n",
         "choices_ru": "Чай\r\nКофе", "need": "later", "bonus": "50", "version": "0"}


async def asked(here, shop, key="your-drink") -> Question:
    return next(each for each in await service.every(here.db, shop.program_id) if each.key == key)


async def test_a_form_with_nothing_of_its_own_says_so_and_shows_the_one_field(manager):
    page = await manager.page(QUESTIONS)
    assert "No question of your own yet" in page and "The shortest form brings the most people." in page
    assert "English What shall we call you? if you like Get my card По-русски Как вас называть? по желанию Получить карту" in page
    assert "Своих вопросов пока нет" in await manager.page(QUESTIONS, "ru")


async def test_a_question_is_added_and_seen_in_both_languages(here, shop, manager):
    answer = await manager.post(QUESTIONS, DRINK)
    assert answer.status_code == 303
    page = words_of(await manager.get(answer.headers["location"]))
    assert "The question is in the form." in page and "one of several: Tea, Coffee · 50 points for an answer" in page
    assert "Later, on the card’s page" in page and "Ваш напиток? +50 баллов" in page
    made = await asked(here, shop)
    assert (made.kind, made.need, made.bonus_points, [choice.key for choice in made.choices]) == ("choice", "later", 50, ["tea", "coffee"])
    assert (await audited(here, shop.business_id))[0] == "question.created"


@pytest.mark.parametrize(("field", "changes"), [
    ("label_en", {"label_en": "", "label_ru": " "}), ("label_en", {"label_ru": "ж" * 101}),
    ("choices_en", {"choices_en": "Tea", "choices_ru": ""}),
    ("choices_en", {"choices_en": "Tea\nCoffee\nCocoa"}), ("choices_en", {"choices_en": "\n".join(f"Number {at}" for at in range(31))}),
    ("kind", {"kind": "photo"}), ("need", {"need": "hidden"}), ("bonus", {"bonus": "many"}), ("bonus", {"bonus": "100001"})])
async def test_a_wrong_question_comes_back_with_a_sentence_beside_its_field_and_what_was_typed(here, manager, field, changes):
    before, sent = await rows(here), {**DRINK, **changes}
    answer = await manager.post(QUESTIONS, sent)
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text and 'role="alert"' in answer.text
    assert value_of(answer, "bonus") == sent["bonus"]
    assert await rows(here) == before


async def test_a_changed_choice_keeps_the_key_by_which_it_was_answered(here, shop, manager):
    await manager.post(QUESTIONS, DRINK)
    page = await manager.get(f"{QUESTIONS}/your-drink")
    assert value_of(page, "label_ru") == "Ваш напиток?" and value_of(page, "version") == "1"
    changed = {**DRINK, "choices_en": "Green tea\nCoffee\nC++\nC", "choices_ru": "Чай\nКофе\nСи++\nСи", "version": "1"}
    assert (await manager.post(f"{QUESTIONS}/your-drink", changed)).status_code == 303
    assert [choice.key for choice in (await asked(here, shop)).choices] == ["tea", "coffee", "c", "c-2"]
    assert (await manager.post(f"{QUESTIONS}/your-drink", changed)).status_code == 409      # another page, another manager


async def test_a_standard_field_is_only_switched(here, shop, manager):
    page = await manager.page(f"{QUESTIONS}/birthday")
    assert "never" in page and "The choices, one a line" not in page
    answer = await manager.post(f"{QUESTIONS}/birthday", {"need": "required", "version": "1", "bonus": ""})
    assert answer.status_code == 303
    assert (await asked(here, shop, "birthday")).need == "required"
    assert "2 questions stand before the card." in await manager.page(QUESTIONS)
    assert (await manager.post(f"{QUESTIONS}/birthday/close")).status_code == 404


async def test_questions_are_moved_closed_and_opened_again(here, shop, manager):
    for name in ("One", "Two"):
        await manager.post(QUESTIONS, {**DRINK, "label_en": name, "kind": "text"})
    for act, keys in (("two/up", ["name", "two", "one"]), ("two/down", ["name", "one", "two"]), ("one/close", ["name", "two"]),
                      ("one/open", ["name", "one", "two"])):
        assert (await manager.post(f"{QUESTIONS}/{act}")).status_code == 303
        assert [each.key for each in await service.questions_of(here.db, shop.program_id)] == keys
    assert (await manager.post(f"{QUESTIONS}/one/burn")).status_code == 404
    assert (await manager.post(f"{QUESTIONS}/three/up")).status_code == 404


async def test_a_programme_that_counts_nothing_offers_no_bonus_and_says_why(here, shop, manager):
    await programs.change_rules(here.db, shop.who, shop.program_id, get_kind("discount").rules("RUB"), here.clock.now())
    page = await manager.get(QUESTIONS)
    assert 'name="bonus"' not in page.text and "an answer brings no bonus" in page.text


async def test_a_label_is_shown_as_it_was_typed_everywhere(manager):
    await manager.post(QUESTIONS, {**DRINK, "label_en": "<b>{{7*7}}</b>", "label_ru": "", "choices_en": "<i>a</i>\n'b\"", "choices_ru": ""})
    page = await manager.get(QUESTIONS)
    assert "<b>{{" not in page.text and "49" not in words_of(page) and "<b>{{7*7}}</b>" in words_of(page)


async def test_another_business_s_programme_has_no_questionnaire_here(here, manager, other_shop):
    program = here.ids.encode("program", other_shop.program_id)
    assert (await manager.get(f"{QUESTIONS}?program={program}")).status_code == 404
    assert (await manager.post(f"{QUESTIONS}?program={program}", DRINK)).status_code == 404


async def test_the_card_s_page_shows_what_the_person_told_in_words(here, shop, manager):
    await manager.post(QUESTIONS, DRINK)
    await manager.post(QUESTIONS, {**DRINK, "label_en": "Since when?", "label_ru": "С каких пор?", "kind": "date"})
    card, program = await make_card(here, shop), await programs.get_program(here.db, shop.business_id, shop.program_id)
    named = {each.key: each.id for each in await service.questions_of(here.db, shop.program_id)}
    await write_transaction(here.db, lambda tx: service.answer(
        tx, here.ring, shop.who, program, card.customer_id, {named["your-drink"]: "coffee", named["since-when"]: "2020-02-29"},
        here.clock.now()))
    await manager.post(f"{QUESTIONS}/your-drink/close")
    address = f"/console/cards/{here.ids.encode('card', card.id)}"
    assert "Your drink? Coffee Since when? 29 February 2020" in await manager.page(address)
    assert "Ваш напиток? Кофе" in await manager.page(address, "ru")
