"""A small chain for the simulation: three businesses, a coalition of two of them, programmes of several kinds, and everything random
drawn from a seed.

What the program draws is patched at its edge (salts of the ledger, codes, tokens): it depends on the seed and on the step, so that a step
that was cut and is done again draws the same.
"""
import hashlib
import random
import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec

from app import secrets
from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.clock import FixedClock
from app.coalition import service as coalition
from app.context import Context
from app.db import open_database, write_transaction
from app.db.sqlite import SQLiteTransaction
from app.idempotency.rules import Key
from app.ids import PublicIds
from app.ledger import posting
from app.programs import service as programs
from app.programs import terms
from app.programs.terms import Said
from app.secrets import KeyRing
from app.settings import load
from tests import engines
from tests.shops import RULES, make_card, make_shop

BEGIN = datetime(2026, 10, 5, 8, 0, tzinfo=UTC)       # three weeks before the clocks go back
LEVELS = terms.Levels((terms.Level("basic", Said("Basic"), 0), terms.Level("gold", Said("Gold"), 150_000, 8, 200)), "spend", "rolling", 10,
                      2)
STAMPS = terms.Stamps(terms.Conversion(4, ("coffee",)), days=20)
EVENT = terms.Rule("review", Said("Review"), terms.Earn(15, days=6), terms.When(event="review"), caps=terms.Caps(person=60, campaign=600))
KINDS = {
    "cafe": msgspec.structs.replace(RULES, lot_days=9, pending_days=1, stamps=STAMPS, levels=LEVELS, rules=(EVENT,),
                                    referral=terms.Referral(40, 20, least_minor=1_000, settle_days=3)),
    "books": msgspec.structs.replace(RULES, unit="money", earn_points=500, worth_minor=1, lot_days=12, largest_share_bp=10_000,
                                     gift=terms.Gift(least_minor=100), charity=terms.Charity(Said("Trees"), 5, 100), rules=()),
    "yoga": msgspec.structs.replace(RULES, lot_days=5, visits=terms.Visits((terms.Package("six", Said("Six"), 6, 60_000, 12),), 3, 6, 2),
                                    membership=terms.Membership((terms.Plan("week", Said("Week"), 7, 40_000),), 3, 100)),
    "together": msgspec.structs.replace(RULES, lot_days=15, fades=(terms.Fade(5, 5_000),)),
}


class Cut(Exception):
    """The process died here, as far as one transaction can tell."""


class Drawn:
    """What stands for `os` and `secrets` where the program draws: from the seed and the step."""

    def __init__(self, seed):
        self.seed, self.random = seed, random.Random(seed)

    def begin(self, step):
        self.random = random.Random(f"{self.seed}/{step}")

    def as_os(self):
        return SimpleNamespace(urandom=lambda count: self.random.randbytes(count))

    def as_secrets(self):
        return SimpleNamespace(token_bytes=lambda count: self.random.randbytes(count), choice=lambda some: self.random.choice(some),
                               token_urlsafe=lambda count: self.random.randbytes(count).hex(),
                               randbelow=lambda count: self.random.randrange(count))


class Scissors:
    """Cuts the transaction of one step at its n-th statement."""

    def __init__(self, monkeypatch):
        self.left = None
        for name in ("fetch_one", "fetch_all", "fetch_val"):
            self._patch(monkeypatch, name, getattr(SQLiteTransaction, name))

    def _patch(self, monkeypatch, name, real):
        async def watched(tx, *args, **more):
            if self.left is not None:
                self.left -= 1
                if self.left <= 0:
                    raise Cut()
            return await real(tx, *args, **more)

        monkeypatch.setattr(SQLiteTransaction, name, watched)


class Chain:
    """The shops, their cards, the clock, and what was done: `log`."""

    def __init__(self, seed, folder, monkeypatch):
        self.seed, self.folder, self.dice = seed, folder, random.Random(seed)
        self.drawn, self.scissors = Drawn(seed), Scissors(monkeypatch)
        monkeypatch.setattr(posting, "os", self.drawn.as_os())
        monkeypatch.setattr(secrets, "random", self.drawn.as_secrets())
        self.clock, self.log, self.steps, self.files, self.people = FixedClock(BEGIN), [], 0, 0, 1_000
        self.ring = KeyRing([secrets.new_key()])
        self.ring.use_lookup_key(b"l" * 32)
        self.settings = load({"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder), "TESSERA_SECRET_KEY":
                              secrets.new_key()})

    @property
    def now(self):
        return self.clock.now()

    @property
    def db(self):
        return self.here.db

    async def open(self, shoppers):
        self.path = engines.sqlite_url(self.folder, migrated=True).removeprefix("sqlite:///")
        await self._connect()
        self.shops = {name: await make_shop(self.here, slug=name, name=name.title(), rules=rules) for name, rules in KINDS.items()}
        for name in ("cafe", "books"):
            own = self.shops["together"]
            taking_part = await coalition.invite(self.db, own.who, name, earns=True, spends=True, fee_bp=100, now=self.now)
            await coalition.accept(self.db, self.shops[name].who, taking_part, self.now)
        for name in ("cafe", "books"):
            await self._rewards(self.shops[name], "money" if name == "books" else "points")
        self.cards = {name: [await self._card(name, number) for number in range(shoppers)] for name in KINDS}

    async def _rewards(self, shop, unit):
        for wish in (RewardWish("coffee", "text", Said("Coffee"), stock=25),
                     RewardWish("tenth", "discount", Said("A tenth off"), unit=unit, cost=20, value=1_000, days=6)):
            await benefits.create_reward(self.db, shop.who, shop.program_id, wish, self.now)

    async def _card(self, name, number):
        self.drawn.begin(f"card {name} {number}")
        return await make_card(self.here, self.shops[name], phone=f"+7916{list(KINDS).index(name)}{number:06d}", name=None)

    async def add_card(self, name):
        self.people += 1
        self.cards[name].append(await self._card(name, self.people))
        return self.cards[name][-1]

    async def _connect(self):
        db = open_database(f"sqlite:///{self.path}")
        await db.connect()
        self.here = Context(self.settings, db, self.ring, PublicIds(b"i" * 32), self.clock)

    async def die(self):
        """The power goes: what lies in the file and its journal at this moment is opened as another server's."""
        self.files += 1
        path = str(self.folder / f"after-{self.files}.db")
        for end in ("", "-wal"):
            shutil.copy(self.path + end, path + end)
        await self.db.disconnect()
        self.path = path
        await self._connect()

    async def acting(self, member):
        return await coalition.acting_for(self.db, self.shops[member].cashier, self.shops["together"].business_id)

    def key(self):
        self.steps += 1
        return Key(f"step-{self.steps}", hashlib.sha256(str(self.steps).encode()).digest())

    async def in_transaction(self, act):
        return await write_transaction(self.db, act)

    async def program(self, name):
        return await programs.get_program(self.db, self.shops[name].business_id, self.shops[name].program_id)
