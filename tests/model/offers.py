"""What a shop hands out beside points, by the accountant: codes, rewards with a stock, rules with caps, what a new card begins with,
and the end of it all."""
from tests.model.purse import Lot, Refused, day_of, end_after
from tests.model.sheet import Sheet, Voucher


class Offers(Sheet):
    def __init__(self, terms):
        super().__init__(terms)
        self.stock = dict(terms["stock"])                        # None: as many as wanted
        self.codes, self.gave = [], {}

    # A new card.
    def welcome(self, account, now):
        terms = self.terms
        self.put(account, self.unit, terms["welcome"], now)
        if terms["stamps"]:
            self.put(account, "stamps", terms["stamps"]["first"], now)
        if terms["membership"]:
            account["membership"].put(1, Lot(0, end_after(now, terms["membership"]["trial"], self.zone), now))

    # Rewards.
    def price(self, reward):
        return self.terms["rewards"][reward]["cost"]

    def lessened(self, due, reward):
        what = self.terms["rewards"][reward]
        return due - min(due, what["money_off"]) - due * what["share_bp"] // 10_000

    def shelf(self, reward):
        """How many of them there are."""
        return self.stock[reward] if self.stock[reward] is not None else 10**9

    def hand_out(self, account, reward, days, now):
        if not self.shelf(reward):
            raise Refused("out_of_stock")
        if self.stock[reward] is not None:
            self.stock[reward] -= 1
        account.vouchers.append(voucher := Voucher(reward, end_after(now, days, self.zone)))
        return voucher

    def take_from(self, voucher, status):
        """An open voucher ends: what it stood for is there for others again."""
        assert voucher.status == "open"
        voucher.status = status
        if self.stock[voucher.reward] is not None:
            self.stock[voucher.reward] += 1

    def end_vouchers(self, accounts, now):
        for account in accounts:
            for voucher in account.vouchers:
                if voucher.status == "open" and voucher.ends <= now:
                    self.take_from(voucher, "expired")

    # Promo codes.
    def check_code(self, account, text, at):
        """The batch of a code that may be used now; None without one."""
        if text is None:
            return None
        batch = next((each for each in self.terms["batches"] if text in each["codes"]), None)
        if batch is None:
            raise Refused("promo_unknown")
        day = day_of(at, self.zone)
        if at < self.opened or (batch["first"] and day < batch["first"]):
            raise Refused("promo_not_yet")
        if batch["last"] and day > batch["last"]:
            raise Refused("promo_ended")
        uses = [use for use in self.codes if use[0] is batch]
        if sum(self.now_of(use[2]) is account for use in uses) >= batch["per_person"]:
            raise Refused("promo_used_by_you")
        of_code = sum(use[1] == text for use in uses)
        if (batch["uses"] and of_code >= batch["uses"]) or (batch["total"] and len(uses) >= batch["total"]):
            raise Refused("promo_used_up")
        return batch

    def use_code(self, account, deal, batch, text):
        if batch:
            self.codes.append((batch, text, account, deal))

    def release_codes(self, deal):
        self.codes = [use for use in self.codes if use[3] is not deal]

    # Rules with caps.
    def capped(self, account, rule, amount, caps, at):
        uses, room = account.uses.get(rule, []), [amount]
        if caps.get("person") is not None:
            room.append(caps["person"] - sum(use[1] for use in uses))
        if caps.get("day") is not None:
            room.append(caps["day"] - sum(use[1] for use in uses if use[0] == day_of(at, self.zone)))
        if caps.get("campaign") is not None:
            room.append(caps["campaign"] - sum(use[1] for use in self.gave.get(rule, [])))
        return max(0, min(room))

    def note(self, account, deal, rule, amount, at):
        if amount:
            use = [day_of(at, self.zone), amount, amount]
            account.uses.setdefault(rule, []).append(use)
            self.gave.setdefault(rule, []).append(use)
            if deal is not None:
                deal.uses[rule] = use

    def bonuses(self, account, deal, amount, batch, at):
        """(rule, how much) that named rules add to a receipt of `amount`, and notes it."""
        found, day = [], day_of(at, self.zone)
        for rule in self.terms["bonuses"]:
            is_then = not rule.get("days") or rule["days"][0] <= day <= rule["days"][1]
            if amount >= rule.get("from", 0) and is_then and rule.get("batch") in (None, batch and batch["key"]):
                some = self.capped(account, rule["key"], rule["amount"], rule, at)
                self.note(account, deal, rule["key"], some, at)
                found.append(some)
        return found

    def treat(self, account, deal, amount, at, now):
        """A voucher for who buys much: one that ran out stops no sale and is not counted."""
        rule = self.terms["treat"]
        if amount >= rule["from"] and self.capped(account, "treat", 1, rule, at) and self.shelf("mug"):
            deal.given.append(self.hand_out(account, "mug", self.terms["rewards"]["mug"]["days"], now))
            self.note(account, deal, "treat", 1, at)

    # The end.
    def close(self, accounts, now):
        """Balances and debts are gone, vouchers void."""
        for account in accounts:
            for purse in account.purses.values():
                purse.debt = 0
                for lot in purse.lots:
                    lot.left = 0
            for voucher in account.vouchers:
                if voucher.status == "open" and voucher.ends > now:
                    self.take_from(voucher, "void")
