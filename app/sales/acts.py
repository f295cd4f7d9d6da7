"""What all acts of a till share: one effect per idempotency key, and where an act happens."""
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import msgspec

from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import Card, CardEnded
from app.db import Database, Transaction, write_transaction
from app.errors import NotFound
from app.idempotency import service as idempotency
from app.idempotency.rules import Key, KeyInUse
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Operation
from app.ledger.rules import day_of
from app.ledger.service import Receipt
from app.programs import service as programs
from app.sales import rules
from app.sales.reach import check_program
from app.staff import service as staff
from app.web.principal import Principal

_Made = TypeVar("_Made")


class Outcome(msgspec.Struct, frozen=True):
    """What an act made. is_replay: the same request was answered before; equal in ids, amounts and balances."""

    operation: Operation
    is_replay: bool


async def once(db: Database, who: Principal, key: Key | None, act: Callable[[Transaction], Awaitable[Operation]],
               now: datetime) -> Outcome:
    """Run `act` in a transaction, or give again what the same key and request made before."""
    async def whole(tx: Transaction) -> Outcome:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            if "operation" not in kept.answer:
                # A twin that was faster made something else of it (an approval): the repeat finds that.
                raise KeyInUse(retry_after=1)
            first = await operations_store.find_operation(tx, who.business_id, kept.answer["operation"], has_balances=False)
            if first is None:
                raise NotFound()
            return Outcome(msgspec.structs.replace(first, balances=kept.answer["balances"]), True)
        operation = await act(tx)
        await idempotency.keep(tx, who.business_id, key, 201, {"operation": operation.id, "balances": operation.balances})
        return Outcome(operation, False)

    return await write_transaction(db, whole)


async def once_not_own(db: Database, who: Principal, key: Key | None, act: Callable[[Transaction], Awaitable[Operation]],
                       now: datetime) -> Outcome:
    """As `once`, for an act that `check_not_own` may refuse."""
    return await recording_own(db, who, now, once(db, who, key, act, now))


async def recording_own(db: Database, who: Principal, now: datetime, work: Awaitable[_Made]) -> _Made:
    """Where `work` is refused because the card is the asker's own, the attempt stays on record although nothing came of it."""
    try:
        return await work
    except rules.OwnCard as refused:
        card_id = refused.card_id
        # In a transaction of its own: the refusal rolled the first one back.
        await write_transaction(db, lambda tx: audit.record(tx, who, "card.own_refused", "card", card_id, now=now))
        raise


async def open_card(tx: Transaction, who: Principal, card_id: int) -> tuple[Card, programs.Program]:
    """A live card whose account is locked from here on, and its programme. Raises NotFound, CardEnded."""
    card = await cards.get_card(tx, who.business_id, card_id)
    if await ledger.lock(tx, who.business_id, [card.account_id]):
        card = await cards.get_card(tx, who.business_id, card_id)
    check_program(who, card.program_id)
    if card.status not in ledger.LIVE:
        raise CardEnded()
    return card, await programs.get_program(tx, who.business_id, card.program_id)


async def check_not_own(tx: Transaction, who: Principal, card: Card) -> None:
    """Raises OwnCard where a member of staff would serve the card that is their own."""
    if who.kind == "staff" and who.id is not None and card.customer_id is not None \
            and await staff.customer_of(tx, who.acting_business_id, who.id) == card.customer_id:
        raise rules.OwnCard(card.id)


async def again(db: Database, who: Principal, key: Key | None, now: datetime) -> Outcome | None:
    """What this very request made before, or None: for a repeat that names a card by a code which no longer leads to it."""
    kept = await idempotency.look(db, who.business_id, key, now)
    if kept is None:
        return None
    first = await operations_store.find_operation(db, who.business_id, kept.answer["operation"], has_balances=False)
    return Outcome(msgspec.structs.replace(first, balances=kept.answer["balances"]), True) if first else None


async def where(reader: Database | Transaction, who: Principal, program: programs.Program,
                location_id: int | None) -> tuple[int | None, str]:
    """The location of an act (None: nowhere in particular), one of the acting business's, and the time zone there.

    Raises OtherLocation where who asks is bound to another one, NotFound where it is none of theirs.
    """
    if location_id is None:
        location_id = who.location_id
    elif not who.reaches(location_id=location_id) \
            or (who.location_id not in (None, location_id) and not (who.kind == "staff" and who.may("manager"))):
        raise rules.OtherLocation()
    if location_id is None:
        return None, program.time_zone
    return location_id, await programs.location_zone(reader, who.acting_business_id, location_id)


def claim_of(who: Principal, number: str | None, location_id: int | None, zone: str, kind: str, at: datetime) -> Receipt | None:
    """The receipt as it is counted. Those without a location must not clash between the members of a coalition, so each member
    has a place of its own for them: minus its id, which no location has."""
    if location_id is None and who.acting_business_id != who.business_id:
        location_id = -who.acting_business_id
    return Receipt(number, location_id, day_of(at, zone), kind) if number else None


async def place(tx: Transaction, who: Principal, program: programs.Program, location_id: int | None, number: str | None,
                kind: str, at: datetime) -> tuple[int | None, Receipt | None]:
    """The location of an act, and its receipt there; raises as `where`."""
    location_id, zone = await where(tx, who, program, location_id)
    return location_id, claim_of(who, number, location_id, zone, kind, at)
