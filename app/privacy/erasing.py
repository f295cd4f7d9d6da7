"""A person is erased: their cards end for good, what they held goes back by entries, and nothing that names them is left."""
import json
from dataclasses import dataclass
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
from app.enrolment import store as enrolment_store
from app.errors import Forbidden
from app.google import service as google
from app.ledger import service as ledger
from app.ledger.operations import Draft
from app.ledger.rules import UNITS
from app.privacy import held, held_store, store
from app.privacy.store import Erasure
from app.programs import service as programs
from app.secrets import KeyRing
from app.updates import service as updates
from app.web.principal import Principal

CHANNEL = "erasures"        # wakes the job that writes the list beside the database


@dataclass(frozen=True, slots=True)
class Person:
    """What names somebody, read before it goes: whatever else holds it goes too."""

    name: str | None
    e164: str | None
    email: str | None

    def is_named_in(self, text: str) -> bool:
        folded = text.casefold()
        return any(word and word.casefold() in folded for word in (self.name, self.e164, (self.e164 or "")[-10:], self.email))


async def erase(db: Database, ring: KeyRing, who: Principal, customer_id: int, now: datetime) -> Erasure:
    """Forget a shopper of the business: an owner's act, the shopper's own, or the server's (an end of the retention table).

    Name, phone, e-mail, birthday, answers, tags and wishes go, as `held` says table by table; balances end by entries and vouchers
    are void, because nobody can spend them any more; every card that they ever had is `erased`: links, browsers and codes die,
    Apple's phones learn that the pass is void, Google's object is written over with nothing. Operations stay, and point to a
    number alone. The erasure is noted by keyed hashes, so that a restored backup forgets again. Raises Forbidden, NotFound.
    """
    if not (who.may("owner") if who.kind in ("staff", "system") else who.kind == "shopper" and who.id == customer_id):
        raise Forbidden()
    await customers.get(db, ring, who.business_id, customer_id)
    for card in await cards.cards_of_customer(db, who.business_id, customer_id):
        if card.status == "provisional":
            await _end_enrolment(db, ring, who, card, now)

    async def act(tx: Transaction) -> Erasure:
        customer = await customers.get(tx, ring, who.business_id, customer_id)
        person = Person(customer.name, await customers.phone_of(tx, ring, who.business_id, customer_id),
                        await customers.email_of(tx, ring, who.business_id, customer_id))
        noted = await store.note(tx, who, customer_id, now)
        held_cards = await _end_cards(tx, who, customer_id, now)
        removed = await _forget(tx, who.business_id, customer_id, person, now)
        await customers.erase(tx, who.business_id, customer_id, now)
        await updates.emit(tx, who.business_id, "customer.erased", now, customer_id=customer_id)
        await audit.record(tx, who, "customer.erased", "customer", customer_id, now=now)
        tx.notify(CHANNEL)
        return await store.finish(tx, noted, len(held_cards), removed)

    return await write_transaction(db, act)


async def _end_cards(tx: Transaction, who: Principal, customer_id: int, now: datetime) -> list[Card]:
    """Every card of theirs with its account, page and Google object; returns them."""
    found = await cards.cards_of_customer(tx, who.business_id, customer_id)
    await ledger.lock(tx, who.business_id, sorted({card.account_id for card in found}))
    for card in {card.account_id: card for card in found}.values():
        await _empty(tx, who, card, now)
    for card in found:
        await page_store.close_codes(tx, card.id, to_ms(now))
        await page_store.end_sessions(tx, card.id)
        await google.erase(tx, who.business_id, card.id, now)
        await cards.erase(tx, card, now)
    return found


async def _forget(tx: Transaction, business_id: int, customer_id: int, person: Person, now: datetime) -> dict[str, int]:
    """Everything that `held` says goes; table → rows."""
    ids = await held_store.ids_of(tx, business_id, customer_id)
    removed = {"cancelled_messages": await held_store.cancel_messages(tx, business_id, ids, to_ms(now)),
               "device_logs": await held_store.device_logs(tx, ids), "mails": await held_store.mails(tx, business_id, ids),
               "import_blocks": await held_store.lists(tx, business_id, ids)}
    texts = [row["operation_id"] for row in await held_store.texts_of(tx, business_id, ids) if _must_go(row["content"], person)]
    await held_store.empty_texts(tx, business_id, texts)
    if person.e164:
        await store.forget_demo(tx, person.e164)
    for enrolment_id in ids["enrolment"]:
        await enrolment_store.end(tx, enrolment_id, "cancelled", to_ms(now))
    removed |= {"operation_texts": len(texts), **await held_store.forget(tx, business_id, ids)}
    return {table: count for table, count in removed.items() if count}


def _must_go(content: str, person: Person) -> bool:
    """Whether texts of an operation were written by hand, where a person may be named, or name this one."""
    said = json.loads(content)
    return any(key in said for key in held.EMPTIED_TEXTS) or person.is_named_in(content)


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
