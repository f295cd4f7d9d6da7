"""A running server as phones meet it: its APNs, a shop with a card, and as many simulated phones as a test takes."""
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import httpx2

from app.cards import service as cards
from app.clock import FixedClock
from app.context import Context
from app.db import write_transaction
from app.demo.fakes.apns import FakeApns
from app.demo.phone import Phone
from app.main import create_app
from app.push import service as push
from app.sales import service as sales
from app.sales.service import SaleRequest
from tests.shops import make_card, make_shop

TOPIC, TEAM = "pass.example.tessera.flow", "TESSERA001"
URL = "https://cards.example.com"
# TLS asks the machine what time it is, so these tests stand still in the present.
NOW = datetime.now(UTC).replace(microsecond=0)


class World:
    """A running server with its APNs, a shop with a card, and as many phones as a test takes."""

    def __init__(self, here: Context, apns: FakeApns, root_pem: bytes) -> None:
        self.here, self.apns, self.root_pem = here, apns, root_pem
        self.phones: list[Phone] = []
        self.is_down = 0
        app = create_app(here)
        asgi = httpx2.ASGITransport(app=app, client=("203.0.113.9", 1))
        world = self

        class Line(httpx2.AsyncBaseTransport):
            """The phones' line to the server, which may be cut."""

            async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
                if world.is_down:
                    world.is_down -= 1
                    raise httpx2.ConnectError("the server restarts")
                return await asgi.handle_async_request(request)

        self.line = Line()

    async def open(self, shop) -> None:
        self.shop = shop
        self.card = await make_card(self.here, shop)

    async def address(self, card=None) -> str:
        token = await write_transaction(
            self.here.db, lambda tx: cards.page_link(tx, self.here.ring, card or self.card, "card", self.here.clock.now()))
        return f"{URL}/c/{token}"

    async def file(self, card=None) -> bytes:
        """The pass as an SMS link hands it out now."""
        async with httpx2.AsyncClient(transport=self.line) as browser:
            return (await browser.get(await self.address(card) + "/card.pkpass")).content

    def phone(self) -> Phone:
        """A new phone, on line at APNs."""
        made = Phone(root_pem=self.root_pem, push_token=self.apns.issue_token(), clock=self.here.clock, transport=self.line,
                     retry_seconds=(0, 0))
        self.apns.attach(made.memory.push_token, made.told)
        self.phones.append(made)
        return made

    async def sell(self, amount: int = 100_000, card=None, cashier=None) -> None:
        """A purchase: 5 points for every 100.00."""
        request = SaleRequest((card or self.card).id, amount)
        await sales.sell(self.here.db, cashier or self.shop.cashier, request, None, self.here.clock.now())

    async def settle(self) -> int:
        """Pushes go out and every phone does what they tell it; returns how many were sent."""
        sent = await push.push_due(self.here)
        for phone in self.phones:
            while phone._tasks:
                await asyncio.gather(*phone._tasks)
        if fetches := self.here.extras.get("registrations.fetches"):
            await fetches.flush()
        return sent

    def restart(self, **settings) -> None:
        """What a process keeps in memory is gone; what another one finds are rows."""
        self.here.settings = replace(self.here.settings, **settings)
        self.here.extras.pop("certificates", None)

    async def close(self) -> None:
        for phone in self.phones:
            await phone.close()
        if fetches := self.here.extras.get("registrations.fetches"):
            await fetches.close()
        await push.close(self.here)
        await self.apns.stop()


def with_certificate(settings, made, apns):
    return replace(settings, apple_certificate=made.certificate.read_bytes(), apple_key=made.key.read_bytes(),
                   apple_wwdr=made.wwdr.read_bytes(), apns=apns.address, apns_ca=made.root.read_bytes())


@asynccontextmanager
async def running(settings, db, ring, ids, certificates) -> AsyncIterator[World]:
    """A server with a shop and a card, and its APNs on line."""
    apns = FakeApns(certificates.apns, certificates.apns_key, certificates.root)
    await apns.start()
    here = Context(with_certificate(settings, certificates, apns), db, ring, ids, FixedClock(NOW))
    made = World(here, apns, certificates.root.read_bytes())
    try:
        await made.open(await make_shop(made.here))
        yield made
    finally:
        await made.close()


def points(phone, card=None) -> int:
    for held in phone.passes:
        if card is None or held.contents.barcode["message"] == card.code:
            return held.contents.field("points")["value"]
    raise AssertionError("no such pass on the phone")
