"""How somebody gets a card in the demo: what the activation page does, in one commit, at a moment that is handed in."""
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from app.cards import service as cards
from app.cards.rules import Card, IssuedNumbers
from app.context import Context
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.ledger import service as ledger
from app.programs.store import Program
from app.referrals import service as referrals
from app.web.principal import shopper


@dataclass(frozen=True, slots=True)
class Person:
    """Who joins. location_id: where they took the poster's link, if anywhere."""

    phone: str
    name: str | None
    language: str
    birthday: date | None
    wants_news: bool
    location_id: int | None


async def join(here: Context, program: Program, person: Person, at: datetime, invitation_id: int | None = None) -> Card:
    """Customer, consents, account, card, welcome, and what an invitation brings with it."""
    numbers = IssuedNumbers.draw(program.number_prefix)
    return await write_transaction(here.db, partial(_write, here, program, person, at, invitation_id, numbers))


async def _write(here: Context, program: Program, person: Person, at: datetime, invitation_id: int | None, numbers: IssuedNumbers,
                 tx: Transaction) -> Card:
    business_id = program.business_id
    customer_id = await customers.create(tx, here.ring, business_id, e164=person.phone, name=person.name, language=person.language,
                                         birthday=person.birthday, now=at)
    who = shopper(business_id, customer_id)
    texts = await customers.current_texts(tx, business_id, person.language)
    for purpose, granted in (("terms", True), ("marketing", person.wants_news)):
        await customers.record_consent(tx, who, customer_id, purpose, granted, texts[purpose].id, "activation", at)
    account_id = await ledger.open_account(tx, business_id, program.id, customer_id, at)
    await referrals.use_club(tx, program, invitation_id, at)
    card = await cards.issue(tx, here.ring, who, program_id=program.id, account_id=account_id, status="active", source="demo",
                             numbers=numbers, location_id=person.location_id, now=at)
    await referrals.accept(tx, program, invitation_id, card, at)
    await ledger.welcome(tx, who, program, card, at)
    return card
