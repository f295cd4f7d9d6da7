"""Where points come from and go to: which lots pay, what a debt takes, what a refund puts back.

An operation is a list of legs. A leg moves one unit between the account and one book of the business, so it sums to zero by
itself: the account's side is split over lots, the business's side is one entry. Points that enter the account repay its
debts first, pending ones too, and a debt is only made where nothing is left, pending or not; so a debt and points of its unit never
stand side by side.
"""
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from app.errors import Refused
from app.ledger.ends import day_of, end_of, end_of_lot
from app.text import N_

__all__ = ["FOREVER", "POINTS", "READ_ONLY", "SPENDABLE", "UNITS", "Grant", "Leg", "Lot", "NotEnoughPoints", "Purse", "Purses", "day_of",
           "end_of", "end_of_lot", "why"]

POINTS = "points"
SPENDABLE = ("points", "money", "stamps", "visits")
READ_ONLY = ("progress", "membership", "donated")      # never spent and never owed
UNITS = (*SPENDABLE, *READ_ONLY)
FOREVER = 2**62
# Why an account changed, by the kind of operation and the business's book on the other side.
_WHY = {"issued": "earned", "loaded": "loaded", "redeemed": "redeemed", "expired": "expired", "adjusted": "adjusted",
        "returned": "returned", "moved": "moved", "converted": "converted"}
_WHY_BACK = {**_WHY, "issued": "refund_taken", "loaded": "refund_taken", "redeemed": "refund_returned", "converted": "refund_returned"}


class NotEnoughPoints(Refused):
    """Fewer points are there, alive and free of debt, than are needed."""

    code, detail = "not_enough_points", N_("The card has %(available)s points to spend, and %(needed)s are needed.")


class Lot(NamedTuple):
    """Points of one account that end together. remaining < 0: a debt; times: epoch ms; expires_at None: never; available_at None:
    at once, else pending until then. id 0: of another account, see `Purse.give_back`."""

    id: int
    remaining: int
    expires_at: int | None
    created_at: int = 0
    available_at: int | None = None


class Grant(NamedTuple):
    """A lot that this operation makes; amount < 0: a debt. moved_from: the lot whose points these are; created_at: of that lot,
    None: the operation's moment; rule: the rule that gave it."""

    amount: int
    expires_at: int | None
    available_at: int | None = None
    moved_from: int | None = None
    rule: str | None = None
    created_at: int | None = None


class Leg(NamedTuple):
    """One movement. parts: (lot, amount), a lot < 0 being the operation's own grant number -lot (1, 2, …); amount: what the
    account gained (> 0) or lost, the sum of its parts."""

    book: str
    parts: tuple[tuple[int, int], ...]
    amount: int


def why(kind: str, book: str) -> str:
    """The word that a change of the account is shown with."""
    if kind in ("undo", "refund"):
        return _WHY_BACK[book]
    if kind == "welcome":
        return "welcome"
    return "revived" if book == "expired" and kind not in ("expiry", "closing") else _WHY[book]


def _turn(source: tuple[int, int, int]) -> tuple[int, bool, int]:
    """(end, lot, left) by its end; of one end the older lot first, and the operation's own, numbered -1, -2, …, last."""
    end, lot, _ = source
    return end, lot < 0, abs(lot)


class Purse:
    """An account's lots of one unit in memory, and the legs of the one operation that changes them."""

    def __init__(self, lots: Iterable[Lot], at_ms: int, ended: Iterable[Lot] = (), unit: str = POINTS,
                 stored: Mapping[str, int] | None = None) -> None:
        """lots: those with a remainder; at_ms: the moment that decides which are alive.

        ended: what expired between at_ms and now and may be spent all the same, by a sale that happened before it did.
        stored: the account's balances of all units as they are before the operation.
        """
        self.at_ms, self.unit = at_ms, unit
        self.stored: Mapping[str, int] = stored or {}
        self.legs: list[Leg] = []
        self.grants: list[Grant] = []
        self._left: dict[int, int] = {}
        self._lots: dict[int, Lot] = {}            # as they were, and the grants as they begin
        self._asleep: set[int] = set()             # pending, or made after at_ms: they cannot pay for what happened before them
        for lot in lots:
            lot_id, self._left[lot_id], _, born, opens = lot
            self._lots[lot_id] = lot
            if born > at_ms or (opens is not None and opens > at_ms):
                self._asleep.add(lot_id)
        self._ended = {lot.id: lot for lot in ended} if ended else {}
        # Of a unit whose lots nobody needs (a year of progress) only the sum was read.
        self._unread = 0 if self._lots or stored is None else stored.get(unit, 0)

    @property
    def balance(self) -> int:
        """What the stored balance is after the legs so far; expired points count until an expiry takes them, pending ones always."""
        return sum(self._left.values()) + self._unread

    @property
    def debt(self) -> int:
        """0 or less."""
        return sum([left for left in self._left.values() if left < 0])

    @property
    def spendable(self) -> int:
        return max(0, sum([left for _, _, left in self._sources()]) + self.debt)

    @property
    def pending(self) -> int:
        """What is there and will be spendable later."""
        return sum([left for lot in self._asleep if (left := self._left[lot]) > 0 and self._is_alive(lot)])

    @property
    def lots(self) -> list[Lot]:
        """The lots that are there now, debts and what the operation made among them; own grants have ids < 0."""
        return [self._lots[lot]._replace(remaining=left) for lot, left in self._left.items() if left]

    def spend(self, points: int, book: str = "redeemed") -> None:
        """Take `points` > 0, soonest-ending lots first. Raises NotEnoughPoints, having changed nothing."""
        assert points > 0
        sources = self._sources()
        available = max(0, sum([left for _, _, left in sources]) + self.debt)
        if points > available:
            raise NotEnoughPoints(params={"available": available, "needed": points})
        # Soonest first, so that a shopper never loses points they could have spent; the id breaks ties, so that a replay
        # of the day draws the same lots.
        sources.sort(key=_turn)
        leg, revived = _Parts(self._left), _Parts(self._left)
        for _, lot, left in sources:
            taken = min(points, left)
            if lot in self._ended:
                self._ended[lot] = self._ended[lot]._replace(remaining=left - taken)
                revived.move(lot, taken)
            leg.move(lot, -taken)
            points -= taken
            if not points:
                break
        self._record("expired", revived)
        self._record(book, leg)

    def earn(self, points: int, expires_at: int | None, book: str = "issued", available_at: int | None = None,
             rule: str | None = None) -> None:
        """Put `points` > 0 in: into debts, oldest first, and the rest into a lot of its own, pending until available_at."""
        assert points > 0
        leg = _Parts(self._left)
        rest = self._repay(points, leg)
        self._grant(Grant(rest, expires_at, available_at, rule=rule), leg)
        self._record(book, leg)

    def give_back(self, spent: Sequence[Lot], grace_end: int, book: str = "redeemed") -> None:
        """Put spent points back where they were: `spent` tells how many of each lot, and its end.

        A lot that ended meanwhile cannot take them; those live on together until `grace_end`. Those of a lot with the id 0, which
        stayed behind on an account that was merged into this one, become a new lot with the end of the old one.
        """
        leg, homeless, orphans = _Parts(self._left), 0, dict[int | None, int]()
        for lot in spent:
            rest = self._repay(lot.remaining, leg)
            if lot.expires_at is not None and lot.expires_at <= self.at_ms:
                homeless += rest
            elif not lot.id:
                orphans[lot.expires_at] = orphans.get(lot.expires_at, 0) + rest
            else:
                if lot.id not in self._lots:
                    self._know(lot)
                leg.move(lot.id, rest)
        for end, amount in orphans.items():
            self._grant(Grant(amount, end), leg)
        self._grant(Grant(homeless, grace_end), leg)
        self._record(book, leg)

    def take_back(self, points: int, own_lots: Sequence[int], *, owe: bool, expired: int = 0, book: str = "issued") -> int:
        """Take `points` >= 0 that were earned: from that sale's own lots first, pending or not, then from others, soonest-ending first,
        and from pending ones last.

        expired: how many of the sale's own points ended unspent; nobody had them, so nobody owes them. What is not there
        becomes a debt where `owe` and the unit can be owed, else it is let go; returns how much was let go.
        """
        leg = _Parts(self._left)
        points = self._take(points, [lot for lot in own_lots if self._left.get(lot, 0) > 0], leg)
        points -= min(points, expired)
        points = self._take(points, [lot for _, lot, _ in sorted(self._alive(), key=_turn)], leg)
        if points:
            points = self._take(points, self._pending(), leg)
        owe = owe and self.unit not in READ_ONLY
        if owe:
            self._grant(Grant(-points, None), leg)
        self._record(book, leg)
        return 0 if owe else points

    def _take(self, points: int, lots: Sequence[int], leg: "_Parts") -> int:
        """Take from each of `lots` in turn; returns what is still missing."""
        for lot in lots:
            taken = min(points, self._left[lot])
            leg.move(lot, -taken)
            points -= taken
        return points

    def expire(self) -> int:
        """Take what ended at or before at_ms, also what was still pending; returns how much."""
        ended = [(lot, left) for lot, left in self._left.items() if left > 0 and not self._is_alive(lot)]
        leg = _Parts(self._left)
        for lot, left in ended:
            leg.move(lot, -left)
        self._record("expired", leg)
        return sum([left for _, left in ended])

    def give_up(self, book: str = "returned") -> None:
        """Take everything, debts too: the card ends without ever having been anybody's, or its points live on elsewhere."""
        leg = _Parts(self._left)
        for lot, left in list(self._left.items()):
            leg.move(lot, -left)
        self._record(book, leg)

    def move(self, new_ends: Mapping[int, tuple[int | None, int | None]]) -> None:
        """Give lots another end: lot → (expires_at, available_at). What is left of each goes to a new lot that remembers the old one."""
        leg = _Parts(self._left)
        for lot, (end, available) in sorted(new_ends.items()):
            old, left = self._lots[lot], self._left[lot]
            if left > 0 and (old.expires_at, old.available_at) != (end, available):
                leg.move(lot, -left)
                self._grant(Grant(left, end, available, lot, created_at=old.created_at), leg)
        self._record("moved", leg)

    def move_in(self, lots: Sequence[Lot]) -> None:
        """Take over the lots of another account, each with its end: its points repay this account's debts, the soonest ending first, and
        this one's its debts."""
        leg = _Parts(self._left)
        for lot in sorted(lots, key=lambda lot: (lot.expires_at is None, lot.expires_at or 0, lot.id)):
            if lot.remaining > 0:
                rest = self._repay(lot.remaining, leg)
            else:
                owed = self._take(-lot.remaining, [lot for _, lot, _ in sorted(self._alive(), key=_turn)], leg)
                rest = -self._take(owed, self._pending(), leg)
            self._grant(Grant(rest, lot.expires_at, lot.available_at, lot.id, created_at=lot.created_at), leg)
        self._record("moved", leg)

    def next_operation(self) -> None:
        """Forget the legs; the lots stay as they are now. Only after an operation that granted nothing."""
        assert not self.grants
        self.stored = {**self.stored, self.unit: self.balance}
        self.legs = []

    def _know(self, lot: Lot) -> None:
        self._lots[lot.id] = lot
        if lot.created_at > self.at_ms or (lot.available_at is not None and lot.available_at > self.at_ms):
            self._asleep.add(lot.id)

    def _is_alive(self, lot: int) -> bool:
        """Whether its end has not come; it may be pending."""
        return (end := self._lots[lot].expires_at) is None or end > self.at_ms

    def _alive(self) -> list[tuple[int, int, int]]:
        """(end, lot, left) of each lot that can pay."""
        lots, asleep, at_ms = self._lots, self._asleep, self.at_ms
        return [(end or FOREVER, lot, left) for lot, left in self._left.items()
                if left > 0 and lot not in asleep and ((end := lots[lot].expires_at) is None or end > at_ms)]

    def _pending(self) -> list[int]:
        """The lots that cannot pay yet, those that will first."""
        return sorted([lot for lot in self._asleep if self._left[lot] > 0 and self._is_alive(lot)],
                      key=lambda lot: (self._lots[lot].available_at or 0, lot))

    def _sources(self) -> list[tuple[int, int, int]]:
        """As `_alive`, with what ended since and may still be spent."""
        alive = self._alive()
        if self._ended:
            alive += [(lot.expires_at or FOREVER, lot.id, lot.remaining) for lot in self._ended.values() if lot.remaining]
        return alive

    def _repay(self, points: int, leg: "_Parts") -> int:
        """Debts take what they can of `points`, oldest first; returns the rest."""
        for lot in sorted([lot for lot, left in self._left.items() if left < 0]):
            paid = min(points, -self._left[lot])
            leg.move(lot, paid)
            points -= paid
        return points

    def _grant(self, grant: Grant, leg: "_Parts") -> None:
        if grant.amount:
            self.grants.append(grant)
            lot = -len(self.grants)
            born = self.at_ms if grant.created_at is None else grant.created_at
            self._know(Lot(lot, 0, grant.expires_at, born, grant.available_at))
            leg.move(lot, grant.amount)

    def _record(self, book: str, leg: "_Parts") -> None:
        if leg.amounts:
            self.legs.append(Leg(book, tuple(leg.amounts.items()), sum(leg.amounts.values())))


class Purses(Mapping[str, Purse]):
    """The purses of one account that one operation changes: those that were read, and others made empty when they are asked for.

    In order: the first that was asked for (the programme's unit), then the others by name.
    """

    def __init__(self, at_ms: int, purses: Sequence[Purse], stored: Mapping[str, int]) -> None:
        """purses: those whose lots were read; stored: the account's balances of all units."""
        self.at_ms, self.stored = at_ms, stored
        self.primary = purses[0].unit
        self._purses = {purse.unit: purse for purse in purses}

    @property
    def in_order(self) -> list[Purse]:
        """The purses themselves, in the order of the units."""
        return [self._purses[unit] for unit in self]

    def __getitem__(self, unit: str) -> Purse:
        """Of a unit whose lots were not read: a purse that can be put into. One that could be owed must have been read first."""
        purse = self._purses.get(unit)
        if purse is None:
            if unit not in UNITS:
                raise KeyError(unit)
            assert unit in READ_ONLY or not self.stored.get(unit), f"the lots of {unit} were not read"
            purse = self._purses[unit] = Purse((), self.at_ms, unit=unit, stored=self.stored)
        return purse

    def __contains__(self, unit: object) -> bool:
        return unit in self._purses

    def __iter__(self) -> Iterator[str]:
        return iter((self.primary, *sorted([unit for unit in self._purses if unit != self.primary])))

    def __len__(self) -> int:
        return len(self._purses)

    @property
    def balances(self) -> dict[str, int]:
        """What each unit stands at after the legs so far, also those that were not read; one that never moved is missing."""
        after = {unit: purse.balance for unit, purse in self._purses.items()}
        return {**self.stored, **{unit: left for unit, left in after.items() if left or unit in self.stored or unit == self.primary}}

    def next_operation(self) -> None:
        """As `Purse.next_operation`, of each."""
        for purse in self._purses.values():
            purse.next_operation()
        self.stored = self.balances


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
