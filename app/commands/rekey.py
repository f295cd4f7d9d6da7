"""`rekey`: seals everything again with the first key of the ring, so that the older keys may be thrown away.

In chunks, each its own transaction, beside whatever else the server does; broken off, it goes on where it stopped.
"""
import argparse
import asyncio
from functools import partial
from typing import Any

from app import start
from app.commands import shared, store
from app.commands.store import SEALED, Sealed
from app.context import Context
from app.db import Transaction, write_transaction
from app.installation import service as installation

CHUNK = 500


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(args: argparse.Namespace) -> int:
    here = shared.fitting_settings()
    return shared.said(asyncio.run(shared.hand_over(here, "rekey", act, {"first_key": start.key_ring(here).check_value})))


async def act(here: Context, first_key: str) -> dict[str, Any]:
    """Every sealed column, then what `meta` keeps, then the check value: from then on the older keys open nothing any more.

    first_key: the check value of the key that the command sees first; a server that was started before it was set must not go on.
    """
    if first_key != here.ring.check_value:
        return {"error": "The running server was started with another key ring. Restart it with the new key first in the list, "
                         "then try again."}
    lines = []
    for column in SEALED:
        done = await _column(here, column)
        if done:
            lines.append(f"{column.table}.{column.column}: {done} values")
    await write_transaction(here.db, partial(installation.reseal, here.ring))
    return {"lines": [*lines, "Everything is sealed with the first key. Take the older keys out of TESSERA_SECRET_KEY, restart, "
                              "and keep them as long as you keep backups that need them."]}


async def _column(here: Context, what: Sealed) -> int:
    done, after = 0, 0
    while True:
        after, changed, seen = await write_transaction(here.db, partial(_chunk, here, what, after))
        done += changed
        if not seen:
            return done


async def _chunk(here: Context, what: Sealed, after: int, tx: Transaction) -> tuple[int, int, int]:
    """(the last id, values sealed again, rows looked at)."""
    rows = await store.sealed_batch(tx, what, after, CHUNK)
    changed = 0
    for row in rows:
        old = bytes(row["sealed"])
        if here.ring.is_current(old):
            continue
        context = str(row["context"] or "").encode()
        new = here.ring.seal(what.purpose, here.ring.open(what.purpose, old, context), context)
        await store.replace_sealed(tx, what, row["id"], old, new)
        changed += 1
    return (rows[-1]["id"] if rows else after), changed, len(rows)
