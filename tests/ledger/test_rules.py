from datetime import UTC, datetime

import pytest

from app.ledger.rules import Grant, Leg, Lot, NotEnoughPoints, Purse, end_of_lot

DAY = 86_400_000
NOW = 1_000 * DAY
TOMORROW, NEXT_WEEK = NOW + DAY, NOW + 7 * DAY


def test_a_redemption_spends_the_soonest_expiring_lot_first():
    purse = Purse([Lot(1, 50, NEXT_WEEK), Lot(2, 30, TOMORROW), Lot(3, 50, None)], NOW)
    purse.spend(90)
    assert purse.legs == [Leg("redeemed", ((2, -30), (1, -50), (3, -10)), -90)]


def test_the_older_of_two_lots_that_end_together_is_spent_first():
    purse = Purse([Lot(9, 50, TOMORROW), Lot(2, 50, TOMORROW)], NOW)
    purse.spend(60)
    assert purse.legs == [Leg("redeemed", ((2, -50), (9, -10)), -60)]


def test_points_are_worth_nothing_from_the_moment_they_end():
    purse = Purse([Lot(1, 50, NOW), Lot(2, 30, NOW + 1)], NOW)
    assert purse.spendable == 30
    with pytest.raises(NotEnoughPoints) as refused:
        purse.spend(31)
    assert refused.value.params == {"available": 30, "needed": 31}
    assert purse.legs == [] and purse.balance == 80


def test_points_that_were_earned_later_cannot_pay_for_what_happened_before():
    purse = Purse([Lot(1, 50, None, created_at=NOW + 1), Lot(2, 10, None, created_at=NOW)], NOW)
    assert purse.spendable == 10


def test_a_debt_is_repaid_first_by_what_is_earned_next():
    purse = Purse([Lot(1, -30, None), Lot(2, -5, None)], NOW)
    purse.earn(50, NEXT_WEEK)
    assert purse.legs == [Leg("issued", ((1, 30), (2, 5), (-1, 15)), 50)]
    assert purse.grants == [Grant(15, NEXT_WEEK)]
    assert purse.balance == purse.spendable == 15


def test_what_only_repays_a_debt_makes_no_lot():
    purse = Purse([Lot(1, -30, None)], NOW)
    purse.earn(20, NEXT_WEEK)
    assert (purse.legs, purse.grants, purse.debt) == ([Leg("issued", ((1, 20),), 20)], [], -10)


def test_spent_points_go_back_to_their_lots_with_their_own_end():
    purse = Purse([Lot(1, 5, NEXT_WEEK)], NOW)
    purse.give_back([Lot(1, 10, NEXT_WEEK), Lot(2, 3, None)], grace_end=NOW + 14 * DAY)
    assert purse.legs == [Leg("redeemed", ((1, 10), (2, 3)), 13)]
    assert purse.grants == []


def test_spent_points_whose_end_has_passed_live_on_for_the_days_of_grace():
    purse = Purse([], NOW)
    purse.give_back([Lot(1, 10, NOW - DAY), Lot(2, 3, NOW), Lot(3, 1, TOMORROW)], grace_end=NOW + 14 * DAY)
    assert purse.legs == [Leg("redeemed", ((3, 1), (-1, 13)), 14)]
    assert purse.grants == [Grant(13, NOW + 14 * DAY)]


def test_points_given_back_repay_a_debt_before_they_can_be_spent():
    purse = Purse([Lot(7, -4, None)], NOW)
    purse.give_back([Lot(1, 10, NEXT_WEEK)], grace_end=0)
    assert purse.legs == [Leg("redeemed", ((7, 4), (1, 6)), 10)]


def test_earned_points_are_taken_back_from_their_own_lot_and_then_from_others():
    purse = Purse([Lot(1, 20, TOMORROW), Lot(2, 30, NEXT_WEEK)], NOW)
    assert purse.take_back(40, [2], owe=True) == 0
    assert purse.legs == [Leg("issued", ((2, -30), (1, -10)), -40)]


def test_points_that_are_spent_already_become_a_debt():
    purse = Purse([Lot(1, 20, TOMORROW)], NOW)
    assert purse.take_back(50, [1], owe=True) == 0
    assert purse.legs == [Leg("issued", ((1, -20), (-1, -30)), -50)]
    assert purse.grants == [Grant(-30, None)] and purse.balance == -30 and purse.spendable == 0


def test_points_that_are_spent_already_are_let_go_where_the_programme_says_so():
    purse = Purse([Lot(1, 20, TOMORROW)], NOW)
    assert purse.take_back(50, [1], owe=False) == 30
    assert purse.legs == [Leg("issued", ((1, -20),), -20)] and purse.balance == 0


def test_nobody_owes_points_that_ended_before_they_were_spent():
    purse = Purse([Lot(1, 15, None)], NOW)
    assert purse.take_back(50, [9], owe=True, expired=40) == 0
    assert purse.legs == [Leg("issued", ((1, -10),), -10)]


def test_points_given_back_in_the_same_refund_pay_for_what_it_takes():
    purse = Purse([], NOW)
    purse.give_back([Lot(1, 10, NOW - DAY)], grace_end=NEXT_WEEK)
    purse.take_back(4, [], owe=True)
    assert purse.legs == [Leg("redeemed", ((-1, 10),), 10), Leg("issued", ((-1, -4),), -4)]
    assert purse.balance == 6


def test_an_expiry_takes_what_has_ended_and_nothing_else():
    purse = Purse([Lot(1, 5, NOW), Lot(2, 6, NOW + 1), Lot(3, 7, None), Lot(4, -2, None)], NOW)
    assert purse.expire() == 5
    assert purse.legs == [Leg("expired", ((1, -5),), -5)]


def test_a_sale_that_arrives_late_is_paid_with_points_that_ended_after_it_happened():
    purse = Purse([Lot(2, 10, NEXT_WEEK)], NOW, ended=[Lot(1, 25, TOMORROW)])
    assert purse.spendable == 35
    purse.spend(30)
    assert purse.legs == [Leg("expired", ((1, 25),), 25), Leg("redeemed", ((1, -25), (2, -5)), -30)]
    assert purse.balance == 5


def test_a_card_that_ends_gives_up_points_and_debts():
    purse = Purse([Lot(1, 5, NEXT_WEEK), Lot(2, -3, None)], NOW)
    purse.give_up()
    assert purse.legs == [Leg("returned", ((1, -5), (2, 3)), -2)] and purse.balance == 0


@pytest.mark.goal("M7")
@pytest.mark.parametrize(("at", "days", "zone", "end"), [
    ("2026-11-22T20:59:59", 1, "Europe/Moscow", "2026-11-23T21:00:00"),      # 23:59 in Moscow: still the 22nd
    ("2026-11-22T21:00:00", 1, "Europe/Moscow", "2026-11-24T21:00:00"),      # midnight: the 23rd
    ("2026-03-28T12:00:00", 1, "Europe/Berlin", "2026-03-29T22:00:00"),      # clocks go forward: a day of 23 hours
    ("2026-10-24T12:00:00", 1, "Europe/Berlin", "2026-10-25T23:00:00"),      # clocks go back: a day of 25 hours
    ("2026-09-04T12:00:00", 1, "America/Santiago", "2026-09-06T04:00:00"),   # midnight of the 6th does not exist there
])
def test_a_lot_ends_at_the_local_midnight_after_its_last_day_also_when_clocks_change(at, days, zone, end):
    def moment(text):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    assert end_of_lot(moment(at), days, zone) == int(moment(end).timestamp() * 1000)


def test_a_lot_without_days_never_ends():
    assert end_of_lot(datetime(2026, 1, 1, tzinfo=UTC), None, "Europe/Moscow") is None
