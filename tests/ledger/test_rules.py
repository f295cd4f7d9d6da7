from datetime import UTC, datetime

import pytest

from app.ledger.rules import Grant, Leg, Lot, NotEnoughPoints, Purse, Purses, end_of_lot, why

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


def test_progress_that_is_not_there_any_more_is_not_owed():
    purse = Purse([Lot(1, 20, None)], NOW, unit="progress")
    assert purse.take_back(50, [1], owe=True) == 30
    assert (purse.balance, purse.grants) == (0, [])


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


def test_an_operation_that_spends_twice_spends_what_ended_once():
    purse = Purse([], NOW, ended=[Lot(1, 25, TOMORROW)])
    purse.spend(20)
    assert purse.spendable == 5
    with pytest.raises(NotEnoughPoints):
        purse.spend(6, "converted")
    purse.spend(5, "converted")
    assert (purse.balance, purse.spendable) == (0, 0)


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


def test_pending_points_count_and_pay_for_nothing_until_their_moment():
    purse = Purse([Lot(1, 30, None, available_at=TOMORROW), Lot(2, 10, None), Lot(3, 5, None, available_at=NOW)], NOW)
    assert (purse.balance, purse.spendable, purse.pending) == (45, 15, 30)
    with pytest.raises(NotEnoughPoints):
        purse.spend(16)
    later = Purse([Lot(1, 30, None, available_at=TOMORROW)], TOMORROW)
    assert (later.spendable, later.pending) == (30, 0)


def test_what_is_earned_pending_cannot_be_spent_by_the_same_operation_and_what_is_not_can():
    purse = Purse([], NOW)
    purse.earn(7, None, available_at=TOMORROW)
    purse.earn(5, None, rule="double")
    assert (purse.balance, purse.spendable, purse.pending) == (12, 5, 7)
    purse.spend(5, "converted")
    assert purse.grants == [Grant(7, None, TOMORROW), Grant(5, None, rule="double")]
    assert purse.legs[-1] == Leg("converted", ((-2, -5),), -5)


def test_pending_points_repay_a_debt_at_once():
    purse = Purse([Lot(1, -30, None)], NOW)
    purse.earn(50, NEXT_WEEK, available_at=TOMORROW)
    assert (purse.debt, purse.pending, purse.balance) == (0, 20, 20)


def test_a_refund_takes_its_own_pending_points_and_then_others_before_it_makes_a_debt():
    purse = Purse([Lot(1, 20, NEXT_WEEK, available_at=TOMORROW), Lot(2, 10, None), Lot(3, 5, None, available_at=TOMORROW)], NOW)
    purse.take_back(38, [1], owe=True)
    assert purse.legs == [Leg("issued", ((1, -20), (2, -10), (3, -5), (-1, -3)), -38)]
    assert purse.debt == -3 and purse.pending == 0


def test_pending_points_that_end_before_they_begin_are_taken_all_the_same():
    purse = Purse([Lot(1, 20, NOW, available_at=TOMORROW)], NOW)
    assert purse.pending == 0
    assert purse.expire() == 20


def test_a_move_gives_a_lot_another_end_and_leaves_the_sum_alone():
    purse = Purse([Lot(1, 20, TOMORROW, created_at=5), Lot(2, 10, NEXT_WEEK), Lot(3, -4, None)], NOW, unit="visits")
    purse.move({1: (NEXT_WEEK, TOMORROW), 2: (NEXT_WEEK, None)})
    assert purse.legs == [Leg("moved", ((1, -20), (-1, 20)), 0)]
    assert purse.grants == [Grant(20, NEXT_WEEK, TOMORROW, 1, created_at=5)]
    assert (purse.balance, purse.pending, purse.spendable) == (26, 20, 6)


def test_of_two_accounts_that_become_one_the_points_of_each_repay_the_debts_of_the_other():
    kept = Purse([Lot(1, -30, None)], NOW)
    kept.move_in([Lot(7, 50, NEXT_WEEK, created_at=3)])
    assert kept.legs == [Leg("moved", ((1, 30), (-1, 20)), 50)] and kept.grants == [Grant(20, NEXT_WEEK, None, 7, created_at=3)]
    kept = Purse([Lot(1, 20, TOMORROW), Lot(2, 5, None, available_at=TOMORROW)], NOW)
    kept.move_in([Lot(7, -40, None)])
    assert kept.legs == [Leg("moved", ((1, -20), (2, -5), (-1, -15)), -40)]
    assert (kept.debt, kept.balance) == (-15, -15)


def test_points_of_a_lot_that_stayed_on_a_merged_account_come_back_as_a_lot_with_its_end():
    purse = Purse([], NOW)
    purse.give_back([Lot(0, 10, NEXT_WEEK), Lot(0, 3, NEXT_WEEK), Lot(0, 4, NOW), Lot(5, 2, None)], grace_end=TOMORROW)
    assert purse.legs == [Leg("redeemed", ((5, 2), (-1, 13), (-2, 4)), 19)]
    assert purse.grants == [Grant(13, NEXT_WEEK), Grant(4, TOMORROW)]


def test_purses_come_in_the_order_of_the_programmes_unit_and_then_by_name():
    purses = Purses(NOW, [Purse([], NOW, unit=unit) for unit in ("points", "visits", "money")], {"progress": 9})
    purses["progress"].earn(1, None)
    assert list(purses) == ["points", "money", "progress", "visits"]
    assert purses["progress"].balance == 10
    assert purses.balances == {"progress": 10, "points": 0}


def test_a_unit_that_was_not_read_and_may_be_owed_is_not_put_into_by_mistake():
    purses = Purses(NOW, [Purse([], NOW)], {"stamps": 3})
    with pytest.raises(AssertionError, match="stamps were not read"):
        purses["stamps"]
    with pytest.raises(KeyError):
        purses["miles"]
    assert "money" not in purses
    purses["money"].earn(5, None)
    assert purses.balances == {"points": 0, "money": 5, "stamps": 3}


@pytest.mark.parametrize(("kind", "book", "word"), [
    ("sale", "expired", "revived"), ("expiry", "expired", "expired"), ("closing", "expired", "expired"),
    ("refund", "converted", "refund_returned"),
    ("undo", "issued", "refund_taken"), ("merge_in", "moved", "moved"), ("purchase", "loaded", "loaded"), ("welcome", "issued", "welcome")])
def test_every_change_has_a_word(kind, book, word):
    assert why(kind, book) == word
