"""Plastic cards: numbers with check codes are made to be printed; whoever holds one turns it into a card of their own, once."""
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app import secrets
from app.audit import service as audit
from app.cards import rules as card_rules
from app.cards.rules import Card, IssuedNumbers
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.enrolment import plastic_store, service, store
from app.enrolment.plastic_store import Batch, Plastic, Reader
from app.enrolment.rules import Enrolment
from app.errors import Expired, FieldError, Invalid, NotFound
from app.limits import service as limits
from app.limits.rules import Limit
from app.programs import service as programs
from app.programs.store import Program
from app.secrets import KeyRing
from app.text import N_
from app.web.principal import Principal

__all__ = ["Batch", "activated", "batches", "close_batch", "find", "free", "is_offered", "make_batch", "numbers_of"]

CODE_DIGITS = 6
MOST_CARDS, MOST_NAME, SHOWN = 2000, 60, 200
# A million codes, five guesses a day: a stranger who sees a card's number is still at it in five hundred years.
WRONG_CODES, WRONG_WINDOW = 5, timedelta(days=1)
NOT_THIS = N_("This number and code do not belong together, or the card is in use already. Check both; the code stands beside the number.")


class WrongPlastic(Invalid):
    """One answer for a number that nobody printed, a code that is wrong, and a card that somebody has."""

    def __init__(self) -> None:
        super().__init__(fields=[FieldError("code", "plastic", NOT_THIS)])


@dataclass(frozen=True, slots=True)
class Printed:
    """What stands on a plastic card; known only in the answer to whoever made it."""

    number: str
    code: str


async def make_batch(db: Database, ring: KeyRing, who: Principal, program_id: int, name: str, count: int,
                     now: datetime) -> tuple[int, list[Printed]]:
    """(the batch's id, its cards to be printed): their codes are stored hashed and shown this once. Raises Invalid and NotFound."""
    name = name.strip()
    if not 1 <= count <= MOST_CARDS:
        raise Invalid(fields=[FieldError("count", "range", N_("Make 1 to 2,000 cards at once."))])
    if not name or len(name) > MOST_NAME:
        raise Invalid(fields=[FieldError("name", "length", N_("Give the batch a name of up to 60 characters."))])
    program = await programs.get_program(db, who.business_id, program_id)
    drawn = [Printed(card_rules.draw_number(program.number_prefix), secrets.new_digits(CODE_DIGITS)) for _ in range(count)]

    async def act(tx: Transaction) -> tuple[int, list[Printed]]:
        batch_id = await plastic_store.append_batch(tx, who.business_id, program.id, name, count, who.id, to_ms(now))
        for card in drawn:
            # One in a hundred million batches meets a number that is taken; whoever made it presses once more.
            if not await plastic_store.append_card(tx, who.business_id, program.id, batch_id, card.number, _hash(ring, card)):
                raise Invalid(fields=[FieldError("count", "taken", N_("A drawn number was taken. Press the button once more."))])
        await audit.record(tx, who, "plastic.made", "plastic_batch", batch_id, {"cards": count}, now=now)
        return batch_id, drawn

    return await write_transaction(db, act)


def _hash(ring: KeyRing, card: Printed) -> bytes:
    return ring.lookup_hash("plastic.code", f"{card.number}:{card.code}")


async def batches(reader: Reader, business_id: int) -> list[Batch]:
    """Newest first."""
    return await plastic_store.batches(reader, business_id, SHOWN)


async def is_offered(reader: Reader, program: Program) -> bool:
    """Whether plastic cards of the programme may be in somebody's hand."""
    return await plastic_store.has_open(reader, program.business_id, program.id)


async def close_batch(db: Database, who: Principal, batch_id: int, now: datetime) -> None:
    """A box was lost: what nobody has activated can be activated no more. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        if not await plastic_store.close_batch(tx, who.business_id, batch_id, to_ms(now)):
            raise NotFound()
        await audit.record(tx, who, "plastic.closed", "plastic_batch", batch_id, now=now)

    await write_transaction(db, act)


async def find(db: Database, ring: KeyRing, program: Program, number: str, code: str, now: datetime) -> Plastic:
    """The plastic card of a number and its check code. Counted before the code is looked at, whether or not the number is one.

    Raises WrongPlastic (unknown number, wrong code, used, closed: all alike), LimitReached after five wrong codes a day.
    """
    typed = Printed(card_rules.tidy(number), card_rules.tidy(code))
    guesses = [Limit("plastic.number", ring.lookup_hash("plastic.number", f"{program.business_id}:{typed.number}").hex(),
                     WRONG_WINDOW // timedelta(seconds=1), WRONG_CODES)]
    await write_transaction(db, lambda tx: limits.hit(tx, guesses, now))
    found = await plastic_store.find(db, program.business_id, typed.number)
    # Compared also where there is nothing to compare with, so that the answer takes as long.
    fits = secrets.same(found.code_hash if found else bytes(32), _hash(ring, typed))
    if found is None or not fits or found.card_id is not None or found.is_closed or found.program_id != program.id:
        raise WrongPlastic()
    await write_transaction(db, lambda tx: limits.take_back(tx, guesses, now))
    return found


async def free(tx: Transaction, ring: KeyRing, who: Principal, card: Plastic, now: datetime) -> None:
    """Whoever began with this plastic before and did not finish begins anew."""
    if (begun := await plastic_store.pending_of(tx, card.id)) is not None:
        enrolment = await store.find(tx, card.business_id, begun)
        assert enrolment is not None
        await service.end(tx, ring, who, enrolment, "cancelled", now)


async def numbers_of(tx: Transaction, enrolment: Enrolment, drawn: IssuedNumbers) -> IssuedNumbers:
    """The numbers of the card that an enrolment becomes: the plastic's own number, where there is one."""
    if enrolment.plastic_id is None:
        return drawn
    return replace(drawn, number=(await plastic_store.get(tx, enrolment.business_id, enrolment.plastic_id)).number)


async def activated(tx: Transaction, enrolment: Enrolment, card: Card, now: datetime) -> None:
    """The plastic belongs to the new card from now on. Raises Expired where its batch was closed meanwhile."""
    if enrolment.plastic_id is None:
        return
    plastic = await plastic_store.get(tx, enrolment.business_id, enrolment.plastic_id)
    if plastic.is_closed or not await plastic_store.use(tx, enrolment.business_id, enrolment.plastic_id, card.id, to_ms(now)):
        raise Expired()
