"""Telling the rest of the server, by rows that commit with the change, that a card changed or that something happened."""
import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import Unavailable
from app.text import N_
from app.updates import store
from app.updates.store import Update, find_cursor, hold_cursor, move_cursor, newest, newest_of, set_cursor, since

__all__ = ["LAG_MOST", "Update", "append", "append_many", "emit", "emit_many", "find_cursor", "forget_old", "hold_cursor", "lift",
           "move_cursor", "newest", "newest_of", "number_pending", "set_cursor", "since", "wait_for_number"]

NUMBERED = "updates"            # channel: numbered rows exist
WAITING = "update_queue"        # channel: rows wait to be numbered
BATCH = 500
RESTORE_LIFT = 2**32
WAIT_SECONDS = 2.0
# A reader whom no update concerned for so long writes its cursor nevertheless: what it has read can be forgotten.
LAG_MOST = 10_000
KEPT_FOR = timedelta(days=90)
FORGOTTEN_AT_ONCE = 500


class NotNumberedYet(Unavailable):
    """The runner did not come round in time; the row is kept, and the device asks again."""

    code, detail = "not_numbered_yet", N_("The server is busy. Ask again in a moment.")


async def append(tx: Transaction, business_id: int, card_id: int, now: datetime, registration_id: int | None = None) -> int | None:
    """Note, in the transaction that changes it, that a card changed.

    registration_id: the number is for this registration alone (an old file added late). Returns the number on SQLite, None on
    PostgreSQL, where a runner gives it after the commit: a sequence would let a slow transaction commit behind a tag that was
    handed out already, and its update would never be seen.
    """
    values = {"business_id": business_id, "card_id": card_id, "registration_id": registration_id, "at": to_ms(now)}
    if tx.engine == "sqlite":
        tx.notify(NUMBERED)
        return await store.append(tx, values)
    tx.notify(WAITING)
    await store.enqueue(tx, values)
    return None


async def append_many(tx: Transaction, cards: Sequence[tuple[int, int]], now: datetime) -> None:
    """As `append`, of many cards at once: (business, card) each."""
    if cards:
        tx.notify(NUMBERED if tx.engine == "sqlite" else WAITING)
        await store.append_many(tx, cards, to_ms(now))


async def number_pending(db: Database) -> int:
    """Number what waits, in the order of ids among what is committed; returns how many. Nothing to do on SQLite.

    Any process may call it at any time: a lock makes runners take turns. Whatever commits later gets a later number.
    """
    async def act(tx: Transaction) -> int:
        numbered = await store.number_batch(tx, BATCH)
        if numbered:
            tx.notify(NUMBERED)
        return numbered

    total = 0
    while db.engine == "postgresql" and (numbered := await write_transaction(db, act)):
        total += numbered
        if numbered < BATCH:
            break
    return total


async def wait_for_number(db: Database, registration_id: int, after: int, seconds: float = WAIT_SECONDS) -> int:
    """The number that a registration took for itself; `after`: `newest(db)` before it was appended.

    Raises NotNumberedYet (503) where the runner does not give one within `seconds`.
    """
    woken = asyncio.Event()
    await db.listen(NUMBERED, woken.set)
    try:
        async with asyncio.timeout(seconds):
            while (number := await store.of_registration(db, registration_id, after)) is None:
                await woken.wait()
                woken.clear()
            return number
    except TimeoutError as error:
        raise NotNumberedYet(retry_after=1) from error
    finally:
        await db.forget(NUMBERED, woken.set)


async def lift(tx: Transaction, by: int = RESTORE_LIFT) -> int:
    """After a restore: every number from now on is beyond every tag that devices may hold; returns the floor."""
    return await store.lift(tx, by)


async def forget_old(db: Database, now: datetime) -> int:
    """Delete updates older than KEPT_FOR that every reader has passed; returns how many. The newest number of each card stays.

    A few hundred a transaction, so that tills never wait for it.
    """
    # The newest row stays whatever its age: the next number is counted from it.
    until, before, total = min(await store.reached(db), await newest(db)), to_ms(now - KEPT_FOR), 0
    while deleted := await write_transaction(db, lambda tx: store.forget(tx, until, before, FORGOTTEN_AT_ONCE)):
        total += deleted
    return total


async def emit(tx: Transaction, business_id: int, kind: str, now: datetime, *, card_id: int | None = None,
               operation_id: int | None = None, customer_id: int | None = None, enrolment_id: int | None = None,
               details: dict[str, Any] | None = None) -> None:
    """Put an event ("operation.created") into the outbox that webhooks read; ids only, nothing personal."""
    await store.emit(tx, {
        "business_id": business_id, "kind": kind, "card_id": card_id, "operation_id": operation_id, "customer_id": customer_id,
        "enrolment_id": enrolment_id, "details": msgspec.json.encode(details).decode() if details else "{}", "at": to_ms(now)})


async def emit_many(tx: Transaction, kind: str, events: Sequence[tuple[int, int | None, int | None, dict[str, Any] | None]],
                    now: datetime) -> None:
    """As `emit`, of many of a kind at once: (business, card, operation, details) each."""
    await store.emit_many(tx, [{
        "business_id": business_id, "kind": kind, "card_id": card_id, "operation_id": operation_id, "customer_id": None,
        "enrolment_id": None, "details": msgspec.json.encode(details).decode() if details else "{}", "at": to_ms(now)}
        for business_id, card_id, operation_id, details in events])
