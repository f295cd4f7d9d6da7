"""The machine's steps with codes, rewards and vouchers, and the end of the programme, with which each run ends."""
import sys
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from app.errors import TesseraError
from app.sales import claims, closing, service
from app.sales.service import SaleRequest
from tests.model.machine import LATE, WHO, Books

DUE = st.integers(1_000, 12_000)        # what is taken off leaves something to pay
CODES = st.sampled_from([None, "SUMMER", "SUMMER", "sum-mer", "ONE1", "ONE2", "ONE3", "LATER", "WINTER"])
STOCKS = "SELECT key, stock FROM rewards WHERE business_id = :business"
CODES_USED = """SELECT c.code, c.used, b.key, b.used AS of_batch FROM promo_codes c JOIN promo_batches b ON b.id = c.batch_id
WHERE c.business_id = :business"""
TOTALS = "SELECT rule, amount FROM rule_totals WHERE business_id = :business AND amount <> 0"
HELD = """SELECT (SELECT COUNT(*) FROM lots WHERE business_id = :business AND remaining <> 0) + (SELECT COUNT(*) FROM balances b
JOIN accounts a ON a.id = b.account_id WHERE a.business_id = :business AND b.amount <> 0)"""
OPEN_CARDS = "SELECT COUNT(*) FROM cards WHERE business_id = :business AND status IN ('active', 'provisional', 'blocked')"


class Shop(Books):
    def lessening(self):
        """(who holds it, a voucher that takes something off a receipt)."""
        return [(who, voucher) for who, account in enumerate(self.accounts) for voucher in account.vouchers if voucher.reward != "coffee"]

    @precondition(lambda self: self.lessening())
    @rule(amount=DUE, which=st.integers(0, 5), code=CODES)
    def sell_with_a_voucher(self, amount, which, code):
        found = self.lessening()
        who, voucher = found[-1 - which % len(found)]
        self.sale(who, amount, 0, 0, 0, (), voucher, code=code)

    @rule(who=WHO, amount=DUE, code=CODES, buys=st.sampled_from([None, None, "mug", "tenth"]), redeem=st.sampled_from([0, 0, None, 200]),
          late=LATE, lines=st.booleans())
    def sell_with_a_code(self, who, amount, code, buys, redeem, late, lines):
        self.sale(who, amount, redeem, 0, late, [(amount - 700, 2), (700, 1)] if lines else [], code=code, buys=buys)

    @invariant()
    def the_same_shelves(self):
        """What is left of rewards, and how often codes and rules with caps gave something."""
        if self.db is None:
            return
        values = {"business": self.bed.business_id}
        assert {row["key"]: row["stock"] for row in self.run(self.db.fetch_all(STOCKS, values))} == self.books.stock
        used = [(use[0]["key"], use[1]) for use in self.books.codes]
        for row in self.run(self.db.fetch_all(CODES_USED, values)):
            told = row["used"], row["of_batch"]
            assert told == (used.count((row["key"], row["code"])), sum(key == row["key"] for key, _ in used)), row["code"]
        given = {rule: sum(use[1] for use in uses) for rule, uses in self.books.gave.items()}
        assert {row["rule"]: row["amount"] for row in self.run(self.db.fetch_all(TOTALS, values))} == {
            name: given[name] for name in ("autumn", "treat", "review") if given.get(name)}

    def teardown(self):
        if self.db is not None and sys.exc_info()[0] is None:
            self.close()
        super().teardown()

    def close(self):
        """After the last day nothing is held, no card works, and a second look finds nothing to do."""
        if not self.announced:
            ends = self.now + timedelta(hours=1), self.now + timedelta(hours=2)
            self.run(closing.announce(self.db, self.bed.manager, self.bed.program_id, *ends, self.now))
        self.now += timedelta(days=5)
        self.run(closing.close_due(self.db, self.now))
        self.books.close(self.accounts, self.ms)
        self.the_same_books()
        self.the_same_shelves()
        for left in (HELD, OPEN_CARDS):
            assert self.run(self.db.fetch_val(left, {"business": self.bed.business_id})) == 0, left
        before = self.counted()
        assert self.run(closing.close_due(self.db, self.now)) == 0
        request = SaleRequest(self.cards[0], 5_000, at=self.now - timedelta(hours=72))
        for act in (service.sell(self.db, self.bed.key, request, None, self.now),
                    claims.claim(self.db, self.bed.key, self.cards[0], "mug", None, self.now)):
            with pytest.raises(TesseraError) as told:
                self.run(act)
            assert told.value.code == "card_ended"
        assert self.counted() == before
