"""What a browser with a card's link may see and do: look, stop the messages, and, after a code by SMS, change its own details."""
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import secrets
from app.card_pages import rules, store
from app.cards import service as cards
from app.cards.rules import check_can_change
from app.cards.service import Card
from app.clock import from_ms, to_ms
from app.customers import contacts
from app.customers import service as customers
from app.customers.contacts import Contact
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid, NotFound, Refused, TesseraError
from app.ledger import operations_store
from app.ledger.operations import Operation
from app.ledger.operations_store import Filter
from app.limits import service as limits
from app.limits.rules import Limit
from app.mail import service as mail
from app.mail.service import Mail
from app.programs import service as programs
from app.programs.store import Program
from app.referrals import service as referrals
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import service as sms
from app.sms.service import Order
from app.text import N_
from app.web.principal import Principal, shopper

KEPT = timedelta(days=1)
MAIL_MOST, MAIL_WINDOW, MAIL_GAP_SECONDS = 10, timedelta(days=1), 60


class NoPhone(Refused):
    """The card's customer has neither a number nor an address that a code could go to."""

    code, detail = "no_phone", N_("This card has no phone number. Ask at the till, they can help.")


class WrongCode(Invalid):
    def __init__(self) -> None:
        sentence = N_("This code does not fit, or its ten minutes are over. Ask for another one.")
        super().__init__(fields=[FieldError("code", "code", sentence)])


class NotConfirmed(Forbidden):
    """The stronger side of the page needs a code first."""

    code, detail = "not_confirmed", N_("Confirm with the code from the message first.")


@dataclass(frozen=True, slots=True)
class Opened:
    """A card behind a page link. strength: `card` (from the SMS) or `pass` (printed on the pass, which people share)."""

    card: Card
    program: Program
    strength: str


async def open_link(db: Database, ring: KeyRing, token: str) -> Opened:
    """The card of a link; raises NotFound for unknown and revoked ones alike, and for provisional cards, which have no page."""
    found = await cards.card_by_token(db, ring, token)
    if found is None or found[0].status in ("provisional", "erased"):
        raise NotFound()
    card, strength = found
    return Opened(card, await programs.get_program(db, card.business_id, card.program_id), strength)


async def friends(db: Database, opened: Opened) -> tuple[str, int, int]:
    """The shopper's invitation code ("" where they have none), and how many friends wait for a purchase and brought a reward."""
    card = opened.card
    invitation = await referrals.own_invitation(db, card.business_id, card.account_id)
    if invitation is None:
        return "", 0, 0
    counted = await referrals.counts(db, card.business_id, card.account_id)
    return invitation.code, counted.get("waiting", 0), counted.get("rewarded", 0)


async def invite(db: Database, opened: Opened, code: str, now: datetime) -> None:
    """Makes the shopper's invitation, once. Raises NotFound where friends bring nothing, CardEnded."""
    check_can_change(opened.card, allow=("active", "blocked"))
    await write_transaction(db, lambda tx: referrals.invitation_of(tx, opened.program, opened.card.account_id, code, now))


async def history(db: Database, opened: Opened, limit: int, *, kind: str | None = None, before: int | None = None) -> list[Operation]:
    """What happened on the card's account, newest first. kind: of operations; before: the id of the last one seen; None: all."""
    wanted = Filter(opened.card.business_id, account_id=opened.card.account_id, kind=kind, before=(0, before) if before else None)
    return await operations_store.list_operations(db, wanted, limit)


async def remember(tx: Transaction, ring: KeyRing, business_id: int, card_id: int, secret: str, strength: str, now: datetime) -> None:
    """From now on the browser that sends `secret` is believed for a while (rules.LIVES)."""
    ends = to_ms(now + rules.LIVES[strength])
    await store.append_session(tx, business_id, card_id, _session_hash(ring, secret), strength, to_ms(now), ends)


def _session_hash(ring: KeyRing, secret: str) -> bytes:
    return ring.lookup_hash("page.session", secret)


async def strength_of(db: Database, ring: KeyRing, card_id: int, secret: str, now: datetime) -> str | None:
    """`seen`, `confirmed` or None for the browser that sends `secret`."""
    found = await store.find_session(db, card_id, _session_hash(ring, secret), to_ms(now)) if secret else None
    return found[0] if found else None


async def confirmed_at(db: Database, ring: KeyRing, card_id: int, secret: str, now: datetime) -> datetime | None:
    """When the browser that sends `secret` typed the card's code; None where it is not believed (any more)."""
    found = await store.find_session(db, card_id, _session_hash(ring, secret), to_ms(now)) if secret else None
    return from_ms(found[1]) if found and found[0] == "confirmed" else None


async def send_code(db: Database, ring: KeyRing, settings: Settings, opened: Opened, language: str, address: str, now: datetime) -> None:
    """Texts six digits to the card's number, or mails them where its person has an address only; the code before stops working.

    Raises NoPhone, Suppressed and the kinds of TooMany of sms.queue: then the old code still works.
    """
    code, card = secrets.new_digits(rules.CODE_DIGITS), opened.card

    who = shopper(card.business_id, card.customer_id)
    try:
        await write_transaction(db, lambda tx: queue_code(tx, ring, settings, who, opened, "code", code, language, now, address=address))
    except sms.REFUSALS as refusal:
        await note_refusal(db, ring, settings, card, refusal, now)
        raise


async def note_refusal(db: Database, ring: KeyRing, settings: Settings, card: Card, refusal: TesseraError, now: datetime) -> None:
    """A code that was not texted, as `sms.note_refusal` keeps it; nothing where the card's person has an address only."""
    contact = await contact_of(db, ring, card)
    if contact.e164 is not None:
        await sms.note_refusal(db, settings, card.business_id, contact.e164, refusal, now)


async def queue_code(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, opened: Opened, purpose: str, code: str,
                     language: str, now: datetime, *, address: str | None = None, location_id: int | None = None) -> None:
    """purpose: code, typed on the card's page, or till_code, told to a cashier: the one never does what the other does. Raises as
    `send_code`."""
    card = opened.card
    contact = await contacts.contact_of(tx, ring, card.business_id, card.customer_id)
    brand = opened.program.business_name_in(language)
    if contact.e164 is not None:
        order = Order(card.business_id, contact.e164, purpose, brand, code, language, card_id=card.id, location_id=location_id,
                      address=address)
        await sms.queue(tx, ring, settings, who, order, now)
    elif contact.email is not None and mail.is_set_up(settings):
        await _mail_code(tx, ring, card, contact.email, brand, code, language, now)
    else:
        raise NoPhone()
    await store.close_codes(tx, card.id, to_ms(now))
    await store.append_code(tx, card.business_id, card.id, _code_hash(ring, purpose, card.id, code), to_ms(now),
                            to_ms(now + rules.CODE_LIFE))


async def _mail_code(tx: Transaction, ring: KeyRing, card: Card, email: str, brand: str, code: str, language: str, now: datetime) -> None:
    await limits.hit(tx, [Limit("page.mail", str(card.id), MAIL_WINDOW // timedelta(seconds=1), MAIL_MOST, MAIL_GAP_SECONDS)], now)
    subject, text = rules.code_mail(language, brand, code)
    await mail.queue(tx, ring, Mail(email, subject, text), kind="page_code", business_id=card.business_id, now=now)


async def contact_of(reader: Database | Transaction, ring: KeyRing, card: Card) -> Contact:
    """Where a code of this card would go."""
    return await contacts.contact_of(reader, ring, card.business_id, card.customer_id)


def _code_hash(ring: KeyRing, purpose: str, card_id: int, code: str) -> bytes:
    return ring.lookup_hash(f"page.{purpose}", f"{card_id}:{code}")


async def seconds_since_code(db: Database, card_id: int, now: datetime) -> int | None:
    """How long ago the code that still works was sent; None where none works."""
    code = await store.find_code(db, card_id)
    return (to_ms(now) - code.created_at) // 1000 if code and rules.is_open(code, to_ms(now)) else None


async def confirm(db: Database, ring: KeyRing, opened: Opened, typed: str, now: datetime) -> str:
    """Checks a typed code; returns the secret of the browser's confirmed session.

    Five tries a code, counted also when they fail. Raises Invalid (field `code`).
    """
    secret, card = secrets.new_secret(), opened.card

    async def act(tx: Transaction) -> bool:
        if not await spend_code(tx, ring, card, "code", typed, now):
            return False
        await remember(tx, ring, card.business_id, card.id, secret, "confirmed", now)
        return True

    # Judged after the commit: a wrong code must stay counted.
    if not await write_transaction(db, act):
        raise WrongCode()
    return secret


async def spend_code(tx: Transaction, ring: KeyRing, card: Card, purpose: str, typed: str, now: datetime) -> bool:
    """Whether `typed` is the code of that purpose which still works; it works no more then. A wrong one is counted with the commit."""
    digits = "".join(letter for letter in typed if letter.isdecimal())
    code = await store.find_code(tx, card.id)
    if code is None or not rules.is_open(code, to_ms(now)) or not await store.count_try(tx, code.id, rules.CODE_TRIES):
        return False
    if not secrets.same(code.code_hash, _code_hash(ring, purpose, card.id, digits)):
        return False
    await store.close_codes(tx, card.id, to_ms(now))
    return True


async def own_link(db: Database, ring: KeyRing, opened: Opened, now: datetime) -> str:
    """The token of the card link: for a person who came by the pass link and typed the code."""
    return await write_transaction(db, lambda tx: cards.page_link(tx, ring, opened.card, "card", now))


async def set_marketing(db: Database, opened: Opened, granted: bool, language: str, now: datetime) -> None:
    """Gives or withdraws the consent to advertising, in the words of `language`. Withdrawing asks for no more than the link."""
    card = opened.card

    async def act(tx: Transaction) -> None:
        if card.customer_id is None:
            return
        texts = await customers.current_texts(tx, card.business_id, language)
        channel = "card_page" if opened.strength == "card" else "pass_back"
        await customers.record_consent(tx, shopper(card.business_id, card.customer_id), card.customer_id, "marketing", granted,
                                       texts["marketing"].id, channel, now)

    await write_transaction(db, act)


async def forget_old(db: Database, now: datetime) -> None:
    """Deletes codes and browsers' sessions that ended a day ago."""
    await write_transaction(db, lambda tx: store.delete_old(tx, to_ms(now - KEPT)))
