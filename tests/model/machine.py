"""A machine that does the same acts with the services and on the accountant's sheet, and compares all there is to compare.

After each act both must hold the same lots, debts, levels and vouchers, and must have answered the same; what the accountant refuses
the services refuse with the same code, leaving nothing.
"""
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.benefits import service as benefits
from app.cards import service as cards
from app.clock import to_ms
from app.db import write_transaction
from app.errors import TesseraError
from app.ledger import sealing
from app.ledger import service as ledger
from app.ledger.verify import verify
from app.programs import service as programs
from app.sales import claims, closing, happenings, merging, purchases, service, visits
from app.sales.service import RefundRequest, SaleRequest
from app.standing import service as standings
from tests.model.accountant import Account, Accountant
from tests.model.programmes import ZONE, make_rewards, programmes, rules_of, terms_of
from tests.model.purse import FOREVER, Refused
from tests.money import NOON, add_card, make_bed

START = NOON - timedelta(days=30)          # two days before the clocks of Berlin go back
AMOUNTS = st.integers(100, 12_000)
HOURS = st.sampled_from([0, 0, 0, 1, 26])
LATE = st.sampled_from([0, 0, 0, 0, 5, 30, 72])
WHO = st.sampled_from([0, 0, 0, 1])
NOTHING = ("operations", "entries", "lots", "vouchers", "rule_uses", "level_changes", "receipts", "promo_uses")
LOTS = "SELECT account_id, unit, remaining, expires_at, available_at FROM lots WHERE business_id = :business AND remaining <> 0"
BALANCES = """SELECT b.account_id, b.unit, b.amount FROM balances b JOIN accounts a ON a.id = b.account_id
WHERE a.business_id = :business AND b.amount <> 0"""
VOUCHERS = "SELECT id, account_id, status, ends_at, issued_by FROM vouchers WHERE business_id = :business"
LEVEL = "SELECT account_id, level, at, id FROM level_changes WHERE business_id = :business ORDER BY at, id"


class Books(RuleBasedStateMachine):
    """Steps that tills, a manager, a shopper, the jobs and the clock can take, in any order."""

    db = None
    only = None             # the kind of programme; else it is drawn

    def run(self, work):
        return self.loop.run_until_complete(work)

    def begin(self):
        """Opens self.db on self.loop: of the engine's own."""
        raise NotImplementedError

    def end(self):
        raise NotImplementedError

    @initialize(drawn=programmes())
    def open(self, drawn):
        self.name = self.only or drawn[0]
        self.terms = terms_of(self.name, drawn[1])
        self.begin()
        self.now, self.steps = START, 0
        self.bed = self.run(make_bed(self.db, self.slug(), rules=rules_of(self.terms), zone=ZONE))
        self.run(make_rewards(self.db, self.bed, self.terms, self.now))
        self.books = Accountant(self.terms)
        self.books.opened = self.ms
        self.accounts, self.ids, self.cards, self.deals, self.events = [], [], [], [], 0
        self.take_in(self.bed.account_id, self.bed.card_id)
        self.take_in(*self.run(add_card(self.db, self.bed.business_id, self.bed.program_id)))
        self.known, self.announced = {}, False

    def slug(self):
        return "coffee"

    def take_in(self, account_id, card_id):
        """A new card is welcomed, as an activation does."""
        self.accounts.append(Account())
        self.ids.append(account_id)
        self.cards.append(card_id)
        self.books.welcome(self.accounts[-1], self.ms)

        async def act(tx):
            program = await programs.get_program(tx, self.bed.business_id, self.bed.program_id)
            await ledger.welcome(tx, self.bed.manager, program, await cards.get_card(tx, self.bed.business_id, card_id), self.now)

        self.run(write_transaction(self.db, act))

    @property
    def ms(self):
        return to_ms(self.now)

    def counted(self):
        """How many rows each table has that an act could write."""
        each = " UNION ALL ".join(f"SELECT '{name}' AS name, COUNT(*) AS n FROM {name} WHERE business_id = :business" for name in NOTHING)
        return {row["name"]: row["n"] for row in self.run(self.db.fetch_all(each, {"business": self.bed.business_id}))}

    def both(self, act, model):
        """Does both; gives (the service's answer, the model's), or None where both refuse."""
        self.steps += 1
        try:
            expected = model() or ()
        except Refused as refused:
            expected, code = None, refused.code
        if expected is not None:
            return self.run(act), expected
        before = self.counted()
        with pytest.raises(TesseraError) as told:
            self.run(act)
        assert told.value.code == code, f"refused as {told.value.code}, and not as {code}"
        assert self.counted() == before, "a refusal left something"
        return None

    # Sales.
    @rule(who=WHO, amount=AMOUNTS, redeem=st.sampled_from([0, 0, None, None, 1, 30, 200]), hours=HOURS, late=LATE)
    def sell(self, who, amount, redeem, hours, late):
        self.sale(who, amount, redeem, hours, late)

    @rule(who=WHO, lines=st.lists(st.tuples(st.integers(1, 4_000), st.integers(1, 3)), min_size=1, max_size=4), rest=st.sampled_from(
        [0, 0, 1_000]), redeem=st.sampled_from([0, None]), late=LATE)
    def sell_lines(self, who, lines, rest, redeem, late):
        self.sale(who, sum(amount for amount, _ in lines) + rest, redeem, 0, late, lines)

    @precondition(lambda self: self.terms["visits"])
    @rule(who=WHO, amount=AMOUNTS, count=st.integers(1, 2), late=LATE)
    def sell_with_a_visit(self, who, amount, count, late):
        self.sale(who, amount, 0, 0, late, visits_=count)

    def sale(self, who, amount, redeem, hours, late, lines=(), voucher=None, visits_=0, code=None, buys=None):
        self.now += timedelta(hours=hours)
        at = self.now - timedelta(hours=late)
        request = SaleRequest(self.cards[who], amount, redeem, at=at if late else None, visits=visits_,
                              lines=[{"amount": each, "quantity": quantity} for each, quantity in lines],
                              vouchers=[(voucher.id, None)] if voucher else [], promo_code=code,
                              catalogue=[buys] if buys else [])
        act = service.sell(self.db, self.bed.key, request, None, self.now)
        done = self.both(act, lambda: self.books.sell(self.accounts[who], amount, redeem, to_ms(at), self.ms, lines=lines, voucher=voucher,
                                                      visits=visits_, code=code and code.replace("-", "").upper(), buys=buys))
        if done:
            operation, deal = done[0].operation, done[1]
            self.keep(deal, operation)
            unit = self.books.unit
            assert operation.to_pay_minor == deal.to_pay
            assert operation.amount_minor - operation.discount_minor == deal.total
            assert operation.gained("earned", unit=unit) == deal.earned.get(unit, 0)

    def keep(self, deal, operation):
        deal.id = operation.id
        self.deals.append(deal)

    def deal(self, which):
        return self.deals[-1 - which % len(self.deals)]

    @precondition(lambda self: self.deals)
    @rule(which=st.integers(0, 9), share=st.integers(1, 100))
    def refund_a_part(self, which, share):
        deal = self.deal(which)
        left = deal.total - deal.by_sum - (deal.back_net() if deal.lines else 0)
        self.refund(deal, max(1, left * share // 100))

    @precondition(lambda self: self.deals)
    @rule(which=st.integers(0, 9), more=st.sampled_from([0, 0, 0, 1]))
    def refund_the_rest(self, which, more):
        deal = self.deal(which)
        left = deal.total - deal.by_sum - (deal.back_net() if deal.lines else 0)
        self.refund(deal, left + 1 if more else None)

    @precondition(lambda self: any(deal.lines for deal in self.deals))
    @rule(which=st.integers(0, 5), line=st.integers(0, 3), pieces=st.integers(1, 3))
    def refund_a_line(self, which, line, pieces):
        found = [deal for deal in self.deals if deal.lines]
        deal = found[-1 - which % len(found)]
        self.refund(deal, None, [(1 + line % len(deal.lines), pieces)])

    @precondition(lambda self: any(deal.converted and not deal.is_whole() for deal in self.deals))
    @rule(which=st.integers(0, 5))
    def refund_what_became_a_voucher(self, which):
        found = [deal for deal in self.deals if deal.converted and not deal.is_whole()]
        self.refund(found[-1 - which % len(found)], None)

    def refund(self, deal, amount, lines=()):
        if deal.kind not in ("sale", "purchase"):
            amount, lines = None, ()
        act = service.refund(self.db, self.bed.manager, RefundRequest(deal.id, amount, lines=lines), None, self.now)

        def model():
            if deal.kind == "purchase":
                return self.books.unload(deal, amount, self.ms), 0
            if deal.kind in ("claim", "visit"):
                return self.books.cancel(deal, self.ms)
            return self.books.refund(deal, amount, self.ms, lines)

        self.compare_back(self.both(act, model))

    @precondition(lambda self: self.deals)
    @rule(which=st.integers(0, 3))
    def undo(self, which):
        deal = self.deal(which)
        act = service.undo(self.db, self.bed.manager, deal.id, None, self.now)
        self.compare_back(self.both(act, lambda: self.books.undo(deal, self.ms)))

    def compare_back(self, done):
        if done:
            operation, (money, shortfall) = done[0].operation, done[1]
            assert (operation.pay_back_minor, operation.shortfall) == (money, shortfall)

    # Beside sales.
    @rule(who=WHO, points=st.integers(-60, 90).filter(bool), stamps=st.booleans())
    def adjust(self, who, points, stamps):
        unit = "stamps" if stamps and self.terms["stamps"] else self.terms["unit"]
        points = points % 13 - 5 or 1 if unit == "stamps" else points       # one operation makes 20 vouchers at most
        act = service.adjust(self.db, self.bed.manager, self.cards[who], unit, points, "as agreed", None, self.now)
        self.both(act, lambda: self.books.adjust(self.accounts[who], unit, points, self.ms))

    @rule(who=WHO, reward=st.sampled_from(["tenth", "mug"]))
    def claim(self, who, reward):
        act = claims.claim(self.db, self.bed.key, self.cards[who], reward, None, self.now)
        self.keep_if(self.both(act, lambda: self.books.claim(self.accounts[who], reward, self.ms)))

    def keep_if(self, done):
        if done:
            self.keep(done[1], done[0].operation)

    @rule(who=WHO, quantity=st.integers(1, 3))
    def event(self, who, quantity):
        self.events += 1
        act = happenings.happen(self.db, self.bed.key, self.cards[who], "review", quantity, f"r-{self.events}", None, self.now)
        done = self.both(act, lambda: self.books.event(self.accounts[who], quantity, self.ms))
        assert not done or done[0].operation.gained("earned", unit=self.books.unit) == done[1]

    @precondition(lambda self: self.terms["visits"])
    @rule(who=WHO)
    def buy_visits(self, who):
        self.buy_package(who)

    def buy_package(self, who):
        count, price, days = self.terms["visits"]["package"]
        act = purchases.buy_package(self.db, self.bed.key, self.cards[who], "six", None, self.now)
        self.keep_if(self.both(act, lambda: self.books.load(self.accounts[who], "visits", count, price, days, self.ms)))

    @precondition(lambda self: self.terms["membership"])
    @rule(who=WHO, times=st.integers(1, 2))
    def buy_membership(self, who, times):
        days, price = self.terms["membership"]["plan"]
        for _ in range(times):
            act = purchases.buy_plan(self.db, self.bed.key, self.cards[who], "week", None, self.now)
            self.keep_if(self.both(act, lambda: self.books.load(self.accounts[who], "membership", 1, price, days, self.ms)))

    @precondition(lambda self: self.terms["gift"])
    @rule(who=WHO, amount=AMOUNTS)
    def load_gift(self, who, amount):
        act = purchases.load_gift(self.db, self.bed.key, self.cards[who], amount, None, self.now)
        self.keep_if(self.both(act, lambda: self.books.load(self.accounts[who], "money", amount, amount, self.terms["days"], self.ms)))

    @precondition(lambda self: self.terms["visits"])
    @rule(who=WHO, count=st.integers(1, 2), late=LATE)
    def visit(self, who, count, late):
        at = self.now - timedelta(hours=late)
        act = visits.visit(self.db, self.bed.key, self.cards[who], count, None, self.now, at=at if late else None)
        self.keep_if(self.both(act, lambda: self.books.visit(self.accounts[who], count, to_ms(at), self.ms)))

    @precondition(lambda self: self.terms["visits"])
    @rule(who=WHO, days=st.integers(1, 3), buys=st.booleans())
    def freeze(self, who, days, buys):
        if buys:
            self.buy_package(who)
        act = visits.freeze(self.db, self.bed.key, self.cards[who], days, None, self.now)
        self.both(act, lambda: self.books.freeze(self.accounts[who], days, self.ms))

    @precondition(lambda self: self.terms["visits"])
    @rule(who=WHO)
    def unfreeze(self, who):
        act = visits.unfreeze(self.db, self.bed.key, self.cards[who], None, self.now)
        self.both(act, lambda: self.books.unfreeze(self.accounts[who], self.ms))

    @precondition(lambda self: self.terms["levels"])
    @rule(who=WHO, level=st.integers(0, 2), days=st.sampled_from([None, 2]))
    def set_level(self, who, level, days):
        key, until = self.terms["levels"]["levels"][level][0], self.now + timedelta(days=days) if days else None
        act = standings.set_by_hand(self.db, self.bed.manager, self.cards[who], key, "a friend", until, self.now)
        self.both(act, lambda: self.books.set_level(self.accounts[who], key, to_ms(until) if until else None, self.ms))

    @precondition(lambda self: self.steps > 8 and not self.announced)
    @rule(way=st.booleans())
    def merge(self, way):
        self.merge_into(0 if way else 1)

    @precondition(lambda self: self.steps > 8 and not self.announced)
    @rule(amount=AMOUNTS, debtor_stays=st.booleans())
    def merge_a_debtor(self, amount, debtor_stays):
        """Who spends what a purchase brought and then returns it owes it, while the other card may have something."""
        self.sale(0, amount, 0, 0, 0)
        bought = self.deals[-1]
        self.sale(0, 12_000, None, 0, 0)
        self.refund(bought, None)
        self.merge_into(0 if debtor_stays else 1)

    def merge_into(self, keep):
        lose = 1 - keep
        act = merging.merge(self.db, self.bed.manager, self.cards[keep], self.cards[lose], None, self.now)
        self.both(act, lambda: self.books.merge(self.accounts[keep], self.accounts[lose], self.ms))
        self.accounts, self.ids, self.cards = [self.accounts[keep]], [self.ids[keep]], [self.cards[keep]]
        self.take_in(*self.run(add_card(self.db, self.bed.business_id, self.bed.program_id)))

    # Time.
    @rule(hours=st.sampled_from([0.1, 12, 60, 240]))
    def wait(self, hours):
        self.now += timedelta(hours=hours)

    @rule()
    def expire(self):
        self.run(ledger.expire_due(self.db, self.now))
        for account in self.accounts:
            self.books.sweep(account, self.ms)
        self.run(benefits.expire_due(self.db, self.now))
        self.books.end_vouchers(self.accounts, self.ms)
        if self.terms["levels"]:
            self.run(standings.review_due(self.db, self.now))
            for account in self.accounts:
                self.books.review(account, self.ms)

    @precondition(lambda self: self.steps > 25 and not self.announced)
    @rule(earns=st.integers(1, 40), spends=st.integers(1, 60))
    def announce_the_end(self, earns, spends):
        earns_until, spends_until = self.now + timedelta(hours=earns), self.now + timedelta(hours=earns + spends)
        self.run(closing.announce(self.db, self.bed.manager, self.bed.program_id, earns_until, spends_until, self.now))
        self.announced, self.books.earns_until, self.books.spends_until = True, to_ms(earns_until), to_ms(spends_until)

    # Comparing.
    @invariant()
    def the_same_books(self):
        if self.db is None:
            return
        place, values = dict(zip(self.ids, self.accounts, strict=True)), {"business": self.bed.business_id}
        held, real, model = {}, {}, {}
        for row in self.run(self.db.fetch_all(LOTS, values)):
            held[row["account_id"], row["unit"]] = held.get((row["account_id"], row["unit"]), 0) + row["remaining"]
            self.count(real, row["account_id"], row["unit"], row["remaining"], row["expires_at"] or FOREVER, row["available_at"] or 0)
        stored = {(row["account_id"], row["unit"]): row["amount"] for row in self.run(self.db.fetch_all(BALANCES, values))}
        assert stored == {key: amount for key, amount in held.items() if amount}, "balances and lots differ"
        for account_id, account in place.items():
            for unit, purse in account.purses.items():
                for lot in purse.lots:
                    self.count(model, account_id, unit, lot.left, lot.end, lot.begins)
                if purse.debt:
                    self.count(model, account_id, unit, -purse.debt, FOREVER, 0)
        assert real == model, self.difference(real, model)
        self.same_vouchers(place, values)
        if self.terms["levels"]:
            self.same_levels(place, values)

    @staticmethod
    def difference(real, model):
        keys = sorted(key for key in {*real, *model} if real.get(key) != model.get(key))
        return "; ".join(f"{key}: really {real.get(key)}, on the sheet {model.get(key)}" for key in keys)

    def count(self, where, account_id, unit, amount, end, begins):
        """Alive lots by their ends, and the debt."""
        if amount < 0:
            where[account_id, unit, "debt"] = where.get((account_id, unit, "debt"), 0) + amount
        elif amount and end > self.ms:
            key = account_id, unit, end, begins if begins > self.ms else 0
            where[key] = where.get(key, 0) + amount

    def same_vouchers(self, place, values):
        known = {voucher.id: (account_id, voucher) for account_id, account in place.items() for voucher in account.vouchers if voucher.id}
        fresh = {}
        for row in self.run(self.db.fetch_all(VOUCHERS, values)):
            if row["id"] in known:
                account_id, voucher = known.pop(row["id"])
                assert (row["account_id"], row["status"], row["ends_at"]) == (account_id, voucher.status, voucher.ends)
            else:
                fresh.setdefault((row["account_id"], row["status"], row["ends_at"]), []).append(row["id"])
        for account_id, account in place.items():
            for voucher in account.vouchers:
                if voucher.id is None:
                    assert fresh.get((account_id, voucher.status, voucher.ends)), "a voucher is missing"
                    voucher.id = fresh[account_id, voucher.status, voucher.ends].pop(0)
        assert not known and not any(fresh.values()), "vouchers that should not be"

    def same_levels(self, place, values):
        real = {row["account_id"]: row["level"] for row in self.run(self.db.fetch_all(LEVEL, values))}
        first = self.terms["levels"]["levels"][0][0]
        assert {each: real.get(each, first) for each in self.ids} == {
            each: self.books.level(account, FOREVER)[0] for each, account in place.items()}

    def findings(self):
        self.run(sealing.seal_pending(self.db))
        return self.run(verify(self.db, self.now))

    def teardown(self):
        if self.db is not None:
            try:
                assert self.findings() == []
            finally:
                self.end()

