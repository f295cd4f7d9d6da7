"""Who holds the demo's further cards and what they buy, drawn with a fixed seed; nothing here touches a database.

`regulars.py` lets it happen through the services.
"""
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from app.clock import local_day
from app.demo import plan

FIRST_NUMBER = 5000             # of the phone numbers, so that they are nobody's of `plan`
# sku, name, category, price in kopecks, how often it is asked for.
GOODS = (("espresso", "Эспрессо", "кофе", 15_000, 6), ("cappuccino", "Капучино", "кофе", 24_000, 22),
         ("flat-white", "Флэт уайт", "кофе", 27_000, 14), ("raf", "Раф", "кофе", 32_000, 6), ("cocoa", "Какао", "coffee", 26_000, 5),
         ("tea", "Чай", "чай", 19_000, 7), ("bun", "Булочка с корицей", "еда", 17_000, 9), ("cheesecake", "Чизкейк", "еда", 34_000, 6),
         ("beans", "Зерно, 250 г", "зерно", 89_000, 2))


@dataclass(frozen=True, slots=True)
class Member:
    """A holder of one of the further cards. location: the one they come to (0 or 1)."""

    number: int
    name: str
    phone: str
    language: str
    joined_at: datetime
    birthday: date | None
    location: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """A receipt. lines: as a till sends them; pays: with as much of the balance as the rules allow."""

    at: datetime
    receipt: str
    lines: tuple[Mapping[str, Any], ...]
    pays: bool

    @property
    def amount_minor(self) -> int:
        return sum(line["amount"] for line in self.lines)


@dataclass(frozen=True, slots=True)
class Story:
    """A member and what they bought, by time."""

    member: Member
    purchases: Sequence[Purchase] = field(default=())


def draw_stories(dice: random.Random, letter: str, cards: int, most: int, now: datetime, zone: str) -> list[Story]:
    """`cards` members who joined within the last four weeks, the first of them first, and came up to `most` times since.

    letter: which the receipts of this programme begin with, and which keeps its phone numbers apart.
    """
    joined = sorted(_opening(dice, now - timedelta(days=dice.randint(3, 26)), zone, now) for _ in range(cards))
    return [_story(dice, letter, number, at, most, now, zone) for number, at in enumerate(joined)]


def _story(dice: random.Random, letter: str, number: int, joined_at: datetime, most: int, now: datetime, zone: str) -> Story:
    names = plan.WOMEN if dice.random() < 0.58 else plan.MEN
    # Each programme has a block of numbers of its own: nobody holds two of the further cards.
    phone = f"+7901{dice.randrange(100, 1000):03}{FIRST_NUMBER + (ord(letter) - ord('A')) * 100 + number:04}"
    born = _birthday(dice, local_day(now, zone), is_soon=number % 5 == 0)
    member = Member(number, dice.choice(names), phone, "en" if number % 9 == 4 else "ru", joined_at, born, number % 2)
    # The first of every programme is its most faithful one: theirs is the card that demo.json names.
    visits = most if number == 0 else dice.randint(1, most)
    moments = sorted({_opening(dice, joined_at + (now - joined_at) * dice.random(), zone, now) for _ in range(visits)})
    return Story(member, [Purchase(at, f"{letter}{number:02}-{each + 1}", _lines(dice), each > 1 and dice.random() < 0.3)
                          for each, at in enumerate(moments) if at > joined_at])


def _birthday(dice: random.Random, today: date, *, is_soon: bool) -> date | None:
    """Every fifth has theirs within the week to come; some never said."""
    if is_soon:
        day = today + timedelta(days=dice.randint(0, 6))
        return date(dice.randint(1968, 2004), day.month, min(day.day, 28))
    return date(dice.randint(1965, 2006), dice.randint(1, 12), dice.randint(1, 28)) if dice.random() < 0.7 else None


def _opening(dice: random.Random, near: datetime, zone: str, now: datetime) -> datetime:
    """A moment within opening hours of the day of `near`, before `now`."""
    moment = plan.moment_of(dice, local_day(near, zone), zone)
    return moment if moment < now - timedelta(minutes=5) else moment - timedelta(days=1)


def _lines(dice: random.Random) -> tuple[Mapping[str, Any], ...]:
    bought = dice.choices(GOODS, [often for *_, often in GOODS], k=dice.choice((1, 1, 2, 3)))
    return tuple({"sku": sku, "name": name, "category": category, "quantity": 1, "amount": price}
                 for sku, name, category, price, _ in bought)
