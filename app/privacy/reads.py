"""Whose cards were looked at by whom: noted in memory as it happens, by the hour, and written in batches outside the answers (goal N7).

After a breach the question is "which shoppers did key K read since T"; a row for each look would be the largest table of all, so an
hour of a key and a card is one row. What a crash loses is half a minute.
"""
import logging
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from weakref import WeakKeyDictionary

from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.db.writing import writing as repeated_writing
from app.privacy import reads_store as store
from app.privacy.reads_store import Read
from app.web.principal import Principal

__all__ = ["Read", "note", "since", "write", "writing"]

log = logging.getLogger("tessera.privacy")
AT_ONCE = 500
HOUR_MS = 3_600_000

_noted: "WeakKeyDictionary[Database, set[tuple[int, str, int, int, int]]]" = WeakKeyDictionary()


def note(db: Database, who: Principal, card_ids: Iterable[int], now: datetime) -> None:
    """Staff or a key saw these cards; whoever else asks (a shopper, the server) is not noted. Costs no statement."""
    if who.kind in ("staff", "api_key") and who.id is not None:
        hour = to_ms(now) // HOUR_MS * HOUR_MS
        _noted.setdefault(db, set()).update((who.business_id, who.kind, who.id, hour, card_id) for card_id in card_ids)


async def write(db: Database) -> int:
    """Writes what was noted since; returns how many rows were handed over. Raises Unavailable, having forgotten nothing."""
    waiting, total = _noted.get(db, set()), 0
    while batch := list(waiting)[:AT_ONCE]:
        async def act(tx: Transaction, batch: list[tuple[int, str, int, int, int]] = batch) -> None:
            await store.append(tx, batch)

        await write_transaction(db, act)
        waiting.difference_update(batch)
        total += len(batch)
    return total


async def since(db: Database, business_id: int, kind: str, actor_id: int, moment: datetime, most: int) -> list[Read]:
    """Which cards this member of staff (staff) or key (api_key) saw since the beginning of that hour, the first look first."""
    await write(db)
    return await store.since(db, business_id, kind, actor_id, to_ms(moment) // HOUR_MS * HOUR_MS, most)


def writing(db: Database) -> AbstractAsyncContextManager[None]:
    """Writes every half minute and at the end, in each process."""
    return repeated_writing(db, write, log, "looks at cards")
