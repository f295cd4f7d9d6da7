"""The questionnaire through the API: what is asked, what was answered, a sentence for each field that is wrong."""
from app.cards import service as cards
from app.programs import service as programs
from app.questions import editing
from app.questions.rules import STANDARD, Choice, QuestionWish
from tests.shops import make_card
from tests.till.calling import Till, on_sqlite, written

PETS = (Choice("cats", {"en": "Cats", "ru": "Кошки"}), Choice("dogs", {"en": "Dogs", "ru": "Собаки"}))


async def ask(here, shop, key, kind="text", need="later", bonus=50):
    wish = QuestionWish(key, kind, {"en": f"Which {key}?", "ru": f"Что за {key}?"}, PETS if kind == "choice" else (), need, bonus)
    return await editing.create(here.db, shop.who, shop.program_id, wish, here.clock.now())


async def put(till: Till, path, answers):
    return await till.client.put(f"/api/v1{path}", json={"answers": answers}, headers=till.headers)


async def test_a_programme_tells_what_it_asks(till, here, shop):
    await ask(here, shop, "pet", "choice")
    told = (await till.get(f"/programs/{till.program}/questions")).json()
    assert told["unit"] == "points" and [one["key"] for one in told["items"]] == ["name", "pet"]
    assert told["items"][1] == {"key": "pet", "kind": "choice", "label": "Which pet?", "need": "later", "bonus": 50,
                                "choices": [{"key": "cats", "label": "Cats"}, {"key": "dogs", "label": "Dogs"}]}


async def test_answers_are_set_thanked_once_and_read_again(till, here, shop):
    await ask(here, shop, "pet", "choice")
    await ask(here, shop, "cups", "number", "required")
    card = await make_card(here, shop)
    path = f"/cards/{till.id('card', card.id)}/answers"
    assert (await till.get(path)).json() == {"answers": {}, "bonus": 0}
    for bonus in (50, 0):
        answer = await put(till, path, {"pet": "dogs", "cups": "2,5"})
        assert (answer.status_code, answer.json()) == (200, {"answers": {"pet": "dogs", "cups": "2.5"}, "bonus": bonus})
    assert (await put(till, path, {"cups": ""})).json() == {"answers": {"pet": "dogs"}, "bonus": 0}
    assert (await till.get(f"/cards/{till.id('card', card.id)}")).json()["balances"]["points"] == 50


@on_sqlite
async def test_every_wrong_answer_is_named_and_none_is_kept(till, here, shop):
    await ask(here, shop, "pet", "choice")
    await editing.change(here.db, shop.who, shop.program_id, QuestionWish("birthday", "date", {}, (), "optional"),
                         STANDARD["birthday"].version, here.clock.now())
    card = await make_card(here, shop)
    path, before = f"/cards/{till.id('card', card.id)}/answers", await written(here)
    answer = await put(till, path, {"pet": "fish", "shoe": "42", "birthday": "2027-01-01", "name": "a\u202eb", "email": "a@example.com"})
    assert answer.status_code == 422
    assert {(one["field"], one["code"]) for one in answer.json()["errors"]} == {
        ("answers.pet", "choice"), ("answers.shoe", "unknown"), ("answers.birthday", "date"), ("answers.name", "unprintable"),
        ("answers.email", "unknown")}
    assert await written(here) == before and (await till.get(path)).json()["answers"] == {}


@on_sqlite
async def test_nobodys_card_has_nobody_to_ask_and_another_business_s_is_not_there(till, here, shop, other_shop):
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    bearer, _ = await cards.issue_bearer(here.db, here.ring, shop.key_principal, program, None, here.clock.now())
    path = f"/cards/{till.id('card', bearer.id)}/answers"
    for answer in (await till.get(path), await put(till, path, {"name": "Anna"})):
        assert (answer.status_code, answer.json()["code"]) == (409, "nobodys_card")
    theirs = await make_card(here, other_shop)
    path = f"/cards/{till.id('card', theirs.id)}/answers"
    assert [each.status_code for each in (await till.get(path), await put(till, path, {"name": "Anna"}))] == [404, 404]
    assert (await till.get(f"/programs/{till.id('program', other_shop.program_id)}/questions")).status_code == 404
