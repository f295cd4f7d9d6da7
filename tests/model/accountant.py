"""What every act does to the books, by an accountant: integers, lists and dicts, nothing of the program.

Sales and refunds have modules of their own. Every act returns what the till is told, or raises Refused and has changed nothing.
"""
from datetime import timedelta

from tests.model.purse import FOREVER, Lot, Refused, day_of, end_after, midnight
from tests.model.refunds import Refunds
from tests.model.sales import Sales
from tests.model.sheet import Account, Deal

__all__ = ["Account", "Accountant"]


class Accountant(Sales, Refunds):
    """Beside sales and refunds: purchases, claims, visits, events, adjustments, merges."""

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

    def claim(self, account, reward, now):
        self.check_open(now)
        purse, cost = account[self.unit], self.price(reward)
        if cost > purse.spendable(now, now):
            raise Refused("not_enough")
        if not self.shelf(reward):
            raise Refused("out_of_stock")
        purse.sweep(now)
        deal = Deal("claim", account, now, drawn={self.unit: purse.spend(cost, now, now)})
        deal.given.append(self.hand_out(account, reward, self.terms["rewards"][reward]["days"], now))
        return deal

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
        some = self.capped(account, "review", rule["amount"] * quantity, rule, at)
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
