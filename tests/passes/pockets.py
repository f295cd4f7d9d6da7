"""What tests of finished passes share: a shop, a shopper's active card, and what her phone would do."""
import dataclasses

from app.cards import service as cards
from app.cards.service import IssuedNumbers
from app.console import founding
from app.customers import service as customers
from app.db import write_transaction
from app.ledger import service as ledger
from app.passes import service
from app.passes.check import check_pkpass
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.web.principal import Principal

RULES = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, largest_share_bp=5_000, lot_days=30, welcome_points=50)


class Pocket:
    """A shop with one shopper's active card, and what her phone would do."""

    def __init__(self, here, founded, program, card, root):
        self.here, self.program, self.card, self.root = here, program, card, root
        self.who = Principal(founded.business_id, founded.business_id, "staff", id=None, name="Olga", role="owner")

    @property
    def now(self):
        return self.here.clock.now()

    async def build(self, **given):
        await service.ensure(self.here, self.card, self.now)
        return await service.build(self.here, self.card.id, self.now, **given)

    async def contents(self):
        return check_pkpass((await self.build()).data, root_pem=self.root, now=self.now)

    async def welcome(self):
        return await write_transaction(self.here.db, lambda tx: ledger.welcome(tx, self.who, self.program, self.card, self.now))

    async def row(self):
        return dict(await self.here.db.fetch_one("SELECT * FROM passes WHERE card_id = :id", {"id": self.card.id}))


async def make_pocket(here, certificates):
    """The shop, its shopper and her card, on a server with a pass certificate."""
    here.settings = dataclasses.replace(
        here.settings, apple_certificate=certificates.certificate.read_bytes(), apple_key=certificates.key.read_bytes(),
        apple_wwdr=certificates.wwdr.read_bytes())
    now = here.clock.now()

    async def act(tx):
        founded = await founding.found(tx, founding.Wish("coffee", "Coffee corner", "RU", "RUB", "Europe/Moscow", "ru", rules=RULES,
                                                         texts={"ru": {"name": "Кофейный угол"}}), now)
        await programs.create_location(tx, founded.business_id, name="Pushkin Street", latitude=55.76, longitude=37.6, now=now)
        await programs.create_location(tx, founded.business_id, name="By post", now=now)
        program = await programs.get_program(tx, founded.business_id, founded.program_id)
        customer_id = await customers.create(tx, here.ring, founded.business_id, e164="+79161231234", name="Анна", language="ru", now=now)
        account_id = await ledger.open_account(tx, founded.business_id, founded.program_id, customer_id, now)
        who = Principal(founded.business_id, founded.business_id, "system", name="Tessera")
        card = await cards.issue(tx, here.ring, who, program_id=program.id, account_id=account_id, status="active", source="console",
                                 numbers=IssuedNumbers.draw(program.number_prefix), now=now)
        return founded, program, card

    return Pocket(here, *await write_transaction(here.db, act), certificates.root.read_bytes())
