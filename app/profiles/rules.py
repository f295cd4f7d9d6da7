"""How long codes, links and notices of the profile live, and whom a wish of messages is for."""
from collections.abc import Iterable, Mapping
from datetime import timedelta

from app.cards.rules import LIVE, Card
from app.customers.topics import CHANNELS, Topic, Wish

CODE_LIFE, CODE_TRIES = timedelta(minutes=10), 5
# Both numbers are proven: time enough to read what merging means.
MERGE_LIFE = timedelta(minutes=10)
# Somebody on the way to another number learns of it late enough to have the new phone in hand, early enough to object.
NOTICE_AFTER = timedelta(hours=1)
NUMBERS_A_DAY = 5
HANDOVER_LIFE, HANDOVERS_A_DAY = timedelta(minutes=10), 20
TOKEN_LENGTH = 22               # 128 bits


def preferred(held: Iterable[Card]) -> Card | None:
    """Of a person's cards on one account the one that stands for it: an active one, else a live one, else the newest."""
    ranked = sorted(held, key=lambda card: (card.status != "active", card.status not in LIVE, -card.id))
    return ranked[0] if ranked else None


def reachable(has_phone: bool, has_email: bool) -> list[str]:
    """The channels that could reach a person at all."""
    there = {"sms": has_phone, "mail": has_email, "wallet": True}
    return [channel for channel in CHANNELS if there[channel]]


def switches(wishes: Iterable[Wish], channels: Iterable[str]) -> tuple[dict[str, bool], list[tuple[Topic, bool]]]:
    """(channel → wanted, topics with whether anything of them is wanted), of what can reach the person."""
    open_channels = list(channels)
    by_topic: dict[int, tuple[Topic, bool]] = {}
    whole: dict[str, bool] = dict.fromkeys(open_channels, False)
    for wish in wishes:
        if wish.channel not in open_channels:
            continue
        if wish.topic is None:
            whole[wish.channel] = wish.wanted
        else:
            topic, wanted = by_topic.get(wish.topic.id, (wish.topic, False))
            by_topic[wish.topic.id] = (topic, wanted or wish.wanted)
    return whole, list(by_topic.values())


def field_of(topic: Topic) -> str:
    """What a form calls a topic."""
    return f"topic_{topic.key}"


def ticked(form: Mapping[str, object], names: Iterable[str]) -> set[str]:
    return {name for name in names if form.get(name)}
