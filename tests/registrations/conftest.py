import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from starlette.applications import Starlette

from app import errors
from app.context import Context
from app.db import write_transaction
from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.passes import service as passes
from app.registrations import api
from app.updates import service as updates
from app.web import problems
from tests.money import NOON, add_card, make_bed

TOPIC, TEAM = "pass.example.tessera.test", "TESSERA001"
SHORT = "short"
DEVICE = "b33e3a3dccb3030333e3333da33333a3"
PUSH_TOKEN = "ab" * 32


def auth(token: str) -> dict[str, str]:
    return {"Authorization": f"ApplePass {token}"}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return make_demo_certificates(
        tmp_path_factory.mktemp("registrations"), pass_type_identifier=TOPIC, team_identifier=TEAM, now=NOON - timedelta(days=1))


@pytest.fixture
async def here(settings, db, ring, ids, clock, certificates) -> Context:
    """A running program with a pass certificate, whose pass type has a short id that tests can write down."""
    made = replace(settings, apple_certificate=certificates.certificate.read_bytes(), apple_key=certificates.key.read_bytes(),
                   apple_wwdr=certificates.wwdr.read_bytes())
    await db.execute("INSERT INTO pass_types(short_id, pass_type_identifier, team_identifier, created_at) "
                     "VALUES (:short, :topic, :team, 0)", {"short": SHORT, "topic": TOPIC, "team": TEAM})
    return Context(made, db, ring, ids, clock)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registration waits 2 s for its number; a busy machine may give it later, and what is promised here is something else."""
    monkeypatch.setattr(updates, "wait_for_number", functools.partial(updates.wait_for_number, seconds=30.0))


class Device:
    """A phone at the update service: one card's pass, and the five calls as iOS makes them."""

    def __init__(self, http: httpx2.AsyncClient, here: Context, business_id: int, card_id: int, serial: str, token: str) -> None:
        self.http, self.here, self.business_id, self.card_id, self.serial, self.token = http, here, business_id, card_id, serial, token

    @property
    def registration(self) -> str:
        return self.listing() + "/" + self.serial

    @property
    def pass_url(self) -> str:
        return f"/apple/{SHORT}/v1/passes/{TOPIC}/{self.serial}"

    def listing(self, device: str = DEVICE) -> str:
        return f"/apple/{SHORT}/v1/devices/{device}/registrations/{TOPIC}"

    async def register(self, push_token: str = PUSH_TOKEN, device: str = DEVICE, content: bytes | None = None) -> httpx2.Response:
        body = json.dumps({"pushToken": push_token}).encode() if content is None else content
        return await self.http.post(f"{self.listing(device)}/{self.serial}", content=body, headers=auth(self.token))

    async def unregister(self, device: str = DEVICE) -> httpx2.Response:
        return await self.http.delete(f"{self.listing(device)}/{self.serial}", headers=auth(self.token))

    async def list_changed(self, tag: str | None = None, device: str = DEVICE) -> httpx2.Response:
        return await self.http.get(self.listing(device), params={} if tag is None else {"passesUpdatedSince": tag})

    async def get(self, since: str | None = None) -> httpx2.Response:
        return await self.http.get(self.pass_url, headers=auth(self.token) | ({} if since is None else {"If-Modified-Since": since}))

    async def log(self, lines: list[str]) -> httpx2.Response:
        return await self.http.post(f"/apple/{SHORT}/v1/log", json={"logs": lines})

    async def change(self) -> None:
        """The card changes so that its pass looks different, with its update in the same commit, numbered when this returns."""
        async def act(tx) -> None:
            await tx.execute("UPDATE cards SET status = CASE WHEN status = 'active' THEN 'blocked' ELSE 'active' END WHERE id = :id",
                             {"id": self.card_id})
            await updates.append(tx, self.business_id, self.card_id, self.here.clock.now())

        await write_transaction(self.here.db, act)
        await updates.number_pending(self.here.db)

    async def column(self, name: str) -> list:
        return [row[name] for row in await self.here.db.fetch_all(f"SELECT {name} FROM registrations ORDER BY id")]

    def start_numbering(self) -> None:
        """What PostgreSQL's runner does, in a shape that ends without being cut off."""
        self.woken, self.is_over = asyncio.Event(), False
        self.numbering = asyncio.create_task(self._number())

    async def stop_numbering(self) -> None:
        self.is_over = True
        self.woken.set()
        await self.numbering

    async def _number_until_over(self) -> None:
        while not self.is_over:
            self.woken.clear()
            await updates.number_pending(self.here.db)
            await self.woken.wait()

    async def _number(self) -> None:
        while not self.is_over:
            # A busy machine may be late: as the runner does, look again.
            with contextlib.suppress(errors.Unavailable):
                await self.here.db.listen(updates.WAITING, self.woken.set)
                await self._number_until_over()
        await self.here.db.forget(updates.WAITING, self.woken.set)


@pytest.fixture
async def http(here) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=api.routes, exception_handlers={errors.TesseraError: problems.on_failure})
    app.state.context = here
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.7", 1))

    class Patient(httpx2.AsyncBaseTransport):
        """Asks again, as devices do, where a busy machine's database was away for a moment."""

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            for _ in range(5):
                answer = await transport.handle_async_request(request)
                if answer.status_code != 503 or b"not_numbered_yet" in await answer.aread():
                    break
            return answer

    async with httpx2.AsyncClient(transport=Patient(), base_url="https://cards.example.com") as made:
        yield made


@pytest.fixture
async def bed(db):
    made = await make_bed(db)
    # Without a design of its own a programme shows the template's.
    await db.execute("DELETE FROM design_versions")
    return made


async def device_for(http, here, bed, card_id) -> Device:
    from app.cards import service as cards

    held = await passes.ensure(here, await cards.get_card(here.db, bed.business_id, card_id), here.clock.now())
    return Device(http, here, bed.business_id, card_id, held.serial_number, passes.open_token(here.ring, held.id, held.token_sealed))


@pytest.fixture
async def phone(http, here, bed) -> AsyncIterator[Device]:
    made = await device_for(http, here, bed, bed.card_id)
    made.start_numbering()
    yield made
    await made.stop_numbering()
    if fetches := here.extras.get("registrations.fetches"):
        await fetches.close()


@pytest.fixture
async def other_phone(http, here, bed) -> Device:
    """Another card of the same business, on its own."""
    _, card_id = await add_card(here.db, bed.business_id, bed.program_id)
    return await device_for(http, here, bed, card_id)
