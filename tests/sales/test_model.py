"""The real services beside a model that counts single points (goal M6: 200 runs of 50 steps; nightly more by settings).

The model knows nothing of lots, entries or SQL: a point is a thing with an end, an age and the sale that brought it; a debt
is a number. After each step both must hold the same points with the same ends, and at the end `verify` must be content.
"""
import asyncio
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.cards import service as cards
from app.clock import to_ms
from app.db import open_database
from app.ledger import service as ledger
from app.ledger.rules import FOREVER, NotEnoughPoints, end_of_lot
from app.ledger.verify import verify
from app.sales import service
from app.sales.rules import AlreadyRefunded, AlreadyUndone, RefundExceedsSale, UndoTooLate
from app.sales.service import RefundRequest, SaleRequest
from tests import engines
from tests.money import NOON, RULES, make_bed

ZONE = "Europe/Moscow"
MEMORY = Path("/dev/shm")
AMOUNTS = st.integers(100, 20_000)
HOURS = st.sampled_from([0, 0, 5, 26])


@dataclass(eq=False)
class Point:
    end: int
    age: int
    sale: "Sold | None"


@dataclass(eq=False)
class Sold:
    id: int
    amount: int
    to_pay: int
    earned: int
    spent: list[Point]
    recorded: object
    refunded: int = 0
    undone: bool = False
    expired: int = 0
    let_go: int = 0
    given: int = field(default=0)


class Model:
    """Points one by one."""

    def __init__(self, rules):
        self.rules, self.points, self.debt, self.age = rules, [], 0, 0

    def sweep(self, now_ms):
        for point in [point for point in self.points if point.end <= now_ms]:
            self.points.remove(point)
            if point.sale:
                point.sale.expired += 1

    def put(self, number, end, sale=None):
        self.age += 1
        repaid = min(number, self.debt)
        self.debt -= repaid
        self.points += [Point(end or FOREVER, self.age, sale) for _ in range(number - repaid)]

    def take(self, number, points=None):
        taken = sorted(self.points if points is None else points, key=lambda point: (point.end, point.age))[:number]
        gone = {id(point) for point in taken}
        self.points = [point for point in self.points if id(point) not in gone]
        return taken

    def spendable(self):
        return max(0, len(self.points) - self.debt)

    def back(self, sale, amount, now_ms, grace_end):
        """A part of a sale comes back; gives the money and the shortfall."""
        before, after = sale.refunded, sale.refunded + amount
        total, sale.refunded = sale.amount, after
        given = -(-len(sale.spent) * after // total) - -(-len(sale.spent) * before // total)
        taken = sale.earned * after // total - sale.earned * before // total
        returning, self.age = sale.spent[::-1][sale.given:sale.given + given], self.age + 1
        sale.given += given
        for point in returning:
            if self.debt:
                self.debt -= 1
            elif point.end <= now_ms:
                self.points.append(Point(grace_end, self.age, None))
            else:
                self.points.append(point)
        taken -= len(self.take(taken, [point for point in self.points if point.sale is sale]))
        forgiven = min(taken, sale.expired - sale.let_go)
        sale.let_go += forgiven
        taken -= forgiven
        taken -= len(self.take(taken))
        shortfall = 0
        if self.rules.refund_debt == "owed":
            self.debt += taken
        else:
            shortfall = taken
        return sale.to_pay * after // total - sale.to_pay * before // total, shortfall


class Ledger(RuleBasedStateMachine):
    """Steps that a till, a manager, a console and the clock can take, in any order."""

    def __init__(self):
        super().__init__()
        # What a power cut leaves is not the question here; in memory the disk does not set the pace.
        self.folder = Path(tempfile.mkdtemp(prefix="tessera-model-", dir=MEMORY if MEMORY.is_dir() else None))
        self.loop = asyncio.new_event_loop()
        self.db = None

    def run(self, work):
        return self.loop.run_until_complete(work)

    @initialize(days=st.sampled_from([1, 4, 9, None]), debt=st.sampled_from(["owed", "waived"]),
                mode=st.sampled_from(["proportional", "whole_steps"]))
    def open(self, days, debt, mode):
        rules = msgspec.structs.replace(RULES, earn_points=3, earn_per_minor=500, earn_mode=mode, worth_minor=50, largest_share_bp=10_000,
                                        lot_days=days, refund_debt=debt, refund_grace_days=2)
        self.db = open_database(engines.sqlite_url(self.folder, migrated=True))
        self.run(self.db.connect())
        self.bed = self.run(make_bed(self.db, rules=rules))
        self.model, self.rules_, self.now, self.card, self.sales = Model(rules), rules, NOON, self.bed.card_id, []

    def end_of(self, days):
        return end_of_lot(self.now, days, ZONE)

    def settle(self):
        self.model.sweep(to_ms(self.now))

    @rule(amount=AMOUNTS, hours=HOURS)
    def sell(self, amount, hours):
        self.now += timedelta(hours=hours)
        self.purchase(amount, 0)

    @rule(amount=AMOUNTS, hours=HOURS)
    def sell_for_all_points(self, amount, hours):
        self.now += timedelta(hours=hours)
        self.purchase(amount, None)

    @rule(amount=AMOUNTS, points=st.integers(1, 200))
    def sell_for_some_points(self, amount, points):
        self.purchase(amount, min(points, amount // 50))

    def purchase(self, amount, redeem):
        self.settle()
        request = SaleRequest(self.card, amount, redeem)
        act = service.sell(self.db, self.bed.key, request, None, self.now)
        if redeem is not None and redeem > self.model.spendable():
            with pytest.raises(NotEnoughPoints):
                self.run(act)
            return
        operation = self.run(act).operation
        spent = self.model.take(min(amount // 50, self.model.spendable()) if redeem is None else redeem)
        paid = amount - 50 * len(spent)
        earned = paid // 500 * 3 if self.rules_.earn_mode == "whole_steps" else paid * 3 // 500
        sold = Sold(operation.id, amount, paid, earned, spent, self.now)
        self.model.put(earned, self.end_of(self.rules_.lot_days), sold)
        self.sales.append(sold)
        assert (operation.to_pay_minor, -operation.gained("redeemed"), operation.gained("earned")) == (paid, len(spent), earned)

    @precondition(lambda self: self.sales)
    @rule(which=st.integers(0, 9), share=st.integers(1, 100))
    def refund_a_part(self, which, share):
        sold = self.sales[-1 - which % len(self.sales)]
        self.refund(sold, max(1, (sold.amount - sold.refunded) * share // 100))

    @precondition(lambda self: self.sales)
    @rule(which=st.integers(0, 9), more=st.sampled_from([0, 0, 1]))
    def refund_the_rest(self, which, more):
        sold = self.sales[-1 - which % len(self.sales)]
        self.refund(sold, max(1, sold.amount - sold.refunded + more))

    def refund(self, sold, amount):
        act = service.refund(self.db, self.bed.manager, RefundRequest(sold.id, amount), None, self.now)
        if sold.undone or amount > sold.amount - sold.refunded:
            with pytest.raises(AlreadyUndone if sold.undone else RefundExceedsSale):
                self.run(act)
            return
        self.settle()
        self.compare_back(sold, amount, self.run(act).operation)

    @precondition(lambda self: self.sales)
    @rule(which=st.integers(0, 3))
    def undo(self, which):
        sold = self.sales[-1 - which % len(self.sales)]
        act = service.undo(self.db, self.bed.manager, sold.id, None, self.now)
        late = self.now > sold.recorded + timedelta(minutes=10)
        if sold.undone or sold.refunded or late:
            with pytest.raises(AlreadyUndone if sold.undone else AlreadyRefunded if sold.refunded else UndoTooLate):
                self.run(act)
            return
        self.settle()
        sold.undone = True
        self.compare_back(sold, sold.amount, self.run(act).operation)

    def compare_back(self, sold, amount, operation):
        money, shortfall = self.model.back(sold, amount, to_ms(self.now), self.end_of(2))
        assert (operation.pay_back_minor, operation.shortfall) == (money, shortfall)

    @rule(points=st.integers(-60, 60).filter(bool))
    def adjust(self, points):
        act = service.adjust(self.db, self.bed.manager, self.card, "points", points, "as agreed", None, self.now)
        if -points > self.alive_spendable():
            with pytest.raises(NotEnoughPoints):
                self.run(act)
            return
        self.run(act)
        self.settle()
        if points > 0:
            self.model.put(points, self.end_of(self.rules_.lot_days))
        else:
            self.model.take(-points)

    @rule()
    def replace(self):
        self.card = self.run(cards.replace(self.db, self.bed.manager, self.card, None, "472", self.now)).id

    @rule(hours=st.sampled_from([0.1, 60, 240]))
    def wait(self, hours):
        self.now += timedelta(hours=hours)

    @rule()
    def expire(self):
        self.run(ledger.expire_due(self.db, self.now))
        self.settle()

    def alive_spendable(self):
        return max(0, sum(point.end > to_ms(self.now) for point in self.model.points) - self.model.debt)

    @invariant()
    def same_points(self):
        if self.db is None:
            return
        rows = self.run(self.db.fetch_all("SELECT expires_at, SUM(remaining) AS left, remaining < 0 AS is_debt FROM lots "
                                          "WHERE remaining <> 0 GROUP BY expires_at, remaining < 0"))
        now_ms, real, debt = to_ms(self.now), {}, 0
        for row in rows:
            if row["is_debt"]:
                debt -= row["left"]
            elif (row["expires_at"] or FOREVER) > now_ms:
                real[row["expires_at"] or FOREVER] = row["left"]
        model = {}
        for point in self.model.points:
            if point.end > now_ms:
                model[point.end] = model.get(point.end, 0) + 1
        assert (real, debt) == (model, self.model.debt)

    def teardown(self):
        if self.db is not None:
            try:
                assert self.run(verify(self.db, self.now)) == []
            finally:
                self.run(self.db.disconnect())
        self.loop.close()
        shutil.rmtree(self.folder)


NIGHTLY = bool(os.environ.get("TESSERA_NIGHTLY"))
Ledger.TestCase.settings = settings(max_examples=5_000 if NIGHTLY else 200, stateful_step_count=200 if NIGHTLY else 50, deadline=None,
                                    database=None, print_blob=True, suppress_health_check=list(HealthCheck))
TestLedger = pytest.mark.goal("M6")(Ledger.TestCase)
