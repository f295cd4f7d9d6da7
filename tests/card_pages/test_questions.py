"""What a programme asks later: a block on the card's page, a page of its own, a bonus once."""
import pytest

from app.cards import service as cards
from app.db import write_transaction
from app.ledger import service as ledger
from app.questions import editing, service
from app.questions.rules import STANDARD, Choice, QuestionWish
from tests.console.visiting import words_of
from tests.shops import make_card

PETS = (Choice("cats", {"en": "Cats", "ru": "Кошки"}), Choice("dogs", {"en": "Dogs", "ru": "Собаки"}))


async def ask(here, shop, key="pet", kind="choice", bonus=50):
    wish = QuestionWish(key, kind, {"en": f"Which {key}?", "ru": f"Что за {key}?"}, PETS if kind == "choice" else (), "later", bonus)
    return await editing.create(here.db, shop.who, shop.program_id, wish, here.clock.now())


async def balance(here, card) -> int:
    return (await ledger.balances(here.db, card.account_id)).get("points", 0)


@pytest.fixture
async def pet(here, shop):
    return await ask(here, shop)


async def test_a_page_of_a_programme_that_asks_nothing_later_shows_no_block(client, links):
    page = await client.get(links["card"])
    assert 'id="later"' not in page.text
    assert (await client.get(links["card"] + "/questions")).headers["location"] == links["card"]


async def test_the_block_says_what_an_answer_brings_and_leads_to_the_question(here, shop, client, pet, links):
    assert "Which pet? Tell us, and get 50 points. Answer" in words_of(await client.get(links["card"]))
    await ask(here, shop, "cup", "number", 5)
    assert "2 вопроса для вас Расскажите и получите 55 баллов. Ответить" in words_of(
        await client.get(links["card"], headers={"Accept-Language": "ru"}))
    assert "Which pet? +50 points Cats Dogs" in words_of(await client.get(links["card"] + "/questions"))


async def test_an_answer_is_thanked_once_and_not_asked_again(here, client, card, pet, links):
    for expected in ("?done=answered-50#later", ""):
        answer = await client.post(links["card"] + "/questions", data={"q_pet": "dogs"})
        assert (answer.status_code, answer.headers["location"]) == (303, links["card"] + expected)
    page = words_of(await client.get(links["card"] + "?done=answered-50"))
    assert "Thank you: 50 points are on your card." in page and "For your answer" in page and "Which pet?" not in page
    assert await balance(here, card) == 170
    [kept] = await service.answers_of(here.db, here.ring, card.business_id, card.customer_id)
    assert kept.value == "dogs"


async def test_a_wrong_answer_comes_back_with_its_sentence_and_nothing_is_given(here, shop, client, card, pet, links):
    await ask(here, shop, "cup", "number")
    answer = await client.post(links["card"] + "/questions", data={"q_pet": "dogs", "q_cup": "<b>many"})
    assert answer.status_code == 422 and "Type a number, such as 12 or 12.5." in answer.text
    assert 'value="&lt;b&gt;many"' in answer.text and 'value="dogs" checked' in answer.text
    assert await balance(here, card) == 120
    assert await service.answers_of(here.db, here.ring, card.business_id, card.customer_id) == []


async def test_an_empty_form_changes_nothing(here, client, card, pet, links):
    answer = await client.post(links["card"] + "/questions", data={"q_pet": ""})
    assert answer.headers["location"] == links["card"] + "/questions"
    assert await balance(here, card) == 120


async def test_the_link_that_is_shown_around_asks_and_takes_nothing(here, client, card, pet, links):
    assert "Which pet?" not in (await client.get(links["pass"])).text
    for answer in (await client.get(links["pass"] + "/questions"), await client.post(links["pass"] + "/questions", data={"q_pet": "dogs"})):
        assert answer.headers["location"] == links["pass"]
    assert await balance(here, card) == 120


async def test_another_site_cannot_answer_for_somebody(here, client, card, pet, links):
    answer = await client.post(links["card"] + "/questions", data={"q_pet": "dogs"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403 and await balance(here, card) == 120


async def test_an_address_that_opens_a_card_is_not_taken_from_whoever_holds_its_link(here, shop, client, links):
    wish = QuestionWish("email", "text", {}, (), "later", 50)
    await editing.change(here.db, shop.who, shop.program_id, wish, STANDARD["email"].version, here.clock.now())
    assert "Your e-mail address" in (await client.get(links["card"])).text
    nobody = await make_card(here, shop, phone=None)
    token = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, nobody, "card", here.clock.now()))
    assert "Your e-mail address" not in (await client.get(f"/c/{token}")).text
