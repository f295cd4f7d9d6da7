"""What every act does to the books, by an accountant: integers, lists and dicts, nothing of the program.

`terms` is a dict of the programme's numbers (see `programmes.py`). Times are milliseconds. Every act returns what the till is
told, or raises Refused and has changed nothing.
"""
from dataclasses import dataclass, field
from datetime import timedelta

from tests.model.purse import FOREVER, Lot, Purse, Refused, day_of, end_after, end_of_month, midnight

SPENDABLE = ("points", "money", "stamps", "visits")
MINUTE = 60_000
MOST_VOUCHERS = 20          # that one operation makes of a balance


def spread(whole, weights):
    """Parts in proportion, the sums so far rounded down."""
    total, parts, done, weight = sum(weights), [], 0, 0
    for each in weights:
        weight += each
        parts.append(whole * weight // total - done if total else 0)
        done += parts[-1]
    return parts


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
        self.freezes, self.visit_days, self.home, self.closed = [], {}, None, False

    def __getitem__(self, unit):
        return self.purses.setdefault(unit, Purse())


class Accountant:
    def __init__(self, terms):
        self.terms, self.unit, self.zone = terms, terms["unit"], terms["zone"]
        self.earns_until = self.spends_until = FOREVER

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

    # Sales.
    def check_open(self, at):
        if at >= self.spends_until:
            raise Refused("program_closed")

    def is_member(self, account, at):
        if not self.terms["membership"]:
            return True
        return any(lot.left + lot.expired > 0 and lot.pays(at) for lot in account["membership"].lots)

    def sell(self, account, amount, redeem, at, now, *, lines=(), voucher=None, visits=0):
        """redeem None: as much as may. lines: [(amount, quantity)]. Gives the Deal."""
        terms = self.terms
        self.check_open(at)
        if voucher is not None:
            self.check_voucher(voucher, now)
        self.check_visits(account, visits, at, now)
        purse, frozen = account[self.unit], at >= self.earns_until
        level = next(row for row in terms["levels"]["levels"] if row[0] == self.level(account, at)[0]) if terms["levels"] else None
        member = self.is_member(account, at)
        off = (max(terms["discount_bp"], level[3] if level else 0) if member else terms["membership"]["outside_bp"])
        nets = [line for line, _ in lines]
        if amount > sum(nets):
            nets = [*nets, amount - sum(nets)]
        due = amount - (amount * off // 10_000 if amount >= terms["minimum"] or not member else 0)
        if voucher is not None:
            due -= due * 1_000 // 10_000
        counts = due >= terms["minimum"] and member
        if terms["lot_end"] == "activity" and terms["days"] is not None:
            self.sweep(account, at)
        points = self.redeem(purse.spendable(at, now), due if counts else 0, redeem)
        deal = Deal("sale", account, now, due, due - points * terms["worth"] // terms["worth_points"])
        self.sweep(account, at)
        self.prolong(purse, at)
        if points:
            deal.drawn[self.unit] = purse.spend(points, at, now)
        if visits:
            self.come(account, deal, visits, at, now)
        net = spread(due, nets)
        paid = spread(deal.to_pay, net)
        own = self.earn(account, deal, paid, net, level, at) if counts and not frozen else [{} for _ in net]
        quantities = [quantity for _, quantity in lines] + [1] * (len(nets) - len(lines))
        deal.lines = list(zip(net, quantities, own, strict=True)) if lines else []
        self.convert(account, deal, at, now)
        if voucher is not None:
            voucher.status = "used"
            deal.used.append(voucher)
        self.review(account, now, self.progress(account, now) - sum(lot.left for lot in account["progress"].lots if lot.deal is deal))
        return deal

    def check_voucher(self, voucher, now):
        if voucher.status != "open" or voucher.ends <= now:
            raise Refused({"used": "voucher_used", "void": "voucher_void"}.get(voucher.status, "voucher_ended"))

    def check_visits(self, account, visits, at, now):
        if not visits:
            return
        most, day = self.terms["visits"]["a_day"], day_of(at, self.zone)
        if most is not None and account.visit_days.get(day, 0) + visits > most:
            raise Refused("visits_used_today")
        if visits > account["visits"].spendable(at, now):
            raise Refused("not_enough")

    def come(self, account, deal, visits, at, now):
        day = day_of(at, self.zone)
        account.visit_days[day] = account.visit_days.get(day, 0) + visits
        deal.came, deal.drawn["visits"] = (day, visits), account["visits"].spend(visits, at, now)
        return deal

    def came_not(self, account, deal):
        """Visits that were taken back are no visits of their day."""
        if deal.came:
            day, visits = deal.came
            account.visit_days[day] = account.visit_days.get(day, 0) - visits

    def redeem(self, spendable, due, redeem):
        terms = self.terms
        fitting = due * terms["share_bp"] // 10_000 * terms["worth_points"] // terms["worth"]
        if redeem is None:
            return min(spendable, fitting)
        if redeem > spendable:
            raise Refused("not_enough_points")
        if redeem > fitting:
            raise Refused("over_largest_share")
        return redeem

    def prolong(self, purse, at):
        if self.terms["lot_end"] == "activity" and self.terms["days"] is not None:
            end = end_after(at, self.terms["days"], self.zone)
            for lot in list(purse.lots):
                if lot.left and lot.born <= at and at < lot.end < end:
                    purse.moved(lot, end, lot.begins)

    def base(self, paid, level):
        terms = self.terms
        rate = level[2] if level and level[2] is not None else terms["earn"]
        return paid // terms["per"] * rate if terms["whole_steps"] else paid * rate // terms["per"]

    def earn(self, account, deal, paid, nets, level, at):
        terms, gains = self.terms, []
        base = self.base(deal.to_pay, level)
        gains.append((self.unit, base, spread(base, paid)))
        bonus = terms["bonus"]
        if bonus and deal.total >= bonus["from"]:
            some = self.capped(account, "bonus", bonus["amount"], bonus["person"], None, at)
            gains.append((self.unit, some, spread(some, nets)))
            self.note(account, deal, "bonus", some, at)
        if terms["levels"]:
            measure = terms["levels"]["measure"]
            some = {"spend": deal.to_pay, "points": base, "visits": 1}[measure]
            gains.append(("progress", some, {"spend": paid, "points": spread(base, paid), "visits": [0] * len(paid)}[measure]))
        if terms["stamps"]:
            per = terms["stamps"]["per"]
            some = deal.to_pay // per if per else 1
            gains.append(("stamps", some, spread(some, paid) if per else [0] * len(paid)))
        if terms["charity"]:
            share = deal.to_pay * terms["charity"]["share_bp"] // 10_000
            gains.append(("donated", terms["charity"]["a_visit"] + share, spread(share, paid)))
        owns = [{} for _ in paid]
        for unit, some, parts in gains:
            self.put(account, unit, some, at, deal=deal, waits=True)
            if some:
                deal.earned[unit] = deal.earned.get(unit, 0) + some
                for own, part in zip(owns, parts, strict=True):
                    own[unit] = own.get(unit, 0) + part
        return owns

    def capped(self, account, rule, amount, person, day, at):
        uses = account.uses.get(rule, [])
        room = [amount]
        if person is not None:
            room.append(person - sum(use[1] for use in uses))
        if day is not None:
            room.append(day - sum(use[1] for use in uses if use[0] == day_of(at, self.zone)))
        return max(0, min(room))

    def note(self, account, deal, rule, amount, at):
        if amount:
            account.uses.setdefault(rule, []).append(use := [day_of(at, self.zone), amount, amount])
            if deal is not None:
                deal.uses[rule] = use

    def convert(self, account, deal, at, now):
        for unit, conversion in self.conversions():
            size, carry, days = conversion
            purse = account[unit]
            there = purse.spendable(at, now)
            made = min(there // size, MOST_VOUCHERS)
            if not made:
                continue
            spent = made * size if carry else there
            drawn = purse.spend(spent, at, now)
            rest, units = spent - made * size, [lot for lot, some in drawn for _ in range(some)]
            # Given back from the end: the first voucher that is reversed brings the rest that was lost with it.
            units.reverse()
            for number in range(made):
                begin = number * size + (rest if number else 0)
                share = units[begin:begin + size + (0 if number else rest)]
                voucher = Voucher("coffee", end_after(now, days, self.zone))
                account.vouchers.append(voucher)
                deal.converted.append((unit, voucher, share))

    def conversions(self):
        terms = self.terms
        stamps = [("stamps", terms["stamps"]["card"])] if terms["stamps"] else []
        return [*stamps, *([(self.unit, terms["convert"])] if terms["convert"] else [])]

    # Taking back.
    def check_back(self, deal):
        if deal.undone:
            raise Refused("already_undone")

    def refund(self, deal, amount, now, lines=()):
        """A sum, or (line, pieces); gives (money, shortfall of the programme's unit)."""
        self.check_back(deal)
        was_whole, before, pieces = deal.is_whole(), deal.state(), dict(deal.pieces)
        for number, some in lines:
            pieces[number] = pieces.get(number, 0) + some
        kept = deal.by_sum, deal.pieces
        left = deal.total - deal.by_sum - deal.back_net()
        deal.by_sum += 0 if lines else left if amount is None else amount
        deal.pieces = pieces
        too_many = any(some > deal.lines[number - 1][1] for number, some in pieces.items())
        if too_many or deal.by_sum + deal.back_net() > deal.total or was_whole:
            deal.by_sum, deal.pieces = kept
            raise Refused("refund_exceeds_sale")
        return self.back(deal, before, now)

    def undo(self, deal, now):
        self.check_back(deal)
        if deal.by_sum or deal.pieces or deal.loaded_back:
            raise Refused("already_refunded")
        if now > deal.recorded + self.terms["undo_minutes"] * MINUTE:
            raise Refused("undo_too_late")
        if deal.kind == "purchase":
            return self.unload(deal, deal.to_pay, now, undo=True), 0
        if deal.kind in ("claim", "visit"):
            return self.cancel(deal, now, undo=True)
        before = 0, {}, {}
        deal.undone = True
        return self.back(deal, before, now)

    def home(self, deal):
        account = deal.account
        while account.home is not None:
            account = account.home
        return account

    def back(self, deal, before, now):
        account, terms = self.home(deal), self.terms
        self.sweep(account, now)
        grace_end = end_after(now, terms["grace_days"], self.zone)
        money, given, taken = (self.less(new, old) for new, old in zip(deal.state(), before, strict=True))
        progress = self.progress(account, now)
        self.reverse(account, deal, taken, now, grace_end)
        shortfall = 0
        for unit in sorted({*given, *taken}, key=lambda unit: (unit != self.unit, unit)):
            if given.get(unit):
                account[unit].give_back(self.slice(deal.drawn[unit], before[1].get(unit, 0), given[unit]), now, grace_end)
            short = self.take(account, deal, unit, taken.get(unit, 0), now)
            shortfall += short if unit == self.unit else 0
        if deal.is_whole():
            self.came_not(account, deal)
            for voucher in deal.used:
                voucher.status = "open" if voucher.status == "used" else voucher.status
        for use in deal.uses.values():
            part = use[2] if deal.is_whole() else use[2] * (deal.by_sum + deal.back_net()) // deal.total
            use[1] = use[2] - part
        if deal.kind == "sale":
            # What this operation took is put beside what is left, to see whether it was the operation or time that lowered the level.
            self.review(account, now, progress)
        return money, shortfall

    @staticmethod
    def less(new, old):
        if isinstance(new, int):
            return new - old
        return {unit: some - old.get(unit, 0) for unit, some in new.items()}

    @staticmethod
    def slice(drawn, start, length):
        """What was drawn last comes back first."""
        found = []
        for lot, some in reversed(drawn):
            skipped = min(start, some)
            start -= skipped
            here = min(length, some - skipped)
            length -= here
            if here:
                found.append((lot, here))
        return found

    def take(self, account, deal, unit, number, now):
        def forgiven(wanted):
            gone = sum(lot.expired for lot in self.own(deal, unit))
            some = min(wanted, gone - deal.forgiven.get(unit, 0))
            deal.forgiven[unit] = deal.forgiven.get(unit, 0) + some
            return some

        owed = self.terms["owed"] and unit in SPENDABLE
        return account[unit].take_back(number, deal, now, forgiven, owed)

    def own(self, deal, unit):
        accounts, account = [], deal.account
        while account is not None:
            accounts.append(account)
            account = account.home
        return [lot for each in accounts for lot in each[unit].lots if lot.deal is deal]

    def reverse(self, account, deal, taken, now, grace_end):
        """Vouchers that stamps became, while they are there and needed, become stamps again."""
        for unit, voucher, share in deal.converted:
            purse = account[unit]
            there = sum(lot.left for lot in purse.lots if lot.lives(now)) - purse.debt
            if voucher.status != "open" or voucher.ends <= now or not (deal.is_whole() or taken.get(unit, 0) > max(0, there)):
                continue
            voucher.status = "void"
            purse.give_back([(lot, share.count(lot)) for lot in dict.fromkeys(share)], now, grace_end)

    # Beside sales.
    def adjust(self, account, unit, number, now):
        purse = account[unit]
        if -number > purse.spendable(now, now):
            raise Refused("not_enough_points")
        purse.sweep(now)
        if number > 0:
            self.put(account, unit, number, now)
        else:
            purse.spend(-number, now, now)

    def load(self, account, unit, number, price, days, now):
        """A package, a plan or a gift: paid for, not earned."""
        self.check_open(now)
        if now >= self.earns_until:
            raise Refused("program_closed")
        deal = Deal("purchase", account, now, price, price, loaded=(unit, number))
        for each in {self.unit, unit}:
            account[each].sweep(now)
        if unit == "membership":
            ends = [lot.end for lot in account[unit].lots if lot.left and lot.lives(now)]
            start = max(ends, default=0)
            account[unit].put(1, Lot(0, end_after(start - 1 if start else now, days, self.zone), now, start, deal))
        else:
            self.put(account, unit, number, now, deal=deal, days=days)
        return deal

    def unload(self, deal, amount, now, *, undo=False):
        """The money for the part of a load that is left."""
        self.check_back(deal)
        account, (unit, number) = self.home(deal), deal.loaded
        paid_back, taken = deal.by_sum, deal.loaded_back
        there = account[unit].stored() - sum(lot.left for lot in account[unit].lots if not lot.lives(now))
        left = min(number - taken, max(0, there))
        worth = deal.to_pay * (taken + left) // number - paid_back
        if amount is None:
            amount = max(0, worth)
        elif amount > deal.to_pay - paid_back:
            raise Refused("refund_exceeds_sale")
        if unit == "membership" and amount != deal.to_pay:
            raise Refused("whole_only")
        part = -(-number * (paid_back + amount) // deal.to_pay) - taken
        if amount > worth or part > left or not part:
            raise Refused("purchase_used")
        self.sweep_of(account, unit, now)
        account[unit].take_back(part, deal, now, lambda _: 0, False)
        deal.by_sum, deal.loaded_back, deal.undone = paid_back + amount, taken + part, undo
        return amount

    def sweep_of(self, account, unit, now):
        for each in {self.unit, unit}:
            account[each].sweep(now)

    def claim(self, account, cost, days, now):
        self.check_open(now)
        purse = account[self.unit]
        if cost > purse.spendable(now, now):
            raise Refused("not_enough")
        purse.sweep(now)
        deal = Deal("claim", account, now, drawn={self.unit: purse.spend(cost, now, now)})
        deal.given.append(voucher := Voucher("tenth", end_after(now, days, self.zone)))
        account.vouchers.append(voucher)
        return deal

    def cancel(self, deal, now, *, undo=False):
        """A claim or a visit comes back whole."""
        self.check_back(deal)
        if deal.by_sum:
            raise Refused("already_refunded")
        account = self.home(deal)
        for voucher in deal.given:
            self.check_voucher(voucher, now)
            voucher.status = "void"
        deal.undone, deal.by_sum = undo, not undo
        for unit, drawn in deal.drawn.items():
            self.sweep_of(account, unit, now)
            account[unit].give_back(list(reversed(drawn)), now, end_after(now, self.terms["grace_days"], self.zone))
        self.came_not(account, deal)
        return 0, 0

    def visit(self, account, visits, at, now):
        self.check_open(at)
        self.check_visits(account, visits, at, now)
        self.sweep_of(account, "visits", at)
        return self.come(account, Deal("visit", account, now), visits, at, now)

    def freeze(self, account, days, now):
        purse, terms = account["visits"], self.terms["visits"]
        waiting = [lot for lot in purse.lots if lot.left and lot.lives(now) and lot.begins > now]
        if waiting:
            raise Refused("already_frozen")
        if not purse.spendable(now, now):
            raise Refused("not_enough")
        if len(account.freezes) >= terms["freeze_times"] or sum(account.freezes) + days > terms["freeze_days"]:
            raise Refused("freeze_limit")
        self.sweep_of(account, "visits", now)
        account.freezes.append(days)
        for lot in [lot for lot in purse.lots if lot.left and lot.pays(now)]:
            purse.moved(lot, self.later(lot.end, days), end_after(now, days, self.zone))

    def unfreeze(self, account, now):
        purse = account["visits"]
        waiting = [lot for lot in purse.lots if lot.left and lot.lives(now) and lot.begins > now]
        if not waiting:
            raise Refused("not_frozen")
        self.sweep_of(account, "visits", now)
        saved = 0
        for lot in waiting:
            days = (day_of(lot.begins - 1, self.zone) - day_of(now, self.zone)).days
            saved = max(saved, days)
            purse.moved(lot, self.later(lot.end, -days), 0)
        account.freezes[-1] -= saved

    def later(self, end, days):
        return end if end == FOREVER else midnight(day_of(end, self.zone) + timedelta(days=days), self.zone)

    def event(self, account, quantity, at):
        rule = self.terms["event"]
        self.check_open(at)
        some = self.capped(account, "review", rule["amount"] * quantity, rule["person"], rule["day"], at)
        if at >= self.earns_until or not self.is_member(account, at) or not some:
            raise Refused("event_gives_nothing")
        self.sweep_of(account, self.unit, at)
        deal = Deal("event", account, at)
        self.put(account, self.unit, some, at, deal=deal, days=rule["days"])
        self.note(account, None, "review", some, at)
        self.convert(account, deal, at, at)
        return some

    def merge(self, keep, lose, now):
        self.sweep(keep, now)
        self.sweep(lose, now)
        had = self.progress(keep, now)
        for unit in sorted(lose.purses):
            keep[unit].take_over(lose[unit])
        keep.vouchers += lose.vouchers
        lose.vouchers, lose.home = [], keep
        for rule, uses in lose.uses.items():
            keep.uses.setdefault(rule, []).extend(uses)
        keep.freezes += lose.freezes
        for day, visits in lose.visit_days.items():
            keep.visit_days[day] = keep.visit_days.get(day, 0) + visits
        if self.terms["levels"]:
            self.merge_levels(keep, lose, had, now)

    def merge_levels(self, keep, lose, had, now):
        if lose.levels:
            held, (key, reason, until, _) = self.level(keep, FOREVER), self.level(lose, FOREVER)
            if self.rank(key) > self.rank(held[0]):
                lasts = until is None or until > now
                row = (key, "by_hand" if reason == "by_hand" and lasts else "merged", until if lasts else None)
                keep.levels.append((*row, max([now, *(row[3] for row in keep.levels)])))
        self.review(keep, now, had)

    def close(self, accounts):
        for account in accounts:
            account.closed = True
            for purse in account.purses.values():
                purse.lots, purse.debt = [], 0
            for voucher in account.vouchers:
                voucher.status = "void" if voucher.status == "open" else voucher.status
