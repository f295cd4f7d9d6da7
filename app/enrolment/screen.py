"""A QR code on the till's screen: made by the cashier, opened by the phone before it, used once within five minutes, and free of charge."""
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.cards import service as cards
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.enrolment import direct, rules, store, strangers, ways, ways_store
from app.enrolment.ways import WayClosed
from app.enrolment.ways_store import Reader, Screen
from app.enrolment.wishes import Wish
from app.errors import Expired, FieldError, Invalid, NotFound
from app.limits import service as limits
from app.limits.rules import Limit
from app.programs import service as programs
from app.programs.store import Program
from app.secrets import KeyRing
from app.settings import Settings
from app.text import N_
from app.web.principal import Principal

__all__ = ["LIFE", "Screen", "Taken", "find", "forget_old", "get", "offer", "state_of", "take", "token_of"]

PURPOSE = "enrolment.screen"
LIFE = timedelta(minutes=5)
KEPT, PRUNED_AT_ONCE = timedelta(days=2), 500
STAFF_HOUR, LOCATION_HOUR = 60, 200
NO_NUMBER = N_("This card needs a mobile number, so that it can be found again.")


@dataclass(frozen=True, slots=True)
class Taken:
    """Where the phone goes: `/a/{link}` to finish a new card, `/c/{page}` to one that was handed over; neither: a message is on its way to
    a number that the business knows already."""

    link: str = ""
    page: str = ""


async def offer(db: Database, ring: KeyRing, who: Principal, program_id: int, now: datetime, card_id: int | None = None) -> int:
    """A new code for the till's screen; returns its id. card_id: a card whose page is handed over.

    Raises NotFound, WayClosed, ProgramClosing, LimitReached.
    """
    token = secrets.new_token(rules.TOKEN_LETTERS)
    counted = [Limit("screen.staff", f"{who.kind}:{who.id}", 3600, STAFF_HOUR)]
    if who.location_id is not None:
        counted.append(Limit("screen.location", str(who.location_id), 3600, LOCATION_HOUR))

    async def act(tx: Transaction) -> int:
        program = await programs.get_program(tx, who.business_id, program_id)
        if card_id is None:
            await _check_open(tx, program, now)
        await limits.hit(tx, counted, now)
        return await ways_store.append_screen(tx, {
            "business_id": who.business_id, "program_id": program_id, "location_id": who.location_id, "card_id": card_id,
            "staff_id": who.id if who.kind == "staff" else None, "token_hash": _hash(ring, token),
            "token_sealed": ring.seal_text(PURPOSE, token, str(who.business_id).encode()), "now": to_ms(now),
            "expires_at": to_ms(now + LIFE)})

    return await write_transaction(db, act)


async def _check_open(tx: Transaction, program: Program, now: datetime) -> None:
    if program.closed_at is not None:
        raise NotFound()
    if rules.is_closing(program.earns_until_at, now):
        raise rules.ProgramClosing()
    if not (await ways.ways_of(tx, program)).screen:
        raise WayClosed()


def _hash(ring: KeyRing, token: str) -> bytes:
    return ring.lookup_hash(PURPOSE, token)


async def get(reader: Reader, business_id: int, screen_id: int) -> Screen:
    """Raises NotFound."""
    found = await ways_store.find_screen(reader, business_id, screen_id)
    if found is None:
        raise NotFound()
    return found


def token_of(ring: KeyRing, screen: Screen) -> str:
    """What the code on the screen says; empty once it was used."""
    return ring.open_text(PURPOSE, screen.token_sealed, str(screen.business_id).encode()) if screen.token_sealed else ""


async def state_of(reader: Reader, screen: Screen, now: datetime) -> tuple[str, int | None]:
    """(waiting, opened, taken or over; the card once it was taken). opened: somebody has it in hand and has not agreed yet."""
    if screen.consumed_at is None:
        return ("waiting" if to_ms(now) < screen.expires_at else "over"), None
    if screen.card_id is not None:
        return "taken", screen.card_id
    enrolment = await store.find(reader, screen.business_id, screen.enrolment_id) if screen.enrolment_id else None
    if enrolment is None:
        return "texted", None
    if enrolment.status == "activated":
        return "taken", enrolment.card_id
    return ("opened" if enrolment.status == "pending" and to_ms(now) < enrolment.expires_at else "over"), None


async def find(db: Database, ring: KeyRing, token: str, now: datetime) -> tuple[Screen, Program] | None:
    """What a live code leads to; None for used, old and unknown ones alike. Changes nothing."""
    if not secrets.is_token(token, rules.TOKEN_LETTERS):
        return None
    found = await ways_store.screen_by_token(db, _hash(ring, token))
    if found is None or found.consumed_at is not None or to_ms(now) >= found.expires_at:
        return None
    return found, await programs.get_program(db, found.business_id, found.program_id)


async def take(db: Database, ring: KeyRing, settings: Settings, token: str, e164: str | None, language: str, address: str,
               now: datetime) -> Taken:
    """Uses the code up, once. Raises Expired (asked first), Invalid (field `phone`: this programme needs one), having used nothing up."""
    found = await find(db, ring, token, now)
    if found is None:
        raise Expired()
    screen, program = found
    if screen.card_id is None and e164 is None and not (await ways.ways_of(db, program)).anonymous:
        raise Invalid(fields=[FieldError("phone", "required", NO_NUMBER)])
    link = secrets.new_token(rules.TOKEN_LETTERS)
    who = Principal(screen.business_id, screen.business_id, "staff", screen.staff_id, location_id=screen.location_id)
    wish = Wish(program.id, e164, "screen", language, location_id=screen.location_id)

    async def act(tx: Transaction) -> Taken:
        if not await ways_store.consume_screen(tx, screen.id, to_ms(now)):
            raise Expired()
        if screen.card_id is not None:
            card = await cards.get_card(tx, screen.business_id, screen.card_id)
            await audit.record(tx, who, "card.handed_over", "card", card.id, now=now)
            return Taken(page=await cards.page_link(tx, ring, card, "card", now))
        enrolment = await direct.begin(tx, ring, who, program, wish, link, now)
        if enrolment is None:
            return Taken()
        await ways_store.set_screen_enrolment(tx, screen.id, enrolment.id)
        return Taken(link=link)

    taken = await write_transaction(db, act)
    if taken == Taken():
        await strangers.ask(db, ring, settings, program, replace(wish, address=address), now)
    return taken


async def forget_old(db: Database, now: datetime) -> int:
    """The job: codes of screens and codes told at tills that ended days ago; returns how many rows went."""
    before, total = to_ms(now - KEPT), 0
    for forget in (ways_store.forget_screens, ways_store.forget_codes):
        while gone := await write_transaction(db, lambda tx, forget=forget: forget(tx, before, PRUNED_AT_ONCE)):  # type: ignore[misc]
            total += gone
    return total
