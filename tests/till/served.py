"""A server of one business in this process, on a port of its own: for whoever speaks HTTP and nothing else."""
import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from app import secrets
from app.clock import SystemClock
from app.context import Context
from app.db import open_database
from app.ids import PublicIds
from app.main import create_app
from app.sandbox import service as sandbox
from app.secrets import KeyRing
from app.settings import load
from app.staff import keys
from app.web.principal import SCOPES
from tests import engines
from tests.flows.world import World
from tests.shops import make_shop


@dataclass(frozen=True)
class Served:
    """url: where the API is; keys: name of a role → its key, None for none; sandbox: a key of the business's sandbox."""

    url: str
    keys: dict[str, str | None]
    sandbox: str


@contextlib.contextmanager
def serving(folder: Path, roles: dict[str, frozenset[str]], revoked: str, none: str) -> Iterator[Served]:
    """A server with one thing of every kind, in a thread of its own; roles: name → scopes of its key."""
    begun, made, loop = threading.Event(), {}, asyncio.new_event_loop()

    async def serve() -> None:
        db = open_database(engines.sqlite_url(folder, migrated=True))
        await db.connect()
        ring = KeyRing([secrets.new_key()])
        ring.use_lookup_key(b"l" * 32)
        settings = load({"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder), "TESSERA_SECRET_KEY": secrets.new_key()})
        here = Context(settings, db, ring, PublicIds(b"i" * 32), SystemClock())
        made["keys"], made["sandbox"] = await _people(here, roles, revoked, none)
        server = made["server"] = uvicorn.Server(uvicorn.Config(create_app(here), log_level="error", lifespan="on", access_log=False))
        begun.set()
        await server.serve(sockets=[listening])
        await db.disconnect()

    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    begun.wait(60)
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", made["keys"], made["sandbox"])
    finally:
        made["server"].should_exit = True
        thread.join(30)
        loop.close()


async def _people(here: Context, roles: dict[str, frozenset[str]], revoked: str, none: str) -> tuple[dict[str, str | None], str]:
    world, shop, now = World(here, None), await make_shop(here), here.clock.now()  # type: ignore[arg-type]
    await world.add("a", shop, ("+79161231111", "+79161232222"))
    made: dict[str, str | None] = {name: _plain(await world.key("a", scopes)) for name, scopes in roles.items()}
    twin = await sandbox.twin_of(here.db, here.ring, shop.who, now)
    _, trial = await keys.create_key(here.db, here.ring, shop.who, "trial", frozenset(SCOPES), None, now, sandbox_id=twin)
    return {**made, revoked: _plain(await world.key("a", frozenset(SCOPES), is_revoked=True)), none: None}, trial


def _plain(caller: Any) -> str:
    return caller.headers["Authorization"].removeprefix("Bearer ")
