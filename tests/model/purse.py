"""Lots of one unit, counted by hand: what an accountant would keep on a sheet of paper. Imports nothing from the program."""
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

FOREVER = 2**62
_ages = count(1)


class Refused(Exception):
    """The model says no; code: as the services say it."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def midnight(day, zone):
    """The first moment of a local day, in milliseconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()) * 1000


def day_of(at, zone):
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone)).date()


def end_after(at, days, zone):
    """The local midnight after the days-th day; None lasts for ever."""
    return FOREVER if days is None else midnight(day_of(at, zone) + timedelta(days=days + 1), zone)


def end_of_month(at, days, zone):
    last = day_of(at, zone) + timedelta(days=days)
    return midnight(date(last.year + last.month // 12, last.month % 12 + 1, 1), zone)


@dataclass(eq=False)
class Lot:
    """left: what is there; born: when it was earned; begins: from when on it can pay; deal: what brought it."""

    left: int
    end: int
    born: int
    begins: int = 0
    deal: object = None
    moved: "Lot | None" = None           # where the rest of it lives on
    expired: int = 0                     # of it, by an expiry
    age: int = field(default_factory=lambda: next(_ages))

    def lives(self, at):
        return self.end > at

    def pays(self, at):
        return self.lives(at) and self.begins <= at and self.born <= at


def soonest(lots):
    return sorted(lots, key=lambda lot: (lot.end, lot.age))


class Purse:
    """One unit on one account. debt >= 0; where there is a debt, nothing alive stands beside it."""

    def __init__(self):
        self.lots, self.debt = [], 0

    def spendable(self, at, now):
        """At a moment that may be past: what an expiry took since can still be spent by a sale that happened before."""
        return max(0, sum(lot.left + self._revivable(lot, at, now) for lot in self.lots if lot.pays(at)) - self.debt)

    @staticmethod
    def _revivable(lot, at, now):
        return lot.expired if at < lot.end <= now else 0

    def stored(self):
        return sum(lot.left for lot in self.lots) - self.debt

    def put(self, number, lot):
        """Into the debt first; the rest becomes `lot`."""
        repaid = min(number, self.debt)
        self.debt -= repaid
        lot.left = number - repaid
        if lot.left:
            self.lots.append(lot)

    def spend(self, number, at, now):
        """Soonest end first; gives [(lot, how many)]."""
        assert number <= self.spendable(at, now)
        drawn = []
        for lot in soonest(lot for lot in self.lots if lot.pays(at)):
            some = min(number, lot.left + self._revivable(lot, at, now))
            if some:
                alive = min(some, lot.left)
                lot.left -= alive
                lot.expired -= some - alive
                drawn.append((lot, some))
                number -= some
        return drawn

    def sweep(self, now):
        """Takes what ended; gives how much."""
        gone = 0
        for lot in self.lots:
            if lot.left and not lot.lives(now):
                lot.expired += lot.left
                gone += lot.left
                lot.left = 0
        return gone

    def give_back(self, some, now, grace_end):
        """[(lot, how many)] back to where they were, the debt first; what ended meanwhile lives on until grace_end."""
        ended = 0
        for lot, number in some:
            repaid = min(number, self.debt)
            self.debt -= repaid
            number -= repaid
            while lot.moved:
                lot = lot.moved
            if not lot.lives(now):
                ended += number
            elif lot in self.lots:
                lot.left += number
            elif number:                    # it stayed behind, empty, on an account that was merged into this one
                self.lots.append(Lot(number, lot.end, now))
        if ended:
            self.lots.append(Lot(ended, grace_end, now))

    def take_back(self, number, deal, at, forgiven, owed):
        """What a deal earned: from its own lots, then nobody owes what ended unspent, then from others, then as a debt.

        forgiven(n): how many of n ended unspent, noted there. Gives what is let go."""
        number = self._take(number, soonest(lot for lot in self.lots if lot.deal is deal and lot.lives(at)))
        number -= forgiven(number)
        number = self._take(number, soonest(lot for lot in self.lots if lot.lives(at) and lot.begins <= at))
        number = self._take(number, sorted((lot for lot in self.lots if lot.lives(at)), key=lambda lot: (lot.begins, lot.age)))
        if owed:
            self.debt += number
            return 0
        return number

    @staticmethod
    def _take(number, lots):
        for lot in lots:
            some = min(number, lot.left)
            lot.left -= some
            number -= some
        return number

    def moved(self, lot, end, begins):
        """The rest of a lot under another end."""
        new = Lot(lot.left, end, lot.born, begins, lot.deal)
        lot.left, lot.moved = 0, new
        self.lots.append(new)

    def take_over(self, other):
        """Everything of another account: the points of each repay the debts of the other."""
        owed, other.debt = other.debt, 0
        for lot in soonest(lot for lot in other.lots if lot.left):
            repaid = min(lot.left, self.debt)
            self.debt -= repaid
            if lot.left > repaid:
                lot.left -= repaid
                self.moved(lot, lot.end, lot.begins)
            lot.left = 0
        rest = self._take(owed, soonest(self.lots))
        self.debt += rest
