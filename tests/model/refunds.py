"""What comes back, by the accountant: sales by sum and by lines, undone ones, purchases, claims and visits."""
from tests.model.offers import Offers
from tests.model.purse import Refused, end_after

SPENDABLE = ("points", "money", "stamps", "visits")
MINUTE = 60_000


class Refunds(Offers):
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

    def back(self, deal, before, now):
        account, terms = self.home(deal), self.terms
        self.sweep(account, now)
        grace_end = end_after(now, terms["grace_days"], self.zone)
        money, given, taken = (self.less(new, old) for new, old in zip(deal.state(), before, strict=True))
        progress = self.progress(account, now)
        self.reverse(account, deal, taken, now, grace_end)
        shortfall = 0
        for unit in sorted({self.unit, *given, *taken}, key=lambda unit: (unit != self.unit, unit)):
            if unit == self.unit and deal.is_whole():
                account[unit].give_back(list(reversed(deal.took)), now, grace_end)
            if given.get(unit):
                account[unit].give_back(self.slice(deal.drawn[unit], before[1].get(unit, 0), given[unit]), now, grace_end)
            short = self.take(account, deal, unit, taken.get(unit, 0), now)
            shortfall += short if unit == self.unit else 0
        if deal.is_whole():
            self.came_not(account, deal)
            for voucher in deal.used:
                if voucher.status == "used":
                    voucher.status = "open"
                    voucher.ends = grace_end if voucher.ends <= now else voucher.ends
            for voucher in deal.given:
                if voucher.status == "open":
                    self.take_from(voucher, "void")
            self.release_codes(deal)
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
            self.take_from(voucher, "void")
            purse.give_back([(lot, share.count(lot)) for lot in dict.fromkeys(share)], now, grace_end)

    def came_not(self, account, deal):
        """Visits that were taken back are no visits of their day."""
        if deal.came:
            day, visits = deal.came
            account.visit_days[day] = account.visit_days.get(day, 0) - visits

    # What is no sale.
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

    def cancel(self, deal, now, *, undo=False):
        """A claim or a visit comes back whole."""
        self.check_back(deal)
        if deal.by_sum:
            raise Refused("already_refunded")
        account = self.home(deal)
        for voucher in deal.given:
            self.check_voucher(voucher, now)
            self.take_from(voucher, "void")
        deal.undone, deal.by_sum = undo, not undo
        for unit, drawn in deal.drawn.items():
            self.sweep_of(account, unit, now)
            account[unit].give_back(list(reversed(drawn)), now, end_after(now, self.terms["grace_days"], self.zone))
        self.came_not(account, deal)
        return 0, 0
