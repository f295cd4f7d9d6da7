"""PostgreSQL: the one runner that links committed operations into their business's chain.

There a chain head written by every sale would make the sales of one business wait for each other. SQLite seals in the commit.
"""
from collections import defaultdict
from functools import partial
from typing import Any

from app.db import Database, Transaction, write_transaction
from app.ledger import chain, chain_store
from app.ledger.chain import OPERATION_FIELDS
from app.ledger.service import UNSEALED
from app.updates.runner import Task, lead

BATCH = 200
LOOK_SECONDS, REST_SECONDS = 0.5, 0.25         # the promise is one second
# A transaction is cut off after two seconds, so none commits later than this many ids behind the newest sealed one.
WINDOW = 5_000


async def run_sealing(db: Database) -> None:
    """Seal until cancelled, as long as no other process does. Returns at once on SQLite."""
    if db.engine == "postgresql":
        await lead(db, Task("sealing", UNSEALED, seal_pending, LOOK_SECONDS, REST_SECONDS, partial(seal_pending, everything=True)))


async def seal_pending(db: Database, *, everything: bool = False) -> int:
    """Seal committed operations in the order of their ids among what is committed; returns how many. Nothing to do on SQLite.

    everything: look at all operations, not only at the newest WINDOW ids. Any process may call it: a lock makes runners take turns.
    """
    total = 0
    window = None if everything else WINDOW
    while db.engine == "postgresql" and (sealed := await write_transaction(db, lambda tx: _seal_batch(tx, window))):
        total += sealed
        if sealed < BATCH:
            break
    return total


async def _seal_batch(tx: Transaction, window: int | None) -> int:
    await chain_store.lock(tx)
    operations = await chain_store.unsealed(tx, window, BATCH)
    if not operations:
        return 0
    entries: dict[int, list[Any]] = defaultdict(list)
    for entry in await chain_store.entries_of(tx, [operation["id"] for operation in operations]):
        entries[entry["operation_id"]].append(entry)
    heads: dict[int, tuple[int, bytes]] = {}
    links = []
    for operation in operations:
        business_id = operation["business_id"]
        seq, before = heads.get(business_id) or await chain_store.head(tx, business_id)
        sealed = seal_row(before, seq + 1, operation, entries[operation["id"]])
        heads[business_id] = seq + 1, sealed
        links.append({"business_id": business_id, "seq": seq + 1, "operation_id": operation["id"], "hash": sealed})
    await chain_store.insert_links(tx, links)
    return len(links)


def seal_row(before: bytes, seq: int, operation: Any, entries: list[Any]) -> bytes:
    """The hash of an operation as it lies in the tables; entries: by line, each with what is known of its lot."""
    made = {
        entry["lot_id"]: chain.lot_row(entry["lot_id"], entry["lot_unit"], entry["granted"], entry["expires_at"], entry["created_at"],
                                       entry["available_at"], entry["moved_from"])
        for entry in entries if entry["made_by"] == operation["id"]}
    text_hash = operation["text_hash"]
    return chain.seal(before, seq, [operation[field] for field in OPERATION_FIELDS], bytes(text_hash) if text_hash else None,
                      [(entry["line"], entry["account_id"], entry["book"], entry["unit"], entry["amount"], entry["lot_id"])
                       for entry in entries], [made[lot] for lot in sorted(made)])
