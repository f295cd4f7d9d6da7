"""The console on SQLite with one business and its owner and manager at the door."""
from pathlib import Path

import pytest

from tests import engines
from tests.console.visiting import Visitor, sign_in


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What pages add is the same on both engines; what stands behind them is tested on both."""
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def owner(client, shop) -> Visitor:
    return await sign_in(client, "owner@coffee.example.com")


@pytest.fixture
async def manager(client, shop) -> Visitor:
    return await sign_in(client, "manager@coffee.example.com")
