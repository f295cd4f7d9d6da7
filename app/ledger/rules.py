"""Where points come from and go to: which lots pay, what a debt takes, what a refund puts back.

An operation is a list of legs. A leg moves one unit between the account and one book of the business, so it sums to zero by
itself: the account's side is split over lots, the business's side is one entry. Points that enter the account repay its
debts first, so a debt and spendable points never stand side by side.
"""
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from app.clock import from_ms, local_day, midnight_after, to_ms
from app.errors import Refused
from app.text import N_

POINTS = "points"
FOREVER = 2**62
QUARTER_MS = 15 * 60_000
# Why an account changed, by the kind of operation and the business's book on the other side.
_WHY = {"issued": "earned", "redeemed": "redeemed", "expired": "expired", "adjusted": "adjusted", "returned": "returned"}
_WHY_BACK = {"issued": "refund_taken", "redeemed": "refund_returned"}


class NotEnoughPoints(Refused):
    """Fewer points are there, alive and free of debt, than are needed."""

    code, detail = "not_enough_points", N_("The card has %(available)s points to spend, and %(needed)s are needed.")


class Lot(NamedTuple):
    """Points of one account that end together. remaining < 0: a debt; times: epoch ms, expires_at None for never."""

    id: int
    remaining: int
    expires_at: int | None
    created_at: int = 0


class Grant(NamedTuple):
    """A lot that this operation makes; amount < 0: a debt."""

    amount: int
    expires_at: int | None


class Leg(NamedTuple):
    """One movement. parts: (lot, amount), a lot < 0 being the operation's own grant number -lot (1, 2, …); amount: what the
    account gained (> 0) or lost, the sum of its parts."""

    book: str
    parts: tuple[tuple[int, int], ...]
    amount: int


def end_of_lot(at: datetime, days: int | None, zone: str) -> int | None:
    """Epoch ms of the local midnight after the `days`-th day that follows the day of `at` in `zone`; None: never."""
    return None if days is None else _end_of_lot(to_ms(at) // QUARTER_MS, days, zone)


@lru_cache(1024)
def _end_of_lot(quarter: int, days: int, zone: str) -> int:
    """Zones shift by quarters of an hour, so a day begins with one everywhere, and a quarter needs one answer."""
    return to_ms(midnight_after(local_day(from_ms(quarter * QUARTER_MS), zone) + timedelta(days=days), zone))


def day_of(at: datetime, zone: str) -> str:
    """The local day in `zone`, YYYY-MM-DD."""
    return _day_of(to_ms(at) // QUARTER_MS, zone)


@lru_cache(1024)
def _day_of(quarter: int, zone: str) -> str:
    return local_day(from_ms(quarter * QUARTER_MS), zone).isoformat()


def why(kind: str, book: str) -> str:
    """The word that a change of the account is shown with."""
    if kind in ("undo", "refund"):
        return _WHY_BACK[book]
    if kind == "welcome":
        return "welcome"
    return "revived" if kind == "sale" and book == "expired" else _WHY[book]


class Purse:
    """An account's lots in memory, and the legs of the one operation that changes them."""

    def __init__(self, lots: Iterable[Lot], at_ms: int, ended: Iterable[Lot] = ()) -> None:
        """lots: those with a remainder; at_ms: the moment that decides which are alive.

        ended: what expired between at_ms and now and may be spent all the same, by a sale that happened before it did.
        """
        self.at_ms = at_ms
        self.legs: list[Leg] = []
        self.grants: list[Grant] = []
        self._left: dict[int, int] = {}
        self._ends: dict[int, int | None] = {}
        self._unborn: set[int] = set()             # made after at_ms: they cannot pay for what happened before them
        for lot in lots:
            self._left[lot.id], self._ends[lot.id] = lot.remaining, lot.expires_at
            if lot.created_at > at_ms:
                self._unborn.add(lot.id)
        self._ended = {lot.id: lot for lot in ended}

    @property
    def balance(self) -> int:
        """What the stored balance is after the legs so far; expired points count until an expiry takes them."""
        return sum(self._left.values())

    @property
    def debt(self) -> int:
        """0 or less."""
        return sum([left for left in self._left.values() if left < 0])

    @property
    def spendable(self) -> int:
        return max(0, sum([left for _, _, left in self._sources()]) + self.debt)

    def spend(self, points: int, book: str = "redeemed") -> None:
        """Take `points` > 0, soonest-ending lots first. Raises NotEnoughPoints, having changed nothing."""
        assert points > 0
        sources = self._sources()
        available = max(0, sum([left for _, _, left in sources]) + self.debt)
        if points > available:
            raise NotEnoughPoints(params={"available": available, "needed": points})
        # Soonest first, so that a shopper never loses points they could have spent; the id breaks ties, so that a replay
        # of the day draws the same lots.
        sources.sort()
        leg, revived = _Parts(self._left), _Parts(self._left)
        for _, lot, left in sources:
            taken = min(points, left)
            if lot in self._ended:
                revived.move(lot, taken)
            leg.move(lot, -taken)
            points -= taken
            if not points:
                break
        self._record("expired", revived)
        self._record(book, leg)

    def earn(self, points: int, expires_at: int | None, book: str = "issued") -> None:
        """Put `points` > 0 in: into debts, oldest first, and the rest into a lot of its own."""
        assert points > 0
        leg = _Parts(self._left)
        rest = self._repay(points, leg)
        self._grant(rest, expires_at, leg)
        self._record(book, leg)

    def give_back(self, spent: Sequence[Lot], grace_end: int) -> None:
        """Put spent points back where they were: `spent` tells how many of each lot, and its end.

        A lot that ended meanwhile cannot take them; those live on together until `grace_end`.
        """
        leg, homeless = _Parts(self._left), 0
        for lot in spent:
            rest = self._repay(lot.remaining, leg)
            if lot.expires_at is not None and lot.expires_at <= self.at_ms:
                homeless += rest
            else:
                self._ends[lot.id] = lot.expires_at
                leg.move(lot.id, rest)
        self._grant(homeless, grace_end, leg)
        self._record("redeemed", leg)

    def take_back(self, points: int, own_lots: Sequence[int], *, owe: bool, expired: int = 0) -> int:
        """Take `points` >= 0 that were earned: from that sale's own lots first, then from others, soonest-ending first.

        expired: how many of the sale's own points ended unspent; nobody had them, so nobody owes them. What is not there
        becomes a debt where `owe`, else it is let go; returns how much was let go.
        """
        leg = _Parts(self._left)
        points = self._take(points, [lot for lot in own_lots if self._left.get(lot, 0) > 0], leg)
        points -= min(points, expired)
        points = self._take(points, [lot for _, lot, _ in sorted(self._alive())], leg)
        if owe:
            self._grant(-points, None, leg)
        self._record("issued", leg)
        return 0 if owe else points

    def _take(self, points: int, lots: Sequence[int], leg: "_Parts") -> int:
        """Take from each of `lots` in turn; returns what is still missing."""
        for lot in lots:
            taken = min(points, self._left[lot])
            leg.move(lot, -taken)
            points -= taken
        return points

    def expire(self) -> int:
        """Take what ended at or before at_ms; returns how much."""
        ended = [(lot, left) for lot, left in self._left.items()
                 if left > 0 and (end := self._ends[lot]) is not None and end <= self.at_ms]
        leg = _Parts(self._left)
        for lot, left in ended:
            leg.move(lot, -left)
        self._record("expired", leg)
        return sum([left for _, left in ended])

    def give_up(self) -> None:
        """Take everything, debts too: the card ends without ever having been anybody's."""
        leg = _Parts(self._left)
        for lot, left in list(self._left.items()):
            leg.move(lot, -left)
        self._record("returned", leg)

    def next_operation(self) -> None:
        """Forget the legs; the lots stay as they are now. Only after an operation that granted nothing."""
        assert not self.grants
        self.legs = []

    def _alive(self) -> list[tuple[int, int, int]]:
        """(end, lot, left) of each lot that can pay."""
        return [(end or FOREVER, lot, left) for lot, left in self._left.items()
                if left > 0 and ((end := self._ends[lot]) is None or end > self.at_ms) and lot not in self._unborn]

    def _sources(self) -> list[tuple[int, int, int]]:
        """As `_alive`, with what ended since and may still be spent."""
        alive = self._alive()
        if self._ended:
            alive += [(lot.expires_at or FOREVER, lot.id, lot.remaining) for lot in self._ended.values()]
        return alive

    def _repay(self, points: int, leg: "_Parts") -> int:
        """Debts take what they can of `points`, oldest first; returns the rest."""
        for lot in sorted([lot for lot, left in self._left.items() if left < 0]):
            paid = min(points, -self._left[lot])
            leg.move(lot, paid)
            points -= paid
        return points

    def _grant(self, amount: int, expires_at: int | None, leg: "_Parts") -> None:
        if amount:
            self.grants.append(Grant(amount, expires_at))
            lot = -len(self.grants)
            self._left[lot], self._ends[lot] = 0, expires_at
            leg.move(lot, amount)

    def _record(self, book: str, leg: "_Parts") -> None:
        if leg.amounts:
            self.legs.append(Leg(book, tuple(leg.amounts.items()), sum(leg.amounts.values())))


class _Parts:
    """The parts of one leg as they are found, each applied to the lots at once; a lot has one part."""

    __slots__ = ("_left", "amounts")

    def __init__(self, left: dict[int, int]) -> None:
        self._left = left
        self.amounts: dict[int, int] = {}

    def move(self, lot: int, amount: int) -> None:
        if amount:
            self.amounts[lot] = self.amounts.get(lot, 0) + amount
            self._left[lot] = self._left.get(lot, 0) + amount
