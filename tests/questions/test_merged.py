"""Answers when cards are merged: they come along with the person, and only then."""
from app.cards import service as cards
from app.db import write_transaction
from app.ledger import service as ledger
from app.programs import service as programs
from app.sales.merging import merge
from tests.shops import RULES, make_card


async def second_card(asking, card):
    """A card of the same person in another programme."""
    here, shop, now = asking.here, asking.shop, asking.here.clock.now()

    async def act(tx):
        found = await programs.find_program_by_slugs(tx, "coffee", "second")
        program_id = found.id if found else await programs.create_program(
            tx, shop.business_id, slug="second", name="Second", rules=RULES, now=now)
        account_id = await ledger.open_account(tx, shop.business_id, program_id, card.customer_id, now)
        return await cards.issue(tx, here.ring, shop.who, program_id=program_id, account_id=account_id, status="active", source="api",
                                 numbers=cards.IssuedNumbers.draw("473"), now=now)
    return await write_transaction(here.db, act)


async def test_answers_come_along_with_the_person_and_stay_where_two_people_stay_apart(asking):
    here, shop, now = asking.here, asking.shop, asking.here.clock.now()
    drink = await asking.add()
    keep, lose = [await make_card(here, shop, phone=phone) for phone in ("+79161231111", "+79161232222")]
    others = [await second_card(asking, card) for card in (keep, lose)]
    await asking.answer(lose, {drink.id: "tea"})
    await merge(here.db, shop.who, keep.id, lose.id, None, now)
    assert (await asking.answers(keep), await asking.answers(lose)) == ({}, {"drink": "tea"})
    await merge(here.db, shop.who, others[0].id, others[1].id, None, now)
    assert (await asking.answers(keep), await asking.answers(lose)) == ({"drink": "tea"}, {})
