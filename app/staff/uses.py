"""When sessions and keys were last used: kept in memory as it happens, written in batches outside the answers.

A GET must not wait for the writer, and must be answered where nothing can be written.
"""
import logging
from contextlib import AbstractAsyncContextManager
from weakref import WeakKeyDictionary

from app.db import Database, Transaction, write_transaction
from app.db.writing import writing as repeated_writing
from app.staff import keys_store, store

log = logging.getLogger("tessera.staff")
AT_ONCE = 200

_used: "WeakKeyDictionary[Database, dict[tuple[str, int], int]]" = WeakKeyDictionary()


def note(db: Database, kind: str, row_id: int, now_ms: int) -> None:
    """kind: session or key."""
    _used.setdefault(db, {})[kind, row_id] = now_ms


def last(db: Database, kind: str, row_id: int) -> int:
    """The last use that is not written yet, epoch ms; 0 for none."""
    return _used.get(db, {}).get((kind, row_id), 0)


async def write(db: Database) -> int:
    """Writes what was noted since, some rows a transaction; returns how many. Raises Unavailable, having forgotten nothing."""
    waiting, total = _used.get(db, {}), 0
    while batch := list(waiting.items())[:AT_ONCE]:
        await write_transaction(db, lambda tx, batch=batch: _write(tx, batch))  # type: ignore[misc]
        for use, at in batch:
            # Used again meanwhile: the newer moment stays for the next round.
            if waiting.get(use) == at:
                del waiting[use]
        total += len(batch)
    return total


async def _write(tx: Transaction, batch: list[tuple[tuple[str, int], int]]) -> None:
    for (kind, row_id), at in batch:
        await (store.set_seen if kind == "session" else keys_store.set_used)(tx, row_id, at)


def writing(db: Database) -> AbstractAsyncContextManager[None]:
    """Writes every half minute and at the end, in each process."""
    return repeated_writing(db, write, log, "uses of sessions and keys")
