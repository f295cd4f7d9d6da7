"""Rotating codes: a card's own key, the code that its page shows now, and when the card was last seen live."""
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.cards import rotation_rules as rules
from app.cards import rotation_store as store
from app.cards.rotation_rules import CodeOutdated, Live, LiveCodeNeeded, code_at, verify
from app.cards.rules import Card
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import Forbidden
from app.limits import service as limits
from app.limits.rules import Limit
from app.programs import service as programs
from app.programs import store as programs_store
from app.programs.store import Program
from app.secrets import KeyRing
from app.updates import spreads
from app.web.principal import Principal

__all__ = ["CodeOutdated", "Live", "LiveCodeNeeded", "check_presented", "choose", "code_at", "confirm", "key_of", "live_code",
           "needs_presentation", "present", "ready_key", "verify"]

PURPOSE = "cards.totp"


async def choose(db: Database, who: Principal, program_id: int, seconds: int, static_redeems: bool, now: datetime) -> bool:
    """Let the programme's codes change every `seconds`, 0 for never; gives whether that is new: then its cards are told.

    static_redeems: a still code may redeem all the same. Raises Forbidden, Invalid (field rotation_seconds), NotFound.
    """
    if not who.may("manager"):
        raise Forbidden()
    rules.check_period(seconds)

    async def act(tx: Transaction) -> bool:
        program = await programs.get_program(tx, who.business_id, program_id)
        if (program.rotation_seconds, program.static_redeems) == (seconds, static_redeems):
            return False
        await programs_store.set_rotation(tx, who.business_id, program_id, seconds, static_redeems)
        await spreads.begin(tx, who.business_id, program_id, now)
        chosen = {"seconds": seconds, "static_redeems": static_redeems}
        await audit.record(tx, who, "program.rotation", "program", program_id, chosen, now=now)
        return True

    return await write_transaction(db, act)


async def key_of(tx: Transaction, ring: KeyRing, card: Card) -> bytes:
    """The card's 20 bytes, made once; where the transaction runs again, those of the run that was committed count."""
    found = await store.sealed_key(tx, card.business_id, card.id)
    if found is None:
        fresh = secrets.new_bytes(rules.KEY_BYTES)
        # Sealed for its own row: a key copied into another card does not open.
        if await store.keep_key(tx, card.business_id, card.id, ring.seal(PURPOSE, fresh, _bound(card))):
            return fresh
        found = await store.sealed_key(tx, card.business_id, card.id)
        assert found is not None
    return ring.open(PURPOSE, found, _bound(card))


async def ready_key(db: Database, ring: KeyRing, card: Card) -> bytes:
    """As `key_of`, with no transaction where the card has its key already."""
    sealed = await store.sealed_key(db, card.business_id, card.id)
    return ring.open(PURPOSE, sealed, _bound(card)) if sealed else await write_transaction(db, lambda tx: key_of(tx, ring, card))


def _bound(card: Card) -> bytes:
    return str(card.id).encode()


async def live_code(db: Database, ring: KeyRing, card: Card, program: Program, now: datetime) -> Live:
    """What the card's page shows now; the programme's codes rotate."""
    assert program.rotation_seconds
    return rules.live(await ready_key(db, ring, card), card.code, now, program.rotation_seconds)


async def present(db: Database, ring: KeyRing, card: Card, digits: str, period_seconds: int, now: datetime) -> None:
    """A till read `digits` beside the card's code: remembers that the card was there.

    Raises CodeOutdated; TooMany after ten wrong ones in ten minutes, when right ones are not believed either.
    """
    tries = [Limit("cards.live_code", str(card.id), rules.TRIES_WINDOW // timedelta(seconds=1), rules.TRIES)]

    async def act(tx: Transaction) -> bool:
        await limits.check(tx, tries, now)
        sealed = await store.sealed_key(tx, card.business_id, card.id)
        # A card that never had a key was never shown live by anybody.
        if sealed is None or not rules.verify(ring.open(PURPOSE, sealed, _bound(card)), digits, now, period_seconds):
            await limits.hit(tx, tries, now)
            return False
        await store.present(tx, card.business_id, card.id, "code", to_ms(now))
        return True

    # Judged after the commit: a wrong one must stay counted.
    if not await write_transaction(db, act):
        raise CodeOutdated()


async def confirm(tx: Transaction, card: Card, how: str, now: datetime) -> None:
    """The card's owner confirmed: on its page (`page`) or with a code by SMS (`sms`)."""
    assert how in ("page", "sms")
    await store.present(tx, card.business_id, card.id, how, to_ms(now))


async def check_presented(reader: Database | Transaction, who: Principal, card: Card, program: Program, now: datetime) -> None:
    """Raises LiveCodeNeeded where the programme's codes rotate and this card was not seen live in the last five minutes."""
    if await needs_presentation(reader, who, card, program, now):
        raise LiveCodeNeeded()


async def needs_presentation(reader: Database | Transaction, who: Principal, card: Card, program: Program, now: datetime) -> bool:
    """Whether spending from the card would be refused now; asks the database only where codes rotate."""
    if not rules.asks(program.rotation_seconds, program.static_redeems, who.kind):
        return False
    return not rules.is_fresh(await store.presented_at(reader, card.business_id, card.id), now)
