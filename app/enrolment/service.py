"""From a number to a card: an enrolment is started, its link travels by SMS, a POST through the link finishes it, once."""
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.cards import service as cards
from app.cards.service import Card, IssuedNumbers
from app.clock import from_ms, to_ms
from app.customers import phones
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.enrolment import contacts, rules, sending, store, ways
from app.enrolment.rules import Enrolment
from app.enrolment.sending import send_link, token_hash
from app.enrolment.store import Reader
from app.enrolment.wishes import Wish
from app.errors import NotFound, Refused
from app.idempotency import service as idempotency
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.mail import service as mail
from app.programs import service as programs
from app.programs.store import Program
from app.referrals import service as referrals
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import service as sms
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal, system

__all__ = ["EnrolmentOver", "Told", "Wish", "cancel", "check_club", "count_by_poster", "end", "end_as_member", "expire_due", "get",
           "id_of_card", "invite", "join_or_find", "member_card", "member_of", "prepare_imported", "refused_lately", "resend",
           "sandbox_message", "send_link",
           "start", "token_hash"]

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
class _Drawn:
    """Random material of one call: an act may run again and must write the same."""

    token: str
    numbers: IssuedNumbers


async def start(db: Database, ring: KeyRing, settings: Settings, who: Principal, wish: Wish, now: datetime,
                key: Key | None = None, *, code: str = "") -> Told:
    """A till or the API types a number or an address: a provisional card that may be credited at once, and a message with the link.

    code: random digits (codes.draw) that the shopper will read out to the cashier; the message brings them instead of a link.

    A number that waits already gets the same enrolment, one that has a card is `already_member`; inside the SMS gap nothing is
    sent. Raises NotFound (programme, location), WayClosed (mail, code), ClubClosed, ClubNotReached, Suppressed, MailStopped,
    NoMailServer, a kind of TooMany where any other counter refuses: nothing was written then.
    """
    drawn = await _draw(db, who.business_id, wish.program_id)

    async def act(tx: Transaction) -> Told:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            return await _told_again(tx, who, kept.answer)
        program = await _open_program(tx, who.business_id, wish.program_id, now)
        if member := await member_of(tx, ring, program, wish.e164, wish.email):
            await idempotency.keep(tx, who.business_id, key, 202, {"enrolment": None, "card": member.id})
            return Told(None, "already_member", member.id, None)
        await ways.check(tx, program, mail=wish.e164 is None, code=bool(code))
        await check_club(tx, ring, who, program, wish, now)
        if wish.location_id is not None:
            await programs.get_location(tx, who.business_id, wish.location_id)
        enrolment, is_new = await join_or_find(tx, ring, who, program, wish, now)
        if enrolment.card_id is None:
            enrolment = await _give_provisional(tx, ring, who, program, enrolment, wish, drawn, now)
        if code:
            await sending.send_code(tx, ring, settings, who, program, enrolment, wish, code, now)
        else:
            await send_link(tx, ring, settings, who, program, enrolment, wish, drawn.token, now, quiet_gap=True)
        if is_new:
            await audit.record(tx, who, "enrolment.started", "enrolment", enrolment.id, {"source": wish.source}, now=now)
        await idempotency.keep(tx, who.business_id, key, 202, {"enrolment": enrolment.id, "card": enrolment.card_id})
        return await _told(tx, enrolment)

    try:
        return await write_transaction(db, act)
    except sms.REFUSALS as refusal:
        if wish.e164 is not None:
            await sms.note_refusal(db, settings, who.business_id, wish.e164, refusal, now)
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


async def member_of(tx: Transaction, ring: KeyRing, program: Program, e164: str | None, email: str | None = None) -> Card | None:
    """The card that this number (without one: this address) has in this programme, provisional and ended ones aside."""
    customer = await contacts.customer_of(tx, ring, program.business_id, e164, email)
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
    customer = await contacts.customer_of(tx, ring, program.business_id, wish.e164, wish.email) if club.by == "points" else None
    await referrals.check_club(tx, program, customer.id if customer else None, wish.invitation_id, now)


async def join_or_find(tx: Transaction, ring: KeyRing, who: Principal, program: Program, wish: Wish,
                        now: datetime) -> tuple[Enrolment, bool]:
    """(the pending enrolment of this person, whether it is new). Two at once: one makes it, the other finds it.

    Whoever gave neither number nor address is new each time.
    """
    columns = contacts.columns_of(ring, program.business_id, wish.e164, wish.email, wish.name)
    person = (columns["phone_hash"], columns["email_hash"])
    if any(person) and (waiting := await store.find_waiting(tx, program.id, *person)):
        if waiting.expires_at > to_ms(now):
            if wish.invitation_id is not None:
                await store.set_invitation(tx, waiting.id, wish.invitation_id)
            return waiting, False
        # Over, and the job has not come round yet: a link of it would be dead on arrival.
        await end(tx, ring, system(program.business_id), waiting, "expired", now)
    made = await store.append(tx, {
        **columns, "business_id": program.business_id, "program_id": program.id, "language": wish.language, "source": wish.source,
        "poster": wish.poster or None, "location_id": wish.location_id, "actor_kind": who.kind, "actor_id": who.id, "now": to_ms(now),
        "expires_at": to_ms(now + wish.life), "invitation_id": wish.invitation_id, "plastic_id": wish.plastic_id, "card_id": wish.card_id})
    if made is not None:
        return made, True
    found = await store.find_waiting(tx, program.id, *person) if any(person) else None
    if found is None:
        # Somebody else began with the same plastic card in this very moment.
        raise EnrolmentOver()
    return found, False


async def _give_provisional(tx: Transaction, ring: KeyRing, who: Principal, program: Program, enrolment: Enrolment, wish: Wish,
                            drawn: _Drawn, now: datetime) -> Enrolment:
    """The card that earns before its shopper has agreed to anything: a number, no pass and no page."""
    customer = await contacts.customer_of(tx, ring, program.business_id, wish.e164, wish.email)
    customer_id = customer.id if customer else await customers.create(
        tx, ring, program.business_id, e164=wish.e164, email=wish.email, name=wish.name, language=wish.language, now=now)
    account_id = await ledger.open_account(tx, program.business_id, program.id, customer_id, now)
    card = await cards.issue(tx, ring, who, program_id=program.id, account_id=account_id, status="provisional", source=wish.source,
                             numbers=drawn.numbers, now=now, location_id=wish.location_id,
                             provisional_until=from_ms(enrolment.expires_at))
    await store.set_card(tx, enrolment.id, card.id)
    found = await store.find(tx, program.business_id, enrolment.id)
    assert found is not None
    return found


async def _told(reader: Reader, enrolment: Enrolment) -> Told:
    status = rules.told_status(enrolment.status, await sending.state_of(reader, enrolment))
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


async def sandbox_message(db: Database, ring: KeyRing, business_id: int, enrolment_id: int) -> str | None:
    """What would have been sent last for an enrolment of a sandbox, by phone or by mail, with its link. Raises NotFound."""
    enrolment = await _get(db, business_id, enrolment_id)
    if enrolment.mail_id is None:
        return await sms.sandbox_text(db, ring, business_id, enrolment.id)
    return await mail.sandbox_text(db, ring, enrolment.mail_id)


async def find_of_card(db: Database, card: Card) -> int | None:
    """The enrolment that a provisional card waits in."""
    return await store.find_pending_of_card(db, card.business_id, card.id)


async def id_of_card(db: Database, card: Card) -> int:
    """The same; raises EnrolmentOver where none does."""
    found = await find_of_card(db, card)
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
        wish = sending.wish_of(ring, enrolment)
        await send_link(tx, ring, settings, who, program, enrolment, wish, token, now, quiet_gap=False)
        await audit.record(tx, who, "enrolment.resent", "enrolment", enrolment.id, now=now)
        await idempotency.keep(tx, who.business_id, key, 202, {"enrolment": enrolment.id, "card": enrolment.card_id})
        return await _told(tx, enrolment)

    try:
        return await write_transaction(db, act)
    except sms.REFUSALS as refusal:
        if e164 := contacts.phone_of(ring, await _get(db, who.business_id, enrolment_id)):
            await sms.note_refusal(db, settings, who.business_id, e164, refusal, now)
        raise


async def prepare_imported(tx: Transaction, ring: KeyRing, who: Principal, program: Program, wish: Wish, now: datetime) -> Enrolment:
    """The pending enrolment of an imported card (`wish.card_id`): nothing is sent before a campaign invites; it waits five years.

    Somebody who waits for this programme already keeps what they have, and that is returned: its `card_id` is another one.
    """
    enrolment, _ = await join_or_find(tx, ring, who, program, replace(wish, source="import", life=rules.IMPORTED_LIFE), now)
    return enrolment


async def invite(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, program: Program, wish: Wish, token: str,
                 now: datetime) -> Enrolment | None:
    """A campaign invites somebody: a link by text message, or by mail where the wish has no number. That they may be invited is the
    caller's duty, and so is `token` (`secrets.new_token(rules.TOKEN_LETTERS)`).

    An imported card is finished by it; somebody unknown gets a new one. None where the person has a card of the programme already, and
    nothing is sent. Raises Suppressed, MailStopped, NoMailServer, Invalid (a country that is not texted), Paused, CapReached,
    LimitReached, ProgramClosing, NotFound (a closed programme).
    """
    await _open_program(tx, program.business_id, program.id, now)
    if await member_of(tx, ring, program, wish.e164, wish.email):
        return None
    # A list may have brought a number as well: the card waits under that, and a mail finishes it all the same.
    waiting = await store.find_pending_of_card(tx, program.business_id, wish.card_id) if wish.card_id is not None else None
    if waiting is not None:
        enrolment = await _get(tx, program.business_id, waiting)
    else:
        enrolment, _ = await join_or_find(tx, ring, who, program, wish, now)
    await send_link(tx, ring, settings, who, program, enrolment, wish, token, now, quiet_gap=False, purpose=sending.INVITATION)
    return enrolment


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
    await sending.stop(tx, ring, waiting, now)


_EVENTS = {"expired": "enrolment.expired", "cancelled": "enrolment.cancelled", "refused": "enrolment.refused"}


async def end(tx: Transaction, ring: KeyRing, who: Principal, enrolment: Enrolment, status: str, now: datetime) -> None:
    """Ends a pending enrolment without a card: links and waiting messages die, points go back by entries, the person is forgotten.

    status: expired | cancelled | refused ("not me"). Raises EnrolmentOver where somebody was faster.
    """
    if not await store.end(tx, enrolment.id, status, to_ms(now)):
        raise EnrolmentOver()
    await sending.stop(tx, ring, enrolment, now)
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
