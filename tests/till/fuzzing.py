"""A server of one business in this process, and a reader of its OpenAPI document who tries everything that the document says."""
import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import schemathesis
import uvicorn
from schemathesis import engine, openapi
from schemathesis.config import SchemathesisConfig
from schemathesis.engine.events import NonFatalError, ScenarioFinished

from app import secrets
from app.clock import SystemClock
from app.context import Context
from app.db import open_database
from app.ids import PublicIds
from app.main import create_app
from app.secrets import KeyRing
from app.settings import load
from tests import engines
from tests.flows.world import World
from tests.shops import make_shop

ADDRESS = "/api/v1/openapi.json"
# A till that sends 5.0 for 5 is refused (api.md: never floats), though a whole number is one in JSON Schema; what a rule refuses in a body
# that is drawn well is 422 as well, and a NUL in a text 400. So both may answer any body; `only_rules_refuse` holds what that would lose.
CHECKS = {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "401", "403", "404", "409", "422", "429", "503"]}}
NOT_OF_RULES = {"unknown_field", "wrong_type"}


@schemathesis.check
def only_rules_refuse(ctx: Any, response: Any, case: Any) -> None:
    """What the document draws, the parser takes."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code == 400:
        assert "\\u0000" in str(response.request.body) or "\\x00" in str(response.request.body), response.text
    if response.status_code == 422:
        codes = {wrong["code"] for wrong in response.json().get("errors", [])}
        assert not codes & NOT_OF_RULES, f"the document allows what the parser refuses: {response.text}"


@dataclass(frozen=True)
class Served:
    """url: where the API is; keys: name of a role → its key, None for none."""

    url: str
    keys: dict[str, str | None]


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
        made["keys"] = await _people(here, roles, revoked, none)
        server = made["server"] = uvicorn.Server(uvicorn.Config(create_app(here), log_level="error", lifespan="on", access_log=False))
        begun.set()
        await server.serve(sockets=[listening])
        await db.disconnect()

    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    begun.wait(60)
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", made["keys"])
    finally:
        made["server"].should_exit = True
        thread.join(30)
        loop.close()


async def _people(here: Context, roles: dict[str, frozenset[str]], revoked: str, none: str) -> dict[str, str | None]:
    world = World(here, None)  # type: ignore[arg-type]
    await world.add("a", await make_shop(here), ("+79161231111", "+79161232222"))
    keys: dict[str, str | None] = {name: _plain(await world.key("a", scopes)) for name, scopes in roles.items()}
    gone = await world.key("a", next(iter(roles.values())), is_revoked=True)
    return {**keys, revoked: _plain(gone), none: None}


def _plain(caller: Any) -> str:
    return caller.headers["Authorization"].removeprefix("Bearer ")


def findings(served: Served, role: str, settings: dict[str, Any]) -> list[str]:
    """A sentence for everything in which the server and its document differ for the role. settings: of schemathesis.toml."""
    key = served.keys[role]
    config = SchemathesisConfig.from_dict({
        "base-url": served.url, "continue-on-failure": True, "checks": CHECKS,
        "headers": {"Authorization": f"Bearer {key}"} if key else {}, **settings})
    schema = openapi.from_url(served.url + ADDRESS, config=config)
    found: dict[str, None] = {}
    for event in engine.from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            found[f"{event.label}: {event.info}"] = None
        elif isinstance(event, ScenarioFinished):
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.failure_info is not None:
                        case = event.recorder.cases[case_id].value
                        found[f"{event.label}: {check.name}: {check.failure_info.failure.message[:400]} {case.as_curl_command()}"] = None
    return list(found)
