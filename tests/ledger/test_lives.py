"""Ends of lots, steps, waiting times, memberships and freezes, without a database."""
from datetime import UTC, datetime

import msgspec
import pytest

from app.clock import from_ms, to_ms
from app.ledger.ends import Part, end_of, parts_of
from app.ledger.lives import extend_membership, freeze, prolong, put, unfreeze
from app.ledger.rules import Grant, Lot, Purse
from app.programs.rules import ProgramRules
from app.programs.terms import Conversion, Fade, Levels, Stamps

MOSCOW, BERLIN = "Europe/Moscow", "Europe/Berlin"
NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def rules(**changes):
    return msgspec.structs.replace(ProgramRules(earn_points=5), **changes)


def moment(text):
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.goal("M7")
@pytest.mark.parametrize(("at", "days", "to", "end"), [
    ("2026-11-22T09:00", 0, "month", "2026-11-30T21:00"),          # this month
    ("2026-11-30T21:00", 0, "month", "2026-12-31T21:00"),          # midnight in Moscow: December already
    ("2026-11-22T09:00", 30, "month", "2026-12-31T21:00"),
    ("2028-02-01T09:00", 0, "month", "2028-02-29T21:00"),          # a leap year
    ("2026-11-22T09:00", 0, "year", "2026-12-31T21:00"),
    ("2026-12-31T21:00", 0, "year", "2027-12-31T21:00"),
    ("2026-11-22T09:00", 40, "year", "2027-12-31T21:00"),
    ("2026-11-22T09:00", 30, "activity", "2026-12-22T21:00"),
])
def test_a_lot_ends_with_its_local_month_or_year(at, days, to, end):
    assert end_of(rules(lot_days=days, lot_end=to), "points", from_ms(moment(at)), MOSCOW) == moment(end)


@pytest.mark.parametrize(("unit", "changes", "end"), [
    ("points", {"lot_days": None}, None),
    ("money", {"unit": "money", "lot_days": 1}, "2026-11-23T21:00"),
    ("money", {"lot_days": 1}, None),                              # a gift's money in a points programme
    ("stamps", {"stamps": Stamps(Conversion(5, ("coffee",)), days=2)}, "2026-11-24T21:00"),
    ("stamps", {"stamps": Stamps(Conversion(5, ("coffee",)))}, None),
    ("progress", {"levels": Levels(())}, None),
    ("progress", {"levels": Levels((), window="rolling", window_days=7)}, "2026-11-29T21:00"),
    ("progress", {"levels": Levels((), window="year")}, "2026-12-31T21:00"),
    ("donated", {"lot_days": 1}, None),
])
def test_each_unit_lives_by_its_own_part_of_the_rules(unit, changes, end):
    assert end_of(rules(**changes), unit, NOON, MOSCOW) == (moment(end) if end else None)
    assert end_of(rules(**changes), unit, NOON, MOSCOW, days=3) == moment("2026-11-25T21:00")


def test_what_fades_is_cut_at_creation_into_parts_that_add_up():
    steps = (Fade(7, 5_000), Fade(14, 5_000))
    first, second, end = moment("2026-11-29T21:00"), moment("2026-12-06T21:00"), moment("2027-11-22T21:00")
    assert parts_of(100, end, NOON, MOSCOW, steps) == [Part(50, first), Part(50, second)]
    assert parts_of(101, end, NOON, MOSCOW, steps) == [Part(50, first), Part(51, second)]
    assert parts_of(1, end, NOON, MOSCOW, steps) == [Part(1, second)]
    assert parts_of(100, end, NOON, MOSCOW, (Fade(14, 3_333), Fade(7, 3_333))) == [Part(33, first), Part(33, second), Part(34, end)]
    assert parts_of(100, None, NOON, MOSCOW, (Fade(7, 2_500),)) == [Part(25, first), Part(75, None)]
    assert parts_of(10, first, NOON, MOSCOW, (Fade(14, 5_000),)) == [Part(5, first), Part(5, first)]      # never later than the lot


@pytest.mark.parametrize("shares", [(1,), (3_333, 3_333, 3_334), (9_999, 9_999), (10_000,), (5_000, 2_500, 2_499)])
def test_parts_of_any_amount_add_up_to_it(shares):
    for amount in range(1, 200):
        parts = parts_of(amount, None, NOON, MOSCOW, [Fade(n, share) for n, share in enumerate(shares, 1)])
        assert sum(part.amount for part in parts) == amount and all(part.amount > 0 for part in parts)


def test_the_programmes_steps_and_waiting_time_hold_for_its_own_unit_alone():
    its = rules(fades=(Fade(7, 5_000),), pending_days=14, lot_days=30)
    week, wait, month = (moment(f"{day}T21:00") for day in ("2026-11-29", "2026-12-06", "2026-12-22"))
    purse = Purse([], to_ms(NOON))
    put(purse, 10, its, NOON, MOSCOW, pending=True)
    assert purse.grants == [Grant(5, week, wait), Grant(5, month, wait)]
    purse = Purse([], to_ms(NOON))
    put(purse, 10, its, NOON, MOSCOW, days=7, rule="birthday")
    put(purse, 10, its, NOON, MOSCOW, fades=(Fade(7, 10_000),), book="adjusted")
    assert purse.grants == [Grant(10, week, rule="birthday"), Grant(10, week)]
    assert [leg.book for leg in purse.legs] == ["issued", "adjusted"]
    stamps = Purse([], to_ms(NOON), unit="stamps")
    put(stamps, 2, its, NOON, MOSCOW)
    assert stamps.grants == [Grant(2, None)]


def test_an_activity_moves_living_lots_to_a_later_end_once_a_day():
    its = rules(lot_end="activity", lot_days=30)
    soon, end = moment("2026-12-01T21:00"), moment("2026-12-22T21:00")
    born_later = Lot(5, 9, soon, to_ms(NOON) + 1)
    purse = Purse([Lot(1, 10, soon), Lot(2, 5, to_ms(NOON)), Lot(3, 4, None), Lot(4, 3, end), born_later], to_ms(NOON))
    prolong(purse, its, NOON, MOSCOW)
    assert purse.grants == [Grant(10, end, None, 1, created_at=0)]
    again = Purse([Lot(6, 10, end)], to_ms(NOON) + 1)
    prolong(again, its, NOON, MOSCOW)
    late = Purse([Lot(6, 10, end)], to_ms(NOON))
    prolong(late, its, from_ms(to_ms(NOON) - 3 * 86_400_000), MOSCOW)
    other = Purse([Lot(1, 10, soon)], to_ms(NOON), unit="stamps")
    prolong(other, its, NOON, MOSCOW)
    assert not (again.legs or late.legs or other.legs)


def test_a_membership_that_is_renewed_before_its_end_begins_where_the_first_one_ends():
    first = moment("2026-12-22T21:00")
    purse = Purse([], to_ms(NOON), unit="membership")
    extend_membership(purse, 30, NOON, MOSCOW)
    extend_membership(purse, 31, NOON, MOSCOW, rule="gift")
    assert purse.grants == [Grant(1, first), Grant(1, moment("2027-01-22T21:00"), first, rule="gift")]
    ended = Purse([Lot(1, 1, to_ms(NOON))], to_ms(NOON), unit="membership")
    extend_membership(ended, 30, NOON, MOSCOW)
    assert ended.grants == [Grant(1, first)]


@pytest.mark.goal("M7")
def test_a_freeze_adds_whole_local_days_also_over_a_change_of_the_clocks():
    at = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
    end, forever = moment("2026-03-27T23:00"), Lot(2, 1, None)           # midnight in Berlin, before the clocks go forward
    purse = Purse([Lot(1, 8, end, created_at=4), forever], to_ms(at), unit="visits")
    freeze(purse, 7, at, BERLIN)
    assert purse.grants == [Grant(8, moment("2026-04-03T22:00"), moment("2026-03-27T23:00"), 1, created_at=4),
                            Grant(1, None, moment("2026-03-27T23:00"), 2, created_at=0)]
    assert (purse.spendable, purse.pending) == (0, 9)


def test_a_freeze_that_ends_early_gives_back_the_days_that_it_did_not_last():
    at = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
    end, until = moment("2026-04-03T22:00"), moment("2026-03-27T23:00")
    purse = Purse([Lot(1, 8, end, available_at=until)], to_ms(at), unit="visits")
    assert unfreeze(purse, at, BERLIN) == 7
    assert purse.grants == [Grant(8, moment("2026-03-27T23:00"), None, 1, created_at=0)] and purse.spendable == 8
    last_day = datetime(2026, 3, 27, 9, 0, tzinfo=UTC)
    purse = Purse([Lot(1, 8, end, available_at=until)], to_ms(last_day), unit="visits")
    assert unfreeze(purse, last_day, BERLIN) == 0
    assert purse.grants == [Grant(8, end, None, 1, created_at=0)]
