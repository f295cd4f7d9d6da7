"""A server with a business, a key and cards, for the benches of the till: made through the services, run as its operator would."""
import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app import start
from app.clock import to_ms
from app.context import Context
from app.db import write_transaction
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.sales import service as sales
from app.settings import load
from app.staff import service as staff
from app.web.principal import Principal

RULES = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, largest_share_bp=5_000, lot_days=365)
OPENING, IN_USE = 500, 3_000
FIRST_ACCOUNT, FIRST_CARD = 2_000_000, 3_000_000
BUSINESS = 1_001
PATIENCE_SECONDS = 60.0


@dataclass
class Stand:
    """A prepared database and how to reach it. cards: (card, account) with points; public: the same cards' ids outside."""

    environ: dict[str, str]
    who: Principal
    api_key: str
    cards: list[tuple[int, int]]
    public: list[str]

    @property
    def file(self) -> Path:
        return load(self.environ).database_file


async def prepare(environ: dict[str, str], idle_cards: int, rules: ProgramRules = RULES, opening: tuple[int, ...] = (OPENING,)) -> Stand:
    """A migrated database with one business, IN_USE cards with a lot of points for each of `opening`, and `idle_cards` more."""
    settings = load(environ)
    start.data_folder(settings)
    start.key_ring(settings)
    await start.migrate_when_needed(settings)
    async with start.opened(settings) as here:
        now = datetime.now(UTC)
        manager, program_id = await _business(here, rules, now)
        _, api_key = await staff.create_key(here.db, here.ring, manager, "till 2", frozenset({"sales:write"}), None, now, per_second=0)
        key_id = await here.db.fetch_val("SELECT MAX(id) FROM api_keys")
        await _cards(here, program_id, IN_USE + idle_cards, now)
        cards = [(FIRST_CARD + number, FIRST_ACCOUNT + number) for number in range(IN_USE)]
        for points in opening:
            await _open(here, manager, cards, points, now)
        who = Principal(BUSINESS, BUSINESS, "api_key", key_id, "till 2", scopes=frozenset({"sales:write"}))
        return Stand(environ, who, api_key, cards, [here.ids.encode("card", card) for card, _ in cards])


async def _business(here: Context, rules: ProgramRules, now: datetime) -> tuple[Principal, int]:
    """With an id that no small number can be taken for."""
    await here.db.execute(
        "INSERT INTO businesses(id, slug, name, country, currency, time_zone, language, created_at)"
        " VALUES (:id, 'bench', 'Bench', 'RU', 'RUB', 'Europe/Moscow', 'en', :now)", {"id": BUSINESS, "now": to_ms(now)})
    program_id = await write_transaction(here.db, lambda tx: programs.create_program(
        tx, BUSINESS, slug="points", name="Points", rules=rules, now=now - timedelta(days=1)))
    return Principal(BUSINESS, BUSINESS, "staff", None, "Olga", "owner"), program_id


async def _cards(here: Context, program_id: int, count: int, now: datetime) -> None:
    rows = [{"account": FIRST_ACCOUNT + number, "card": FIRST_CARD + number, "business": BUSINESS, "program": program_id,
             "number": f"472{number:013}", "code": f"9{number:015}", "now": to_ms(now - timedelta(days=1))} for number in range(count)]
    for page in range(0, count, 1_000):
        some = rows[page:page + 1_000]
        await here.db.execute_many(
            "INSERT INTO accounts(id, business_id, program_id, created_at) VALUES (:account, :business, :program, :now)",
            [{name: row[name] for name in ("account", "business", "program", "now")} for row in some])
        await here.db.execute_many(
            "INSERT INTO cards(id, business_id, program_id, account_id, number, code, status, source, created_at, activated_at)"
            " VALUES (:card, :business, :program, :account, :number, :code, 'active', 'api', :now, :now)", some)


async def _open(here: Context, manager: Principal, cards: list[tuple[int, int]], points: int, now: datetime) -> None:
    """Points for every card in use; some are taken again, so that operations and lots do not count alike."""
    for page in range(0, len(cards), 64):
        await asyncio.gather(*[sales.adjust(here.db, manager, card, "points", points, "opening balance", None, now)
                               for card, _ in cards[page:page + 64]])
    for card, _ in cards[:100]:
        for more in (1, -1):
            await sales.adjust(here.db, manager, card, "points", more, "opening balance", None, now)


@contextlib.contextmanager
def running(environ: dict[str, str], *command: str) -> Iterator[int]:
    """`python -m app COMMAND` on a free port until the block ends; gives the port."""
    with started(environ, *command) as (_, port):
        yield port


@contextlib.contextmanager
def started(environ: dict[str, str], *command: str) -> "Iterator[tuple[subprocess.Popen[Any], int]]":
    """The same; gives the process and the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_") and name not in ("PORT", "DATABASE_URL")}
    process = subprocess.Popen([sys.executable, "-m", "app", *command], env={**plain, **environ, "PORT": str(port)},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if command[0] == "web":
            wait_for(process, port)
        yield process, port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_for(process: "subprocess.Popen[Any]", port: int, path: str = "/ready") -> None:
    """Until the process answers 200."""
    started = time.perf_counter()
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            connection.sendall(b"GET %s HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n" % path.encode())
            if connection.recv(100).startswith(b"HTTP/1.1 200"):
                return
        if process.poll() is not None or time.perf_counter() - started > PATIENCE_SECONDS:
            raise RuntimeError("the server did not become ready")
        time.sleep(0.01)
