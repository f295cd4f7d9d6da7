"""The application in a thread of its own, on a free port of this machine, over a fresh SQLite database: for browsers and programs."""
import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import uvicorn

from app import secrets
from app.context import Context
from app.db import open_database
from app.ids import PublicIds
from app.main import create_app
from app.secrets import KeyRing
from app.settings import load
from tests import engines

T = TypeVar("T")
Held = TypeVar("Held")
SECONDS = 60


class Ahead:
    """The machine's clock, which a test may put forward: `here.clock.by`."""

    by = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


@dataclass(frozen=True)
class Served(Generic[Held]):
    """url: where it answers; here: its context, to be used through `run` alone, because its database lives in the server's loop;
    held: what was made before it answered."""

    url: str
    here: Context
    held: Held
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


async def _nothing(here: Context) -> None:
    pass


@contextmanager
def serving(folder: Path, prepare: Callable[[Context], Awaitable[Any]] = _nothing, *, url: str = "") -> Iterator[Served[Any]]:
    """prepare: fills the database before the first answer. url: the public address, where it is another than the server's own."""
    listening = socket.create_server(("127.0.0.1", 0))      # who knocks before the server answers waits
    own = f"http://127.0.0.1:{listening.getsockname()[1]}"
    made: list[tuple[Served, uvicorn.Server]] = []
    is_up = threading.Event()

    async def serve() -> None:
        ring = KeyRing([secrets.new_key()])
        ring.use_lookup_key(b"l" * 32)
        settings = load({"TESSERA_URL": url or own, "TESSERA_DATA": str(folder), "TESSERA_SECRET_KEY": secrets.new_key()}, demo=not url)
        db = open_database(engines.sqlite_url(folder, migrated=True))
        await db.connect()
        try:
            here = Context(settings, db, ring, PublicIds(b"i" * 32), Ahead())
            server = uvicorn.Server(uvicorn.Config(create_app(here), log_level="error", access_log=False, timeout_graceful_shutdown=1))
            made.append((Served(own, here, await prepare(here), asyncio.get_running_loop()), server))
            is_up.set()
            await server.serve(sockets=[listening])
        finally:
            await db.disconnect()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert is_up.wait(SECONDS), "the server did not start"
    served, server = made[0]
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join(SECONDS)
        listening.close()
