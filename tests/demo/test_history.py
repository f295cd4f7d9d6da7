"""Thirty days that never were, made by the same services as real ones."""
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from app.context import Context
from app.customers import phones
from app.demo import business, history, plan
from app.ledger.verify import verify

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
ZONE = business.ZONE


def drawn(seed: int = history.SEED, now: datetime = NOW) -> tuple[list[plan.Guest], list[plan.Visit]]:
    dice = random.Random(seed)
    guests = plan.draw_guests(dice, now, ZONE)
    return guests, plan.draw_visits(dice, guests, now, ZONE)


def test_the_same_seed_draws_the_same_days() -> None:
    assert drawn() == drawn()
    assert drawn() != drawn(seed=2)


@pytest.mark.parametrize("hour", [0, 6, 12, 23])
def test_nothing_happens_in_the_future_or_while_the_shop_is_closed(hour: int) -> None:
    now = NOW.replace(hour=hour)
    guests, visits = drawn(now=now)
    moments = [guest.joined_at for guest in guests] + [visit.at for visit in visits]
    assert max(moments) < now
    assert min(moments) > now - timedelta(days=plan.DAYS + 1)
    hours = [moment.astimezone(ZoneInfo(ZONE)).hour for moment in moments]
    assert min(hours) >= plan.OPENS
    assert max(hours) <= plan.CLOSES


def test_nobody_buys_with_a_card_before_it_is_theirs() -> None:
    guests, visits = drawn()
    joined = {guest.number: guest.joined_at for guest in guests}
    assert [visit for visit in visits if visit.at <= joined[visit.guest]] == []


def test_the_days_look_like_a_coffee_shop() -> None:
    guests, visits = drawn()
    assert 200 <= len(guests) <= 400
    assert 1500 <= len(visits) <= 4000
    assert Counter(visit.location for visit in visits)[0] > len(visits) / 2
    assert 0.05 < sum(visit.pays_with_points for visit in visits) / len(visits) < 0.25
    assert {visit.afterwards for visit in visits} == {None, "undo", "refund"}
    days = Counter(visit.at.astimezone(ZoneInfo(ZONE)).date() for visit in visits)
    assert len(days) == plan.DAYS
    assert len({visit.receipt for visit in visits}) == len(visits)
    assert all(before.at <= after.at for before, after in pairwise(visits))


def test_every_number_is_one_that_a_till_would_take_and_nobody_shares_one() -> None:
    guests, _ = drawn()
    assert len({guest.phone for guest in guests}) == len(guests)
    assert [guest for guest in guests if phones.parse_phone(guest.phone, "RU", None) != guest.phone] == []


async def test_the_days_happen_and_the_ledger_agrees_with_itself(here: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CARDS", 25)
    here.clock.advance(hours=6)     # type: ignore[attr-defined]
    now = here.clock.now()
    shop = await business.found_coffee(here, now - timedelta(days=31))
    cards, visits = await history.live_through(here, shop, now)
    assert cards == 25
    assert visits > 50
    counted = await here.db.fetch_all("SELECT kind, COUNT(*) AS many, MAX(at) AS latest FROM operations GROUP BY kind")
    many = {row["kind"]: row["many"] for row in counted}
    assert many["sale"] == visits
    assert many["welcome"] == cards
    assert [row for row in counted if row["latest"] > now.timestamp() * 1000] == []
    faults = [finding for finding in await verify(here.db, now) if finding.is_fault and "sealed" not in finding.sentence]
    assert faults == []
