"""Acts of the API that no other room has: a card for a shopper who agreed elsewhere, and a link to a card's page."""
from dataclasses import dataclass, replace
from datetime import date, datetime

from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import CardEnded, CardProvisional, IssuedNumbers
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.enrolment import service as enrolment
from app.errors import NotFound, Refused
from app.idempotency import service as idempotency
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.store import Program
from app.secrets import KeyRing
from app.text import N_
from app.web.principal import Principal


class AlreadyMember(Refused):
    """The customer has a card of the programme: `card_id`."""

    code, detail = "already_member", N_("This shopper has a card of the programme already.")

    def __init__(self, card_id: int) -> None:
        super().__init__()
        self.card_id = card_id


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who a card is for, clean already; each may be missing. language: what messages and texts are in."""

    e164: str | None
    name: str | None
    email: str | None
    birthday: date | None
    language: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a shopper agreed to besides the terms, the name of the wording that was shown (None: ours), and when."""

    marketing: bool
    text_version: str | None
    at: datetime


async def issue_card(db: Database, ring: KeyRing, who: Principal, program_id: int, shopper: Shopper, agreed: Agreed, source: str,
                     key: Key | None, now: datetime) -> cards.Card:
    """An active card with its welcome points, for a shopper whose consent to the terms the caller has.

    One that waits provisional becomes active instead. Raises NotFound and AlreadyMember.
    """
    program = await programs.get_program(db, who.business_id, program_id)
    if program.closed_at is not None:
        raise NotFound()
    numbers = IssuedNumbers.draw(program.number_prefix)

    async def act(tx: Transaction) -> cards.Card:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            return replace(await cards.get_card(tx, who.business_id, kept.answer["card"]), status="active")
        customer_id = await _customer(tx, ring, who, program, shopper, now)
        card = await _card(tx, ring, who, program, customer_id, numbers, source, now)
        if shopper.e164:
            await enrolment.end_as_member(tx, ring, program, shopper.e164, card.id, now)
        await _agree(tx, who, customer_id, shopper, agreed, now)
        await ledger.welcome(tx, who, program, card, now)
        await audit.record(tx, who, "card.issue", "card", card.id, {"source": source}, now=now)
        await idempotency.keep(tx, who.business_id, key, 201, {
            "card": card.id, "balances": (await ledger.shown(tx, card.account_id, now)).available})
        return card

    try:
        return await write_transaction(db, act)
    except customers.PhoneTaken:
        # Somebody made this customer in the same moment; now they are found.
        return await write_transaction(db, act)


async def _customer(tx: Transaction, ring: KeyRing, who: Principal, program: Program, shopper: Shopper, now: datetime) -> int:
    """The customer with this phone or e-mail address, else a new one. Raises AlreadyMember."""
    found = await customers.find_by_phone(tx, ring, who.business_id, shopper.e164) if shopper.e164 else None
    if found is None and not shopper.e164 and shopper.email:
        found = await customers.find_by_email(tx, ring, who.business_id, shopper.email)
    if found is None:
        return await customers.create(tx, ring, who.business_id, e164=shopper.e164, name=shopper.name, email=shopper.email,
                                      birthday=shopper.birthday, language=shopper.language, now=now)
    if member := await enrolment.member_card(tx, program, found.id):
        raise AlreadyMember(member.id)
    if shopper.name and not found.name:
        await cards.rename_customer(tx, ring, who, found.id, shopper.name, now)
    return found.id


async def _card(tx: Transaction, ring: KeyRing, who: Principal, program: Program, customer_id: int, numbers: IssuedNumbers, source: str,
                now: datetime) -> cards.Card:
    """The customer's provisional card, activated, else a new one."""
    for waiting in await cards.cards_of_customer(tx, who.business_id, customer_id, program.id):
        if waiting.status == "provisional" and await cards.activate(tx, who, waiting, now):
            return await cards.get_card(tx, who.business_id, waiting.id)
    account_id = await ledger.open_account(tx, who.business_id, program.id, customer_id, now)
    return await cards.issue(tx, ring, who, program_id=program.id, account_id=account_id, status="active", source=source, numbers=numbers,
                             now=now, location_id=who.location_id)


async def _agree(tx: Transaction, who: Principal, customer_id: int, shopper: Shopper, agreed: Agreed, now: datetime) -> None:
    """Remembers both answers, also the "no", with the wording that was read."""
    for purpose, granted in (("terms", True), ("marketing", agreed.marketing)):
        if agreed.text_version is None:
            text = (await customers.current_texts(tx, who.business_id, shopper.language))[purpose]
        else:
            text = await customers.foreign_text(tx, who.business_id, purpose, agreed.text_version, now)
        await customers.record_consent(tx, who, customer_id, purpose, granted, text.id, "api", agreed.at)


async def link_page(db: Database, ring: KeyRing, who: Principal, card_id: int, key: Key | None, now: datetime) -> str:
    """The token of a card's page, to hand to its shopper; audited. Raises NotFound, CardProvisional, CardEnded."""
    async def act(tx: Transaction) -> str:
        repeated = await idempotency.claim(tx, who.business_id, key, now)
        card = await cards.get_card(tx, who.business_id, card_id)
        if card.activated_at is None and card.status in ledger.LIVE:
            raise CardProvisional()
        if card.status not in ledger.LIVE:
            raise CardEnded()
        token = await cards.page_link(tx, ring, card, "card", now)
        if repeated is None:
            await audit.record(tx, who, "card.page_link", "card", card.id, now=now)
            await idempotency.keep(tx, who.business_id, key, 201, {"card": card.id})
        return token

    return await write_transaction(db, act)


async def replace_card(db: Database, who: Principal, card_id: int, key: Key | None, now: datetime) -> cards.Card:
    """A new card on the same account, numbered as its programme numbers."""
    old = await cards.get_card(db, who.business_id, card_id)
    program = await programs.get_program(db, who.business_id, old.program_id)
    return await cards.replace(db, who, card_id, key, program.number_prefix, now)

