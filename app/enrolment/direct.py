"""A card for somebody who has the link in hand already: before a till's screen, at a poster, with a plastic card. No message is sent."""
from dataclasses import replace
from datetime import datetime

from app.audit import service as audit
from app.clock import to_ms
from app.db import Transaction
from app.enrolment import contacts, rules, sending, service, store
from app.enrolment.rules import Enrolment
from app.enrolment.wishes import Wish
from app.programs import service as programs
from app.programs.store import Program
from app.secrets import KeyRing
from app.web.principal import Principal


async def begin(tx: Transaction, ring: KeyRing, who: Principal, program: Program, wish: Wish, token: str,
                now: datetime) -> Enrolment | None:
    """A pending enrolment whose link is `/a/{token}`, for half an hour; whoever holds it finishes the card there.

    A number or an address that the business knows already, or that waits for a card, has to be proven by a message: None then, and
    nothing is written. A new one is taken as it is typed; its first message proves it. Raises ClubClosed, ClubNotReached.
    """
    await service.check_club(tx, ring, who, program, wish, now)
    if await is_known(tx, ring, program, wish):
        return None
    enrolment = await _append(tx, ring, who, program, wish, now)
    if enrolment is None:
        return None
    await store.append_link(tx, program.business_id, enrolment.id, sending.token_hash(ring, token), to_ms(now), enrolment.expires_at)
    await audit.record(tx, who, "enrolment.started", "enrolment", enrolment.id, {"source": wish.source}, now=now)
    return enrolment


async def _append(tx: Transaction, ring: KeyRing, who: Principal, program: Program, wish: Wish, now: datetime) -> Enrolment | None:
    """None where somebody began with the same number in this very moment."""
    made, is_new = await service.join_or_find(tx, ring, who, program, replace(wish, life=rules.DIRECT_LIFE), now)
    return made if is_new else None


async def is_known(tx: Transaction, ring: KeyRing, program: Program, wish: Wish) -> bool:
    """Whether somebody of this business, or on the way to it, may already be behind a number or an address."""
    if wish.e164 is None and wish.email is None:
        return False
    if await contacts.customer_of(tx, ring, program.business_id, wish.e164, wish.email):
        return True
    hashes = contacts.columns_of(ring, program.business_id, wish.e164, wish.email, None)
    for each in await programs.list_programs(tx, program.business_id):
        if await store.find_waiting(tx, each.id, hashes["phone_hash"], hashes["email_hash"]):
            return True
    return False
