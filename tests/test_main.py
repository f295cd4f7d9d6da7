"""The poller that wakes open pages."""
import asyncio

import pytest

from app import main
from app.db import write_transaction
from app.errors import Unavailable
from app.updates import service as updates
from app.web.events import Broker
from tests.shops import make_card


async def first_number(broker: Broker, topic: str) -> int:
    async with asyncio.timeout(10):
        async for number in broker.stream(topic):
            if number is not None:
                return number
    raise AssertionError("the stream ended")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "RETRY_SECONDS", 0.01)


async def test_pages_learn_of_a_change_also_after_the_database_was_away(here, shop, quick, monkeypatch) -> None:
    card, broker, since, failed = await make_card(here, shop), Broker(), updates.since, []

    async def away(*arguments: object) -> object:
        if len(failed) < 3:
            failed.append(1)
            raise Unavailable()
        return await since(*arguments)

    await updates.number_pending(here.db)
    monkeypatch.setattr(main.updates, "since", away)
    async with main.publishing(here, broker):
        waiting = asyncio.create_task(first_number(broker, f"card:{card.id}"))
        await asyncio.sleep(0)
        await write_transaction(here.db, lambda tx: updates.append(tx, shop.business_id, card.id, here.clock.now()))
        await updates.number_pending(here.db)
        assert await waiting == await updates.newest(here.db)
    assert len(failed) == 3
