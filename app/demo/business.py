"""The businesses of the demo: "Coffee corner", where most happens, "Leaf & Line", so that separation can be tried, and "Old town card",
a coalition of both."""
import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from app import secrets
from app.console import founding
from app.context import Context
from app.db import Transaction, write_transaction
from app.designs.rules import CardWords, DesignContent
from app.programs import service as programs
from app.programs.kinds import KINDS
from app.programs.rules import ProgramRules
from app.staff import passwords
from app.staff import service as staff
from app.web.principal import SCOPES, Principal

ZONE = "Europe/Moscow"
PASSWORD_LETTERS = 12
COFFEE_RULES = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, worth_points=1, largest_share_bp=3_000, lot_days=365,
                           welcome_points=50)
LEAF_RULES = ProgramRules(earn_points=1, earn_per_minor=5_000, worth_minor=100, worth_points=1, earn_mode="whole_steps",
                         largest_share_bp=5_000, lot_days=None)
COFFEE = founding.Wish(
    "coffee", "Coffee corner", "RU", "RUB", ZONE, "ru", texts={"ru": {"name": "Кофейный угол"}}, program_name="Points",
    program_texts={"ru": {"name": "Баллы"}}, rules=COFFEE_RULES,
    design=DesignContent(
        en=CardWords("Coffee corner", "Points", about="Coffee roasted on Tuesdays, two shops on the river. Thank you for coming back."),
        ru=CardWords("Кофейный угол", "Баллы", about="Жарим по вторникам, две кофейни у реки. Спасибо, что возвращаетесь."),
        background="#0f4546", label="#f6d8b0", accent="#c98345", language="ru"))
LEAF = founding.Wish("leaf", "Leaf & Line", "RU", "RUB", ZONE, "en", texts={"ru": {"name": "Лист и линия"}}, rules=LEAF_RULES)
OLD_TOWN = founding.Wish(
    "oldtown", "Old town card", "RU", "RUB", ZONE, "ru", texts={"ru": {"name": "Карта старого города"}}, program_name="Баллы города",
    program_texts={"en": {"name": "Town points"}, "ru": {"name": "Баллы города"}}, rules=KINDS["coalition"].rules("RUB"), kind="coalition",
    design=DesignContent(
        en=CardWords("Old town card", "Points", about="One card in the coffee shops and tea rooms of the old town."),
        ru=CardWords("Карта старого города", "Баллы", about="Одна карта в кофейнях и чайных старого города."),
        background="#2d2a4a", label="#e8dfc8", accent="#b98a4a", language="ru"))
LOCATIONS = (("Pushkin Street", "На Пушкинской", "Pushkinskaya 12", 55.7632, 37.6062),
             ("River quay", "На набережной", "Frunzenskaya nab. 8", 55.7312, 37.5921))
# Name, role, where they work (None: everywhere), the beginning of their address.
COFFEE_STAFF = (("Вера Осипова", "owner", None, "owner"), ("Глеб Маслов", "manager", None, "manager"),
                ("Аня Лукина", "cashier", 0, "anya"), ("Марк Дёмин", "cashier", 1, "mark"))
LEAF_STAFF = (("Nora Field", "owner", None, "owner"), ("Ivo Reed", "cashier", None, "ivo"))
OLD_TOWN_STAFF = (("Роман Ильин", "owner", None, "owner"),)


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the demo's staff, with the password that opens their door."""

    id: int
    name: str
    role: str
    location_id: int | None
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Business:
    """What `history` and `demo.json` need to know. people: the owner first; api_key: with all scopes."""

    id: int
    program_id: int
    location_ids: tuple[int, ...]
    people: tuple[Person, ...]
    api_key: str

    def who(self, person: Person) -> Principal:
        """`person` as they stand at a till or sit in the console."""
        return Principal(self.id, self.id, "staff", person.id, person.name, person.role, location_id=person.location_id)

    def of_role(self, role: str) -> Principal:
        """The first of that role."""
        return self.who(next(person for person in self.people if person.role == role))

    def at_till(self, location: int) -> Principal:
        """Whoever works at that location (its place in location_ids); in a business without any, its cashier."""
        if not self.location_ids:
            return self.of_role("cashier")
        return self.who(next(person for person in self.people if person.location_id == self.location_ids[location]))


async def found_coffee(here: Context, now: datetime) -> Business:
    """now: the day on which the shop began with its cards."""
    return await _found(here, COFFEE, LOCATIONS, COFFEE_STAFF, now)


async def found_leaf(here: Context, now: datetime) -> Business:
    return await _found(here, LEAF, (), LEAF_STAFF, now)


async def found_old_town(here: Context, now: datetime) -> Business:
    return await _found(here, OLD_TOWN, (), OLD_TOWN_STAFF, now)


async def _found(here: Context, wish: founding.Wish, places: tuple, team: tuple, now: datetime) -> Business:  # type: ignore[type-arg]
    # Drawn and hashed before the transaction: argon2 takes its time, and an act may run again.
    plain = [secrets.new_token(PASSWORD_LETTERS) for _ in team]
    hashed = await asyncio.gather(*[passwords.hash_password(password) for password in plain])
    founded, location_ids, staff_ids = await write_transaction(here.db, partial(_write, here, wish, places, team, hashed, now))
    people = tuple(Person(staff_id, name, role, None if place is None else location_ids[place], _address(wish, word), password)
                   for staff_id, (name, role, place, word), password in zip(staff_ids, team, plain, strict=True))
    owner = Principal(founded.business_id, founded.business_id, "staff", people[0].id, people[0].name, "owner")
    _, api_key = await staff.create_key(here.db, here.ring, owner, "Demo script", frozenset(SCOPES), None, now, per_second=0)
    return Business(founded.business_id, founded.program_id, location_ids, people, api_key)


async def _write(here: Context, wish: founding.Wish, places: tuple, team: tuple, hashed: list[str], now: datetime,  # type: ignore[type-arg]
                 tx: Transaction) -> tuple[founding.Founded, tuple[int, ...], tuple[int, ...]]:
    founded = await founding.found(tx, wish, now)
    location_ids = tuple([
        await programs.create_location(tx, founded.business_id, name=name, texts={"ru": {"name": russian}}, address=address,
                                       latitude=latitude, longitude=longitude, now=now)
        for name, russian, address, latitude, longitude in places])
    staff_ids = tuple([
        await staff.create_staff(tx, here.ring, founded.business_id, email=_address(wish, word), name=name, role=role,
                                 location_id=None if place is None else location_ids[place], language=wish.language,
                                 password_hash=password_hash, now=now)
        for (name, role, place, word), password_hash in zip(team, hashed, strict=True)])
    return founded, location_ids, staff_ids


def _address(wish: founding.Wish, word: str) -> str:
    return f"{word}@{wish.slug}.example"
