"""The lines of one receipt while it is judged: what each costs still, which pieces a rule means, how a sum falls to lines."""
from collections.abc import Sequence

from app.errors import FieldError, Invalid
from app.money import floor_div
from app.sales.judgement import Line, Receipt
from app.text import N_

Chosen = list[tuple[int, int]]          # (number of a line from 0, how many of its last pieces)


class Basket:
    """lines: the receipt's, with what they leave of its amount at the end. nets: what each line costs after the discounts so
    far; left: its pieces that cost something still; total: the receipt after the discounts so far (below the sum of nets once
    discounts of the whole receipt came off, until `settle`)."""

    __slots__ = ("left", "lines", "nets", "total")

    def __init__(self, receipt: Receipt) -> None:
        """Raises Invalid where the lines are more than the receipt, or a line is no line."""
        self.lines, self.total = receipt.lines, receipt.amount
        rest = self.total
        for number, line in enumerate(self.lines):
            if line.amount < 0 or line.quantity < 1:
                raise _wrong(f"lines.{number}", "line", N_("A line has a quantity of one or more and no amount below zero."))
            rest -= line.amount
        if rest < 0:
            raise _wrong("lines", "lines_exceed_amount", N_("The lines add up to more than the receipt."))
        if rest or not self.lines:
            self.lines = (*self.lines, Line(rest))
        self.nets = [line.amount for line in self.lines]
        self.left = [line.quantity if line.amount else 0 for line in self.lines]

    def last_pieces(self, number: int, count: int, amount: int) -> int:
        """What the last `count` of a line's pieces have of `amount`: cumulative, so that all pieces together are the whole."""
        left = self.left[number]
        return amount - floor_div(amount * (left - count), left)

    def costs(self, chosen: Chosen) -> list[int]:
        return [self.last_pieces(number, count, self.nets[number]) for number, count in chosen]

    def dearest_first(self, chosen: Chosen) -> Chosen:
        """By the price that a piece has on the shelf, then by name, so that the order in which goods were scanned changes nothing."""
        return sorted(chosen, key=self._place)

    def _place(self, some: tuple[int, int]) -> tuple[int, str, str, str, int, int]:
        line = self.lines[some[0]]
        price = (line.amount << 32) // line.quantity
        return -price, line.sku or "", line.category or "", line.name or "", line.quantity, some[0]

    def take(self, chosen: Chosen, discount: int, costs: Sequence[int]) -> None:
        """Take a discount off the chosen pieces; those that become free are no pieces any more."""
        if not discount:
            return
        is_free = discount == sum(costs)
        for (number, count), part in zip(chosen, spread(discount, costs), strict=True):
            self.nets[number] -= part
            if not self.nets[number]:
                self.left[number] = 0
            elif is_free:
                self.left[number] -= count
        self.total -= discount

    def settle(self) -> None:
        """Let what came off the whole receipt fall to the lines."""
        if self.total != sum(self.nets):
            self.nets = spread(self.total, self.nets)
            self.left = [left if net else 0 for left, net in zip(self.left, self.nets, strict=True)]


def spread(whole: int, weights: Sequence[int]) -> list[int]:
    """Parts of `whole` in proportion to weights, which add up to it: each cumulative part is rounded down.

    No part is above its weight where the whole is not above their sum; nothing falls to weights of zero.
    """
    if len(weights) == 1:
        return [whole]
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    parts, weight, before = [], 0, 0
    for more in weights:
        weight += more
        until = floor_div(whole * weight, total)
        parts.append(until - before)
        before = until
    return parts


def _wrong(name: str, code: str, sentence: str) -> Invalid:
    return Invalid(fields=[FieldError(name, code, sentence)])
