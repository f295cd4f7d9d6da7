"""From a number to a card: an enrolment is started, its link travels by SMS, a POST through the link finishes it, once."""
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.cards import service as cards
from app.cards.service import Card, IssuedNumbers
from app.clock import from_ms, to_ms
from app.customers import phones
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.enrolment import rules, store
from app.enrolment.rules import Enrolment
from app.enrolment.store import Reader
from app.errors import NotFound, Refused
from app.idempotency import service as idempotency
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.limits.rules import LimitReached
from app.programs import service as programs
from app.programs.store import Program
from app.referrals import service as referrals
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import service as sms
from app.sms.service import Order
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal, system

FORGOTTEN_AT_ONCE = 50
TOLD_FOR = timedelta(hours=24)


class EnrolmentOver(Refused):
    """It was activated, cancelled or has expired."""

    code, detail = "enrolment_over", N_("This enrolment has ended already. Start a new one if the shopper still wants a card.")


@dataclass(frozen=True, slots=True)
class Told:
    """An enrolment as the till and the API see it. status: rules.told_status, or `already_member` (id and expires_at None)."""

    id: int | None
    status: str
    card_id: int | None
    expires_at: datetime | None
    phone_hint: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants a card, and where it was said. source: till | api | poster; poster, address and invitation_id: of the public form."""

    program_id: int
    e164: str
    source: str
    language: str
    name: str | None = None
    location_id: int | None = None
    poster: str = ""
    address: str | None = None
    invitation_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Random material of one call: an act may run again and must write the same."""

    token: str
    numbers: IssuedNumbers


async def start(db: Database, ring: KeyRing, settings: Settings, who: Principal, wish: Wish, now: datetime,
                key: Key | None = None) -> Told:
    """A till or the API types a number: a provisional card that may be credited at once, and a message with the link.

    A number that waits already gets the same enrolment, one that has a card is `already_member`; inside the SMS gap nothing is
    sent. Raises NotFound (programme, location), ClubClosed, ClubNotReached, Suppressed, a kind of TooMany where any other counter
    refuses: nothing was written then.
    """
    drawn = await _draw(db, who.business_id, wish.program_id)

    async def act(tx: Transaction) -> Told:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            return await _told_again(tx, who, kept.answer)
        program = await _open_program(tx, who.business_id, wish.program_id, now)
        if member := await member_of(tx, ring, program, wish.e164):
            await idempotency.keep(tx, who.business_id, key, 202, {"enrolment": None, "card": member.id})
            return Told(None, "already_member", member.id, None)
        await check_club(tx, ring, who, program, wish, now)
        if wish.location_id is not None:
            await programs.get_location(tx, who.business_id, wish.location_id)
        enrolment, is_new = await join_or_find(tx, ring, who, program, wish, now)
        if enrolment.card_id is None:
            enrolment = await _give_provisional(tx, ring, who, program, enrolment, wish, drawn, now)
        await send_link(tx, ring, settings, who, program, enrolment, wish, drawn.token, now, quiet_gap=True)
        if is_new:
            await audit.record(tx, who, "enrolment.started", "enrolment", enrolment.id, {"source": wish.source}, now=now)
        await idempotency.keep(tx, who.business_id, key, 202, {"enrolment": enrolment.id, "card": enrolment.card_id})
        return await _told(tx, enrolment)

    try:
        return await write_transaction(db, act)
    except (sms.Paused, sms.CapReached) as refusal:
        await sms.note_refusal(db, settings, who.business_id, wish.e164, refusal.code, now)
        raise


async def _open_program(tx: Transaction, business_id: int, program_id: int, now: datetime) -> Program:
    program = await programs.get_program(tx, business_id, program_id)
    if program.closed_at is not None:
        raise NotFound()
    if rules.is_closing(program.earns_until_at, now):
        raise rules.ProgramClosing()
    return program


async def _draw(db: Database, business_id: int, program_id: int) -> _Drawn:
    program = await programs.get_program(db, business_id, program_id)
    return _Drawn(secrets.new_token(rules.TOKEN_LETTERS), IssuedNumbers.draw(program.number_prefix))


async def member_of(tx: Transaction, ring: KeyRing, program: Program, e164: str) -> Card | None:
    """The card that this number has in this programme, provisional and ended ones aside."""
    customer = await customers.find_by_phone(tx, ring, program.business_id, e164)
    return await member_card(tx, program, customer.id) if customer else None


async def member_card(tx: Transaction, program: Program, customer_id: int) -> Card | None:
    """The newest card of a customer in a programme that was activated once and has not ended."""
    found = await cards.cards_of_customer(tx, program.business_id, customer_id, program.id)
    return next((card for card in found if card.activated_at and card.status in ("active", "blocked")), None)


async def check_club(tx: Transaction, ring: KeyRing, who: Principal, program: Program, wish: Wish, now: datetime) -> None:
    """Who may ask for a card of a closed club. A manager or the business's own program invites by asking.

    Raises ClubClosed, ClubNotReached.
    """
    club = program.rules.club
    if club is None or (club.by == "invitation" and (who.kind == "api_key" or who.may("manager"))):
        return
    customer = await customers.find_by_phone(tx, ring, program.business_id, wish.e164) if club.by == "points" else None
    await referrals.check_club(tx, program, customer.id if customer else None, wish.invitation_id, now)


async def join_or_find(tx: Transaction, ring: KeyRing, who: Principal, program: Program, wish: Wish,
                        now: datetime) -> tuple[Enrolment, bool]:
    """(the pending enrolment of this number, whether it is new). Two at once: one makes it, the other finds it."""
    phone_hash = phones.business_hash(ring, program.business_id, wish.e164)
    if waiting := await store.find_waiting(tx, program.id, phone_hash):
        if waiting.expires_at > to_ms(now):
            if wish.invitation_id is not None:
                await store.set_invitation(tx, waiting.id, wish.invitation_id)
            return waiting, False
        # Over, and the job has not come round yet: a link of it would be dead on arrival.
        await end(tx, ring, system(program.business_id), waiting, "expired", now)
    bound = str(program.business_id).encode()
    made = await store.append(tx, {
        "business_id": program.business_id, "program_id": program.id, "phone_sealed": ring.seal_text("enrolment.phone", wish.e164, bound),
        "phone_hash": phone_hash, "phone_server_hash": phones.server_hash(ring, wish.e164), "phone_hint": wish.e164[-2:],
        "name_sealed": ring.seal_text("enrolment.name", wish.name, bound) if wish.name else None, "language": wish.language,
        "source": wish.source, "poster": wish.poster or None, "location_id": wish.location_id, "actor_kind": who.kind, "actor_id": who.id,
        "now": to_ms(now), "expires_at": to_ms(now + rules.LIFE), "invitation_id": wish.invitation_id})
    if made is not None:
        return made, True
    found = await store.find_waiting(tx, program.id, phone_hash)
    assert found is not None
    return found, False


async def _give_provisional(tx: Transaction, ring: KeyRing, who: Principal, program: Program, enrolment: Enrolment, wish: Wish,
                            drawn: _Drawn, now: datetime) -> Enrolment:
    """The card that earns before its shopper has agreed to anything: a number, no pass and no page."""
    customer = await customers.find_by_phone(tx, ring, program.business_id, wish.e164)
    customer_id = customer.id if customer else await customers.create(
        tx, ring, program.business_id, e164=wish.e164, name=wish.name, language=wish.language, now=now)
    account_id = await ledger.open_account(tx, program.business_id, program.id, customer_id, now)
    card = await cards.issue(tx, ring, who, program_id=program.id, account_id=account_id, status="provisional", source=wish.source,
                             numbers=drawn.numbers, now=now, location_id=wish.location_id,
                             provisional_until=from_ms(enrolment.expires_at))
    await store.set_card(tx, enrolment.id, card.id)
    found = await store.find(tx, program.business_id, enrolment.id)
    assert found is not None
    return found


async def send_link(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, program: Program, enrolment: Enrolment,
                     wish: Wish, token: str, now: datetime, *, quiet_gap: bool) -> bool:
    """A new link of this enrolment into the outbox; older ones stay valid, because messages overtake each other.

    quiet_gap: a message to this number went out moments ago, so nothing is sent and False returned instead of LimitReached.
    """
    business = await programs.get_business(tx, program.business_id)
    order = Order(program.business_id, wish.e164, "activation", program.business_name_in(enrolment.language), settings.link(f"/a/{token}"),
                  enrolment.language, enrolment_id=enrolment.id, location_id=wish.location_id, address=wish.address,
                  poster=rules.poster_subject(program.id, wish.poster) if wish.source == "poster" else None)
    try:
        await sms.queue(tx, ring, settings, who, order, now)
    except LimitReached as refusal:
        # The gap is judged before anything is written, so the act may go on without the message.
        if not (quiet_gap and refusal.in_gap):
            raise
        return False
    ends = min(to_ms(now + rules.link_life(business.settings)), enrolment.expires_at)
    await store.append_link(tx, program.business_id, enrolment.id, token_hash(ring, token), to_ms(now), ends)
    return True


def token_hash(ring: KeyRing, token: str) -> bytes:
    """What is stored of a link."""
    return ring.lookup_hash("link.activation", token)


async def _told(reader: Reader, enrolment: Enrolment) -> Told:
    status = rules.told_status(enrolment.status, await sms.state_of_enrolment(reader, enrolment.id))
    return Told(enrolment.id, status, enrolment.card_id, from_ms(enrolment.expires_at), enrolment.phone_hint)


async def _told_again(reader: Reader, who: Principal, answer: dict[str, int | None]) -> Told:
    """What a repeat of the same request is told: the same enrolment, or the same member's card."""
    if answer["enrolment"] is None:
        return Told(None, "already_member", answer["card"], None)
    return await _told(reader, await _get(reader, who.business_id, answer["enrolment"]))


async def _get(reader: Reader, business_id: int, enrolment_id: int) -> Enrolment:
    enrolment = await store.find(reader, business_id, enrolment_id)
    if enrolment is None:
        raise NotFound()
    return enrolment


async def get(db: Database, business_id: int, enrolment_id: int) -> Told:
    """Raises NotFound."""
    return await _told(db, await _get(db, business_id, enrolment_id))


async def id_of_card(db: Database, card: Card) -> int:
    """The enrolment that a provisional card waits in; raises EnrolmentOver where none does."""
    found = await store.find_pending_of_card(db, card.business_id, card.id)
    if found is None:
        raise EnrolmentOver()
    return found


async def resend(db: Database, ring: KeyRing, settings: Settings, who: Principal, enrolment_id: int, now: datetime,
                 key: Key | None = None) -> Told:
    """Another message with another link. Raises NotFound, EnrolmentOver, and what sms.queue raises, the gap's LimitReached included."""
    token = secrets.new_token(rules.TOKEN_LETTERS)

    async def act(tx: Transaction) -> Told:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            return await _told_again(tx, who, kept.answer)
        enrolment = await _get(tx, who.business_id, enrolment_id)
        program = await programs.get_program(tx, who.business_id, enrolment.program_id)
        if enrolment.status != "pending" or enrolment.expires_at <= to_ms(now):
            raise EnrolmentOver()
        wish = _wish_of(ring, enrolment)
        await send_link(tx, ring, settings, who, program, enrolment, wish, token, now, quiet_gap=False)
        await audit.record(tx, who, "enrolment.resent", "enrolment", enrolment.id, now=now)
        await idempotency.keep(tx, who.business_id, key, 202, {"enrolment": enrolment.id, "card": enrolment.card_id})
        return await _told(tx, enrolment)

    return await write_transaction(db, act)


def _wish_of(ring: KeyRing, enrolment: Enrolment) -> Wish:
    """What was asked for, as it stands in the row."""
    return Wish(enrolment.program_id, phone_of(ring, enrolment), enrolment.source, enrolment.language, location_id=enrolment.location_id,
                poster=enrolment.poster or "")


def phone_of(ring: KeyRing, enrolment: Enrolment) -> str:
    """The number of an enrolment that has not ended."""
    assert enrolment.phone_sealed is not None
    return ring.open_text("enrolment.phone", enrolment.phone_sealed, str(enrolment.business_id).encode())


async def cancel(db: Database, ring: KeyRing, who: Principal, enrolment_id: int, now: datetime, key: Key | None = None) -> Told:
    """Ends it: its links die, its provisional points go back. Raises NotFound and EnrolmentOver."""
    async def act(tx: Transaction) -> Told:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            return await _told_again(tx, who, kept.answer)
        enrolment = await _get(tx, who.business_id, enrolment_id)
        await end(tx, ring, who, enrolment, "cancelled", now)
        await idempotency.keep(tx, who.business_id, key, 200, {"enrolment": enrolment.id, "card": enrolment.card_id})
        return await _told(tx, await _get(tx, who.business_id, enrolment_id))

    return await write_transaction(db, act)


async def expire_due(db: Database, ring: KeyRing, now: datetime) -> int:
    """Ends the enrolments whose thirty days are over, each in a transaction of its own; returns how many."""
    total = 0
    while overdue := await store.overdue(db, to_ms(now), FORGOTTEN_AT_ONCE):
        for enrolment in overdue:
            async def act(tx: Transaction, enrolment: Enrolment = enrolment) -> None:
                await end(tx, ring, system(enrolment.business_id), enrolment, "expired", now)

            try:
                await write_transaction(db, act)
                total += 1
            except EnrolmentOver:
                continue            # activated or cancelled in this very moment
    return total


async def end_as_member(tx: Transaction, ring: KeyRing, program: Program, e164: str, card_id: int, now: datetime) -> None:
    """The number got its card another way (a web shop has the consent): what waits for it is over, its links with it."""
    waiting = await store.find_waiting(tx, program.id, phones.business_hash(ring, program.business_id, e164))
    if waiting is None or not await store.end(tx, waiting.id, "activated", to_ms(now)):
        return
    await store.set_card(tx, waiting.id, card_id)
    await store.consume_all(tx, waiting.id, to_ms(now))
    await sms.cancel_of_enrolment(tx, waiting.id, now)


_EVENTS = {"expired": "enrolment.expired", "cancelled": "enrolment.cancelled", "refused": "enrolment.refused"}


async def end(tx: Transaction, ring: KeyRing, who: Principal, enrolment: Enrolment, status: str, now: datetime) -> None:
    """Ends a pending enrolment without a card: links and waiting messages die, points go back by entries, the person is forgotten.

    status: expired | cancelled | refused ("not me"). Raises EnrolmentOver where somebody was faster.
    """
    if not await store.end(tx, enrolment.id, status, to_ms(now)):
        raise EnrolmentOver()
    await store.consume_all(tx, enrolment.id, to_ms(now))
    await sms.cancel_of_enrolment(tx, enrolment.id, now)
    if enrolment.card_id is not None:
        card = await cards.get_card(tx, enrolment.business_id, enrolment.card_id)
        program = await programs.get_program(tx, enrolment.business_id, enrolment.program_id)
        await ledger.return_points(tx, who, program, card, now)
        await cards.end(tx, card, "expired", now)
        await cards.forget_cardless(tx, enrolment.business_id, card.customer_id, now)
    await audit.record(tx, who, f"enrolment.{status}", "enrolment", enrolment.id, now=now)
    await updates.emit(tx, enrolment.business_id, _EVENTS[status], now, card_id=enrolment.card_id, enrolment_id=enrolment.id)


async def count_by_poster(db: Database, business_id: int) -> list[tuple[str, int]]:
    """(poster, cards that it brought), the most first; an empty name for the page itself."""
    return await store.count_by_poster(db, business_id)


async def refused_lately(db: Database, business_id: int, location_id: int | None, now: datetime) -> list[Enrolment]:
    """Cards of the last day whose number turned out to be somebody else's: the till is told, and may count the sale anew."""
    return await store.refused_since(db, business_id, location_id, to_ms(now - TOLD_FOR))
