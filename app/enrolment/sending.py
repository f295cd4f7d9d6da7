"""An enrolment's links: made, sent by the way that its person gave, and never stored as they are."""
from datetime import datetime, timedelta

from app.clock import to_ms
from app.db import Transaction
from app.enrolment import contacts, mailing, rules, store, ways_store
from app.enrolment.rules import Enrolment
from app.enrolment.wishes import Wish
from app.limits.rules import LimitReached
from app.mail import service as mail
from app.programs import service as programs
from app.programs.store import Program
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import service as sms
from app.sms.service import Order
from app.web.principal import Principal

INVITATION = "invitation"         # a campaign asks, not the person: quiet hours hold
CODE_LIFE = timedelta(minutes=10)
CODE_DIGITS = 6


def token_hash(ring: KeyRing, token: str) -> bytes:
    """What is stored of a link."""
    return ring.lookup_hash("link.activation", token)


async def send_link(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, program: Program, enrolment: Enrolment,
                     wish: Wish, token: str, now: datetime, *, quiet_gap: bool, purpose: str = "activation") -> bool:
    """A new link of this enrolment into the outbox; older ones stay valid, because messages overtake each other.

    quiet_gap: a message to this person went out moments ago, so nothing is sent and False returned instead of LimitReached.
    """
    link, brand = settings.link(f"/a/{token}"), program.business_name_in(enrolment.language)
    try:
        if wish.e164 is not None:
            await sms.queue(tx, ring, settings, who, _order(program, enrolment, wish, brand, link, purpose), now)
        else:
            assert wish.email is not None
            await mailing.send_link(tx, ring, settings, who, enrolment, wish.email, brand, link, now, address=wish.address,
                                    poster=wish.poster)
    except LimitReached as refusal:
        # The gap is judged before anything is written, so the act may go on without the message.
        if not (quiet_gap and refusal.in_gap):
            raise
        return False
    await append_link(tx, ring, program, enrolment, token, now)
    return True


def _order(program: Program, enrolment: Enrolment, wish: Wish, brand: str, link: str, purpose: str) -> Order:
    assert wish.e164 is not None
    return Order(program.business_id, wish.e164, purpose, brand, link, enrolment.language, enrolment_id=enrolment.id,
                 location_id=wish.location_id, address=wish.address,
                 poster=rules.poster_subject(program.id, wish.poster) if wish.source == "poster" else None,
                 now_asked=purpose != INVITATION)


async def send_code(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, program: Program, enrolment: Enrolment, wish: Wish,
                    code: str, now: datetime) -> None:
    """Digits for the cashier instead of a link, for ten minutes. Raises what sms.queue raises, the gap's LimitReached included."""
    assert wish.e164 is not None
    await sms.queue(tx, ring, settings, who, Order(
        program.business_id, wish.e164, "till_code", program.business_name_in(enrolment.language), code, enrolment.language,
        enrolment_id=enrolment.id, location_id=wish.location_id), now)
    await ways_store.append_code(tx, program.business_id, enrolment.id, code_hash(ring, enrolment.id, code), to_ms(now),
                                 to_ms(now + CODE_LIFE))


def code_hash(ring: KeyRing, enrolment_id: int, code: str) -> bytes:
    return ring.lookup_hash("enrolment.told_code", f"{enrolment_id}:{code}")


async def append_link(tx: Transaction, ring: KeyRing, program: Program, enrolment: Enrolment, token: str, now: datetime) -> None:
    """A link lives as long as the business says, and never longer than what it finishes."""
    business = await programs.get_business(tx, program.business_id)
    ends = min(to_ms(now + rules.link_life(business.settings)), enrolment.expires_at)
    await store.append_link(tx, program.business_id, enrolment.id, token_hash(ring, token), to_ms(now), ends)


async def state_of(reader: store.Reader, enrolment: Enrolment) -> str | None:
    """How far its newest message has come, in the words of messages; None where none was sent."""
    if enrolment.mail_id is None:
        return await sms.state_of_enrolment(reader, enrolment.id)
    return {"sent": "accepted", "failed": "undelivered", "sandbox": "sandbox"}.get(await mail.state_of(reader, enrolment.mail_id), "queued")


async def stop(tx: Transaction, ring: KeyRing, enrolment: Enrolment, now: datetime) -> None:
    """Its links die, and what waits to be sent is not sent any more."""
    await store.consume_all(tx, enrolment.id, to_ms(now))
    await sms.cancel_of_enrolment(tx, enrolment.id, now)
    if enrolment.mail_id is not None:
        await mail.cancel(tx, ring, enrolment.mail_id, now)


async def refuse(tx: Transaction, ring: KeyRing, enrolment: Enrolment, now: datetime) -> None:
    """Whoever pressed "not me" hears no more from the business, by the ways that links of the enrolment went; the other one is not
    silenced by somebody who has not shown that it is theirs."""
    if enrolment.is_direct:
        return
    e164, email = contacts.phone_of(ring, enrolment), contacts.email_of(ring, enrolment)
    by_mail = enrolment.mail_id is not None or e164 is None
    if by_mail and email is not None:
        await contacts.stop_mail(tx, ring, enrolment.business_id, email, to_ms(now))
    if e164 is not None and (not by_mail or await sms.state_of_enrolment(tx, enrolment.id) is not None):
        await sms.suppress(tx, ring, enrolment.business_id, e164, "not_me", now)


def wish_of(ring: KeyRing, enrolment: Enrolment) -> Wish:
    """What was asked for, as it stands in the row."""
    return Wish(enrolment.program_id, contacts.phone_of(ring, enrolment), enrolment.source, enrolment.language,
                location_id=enrolment.location_id, poster=enrolment.poster or "", email=contacts.email_of(ring, enrolment))
