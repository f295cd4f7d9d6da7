"""What a shopper wants to hear about, and by which channel. Nothing is wanted without a live consent to marketing."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.audit import service as audit
from app.clock import to_ms
from app.customers import topics_store as store
from app.customers.document_rules import parse_key, parse_names
from app.customers.store import Reader
from app.customers.topics_store import Topic
from app.db import Transaction
from app.errors import NotFound
from app.updates import service as updates
from app.web.principal import Principal

__all__ = ["CHANNELS", "Topic", "Wish", "add_topic", "close_topic", "erase", "has_consented", "has_withdrawn", "may_send", "rename_topic",
           "set_wish", "topics_of", "wishes_of"]

CHANNELS = ("sms", "mail", "wallet")
WHOLE = 0                       # in place of a topic: the channel as a whole


@dataclass(frozen=True, slots=True)
class Wish:
    """Whether a shopper hears about a topic by a channel now. topic None: whatever belongs to no topic, and the channel as a whole."""

    topic: Topic | None
    channel: str
    wanted: bool


async def topics_of(reader: Reader, business_id: int) -> list[Topic]:
    """Those that are written about, in the order in which they were made; most businesses have none."""
    return await store.topics(reader, business_id)


async def add_topic(tx: Transaction, who: Principal, key: str, names: Mapping[str, str], now: datetime) -> Topic:
    """Raises Invalid (fields key, name_en …). A closed topic of this key is opened again, with what was said of it."""
    topic = await store.add(tx, who.business_id, parse_key(key), parse_names(names), to_ms(now))
    await audit.record(tx, who, "topic.added", "topic", topic.id, {"key": topic.key}, now=now)
    return topic


async def rename_topic(tx: Transaction, who: Principal, topic_id: int, names: Mapping[str, str], now: datetime) -> None:
    """Raises Invalid, NotFound."""
    if not await store.rename(tx, who.business_id, topic_id, parse_names(names)):
        raise NotFound()
    await audit.record(tx, who, "topic.renamed", "topic", topic_id, now=now)


async def close_topic(tx: Transaction, who: Principal, topic_id: int, now: datetime) -> None:
    """Nothing is sent about it any more. Raises NotFound."""
    if not await store.close(tx, who.business_id, topic_id, to_ms(now)):
        raise NotFound()
    await audit.record(tx, who, "topic.closed", "topic", topic_id, now=now)


async def wishes_of(reader: Reader, business_id: int, customer_id: int) -> list[Wish]:
    """One for each topic and channel, and one for each channel as a whole (topic None, first): all off without a consent."""
    consented = await has_consented(reader, business_id, customer_id)
    said = await store.said(reader, business_id, customer_id)
    topics: list[Topic | None] = [None, *await store.topics(reader, business_id)]
    return [Wish(topic, channel, consented and _wanted(said, topic.id if topic else WHOLE, channel))
            for topic in topics for channel in CHANNELS]


def _wanted(said: Mapping[tuple[int, str], bool], topic_id: int, channel: str) -> bool:
    """What was not said is as the consent says. A channel that is off is off for every topic."""
    return said.get((WHOLE, channel), True) and said.get((topic_id, channel), True)


async def set_wish(tx: Transaction, who: Principal, customer_id: int, topic_id: int | None, channel: str, wanted: bool,
                   now: datetime) -> None:
    """In effect with the commit. topic_id None: the channel as a whole. Raises NotFound for another business's topic.

    It is no consent: whoever wants something without one must agree first (`customers.record_consent`).
    """
    assert channel in CHANNELS
    if topic_id is not None and topic_id not in {topic.id for topic in await store.topics(tx, who.business_id)}:
        raise NotFound()
    await store.say(tx, who.business_id, customer_id, topic_id or WHOLE, channel, wanted, who.kind, to_ms(now))
    await updates.emit(tx, who.business_id, "wish.changed", now, customer_id=customer_id,
                       details={"topic_id": topic_id, "channel": channel, "wanted": wanted})


async def has_consented(reader: Reader, business_id: int, customer_id: int) -> bool:
    """Whether the newest answer to the marketing document is a yes, and the person is not erased."""
    return await store.has_consented(reader, business_id, customer_id)


async def may_send(reader: Reader, business_id: int, customer_id: int, channel: str, topic: Topic | int | None = None) -> bool:
    """Whether news may go to this shopper by this channel now; asked again right before each sending.

    It reads rows alone, so a withdrawal is in effect with its commit. topic: the topic or its id; a closed one is never sent.
    """
    assert channel in CHANNELS
    topic_id = topic.id if isinstance(topic, Topic) else topic or WHOLE
    if not await store.has_consented(reader, business_id, customer_id):
        return False
    if topic_id and topic_id not in {each.id for each in await store.topics(reader, business_id)}:
        return False
    return _wanted(await store.said(reader, business_id, customer_id), topic_id, channel)


async def has_withdrawn(reader: Reader, business_id: int, customer_id: int, channel: str) -> bool:
    """Whether the person said no to news, or to the whole channel, or is erased: then nothing that nobody asked for goes out.

    Somebody who was never asked has not: an invitation from a list that says that they agreed may go.
    """
    assert channel in CHANNELS
    if not (await store.said(reader, business_id, customer_id)).get((WHOLE, channel), True):
        return True
    return await store.has_refused(reader, business_id, customer_id)


async def erase(tx: Transaction, business_id: int, customer_id: int) -> None:
    """What the shopper wanted to hear goes with them."""
    await store.erase(tx, business_id, customer_id)
