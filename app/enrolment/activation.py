"""What happens behind an activation link: looking changes nothing, a POST finishes the card once, or ends it."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app import secrets
from app.card_pages import service as card_pages
from app.cards import service as cards
from app.cards.rules import CardBlocked
from app.cards.service import Card, IssuedNumbers
from app.clock import from_ms, to_ms
from app.customers import documents
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.enrolment import contacts, plastic, rules, sending, service, store
from app.enrolment.rules import Enrolment, Link
from app.errors import Expired, FieldError, Invalid
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.store import Program
from app.questions import service as questions
from app.questions.rules import NAME, OPTIONAL, REQUIRED, Question
from app.referrals import service as referrals
from app.secrets import KeyRing
from app.sms import service as sms
from app.text import N_
from app.web.principal import shopper

NO_TERMS = N_("The card needs this. Tick the box to get it.")


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a live link shows: nothing about the person but the last two digits they know already."""

    program: Program
    enrolment: Enrolment
    link: Link
    is_counted: bool
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """What the shopper sent: name may be empty; language: the one whose consent texts they read; fields: what they typed besides, by
    `Question.field`; agreed: answers to the business's own purposes that were asked for."""

    name: str
    terms: bool
    marketing: bool
    language: str
    fields: Mapping[str, str] = field(default_factory=dict)
    agreed: Mapping[str, bool] = field(default_factory=dict)

    @property
    def typed(self) -> dict[str, str]:
        """As `questions.parse` takes it."""
        return {**self.fields, NAME: self.name}


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
    return Invitation(program, enrolment, link, is_counted, tuple(await asked_of(db, ring, enrolment)))


async def asked_of(db: Database, ring: KeyRing, enrolment: Enrolment) -> list[Question]:
    """The questions of an enrolment that is under way: the programme's, without those that somebody answered already."""
    asked = await questions.questions_of(db, enrolment.program_id, {REQUIRED, OPTIONAL})
    if enrolment.card_id is None:
        return asked
    return await _unknown(db, ring, await cards.get_card(db, enrolment.business_id, enrolment.card_id), asked)


async def _unknown(db: Database, ring: KeyRing, card: Card, asked: list[Question]) -> list[Question]:
    """What is left to ask: a cashier may have asked the rest. The name that they typed may be put right, and need not be typed again."""
    assert card.customer_id is not None
    known = await questions.known_of(db, ring, card.business_id, card.customer_id, asked)
    return [replace(each, need=OPTIONAL) if each.id in known else each for each in asked if each.key == NAME or each.id not in known]


async def find_used(db: Database, ring: KeyRing, token: str) -> Enrolment | None:
    """The activated enrolment of a link that was used: for a browser that can prove it was the one."""
    if not secrets.is_token(token, rules.TOKEN_LETTERS):
        return None
    found = await store.find_by_token(db, service.token_hash(ring, token))
    return found[0] if found and found[0].status == "activated" else None


async def activate(db: Database, ring: KeyRing, token: str, form: Form, now: datetime) -> Activated:
    """Finishes the card, once: of twenty POSTs together one gets it.

    Raises Expired for a link that is used, expired or unknown (asked first), Invalid (`terms` and each question's field) and ClubClosed
    (the invitation's last place was taken) having used nothing up.
    """
    invitation = await find(db, ring, token, now)
    if invitation is None:
        raise Expired()
    answers = answers_in(form, invitation.questions, invitation.program, NO_TERMS, now)
    numbers = IssuedNumbers.draw(invitation.program.number_prefix)
    session = secrets.new_secret()

    async def act(tx: Transaction) -> Activated:
        enrolment, link = invitation.enrolment, invitation.link
        if not await store.consume(tx, link.id, to_ms(now)):
            raise Expired()
        card = await complete(tx, ring, invitation.program, enrolment, answers, form, numbers, now)
        if (e164 := contacts.phone_of(ring, enrolment)) is not None:
            poster = rules.poster_subject(enrolment.program_id, enrolment.poster or "") if enrolment.source == "poster" else None
            await sms.note_used(tx, ring, e164, enrolment.location_id, poster, from_ms(link.created_at))
        page = await cards.page_link(tx, ring, card, "card", now)
        await card_pages.remember(tx, ring, enrolment.business_id, card.id, session, "seen", now)
        return Activated(card.id, page, session)

    return await write_transaction(db, act)


async def complete(tx: Transaction, ring: KeyRing, program: Program, enrolment: Enrolment, answers: Mapping[int, str], form: Form,
                   numbers: IssuedNumbers, now: datetime, channel: str = "activation") -> Card:
    """Ends the enrolment with its card active, and keeps what its person said. channel: where they said it, activation or till.

    Raises Expired where somebody was faster, ClubClosed, CardBlocked.
    """
    if not await store.end(tx, enrolment.id, "activated", to_ms(now)):
        raise Expired()
    await sending.stop(tx, ring, enrolment, now)
    await referrals.use_club(tx, program, enrolment.invitation_id, now)
    card = await _finish(tx, ring, program, enrolment, numbers, now)
    await referrals.accept(tx, program, enrolment.invitation_id, card, now)
    assert card.customer_id is not None
    await questions.answer(tx, ring, shopper(enrolment.business_id, card.customer_id), program, card.customer_id, answers, now)
    await _agree(tx, program, card.customer_id, form, channel, now)
    return card


def answers_in(form: Form, asked: Sequence[Question], program: Program, no_terms: str, now: datetime) -> dict[int, str]:
    """What was answered, by question; an empty field leaves what a cashier typed. no_terms: said where the card's terms have no yes.

    Raises Invalid with all that is wrong at once.
    """
    wrong: list[FieldError] = []
    answers: dict[int, str] = {}
    try:
        answers = questions.parse(asked, form.typed, form.language, today=questions.today_of(program, now))
    except Invalid as mistakes:
        wrong += mistakes.fields
    if not form.terms:
        wrong.append(FieldError("terms", "required", no_terms))
    if wrong:
        raise Invalid(fields=wrong)
    return answers


async def _finish(tx: Transaction, ring: KeyRing, program: Program, enrolment: Enrolment, numbers: IssuedNumbers, now: datetime) -> Card:
    """Makes the provisional card active, or issues the poster's. Welcome points come once a card."""
    if enrolment.card_id is not None:
        card = await cards.get_card(tx, enrolment.business_id, enrolment.card_id)
        assert card.customer_id is not None
        if not await cards.activate(tx, shopper(enrolment.business_id, card.customer_id), card, now):
            raise CardBlocked()
    else:
        e164, email = contacts.phone_of(ring, enrolment), contacts.email_of(ring, enrolment)
        customer = await contacts.customer_of(tx, ring, enrolment.business_id, e164, email)
        customer_id = customer.id if customer else await customers.create(
            tx, ring, enrolment.business_id, e164=e164, email=email, language=enrolment.language, now=now)
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


async def _agree(tx: Transaction, program: Program, customer_id: int, form: Form, channel: str, now: datetime) -> None:
    """Remembers every answer with the very texts that were read, also a "no"."""
    answers = {**form.agreed, "terms": form.terms, "marketing": form.marketing}
    await documents.answer(tx, shopper(program.business_id, customer_id), customer_id, answers, form.language, channel, now)


async def not_me(db: Database, ring: KeyRing, token: str, now: datetime) -> None:
    """Whoever holds the phone never asked: the enrolment ends at once and this business texts the number no more.

    Raises Expired for a link that is used, expired or unknown.
    """
    invitation = await find(db, ring, token, now)
    if invitation is None:
        raise Expired()

    async def act(tx: Transaction) -> None:
        enrolment = invitation.enrolment
        await sending.refuse(tx, ring, enrolment, now)
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
