"""Whoever owns a card confirms to a till that it is at hand: on the card's page, or with a code by SMS that is told to the cashier."""
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.card_pages import rules, service
from app.card_pages.service import Opened, WrongCode
from app.cards import rotation
from app.cards import service as cards
from app.cards.rules import check_can_change
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.errors import Refused
from app.programs import service as programs
from app.programs.store import Program
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import service as sms
from app.text import N_
from app.web.principal import Principal


class NotNeeded(Refused):
    """Codes of the programme stand still, or still ones may spend."""

    code, detail = "confirmation_not_needed", N_("This programme asks for no confirmation. Count the purchase as it is.")


def is_asked(program: Program) -> bool:
    """Whether the programme's cards have to be confirmed, unless their live code is scanned."""
    return program.rotation_seconds > 0 and not program.static_redeems


async def on_page(db: Database, opened: Opened, now: datetime) -> None:
    """The card's owner pressed the button. Raises CardBlocked, CardEnded, NotNeeded."""
    await write_transaction(db, lambda tx: _confirmed(tx, opened, "page", now))


async def _confirmed(tx: Transaction, opened: Opened, how: str, now: datetime) -> None:
    card = await cards.get_card(tx, opened.card.business_id, opened.card.id)
    check_can_change(card, allow=("active",))
    if not is_asked(opened.program):
        raise NotNeeded()
    await rotation.confirm(tx, card, how, now)


async def text_code(db: Database, ring: KeyRing, settings: Settings, who: Principal, card_id: int, now: datetime) -> None:
    """A till lets six digits go to the card's number; the shopper tells them to the cashier.

    Raises NotFound, CardBlocked, CardProvisional, CardEnded, NotNeeded, NoPhone, Suppressed and the kinds of TooMany of sms.queue.
    """
    code = secrets.new_digits(rules.CODE_DIGITS)

    async def act(tx: Transaction) -> None:
        opened = await _at_till(tx, who, card_id)
        customer_id = opened.card.customer_id
        customer = await customers.get(tx, ring, who.business_id, customer_id) if customer_id else None
        language = customer.language if customer else opened.program.language
        await service.queue_code(tx, ring, settings, who, opened, "till_code", code, language, now, location_id=who.location_id)
        await audit.record(tx, who, "card.code_texted", "card", card_id, now=now)

    try:
        await write_transaction(db, act)
    except sms.REFUSALS as refusal:
        await service.note_refusal(db, ring, settings, await cards.get_card(db, who.business_id, card_id), refusal, now)
        raise


async def told_code(db: Database, ring: KeyRing, who: Principal, card_id: int, typed: str, now: datetime) -> None:
    """A cashier typed what the shopper told. Raises NotFound, CardBlocked, CardProvisional, CardEnded, NotNeeded, WrongCode."""
    async def act(tx: Transaction) -> bool:
        opened = await _at_till(tx, who, card_id)
        if not await service.spend_code(tx, ring, opened.card, "till_code", typed, now):
            return False
        await _confirmed(tx, opened, "sms", now)
        return True

    # Judged after the commit: a wrong code must stay counted.
    if not await write_transaction(db, act):
        raise WrongCode()


async def _at_till(tx: Transaction, who: Principal, card_id: int) -> Opened:
    card = await cards.get_card(tx, who.business_id, card_id)
    check_can_change(card, allow=("active",))
    program = await programs.get_program(tx, who.business_id, card.program_id)
    if not is_asked(program):
        raise NotNeeded()
    return Opened(card, program, "card")
