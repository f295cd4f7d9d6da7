"""How fast a sale is (V3 of the design): key, rules, entries, lots, chain, update number, commit; beside its bound.

`python -m bench.sales` prints each ratio with its bar. The bound runs the same statements (bench/sales_bound.py) on a copy of
the same file, with the same PRAGMAs, in the same rounds: bound, one process, HTTP, one after another, so that a slow spell hits
all alike; each line is the median of the rounds.
"""
import asyncio
import itertools
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from app import secrets
from app.db import Database, open_database, write_transaction
from app.idempotency.rules import Key, fingerprint
from app.ledger.verify import verify
from app.sales import service
from app.sales.judgement import Receipt
from app.sales.service import SaleRequest
from bench import sales_bound, sales_client, sales_server
from bench.lines import Line, printed
from bench.sales_bound import Replay
from bench.sales_server import RULES, Stand

ROUNDS, SECONDS, CALLERS = 5, 3.0, 32
IDLE_CARDS = 50_000
HTTP_BAR, HTTP_STRETCH, INSIDE_BAR, LOOK_UP_BAR_US, P99_BAR_MS = 0.35, 0.45, 0.60, 5.0, 50.0
LOOK_UP = "SELECT id, status FROM cards WHERE id = :id"
LOOK_UPS = 4_000


def main() -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    with tempfile.TemporaryDirectory() as folder:
        return printed(itertools.chain(_sqlite(Path(folder)), _postgresql(Path(folder))))


def _sqlite(folder: Path) -> Iterator[Line]:
    environ = {"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder / "data")}
    stand = asyncio.run(sales_server.prepare(environ, IDLE_CARDS))
    with sqlite3.connect(stand.file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    bound_file, ours_file = folder / "bound.db", folder / "ours.db"
    shutil.copy(stand.file, bound_file)
    shutil.copy(stand.file, ours_file)
    replay = asyncio.run(_recorded(bound_file, stand))
    think = sales_bound.thinking(RULES, Receipt(100_000, datetime.now(UTC), "Europe/Moscow", "Europe/Moscow"), 10)
    alone, bound, inside, http, paced = [], [], [], [], []
    with sales_server.running(environ, "web") as port:
        for _ in range(ROUNDS):
            alone.append(sales_bound.rate(str(bound_file), replay, stand.cards, None, SECONDS))
            bound.append(sales_bound.rate(str(bound_file), replay, stand.cards, think, SECONDS))
            inside.append(asyncio.run(_inside(ours_file, stand)))
            http.append(sales_client.rate(port, stand.api_key, stand.public, SECONDS))
            paced.append(asyncio.run(sales_client.delays(port, stand.api_key, stand.public, http[-1] / 2, SECONDS)))
    yield from _rates(alone, bound, inside, http)
    yield _p99(paced)
    yield asyncio.run(_look_up(ours_file, stand))
    yield asyncio.run(_verified(ours_file))
    yield ("   beside a pooled design (probe)", "not measured here", ">= 4 x", True)


def _rates(alone: list[float], bound: list[float], inside: list[float], http: list[float]) -> Iterator[Line]:
    inside_ratio, http_ratio = (statistics.median([ours / its for ours, its in zip(rates, bound, strict=True)]) for rates in (inside, http))
    median = statistics.median
    yield ("   the statements alone, plain sqlite3, 32 a commit", f"{median(alone):.0f}/s", "", True)
    yield ("   the bound: the same with judge, hashes and JSON", f"{median(bound):.0f}/s", "", True)
    yield ("V3 in one process", f"{inside_ratio:.2f} of the bound ({median(inside):.0f}/s)", f">= {INSIDE_BAR:.2f}",
           inside_ratio >= INSIDE_BAR)
    yield ("V3 over HTTP, 32 connections", f"{http_ratio:.2f} of the bound ({median(http):.0f}/s)",
           f">= {HTTP_BAR:.2f} (stretch {HTTP_STRETCH:.2f})", http_ratio >= HTTP_BAR)


def _p99(paced: list[list[float]]) -> Line:
    worst = statistics.median([took[int(len(took) * 0.99)] for took in paced])
    middle = statistics.median([statistics.median(took) for took in paced])
    return ("V3 delay at half the rate", f"p50 {middle:.1f} ms, p99 {worst:.1f} ms", f"p99 <= {P99_BAR_MS:.0f} ms", worst <= P99_BAR_MS)


def _request(stand: Stand, card: int | None = None) -> tuple[SaleRequest, Key]:
    """A sale of 1,000.00 that redeems ten points, as it comes from the API; card: None for any."""
    text = f"k{random.getrandbits(64):x}"
    body = b'{"card":"crd_0123456789abc","amount":100000,"redeem":{"points":10},"receipt":"%s"}' % text.encode()
    key = Key(text, fingerprint("POST", "/api/v1/sales", body))
    return SaleRequest(card or random.choice(stand.cards)[0], 100_000, 10, receipt=text), key


async def _recorded(path: Path, stand: Stand) -> Replay:
    async with open_database(f"sqlite:///{path}") as db:
        card = stand.cards[-1]                          # its lot's id is no small number
        request, key = _request(stand, card[0])
        with sales_bound.recording() as statements:
            await service.sell(db, stand.who, request, key, datetime.now(UTC))
        return Replay(statements, card)


async def _inside(path: Path, stand: Stand) -> float:
    """Sales a second of CALLERS tasks in one process."""
    async with open_database(f"sqlite:///{path}") as db:
        started, done = time.perf_counter(), 0

        async def till() -> None:
            nonlocal done
            while time.perf_counter() - started < SECONDS:
                request, key = _request(stand)
                await service.sell(db, stand.who, request, key, datetime.now(UTC))
                done += 1
        await asyncio.gather(*[till() for _ in range(CALLERS)])
        return done / (time.perf_counter() - started)


async def _look_up(path: Path, stand: Stand) -> Line:
    """One look-up inside a transaction, and the same by sqlite3 itself, in turns."""
    plain = sqlite3.connect(path, isolation_level=None, cached_statements=512)
    plain.row_factory = sqlite3.Row
    differences = []
    async with open_database(f"sqlite:///{path}") as db:
        for _ in range(9):
            differences.append(await _ours(db, stand) - _theirs(plain, stand))
    plain.close()
    more = statistics.median(differences)
    return ("V3 look-up in a transaction, more than sqlite3's", f"{more:.1f} µs", f"<= {LOOK_UP_BAR_US:.0f} µs", more <= LOOK_UP_BAR_US)


async def _ours(db: Database, stand: Stand) -> float:
    async def act(tx) -> float:  # type: ignore[no-untyped-def]
        started = time.perf_counter()
        for number in range(LOOK_UPS):
            await tx.fetch_one(LOOK_UP, {"id": stand.cards[number % 100][0]})
        return (time.perf_counter() - started) / LOOK_UPS * 1e6
    return await write_transaction(db, act)


def _theirs(plain: sqlite3.Connection, stand: Stand) -> float:
    started = time.perf_counter()
    for number in range(LOOK_UPS):
        cursor = plain.execute(LOOK_UP, {"id": stand.cards[number % 100][0]})
        cursor.fetchone()
        cursor.close()
    return (time.perf_counter() - started) / LOOK_UPS * 1e6


async def _verified(path: Path) -> Line:
    async with open_database(f"sqlite:///{path}", report_seconds=600.0) as db:
        started = time.perf_counter()
        found = await verify(db, datetime.now(UTC))
        operations = await db.fetch_val("SELECT COUNT(*) FROM operations")
    took = time.perf_counter() - started
    return ("   verify of what was sold", f"{len(found)} findings, {operations} operations in {took:.1f} s", "none", not found)


def _postgresql(folder: Path) -> Iterator[Line]:
    """Rates over HTTP with one and two web processes and a worker beside them; printed, not judged."""
    from tests import engines
    environ = {"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder / "pg"), "DATABASE_URL": engines.new_postgres_url(),
               "TESSERA_SECRET_KEY": secrets.new_key()}
    try:
        stand = asyncio.run(sales_server.prepare(environ, 1_000))
        for processes in (1, 2):
            many = {**environ, "TESSERA_WORKERS": str(processes)}
            with sales_server.running(environ, "worker"), sales_server.running(many, "web") as port:
                rate = sales_client.rate(port, stand.api_key, stand.public, 2 * SECONDS)
            yield (f"   PostgreSQL over HTTP, web processes: {processes}", f"{rate:.0f}/s", "", True)
    finally:
        engines.stop_postgres()


if __name__ == "__main__":
    sys.exit(main())
