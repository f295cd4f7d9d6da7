"""Who holds a card, asked of Google itself now and then: callbacks are hints, they get lost and they stop."""
from datetime import datetime, timedelta

from app.context import Context
from app.db import Transaction, write_transaction
from app.google import store
from app.google.connections import google
from app.google.issuers import issuer_of
from app.google.store import ObjectRow
from app.google.verdicts import Verdict
from app.updates import service as updates

CHANNEL = "google_hints"
AT_ONCE = 10                    # a run: the queue of changes has the pace for itself
HELD, NOT_HELD, AWAY = timedelta(days=7), timedelta(days=1), timedelta(minutes=10)
# After a press a card that nobody holds yet is asked for soon, then after twice as long each time: callbacks may be blocked by a
# firewall, and a server without https gets none.
FIRST_LOOK, FRESH_FOR = timedelta(seconds=20), timedelta(minutes=20)
NEVER_AFTER = timedelta(days=60)


async def reconcile_due(here: Context) -> int:
    """One run of the job; returns for how many cards Google was asked."""
    made, asked = google(here), 0
    for row in await store.to_reconcile(here.db, here.clock.now(), AT_ONCE):
        kept = await store.get_class(here.db, row.class_row_id)
        if made.rests(kept.issuer_id):
            continue
        issuer = await issuer_of(here, row.business_id, kept.issuer_id)
        if issuer is None:
            await write_transaction(here.db, lambda tx, row=row: store.reconcile_at(tx, row.id, here.clock.now() + NOT_HELD))  # type: ignore[misc]
            continue
        outcome = await made.line(issuer).call("GET", f"/loyaltyObject/{row.object_id}")
        asked += 1
        held = outcome.answer.body.get("hasUsers")
        await _note(here, row, held is True if outcome.verdict is Verdict.DONE else None)
    return asked


async def _note(here: Context, row: ObjectRow, has_users: bool | None) -> None:
    """None: Google did not say."""
    now = here.clock.now()

    async def act(tx: Transaction) -> None:
        if has_users is None:
            await store.reconcile_at(tx, row.id, now + AWAY)
        elif await store.set_has_users(tx, row.id, has_users, next_look(row, has_users, now), now):
            kind = "pass.installed" if has_users else "pass.removed"
            await updates.emit(tx, row.business_id, kind, now, card_id=row.card_id, details={"wallet": "google"})

    await write_transaction(here.db, act)


def next_look(row: ObjectRow, has_users: bool, now: datetime) -> datetime | None:
    """When to ask again; None: never, until somebody presses the button or a callback hints at something."""
    if has_users:
        return now + HELD
    age = now - (row.removed_at or row.created_at)
    if age < FRESH_FOR:
        return now + max(age, FIRST_LOOK)
    return now + NOT_HELD if age < NEVER_AFTER else None


async def hint(tx: Transaction, row_id: int, now: datetime) -> None:
    """A callback says that somebody saved or removed the card: Google is asked at once."""
    await store.reconcile_at(tx, row_id, now)
    tx.notify(CHANNEL)
