"""Goals F7 and F10, their ci form: a database that is full, or held by another process.

Writes are told so, reads go on, nothing is half done, and all of it works again without a restart.
"""
import asyncio
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.context import Context
from app.db import open_database
from app.ledger.verify import verify
from app.web.principal import SCOPES
from tests import engines
from tests.conftest import Shop
from tests.flows.world import Caller, World, rows
from tests.shops import PASSWORD

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print(1, flush=True)
input()
"""
WAIT_SECONDS = 0.2
POSTS = {row.path: row for row in rows() if row.method == "POST"}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Any]:
    """Waits for the writer a fifth of a second where a server waits five."""
    opened = open_database(database_url, wait_seconds=WAIT_SECONDS)
    await opened.connect()
    yield opened
    await opened.disconnect()


@pytest.fixture
async def world(here: Context, client: httpx2.AsyncClient, shop: Shop) -> World:
    made = World(here, client)
    await made.add("a", shop, ("+79161231111", "+79161232222"))
    return made


@asynccontextmanager
async def held(database_url: str) -> AsyncIterator[None]:
    """Another process has the write lock."""
    path = database_url.removeprefix("sqlite:///")
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"1\n"
        try:
            yield
        finally:
            process.communicate(b"\n", timeout=10)


@asynccontextmanager
async def no_page(here: Context) -> AsyncIterator[None]:
    """The file may not grow; what fits into pages that are there already is kept."""
    connection = here.db._backend.writer.connection
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 4}").close()
    try:
        yield
    finally:
        connection.execute("PRAGMA max_page_count = 1000000").close()


@asynccontextmanager
async def no_space(database_url: str) -> AsyncIterator[None]:
    """The log of the database may not grow, as on a full disk: what fails is the COMMIT itself."""
    size = Path(database_url.removeprefix("sqlite:///") + "-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def operations(here: Context) -> int:
    return await here.db.fetch_val("SELECT COUNT(*) FROM operations")


async def sell(world: World, key: Caller) -> httpx2.Response:
    body = {"card": world.a.ids["card"], "amount": 10_000, "lines": [{"amount": 500, "name": "x" * 200}] * 20}
    return await world.ask(POSTS["/api/v1/sales"], key, body=body)


async def reads_go_on(world: World, key: Caller, cashier: Caller, manager: Caller) -> None:
    world.here.clock.advance(minutes=2)        # long enough that a use of key and session would be noted again
    a = world.a
    asks = [(path, {}) for path in ("/health", "/ready", f"/c/{a.links['c']}", f"/c/{a.links['c']}/manifest.webmanifest", "/e/coffee",
                                    f"/a/{a.links['a']}", "/till/sign-in")]
    asks += [(path, key.headers) for path in (
        "/api/v1/me", "/api/v1/cards?code=%2B79161231111", f"/api/v1/cards/{a.ids['card']}", "/api/v1/operations", "/api/v1/programs")]
    asks += [(path, cashier.headers) for path in ("/till", f"/till/cards/{a.ids['card']}", "/till/sales")]
    asks += [(path, manager.headers) for path in ("/console", f"/console/cards/{a.ids['card']}", "/console/operations")]
    answers = [(path, (await world.client.get(path, headers=headers)).status_code) for path, headers in asks]
    assert [each for each in answers if each[1] != 200] == []


async def writes_are_refused(world: World, key: Caller, cashier: Caller) -> None:
    """503 `cannot_write` with Retry-After under /api; a page with a sentence, and Retry-After, elsewhere."""
    a, before = world.a, await operations(world.here)
    api = [await sell(world, key)]
    api += [await world.ask(POSTS[path], key) for path in (
        "/api/v1/enrolments", "/api/v1/cards", "/api/v1/sales/{id}/undo", "/api/v1/sales/{id}/refunds", "/api/v1/cards/{id}/block",
        "/api/v1/cards/{id}/adjustments", "/api/v1/cards/{id}/replace")]
    told = [(answer.status_code, answer.json()["code"], answer.headers.get("retry-after")) for answer in api]
    assert set(told) == {(503, "cannot_write", "1")}
    sale = {"act": "earn", "amount": "1250", "key": "k" * 22}
    pages = {"till": await world.ask(POSTS["/till/cards/{card}"], cashier, form=sale),
             "till enrolment": await world.ask(POSTS["/till/enrol"], cashier, form={"phone": "+79161237777"}),
             "poster": await world.client.post("/e/coffee", data={"phone": "+79161238888"}),
             "activation": await world.client.post(f"/a/{a.links['a']}", data={"terms": "on"}),
             "sign-in": await world.client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": PASSWORD})}
    assert {name: (page.status_code, page.headers.get("retry-after")) for name, page in pages.items()} == dict.fromkeys(pages, (503, "1"))
    assert 'value="1250"' in pages["till"].text, "what was typed is lost"
    assert await operations(world.here) == before


async def all_is_well(world: World, key: Caller) -> None:
    assert (await sell(world, key)).status_code == 201
    assert (await world.client.post("/e/coffee", data={"phone": "+79161238888"})).status_code == 200
    done = await world.client.post(f"/a/{world.a.links['a']}", data={"terms": "on"})
    assert (done.status_code, done.headers["location"][:3]) == (303, "/c/")
    assert await verify(world.here.db, world.here.clock.now()) == []
    assert await world.here.db.fetch_val("PRAGMA integrity_check") == "ok"
    assert await world.here.db.fetch_val("SELECT COUNT(*) FROM idempotency_keys WHERE status IS NULL") == 0


async def signed_in(world: World) -> tuple[Caller, Caller, Caller]:
    key, till, console = world.key("a", frozenset(SCOPES)), world.session("a", "manager", "till"), world.session("a", "manager", "console")
    return await key, await till, await console


@pytest.mark.goal("F7")
async def test_a_full_disk_stops_writes_with_a_sentence_and_nothing_else(world: World, database_url: str) -> None:
    key, cashier, manager = await signed_in(world)
    async with no_space(database_url):
        await reads_go_on(world, key, cashier, manager)
        await writes_are_refused(world, key, cashier)
        await reads_go_on(world, key, cashier, manager)
    await all_is_well(world, key)


@pytest.mark.goal("F7")
async def test_a_file_that_may_not_grow_keeps_every_sale_that_was_confirmed_and_none_that_was_refused(world: World, here: Context) -> None:
    key, cashier, manager = await signed_in(world)
    done, answers = await operations(here), []
    async with no_page(here):
        while len(answers) < 100 and answers[-10:] != [503] * 10:
            answers.append((await sell(world, key)).status_code)
        await reads_go_on(world, key, cashier, manager)
    assert set(answers) <= {201, 503} and answers[-10:] == [503] * 10
    assert await operations(here) == done + answers.count(201)
    await all_is_well(world, key)


@pytest.mark.goal("F10")
async def test_a_lock_of_another_process_stops_writes_after_a_wait_and_nothing_else(world: World, database_url: str) -> None:
    key, cashier, manager = await signed_in(world)
    async with held(database_url):
        await reads_go_on(world, key, cashier, manager)
        await writes_are_refused(world, key, cashier)
        await reads_go_on(world, key, cashier, manager)
    await all_is_well(world, key)


@pytest.mark.goal("F10")
async def test_a_short_lock_of_another_process_is_waited_for(world: World, database_url: str) -> None:
    key, *_ = await signed_in(world)
    async with held(database_url):
        sale = asyncio.create_task(sell(world, key))
        await asyncio.wait([sale], timeout=WAIT_SECONDS / 4)
        assert not sale.done()
    assert (await sale).status_code == 201
    await all_is_well(world, key)
