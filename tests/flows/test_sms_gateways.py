"""Goal F5 from the till's side: whatever the gateway does, the till is answered at once, and the queue drains afterwards."""
import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.context import Context
from app.demo.fakes.sms_gateways import FakeSms
from app.settings import load
from app.sms import delivery
from app.sms.gateways import gateways_of, open_gateways
from tests import engines

ANSWERS_WITHIN = 0.3


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def fake(here: Context) -> AsyncIterator[FakeSms]:
    made = FakeSms("smsc")
    await made.start()
    here.extras["gateways"] = open_gateways(load({"TESSERA_URL": "https://cards.example.com", "TESSERA_SMS": made.address}), here.db,
                                            here.clock)
    yield made
    await made.stop()


async def enrol(here: Context, client: httpx2.AsyncClient, shop: Any, block: int) -> float:
    """How long the till waited."""
    began = time.perf_counter()
    answer = await client.post("/api/v1/enrolments", headers={"Authorization": f"Bearer {shop.api_key}"}, json={
        "program": here.ids.encode("program", shop.program_id), "phone": f"+7916{block:03}1234"})
    assert answer.status_code == 202, answer.text
    return time.perf_counter() - began


async def deliver(here: Context) -> int:
    return await delivery.deliver_due(here.db, here.ring, gateways_of(here), here.clock)


@pytest.mark.goal("F5")
@pytest.mark.parametrize("fault", ["slow", "reset", "500", "html", "code:8", "down"])
async def test_the_till_is_answered_at_once_whatever_the_gateway_does(here: Context, client: httpx2.AsyncClient, shop: Any, fake: FakeSms,
                                                                      fault: str) -> None:
    fake.always = fault
    if fault == "down":
        await fake.stop()
    await enrol(here, client, shop, 0)
    carrying = asyncio.create_task(deliver(here))
    waits = [await enrol(here, client, shop, block) for block in range(1, 10)]
    assert statistics.median(waits) <= ANSWERS_WITHIN
    if fault == "slow":
        assert not carrying.done()
        carrying.cancel()
    await asyncio.gather(carrying, return_exceptions=True)


@pytest.mark.goal("F5")
async def test_what_waited_while_the_gateway_was_down_arrives_when_it_is_back(here: Context, client: httpx2.AsyncClient, shop: Any,
                                                                              fake: FakeSms) -> None:
    fake.always = "code:3"
    for block in range(12):
        await enrol(here, client, shop, block)
    await deliver(here)
    assert fake.taken == []
    fake.always = "ok"
    here.clock.advance(minutes=11)
    await deliver(here)
    assert len(fake.taken) == len({taken.to for taken in fake.taken}) == 12
