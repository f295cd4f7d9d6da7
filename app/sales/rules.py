"""What tills ask for, what of it can be, and what is refused. What a purchase does is judged in judging.py, what a refund does
in returned.py."""
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.errors import FieldError, Forbidden, Invalid, Refused
from app.money import MAX_AMOUNT, MAX_POINTS
from app.programs.rules import ProgramRules
from app.programs.terms import Gift
from app.sales.judgement import Judgement, Quote, Receipt
from app.sales.returned import RefundExceedsSale
from app.text import N_

__all__ = ["Judgement", "Quote", "RefundExceedsSale"]

LATEST = timedelta(hours=72)         # how late a till that was offline may tell
AHEAD = timedelta(minutes=5)         # how far a till's clock may run ahead
LONGEST_RECEIPT, LONGEST_REASON, MOST_LINES = 64, 300, 500
MOST_VISITS, MOST_FREEZE_DAYS = 100, 365           # at once
PROVISIONAL_RECEIPTS, PROVISIONAL_A_DAY = 10, 3          # of a card; of a card by one cashier
DAY = timedelta(days=1)
MOST_REWARDS = 20
_WORD = re.compile("[a-z0-9_]{1,20}")


class OverLargestShare(Refused):
    """More points than the programme lets pay for this receipt."""

    code, detail = "over_largest_share", N_("At most %(points)s points can pay for this receipt.")


class QuoteChanged(Refused):
    """What the till expected does not hold any more; `quote` is what holds now."""

    code, detail = "quote_changed", N_("The amount to pay has changed. Look at it again before you take the money.")

    def __init__(self, quote: Quote) -> None:
        super().__init__()
        self.quote = quote


class ProvisionalLimit(Refused):
    code = "provisional_limit"
    detail = N_("This card is not activated yet and cannot collect more for now. Ask its owner to open the link in the message.")


class PurchaseUsed(Refused):
    """extra: left, what of the price can still come back, in minor units."""

    code, detail = "purchase_used", N_("A part of this purchase was used already. Refund only what is left of it.")


class WholeOnly(Refused):
    code, detail = "whole_only", N_("A membership comes back as a whole.")


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


class OwnCard(Refused):
    """A member of staff may neither credit nor debit the card of their own."""

    code, detail = "own_card", N_("This card is your own. Ask a colleague to serve you.")

    def __init__(self, card_id: int) -> None:
        super().__init__()
        self.card_id = card_id


class RefundNeedsManager(Forbidden):
    """Of one sale more than the business lets its cashiers refund, earlier refunds counted in."""

    code, detail = "refund_needs_manager", N_("So much is refunded by a manager. Ask one to sign in here.")


class ConfirmationNeeded(Refused):
    """A redemption above the programme's limit; the till asks the shopper and sends it again, confirmed."""

    code, detail = "confirmation_needed", N_("So much needs a confirmation: ask the shopper, and look at the card once more.")


class ApprovalNeeded(Refused):
    """So much that a second manager has to agree; it is asked for with approvals.ask."""

    code, detail = "approval_needed", N_("So much needs a second manager. Ask for it, and another manager confirms it.")


class AlreadyFrozen(Refused):
    code, detail = "already_frozen", N_("These visits are frozen already.")


class NotFrozen(Refused):
    code, detail = "not_frozen", N_("Nothing is frozen on this card.")


class FreezeLimit(Refused):
    code, detail = "freeze_limit", N_("The visits of this card can be frozen for %(days)s days more.")


class ProgramClosed(Refused):
    code, detail = "program_closed", N_("This programme has ended.")


class OtherLocation(Forbidden):
    code, detail = "other_location", N_("You are signed in at another location.")


class SaleRequest(msgspec.Struct, frozen=True):
    """A purchase. amount: minor units, before discount; redeem: of the programme's unit to pay with, None for the most allowed;
    lines: as the till sent them; at: when it happened, None for now; expect_to_pay: what the till showed the shopper.

    vouchers: (row id, the reward chosen where it may become several) of those to use; catalogue: keys of rewards to buy with this
    purchase; visits: prepaid ones to take; confirmed: the shopper confirmed a redemption above the programme's limit.
    """

    card_id: int
    amount: int
    redeem: int | None = 0
    receipt: str | None = None
    location_id: int | None = None
    at: datetime | None = None
    expect_to_pay: int | None = None
    lines: Sequence[Mapping[str, Any]] = ()
    promo_code: str | None = None
    vouchers: Sequence[tuple[int, str | None]] = ()
    catalogue: Sequence[str] = ()
    channel: str = "till"
    tenders: Sequence[str] = ()
    visits: int = 0
    confirmed: bool = False


class RefundRequest(msgspec.Struct, frozen=True):
    """A part of a sale comes back: a sum, in the receipt's prices after discount, or pieces of lines (number from 1, how many).

    amount: with lines None, or what they cost as far as the till knows; without lines None for all that is left."""

    operation_id: int
    amount: int | None
    receipt: str | None = None
    location_id: int | None = None
    lines: Sequence[tuple[int, int]] = ()


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
    check_receipt(request.receipt)
    if len(request.lines) > MOST_LINES:
        raise _wrong("lines", "too_many", N_("A receipt has 500 lines at most."))
    if request.visits:
        check_visits(request.visits)
    if max(len(request.vouchers), len(request.catalogue), len(request.tenders)) > MOST_REWARDS:
        raise _wrong("rewards", "too_many", N_("A receipt takes 20 rewards at most."))
    if any(not _WORD.fullmatch(word) for word in (request.channel, *request.tenders)):
        raise _wrong("channel", "channel", N_("Name channels and means of payment with small Latin letters, 20 at most."))


def check_refund(request: RefundRequest) -> None:
    if len(request.lines) > MOST_LINES:
        raise _wrong("lines", "too_many", N_("A receipt has 500 lines at most."))
    if request.amount is not None:
        _check_amount(request.amount)
    check_receipt(request.receipt)


def check_adjustment(amount: int, reason: str) -> None:
    if type(amount) is not int or amount == 0 or abs(amount) > MAX_POINTS:
        raise _wrong("amount", "points", N_("Type a whole number of points, above or below zero."))
    check_reason(reason)


def check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= LONGEST_REASON or not reason.isprintable():
        raise _wrong("reason", "reason", N_("Say why, in 1 to 300 characters: the shopper may ask."))


def check_load(gift: Gift, amount: int) -> None:
    """Raises Invalid unless a gift card can be loaded with so much at once."""
    if type(amount) is not int or (gift.amounts and amount not in gift.amounts) or not gift.least_minor <= amount <= gift.most_minor:
        raise _wrong("amount", "amount", N_("A gift card cannot be loaded with this amount. Choose another one."))


def check_giver(name: str, words: str) -> None:
    for field, text in (("name", name), ("words", words)):
        if len(text) > LONGEST_REASON or not text.replace("\n", " ").isprintable():
            raise _wrong(field, "too_long", N_("Up to 300 characters fit here."))


def check_visits(count: int) -> None:
    if type(count) is not int or not 1 <= count <= MOST_VISITS:
        raise _wrong("visits", "visits", N_("Type a number of visits from 1 to 100."))


def check_freeze(days: int) -> None:
    if type(days) is not int or not 1 <= days <= MOST_FREEZE_DAYS:
        raise _wrong("days", "days", N_("Type a number of days from 1 to 365."))


def check_unit(unit: str, units: Sequence[str]) -> None:
    """Raises Invalid for a unit that the programme's cards do not hold."""
    if unit not in units:
        raise _wrong("unit", "unit", N_("The cards of this programme do not hold that."))


def check_confirmed(in_force: ProgramRules, judged: Judgement, request: SaleRequest) -> None:
    """Raises ConfirmationNeeded where so much is redeemed that the shopper has to confirm it."""
    over = in_force.confirm_redeem_over
    if over is not None and judged.points > over and not request.confirmed:
        raise ConfirmationNeeded(extra={"over": over})


def spends(judged: Judgement, receipt: Receipt) -> bool:
    """Whether a purchase takes anything that lies on the card: points, money, visits, a reward's price, a voucher."""
    return bool(judged.points or judged.takes or any(used.voucher_id is not None for used in receipt.rewards))


def _check_amount(amount: int) -> None:
    if type(amount) is not int or amount <= 0:
        raise _wrong("amount", "amount", N_("The amount is a whole number of the smallest coins, above zero."))
    if amount > MAX_AMOUNT:
        raise _wrong("amount", "too_large", N_("This amount is larger than any receipt. Check the digits."))


def check_receipt(receipt: str | None) -> None:
    if receipt is not None and not (1 <= len(receipt) <= LONGEST_RECEIPT and receipt.isprintable() and receipt == receipt.strip()):
        raise _wrong("receipt", "receipt", N_("A receipt's number has 1 to 64 characters, without spaces around it."))


def _wrong(name: str, code: str, sentence: str) -> Invalid:
    return Invalid(fields=[FieldError(name, code, sentence)])
