"""Which products a shopper is offered next: what they buy often, and what is new to them."""
from collections.abc import Collection, Sequence
from typing import NamedTuple

from app.money import share_floor
from app.programs.terms import Offers

FREQUENT, NEW = "frequent", "new"


class Often(NamedTuple):
    """A product that the shopper buys. last_at: epoch ms."""

    sku: str
    times: int
    last_at: int


class Fresh(NamedTuple):
    """A product that they never bought, and since when the business has it (epoch ms)."""

    sku: str
    added_at: int


class Offered(NamedTuple):
    """A product of a basket. why: frequent | new."""

    sku: str
    why: str


def choose(offers: Offers, often: Sequence[Often], fresh: Sequence[Fresh], before: Collection[str]) -> list[Offered]:
    """The next basket: at most `count` products, new_share_bp of them new, rounded down; either kind fills up what the other lacks.

    before: the basket that ends. Its products come last, so that the next one differs wherever it can; ties go by sku.
    """
    frequent = [one.sku for one in sorted(often, key=lambda one: (one.sku in before, -one.times, -one.last_at, one.sku))]
    new = [one.sku for one in sorted(fresh, key=lambda one: (one.sku in before, -one.added_at, one.sku))]
    of_new = min(share_floor(offers.count, offers.new_share_bp), len(new))
    of_frequent = min(offers.count - of_new, len(frequent))
    of_new = min(offers.count - of_frequent, len(new))
    return [Offered(sku, FREQUENT) for sku in frequent[:of_frequent]] + [Offered(sku, NEW) for sku in new[:of_new]]
