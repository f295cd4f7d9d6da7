"""The one runner of a piece of work among all processes: PostgreSQL's numbering here, its sealing in `ledger`."""
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.db import Database, Unreachable, WriterBusy
from app.updates.service import WAITING, number_pending

LOOK_SECONDS = 0.15          # a process killed right after its COMMIT wakes nobody, and the promise is 200 ms
REST_SECONDS = 0.02          # what commits meanwhile shares the next batch: without it the runner would work for every single sale
LEAD_SECONDS = 1.0           # how long nobody may lead after the leader's process died

Work = Callable[[Database], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one leader: `work` runs when `channel` wakes it, and every `look_seconds` at least, with a rest of `rest_seconds`
    after each run; `begin` once, by whoever becomes the leader."""

    name: str
    channel: str
    work: Work
    look_seconds: float
    rest_seconds: float
    begin: Work


async def run_numbering(db: Database) -> None:
    """Number updates until cancelled, as long as no other process does. Returns at once on SQLite."""
    if db.engine == "postgresql":
        await lead(db, Task("numbering", WAITING, number_pending, LOOK_SECONDS, REST_SECONDS, number_pending))


async def lead(db: Database, task: Task) -> None:
    """Do `task` whenever we are its leader, until cancelled."""
    woken = asyncio.Event()
    await db.listen(task.channel, woken.set)
    try:
        while True:
            # A database that is away or busy comes back; the work lies in rows and waits there.
            with contextlib.suppress(Unreachable, WriterBusy):
                await _lead_once(db, task, woken)
            await asyncio.sleep(LEAD_SECONDS)
    finally:
        await db.forget(task.channel, woken.set)


async def _lead_once(db: Database, task: Task, woken: asyncio.Event) -> None:
    leader = await db.try_leader(task.name)
    if leader is None:
        return
    try:
        await task.begin(db)
        while leader.held:
            woken.clear()
            await task.work(db)
            await asyncio.sleep(task.rest_seconds)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), task.look_seconds)
    finally:
        await leader.release()
