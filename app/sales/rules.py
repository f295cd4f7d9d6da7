"""What a purchase earns and what points pay of it; what a refund hands back, gives back and takes back.

Integers only. Rounding: earned points and the worth of points down, once per receipt; of a refund, points given back up,
points taken back and money down, each as the result for all refunds so far minus what earlier ones did, so that parts add
up to the whole.
"""
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.errors import FieldError, Forbidden, Invalid, Refused
from app.ledger.rules import NotEnoughPoints
from app.money import MAX_AMOUNT, MAX_POINTS, ceil_div, floor_div, share_floor
from app.programs.rules import ProgramRules
from app.text import N_

LATEST = timedelta(hours=72)         # how late a till that was offline may tell
AHEAD = timedelta(minutes=5)         # how far a till's clock may run ahead
LONGEST_RECEIPT, LONGEST_REASON, MOST_LINES = 64, 300, 500
PROVISIONAL_RECEIPTS, PROVISIONAL_A_DAY = 10, 3          # of a card; of a card by one cashier
DAY = timedelta(days=1)


class OverLargestShare(Refused):
    """More points than the programme lets pay for this receipt."""

    code, detail = "over_largest_share", N_("At most %(points)s points can pay for this receipt.")


class QuoteChanged(Refused):
    """What the till expected does not hold any more; `quote` is what holds now."""

    code, detail = "quote_changed", N_("The amount to pay has changed. Look at it again before you take the money.")

    def __init__(self, quote: "Quote") -> None:
        super().__init__()
        self.quote = quote


class ProvisionalLimit(Refused):
    code = "provisional_limit"
    detail = N_("This card is not activated yet and cannot collect more for now. Ask its owner to open the link in the message.")


class RefundExceedsSale(Refused):
    code, detail = "refund_exceeds_sale", N_("This is more than what is left of the purchase. Refund a smaller amount.")


class NotASale(Refused):
    code, detail = "not_a_sale", N_("Only a sale can be undone or refunded.")


class AlreadyUndone(Refused):
    code, detail = "already_undone", N_("This sale was undone already.")


class AlreadyRefunded(Refused):
    code, detail = "already_refunded", N_("A part of this sale was refunded already. Refund the rest of it.")


class UndoTooLate(Refused):
    code, detail = "undo_too_late", N_("A sale can be undone for %(minutes)s minutes. Make a refund instead.")


class NotYourSale(Forbidden):
    code, detail = "not_your_sale", N_("Only the cashier who made this sale, or a manager, can undo it.")


class OtherLocation(Forbidden):
    code, detail = "other_location", N_("You are signed in at another location.")


class SaleRequest(msgspec.Struct, frozen=True):
    """A purchase. amount: minor units, before discount; redeem: points to pay with, None for the most allowed; lines: as the till
    sent them; at: when it happened, None for now; expect_to_pay: what the till showed the shopper."""

    card_id: int
    amount: int
    redeem: int | None = 0
    receipt: str | None = None
    location_id: int | None = None
    at: datetime | None = None
    expect_to_pay: int | None = None
    lines: Sequence[Mapping[str, Any]] = ()


class RefundRequest(msgspec.Struct, frozen=True):
    """A part of a sale comes back. amount: in the receipt's prices after discount."""

    operation_id: int
    amount: int
    receipt: str | None = None
    location_id: int | None = None


class Judgement(msgspec.Struct, frozen=True):
    """A receipt under rules. redeemable: the most that points may pay, in points and money; points, spent_minor: what they pay now."""

    amount: int
    discount: int
    redeemable_points: int
    redeemable_minor: int
    points: int
    spent_minor: int
    to_pay: int
    to_earn: int


class Quote(msgspec.Struct, frozen=True):
    """A judgement, and what is needed to show it. card: a cards.rules.Card; debt: points that the account owes, >= 0."""

    card: Any
    judgement: Judgement
    rules: ProgramRules
    currency: str
    balance: int
    debt: int


class SaleFacts(msgspec.Struct, frozen=True):
    """What a refund needs to know of a sale. total: what it cost after discount."""

    total: int
    to_pay: int
    redeemed: int
    earned: int


class Refunded(msgspec.Struct, frozen=True):
    """What refunds hand back in money, give back and take back in points."""

    pay_back: int
    given: int
    taken: int


def judge(rules: ProgramRules, amount: int, redeem: int | None, spendable: int, discount: int = 0) -> Judgement:
    """Judge a receipt of `amount` minor units; redeem: points, None for the most allowed; spendable: points alive.

    Raises NotEnoughPoints, OverLargestShare.
    """
    due = amount - discount
    counts = due >= rules.minimum_receipt_minor
    cap = share_floor(due, rules.largest_share_bp) if counts else 0
    # The most points whose worth fits under the cap, less those at the end that would pay nothing.
    fitting = floor_div(cap * rules.worth_points, rules.worth_minor)
    most = min(spendable, fitting)
    most = ceil_div(worth(rules, most) * rules.worth_points, rules.worth_minor)
    points = most if redeem is None else redeem
    if points > spendable:
        raise NotEnoughPoints(params={"available": spendable, "needed": points})
    if points > fitting:
        raise OverLargestShare(params={"points": fitting})
    spent = worth(rules, points)
    return Judgement(amount, discount, most, worth(rules, most), points, spent, due - spent,
                     earned(rules, due - spent) if counts else 0)


def worth(rules: ProgramRules, points: int) -> int:
    """Minor units that points pay, rounded down."""
    return floor_div(points * rules.worth_minor, rules.worth_points)


def earned(rules: ProgramRules, paid: int) -> int:
    """Points for what was paid in money, rounded down once."""
    if rules.earn_mode == "whole_steps":
        return floor_div(paid, rules.earn_per_minor) * rules.earn_points
    return floor_div(paid * rules.earn_points, rules.earn_per_minor)


def refunded(sale: SaleFacts, amount: int) -> Refunded:
    """What all refunds of a sale do together once `amount` of it has come back."""
    if not amount:
        return Refunded(0, 0, 0)
    return Refunded(floor_div(sale.to_pay * amount, sale.total), ceil_div(sale.redeemed * amount, sale.total),
                    floor_div(sale.earned * amount, sale.total))


def refund(sale: SaleFacts, before: int, amount: int) -> Refunded:
    """What the next refund does, of `amount`, after refunds of `before`. Raises RefundExceedsSale."""
    if amount > sale.total - before:
        raise RefundExceedsSale(extra={"left": sale.total - before})
    then, now = refunded(sale, before), refunded(sale, before + amount)
    return Refunded(now.pay_back - then.pay_back, now.given - then.given, now.taken - then.taken)


def can_be_undone(rules: ProgramRules, recorded_at: datetime, now: datetime) -> bool:
    return now <= recorded_at + timedelta(minutes=rules.undo_minutes)


def moment(at: datetime | None, now: datetime, card_created: datetime) -> datetime:
    """When a purchase happened, as far as we believe it: a little ahead is now. Raises Invalid (field `at`)."""
    if at is None or now <= at <= now + AHEAD:
        return now
    if at > now:
        raise _wrong("at", "in_the_future", N_("This time is still to come. Check the till's clock."))
    if at < now - LATEST:
        raise _wrong("at", "too_old", N_("Sales can be told up to 72 hours later, not more."))
    if at < card_created:
        raise _wrong("at", "before_card", N_("The card did not exist yet at this time."))
    return at


def check_sale(request: SaleRequest) -> None:
    """Raises Invalid unless amounts are whole, above zero and of a size that a receipt can have."""
    _check_amount(request.amount)
    if request.redeem is not None and not (type(request.redeem) is int and 0 <= request.redeem <= MAX_POINTS):
        raise _wrong("redeem.points", "points", N_("Type a whole number of points, zero or more."))
    _check_receipt(request.receipt)
    if len(request.lines) > MOST_LINES:
        raise _wrong("lines", "too_many", N_("A receipt has 500 lines at most."))


def check_refund(request: RefundRequest) -> None:
    _check_amount(request.amount)
    _check_receipt(request.receipt)


def check_adjustment(unit: str, amount: int, reason: str) -> None:
    if unit != "points":
        raise _wrong("unit", "unit", N_("This programme counts points."))
    if type(amount) is not int or amount == 0 or abs(amount) > MAX_POINTS:
        raise _wrong("amount", "points", N_("Type a whole number of points, above or below zero."))
    if not 1 <= len(reason.strip()) <= LONGEST_REASON or not reason.isprintable():
        raise _wrong("reason", "reason", N_("Say why, in 1 to 300 characters: the shopper may ask."))


def _check_amount(amount: int) -> None:
    if type(amount) is not int or amount <= 0:
        raise _wrong("amount", "amount", N_("The amount is a whole number of the smallest coins, above zero."))
    if amount > MAX_AMOUNT:
        raise _wrong("amount", "too_large", N_("This amount is larger than any receipt. Check the digits."))


def _check_receipt(receipt: str | None) -> None:
    if receipt is not None and not (1 <= len(receipt) <= LONGEST_RECEIPT and receipt.isprintable() and receipt == receipt.strip()):
        raise _wrong("receipt", "receipt", N_("A receipt's number has 1 to 64 characters, without spaces around it."))


def _wrong(name: str, code: str, sentence: str) -> Invalid:
    return Invalid(fields=[FieldError(name, code, sentence)])
