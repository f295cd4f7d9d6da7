"""What happens behind an activation link: looking changes nothing, a POST finishes the card once, or ends it."""
from dataclasses import dataclass
from datetime import datetime

from app import secrets
from app.card_pages import service as card_pages
from app.cards import service as cards
from app.cards.rules import CardBlocked
from app.cards.service import Card, IssuedNumbers
from app.clock import from_ms, to_ms
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.enrolment import contacts, plastic, rules, sending, service, store
from app.enrolment.rules import Enrolment, Link
from app.errors import Expired, FieldError, Invalid
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.store import Program
from app.referrals import service as referrals
from app.secrets import KeyRing
from app.sms import service as sms
from app.text import N_
from app.web.principal import shopper


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a live link shows: nothing about the person but the last two digits they know already."""

    program: Program
    enrolment: Enrolment
    link: Link
    is_counted: bool


@dataclass(frozen=True, slots=True)
class Form:
    """What the shopper sent: name may be empty; language: the one whose consent texts they read."""

    name: str
    terms: bool
    marketing: bool
    language: str


@dataclass(frozen=True, slots=True)
class Activated:
    """Where the browser goes (`/c/{page_token}`), and the secret by which it finds its card again for a day."""

    card_id: int
    page_token: str
    session: str


async def find(db: Database, ring: KeyRing, token: str, now: datetime) -> Invitation | None:
    """The invitation behind a live link; None for expired, used and unknown ones alike. Changes nothing."""
    if not secrets.is_token(token, rules.TOKEN_LETTERS):
        return None
    found = await store.find_by_token(db, service.token_hash(ring, token))
    if found is None or not rules.is_alive(*found, to_ms(now)):
        return None
    enrolment, link = found
    program = await programs.get_program(db, enrolment.business_id, enrolment.program_id)
    is_counted = False
    if enrolment.card_id is not None:
        card = await cards.get_card(db, enrolment.business_id, enrolment.card_id)
        is_counted = (await ledger.balances(db, card.account_id)).get("points", 0) != 0
    return Invitation(program, enrolment, link, is_counted)


async def find_used(db: Database, ring: KeyRing, token: str) -> Enrolment | None:
    """The activated enrolment of a link that was used: for a browser that can prove it was the one."""
    if not secrets.is_token(token, rules.TOKEN_LETTERS):
        return None
    found = await store.find_by_token(db, service.token_hash(ring, token))
    return found[0] if found and found[0].status == "activated" else None


async def activate(db: Database, ring: KeyRing, token: str, form: Form, now: datetime) -> Activated:
    """Finishes the card, once: of twenty POSTs together one gets it.

    Raises Expired for a link that is used, expired or unknown (asked first), Invalid (fields `terms`, `name`) and ClubClosed (the
    invitation's last place was taken) having used nothing up.
    """
    invitation = await find(db, ring, token, now)
    if invitation is None:
        raise Expired()
    if not form.terms:
        raise Invalid(fields=[FieldError("terms", "required", N_("The card needs this. Tick the box to get it."))])
    name = customers.clean_name(form.name)
    numbers = IssuedNumbers.draw(invitation.program.number_prefix)
    session = secrets.new_secret()

    async def act(tx: Transaction) -> Activated:
        enrolment, link = invitation.enrolment, invitation.link
        if not await store.consume(tx, link.id, to_ms(now)) or not await store.end(tx, enrolment.id, "activated", to_ms(now)):
            raise Expired()
        await sending.stop(tx, ring, enrolment, now)
        await referrals.use_club(tx, invitation.program, enrolment.invitation_id, now)
        card = await _finish(tx, ring, invitation, name, numbers, now)
        await referrals.accept(tx, invitation.program, enrolment.invitation_id, card, now)
        assert card.customer_id is not None
        await _agree(tx, invitation.program, card.customer_id, form, now)
        if (e164 := contacts.phone_of(ring, enrolment)) is not None:
            poster = rules.poster_subject(enrolment.program_id, enrolment.poster or "") if enrolment.source == "poster" else None
            await sms.note_used(tx, ring, e164, enrolment.location_id, poster, from_ms(link.created_at))
        page = await cards.page_link(tx, ring, card, "card", now)
        await card_pages.remember(tx, ring, enrolment.business_id, card.id, session, "seen", now)
        return Activated(card.id, page, session)

    return await write_transaction(db, act)


async def _finish(tx: Transaction, ring: KeyRing, invitation: Invitation, name: str | None, numbers: IssuedNumbers,
                  now: datetime) -> Card:
    """Makes the provisional card active, or issues the poster's. Welcome points come once a card."""
    enrolment, program = invitation.enrolment, invitation.program
    if enrolment.card_id is not None:
        card = await cards.get_card(tx, enrolment.business_id, enrolment.card_id)
        assert card.customer_id is not None
        if name:
            await cards.rename_customer(tx, ring, shopper(enrolment.business_id, card.customer_id), card.customer_id, name, now)
        if not await cards.activate(tx, shopper(enrolment.business_id, card.customer_id), card, now):
            raise CardBlocked()
    else:
        e164, email = contacts.phone_of(ring, enrolment), contacts.email_of(ring, enrolment)
        customer = await contacts.customer_of(tx, ring, enrolment.business_id, e164, email)
        customer_id = customer.id if customer else await customers.create(
            tx, ring, enrolment.business_id, e164=e164, email=email, name=name, language=enrolment.language, now=now)
        # A web shop may have issued one meanwhile.
        if member := await service.member_card(tx, program, customer_id):
            await store.set_card(tx, enrolment.id, member.id)
            return member
        account_id = await ledger.open_account(tx, enrolment.business_id, program.id, customer_id, now)
        card = await cards.issue(tx, ring, shopper(enrolment.business_id, customer_id), program_id=program.id, account_id=account_id,
                                 status="active", source=enrolment.source, numbers=await plastic.numbers_of(tx, enrolment, numbers),
                                 now=now, location_id=enrolment.location_id)
        await store.set_card(tx, enrolment.id, card.id)
        await plastic.activated(tx, enrolment, card, now)
    await ledger.welcome(tx, shopper(enrolment.business_id, card.customer_id), program, card, now)
    return card


async def _agree(tx: Transaction, program: Program, customer_id: int, form: Form, now: datetime) -> None:
    """Remembers both answers with the very texts that were read, also the "no"."""
    texts = await customers.current_texts(tx, program.business_id, form.language)
    who = shopper(program.business_id, customer_id)
    for purpose, granted in (("terms", form.terms), ("marketing", form.marketing)):
        await customers.record_consent(tx, who, customer_id, purpose, granted, texts[purpose].id, "activation", now)


async def not_me(db: Database, ring: KeyRing, token: str, now: datetime) -> None:
    """Whoever holds the phone never asked: the enrolment ends at once and this business texts the number no more.

    Raises Expired for a link that is used, expired or unknown.
    """
    invitation = await find(db, ring, token, now)
    if invitation is None:
        raise Expired()

    async def act(tx: Transaction) -> None:
        enrolment = invitation.enrolment
        if (e164 := contacts.phone_of(ring, enrolment)) is not None:
            await sms.suppress(tx, ring, enrolment.business_id, e164, "not_me", now)
        elif (email := contacts.email_of(ring, enrolment)) is not None:
            await contacts.stop_mail(tx, ring, enrolment.business_id, email, to_ms(now))
        try:
            await service.end(tx, ring, shopper(enrolment.business_id), enrolment, "refused", now)
        except service.EnrolmentOver as exc:
            raise Expired() from exc

    await write_transaction(db, act)


async def page_of_browser(db: Database, ring: KeyRing, used: Enrolment, secret: str, now: datetime) -> str | None:
    """The card page for the browser that used the link, for a day after; None for any other."""
    if used.card_id is None or await card_pages.strength_of(db, ring, used.card_id, secret, now) is None:
        return None
    card = await cards.get_card(db, used.business_id, used.card_id)
    # A card that was replaced is a lost phone's: its browser finds no page any more.
    if card.status not in ("active", "blocked"):
        return None
    return await write_transaction(db, lambda tx: cards.page_link(tx, ring, card, "card", now))
