"""What rules would have cost: receipts judged once more, and the figures that a manager plans with. Integers, amounts in minor units."""
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from app.clock import local_day
from app.errors import FieldError, Invalid
from app.money import MAX_AMOUNT, ceil_div, floor_div
from app.programs.rules import WHOLE_BP, ProgramRules
from app.programs.terms import Conversion, When
from app.sales import judging
from app.sales.judgement import Judgement, Receipt
from app.standing.rules import Standing
from app.text import N_

MOST_RECEIPTS = 1_000                    # judged of a period; more are sampled evenly
PERIOD_DAYS = 30
# A typed average stands for receipts around it, on every weekday, from morning to evening.
SPREAD_BP = (5_000, 7_500, 10_000, 12_500, 15_000)
HOURS = (9, 11, 13, 15, 17, 19)
# Conditions that nobody knows of a past receipt.
UNKNOWN = ("segments", "birthday_before", "birthday_after", "favourite", "promo", "event")


class Wish(msgspec.Struct, frozen=True):
    """What is asked. source: the receipts of the last 30 days, or a typed average.

    average_minor, receipts (a month, all of the shop) and members_bp (with a card) count for the average alone. redeemed_bp: how much
    of what is given is spent in the end; None: as in the last 30 days, or all of it where nothing is known. margin_bp: of turnover."""

    source: Literal["receipts", "average"] = "receipts"
    average_minor: int = 0
    receipts: int = 0
    members_bp: int = WHOLE_BP
    redeemed_bp: int | None = None
    margin_bp: int = 3_000


class Past(msgspec.Struct, frozen=True):
    """A receipt of the past, and what is known of who paid it. spent_minor: what points paid of it."""

    receipt: Receipt
    account_id: int = 0
    spent_minor: int = 0
    is_first: bool = False
    level: str | None = None


class Figures(msgspec.Struct, frozen=True):
    """What one set of rules does with `receipts` receipts of `turnover` (before discounts).

    given: unit → amount; vouchers: reward key → how many; touched: receipts that got something. cost: everything given at its full
    worth, and discounts; likely: with what is given only as far as it is spent. liability: worth of what is open at the month's end.
    break_even_bp: so much more turnover pays for the programme; None where no turnover would."""

    receipts: int
    turnover: int
    touched: int
    discount: int
    given: Mapping[str, int]
    given_worth: int
    vouchers: Mapping[str, int]
    vouchers_worth: int
    donated: int
    redeemed_bp: int
    liability: int
    break_even_bp: int | None

    @property
    def cost(self) -> int:
        return self.discount + self.given_worth + self.vouchers_worth + self.donated

    @property
    def likely(self) -> int:
        return self.discount + self.donated + ceil_div((self.given_worth + self.vouchers_worth) * self.redeemed_bp, WHOLE_BP)

    def per_thousand(self, amount: int) -> int:
        """An amount for a thousand receipts, rounded up: a cost is never told too small."""
        return ceil_div(amount * 1_000, self.receipts) if self.receipts else 0

    @property
    def touched_bp(self) -> int:
        return floor_div(self.touched * WHOLE_BP, self.receipts) if self.receipts else 0

    @property
    def cost_bp(self) -> int:
        """The likely cost as a share of turnover."""
        return ceil_div(self.likely * WHOLE_BP, self.turnover) if self.turnover else 0


class Simulation(msgspec.Struct, frozen=True):
    """draft: the rules asked about; in_force: those of now, to compare. judged: how many receipts were judged for `receipts` of them;
    unknown: conditions of the draft that no past receipt can answer; redeemed_bp: what shoppers spent of what they were given."""

    draft: Figures
    in_force: Figures
    judged: int
    receipts: int
    since: datetime
    until: datetime
    redeemed_bp: int | None
    unknown: tuple[str, ...]


def check(wish: Wish) -> None:
    """Raises Invalid, a sentence for each field."""
    wrong = []
    if wish.source == "average":
        if not 1 <= wish.average_minor <= MAX_AMOUNT:
            wrong.append(FieldError("average", "out_of_range", N_("Type the average receipt, above zero.")))
        if not 1 <= wish.receipts <= 10_000_000:
            wrong.append(FieldError("receipts", "out_of_range", N_("Type how many receipts a month has, from 1 to 10,000,000.")))
        if not 1 <= wish.members_bp <= WHOLE_BP:
            wrong.append(FieldError("members", "out_of_range", N_("Type a share above zero, at most 100 per cent.")))
    if wish.redeemed_bp is not None and not 0 <= wish.redeemed_bp <= WHOLE_BP:
        wrong.append(FieldError("redeemed", "out_of_range", N_("Type a share from 0 to 100 per cent.")))
    if not 1 <= wish.margin_bp <= WHOLE_BP:
        wrong.append(FieldError("margin", "out_of_range", N_("Type a share above zero, at most 100 per cent.")))
    if wrong:
        raise Invalid(fields=wrong)


def around(average_minor: int, at: datetime, zone: str) -> list[Past]:
    """Receipts that stand for an average: half of it to one and a half, on each day of the week from `at` on, at each of HOURS."""
    begin = local_day(at, zone)
    moments = [datetime.combine(begin + timedelta(days=day), time(hour), ZoneInfo(zone)).astimezone(UTC)
               for day in range(7) for hour in HOURS]
    amounts = [max(1, floor_div(average_minor * share, WHOLE_BP)) for share in SPREAD_BP]
    return [Past(Receipt(amount, moment, zone, zone)) for moment in moments for amount in amounts]


def unknown_in(rules: ProgramRules) -> tuple[str, ...]:
    """The conditions of UNKNOWN that rules which are not paused ask."""
    blank = When()
    asked = {name for rule in rules.rules if not rule.paused for name in UNKNOWN if getattr(rule.when, name) != getattr(blank, name)}
    return tuple(name for name in UNKNOWN if name in asked)


class Tally:
    """Receipts judged one after another under one set of rules; caps of days, people and campaigns are counted along."""

    def __init__(self, rules: ProgramRules) -> None:
        self.rules = rules
        self.receipts = self.turnover = self.touched = self.discount = 0
        self.given: dict[str, int] = {}
        self.vouchers: dict[str, int] = {}
        self._uses: dict[tuple[str, str, object], int] = {}

    def add(self, past: Past) -> None:
        """Judge a receipt as if these rules had held; the shopper pays as much by points as then, where the rules let them."""
        day = local_day(past.receipt.at, past.receipt.business_zone)
        owners: dict[str, object] = {"day": (past.account_id, day), "person": past.account_id, "campaign": 0}
        uses = {(rule.key, span): self._uses.get((rule.key, span, owner), 0) for rule in self.rules.rules for span, owner in owners.items()}
        held = floor_div(past.spent_minor * self.rules.worth_points, self.rules.worth_minor)
        standing = Standing(spendable=held, level=past.level, is_first=past.is_first, uses=uses)
        judgement = judging.judge(self.rules, past.receipt, standing, None)
        self._count(judgement)
        for applied in judgement.applied:
            for span, owner in owners.items():
                key = applied.rule, span, owner
                self._uses[key] = self._uses.get(key, 0) + applied.amount

    def _count(self, judgement: Judgement) -> None:
        self.receipts += 1
        self.turnover += judgement.amount
        self.discount += judgement.discount
        gains = [gain for gain in judgement.gains if gain.unit not in ("progress",) and gain.amount]
        for gain in gains:
            self.given[gain.unit] = self.given.get(gain.unit, 0) + gain.amount
        for given in judgement.given:
            self.vouchers[given.reward] = self.vouchers.get(given.reward, 0) + 1
        self.touched += bool(judgement.discount or gains or judgement.given)


def figures(tally: Tally, receipts: int, worth_of: Callable[[str], int], *, redeemed_bp: int, margin_bp: int, liability: int) -> Figures:
    """The tally of a sample told for `receipts`. worth_of: what a reward costs the business; liability: what is open besides."""
    def whole(amount: int) -> int:
        return floor_div(amount * receipts, tally.receipts) if tally.receipts else 0

    given, donated = {unit: whole(amount) for unit, amount in tally.given.items()}, 0
    donated = given.pop("donated", 0)
    vouchers = {reward: whole(count) for reward, count in tally.vouchers.items()}
    given_worth = sum(worth(tally.rules, unit, amount, worth_of) for unit, amount in given.items())
    vouchers_worth = sum(count * worth_of(reward) for reward, count in vouchers.items())
    made = Figures(receipts, whole(tally.turnover), whole(tally.touched), whole(tally.discount), given, given_worth, vouchers,
                   vouchers_worth, donated, redeemed_bp, liability, None)
    return msgspec.structs.replace(made, break_even_bp=break_even(made.likely, made.turnover, margin_bp))


def worth(rules: ProgramRules, unit: str, amount: int, worth_of: Callable[[str], int]) -> int:
    """What so much of a unit costs the business: the balance what it pays; stamps, and what is converted, the dearest reward of all."""
    conversion: Conversion | None = rules.convert if unit == rules.unit else None
    if unit == "stamps" and rules.stamps:
        conversion = rules.stamps.card
    if conversion is not None:
        dearest = max((worth_of(reward) for reward in conversion.rewards), default=0)
        return floor_div(amount * dearest, conversion.size)
    return judging.worth(rules, amount) if unit == rules.unit else amount if unit == "money" else 0


def break_even(cost: int, turnover: int, margin_bp: int) -> int | None:
    """How much turnover must grow so that its margin pays the programme, which the additional turnover costs too; up.

    growth × margin × turnover = cost × (1 + growth), so growth = cost ÷ (margin × turnover − cost)."""
    left = floor_div(turnover * margin_bp, WHOLE_BP) - cost
    if not cost:
        return 0
    return ceil_div(cost * WHOLE_BP, left) if left > 0 else None


def reward_worth(kind: str, value: int, average_minor: int) -> int:
    """What a reward of the catalogue costs the business on an average receipt."""
    return floor_div(average_minor * value, WHOLE_BP) if kind == "discount" else value


def sampled(count: int) -> int:
    """Every how manieth receipt is judged, so that at most MOST_RECEIPTS are."""
    return max(1, ceil_div(count, MOST_RECEIPTS))


def tallied(rules: ProgramRules, receipts: Sequence[Past]) -> Tally:
    tally = Tally(rules)
    for past in receipts:
        tally.add(past)
    return tally
