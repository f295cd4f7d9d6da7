"""A server of its own for a browser: in a thread, on a free port, over a fresh database, with a clock that a test may put forward."""
import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

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


class Ahead:
    """The machine's clock, moved by `by`."""

    by = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


class Served:
    """url: where it answers; here: its context, to be used through `run` alone: its database lives in the server's loop."""

    def __init__(self, url: str, here: Context, loop: asyncio.AbstractEventLoop, clock: Ahead) -> None:
        self.url, self.here, self._loop, self.clock = url, here, loop, clock

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = load({"TESSERA_DATA": str(folder), "PORT": str(port), "TESSERA_SECRET_KEY": secrets.new_key()}, demo=True)
    ring = KeyRing([secrets.new_key()])
    ring.use_lookup_key(b"l" * 32)
    ready, ended, told, clock = threading.Event(), threading.Event(), [], Ahead()

    async def serve() -> None:
        db = open_database(engines.sqlite_url(folder, migrated=True))
        await db.connect()
        here = Context(settings, db, ring, PublicIds(b"i" * 32), clock)
        server = uvicorn.Server(uvicorn.Config(create_app(here), host="127.0.0.1", port=port, log_level="error", lifespan="on"))
        server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
        told.append(Served(f"http://127.0.0.1:{port}", here, asyncio.get_running_loop(), clock))
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        ready.set()
        await asyncio.to_thread(ended.wait)
        server.should_exit = True
        await running
        await db.disconnect()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield told[0]
    finally:
        ended.set()
        thread.join(20)
