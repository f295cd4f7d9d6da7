"""A server whose issuer is the fake Google, in this process: no port, no waiting, a network that fails as it is told."""
import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.clock import FixedClock
from app.context import Context
from app.db import Database
from app.demo.fakes.google import ISSUER, FakeGoogle
from app.google.connections import Google, close
from app.ids import PublicIds
from app.secrets import KeyRing
from app.settings import load

HOST = "https://google.test"


class Network(httpx2.AsyncBaseTransport):
    """The way to the fake. is_down: nothing arrives; lost: so many next changes arrive, and their answers do not; lost_on:
    of those whose address holds this."""

    def __init__(self, fake: FakeGoogle) -> None:
        async def answer(request: Request) -> Response:
            return await fake._of_own_port(request)

        app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT", "PATCH"])])
        self.inner = httpx2.ASGITransport(app=app)
        self.is_down, self.lost, self.lost_on, self.sent = False, 0, "walletobjects", 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent += 1
        if self.is_down:
            raise httpx2.ConnectError("down")
        answer = await self.inner.handle_async_request(request)
        if self.lost and request.method != "GET" and self.lost_on in request.url.path:
            self.lost -= 1
            raise httpx2.ReadTimeout("no answer")
        return answer


class Wallet:
    """What a test holds: the fake, the network, and what was waited for."""

    def __init__(self, here: Context, fake: FakeGoogle) -> None:
        self.fake, self.network, self.waited, self.time = fake, Network(fake), 0.0, 1000.0

        async def sleep(seconds: float) -> None:
            self.waited += seconds
            self.time += seconds

        here.extras["google"] = self.google = Google(here, self.network, sleep=sleep, ticks=lambda: self.time, jitter=lambda: 0.0)

    def calls(self, begin: str = "") -> list[str]:
        return [call.line for call in self.fake.calls if call.line.startswith(begin)]

    def bodies(self, begin: str = "") -> list[Any]:
        return [call.body for call in self.fake.calls if call.line.startswith(begin)]


@pytest.fixture(scope="session")
def key_file() -> dict[str, str]:
    from app.demo.fakes.google_accounts import new_account

    return new_account(f"{HOST}/token")


def with_google(here: Context, key_file: dict[str, str]) -> Wallet:
    """Sets the context's issuer and everything behind it."""
    here.settings = dataclasses.replace(
        here.settings, google_issuer=ISSUER, google_account=json.dumps(key_file).encode(), google_api=f"{HOST}/walletobjects/v1",
        google_token=f"{HOST}/token")
    fake = FakeGoogle(clock=here.clock)
    fake.accounts.admit(key_file, frozenset({ISSUER}))
    return Wallet(here, fake)


@pytest.fixture
async def here(sqlite_db: Database, ring: KeyRing, ids: PublicIds, clock: FixedClock, tmp_path: Any) -> Context:
    """On SQLite; what has SQL worth doubting asks for `everywhere`."""
    settings = load({"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(tmp_path)})
    return Context(settings, sqlite_db, ring, ids, clock)


@pytest.fixture
async def wallet(here: Context, key_file: dict[str, str]) -> AsyncIterator[Wallet]:
    yield with_google(here, key_file)
    await close(here)


@pytest.fixture
async def everywhere(db: Database, ring: KeyRing, ids: PublicIds, clock: FixedClock, tmp_path: Any) -> Context:
    """On each engine."""
    settings = load({"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(tmp_path)})
    return Context(settings, db, ring, ids, clock)
