"""The job that keeps Google's cards true: from numbered updates to requests, each claimed, sent after the commit, and its answer kept.

The work is rows: a stop between sending and noting sends once more when the lease ends, and the newest state is what goes out.
"""
import asyncio
import logging
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any

from app.context import Context
from app.db import Transaction, write_transaction
from app.errors import Unavailable
from app.google import store
from app.google.client import Answer
from app.google.connections import Google, Outcome, google
from app.google.sending import send_class, send_object
from app.google.store import CLASSES, OBJECTS, ClassRow, ObjectRow
from app.google.verdicts import LONGEST, Verdict
from app.updates import service as updates

log = logging.getLogger("tessera.google")

SPREAD_CURSOR = "google.spreads"
SPREADS_AT_ONCE = 100
OBJECTS_AT_ONCE, CLASSES_AT_ONCE = 40, 20
IN_FLIGHT = 4
# Longer than a batch takes while Google answers each request at the last moment.
LEASE = timedelta(minutes=3)
LOOK_AGAIN = timedelta(hours=1)


async def sync_due(here: Context) -> int:
    """One run of the job; returns how many classes and cards were tried. Safe to repeat."""
    made, issuer_ids = google(here), await store.issuers(here.db)
    if not issuer_ids:
        return 0            # nobody has pressed the button yet
    await read_updates(made)
    await read_spreads(made)
    await _look_again(made)
    tried = await asyncio.gather(*(_serve(made, issuer_id) for issuer_id in issuer_ids))
    return sum(tried)


async def read_updates(made: Google) -> None:
    """Turn numbered updates since the cursor into cards that should be sent."""
    await made.updates.follow(made.here.clock.now())


async def read_spreads(made: Google) -> None:
    """Changes of whole programmes make their classes due; the cards follow by updates, at the pace of the spread."""
    db, now = made.here.db, made.here.clock.now()
    after = await updates.find_cursor(db, SPREAD_CURSOR)
    while ids := await store.spreads_after(db, after, SPREADS_AT_ONCE):
        async def act(tx: Transaction, after: int = after, until: int = ids[-1]) -> None:
            await store.want_classes(tx, after, until, now)
            await updates.move_cursor(tx, SPREAD_CURSOR, until)

        await write_transaction(db, act)
        after = ids[-1]


async def _look_again(made: Google) -> None:
    """Now and then every class is compared with its programme: a shop that opened, a name that changed."""
    now = made.here.clock.now()
    if made.looked_at is not None and abs(now - made.looked_at) < LOOK_AGAIN:
        return
    made.looked_at = now
    await write_transaction(made.here.db, lambda tx: store.look_again(tx, now))


async def _serve(made: Google, issuer_id: str) -> int:
    """Send all that is due of one issuer, until there is nothing more or nothing goes through."""
    tried = 0
    while not made.rests(issuer_id):
        classes = await _claim_classes(made, issuer_id)
        objects = await _claim_objects(made, issuer_id) if not classes else []
        if not classes and not objects:
            break
        outcomes = await _send_all(made, classes, objects)
        made.note(issuer_id, outcomes)
        tried += len(outcomes)
        await read_updates(made)        # a sale of this moment does not wait behind thousands of others
    return tried


async def _claim_classes(made: Google, issuer_id: str) -> list[ClassRow]:
    due = await store.due_classes(made.here.db, issuer_id, made.here.clock.now(), CLASSES_AT_ONCE)
    return [await store.get_class(made.here.db, row_id) for row_id in await _claim(made, CLASSES, due)]


async def _claim_objects(made: Google, issuer_id: str) -> list[ObjectRow]:
    """The longest due and the newest due, half and half: a card at a till does not wait for a whole programme's change."""
    db, now = made.here.db, made.here.clock.now()
    due = await store.due_objects(db, issuer_id, now, OBJECTS_AT_ONCE // 2)
    if len(due) == OBJECTS_AT_ONCE // 2:
        due += await store.due_objects(db, issuer_id, now, OBJECTS_AT_ONCE // 2, newest=True)
    return [await store.get_object(db, row_id) for row_id in await _claim(made, OBJECTS, due)]


async def _claim(made: Google, table: str, due: Sequence[int]) -> list[int]:
    """Those of `due` that are this process's now. They are read after that: another may have sent what was seen before."""
    now = made.here.clock.now()
    if not due:
        return []
    return await write_transaction(made.here.db, lambda tx: store.claim(tx, table, due, now, now + LEASE))


async def _send_all(made: Google, classes: Sequence[ClassRow], objects: Sequence[ObjectRow]) -> list[Outcome]:
    """IN_FLIGHT at once. Where nothing goes through, the rest goes back untried instead of failing one after another."""
    waiting = list(reversed(objects))
    outcomes = [await _guarded(made, CLASSES, row.id, send_class(made, row)) for row in classes]

    async def worker() -> None:
        while waiting and not _is_hopeless(outcomes):
            row = waiting.pop()
            outcomes.append(await _guarded(made, OBJECTS, row.id, send_object(made, row)))

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    if waiting:
        now = made.here.clock.now()

        async def act(tx: Transaction) -> None:
            for row in waiting:
                await store.release(tx, OBJECTS, row.id, now)

        await write_transaction(made.here.db, act)
    return outcomes


async def _guarded(made: Google, table: str, row_id: int, sending: Coroutine[Any, Any, Outcome]) -> Outcome:
    """One card that cannot be drawn must not stop all others: it waits, and the log says why."""
    try:
        return await sending
    except Unavailable:
        raise           # the database is away: for all of them
    except Exception:
        log.exception("row %s of %s cannot be sent", row_id, table)
        due_at = made.here.clock.now() + LONGEST
        await write_transaction(made.here.db, lambda tx: store.failed(tx, table, row_id, 0, "ours", due_at))
        return Outcome(Verdict.REFUSED, Answer(0, "ours"))


def _is_hopeless(outcomes: Sequence[Outcome]) -> bool:
    """The newest answers all said that the issuer, not the card, is what fails."""
    newest = outcomes[-IN_FLIGHT:]
    return len(newest) == IN_FLIGHT and all(each.verdict in (Verdict.UNAVAILABLE, Verdict.CONFIGURATION) for each in newest)
