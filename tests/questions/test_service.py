"""Answers: sealed, kept once, thanked once, forgotten with the person; on both engines."""
import asyncio

import pytest

from app.cards import service as cards
from app.customers import service as customers
from app.db import write_transaction
from app.errors import Invalid
from app.ledger import operations_store, verify
from app.ledger import service as ledger
from app.ledger.operations_store import Filter
from app.programs.kinds import get_kind
from app.questions import service
from app.questions.rules import STANDARD
from tests.shops import make_card


async def balance(asking, card, unit="points") -> int:
    return (await ledger.balances(asking.here.db, card.account_id)).get(unit, 0)


async def given(asking) -> list[tuple[str, str]]:
    rows = await asking.here.db.fetch_all("SELECT kind, actor_kind FROM operations ORDER BY id")
    return [(row["kind"], row["actor_kind"]) for row in rows]


async def test_a_programme_that_was_left_as_it_is_asks_for_a_name_alone(asking):
    assert await asking.keys() == await asking.keys("required", "optional") == ["name"]
    assert [each.need for each in await service.questions_of(asking.here.db, asking.shop.program_id)] == ["optional"]
    assert await asking.here.db.fetch_val("SELECT COUNT(*) FROM questions") == 0


async def test_standard_fields_go_to_the_customer_and_the_others_to_sealed_answers(asking):
    for key in ("birthday", "email"):
        await asking.change(STANDARD[key], need="optional")
    drink, pet = await asking.add(), await asking.add("pet", "choice")
    card = await make_card(asking.here, asking.shop, name=None)
    named = {each.key: each.id for each in await service.questions_of(asking.here.db, asking.shop.program_id)}
    await asking.answer(card, {named["name"]: "Зоя", named["birthday"]: "1990-12-31", named["email"]: "zoya@example.com",
                               drink.id: "Раф с корицей", pet.id: "dogs"})
    person = await customers.get(asking.here.db, asking.here.ring, asking.shop.business_id, card.customer_id)
    assert (person.name, person.birthday_on.isoformat(), person.has_email) == ("Зоя", "1990-12-31", True)
    assert await asking.answers(card) == {"drink": "Раф с корицей", "pet": "dogs"}
    stored = b"".join([bytes(row["value_sealed"]) for row in await asking.here.db.fetch_all("SELECT value_sealed FROM answers")])
    assert "Раф".encode() not in stored and b"dogs" not in stored


async def test_an_address_that_somebody_typed_is_nobody_s_proof_and_one_that_was_proven_stays_so(asking):
    here, shop = asking.here, asking.shop
    email, card = await asking.change(STANDARD["email"], need="optional"), await make_card(here, shop)
    await asking.answer(card, {email.id: "victim@example.com"})
    assert await customers.find_by_email(here.db, here.ring, shop.business_id, "victim@example.com") is None
    proven = await write_transaction(here.db, lambda tx: customers.create(
        tx, here.ring, shop.business_id, email="zoya@example.com", language="en", now=here.clock.now()))
    program = await asking.program()
    for address, found in (("Zoya@example.com", True), ("other@example.com", False)):
        await write_transaction(here.db, lambda tx, address=address: service.answer(
            tx, here.ring, shop.who, program, proven, {email.id: address}, here.clock.now()))
        person = await customers.find_by_email(here.db, here.ring, shop.business_id, address)
        assert (person is not None and person.id == proven) is found


async def test_a_new_answer_takes_the_place_of_the_old_one_and_an_empty_one_takes_it_back(asking):
    drink, card = await asking.add(), await make_card(asking.here, asking.shop)
    await asking.answer(card, {drink.id: "tea"})
    await asking.answer(card, {drink.id: "coffee"})
    assert await asking.answers(card) == {"drink": "coffee"}
    await asking.answer(card, {drink.id: ""})
    assert await asking.answers(card) == {}


async def test_an_answer_keeps_the_words_that_it_was_chosen_by(asking):
    pet, card = await asking.add("pet", "choice"), await make_card(asking.here, asking.shop)
    await asking.answer(card, {pet.id: "dogs"})
    await asking.change(pet, choices=[*pet.choices[:1], type(pet.choices[0])("fish", {"en": "Fish", "ru": "Рыбки"})])
    [answer] = await service.answers_of(asking.here.db, asking.here.ring, asking.shop.business_id, card.customer_id)
    assert (answer.text_in("ru"), [each.key for each in answer.question.choices]) == ("Собаки", ["cats", "fish"])


async def test_a_birthday_that_is_to_come_is_refused_and_nothing_is_written(asking):
    birthday = await asking.change(STANDARD["birthday"], need="optional")
    drink, card = await asking.add(), await make_card(asking.here, asking.shop)
    with pytest.raises(Invalid) as refusal:
        await asking.answer(card, {birthday.id: "2026-11-23", drink.id: "tea"})
    assert [field.field for field in refusal.value.fields] == ["birthday"]
    assert await asking.answers(card) == {}


async def test_an_answer_asked_for_later_is_thanked_once_and_never_again(asking):
    drink = await asking.add(need="later", bonus_points=50)
    card = await make_card(asking.here, asking.shop)
    assert await asking.later(card) == ["drink"]
    assert await asking.answer(card, {drink.id: "tea"}) == 50
    assert (await balance(asking, card), await asking.later(card)) == (50, [])
    for text in ("coffee", "", "cocoa"):
        assert await asking.answer(card, {drink.id: text}) == 0
    assert await balance(asking, card) == 50
    assert await given(asking) == [("answer", "shopper")]
    assert await asking.actions() == ["created", "bonus"]
    [operation] = await operations_store.list_operations(asking.here.db, Filter(asking.shop.business_id, card.account_id), 9)
    assert operation.texts == {"question": "drink"} and operation.gained("earned") == 50


async def test_twenty_answers_at_once_are_thanked_once(asking):
    drink = await asking.add(need="later", bonus_points=50)
    card = await make_card(asking.here, asking.shop)
    done = await asyncio.gather(*(asking.answer(card, {drink.id: f"tea {at}"}) for at in range(20)))
    assert sorted(done) == [0] * 19 + [50]
    assert await balance(asking, card) == 50
    assert [one.sentence for one in await verify.verify(asking.here.db, asking.here.clock.now()) if one.is_fault] == []


async def test_stamps_are_thanked_with_stamps(asking):
    await asking.set_rules(get_kind("stamps").rules("RUB"))
    drink = await asking.add(need="later", bonus_points=2)
    card = await make_card(asking.here, asking.shop)
    assert await asking.answer(card, {drink.id: "tea"}) == 2
    assert await balance(asking, card, "stamps") == 2


async def test_a_programme_that_counts_nothing_any_more_thanks_with_nothing(asking):
    drink = await asking.add(need="later", bonus_points=2)
    await asking.set_rules(get_kind("discount").rules("RUB"))
    card = await make_card(asking.here, asking.shop)
    assert await asking.answer(card, {drink.id: "tea"}) == 0
    assert (await asking.answers(card), await given(asking)) == ({"drink": "tea"}, [])


async def test_a_blocked_card_keeps_the_answer_and_gets_its_bonus_with_the_next_one(asking):
    drink = await asking.add(need="later", bonus_points=50)
    card = await make_card(asking.here, asking.shop)
    await cards.block(asking.here.db, asking.shop.who, card.id, None, asking.here.clock.now())
    assert await asking.answer(card, {drink.id: "tea"}) == 0
    await cards.unblock(asking.here.db, asking.shop.who, card.id, None, asking.here.clock.now())
    assert await asking.answer(card, {drink.id: "tea"}) == 50


async def test_an_imported_answer_is_not_thanked(asking):
    drink = await asking.add(need="later", bonus_points=50)
    card = await make_card(asking.here, asking.shop)
    assert await asking.answer(card, {drink.id: "tea"}, with_bonus=False) == 0
    assert await given(asking) == []


async def test_what_was_closed_meanwhile_is_not_kept_and_what_was_answered_stays(asking):
    drink, pet = await asking.add(), await asking.add("pet", "choice")
    card = await make_card(asking.here, asking.shop)
    await asking.answer(card, {drink.id: "tea"})
    for key in ("drink", "pet"):
        await asking.close(key)
    await asking.answer(card, {drink.id: "coffee", pet.id: "cats", 987654: "what?"})
    assert await asking.answers(card) == {"drink": "tea"}
    [answer] = await service.answers_of(asking.here.db, asking.here.ring, asking.shop.business_id, card.customer_id)
    assert answer.question.is_closed


async def test_an_erased_person_leaves_no_answer_and_others_keep_theirs(asking):
    drink = await asking.add(need="later", bonus_points=50)
    gone, stays = await make_card(asking.here, asking.shop), await make_card(asking.here, asking.shop, "+79161230000")
    for card in (gone, stays):
        await asking.answer(card, {drink.id: "tea"})
    await write_transaction(asking.here.db, lambda tx: service.erase(tx, asking.shop.business_id, gone.customer_id))
    assert (await asking.answers(gone), await asking.answers(stays)) == ({}, {"drink": "tea"})


async def test_two_that_are_one_person_keep_both_answers_and_one_bonus_each(asking):
    drink, pet = [await asking.add(key, need="later", bonus_points=50) for key in ("drink", "pet")]
    kept, lost = await make_card(asking.here, asking.shop), await make_card(asking.here, asking.shop, "+79161230000")
    await asking.answer(kept, {drink.id: "tea"})
    await asking.answer(lost, {drink.id: "coffee", pet.id: "a parrot"})
    await write_transaction(asking.here.db, lambda tx: service.hand_on(
        tx, asking.shop.business_id, kept.customer_id, lost.customer_id))
    assert (await asking.answers(kept), await asking.answers(lost)) == ({"drink": "tea", "pet": "a parrot"}, {})
    assert await asking.answer(kept, {pet.id: "a cat"}) == 0


async def test_answers_of_one_business_are_unknown_to_another(asking, other_shop):
    drink, card = await asking.add(), await make_card(asking.here, asking.shop)
    await asking.answer(card, {drink.id: "tea"})
    assert await service.answers_of(asking.here.db, asking.here.ring, other_shop.business_id, card.customer_id) == []
    await write_transaction(asking.here.db, lambda tx: service.erase(tx, other_shop.business_id, card.customer_id))
    assert await asking.answers(card) == {"drink": "tea"}
