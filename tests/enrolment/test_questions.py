"""The activation page draws the programme's questionnaire: required and optional questions, what was typed, a sentence under each."""
import re

import pytest

from app.customers import service as customers
from app.db import write_transaction
from app.programs import service as programs
from app.questions import editing, service
from app.questions.rules import Choice, QuestionWish
from tests import engines
from tests.console.visiting import words_of
from tests.enrolment.joining import TERMS

PETS = (Choice("cats", {"en": "Cats", "ru": "Кошки"}), Choice("dogs", {"en": "Dogs", "ru": "Собаки"}))


@pytest.fixture
def database_url(tmp_path):
    """What pages add is the same on both engines; what stands behind them is tested on both."""
    return engines.sqlite_url(tmp_path, migrated=True)


async def ask(joining, key, kind="text", need="optional", **parts):
    here, shop = joining.here, joining.shop
    wish = QuestionWish(key, kind, {"en": f"Which {key}?", "ru": f"Что за {key}?"}, PETS if kind == "choice" else (), need, **parts)
    return await editing.create(here.db, shop.who, shop.program_id, wish, here.clock.now())


async def switch(joining, key, need):
    here, shop = joining.here, joining.shop
    return await editing.change(here.db, shop.who, shop.program_id, QuestionWish(key, "text", {}, (), need), 1, here.clock.now())


async def link(joining, **parts) -> str:
    await joining.start(**parts)
    return joining.inbox.path()


async def person(joining):
    here, shop = joining.here, joining.shop
    [row] = await joining.all("customers")
    return await customers.get(here.db, here.ring, shop.business_id, row["id"])


async def answers(joining) -> dict[str, str]:
    here, shop, [row] = joining.here, joining.shop, await joining.all("customers")
    return {each.question.key: each.value for each in await service.answers_of(here.db, here.ring, shop.business_id, row["id"])}


def fields_of(page) -> list[str]:
    """The names of what can be filled in, in their order."""
    found = re.findall(r'<(?:input|select|textarea)\b(?![^>]*type="hidden")[^>]*\bname="([^"]+)"', page.text)
    return list(dict.fromkeys(name for name in found if name not in ("terms", "marketing")))


async def test_a_programme_without_questions_asks_for_a_name_alone_and_needs_none(client, joining):
    path = await link(joining)
    page = await client.get(path)
    assert fields_of(page) == ["name"] and not re.search(r'name="name"[^>]*required', page.text)
    assert (await client.post(path, data=TERMS)).status_code == 303


async def test_each_kind_is_asked_in_its_own_way_and_what_is_asked_later_is_not(client, joining):
    for key, kind, need in (("note", "text", "optional"), ("cups", "number", "required"), ("day", "date", "optional"),
                            ("pet", "choice", "required"), ("town", "text", "later")):
        await ask(joining, key, kind, need)
    await switch(joining, "email", "optional")
    page = await client.get(await link(joining))
    assert fields_of(page) == ["name", "email", "q_note", "q_cups", "q_day", "q_pet"]
    assert re.search(r'name="q_cups"[^>]*required[^>]*inputmode="decimal"', page.text)
    assert re.search(r'name="q_day" type="date"', page.text) and re.search(r'name="email" type="email"', page.text)
    assert re.search(r'type="radio" name="q_pet" value="dogs" required', page.text)


async def test_many_choices_are_a_list_in_the_language_of_the_page(client, joining):
    many = tuple(Choice(f"c{at}", {"en": f"Number {at}", "ru": f"Номер {at}"}) for at in range(6))
    await editing.create(joining.here.db, joining.shop.who, joining.shop.program_id,
                         QuestionWish("one", "choice", {"ru": "Какой?"}, many), joining.here.clock.now())
    page = await client.get(await link(joining), headers={"Accept-Language": "ru"})
    assert '<select class="field__input" id="q_one"' in page.text and '<option value="c3">Номер 3</option>' in page.text


async def test_the_answers_are_kept_with_the_card(client, joining):
    await ask(joining, "pet", "choice", "required")
    await ask(joining, "cups", "number")
    await switch(joining, "birthday", "required")
    path = await link(joining)
    answer = await client.post(path, data={**TERMS, "name": "Анна", "birthday": "31.12.1990", "q_pet": "dogs", "q_cups": "2,50"})
    assert answer.status_code == 303
    found = await person(joining)
    assert (found.name, found.birthday_on.isoformat()) == ("Анна", "1990-12-31")
    assert await answers(joining) == {"pet": "dogs", "cups": "2.5"}


async def test_every_mistake_has_its_sentence_at_once_and_nothing_typed_is_lost(client, joining):
    await ask(joining, "pet", "choice", "required")
    await ask(joining, "cups", "number")
    await ask(joining, "note")
    path, before = await link(joining), await joining.counts()
    answer = await client.post(path, data={"name": "Анна", "q_cups": "a few", "q_note": "<b>{{7*7}}", "marketing": "on"})
    assert answer.status_code == 422
    for field in ("q_pet", "q_cups", "terms"):
        assert f'id="{field}-error" role="alert"' in answer.text
    assert 'value="Анна"' in answer.text and 'value="a few"' in answer.text and 'value="&lt;b&gt;{{7*7}}"' in answer.text
    assert answer.text.count("autofocus") == 1 and re.search(r'value="cats"[^>]*autofocus', answer.text)
    assert await joining.counts() == before
    assert (await client.post(path, data={**TERMS, "q_pet": "cats"})).status_code == 303


async def test_a_birthday_that_is_to_come_is_told_beside_its_field(client, joining):
    await switch(joining, "birthday", "optional")
    answer = await client.post(await link(joining), data={**TERMS, "birthday": "2026-11-23"})
    assert answer.status_code == 422 and "Этот день ещё не наступил" in words_of(answer) and 'id="birthday-error"' in answer.text


async def test_what_a_cashier_asked_already_is_not_asked_again(client, joining):
    drink = await ask(joining, "drink", need="required")
    await ask(joining, "town", need="required")
    await switch(joining, "name", "required")
    path, here, shop = await link(joining, name="Анна"), joining.here, joining.shop
    [row] = await joining.all("customers")
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    await write_transaction(here.db, lambda tx: service.answer(
        tx, here.ring, shop.cashier, program, row["id"], {drink.id: "tea"}, here.clock.now()))
    page = await client.get(path)
    assert fields_of(page) == ["name", "q_town"] and not re.search(r'name="name"[^>]*required', page.text)
    assert "Анна" not in page.text and "tea" not in page.text
    assert (await client.post(path, data={**TERMS, "q_town": "Тверь", "q_drink": "coffee"})).status_code == 303
    assert (await person(joining)).name == "Анна" and await answers(joining) == {"drink": "tea", "town": "Тверь"}


async def test_a_form_that_asks_for_nothing_is_one_tick(client, joining):
    await switch(joining, "name", "hidden")
    path = await link(joining)
    page = await client.get(path)
    assert fields_of(page) == []
    assert (await client.post(path, data={**TERMS, "name": "Мария"})).status_code == 303
    assert (await person(joining)).name is None


async def test_answers_stand_in_no_log_no_address_and_no_event(client, joining, caplog):
    await ask(joining, "note")
    path = await link(joining)
    answer = await client.post(path, data={**TERMS, "q_note": "very secret"})
    assert "secret" not in answer.headers["location"] and "secret" not in caplog.text
    for table in ("events", "audit_entries", "updates", "answers", "messages"):
        assert "secret" not in str(await joining.all(table))
