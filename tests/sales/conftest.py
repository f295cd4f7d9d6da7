"""A small business at whose till things are sold, and a ledger that must agree with itself after every test (goal M1)."""
from datetime import timedelta

import pytest

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.clock import to_ms
from app.idempotency.rules import Key
from app.ledger import sealing
from app.ledger.verify import verify
from app.programs.rules import dump
from app.programs.terms import Said
from app.sales import service
from app.sales.service import RefundRequest, SaleRequest
from tests.money import NOON, RULES, make_bed


class Till:
    """What a till can do, in short words; `now` moves on by hand. The same key repeats a request."""

    def __init__(self, db, bed, who):
        self.db, self.bed, self.who, self.now, self.keys = db, bed, who, NOON, 0

    def key(self):
        self.keys += 1
        return Key(f"key-{self.bed.business_id}-{self.keys}", b"f" * 32)

    async def sell(self, amount, redeem=0, *, key=None, card_id=None, who=None, **more):
        request = SaleRequest(card_id or self.bed.card_id, amount, redeem, **more)
        return (await service.sell(self.db, who or self.who, request, key or self.key(), self.now)).operation

    async def quote(self, amount, redeem=0, **more):
        return await service.quote(self.db, self.who, SaleRequest(self.bed.card_id, amount, redeem, **more), self.now)

    async def undo(self, sale, who=None, key=None):
        return (await service.undo(self.db, who or self.who, sale.id, key or self.key(), self.now)).operation

    async def refund(self, sale, amount=None, who=None, **more):
        return (await service.refund(self.db, who or self.who, RefundRequest(sale.id, amount, **more), self.key(), self.now)).operation

    async def adjust(self, amount, reason="a birthday", who=None):
        return (await service.adjust(self.db, who or self.bed.manager, self.bed.card_id, "points", amount, reason, self.key(),
                                     self.now)).operation

    async def balance(self, unit="points"):
        return await self.db.fetch_val("SELECT amount FROM balances WHERE account_id = :id AND unit = :unit",
                                       {"id": self.bed.account_id, "unit": unit}) or 0

    async def reward(self, key="coffee", kind="text", **more):
        """A reward of the catalogue."""
        return await benefits.create_reward(self.db, self.bed.manager, self.bed.program_id,
                                            RewardWish(key, kind, Said(key), **more), self.now)

    async def vouchers(self):
        """The account's open ones."""
        return await benefits.vouchers_of(self.db, self.bed.business_id, self.bed.account_id, self.now)

    async def stock(self, key="coffee"):
        return (await benefits.get_reward(self.db, self.bed.business_id, self.bed.program_id, key)).stock

    async def rows(self):
        """How many rows each table of money has: a refusal must not change them."""
        tables = ("operations", "entries", "lots", "receipts", "idempotency_keys", "updates", "update_queue", "events", "audit_entries",
                  "vouchers", "promo_uses", "rule_uses", "level_changes", "approvals")
        return [await self.db.fetch_val(f"SELECT COUNT(*) FROM {table}") for table in tables]

    async def change_rules(self, rules, at=None):
        version = await self.db.fetch_val("UPDATE programs SET rules_version = rules_version + 1 WHERE id = :id RETURNING rules_version",
                                          {"id": self.bed.program_id})
        await self.db.execute("INSERT INTO rules_versions(business_id, program_id, version, rules, created_at, created_by) "
                              "VALUES (:business, :program, :version, :rules, :at, 'test')",
                              {"business": self.bed.business_id, "program": self.bed.program_id, "version": version, "rules": dump(rules),
                               "at": to_ms(at or self.now)})

    def later(self, **parts):
        self.now += timedelta(**parts)


async def make_till(db, rules=RULES, slug="coffee"):
    bed = await make_bed(db, slug, rules=rules)
    return Till(db, bed, bed.key)


@pytest.fixture
async def open_till(db):
    """A till of a programme with other rules: `await open_till(rules)`; its ledger is verified at the end."""
    made = []

    async def open_(rules):
        made.append(await make_till(db, rules))
        return made[-1]

    yield open_
    for till in made:
        await sealing.seal_pending(db)
        assert await verify(db, till.now) == []


@pytest.fixture
async def till(db):
    bed = await make_bed(db, rules=RULES)
    yield (made := Till(db, bed, bed.key))
    await sealing.seal_pending(db)
    assert await verify(db, made.now) == []


async def refused(till, kind, act, **extra):
    """`act` is refused, and nothing was written."""
    before = await till.rows()
    with pytest.raises(kind) as told:
        await act
    assert await till.rows() == before
    return told.value
