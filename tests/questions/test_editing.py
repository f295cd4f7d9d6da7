"""What managers do with a questionnaire: add, change, move, close; audited, limited, one after the other."""
import asyncio

import pytest

from app.errors import Invalid, NotFound
from app.questions import editing, service
from app.questions.editing import QuestionMoved, TooManyQuestions
from app.questions.rules import STANDARD
from tests.shops import make_card


async def test_questions_come_in_the_order_in_which_they_were_put(asking):
    for key in ("drink", "pet", "town"):
        await asking.add(key)
    assert await asking.keys() == ["name", "drink", "pet", "town"]
    await asking.move("town", -1)
    await asking.move("drink", -5)
    assert await asking.keys() == ["name", "drink", "town", "pet"]
    await asking.move("drink", 2)
    assert await asking.keys() == ["name", "town", "pet", "drink"]
    assert await asking.actions() == ["created"] * 3 + ["moved"] * 2


async def test_a_word_that_is_taken_gets_a_number_and_standard_words_are_taken(asking):
    made = [await asking.add(key) for key in ("drink", "drink", "drink", "name", "email")]
    assert [each.key for each in made] == ["drink", "drink-2", "drink-3", "name-2", "email-2"]


async def test_a_change_is_a_new_version_and_the_old_words_are_kept(asking):
    drink = await asking.add()
    changed = await asking.change(drink, labels={"en": "Tea or coffee?"}, need="required")
    assert (changed.version, changed.label_in("ru"), changed.need) == (2, "Tea or coffee?", "required")
    rows = await asking.here.db.fetch_all("SELECT version, labels, need, created_by FROM question_versions ORDER BY version")
    assert [(row["version"], row["need"], row["created_by"]) for row in rows] == [(1, "optional", "Owner"), (2, "required", "Owner")]
    assert "Which drink?" in rows[0]["labels"]
    assert await asking.actions() == ["created", "changed"]


async def test_whoever_changes_what_somebody_else_just_changed_is_told(asking):
    drink = await asking.add()
    await asking.change(drink, need="later")
    with pytest.raises(QuestionMoved):
        await asking.change(drink, need="required")
    assert (await service.questions_of(asking.here.db, asking.shop.program_id))[1].need == "later"


async def test_of_two_changes_at_once_one_is_told(asking):
    drink = await asking.add()
    done = await asyncio.gather(asking.change(drink, need="later"), asking.change(drink, need="required"), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Question", "QuestionMoved"]


async def test_what_somebody_answered_keeps_its_kind(asking):
    drink, card = await asking.add(), await make_card(asking.here, asking.shop)
    number = await asking.change(drink, kind="number")
    assert number.kind == "number"
    await asking.answer(card, {drink.id: "5"})
    with pytest.raises(Invalid) as refusal:
        await asking.change(number, kind="date")
    assert refusal.value.fields[0].field == "kind"


async def test_twenty_are_open_at_most_also_when_two_managers_add_at_once(asking):
    for at in range(19):
        await asking.add(f"it{at}")
    done = await asyncio.gather(*(asking.add("last") for _ in range(3)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Question", "TooManyQuestions", "TooManyQuestions"]
    await asking.close("it3")
    await asking.add("another")
    with pytest.raises(TooManyQuestions):
        await asking.close("it3", closed=False)


async def test_a_closed_question_is_asked_no_more_and_can_be_opened_again(asking):
    await asking.add()
    await asking.close("drink")
    await asking.close("drink")
    assert await asking.keys() == ["name"]
    with pytest.raises(NotFound):
        await asking.move("drink", 1)
    await asking.close("drink", closed=False)
    assert await asking.keys() == ["name", "drink"]
    assert await asking.actions() == ["created", "closed", "opened"]


async def test_a_standard_field_changes_when_it_is_asked_and_nothing_else(asking):
    birthday = await asking.change(STANDARD["birthday"], need="later", bonus_points=30, kind="text", labels={"en": "Your secret?"})
    assert (birthday.kind, birthday.label_in("en"), birthday.bonus_points) == ("date", "When is your birthday?", 30)
    assert birthday.id > 0 and await asking.keys("later") == ["birthday"]
    hidden = await asking.change(STANDARD["name"], need="hidden")
    assert hidden.id > 0 and await asking.keys() == ["birthday"]
    with pytest.raises(NotFound):
        await asking.close("birthday")


async def test_another_business_s_programme_is_not_there(asking, other_shop):
    await asking.add()
    now = asking.here.clock.now()
    for act in (editing.close(asking.here.db, other_shop.who, asking.shop.program_id, "drink", now),
                editing.move(asking.here.db, other_shop.who, asking.shop.program_id, "drink", 1, now)):
        with pytest.raises(NotFound):
            await act
    assert await asking.keys() == ["name", "drink"]
