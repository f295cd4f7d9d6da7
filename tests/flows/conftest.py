"""What the ways from poster to phone share."""
import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, sync_playwright

from app.context import Context
from app.demo.certificates import DemoCertificates, make_demo_certificates
from tests.conftest import Shop
from tests.flows import phones, shopper
from tests.flows.world import Rows, World


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return make_demo_certificates(tmp_path_factory.mktemp("flow"), pass_type_identifier=phones.TOPIC, team_identifier=phones.TEAM,
                                  now=phones.NOW - timedelta(days=1))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The demo as `make run` starts it, on a folder and a port of its own; its demo.json."""
    with shopper.running_demo(tmp_path_factory.mktemp("demo")) as told:
        yield told


@pytest.fixture
async def world(here: Context, client: httpx2.AsyncClient, shop: Shop, other_shop: Shop) -> World:
    """Two businesses with a thing of each kind."""
    made = World(here, client)
    await made.add("a", shop, ("+79161231111", "+79161232222"))
    await made.add("b", other_shop, ("+79161233333", "+79161234444"))
    return made


@pytest.fixture
def all_rows(world: World, database_url: str) -> Iterator[Rows]:
    """Every row of an SQLite database, to be looked at again."""
    made = Rows(database_url)
    yield made
    made.close()


# Closed with each module: its loop would stand in the way of tests that have one of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()
