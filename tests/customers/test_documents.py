"""What people agree to is kept word for word: a version never changes, and its fingerprint covers all that was shown (goal N1)."""
import hashlib

import pytest

from app.customers import documents
from app.customers import service as customers
from app.customers.document_rules import Draft
from app.db import write_transaction
from app.errors import Invalid, NotFound
from app.web.principal import shopper
from tests.money import NOON, make_bed


@pytest.fixture
async def bed(db):
    return await make_bed(db)


async def write(db, who, text, language="en", purpose="terms", **more):
    return await write_transaction(db, lambda tx: documents.write(tx, who, Draft(purpose, language, text, **more), NOON))


@pytest.mark.goal("N1")
async def test_a_version_cannot_be_changed_or_deleted(db, bed):
    await write(db, bed.manager, "Keep my number")
    for statement in ("UPDATE consent_texts SET text = 'all'", "DELETE FROM consent_texts"):
        with pytest.raises(Exception, match="append-only"):
            await write_transaction(db, lambda tx, statement=statement: tx.execute(statement))
    assert (await documents.history(db, bed.business_id, "terms", "en"))[0].text == "Keep my number"


@pytest.mark.goal("N1")
async def test_a_consent_remembers_all_that_was_read(db, ring, bed):
    anna = await write_transaction(db, lambda tx: customers.create(tx, ring, bed.business_id, language="en", now=NOON))
    await write(db, bed.manager, "Keep my number", title="Data", long_text="Number.\r\n\r\nVisits.   ")
    who = shopper(bed.business_id, anna)
    await write_transaction(db, lambda tx: documents.answer(tx, who, anna, {"terms": True, "marketing": False}, "en", "activation", NOON))
    await write(db, bed.manager, "Keep much more")
    given = {each.document.purpose: each for each in await documents.given_by(db, bed.business_id, anna)}
    terms = given["terms"]
    assert (terms.document.version, terms.document.text, terms.document.long_text) == (2, "Keep my number", "Number.\n\nVisits.")
    assert terms.document.sha256 == hashlib.sha256(b"Keep my number\n\nData\n\nNumber.\n\nVisits.").digest()
    assert (terms.granted, terms.channel, terms.actor_kind, terms.actor_id, terms.at) == (True, "activation", "shopper", anna, NOON)
    assert given["marketing"].granted is False and given["marketing"].document.version == 1


async def test_the_same_words_again_are_no_new_version(db, bed):
    first = await write(db, bed.manager, "Keep  my\nnumber")
    assert await write(db, bed.manager, "Keep my number") == first
    assert [each.version for each in await documents.history(db, bed.business_id, "terms", "en")] == [2, 1]


async def test_whoever_agreed_before_is_asked_again_only_where_the_business_says_so(db, ring, bed, clock):
    anna = await write_transaction(db, lambda tx: customers.create(tx, ring, bed.business_id, language="en", now=NOON))
    who = shopper(bed.business_id, anna)

    async def agree():
        clock.advance(hours=1)
        await write_transaction(db, lambda tx: documents.answer(tx, who, anna, {"terms": True}, "en", "activation", clock.now()))

    async def again():
        return await documents.to_ask_again(db, bed.business_id, anna)

    await agree()
    clock.advance(hours=1)
    for ask, expected in ((False, []), (True, ["terms"])):
        draft = Draft("terms", "ru", f"Новые слова {ask}", ask_again=ask)
        await write_transaction(db, lambda tx, draft=draft: documents.write(tx, bed.manager, draft, clock.now()))
        assert await again() == expected
    await agree()
    assert await again() == []


async def test_new_words_are_asked_in_the_language_that_has_them_also_after_a_small_correction(db, ring, bed, clock):
    anna = await write_transaction(db, lambda tx: customers.create(tx, ring, bed.business_id, language="en", now=NOON))
    said = {"terms": True, "marketing": True}
    await write_transaction(db, lambda tx: documents.answer(tx, shopper(bed.business_id, anna), anna, said, "en", "activation", NOON))

    async def asked(language):
        return [each.text for each in await documents.new_words(db, bed.business_id, anna, language)]

    async def write_later(draft):
        clock.advance(hours=1)
        await write_transaction(db, lambda tx: documents.write(tx, bed.manager, draft, clock.now()))

    assert await asked("en") == []
    await write_later(Draft("terms", "en", "Keep my number", ask_again=True))
    await write_later(Draft("terms", "en", "Keep my number."))
    await write_later(Draft("marketing", "en", "Text me a lot", ask_again=True))
    assert await asked("en") == ["Keep my number.", "Text me a lot"] and await asked("ru") == []


async def test_a_purpose_that_is_not_asked_for_is_not_answered(db, ring, bed):
    anna = await write_transaction(db, lambda tx: customers.create(tx, ring, bed.business_id, language="en", now=NOON))
    who = shopper(bed.business_id, anna)
    await write_transaction(db, lambda tx: documents.answer(tx, who, anna, {"partners": True, "terms": True}, "en", "activation", NOON))
    assert [each.document.purpose for each in await documents.given_by(db, bed.business_id, anna)] == ["terms"]
    with pytest.raises(NotFound):
        await write(db, bed.manager, "Tell everybody", purpose="partners")


async def test_what_is_no_document_is_refused_and_nothing_is_written(db, bed):
    for draft in (Draft("terms", "en", " "), Draft("terms", "en", "x" * 301), Draft("terms", "en", "x", long_text="y")):
        with pytest.raises(Invalid):
            await write_transaction(db, lambda tx, draft=draft: documents.write(tx, bed.manager, draft, NOON))
    assert [each.id for each in await documents.history(db, bed.business_id, "terms", "en")] == [0]
