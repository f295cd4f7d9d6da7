"""A server of one business in this process, on a port of its own: for whoever speaks HTTP and nothing else."""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.context import Context
from app.sandbox import service as sandbox
from app.staff import keys
from app.web.principal import SCOPES
from tests import served
from tests.flows.world import World
from tests.shops import make_shop


@dataclass(frozen=True)
class Served:
    """url: where the API is; keys: name of a role → its key, None for none; sandbox: a key of the business's sandbox."""

    url: str
    keys: dict[str, str | None]
    sandbox: str


@contextmanager
def serving(folder: Path, roles: dict[str, frozenset[str]], revoked: str, none: str) -> Iterator[Served]:
    """A server with one thing of every kind; roles: name → scopes of its key."""
    with served.serving(folder, lambda here: _people(here, roles, revoked, none), url="https://cards.example.com") as made:
        yield Served(made.url, *made.held)


async def _people(here: Context, roles: dict[str, frozenset[str]], revoked: str, none: str) -> tuple[dict[str, str | None], str]:
    world, shop, now = World(here, None), await make_shop(here), here.clock.now()  # type: ignore[arg-type]
    await world.add("a", shop, ("+79161231111", "+79161232222"))
    made: dict[str, str | None] = {name: _plain(await world.key("a", scopes)) for name, scopes in roles.items()}
    twin = await sandbox.twin_of(here.db, here.ring, shop.who, now)
    _, trial = await keys.create_key(here.db, here.ring, shop.who, "trial", frozenset(SCOPES), None, now, sandbox_id=twin)
    return {**made, revoked: _plain(await world.key("a", frozenset(SCOPES), is_revoked=True)), none: None}, trial


def _plain(caller: Any) -> str:
    return caller.headers["Authorization"].removeprefix("Bearer ")
