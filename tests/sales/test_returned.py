import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Invalid
from app.sales.returned import Came, RefundExceedsSale, Sold, SoldLine, refund, state, whole

UNITS = "points", "stamps", "progress"
TEA_AND_CAKE = Sold(1_000, 800, {"points": 20}, {"points": 41, "stamps": 3}, {"visits": 1},
                    (SoldLine(600, 3, {"points": 30, "stamps": 3}), SoldLine(400, 1, {"points": 10})))


@st.composite
def sales(draw):
    lines = draw(st.lists(st.builds(
        SoldLine, st.integers(0, 10_000), st.integers(1, 5), st.dictionaries(st.sampled_from(UNITS), st.integers(0, 500))), max_size=4))
    total = sum(line.net for line in lines) if lines else draw(st.integers(1, 20_000))
    earned = {unit: sum(line.earned.get(unit, 0) for line in lines) + draw(st.integers(0, 50)) for unit in UNITS}
    return Sold(total, draw(st.integers(0, total)), draw(st.dictionaries(st.sampled_from(["points", "money"]), st.integers(1, 500))),
                earned, draw(st.dictionaries(st.just("visits"), st.integers(1, 3))), lines)


@st.composite
def sales_and_refunds(draw):
    """A sale, and refunds by sum and by lines in any order which together are the whole of it."""
    sold, came, steps = draw(sales()), Came(), []
    pieces = [number for number, line in enumerate(sold.lines, 1) for _ in range(line.quantity)]
    for number in draw(st.permutations(pieces))[:draw(st.integers(0, len(pieces)))] if pieces else ():
        steps.append((0, [(number, 1)]))
    for _, step in steps:
        came = came.plus(0, step)
    rest = sold.total - state(sold, came).amount
    for end in sorted(draw(st.lists(st.integers(1, rest), max_size=4, unique=True))) if rest else ():
        steps.append((end - sum(amount for amount, _ in steps), ()))
    if left := rest - sum(amount for amount, _ in steps):
        steps.append((left, ()))
    return sold, draw(st.permutations(steps))


@given(sales_and_refunds())
@settings(max_examples=150)
@pytest.mark.goal("M5")
def test_refunds_by_sum_and_by_lines_add_up_to_the_whole_in_any_order_and_mix(case):
    sold, steps = case
    came, money, sums = Came(), 0, {"given": {}, "takes": {}, "taken": {}}
    for amount, lines in steps:
        try:
            done = refund(sold, came, amount, lines)
        except RefundExceedsSale:
            # Free pieces are left when all the money has come back: nothing depends on them any more.
            assert state(sold, came).is_whole or (not amount and sold.lines[lines[0][0] - 1].net == 0)
            continue
        came, money = came.plus(amount, lines), money + done.pay_back
        assert done.pay_back >= 0
        for name, sum_ in sums.items():
            for unit, part in getattr(done, name).items():
                assert part > 0
                sum_[unit] = sum_.get(unit, 0) + part
    if sold.total:
        assert money == sold.to_pay
        wanted = {"given": sold.redeemed, "takes": sold.takes, "taken": sold.earned}
        assert sums == {name: {unit: value for unit, value in whole_.items() if value} for name, whole_ in wanted.items()}


@given(sales_and_refunds(), st.randoms())
@settings(max_examples=60)
def test_what_all_refunds_do_depends_on_what_came_back_and_not_on_the_order(case, chance):
    sold, steps = case
    other = list(steps)
    chance.shuffle(other)
    first, second = Came(), Came()
    for (amount, lines), (amount_2, lines_2) in zip(steps, other, strict=True):
        first, second = first.plus(amount, lines), second.plus(amount_2, lines_2)
    assert state(sold, first) == state(sold, second)


def test_a_line_takes_what_it_earned_and_a_sum_its_share_of_the_rest():
    by_line = refund(TEA_AND_CAKE, Came(), 0, [(1, 1)])
    assert (by_line.amount, by_line.pay_back, by_line.given, by_line.taken) == (200, 160, {"points": 4}, {"points": 10, "stamps": 1})
    by_sum = refund(TEA_AND_CAKE, Came(0, {1: 1}), 400)
    # 31 points and 2 stamps are left on 800: half of them, rounded down.
    assert (by_sum.amount, by_sum.pay_back, by_sum.taken) == (400, 320, {"points": 15, "stamps": 1})


def test_a_visit_and_a_reward_come_back_with_the_whole_sale_only():
    assert refund(TEA_AND_CAKE, Came(), 999).takes == {}
    assert refund(TEA_AND_CAKE, Came(999), 1).takes == {"visits": 1}
    assert whole(TEA_AND_CAKE).takes == {"visits": 1}


@pytest.mark.parametrize(("before", "amount", "lines", "left"), [
    (Came(), 1_001, (), 1_000), (Came(700), 0, [(1, 2)], 300), (Came(0, {1: 2}), 0, [(1, 2)], 1), (Came(0, {1: 3}), 401, (), 400),
    (Came(1_000), 0, [(2, 1)], 0)])
def test_more_than_is_left_never_comes_back(before, amount, lines, left):
    with pytest.raises(RefundExceedsSale) as refused:
        refund(TEA_AND_CAKE, before, amount, lines)
    assert refused.value.extra["left"] == left


@pytest.mark.parametrize("line", [(0, 1), (3, 1), (1, 0), (1, -1)])
def test_a_line_that_the_sale_did_not_have_is_refused(line):
    with pytest.raises(Invalid) as refused:
        refund(TEA_AND_CAKE, Came(), 0, [line])
    assert refused.value.fields[0].code == "unknown_line"


def test_a_sale_that_cost_nothing_comes_back_with_its_last_piece():
    free = Sold(0, 0, {}, {"stamps": 2}, {"points": 100}, (SoldLine(0, 2, {"stamps": 2}),))
    first = refund(free, Came(), 0, [(1, 1)])
    assert (first.taken, first.takes, first.is_whole) == ({"stamps": 1}, {}, False)
    last = refund(free, Came(0, {1: 1}), 0, [(1, 1)])
    assert (last.taken, last.takes, last.is_whole) == ({"stamps": 1}, {"points": 100}, True)
