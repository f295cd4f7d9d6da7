"""What the accountant's sheet holds: accounts, vouchers, what can be taken back; how long things live and who has which level.

`terms` is a dict of the programme's numbers (see `programmes.py`). Times are milliseconds.
"""
from dataclasses import dataclass, field

from tests.model.purse import FOREVER, Lot, Purse, Refused, end_after, end_of_month


@dataclass(eq=False)
class Voucher:
    reward: str
    ends: int
    status: str = "open"
    id: int | None = None


@dataclass(eq=False)
class Deal:
    """Something that can be taken back. drawn, earned, forgiven: per unit."""

    kind: str
    account: "Account"
    recorded: int
    total: int = 0
    to_pay: int = 0
    id: int | None = None
    lines: list = field(default_factory=list)
    took: list = field(default_factory=list)          # what a reward of the catalogue cost: no payment, it comes back with the whole
    drawn: dict = field(default_factory=dict)
    earned: dict = field(default_factory=dict)
    converted: list = field(default_factory=list)     # (unit, voucher, the lot of each piece that it was made of)
    used: list = field(default_factory=list)
    given: list = field(default_factory=list)
    by_sum: int = 0
    pieces: dict = field(default_factory=dict)
    undone: bool = False
    forgiven: dict = field(default_factory=dict)
    came: tuple = ()                                  # prepaid visits: (day, how many)
    loaded: tuple = ("", 0)
    loaded_back: int = 0
    uses: dict = field(default_factory=dict)          # rule → [day, amount that counts, amount at first]

    def back_net(self):
        return sum(self.lines[number - 1][0] * pieces // self.lines[number - 1][1] for number, pieces in self.pieces.items())

    def is_whole(self):
        return self.undone or self.by_sum + self.back_net() >= self.total

    def state(self):
        """(money, given back per unit, taken per unit) of all that came back so far."""
        if self.is_whole():
            return self.to_pay, {unit: sum(some for _, some in drawn) for unit, drawn in self.drawn.items()}, dict(self.earned)
        net, taken = self.back_net(), {}
        amount = self.by_sum + net
        for unit, earned in self.earned.items():
            lines = [(*self.lines[number - 1][1:], pieces) for number, pieces in self.pieces.items()]
            own = sum(its.get(unit, 0) * pieces // quantity for quantity, its, pieces in lines)
            taken[unit] = own + ((earned - own) * self.by_sum // (self.total - net))
        # Visits are no payment: they come back with the whole sale.
        given = {unit: -(-sum(some for _, some in drawn) * amount // self.total) for unit, drawn in self.drawn.items() if unit != "visits"}
        return self.to_pay * amount // self.total, given, taken


class Account:
    def __init__(self):
        self.purses, self.vouchers, self.levels, self.uses = {}, [], [], {}
        self.freezes, self.visit_days, self.home = [], {}, None

    def __getitem__(self, unit):
        return self.purses.setdefault(unit, Purse())


class Sheet:
    def __init__(self, terms):
        self.terms, self.unit, self.zone = terms, terms["unit"], terms["zone"]
        self.earns_until = self.spends_until = FOREVER
        self.opened = 0

    # Lives.
    def end(self, unit, at, days=None):
        terms = self.terms
        if unit == self.unit and days is None:
            days = terms["days"]
            return FOREVER if days is None else (end_of_month if terms["lot_end"] == "month" else end_after)(at, days, self.zone)
        if unit == "stamps":
            return end_after(at, terms["stamps"]["days"] if days is None else days, self.zone)
        if unit == "progress" and terms["levels"]["window"] == "rolling":
            return end_after(at, terms["levels"]["window_days"], self.zone)
        return end_after(at, days, self.zone) if days else FOREVER

    def put(self, account, unit, number, at, *, deal=None, days=None, waits=False):
        if not number:
            return
        end, parts = self.end(unit, at, days), []
        if unit == self.unit and days is None:
            share = done = 0
            for step_days, step_bp in self.terms["fades"]:
                share += step_bp
                parts.append((number * share // 10_000 - done, min(end, end_after(at, step_days, self.zone))))
                done += parts[-1][0]
            parts.append((number - done, end))
        begins = end_after(at, self.terms["pending_days"], self.zone) if waits and self.terms["pending_days"] and unit == self.unit else 0
        for some, its_end in parts or [(number, end)]:
            if some:
                account[unit].put(some, Lot(0, its_end, at, begins, deal))

    def sweep(self, account, now):
        return sum(purse.sweep(now) for purse in account.purses.values())

    def sweep_of(self, account, unit, now):
        for each in {self.unit, unit}:
            account[each].sweep(now)

    # Levels.
    def progress(self, account, now):
        return sum(lot.left for lot in account["progress"].lots if lot.lives(now))

    def level(self, account, at):
        """(key, reason, until, since) that was held at a moment."""
        rows = [row for row in account.levels if row[3] <= at]
        return rows[-1] if rows else (self.terms["levels"]["levels"][0][0], "reached", None, 0)

    def reached(self, progress):
        return [key for key, threshold, *_ in self.terms["levels"]["levels"] if threshold <= progress][-1]

    def rank(self, key):
        return [level[0] for level in self.terms["levels"]["levels"]].index(key)

    def review(self, account, now, before=None):
        """After an operation (before: the progress without it), or when time has passed."""
        if not self.terms["levels"]:
            return
        progress = self.progress(account, now)
        before = progress if before is None else before
        goal, (held, reason, until, _) = self.reached(progress), self.level(account, FOREVER)
        over = until is not None and until <= now
        if reason == "by_hand" and not over:
            return
        up, grace = self.rank(goal) - self.rank(held), self.terms["levels"]["grace_days"]
        if reason == "by_hand":
            row = (goal, "ended", None)
        elif up > 0 or (up == 0 and reason == "grace"):
            row = (goal, "reached", None)
        elif up == 0 or (reason == "grace" and not over):
            return
        elif reason == "grace" or not grace or self.rank(self.reached(before)) >= self.rank(held):
            row = (goal, "lost", None)
        else:
            row = (held, "grace", end_after(now, grace, self.zone))
        account.levels.append((*row, max([now, *(row[3] for row in account.levels)])))

    def set_level(self, account, key, until, now):
        account.levels.append((key, "by_hand", until, max([now, *(row[3] for row in account.levels)])))

    # What stands against an act.
    def check_open(self, at):
        if at >= self.spends_until:
            raise Refused("program_closed")

    def is_member(self, account, at):
        if not self.terms["membership"]:
            return True
        return any(lot.left + lot.expired > 0 and lot.pays(at) for lot in account["membership"].lots)

    def check_voucher(self, voucher, now):
        if voucher.status != "open" or voucher.ends <= now:
            raise Refused({"used": "voucher_used", "void": "voucher_void"}.get(voucher.status, "voucher_ended"))

    def check_back(self, deal):
        if deal.undone:
            raise Refused("already_undone")

    def home(self, deal):
        return self.now_of(deal.account)

    @staticmethod
    def now_of(account):
        """Where it lives on after merges."""
        while account.home is not None:
            account = account.home
        return account
