"""What requests note in memory, written outside their answers: every half minute and at the end, in each process."""
import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from app.db.database import Database
from app.errors import Unavailable

EVERY_SECONDS = 30.0


@contextlib.asynccontextmanager
async def writing(db: Database, write: Callable[[Database], Awaitable[object]], log: logging.Logger, what: str) -> AsyncIterator[None]:
    """Calls `write` until the block ends, and once more then. Where nothing can be written, `what` waits for the next turn."""
    async def repeat() -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await attempt()

    async def attempt() -> None:
        try:
            await write(db)
        except Unavailable as exc:
            log.warning("%s wait for their next turn: %s", what, exc)

    task = asyncio.create_task(repeat(), name=f"write {what}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await attempt()
