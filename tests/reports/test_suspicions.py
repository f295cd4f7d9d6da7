"""Signs of fraud: a scripted day of 5,000 honest operations flags nobody, and each pattern in it is flagged (goals S6, S7)."""
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.clock import FixedClock, to_ms
from app.context import Context
from app.db import Database, write_transaction
from app.errors import NotFound
from app.reports import suspicions, suspicions_store
from app.sales import service as sales
from app.sales.rules import RefundRequest, SaleRequest
from app.web.principal import Principal
from tests.conftest import Shop
from tests.money import NOON, Bed, make_bed
from tests.plans import steps_of
from tests.shops import make_card

CASHIERS, LOCATIONS, CARDS = 50, 10, 1_600
OPENING = NOON.replace(hour=6)
_OPERATION = """
INSERT INTO operations(business_id, acting_business_id, program_id, account_id, card_id, location_id, kind, of_operation_id, at,
  recorded_at, rules_version, amount_minor, to_pay_minor, shortfall, actor_kind, actor_id)
VALUES (:business, :business, :program, :card, :card, :location, :kind, CAST(:of AS BIGINT), :at, :recorded, 1, 10000, 10000, :shortfall,
  :actor_kind, :actor)"""


@dataclass
class Day:
    """A day at ten locations with five cashiers each, as rows: `acts` are written in the order in which they are recorded.

    A card and its account have one number. Cashiers are staff 1 to 50, of location (number - 1) % 10.
    """

    bed: Bed
    draw: random.Random
    acts: list[dict[str, Any]] = field(default_factory=list)
    number: int = 0
    cards: list[dict[str, Any]] = field(default_factory=list)

    def act(self, kind: str, card: int, at: datetime, cashier: int | None, *, late: int = 0, of: int | None = None, location: int = 0,
            shortfall: int = 0) -> int:
        """late: minutes until it was told; gives the number that `of` names."""
        self.number += 1
        self.acts.append({
            "number": self.number, "business": self.bed.business_id, "program": self.bed.program_id, "card": card, "kind": kind, "of": of,
            "location": location or (self.bed.location_id + ((cashier or 1) - 1) % LOCATIONS), "at": to_ms(at),
            "recorded": to_ms(at + timedelta(minutes=late)), "shortfall": shortfall,
            "actor_kind": "staff" if cashier else "shopper", "actor": cashier})
        return self.number

    def new_card(self, cashier: int, at: datetime) -> int:
        card = 10_000 + len(self.cards)
        self.cards.append({"id": card, "business": self.bed.business_id, "program": self.bed.program_id, "cashier": cashier,
                           "at": to_ms(at), "number": f"473{card:013d}", "code": f"9{card:015d}"})
        return card

    def honest(self) -> None:
        """5,000 acts over twelve hours: visits apart from each other, typing mistakes, returns, late tills, new cards, two errands."""
        visits: dict[int, list[datetime]] = {}
        while len(self.acts) < 5_000:
            at = OPENING + timedelta(seconds=self.draw.randrange(12 * 3600))
            cashier, what = self.draw.randrange(1, CASHIERS + 1), self.draw.random()
            card = 100 + self.draw.randrange(CARDS)
            if any(abs(at - other) < timedelta(minutes=40) for other in visits.setdefault(card, [])):
                continue
            visits[card].append(at)
            if what < 0.04:
                fresh = self.new_card(cashier, at)
                self.act("welcome", fresh, at, None)
                if self.draw.random() < 0.8:
                    self.act("sale", fresh, at, cashier)
                continue
            sale = self.act("sale", card, at, cashier, late=self.draw.choice([45, 90]) if what > 0.97 else 0)
            if what < 0.08:                                          # a typing mistake, put right
                self.act("undo", card, at + timedelta(minutes=1), cashier, of=sale)
                self.act("sale", card, at + timedelta(minutes=2), cashier)
            elif what < 0.11:                                        # something forgotten
                self.act("sale", card, at + timedelta(minutes=4), cashier)
            elif what < 0.13:
                self.act("refund", card, at + timedelta(minutes=30), cashier, of=sale, shortfall=int(what < 0.112))
        for manager, count in ((51, 2), (52, 1), (53, 4)):
            for _ in range(count):
                self.act("adjustment", 100 + self.draw.randrange(CARDS), OPENING + timedelta(minutes=self.draw.randrange(700)), manager)

    async def write(self, db: Database) -> None:
        """Rows as the services would leave them, as far as a review reads them."""
        async def act(tx: Any) -> None:
            for number in range(1, LOCATIONS):
                await tx.execute("INSERT INTO locations(id, business_id, name, created_at) VALUES (:id, :business, 'x', 1)",
                                 {"id": self.bed.location_id + number, "business": self.bed.business_id})
            known = [{"id": number, "business": self.bed.business_id, "program": self.bed.program_id, "cashier": None, "at": 1,
                      "number": f"473{number:013d}", "code": f"9{number:015d}"} for number in range(100, 100 + CARDS)]
            await tx.execute_many("INSERT INTO accounts(id, business_id, program_id, created_at) VALUES (:id, :business, :program, :at)",
                                  [{name: card[name] for name in ("id", "business", "program", "at")} for card in known + self.cards])
            await tx.execute_many(
                "INSERT INTO cards(id, business_id, program_id, account_id, number, code, status, source, issued_by_kind, issued_by_id, "
                "created_at) VALUES (:id, :business, :program, :id, :number, :code, 'active', 'till', 'staff', :cashier, :at)",
                known + self.cards)

        await write_transaction(db, act)

    async def live(self, db: Database, clock: FixedClock) -> None:
        """The day passes: what was recorded until now is written, then reviewed, every half hour (the timetable looks every minute)."""
        waiting, ids = sorted(self.acts, key=lambda each: (each["recorded"], each["number"])), {}
        clock.advance(hours=-3)
        while waiting:
            clock.advance(minutes=30)
            ready = [each for each in waiting if each["recorded"] <= to_ms(clock.now())]
            waiting = waiting[len(ready):]

            async def act(tx: Any, ready: list[dict[str, Any]] = ready) -> None:
                first = await tx.fetch_val("SELECT COALESCE(MAX(id), 0) FROM operations")
                for offset, each in enumerate(ready, 1):
                    ids[each["number"]] = first + offset
                await tx.execute_many(_OPERATION, [
                    {**{name: value for name, value in each.items() if name != "number"}, "of": ids.get(each["of"])} for each in ready])
                for each in ready:
                    if each["kind"] == "adjustment":
                        await tx.execute("INSERT INTO entries(operation_id, line, business_id, book, unit, amount) "
                                         "VALUES (:id, 2, :business, 'adjusted', 'points', -50)",
                                         {"id": ids[each["number"]], "business": each["business"]})

            await write_transaction(db, act)
            await suspicions.review_due(db, clock.now())


@pytest.fixture
async def day(sqlite_db: Database) -> Day:
    made = Day(await make_bed(sqlite_db), random.Random(20261122))
    made.honest()
    return made


async def found(db: Database, business_id: int) -> list[tuple[str, str, int]]:
    rows = await db.fetch_all("SELECT kind, subject_kind, subject_id FROM suspicions WHERE business_id = :id AND seen_at IS NULL",
                              {"id": business_id})
    return sorted((row["kind"], row["subject_kind"], row["subject_id"]) for row in rows)


@pytest.mark.goal("S6")
async def test_an_honest_day_flags_no_cashier(day: Day, sqlite_db: Database, clock: FixedClock) -> None:
    await day.write(sqlite_db)
    await day.live(sqlite_db, clock)
    flagged = await found(sqlite_db, day.bed.business_id)
    assert [each for each in flagged if each[1] != "account"] == []
    assert len(flagged) <= CARDS * 5 // 1_000, flagged


def one_card(day: Day, at: datetime) -> tuple[str, str, int]:
    for number in range(6):
        day.act("sale", 101, at + timedelta(minutes=25 * number), 7)
    return "one_card", "staff", 7


def late_claims(day: Day, at: datetime) -> tuple[str, str, int]:
    for number in range(3):
        day.act("sale", 102, at - timedelta(hours=2 + number), 8, late=120 + 60 * number)
    return "late_claims", "account", 102


def split(day: Day, at: datetime) -> tuple[str, str, int]:
    for number in range(3):
        day.act("sale", 103, at + timedelta(minutes=3 * number), 9)
    return "split", "account", 103


def spent_and_returned(day: Day, at: datetime) -> tuple[str, str, int]:
    for number in range(2):
        sale = day.act("sale", 104, at + timedelta(minutes=60 * number), 10 + number)
        day.act("refund", 104, at + timedelta(minutes=60 * number + 30), 10, of=sale, shortfall=5)
    return "spent_and_returned", "account", 104


def two_places(day: Day, at: datetime) -> tuple[str, str, int]:
    day.act("sale", 105, at, 11)
    day.act("sale", 105, at + timedelta(minutes=4), 12)
    return "two_places", "account", 105


def two_tills(day: Day, at: datetime) -> tuple[str, str, int]:
    day.act("sale", 106, at, 11)
    day.act("sale", 106, at + timedelta(seconds=40), 21)             # the same location
    return "two_places", "account", 106


def welcome_farming(day: Day, at: datetime) -> tuple[str, str, int]:
    for number in range(12):
        day.act("welcome", day.new_card(13, at), at + timedelta(minutes=number), None)
    return "welcome_farming", "staff", 13


def corrections(day: Day, at: datetime) -> tuple[str, str, int]:
    for number in range(3):
        day.act("adjustment", 107, at + timedelta(minutes=number), 54)
    return "corrections", "staff", 54


@pytest.mark.goal("S6", "S7")
async def test_every_pattern_hidden_in_an_honest_day_is_flagged_and_nobody_else_is(
        day: Day, sqlite_db: Database, clock: FixedClock) -> None:
    patterns = (one_card, late_claims, split, spent_and_returned, two_places, two_tills, welcome_farming, corrections)
    expected = {pattern(day, OPENING + timedelta(hours=4)) for pattern in patterns}
    await day.write(sqlite_db)
    await day.live(sqlite_db, clock)
    flagged = set(await found(sqlite_db, day.bed.business_id))
    assert expected <= flagged
    assert {each for each in flagged - expected if each[1] != "account"} == set()


@pytest.mark.goal("S6")
async def test_a_sign_is_noted_by_the_next_look_once_a_day_and_goes_when_a_manager_has_seen_it(here: Context, shop: Shop,
                                                                                               other_shop: Shop) -> None:
    """Through the services, on both engines: a card credited again and again, and goods returned after their points were spent."""
    db, clock = here.db, here.clock
    card, spender = await make_card(here, shop), await make_card(here, shop, phone="+79161235555")
    for _ in range(6):
        await sales.sell(db, shop.cashier, SaleRequest(card.id, 10_000), None, clock.now())
        clock.advance(minutes=15)
    for points in (50, 5):                  # the second time earning paid the debt of the first
        earned = await sales.sell(db, shop.cashier, SaleRequest(spender.id, 100_000), None, clock.now())
        await sales.sell(db, shop.who, SaleRequest(spender.id, 20_000, redeem=points), None, clock.now())
        await sales.refund(db, shop.who, RefundRequest(earned.operation.id, 100_000), None, clock.now())
        clock.advance(hours=1)
    assert await suspicions.review_due(db, clock.now()) >= 2
    assert await suspicions.review_due(db, clock.now()) == 0
    noted = {each.kind: each for each in await suspicions.list_open(db, shop.business_id)}
    assert (noted["one_card"].subject_kind, noted["one_card"].subject_id) == ("staff", shop.cashier.id)
    assert noted["spent_and_returned"].subject_id == spender.account_id
    assert await suspicions.list_open(db, other_shop.business_id) == []
    with pytest.raises(NotFound):
        await suspicions.dismiss(db, other_shop.who, noted["one_card"].id, clock.now())
    await suspicions.dismiss(db, shop.who, noted["one_card"].id, clock.now())
    with pytest.raises(NotFound):
        await suspicions.dismiss(db, shop.who, noted["one_card"].id, clock.now())
    assert "one_card" not in {each.kind for each in await suspicions.list_open(db, shop.business_id)}
    # The same day says nothing new of it.
    await sales.sell(db, shop.cashier, SaleRequest(card.id, 10_000), None, clock.now())
    await suspicions.review_due(db, clock.now())
    assert "one_card" not in {each.kind for each in await suspicions.list_open(db, shop.business_id)}


async def test_corrections_and_issued_cards_are_counted_on_both_engines(here: Context, shop: Shop) -> None:
    card = await make_card(here, shop)
    for _ in range(3):
        await sales.adjust(here.db, Principal(shop.business_id, shop.business_id, "staff", shop.who.id, "Owner", "owner"), card.id,
                           "points", 5, "because", None, here.clock.now())
    await sales.adjust(here.db, shop.who, card.id, "points", -5, "because", None, here.clock.now())
    await suspicions.review_due(here.db, here.clock.now())
    assert await found(here.db, shop.business_id) == [("corrections", "staff", shop.who.id)]


async def test_a_look_reads_what_is_new_and_not_all_that_the_business_has(sqlite_db: Database) -> None:
    ids = list(range(1, suspicions.ACCOUNTS + 1))
    for ask in (lambda reader: suspicions_store.acts_of(reader, 1, ids, 5), lambda reader: suspicions_store.returns_of(reader, 1, ids, 5),
                lambda reader: suspicions_store.issuers_of(reader, 1, ids, 5),
                lambda reader: suspicions_store.corrections_since(reader, 1, 5)):
        steps = await steps_of(sqlite_db, ask)
        assert not any(step.startswith("SCAN") or step.endswith("_business (business_id=?)") for step in steps), steps
