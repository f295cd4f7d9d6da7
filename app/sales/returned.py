"""What refunds hand back, give back and take back, by sum and by lines: arithmetic alone.

All that depends on is how much of a sale has come back by now, so that any order and mix of refunds ends at the same place:
each refund does what the new state does less what the state before it did. With N what the sale cost after discount, L the net
of the lines that came back and E_L what these earned, S what came back by sum:

    taken  = E_L + floor((E - E_L) * S / (N - L))        of each unit that was earned
    given  = ceil(redeemed * (S + L) / N)                of each unit that paid
    money  = floor(to_pay * (S + L) / N)

What was no payment (a reward of the catalogue, a prepaid visit) comes back with the whole sale only.
"""
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from app.errors import FieldError, Invalid, Refused
from app.money import ceil_div, floor_div
from app.text import N_


class RefundExceedsSale(Refused):
    code, detail = "refund_exceeds_sale", N_("This is more than what is left of the purchase. Refund a smaller amount.")


class SoldLine(msgspec.Struct, frozen=True):
    """A line of a sale: what it cost after discount, of how many pieces, and what it earned by itself."""

    net: int
    quantity: int = 1
    earned: Mapping[str, int] = {}


class Sold(msgspec.Struct, frozen=True):
    """What a refund needs to know of a sale. total: what it cost after discount; redeemed: what paid a part of it; takes: what
    else was spent; each per unit. lines: none where the sale told of none."""

    total: int
    to_pay: int
    redeemed: Mapping[str, int] = {}
    earned: Mapping[str, int] = {}
    takes: Mapping[str, int] = {}
    lines: Sequence[SoldLine] = ()


class Came(msgspec.Struct, frozen=True):
    """What has come back of a sale: a sum, and pieces of lines (number from 1 → how many)."""

    by_sum: int = 0
    pieces: Mapping[int, int] = {}

    def plus(self, amount: int, lines: Iterable[tuple[int, int]] = ()) -> "Came":
        pieces = dict(self.pieces)
        for number, quantity in lines:
            pieces[number] = pieces.get(number, 0) + quantity
        return Came(self.by_sum + amount, pieces)


class Returned(msgspec.Struct, frozen=True):
    """What a state of refunds, or one refund, does. amount: of the sale's total; pay_back: money; given, takes: what was spent and
    comes back; taken: what was earned and goes; each per unit. is_whole: nothing of the sale is left after it."""

    amount: int
    pay_back: int
    given: Mapping[str, int]
    takes: Mapping[str, int]
    taken: Mapping[str, int]
    is_whole: bool


def refund(sold: Sold, before: Came, amount: int, lines: Sequence[tuple[int, int]] = ()) -> Returned:
    """What the next refund does, of `amount` by sum and of pieces of lines, after what came back before.

    Raises Invalid (field `lines`) for lines that the sale did not have, RefundExceedsSale for more than is left.
    """
    came = before.plus(amount, lines)
    _check_lines(sold, before, came, lines)
    then, now = state(sold, before), state(sold, came)
    if came.by_sum + _net(sold, came) > sold.total or (then.is_whole and now.amount == then.amount):
        raise RefundExceedsSale(extra={"left": sold.total - then.amount})
    return Returned(now.amount - then.amount, now.pay_back - then.pay_back, _less(now.given, then.given), _less(now.takes, then.takes),
                    _less(now.taken, then.taken), now.is_whole)


def whole(sold: Sold) -> Returned:
    """The whole sale at once."""
    return Returned(sold.total, sold.to_pay, sold.redeemed, sold.takes, sold.earned, True)


def state(sold: Sold, came: Came) -> Returned:
    """What all refunds of a sale do together once `came` of it has come back."""
    net = _net(sold, came)
    amount = came.by_sum + net
    if _is_whole(sold, came, amount):
        return whole(sold)
    if not sold.total:
        return Returned(0, 0, {}, {}, _of_lines(sold, came), False)
    own, taken = _of_lines(sold, came), {}
    for unit, earned in sold.earned.items():
        of_lines = min(own.get(unit, 0), earned)
        rest = sold.total - net
        taken[unit] = of_lines + (floor_div((earned - of_lines) * came.by_sum, rest) if rest else 0)
    given = {unit: ceil_div(spent * amount, sold.total) for unit, spent in sold.redeemed.items()}
    return Returned(amount, floor_div(sold.to_pay * amount, sold.total), given, {}, taken, False)


def _is_whole(sold: Sold, came: Came, amount: int) -> bool:
    """All the money came back; of a sale that cost nothing, all the pieces."""
    if sold.total:
        return amount >= sold.total
    return bool(sold.lines) and all(came.pieces.get(number, 0) == line.quantity for number, line in enumerate(sold.lines, 1))


def _net(sold: Sold, came: Came) -> int:
    return sum(floor_div(sold.lines[number - 1].net * quantity, sold.lines[number - 1].quantity)
               for number, quantity in came.pieces.items())


def _of_lines(sold: Sold, came: Came) -> dict[str, int]:
    """What the pieces that came back earned by themselves, rounded down for each line."""
    own: dict[str, int] = {}
    for number, quantity in came.pieces.items():
        line = sold.lines[number - 1]
        for unit, earned in line.earned.items():
            own[unit] = own.get(unit, 0) + floor_div(earned * quantity, line.quantity)
    return {unit: min(earned, sold.earned.get(unit, 0)) for unit, earned in own.items()}


def _less(now: Mapping[str, int], then: Mapping[str, int]) -> dict[str, int]:
    return {unit: left for unit, amount in now.items() if (left := amount - then.get(unit, 0))}


def _check_lines(sold: Sold, before: Came, came: Came, lines: Sequence[tuple[int, int]]) -> None:
    for number, quantity in lines:
        if not 1 <= number <= len(sold.lines) or quantity < 1:
            raise Invalid(fields=[FieldError("lines", "unknown_line", N_("The purchase has no such line."))])
    for number, quantity in came.pieces.items():
        if quantity > sold.lines[number - 1].quantity:
            left = sold.lines[number - 1].quantity - before.pieces.get(number, 0)
            raise RefundExceedsSale(extra={"line": number, "left": left})
