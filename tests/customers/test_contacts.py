"""What leads to a person: a number belongs to one customer, and the language they chose stands."""
import pytest

from app.customers import contacts, numbers
from app.customers import service as customers
from app.db import write_transaction
from tests.money import make_bed

ANNA, BORIS, NEW = "+79161231234", "+79035556677", "+79217778899"


@pytest.fixture
async def people(db, ring, clock):
    bed = await make_bed(db)

    async def act(tx):
        return [await customers.create(tx, ring, bed.business_id, e164=phone, language="ru", now=clock.now(), email=mail)
                for phone, mail in ((ANNA, None), (BORIS, None), (None, "eva@example.com"))]

    return bed.business_id, *await write_transaction(db, act)


async def set_phone(db, ring, business_id, customer_id, e164):
    await write_transaction(db, lambda tx: numbers.set_phone(tx, ring, business_id, customer_id, e164))


async def test_a_new_number_finds_the_person_and_the_old_one_finds_nobody(db, ring, people):
    business_id, anna, _, _ = people
    await set_phone(db, ring, business_id, anna, NEW)
    assert (await customers.find_by_phone(db, ring, business_id, NEW)).id == anna
    assert await customers.find_by_phone(db, ring, business_id, ANNA) is None
    assert [one.id for one in await customers.search(db, ring, business_id, "8899", "RU")] == [anna]
    assert (await contacts.contact_of(db, ring, business_id, anna)).e164 == NEW


async def test_a_number_of_somebody_else_is_refused_and_nothing_changes(db, ring, people):
    business_id, anna, boris, _ = people
    with pytest.raises(numbers.PhoneTaken):
        await set_phone(db, ring, business_id, anna, BORIS)
    assert (await customers.find_by_phone(db, ring, business_id, ANNA)).id == anna
    assert (await customers.find_by_phone(db, ring, business_id, BORIS)).id == boris


async def test_a_contact_is_hinted_at_and_nobody_has_none(db, ring, people):
    business_id, anna, _, eva = people
    assert (await contacts.contact_of(db, ring, business_id, anna)).hint == "34"
    mail = await contacts.contact_of(db, ring, business_id, eva)
    assert (mail.e164, mail.email, mail.hint) == (None, "eva@example.com", "e•••@example.com")
    assert (await contacts.contact_of(db, ring, business_id, None)).is_none
    assert (await contacts.contact_of(db, ring, business_id + 1, anna)).is_none


async def test_a_language_counts_once_it_was_chosen(db, ring, people, clock):
    business_id, anna, boris, _ = people
    assert await contacts.chosen_language(db, business_id, anna) is None
    await write_transaction(db, lambda tx: contacts.set_language(tx, business_id, anna, "en", clock.now()))
    assert await contacts.chosen_language(db, business_id, anna) == "en"
    assert await contacts.chosen_language(db, business_id, boris) is None
