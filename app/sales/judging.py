"""A receipt under a programme's rules, judged once: discounts, what points pay, what is earned, in this order.

Integers only. Shares and earned points are rounded down, the base once per receipt; what falls to lines adds up to the whole.
"""
from collections.abc import Mapping
from datetime import datetime

from app.errors import Refused
from app.ledger.rules import NotEnoughPoints
from app.money import ceil_div, floor_div, share_floor
from app.programs.rules import ProgramRules
from app.programs.terms import Earn, Level
from app.sales.basket import Basket
from app.sales.conditions import Scene
from app.sales.discounts import discount
from app.sales.earning import Earned, earn, hand_out
from app.sales.gifts import given_by
from app.sales.judgement import Applied, Gain, Given, Happened, JudgedLine, Judgement, Receipt
from app.sales.rulebook import book_of
from app.sales.rules import OverLargestShare
from app.standing.rules import Standing
from app.text import N_


class NotEnough(Refused):
    """Fewer stamps or visits than are needed; extra: unit."""

    code, detail = "not_enough", N_("The card has %(available)s of these, and %(needed)s are needed.")


class BelowSmallestRedeem(Refused):
    code, detail = "below_smallest_redeem", N_("At least %(points)s points pay at a time.")


class NotInSteps(Refused):
    code, detail = "not_in_steps", N_("Points pay in steps of %(points)s.")


class VisitsUsedToday(Refused):
    code, detail = "visits_used_today", N_("This card has had its visits for today. It takes %(visits)s a day.")


# Where the balance is money, a bare number would be read as points: what is said instead.
_OF_MONEY: dict[type[Refused], str] = {
    NotEnoughPoints: N_("There is less money on the card than this. Take a smaller amount."),
    OverLargestShare: N_("The money on the card may pay a smaller part of this receipt only. Take less of it."),
    BelowSmallestRedeem: N_("This is less than the card pays at a time. Take more, or nothing."),
    NotInSteps: N_("The card pays in whole steps only. Take a rounder amount.")}


def judge(rules: ProgramRules, receipt: Receipt, standing: Standing, redeem: int | None) -> Judgement:
    """Judge a receipt (amount > 0); redeem: of the programme's unit, None for the most allowed.

    Outside of a membership there is its discount alone: nothing is earned, and the balance waits for the renewal. Raises Invalid
    (lines), NotEnoughPoints, NotEnough, OverLargestShare, BelowSmallestRedeem, NotInSteps, VisitsUsedToday.
    """
    book = book_of(rules)
    level = book.level_of(standing)
    basket, scene = Basket(receipt), Scene(receipt, standing, level.key if level else None)
    takes = _takes(rules, receipt, standing)
    applied, gifts = discount(basket, scene, rules, book, level)
    due = basket.total
    counts = due >= rules.minimum_receipt_minor and standing.is_member
    most, points = _redeem(rules, level if counts else None, due if counts else 0, standing.spendable - takes.get(rules.unit, 0), redeem)
    spent = worth(rules, points)
    earned = Earned(basket, due - spent, rules.unit)
    if counts and not standing.is_closed:
        earn(earned, scene, rules, book, level)
    hand_out(earned, gifts, counts)
    lines = tuple([JudgedLine(line.amount, line.amount - net, net, paid, parts) for line, net, paid, parts
                   in zip(basket.lines, basket.nets, earned.paid, earned.parts, strict=True)])
    return Judgement(receipt.amount, receipt.amount - due, most, worth(rules, most), points, spent, due - spent,
                     sum([gain.amount for gain in earned.gains if gain.unit == rules.unit]),
                     lines, tuple(earned.gains), takes, (*applied, *earned.applied), tuple(earned.given))


def judge_event(rules: ProgramRules, event: str, quantity: int, at: datetime, standing: Standing, business_zone: str) -> Happened:
    """What rules give for something that happened and is no purchase: nothing outside of a membership or once earning is frozen.

    quantity: of what the event counts (packages brought back), 1 for most; for `absent` the days without a visit: a rule with
    `event_days` answers to exactly so many, so that the daily job asks once for each.
    """
    rules_of_event = book_of(rules).events
    if not rules_of_event or standing.is_closed or not standing.is_member:
        return Happened()
    level = book_of(rules).level_of(standing)
    scene = Scene(Receipt(0, at, business_zone, business_zone), standing, level.key if level else None)
    gains: list[Gain] = []
    given: list[Given] = []
    applied: list[Applied] = []
    stopped: set[bool] = set()                       # exclusive: earning and gifts apart
    for ready in rules_of_event:
        when, effect = ready.rule.when, ready.effect
        is_gift, is_meant = not isinstance(effect, Earn), when.event == event and when.event_days in (None, quantity)
        if not is_meant or is_gift in stopped or not ready.holds(scene):
            continue
        amount = ready.capped(effect.amount * (quantity if effect.each else 1) if isinstance(effect, Earn) else 1, standing)
        if not amount:
            continue
        applied.append(Applied(ready.key, ready.what, amount))
        if isinstance(effect, Earn):
            gains.append(Gain(effect.unit, amount, ready.key, effect.days, effect.fades))
        else:
            given.append(given_by(ready))
        if ready.is_exclusive:
            stopped.add(is_gift)
    return Happened(tuple(gains), tuple(given), tuple(applied))


def worth(rules: ProgramRules, points: int) -> int:
    """Minor units that points pay, rounded down."""
    return floor_div(points * rules.worth_minor, rules.worth_points)


def _takes(rules: ProgramRules, receipt: Receipt, standing: Standing) -> Mapping[str, int]:
    """Visits that are used, and what rewards bought from the catalogue cost, of the programme's own unit too."""
    if not receipt.visits and not receipt.rewards:
        return {}
    takes: dict[str, int] = {}
    if receipt.visits:
        takes["visits"] = receipt.visits
        if rules.visits is not None and rules.visits.a_day is not None and standing.visits_today + receipt.visits > rules.visits.a_day:
            raise VisitsUsedToday(params={"visits": rules.visits.a_day})
    for used in receipt.rewards:
        if used.unit is not None and used.cost:
            takes[used.unit] = takes.get(used.unit, 0) + used.cost
    for unit, needed in takes.items():
        available = standing.spendable if unit == rules.unit else standing.held.get(unit, 0)
        if needed > available:
            amounts = {"available": available, "needed": needed}
            raise _refusal(rules, NotEnoughPoints, **amounts) if unit == rules.unit else NotEnough(params=amounts, extra={"unit": unit})
    return takes


def _refusal(rules: ProgramRules, kind: type[Refused], **amounts: int) -> Refused:
    return kind(_OF_MONEY[kind] if rules.unit == "money" else "", params=amounts, extra={"unit": rules.unit})


def _redeem(rules: ProgramRules, level: Level | None, due: int, spendable: int, redeem: int | None) -> tuple[int, int]:
    """The most that the balance may pay of `due`, and what it pays now."""
    share = rules.largest_share_bp if level is None or level.largest_share_bp is None else level.largest_share_bp
    fitting = floor_div(share_floor(due, share) * rules.worth_points, rules.worth_minor)
    most = min(spendable, fitting)
    most -= most % rules.redeem_step
    # Without those at the end that would pay nothing: the fewest whole steps that pay as much.
    fewest = ceil_div(worth(rules, most) * rules.worth_points, rules.worth_minor)
    most = min(most, ceil_div(fewest, rules.redeem_step) * rules.redeem_step)
    if most < rules.smallest_redeem:
        most = 0
    points = most if redeem is None else redeem
    if points > spendable:
        raise _refusal(rules, NotEnoughPoints, available=spendable, needed=points)
    if points > fitting:
        raise _refusal(rules, OverLargestShare, points=fitting)
    if 0 < points < rules.smallest_redeem:
        raise _refusal(rules, BelowSmallestRedeem, points=rules.smallest_redeem)
    if points % rules.redeem_step:
        raise _refusal(rules, NotInSteps, points=rules.redeem_step)
    return most, points
