"""Nothing is sent without a consent, a topic or a channel can be switched off, and both hold with their commit (goal N2)."""
import pytest

from app.customers import documents, topics
from app.customers import service as customers
from app.db import write_transaction
from app.errors import Invalid, NotFound
from app.web.principal import shopper
from tests.money import NOON, make_bed


@pytest.fixture
async def bed(db):
    return await make_bed(db)


@pytest.fixture
async def anna(db, ring, bed) -> int:
    return await write_transaction(db, lambda tx: customers.create(
        tx, ring, bed.business_id, e164="+79161231234", language="en", now=NOON))


async def agree(db, bed, anna, granted=True):
    await write_transaction(db, lambda tx: documents.answer(
        tx, shopper(bed.business_id, anna), anna, {"marketing": granted}, "en", "card_page", NOON))


async def wish(db, bed, anna, topic_id, channel, wanted):
    await write_transaction(db, lambda tx: topics.set_wish(tx, shopper(bed.business_id, anna), anna, topic_id, channel, wanted, NOON))


async def events(db, bed):
    return await write_transaction(db, lambda tx: topics.add_topic(tx, bed.manager, "events", {"en": "Events", "ru": "Встречи"}, NOON))


async def test_everything_is_off_until_somebody_agrees(db, bed, anna):
    topic = await events(db, bed)
    wishes = await topics.wishes_of(db, bed.business_id, anna)
    assert len(wishes) == 6 and not any(each.wanted for each in wishes)
    for channel in topics.CHANNELS:
        assert not await topics.may_send(db, bed.business_id, anna, channel)
        await wish(db, bed, anna, topic.id, channel, True)
        assert not await topics.may_send(db, bed.business_id, anna, channel, topic), "a wish is no consent"


@pytest.mark.goal("N2")
async def test_a_withdrawal_holds_with_its_commit(db, bed, anna):
    topic = await events(db, bed)
    await agree(db, bed, anna)
    assert await topics.may_send(db, bed.business_id, anna, "sms", topic) and await topics.may_send(db, bed.business_id, anna, "mail")
    await agree(db, bed, anna, granted=False)
    for channel in topics.CHANNELS:
        assert not await topics.may_send(db, bed.business_id, anna, channel, topic)
    assert await topics.has_withdrawn(db, bed.business_id, anna, "sms")


async def test_a_topic_and_a_channel_can_be_switched_off_by_themselves(db, bed, anna):
    topic = await events(db, bed)
    await agree(db, bed, anna)
    await wish(db, bed, anna, topic.id, "sms", False)
    assert not await topics.may_send(db, bed.business_id, anna, "sms", topic)
    assert await topics.may_send(db, bed.business_id, anna, "mail", topic.id) and await topics.may_send(db, bed.business_id, anna, "sms")
    await wish(db, bed, anna, None, "mail", False)
    assert not await topics.may_send(db, bed.business_id, anna, "mail", topic)
    off = {(each.topic and each.topic.key, each.channel) for each in await topics.wishes_of(db, bed.business_id, anna) if not each.wanted}
    assert off == {("events", "sms"), (None, "mail"), ("events", "mail")}
    assert await topics.has_withdrawn(db, bed.business_id, anna, "mail")
    assert not await topics.has_withdrawn(db, bed.business_id, anna, "sms")


async def test_who_was_never_asked_has_not_withdrawn(db, bed, anna):
    assert not await topics.has_withdrawn(db, bed.business_id, anna, "sms")


async def test_a_closed_topic_and_another_businesss_are_never_sent(db, bed, anna):
    topic = await events(db, bed)
    await agree(db, bed, anna)
    await write_transaction(db, lambda tx: topics.close_topic(tx, bed.manager, topic.id, NOON))
    assert not await topics.may_send(db, bed.business_id, anna, "sms", topic)
    assert not await topics.may_send(db, bed.business_id + 1, anna, "sms")
    with pytest.raises(NotFound):
        await wish(db, bed, anna, topic.id, "sms", True)


async def test_an_erased_person_is_sent_nothing(db, bed, anna):
    await agree(db, bed, anna)
    await write_transaction(db, lambda tx: customers.erase(tx, bed.business_id, anna, NOON))
    assert not await topics.may_send(db, bed.business_id, anna, "sms")
    assert await topics.has_withdrawn(db, bed.business_id, anna, "sms")


@pytest.mark.parametrize(("key", "names"), [
    ("Events", {"en": "E", "ru": "В"}), ("e", {"en": "E", "ru": "В"}), ("events", {"en": "E", "ru": ""}),
    ("events", {"en": "E" * 61, "ru": "В"})])
async def test_a_topic_without_a_proper_name_is_refused(db, bed, key, names):
    with pytest.raises(Invalid):
        await write_transaction(db, lambda tx: topics.add_topic(tx, bed.manager, key, names, NOON))
    assert await topics.topics_of(db, bed.business_id) == []
