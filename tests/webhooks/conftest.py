"""A business with a receiver of its webhooks, and a hand that runs the job."""
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest

from app.context import Context
from app.till import telling
from app.webhooks import rules, sending, service
from app.webhooks.service import Delivery, MadeWebhook
from tests.conftest import Shop
from tests.webhooks.receiving import Receiver

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def here(here: Context) -> Context:
    """Receivers of tests listen on this machine."""
    return replace(here, settings=replace(here.settings, webhook_private=LOOPBACK))


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., object]]:
    """Starts a receiver that ends with the test."""
    async with contextlib.AsyncExitStack() as stack:
        async def begin(made: Receiver | None = None, **given: object) -> Receiver:
            receiver = await (made or Receiver()).start(**given)
            stack.push_async_callback(receiver.stop)
            return receiver

        yield begin


@dataclass
class Hand:
    """Runs the job as the timetable would."""

    here: Context
    shop: Shop

    async def add(self, url: str, kinds: tuple[str, ...] = rules.KINDS, shop: Shop | None = None) -> MadeWebhook:
        return await service.create(self.here, (shop or self.shop).who, url, list(kinds), "", None, self.here.clock.now())

    async def send(self) -> None:
        await sending.send_due(self.here, telling.data_of)
        await sending.settle(self.here)

    async def deliveries(self, webhook_id: int) -> list[Delivery]:
        """Oldest first."""
        found = await service.list_deliveries(self.here.db, self.shop.business_id, webhook_id)
        return found[::-1]


@pytest.fixture
async def hand(here: Context, shop: Shop) -> AsyncIterator[Hand]:
    made = Hand(here, shop)
    sending.sender(here, telling.data_of).jitter = lambda: 0.5
    yield made
    await sending.close(here)
