"""Thirty days of a coffee shop, drawn with a fixed seed: who joins when, who comes when, and what they pay.

Nothing here touches a database: `history.py` lets it happen through the services.
"""
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = 30
CARDS = 340
OPENS, CLOSES = 8, 21           # local hours
# What is on the board, in kopecks, and how often it is asked for.
DRINKS = ((18000, 14), (15000, 8), (24000, 22), (27000, 16), (26000, 9), (32000, 7), (19000, 6), (35000, 4))
FOOD = ((17000, 10), (29000, 6), (34000, 6), (21000, 5), (89000, 1))
WOMEN = ("Анна", "Мария", "Екатерина", "Ольга", "Дарья", "Елена", "Наталья", "Ирина", "Полина", "София", "Алиса", "Ксения", "Юлия",
         "Татьяна", "Вера", "Людмила", "Алёна", "Виктория", "Марина", "Светлана")
MEN = ("Александр", "Дмитрий", "Иван", "Михаил", "Сергей", "Андрей", "Алексей", "Павел", "Никита", "Кирилл", "Тимур", "Максим", "Егор",
       "Роман", "Олег", "Артём", "Денис", "Георгий", "Илья", "Степан")
GUESTS = ("Emma", "Jonas", "Sofia", "Liam", "Yuki", "Mateo", "Chloé", "Noah")
# Hour of the day: coffee is a morning thing, with a second wave after lunch.
HOURS = {8: 13, 9: 18, 10: 12, 11: 8, 12: 9, 13: 11, 14: 8, 15: 6, 16: 6, 17: 7, 18: 6, 19: 4, 20: 2}
# Visits a week, and how many guests are like that.
HABITS = ((5.5, 12), (3.0, 25), (1.5, 33), (0.6, 30))
WEEKDAYS = (1.0, 1.05, 1.05, 1.1, 1.2, 0.85, 0.65)


@dataclass(frozen=True, slots=True)
class Guest:
    """A card of the demo. language: of its owner; visits_a_week: a habit; favourite: the location they mostly come to (0 or 1)."""

    number: int
    name: str | None
    phone: str
    language: str
    joined_at: datetime
    wants_news: bool
    visits_a_week: float
    favourite: int


@dataclass(frozen=True, slots=True)
class Visit:
    """A receipt. pays_with_points: as much as the rules allow; afterwards: None, "undo" (a typing mistake) or "refund" (of a part)."""

    at: datetime
    guest: int
    location: int
    amount_minor: int
    receipt: str
    pays_with_points: bool
    afterwards: str | None


def draw_guests(dice: random.Random, now: datetime, zone: str) -> list[Guest]:
    """CARDS guests in the order in which they joined, each within opening hours, none later than `now`."""
    days = _days(now, zone)
    # More join at first, when the poster is new.
    weights = [1.8 if at < 5 else 1.0 for at in range(len(days))]
    moments = [moment_of(dice, day, zone) for day in dice.choices(days, weights, k=CARDS)]
    # What today's clock has not reached happened yesterday.
    past = sorted(moment if moment < now else moment - timedelta(days=1) for moment in moments)
    return [_guest(dice, number, moment) for number, moment in enumerate(past)]


def _guest(dice: random.Random, number: int, joined_at: datetime) -> Guest:
    is_visitor = dice.random() < 0.06
    names = GUESTS if is_visitor else WOMEN if dice.random() < 0.58 else MEN
    [(habit, _)] = dice.choices(HABITS, [share for _, share in HABITS])
    name = dice.choice(names) if dice.random() < 0.86 else None
    return Guest(number, name, _phone(dice, number), "en" if is_visitor else "ru", joined_at, dice.random() < 0.41, habit,
                 0 if dice.random() < 0.62 else 1)


def _phone(dice: random.Random, number: int) -> str:
    """A valid mobile number; no two are alike, and a demo never texts any of them over the air."""
    return f"+7900{dice.randrange(100, 1000):03}{number:04}"


def draw_visits(dice: random.Random, guests: Sequence[Guest], now: datetime, zone: str) -> list[Visit]:
    """What everybody bought since they joined, by time; the first purchase often comes with the card."""
    drawn = [visit for guest in guests for visit in _visits_of(dice, guest, now, zone)]
    drawn.sort(key=lambda visit: (visit.at, visit.guest))
    return [Visit(visit.at, visit.guest, visit.location, visit.amount_minor, f"{'AB'[visit.location]}-{1000 + at}", visit.pays_with_points,
                  visit.afterwards) for at, visit in enumerate(drawn)]


def _visits_of(dice: random.Random, guest: Guest, now: datetime, zone: str) -> Iterator[Visit]:
    if dice.random() < 0.7 and guest.joined_at + timedelta(minutes=4) < now:
        yield _visit(dice, guest, guest.joined_at + timedelta(minutes=dice.randint(1, 4)), is_first=True)
    joined_on = guest.joined_at.astimezone(ZoneInfo(zone)).date()
    for day in _days(now, zone):
        if day > joined_on and dice.random() < guest.visits_a_week / 7 * WEEKDAYS[day.weekday()]:
            moment = moment_of(dice, day, zone)
            if moment < now - timedelta(minutes=1):
                yield _visit(dice, guest, moment)


def _visit(dice: random.Random, guest: Guest, at: datetime, is_first: bool = False) -> Visit:
    location = guest.favourite if dice.random() < 0.85 else 1 - guest.favourite
    chance = dice.random()
    afterwards = "undo" if chance < 0.006 else "refund" if chance < 0.016 else None
    return Visit(at, guest.number, location, _amount(dice), "", not is_first and dice.random() < 0.16, afterwards)


def _amount(dice: random.Random) -> int:
    drinks = dice.choices(DRINKS, [often for _, often in DRINKS], k=2 if dice.random() < 0.24 else 1)
    food = dice.choices(FOOD, [often for _, often in FOOD], k=1 if dice.random() < 0.38 else 0)
    return sum(price for price, _ in [*drinks, *food])


def _days(now: datetime, zone: str) -> list[date]:
    today = now.astimezone(ZoneInfo(zone)).date()
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def moment_of(dice: random.Random, day: date, zone: str) -> datetime:
    """A moment of `day` within opening hours, in UTC, at times when people drink coffee."""
    [hour] = dice.choices(list(HOURS), list(HOURS.values()))
    return datetime.combine(day, time(hour, dice.randrange(60), dice.randrange(60)), ZoneInfo(zone)).astimezone(UTC)
