"""Which changes of a card its holder's phone announces, in what way, and how often. Plain rules.

A change of an allow-listed balance is announced by Google in its own words (`notifyPreference`); for whatever else there is a
message with a word of ours. Google allows three in 24 hours and may allow fewer: two are the most that we ask for.
"""
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from app.designs.prepared import PreparedDesign, Words
from app.designs.rules import CardFace
from app.google.rules import Body, module
from app.programs import words
from app.web import formats

MOST, WITHIN = 2, timedelta(hours=24)
KEPT_MESSAGES = 3
SOON = timedelta(days=7)
# header and body by language; a language that is missing reads English
_LEVEL = {"en": ("A new level", "Your level is now: {level}."), "ru": ("Новый уровень", "Ваш уровень теперь: {level}.")}
_REWARD = {"en": ("A reward is ready", "It waits for you. Show this card at the till."),
           "ru": ("Подарок готов", "Он ждёт вас. Покажите эту карту на кассе.")}
_ENDING = {"en": ("Soon to end", "{amount} can be used until {day}."), "ru": ("Скоро сгорят", "{amount}: годны до {day} включительно.")}


class Shown(msgspec.Struct, frozen=True):
    """What Google's object showed last, as far as a change of it may be announced, and what is needed to write over it.

    level: its place in the programme's order, -1 for none; in_reach: rewards whose price the balance covers; ends_on: the end that
    was announced last; outline: members that Google holds; messages: those that it holds of ours.
    """

    balance: int = 0
    level: int = -1
    vouchers: int = 0
    in_reach: int = 0
    ends_on: str = ""
    outline: tuple[str, ...] = ()
    messages: tuple[dict[str, Any], ...] = ()


class Notice(NamedTuple):
    """message: one of ours to add; None: Google's own words about the balance, with the change itself."""

    message: Body | None


def shown_of(face: CardFace, levels: Sequence[str], prices: Sequence[int]) -> Shown:
    """levels: the programme's keys, lowest first; prices: what its rewards cost, in the unit that the card is about."""
    balance = face.money_minor if face.money_minor is not None else face.balance
    return Shown(balance=balance, level=levels.index(face.level) if face.level in levels else -1, vouchers=face.vouchers or 0,
                 in_reach=sum(price <= balance for price in prices))


def notice_for(before: Shown, after: Shown, design: PreparedDesign, face: CardFace, today: date) -> Notice | None:
    """What deserves a word: a reward that waits, a higher level, a balance that reaches a reward, an end that is near. The first of them.

    before: what the object showed until now; a card that is just made announces nothing.
    """
    if after.vouchers > before.vouchers:
        return Notice(_message("reward", _REWARD, design, {}))
    if after.level > before.level and face.level is not None:
        return Notice(_message("level", _LEVEL, design, {"level": design.terms[face.level]}))
    if after.in_reach > before.in_reach and after.balance > before.balance:
        return Notice(None)
    if is_ending(before, face, today) and face.expires_on is not None:
        said = {language: _amount(face, language) for language in design.languages}
        day = {language: formats.day(face.expires_on, language, "UTC") for language in design.languages}
        if all(said.values()):
            return Notice(_message("ending", _ENDING, design, {"amount": said, "day": day}))
    return None


def is_ending(before: Shown, face: CardFace, today: date) -> bool:
    """Whether what ends first is near, and was not spoken of."""
    return face.expires_on is not None and today <= face.expires_on <= today + SOON and face.expires_on.isoformat() != before.ends_on


def may_notify(newest: datetime | None, before: datetime | None, now: datetime) -> bool:
    """newest, before: the last two requests that were to be announced. A clock that was set back makes no third one."""
    return sum(at is not None and at > now - WITHIN for at in (newest, before)) < MOST


def remembered(shown: Shown, message: Body) -> Shown:
    """With a message that the object holds from now on: one of each kind, the newest last.

    Written back with each later change, which takes older ones away; as plain text, or it would be announced again.
    """
    others = [own for own in shown.messages if own.get("id") != message["id"]]
    return replace(shown, messages=(*others, quiet(message))[-KEPT_MESSAGES:])


def quiet(message: Body) -> Body:
    return {**message, "messageType": "TEXT"}


def _message(key: str, texts: Mapping[str, tuple[str, str]], design: PreparedDesign, filled: Mapping[str, Words]) -> Body:
    header = {language: texts.get(language, texts["en"])[0] for language in design.languages}
    body = {language: texts.get(language, texts["en"])[1].format(**{name: own[language] for name, own in filled.items()})
            for language in design.languages}
    return {**module(key, header, body, design.language), "messageType": "TEXT_AND_NOTIFY"}


def _amount(face: CardFace, language: str) -> str:
    """What ends, in words; "" where the card does not know how much."""
    if face.expiring_points:
        return words.points(face.expiring_points, language)
    return words.money(face.expiring_minor, face.currency, language) if face.expiring_minor else ""
