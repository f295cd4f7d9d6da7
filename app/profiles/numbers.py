"""Another number for the person of a card. The old one was proven by a fresh code, or a manager vouched; the new one is by its own code.

Where the new number is another customer's, both numbers are proven by then, and the two may become one person.
"""
import logging
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.card_pages.service import Opened, WrongCode
from app.cards import service as cards
from app.cards.rules import Card, check_can_change
from app.clock import to_ms
from app.context import Context
from app.customers import contacts, documents, merging_store
from app.customers import numbers as customer_numbers
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.errors import Expired, FieldError, Invalid, Refused, TooMany
from app.limits import service as limits
from app.limits.rules import Limit
from app.profiles import merging, rules, store
from app.profiles.store import NumberChange
from app.programs import service as programs
from app.sms import service as sms
from app.sms.service import Order
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal, shopper, system

log = logging.getLogger("tessera.profiles")
PHONE, LOST_PHONE = "number_changes.phone", "number_notices.phone"
CHANGED, TAKEN = "changed", "taken"
DAY_SECONDS = 86_400


class SameNumber(Invalid):
    def __init__(self) -> None:
        super().__init__(fields=[FieldError("phone", "same", N_("This is the card's number already."))])


class NotBegun(Expired):
    """Nothing waits for a code, or it waited too long."""

    detail = N_("The ten minutes are over. Begin once more.")


async def begin(here: Context, opened: Opened, e164: str, language: str, now: datetime, *, address: str | None = None,
                voucher: Principal | None = None, reason: str = "") -> None:
    """Six digits go to the new number (clean already); whatever was begun before is over.

    The caller made sure of the old number: by a fresh code, or `voucher`, a manager, says who the person is and why (`reason`). Raises
    CardProvisional, CardEnded, SameNumber, Suppressed and the kinds of TooMany of sms.queue.
    """
    card, code = opened.card, secrets.new_digits(6)
    check_can_change(card, allow=("active", "blocked"))
    who = voucher or shopper(card.business_id, card.customer_id)
    asked = Limit("number.card", str(card.id), DAY_SECONDS, rules.NUMBERS_A_DAY)
    order = Order(card.business_id, e164, "till_code" if voucher else "code", opened.program.business_name_in(language), code, language,
                  card_id=card.id, address=address)

    async def act(tx: Transaction) -> None:
        if (await contacts.contact_of(tx, here.ring, card.business_id, card.customer_id)).e164 == e164:
            raise SameNumber()
        await limits.hit(tx, [asked], now)
        await sms.queue(tx, here.ring, here.settings, who, order, now)
        await store.end_changes(tx, card.business_id, card.id, to_ms(now))
        await store.append_change(tx, {
            "business_id": card.business_id, "card_id": card.id, "phone_sealed": here.ring.seal_text(PHONE, e164, _bound(card)),
            "code_hash": _hash(here, card, code), "staff_id": voucher.id if voucher else None, "now": to_ms(now),
            "expires_at": to_ms(now + rules.CODE_LIFE)})
        if voucher:
            await audit.record(tx, voucher, "customer.number_vouched", "card", card.id, {"reason": reason}, now=now)

    try:
        await write_transaction(here.db, act)
    except sms.REFUSALS as refusal:
        await sms.note_refusal(here.db, here.settings, card.business_id, e164, refusal, now)
        raise


def _bound(card: Card) -> bytes:
    return str(card.business_id).encode()


def _hash(here: Context, card: Card, code: str) -> bytes:
    return here.ring.lookup_hash("profile.number", f"{card.id}:{code}")


async def waiting(here: Context, card: Card, now: datetime) -> tuple[NumberChange, str] | None:
    """The change that is not over, and its number; None where none was begun lately."""
    change = await store.find_change(here.db, card.business_id, card.id, to_ms(now))
    return (change, here.ring.open_text(PHONE, change.phone_sealed, _bound(card))) if change else None


async def cancel(here: Context, card: Card, now: datetime) -> None:
    await write_transaction(here.db, lambda tx: store.end_changes(tx, card.business_id, card.id, to_ms(now)))


async def prove(here: Context, opened: Opened, typed: str, language: str, now: datetime, *, voucher: Principal | None = None) -> str:
    """The code that went to the new number was typed: CHANGED, or TAKEN where the number is another customer's (then `merge`, or
    nothing). Five tries, counted also when they fail. A card that was nobody's gets a person, who agreed to the terms by asking for
    it. Raises NotBegun, WrongCode (field `code`).
    """
    card = opened.card

    async def act(tx: Transaction) -> str:
        change = await _begun(tx, card, voucher, now)
        digits = "".join(letter for letter in typed if letter.isdecimal())
        if not await store.count_try(tx, change.id, rules.CODE_TRIES) or not secrets.same(change.code_hash, _hash(here, card, digits)):
            return ""
        e164 = here.ring.open_text(PHONE, change.phone_sealed, _bound(card))
        holder = await customers.find_by_phone(tx, here.ring, card.business_id, e164)
        if holder is not None and holder.id != card.customer_id:
            await store.set_proven(tx, change.id, to_ms(now), to_ms(now + rules.MERGE_LIFE))
            return TAKEN
        await _set(tx, here, opened, e164, language, voucher, now)
        return CHANGED

    # Judged after the commit: a wrong code must stay counted.
    if not (found := await write_transaction(here.db, act)):
        raise WrongCode()
    return found


async def _begun(tx: Transaction, card: Card, voucher: Principal | None, now: datetime) -> NumberChange:
    """A change that a manager vouched for is finished at the console, one that a code proved on the card's page."""
    change = await store.find_change(tx, card.business_id, card.id, to_ms(now))
    if change is None or (change.staff_id is None) != (voucher is None):
        raise NotBegun()
    return change


async def merge(here: Context, opened: Opened, language: str, now: datetime, *, voucher: Principal | None = None) -> None:
    """Both numbers are proven: the person of the new one and the card's become one, who is reached by the new number.

    Raises NotBegun, and for cards that cannot be merged CardBlocked, CardProvisional or CardEnded; then nothing has changed.
    """
    card = opened.card
    check_can_change(card, allow=("active",))
    who = voucher or shopper(card.business_id, card.customer_id)

    async def act(tx: Transaction) -> None:
        change = await _begun(tx, card, voucher, now)
        # Whoever presses twice at once waits here, and then finds it done.
        if not await store.claim_merge(tx, change.id, to_ms(now)):
            raise NotBegun()
        e164 = here.ring.open_text(PHONE, change.phone_sealed, _bound(card))
        other = await customers.find_by_phone(tx, here.ring, card.business_id, e164)
        fresh = await cards.get_card(tx, card.business_id, card.id)
        if other is not None and other.id != fresh.customer_id:
            joined = await merging.join(tx, who, fresh, other.id, now)
            await audit.record(tx, who, "customer.joined", "customer", joined, {"from": other.id}, now=now)
        await _set(tx, here, opened, e164, language, voucher, now)

    await write_transaction(here.db, act)


async def _set(tx: Transaction, here: Context, opened: Opened, e164: str, language: str, voucher: Principal | None, now: datetime) -> None:
    """The number leads to the card's person from here on, and every card of theirs is drawn anew."""
    card = await cards.get_card(tx, opened.card.business_id, opened.card.id)
    old = await contacts.contact_of(tx, here.ring, card.business_id, card.customer_id)
    if card.customer_id is None:
        customer_id = await _person(tx, here, card, e164, language, now)
    else:
        customer_id = card.customer_id
        await customer_numbers.set_phone(tx, here.ring, card.business_id, customer_id, e164)
    who = voucher or shopper(card.business_id, customer_id)
    await store.end_changes(tx, card.business_id, card.id, to_ms(now))
    for each in await cards.cards_of_customer(tx, card.business_id, customer_id):
        await updates.append(tx, card.business_id, each.id, now)
    await updates.emit(tx, card.business_id, "customer.number_changed", now, customer_id=customer_id)
    await audit.record(tx, who, "customer.number_changed", "customer", customer_id, now=now)
    if voucher is not None and old.e164 is not None and old.e164 != e164:
        await store.append_notice(tx, {
            "business_id": card.business_id, "card_id": card.id, "phone_sealed": here.ring.seal_text(LOST_PHONE, old.e164, _bound(card)),
            "language": language, "due_at": to_ms(now + rules.NOTICE_AFTER), "now": to_ms(now)})


async def _person(tx: Transaction, here: Context, card: Card, e164: str, language: str, now: datetime) -> int:
    """Whoever held an anonymous card has a name to be: they agreed to the terms on the form that asked for the number."""
    customer_id = await customers.create(tx, here.ring, card.business_id, language=language, now=now, e164=e164)
    await merging_store.hand_account(tx, card.business_id, customer_id, card.account_id, card.account_id)
    who = shopper(card.business_id, customer_id)
    await documents.answer(tx, who, customer_id, {"terms": True, "marketing": False}, language, "card_page", now)
    return customer_id


async def forget_old(here: Context, now: datetime) -> None:
    """Deletes changes and links that ended a day ago."""
    await write_transaction(here.db, lambda tx: store.delete_old(tx, to_ms(now) - DAY_SECONDS * 1000))


async def tell_due(here: Context, now: datetime) -> int:
    """The job: tells lost numbers that their card has another one; returns how many were told. A number that cannot be told is let go."""
    told = 0
    for notice in await store.due_notices(here.db, to_ms(now), 50):
        told += await _tell(here, notice, now)
    return told


async def _tell(here: Context, notice: store.Notice, now: datetime) -> bool:
    card = await cards.get_card(here.db, notice.business_id, notice.card_id)
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    now_at = await contacts.contact_of(here.db, here.ring, card.business_id, card.customer_id)
    order = Order(card.business_id, here.ring.open_text(LOST_PHONE, notice.phone_sealed, _bound(card)), "number_notice",
                  program.business_name_in(notice.language), f"*{now_at.hint}", notice.language, card_id=card.id, now_asked=False)

    async def act(tx: Transaction) -> bool:
        if not await store.take_notice(tx, notice.id):
            return False
        await sms.queue(tx, here.ring, here.settings, system(card.business_id), order, now)
        return True

    try:
        return await write_transaction(here.db, act)
    except (Refused, TooMany, Invalid) as refusal:
        log.warning("a lost number of business %s was not told of its successor: %s", card.business_id, refusal.code)
        if isinstance(refusal, sms.REFUSALS):
            await sms.note_refusal(here.db, here.settings, card.business_id, order.e164, refusal, now)
        await write_transaction(here.db, lambda tx: store.take_notice(tx, notice.id))
        return False
