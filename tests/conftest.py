"""What tests of every room share: databases on both engines, a clock that stands still, a shop made through the services."""
import collections
import ipaddress
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import argon2.profiles
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from app import secrets
from app.clock import FixedClock
from app.context import Context
from app.ids import PublicIds
from app.secrets import KeyRing
from app.settings import load
from tests import engines

# A busy machine is no fault of the code: what is drawn is judged, not how long the drawing took.
settings.register_profile("tessera", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tessera")
# The library also draws constants that it finds in loaded modules: which these are depends on what a process ran before, and then what
# is drawn from a fixed seed would not be fixed.
providers._get_local_constants = Constants


def _only_this_machine(event: str, arguments: tuple[object, ...]) -> None:
    """Goal N6: whatever a test does, nothing leaves this machine."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0]).partition("%")[0]
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise AssertionError(f"a test reaches for {host}: tests stay on this machine")


sys.addaudithook(_only_this_machine)


# A hash that takes tens of milliseconds protects a password, and a thousand tests sign in.
# What production uses is said in app/staff/passwords.py, and asserted by those who ask for `hashed_as_in_production`.
PRODUCTION = argon2.profiles.RFC_9106_LOW_MEMORY
argon2.profiles.RFC_9106_LOW_MEMORY = argon2.Parameters(argon2.Type.ID, 19, 16, 32, time_cost=1, memory_cost=64, parallelism=1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--goal", help="run only the tests of this goal, such as F4")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    goal = config.getoption("--goal")
    if goal:
        chosen = [item for item in items if any(goal in mark.args for mark in item.iter_markers("goal"))]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen


@pytest.fixture(scope="session", autouse=True)
def _servers_end() -> Iterator[None]:
    yield
    engines.stop_postgres()


@pytest.fixture
def hashed_as_in_production(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from app.staff import passwords

    monkeypatch.setattr(argon2.profiles, "RFC_9106_LOW_MEMORY", PRODUCTION)
    passwords._hasher.cache_clear()
    yield
    passwords._hasher.cache_clear()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))


@pytest.fixture
def ring() -> KeyRing:
    made = KeyRing([secrets.new_key()])
    made.use_lookup_key(b"l" * 32)
    return made


@pytest.fixture
def ids() -> PublicIds:
    return PublicIds(b"i" * 32)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh empty database on each engine."""
    return engines.sqlite_url(tmp_path) if request.param == "sqlite" else engines.new_postgres_url()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database with nothing in it, on each engine."""
    if request.param == "sqlite":
        yield engines.sqlite_url(tmp_path, migrated=True)
        return
    url = engines.lease_postgres_url()
    yield url
    engines.give_back(url)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[object]:
    """A migrated database, open, on each engine."""
    from app.db import open_database

    opened = open_database(database_url)
    await opened.connect()
    yield opened
    await opened.disconnect()


@pytest.fixture
async def sqlite_db(tmp_path: Path) -> AsyncIterator[object]:
    """A migrated database on SQLite alone."""
    from app.db import open_database

    opened = open_database(engines.sqlite_url(tmp_path, migrated=True))
    await opened.connect()
    yield opened
    await opened.disconnect()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> object:
    """A real server's settings (https), whatever the machine's environment says."""
    return load({"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(tmp_path), "TESSERA_SECRET_KEY": secrets.new_key(),
                 **({"DATABASE_URL": database_url} if database_url.startswith("postgresql") else {})})


@pytest.fixture
async def here(settings, db, ring: KeyRing, ids: PublicIds, clock: FixedClock) -> Context:  # type: ignore[no-untyped-def]
    """The context of a running program over `db`."""
    return Context(settings, db, ring, ids, clock)


@pytest.fixture
async def client(here: Context) -> AsyncIterator[object]:
    """A browser or till on the application itself: `httpx2.AsyncClient`, redirects not followed."""
    import httpx2

    from app.main import create_app

    app = create_app(here)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="https://cards.example.com") as made:
        yield made


Shop = collections.namedtuple("Shop", "business_id location_id program_id who cashier key_principal api_key")


@pytest.fixture
async def shop(here: Context) -> Shop:
    """A business with one location, a points programme, an owner, a cashier and an API key with all scopes."""
    from tests.shops import make_shop

    return await make_shop(here)


@pytest.fixture
async def other_shop(here: Context, shop: Shop) -> Shop:
    """Another business on the same server; nothing of it may ever show."""
    from tests.shops import make_shop

    return await make_shop(here, slug="leaf", name="Leaf & Line")
