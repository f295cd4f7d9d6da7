"""The one runner of a piece of work among all processes: PostgreSQL's numbering here, its sealing in `ledger`."""
import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from app.db import Database, Unreachable, WriterBusy
from app.updates.service import WAITING, number_pending

LOOK_SECONDS = 0.15          # a process killed right after its COMMIT wakes nobody, and the promise is 200 ms
REST_SECONDS = 0.02          # what commits meanwhile shares the next batch: without it the runner would work for every single sale
LEAD_SECONDS = 1.0           # how long nobody may lead after the leader's process died


async def run_numbering(db: Database) -> None:
    """Number updates until cancelled, as long as no other process does. Returns at once on SQLite."""
    if db.engine == "postgresql":
        await lead(db, "numbering", WAITING, number_pending, LOOK_SECONDS, REST_SECONDS)


async def lead(db: Database, name: str, channel: str, work: Callable[[Database], Awaitable[int]], look_seconds: float,
               rest_seconds: float) -> None:
    """Run `work` whenever `channel` wakes us, and every `look_seconds`, while we are the leader for `name`; between two runs we
    rest for `rest_seconds`."""
    woken = asyncio.Event()
    await db.listen(channel, woken.set)
    try:
        while True:
            # A database that is away or busy comes back; the work lies in rows and waits there.
            with contextlib.suppress(Unreachable, WriterBusy):
                await _lead_once(db, name, work, woken, look_seconds, rest_seconds)
            await asyncio.sleep(LEAD_SECONDS)
    finally:
        await db.forget(channel, woken.set)


async def _lead_once(db: Database, name: str, work: Callable[[Database], Awaitable[int]], woken: asyncio.Event,
                     look_seconds: float, rest_seconds: float) -> None:
    leader = await db.try_leader(name)
    if leader is None:
        return
    try:
        while leader.held:
            woken.clear()
            await work(db)
            await asyncio.sleep(rest_seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), look_seconds)
    finally:
        await leader.release()
