"""What a purchase does to the books, by the accountant: discounts, payment, visits, what it earns, and what becomes vouchers."""
from tests.model.offers import Offers
from tests.model.purse import Refused, day_of, end_after
from tests.model.sheet import Deal

MOST_VOUCHERS = 20          # that one operation makes of a balance


def spread(whole, weights):
    """Parts in proportion, the sums so far rounded down."""
    total, parts, done, weight = sum(weights), [], 0, 0
    for each in weights:
        weight += each
        parts.append(whole * weight // total - done if total else 0)
        done += parts[-1]
    return parts


class Sales(Offers):
    def sell(self, account, amount, redeem, at, now, *, lines=(), voucher=None, visits=0, code=None, buys=None):
        """redeem None: as much as may. lines: [(amount, quantity)]; buys: a reward of the catalogue. Gives the Deal."""
        terms = self.terms
        self.check_open(at)
        if voucher is not None:
            self.check_voucher(voucher, now)
        batch = self.check_code(account, code, at)
        self.check_visits(account, visits, at, now)
        purse, frozen = account[self.unit], at >= self.earns_until
        level = next(row for row in terms["levels"]["levels"] if row[0] == self.level(account, at)[0]) if terms["levels"] else None
        member = self.is_member(account, at)
        off = (max(terms["discount_bp"], level[3] if level else 0) if member else terms["membership"]["outside_bp"])
        nets = [line for line, _ in lines]
        if amount > sum(nets):
            nets = [*nets, amount - sum(nets)]
        due = amount - (amount * off // 10_000 if amount >= terms["minimum"] or not member else 0)
        gifts = [batch["reward"]] if batch and batch["reward"] else []
        for reward in [*gifts, *([voucher.reward] if voucher else []), *([buys] if buys else [])]:
            due = self.lessened(due, reward)
        counts = due >= terms["minimum"] and member
        cost = self.price(buys) if buys else 0
        if cost > purse.spendable(at, now):
            raise Refused("not_enough_points")
        points = self.redeem(purse.spendable(at, now) - cost, due if counts else 0, redeem)
        gifts += [buys] if buys else []
        if any(gifts.count(reward) > self.shelf(reward) for reward in gifts):
            raise Refused("out_of_stock")
        deal = Deal("sale", account, now, due, due - points * terms["worth"] // terms["worth_points"])
        self.sweep(account, at)
        self.prolong(purse, at)
        if points:
            deal.drawn[self.unit] = purse.spend(points, at, now)
        deal.took = purse.spend(cost, at, now)
        if visits:
            self.come(account, deal, visits, at, now)
        net = spread(due, nets)
        paid = spread(deal.to_pay, net)
        self.use_code(account, deal, batch, code)
        for reward in gifts:
            deal.given.append(taken := self.hand_out(account, reward, self.terms["rewards"][reward]["days"], now))
            taken.status = "used"
            deal.used.append(taken)
        own = [{} for _ in net]
        if counts and not frozen:
            own = self.earn(account, deal, paid, net, level, at, self.bonuses(account, deal, amount, batch, at))
            self.treat(account, deal, amount, at, now)
        quantities = [quantity for _, quantity in lines] + [1] * (len(nets) - len(lines))
        deal.lines = list(zip(net, quantities, own, strict=True)) if lines else []
        self.convert(account, deal, at, now)
        if voucher is not None:
            voucher.status = "used"
            deal.used.append(voucher)
        self.review(account, now, self.progress(account, now) - sum(lot.left for lot in account["progress"].lots if lot.deal is deal))
        return deal

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

    def earn(self, account, deal, paid, nets, level, at, bonuses):
        terms, gains = self.terms, []
        base = self.base(deal.to_pay, level)
        gains.append((self.unit, base, spread(base, paid)))
        gains += [(self.unit, some, spread(some, paid if any(paid) else nets)) for some in bonuses]
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

    def convert(self, account, deal, at, now):
        for unit, conversion in self.conversions():
            size, carry, days = conversion
            purse = account[unit]
            there = purse.spendable(at, now)
            made = min(there // size, MOST_VOUCHERS, self.shelf("coffee"))
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
                deal.converted.append((unit, self.hand_out(account, "coffee", days, now), share))

    def conversions(self):
        terms = self.terms
        stamps = [("stamps", terms["stamps"]["card"])] if terms["stamps"] else []
        return [*stamps, *([(self.unit, terms["convert"])] if terms["convert"] else [])]
