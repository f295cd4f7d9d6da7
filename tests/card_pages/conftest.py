import pytest

from app.cards import service as cards
from app.context import Context
from app.db import write_transaction
from tests import engines
from tests.enrolment.joining import Joining
from tests.shops import make_card


@pytest.fixture
def database_url(tmp_path):
    """What pages add is the same on both engines; what stands behind them is tested on both."""
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def joining(here: Context, shop) -> Joining:
    return Joining(here, shop)


@pytest.fixture
async def card(here: Context, shop):
    """Anna's card with 120 points."""
    return await make_card(here, shop, points=120)


@pytest.fixture
async def links(here: Context, card) -> dict[str, str]:
    """The card's page by strength."""
    async def act(tx):
        return {strength: f"/c/{await cards.page_link(tx, here.ring, card, strength, here.clock.now())}" for strength in ("card", "pass")}
    return await write_transaction(here.db, act)
