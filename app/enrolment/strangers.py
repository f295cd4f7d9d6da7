"""What strangers may ask for: a card for a number, a new link for a dead one. They are told the same whatever happened."""
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from app import secrets
from app.cards import service as cards
from app.cards.service import Card
from app.clock import to_ms
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.enrolment import contacts, mailing, rules, service, store
from app.enrolment.mailing import NoMailServer
from app.enrolment.rules import Enrolment
from app.enrolment.service import Wish
from app.errors import Refused, TooMany
from app.limits import service as limits
from app.limits.rules import Limit
from app.programs import service as programs
from app.programs.store import Program
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import allowances
from app.sms import service as sms
from app.sms.service import Order
from app.web.principal import Principal

log = logging.getLogger("tessera.enrolment")
LOST_TRIES, LOST_WINDOW = 10, timedelta(hours=1)


async def ask(db: Database, ring: KeyRing, settings: Settings, program: Program, wish: Wish, now: datetime) -> None:
    """Somebody typed a number into the public page. They are told the same whatever happened.

    A new or waiting number gets a link, one with a card a link to the card; a refusal is told to the log (and the demo's inbox) only.
    """
    token = secrets.new_token(rules.TOKEN_LETTERS)
    who = Principal(program.business_id, program.business_id, "shopper")

    async def act(tx: Transaction) -> None:
        if member := await service.member_of(tx, ring, program, wish.e164, wish.email):
            await _send_card(tx, ring, settings, who, program, member, wish, now)
            return
        await service.check_club(tx, ring, who, program, wish, now)
        enrolment, _ = await service.join_or_find(tx, ring, who, program, wish, now)
        await service.send_link(tx, ring, settings, who, program, enrolment, wish, token, now, quiet_gap=False)

    await _quietly(db, settings, program.business_id, wish, act, now)


async def find_again(db: Database, ring: KeyRing, settings: Settings, program: Program, wish: Wish, now: datetime) -> None:
    """Somebody lost a phone and typed its number: a member gets a link to where another card is asked for, nobody else anything.

    They are told the same whatever happened, and what a message costs is counted as for an enrolment.
    """
    who = Principal(program.business_id, program.business_id, "shopper")
    asked = _lost_limits(ring, settings, wish)

    async def count(tx: Transaction) -> None:
        await limits.hit(tx, asked, now)

    async def act(tx: Transaction) -> None:
        if member := await service.member_of(tx, ring, program, wish.e164, wish.email):
            await _send_card(tx, ring, settings, who, program, member, wish, now, "/lost")

    # Counted for itself, so that numbers without a card and those that cannot be texted now count as well.
    if await _quietly(db, settings, program.business_id, wish, count, now):
        await _quietly(db, settings, program.business_id, wish, act, now)


def _lost_limits(ring: KeyRing, settings: Settings, wish: Wish) -> list[Limit]:
    """How often a network may ask. Whoever tries a demo on their own machine is not counted."""
    if wish.address is None or (settings.demo and allowances.is_loopback(wish.address)):
        return []
    network = ring.lookup_hash("address", allowances.networks_of(wish.address)[0]).hex()
    return [Limit("lost.address", network, LOST_WINDOW // timedelta(seconds=1), LOST_TRIES)]


async def _quietly(db: Database, settings: Settings, business_id: int, wish: Wish,
                   act: Callable[[Transaction], Awaitable[None]], now: datetime) -> bool:
    """Whether it was done; what stood against it is noted for the business alone."""
    try:
        await write_transaction(db, act)
        return True
    except (TooMany, Refused, NoMailServer) as refusal:
        if wish.e164 is not None:
            await sms.note_refusal(db, settings, business_id, wish.e164, refusal, now)
        else:
            log.warning("no mail for business %s: %s", business_id, refusal.code)
        return False


async def _send_card(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, program: Program, card: Card, wish: Wish,
                     now: datetime, below: str = "") -> None:
    """Whoever has a card gets a link to it. below: a page of the card's."""
    link = settings.link(f"/c/{await cards.page_link(tx, ring, card, 'card', now)}{below}")
    poster, brand = rules.poster_subject(program.id, wish.poster), program.business_name_in(wish.language)
    if wish.e164 is None:
        assert wish.email is not None
        await mailing.queue(tx, ring, settings, who, await programs.get_business(tx, program.business_id), wish.email, brand, link,
                            wish.language, now, address=wish.address, poster=poster)
        return
    order = Order(program.business_id, wish.e164, "card_link", brand, link, wish.language, card_id=card.id, address=wish.address,
                  poster=poster)
    await sms.queue(tx, ring, settings, who, order, now)


async def send_again(db: Database, ring: KeyRing, settings: Settings, token: str, address: str, now: datetime) -> None:
    """The way out of a link that no longer works: a new one to the number that it was for, never to another.

    Whoever asks is told the same whatever happened: an unknown link, one of an enrolment that ended, a limit.
    """
    found = await store.find_by_token(db, service.token_hash(ring, token))
    if found is None:
        return
    enrolment, new_token = found[0], secrets.new_token(rules.TOKEN_LETTERS)
    e164, email = await _registered(db, ring, enrolment)
    if e164 is None and email is None:
        return
    wish = Wish(enrolment.program_id, e164, enrolment.source, enrolment.language, location_id=enrolment.location_id,
                poster=enrolment.poster or "", address=address, email=email)
    who = Principal(enrolment.business_id, enrolment.business_id, "shopper")

    async def act(tx: Transaction) -> None:
        program = await programs.get_program(tx, enrolment.business_id, enrolment.program_id)
        if enrolment.status == "pending" and to_ms(now) < enrolment.expires_at:
            await service.send_link(tx, ring, settings, who, program, enrolment, wish, new_token, now, quiet_gap=False)
        elif enrolment.status == "activated" and (member := await service.member_of(tx, ring, program, wish.e164, wish.email)):
            await _send_card(tx, ring, settings, who, program, member, wish, now)

    await _quietly(db, settings, enrolment.business_id, wish, act, now)


async def _registered(db: Database, ring: KeyRing, enrolment: Enrolment) -> tuple[str | None, str | None]:
    """The number and the address that an enrolment waits for, or that its card's customer has today; None where they were forgotten."""
    if enrolment.way:
        return contacts.phone_of(ring, enrolment), contacts.email_of(ring, enrolment)
    if enrolment.status != "activated" or enrolment.card_id is None:
        return None, None
    card = await cards.get_card(db, enrolment.business_id, enrolment.card_id)
    if card.customer_id is None:
        return None, None
    return (await customers.phone_of(db, ring, card.business_id, card.customer_id),
            await customers.email_of(db, ring, card.business_id, card.customer_id))
