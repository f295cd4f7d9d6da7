"""Who owes whom, without a database."""
import random

import pytest

from app.coalition import rules
from app.coalition.rules import Cleared, Pair, Part, Spending
from app.errors import Invalid
from app.web.principal import SCOPES, Principal

COALITION, CAFE, BOOKS, FLOWERS = 1, 2, 3, 4


def test_the_member_that_gave_the_points_pays_the_one_that_took_them_and_the_coalition_keeps_its_fee():
    pairs, accounts = rules.clear([Spending(BOOKS, [Part(CAFE, 30)], 3_000, True)], {CAFE: 200, BOOKS: 250}, COALITION)
    assert pairs == [Pair(CAFE, BOOKS, 30, 3_000, 75)]
    assert {each.business_id: each.net for each in accounts.values()} == {COALITION: 75, CAFE: -3_000, BOOKS: 2_925}


def test_points_spent_where_they_were_earned_owe_nothing_and_cost_no_fee():
    pairs, accounts = rules.clear([Spending(CAFE, [Part(CAFE, 30)], 3_000, True)], {CAFE: 500}, COALITION)
    assert pairs == [Pair(CAFE, CAFE, 30, 3_000, 0)]
    assert not any(each.net for each in accounts.values())


def test_what_a_sale_paid_is_split_over_the_givers_of_its_points_without_losing_a_coin():
    pairs, _ = rules.clear([Spending(FLOWERS, [Part(CAFE, 1), Part(BOOKS, 1), Part(COALITION, 1)], 100, True)], {}, COALITION)
    assert [(pair.issuer, pair.minor) for pair in pairs] == [(COALITION, 34), (CAFE, 33), (BOOKS, 33)]


def test_a_refund_in_the_same_month_leaves_nothing_and_one_in_the_next_month_turns_the_debt_round():
    sale = Spending(BOOKS, [Part(CAFE, 7), Part(FLOWERS, 4)], 1_001, True, 0, 11)
    assert rules.clear([sale], {BOOKS: 333}, COALITION)[0] == [Pair(CAFE, BOOKS, 0, 0, 0), Pair(FLOWERS, BOOKS, 0, 0, 0)]
    later = sale._replace(counts=False)
    assert rules.clear([later], {}, COALITION)[0] == [Pair(CAFE, BOOKS, -7, -637, 0), Pair(FLOWERS, BOOKS, -4, -364, 0)]


def test_a_partial_refund_gives_back_what_was_drawn_last():
    pairs, _ = rules.clear([Spending(BOOKS, [Part(CAFE, 10), Part(FLOWERS, 10)], 2_000, True, 0, 5)], {}, COALITION)
    assert [(pair.issuer, pair.points, pair.minor) for pair in pairs] == [(CAFE, 10, 1_000), (FLOWERS, 5, 500)]


def test_opposite_debts_are_set_off():
    pairs = [Pair(CAFE, BOOKS, 30, 3_000, 0), Pair(BOOKS, CAFE, 50, 5_000, 0), Pair(CAFE, CAFE, 1, 100, 0), Pair(CAFE, FLOWERS, 1, 100, 0)]
    assert rules.Statement("2026-11", "points", pairs, []).cleared == [Cleared(BOOKS, CAFE, 2_000), Cleared(CAFE, FLOWERS, 100)]


def test_any_month_adds_up_to_zero_and_months_add_up_to_the_whole():
    draw = random.Random(20261122)
    for _ in range(300):
        members = [COALITION, CAFE, BOOKS, FLOWERS]
        fees = {member: draw.randrange(0, 2_000) for member in members}
        whole, first, second = [], [], []
        for _ in range(draw.randrange(1, 8)):
            parts = [Part(draw.choice(members), draw.randrange(1, 50)) for _ in range(draw.randrange(1, 4))]
            total = sum(part.amount for part in parts)
            early = draw.randrange(0, total + 1)
            late = draw.randrange(early, total + 1)
            sale = Spending(draw.choice(members), parts, draw.randrange(0, 9_999), True, 0, late)
            whole.append(sale)
            first.append(sale._replace(given_after=early))
            second.append(sale._replace(counts=False, given_before=early))
        nets = []
        for month in (whole, first, second):
            _, accounts = rules.clear(month, fees, COALITION)
            assert sum(each.net for each in accounts.values()) == 0
            nets.append({business: (each.owes - each.owed, each.accepted) for business, each in accounts.items()})
        for business, (owes, accepted) in nets[0].items():
            parts_of = [each.get(business, (0, 0)) for each in nets[1:]]
            assert (owes, accepted) == tuple(map(sum, zip(*parts_of, strict=True)))


@pytest.mark.parametrize("role", ["cashier", "manager", "owner"])
def test_whoever_acts_for_a_member_is_a_mere_cashier_of_the_coalition(role: str):
    acting = rules.acting(Principal(CAFE, CAFE, "staff", 7, "Olga", role, location_id=5), COALITION)
    assert (acting.business_id, acting.acting_business_id, acting.location_id, acting.id) == (COALITION, CAFE, 5, 7)
    assert acting.may("cashier") and not acting.may("manager")


def test_a_member_s_key_with_all_scopes_may_only_find_cards_and_sell():
    acting = rules.acting(Principal(CAFE, CAFE, "api_key", 7, "till", scopes=frozenset(SCOPES)), COALITION)
    assert acting.scopes == {"cards:read", "sales:write"} and not acting.may("manager")
    assert not rules.acting(Principal(CAFE, CAFE, "api_key", 7, "till", scopes=frozenset({"reports:read"})), COALITION).scopes


@pytest.mark.parametrize(("fee", "earns", "spends", "field"), [(-1, True, True, "fee"), (10_001, True, True, "fee"),
                                                               (0, False, False, "earns")])
def test_an_invitation_that_makes_no_sense_is_refused(fee: int, earns: bool, spends: bool, field: str):
    with pytest.raises(Invalid) as refused:
        rules.check_invitation(fee, earns, spends)
    assert [wrong.field for wrong in refused.value.fields] == [field]
