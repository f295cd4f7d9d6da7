"""One business with two cards on SQLite: what doors refuse is the same on both engines."""
from pathlib import Path

import httpx2
import pytest

from app.context import Context
from app.web.principal import SCOPES
from tests import engines
from tests.conftest import Shop
from tests.flows.world import Caller, World


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def world(here: Context, client: httpx2.AsyncClient, shop: Shop) -> World:
    made = World(here, client)
    await made.add("a", shop, ("+79161231111", "+79161232222"))
    return made


@pytest.fixture
async def key(world: World) -> Caller:
    return await world.key("a", frozenset(SCOPES))
