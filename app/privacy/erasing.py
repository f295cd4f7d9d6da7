"""A person is erased: their cards end for good, what they held goes back by entries, and nothing that names them is left."""
from datetime import datetime

from app.audit import service as audit
from app.benefits import service as benefits
from app.card_pages import store as page_store
from app.cards import service as cards
from app.cards.rules import Card
from app.clock import to_ms
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.enrolment import service as enrolment
from app.errors import Forbidden
from app.google import service as google
from app.ledger import service as ledger
from app.ledger.operations import Draft
from app.ledger.rules import UNITS
from app.programs import service as programs
from app.secrets import KeyRing
from app.updates import service as updates
from app.web.principal import Principal


async def erase(db: Database, ring: KeyRing, who: Principal, customer_id: int, now: datetime) -> None:
    """Forget a shopper of the business: an owner's act, or the shopper's own.

    Name, phone, e-mail and birthday go; balances end by entries and vouchers are void, because nobody can spend them any more; every
    card that they ever had is `erased`: links, browsers and codes die, Apple's phones learn that the pass is void, Google's object is
    written over with nothing. Operations stay, and point to nobody. Raises Forbidden, NotFound.
    """
    if not (who.may("owner") if who.kind == "staff" else who.kind == "shopper" and who.id == customer_id):
        raise Forbidden()
    await customers.get(db, ring, who.business_id, customer_id)
    for card in await cards.cards_of_customer(db, who.business_id, customer_id):
        if card.status == "provisional":
            await _end_enrolment(db, ring, who, card, now)

    async def act(tx: Transaction) -> None:
        held = await cards.cards_of_customer(tx, who.business_id, customer_id)
        await ledger.lock(tx, who.business_id, sorted({card.account_id for card in held}))
        for card in {card.account_id: card for card in held}.values():
            await _empty(tx, who, card, now)
        for card in held:
            await page_store.close_codes(tx, card.id, to_ms(now))
            await page_store.end_sessions(tx, card.id)
            await google.erase(tx, who.business_id, card.id, now)
            await cards.erase(tx, card, now)
        await customers.erase(tx, who.business_id, customer_id, now)
        await updates.emit(tx, who.business_id, "customer.erased", now, customer_id=customer_id)
        await audit.record(tx, who, "customer.erased", "customer", customer_id, now=now)

    await write_transaction(db, act)


async def _end_enrolment(db: Database, ring: KeyRing, who: Principal, card: Card, now: datetime) -> None:
    """Its links die; the number that it waits for is forgotten with it."""
    try:
        await enrolment.cancel(db, ring, who, await enrolment.id_of_card(db, card), now)
    except enrolment.EnrolmentOver:
        return          # activated in this very moment: an ordinary card by now


async def _empty(tx: Transaction, who: Principal, card: Card, now: datetime) -> None:
    """What the card's account holds ends by entries, debts too."""
    program = await programs.get_program(tx, who.business_id, card.program_id)
    purses = await ledger.purses_of(tx, card.account_id, now, now, tuple(dict.fromkeys((program.rules.unit, *UNITS))))
    for purse in purses.values():
        purse.give_up("expired")
    if any(purse.legs for purse in purses.values()):
        draft = Draft("expiry", program.id, card.account_id, card.id, to_ms(now), program.rules_version)
        await ledger.post(tx, who, draft, purses, now)
    for voucher in await benefits.vouchers_of(tx, who.business_id, card.account_id, now):
        await benefits.void(tx, who.business_id, voucher.id)
