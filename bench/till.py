"""A shop's tills at full pace (L1 and L7 of the goals): each sale finds its card by the barcode and then accrues, with a key.

`python -m bench.till` sells 150 times a second for a minute, then four times as fast, then at the first pace again; TESSERA_NIGHTLY=1
or `--minutes 10` takes the goal's ten minutes. Open model: a sale is due when it is due, however late the answers before it are, and
its time counts from then to the end of the second answer. A call's own time counts from when it is sent.
"""
import argparse
import asyncio
import json
import os
import random
import re
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import start
from app.cards.rules import passes_luhn
from app.ledger.verify import verify
from app.settings import load
from app.staff import service as staff
from app.web.principal import Principal
from bench import sales_server
from bench.lines import Line, printed
from bench.sales_server import BUSINESS, Stand

PER_SECOND, TIMES = 150.0, 4
P50_BAR_MS, P99_BAR_MS, ACCEPTED_BAR_MS, REFUSED_BAR_MS, BACK_SECONDS = 20.0, 150.0, 500.0, 50.0, 10.0
TAKEN = (200, 201, 503)        # done, or told that it is too much
WARM_SECONDS, AFTER_SECONDS = 5.0, 25.0
PATIENCE_SECONDS = 30.0
ENVIRON = {"TESSERA_URL": "https://cards.example.com", "TESSERA_LOG": "error"}


@dataclass
class Run:
    """What one stretch of sales saw: milliseconds from due to the end, by when they were due; of each call, by status."""

    sold: list[tuple[float, float]] = field(default_factory=list)
    calls: dict[int, list[float]] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    without_retry: int = 0
    answers: dict[str, str] = field(default_factory=dict)           # receipt → operation, of each 201

    def noted(self, status: int, took: float) -> None:
        self.calls.setdefault(status, []).append(took)


def main(arguments: list[str] | None = None) -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    parser = argparse.ArgumentParser(prog="python -m bench.till")
    parser.add_argument("--minutes", type=float, default=10.0 if os.environ.get("TESSERA_NIGHTLY") else 1.0)
    given = parser.parse_args(arguments or [])
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(Path(folder), given.minutes * 60))


def _lines(folder: Path, seconds: float) -> Iterator[Line]:
    environ = {**ENVIRON, "TESSERA_DATA": str(folder / "data")}
    stand = asyncio.run(sales_server.prepare(environ, 10_000))
    key = asyncio.run(shop_key(stand))
    with sales_server.running(environ, "web") as port:
        steady, rush, after = asyncio.run(_day(port, key, len(stand.cards), seconds))
    yield from _steady(steady, seconds)
    yield from _rush(rush, after)
    yield from asyncio.run(_kept(stand, [steady, rush, after]))


async def shop_key(stand: Stand) -> str:
    """Without the limit of one till: here it is all of them."""
    async with start.opened(load(stand.environ)) as here:
        owner = Principal(BUSINESS, BUSINESS, "staff", None, "Olga", "owner")
        _, plain = await staff.create_key(here.db, here.ring, owner, "tills", frozenset({"sales:write"}), None, datetime.now(UTC),
                                          per_second=0)
        return plain


async def _day(port: int, key: str, cards: int, seconds: float) -> tuple[Run, Run, Run]:
    shop = Shop(port, key, cards)
    await shop.sell(PER_SECOND, WARM_SECONDS)
    # The rush is a minute whatever the steady run is: its queue is as long after a second as after an hour.
    return (await shop.sell(PER_SECOND, seconds), await shop.sell(TIMES * PER_SECOND, min(seconds, 60.0)),
            await shop.sell(PER_SECOND, AFTER_SECONDS))


class Shop:
    """Tills that keep their connections: as many as there are calls under way. tls: where the port speaks it."""

    def __init__(self, port: int, key: str, cards: int, tls: ssl.SSLContext | None = None) -> None:
        self.port, self.key, self.sold = port, key, 0
        self.tls: dict[str, Any] = {"ssl": tls, "server_hostname": "cards.example.com"} if tls else {}
        # The bench's cards have codes in a row, of which every tenth has its check digit.
        self.codes = [code for code in (f"9{number:015}" for number in range(cards)) if passes_luhn(code)]
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def sell(self, per_second: float, seconds: float) -> Run:
        run, begin, selling = Run(), time.perf_counter() + 0.1, set()
        for number in range(int(per_second * seconds)):
            due = begin + number / per_second
            if (left := due - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            task = asyncio.create_task(self._sale(run, due, due - begin))
            selling.add(task)
            task.add_done_callback(selling.discard)
        if selling:
            await asyncio.wait(selling)
        return run

    async def _sale(self, run: Run, due: float, since: float) -> None:
        self.sold += 1
        receipt, code = f"r{self.sold}", random.choice(self.codes)
        status, found = await self._call(run, b"GET /api/v1/cards?code=%s HTTP/1.1\r\n" % code.encode(), b"")
        if status != 200:
            return
        body = json.dumps({"card": json.loads(found)["items"][0]["id"], "amount": 100_000, "receipt": receipt}).encode()
        status, told = await self._call(run, b"POST /api/v1/sales HTTP/1.1\r\nContent-Type: application/json\r\nIdempotency-Key: %s\r\n"
                                             b"Content-Length: %d\r\n" % (receipt.encode(), len(body)), body)
        if status == 201:
            run.answers[receipt] = json.loads(told)["id"]
            run.sold.append((since, (time.perf_counter() - due) * 1000))

    async def _call(self, run: Run, head: bytes, body: bytes) -> tuple[int, bytes]:
        """(status, body); status 0 where the connection broke or nothing came."""
        began = time.perf_counter()
        status, told = 0, b""
        try:
            reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port, **self.tls)
            async with asyncio.timeout(PATIENCE_SECONDS):
                writer.write(head + b"Host: bench\r\nAuthorization: Bearer %s\r\n\r\n" % self.key.encode() + body)
                answer = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = re.search(rb"content-length: (\d+)", answer)
                told = await reader.readexactly(int(length[1])) if length else b""
            status = int(answer[9:12])
            run.without_retry += status == 503 and b"retry-after: " not in answer
            self.idle.append((reader, writer))
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            run.codes["broken"] += 1
        run.noted(status, (time.perf_counter() - began) * 1000)
        return status, told


def at(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)] if values else 0.0


def wrong(run: Run) -> int:
    """Calls that broke, or failed otherwise than by being too many."""
    return sum(len(took) for status, took in run.calls.items() if status not in TAKEN)


def _steady(run: Run, seconds: float) -> Iterator[Line]:
    took = [each for _, each in run.sold]
    p50, p99 = at(took, 0.5), at(took, 0.99)
    yield (f"L1 scan and accrue, {PER_SECOND:.0f} a second for {seconds:.0f} s", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(took)} sales)",
           f"<= {P50_BAR_MS:.0f} ms, <= {P99_BAR_MS:.0f} ms", p50 <= P50_BAR_MS and p99 <= P99_BAR_MS)
    failed = wrong(run) + len(run.calls.get(503, ()))
    yield ("L1 calls that failed", str(failed), "0", not failed)


def _rush(run: Run, after: Run) -> Iterator[Line]:
    accepted = run.calls.get(200, []) + run.calls.get(201, [])
    refused = run.calls.get(503, [])
    p99, told = at(accepted, 0.99), at(refused, 0.99)
    yield (f"L7 calls accepted at {TIMES} times that rate", f"p50 {at(accepted, 0.5):.0f} ms, p99 {p99:.0f} ms ({len(run.sold)} sales)",
           f"p99 <= {ACCEPTED_BAR_MS:.0f} ms", p99 <= ACCEPTED_BAR_MS)
    yield ("L7 calls told that it is too much", f"p99 {told:.0f} ms ({len(refused)}, {run.without_retry} without Retry-After)",
           f"p99 <= {REFUSED_BAR_MS:.0f} ms, 0", told <= REFUSED_BAR_MS and not run.without_retry)
    others = {status: len(took) for status, took in run.calls.items() if status not in TAKEN}
    yield ("L7 calls that failed otherwise, by status (0: none came)", str(others or 0), "0", not others)
    later = [took for since, took in after.sold if since >= BACK_SECONDS]
    p50, p99 = at(later, 0.5), at(later, 0.99)
    yield (f"L7 sales {BACK_SECONDS:.0f} s after it", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {wrong(after)} failed",
           f"<= {P50_BAR_MS:.0f} ms, <= {P99_BAR_MS:.0f} ms, 0", p50 <= P50_BAR_MS and p99 <= P99_BAR_MS and not wrong(after))


async def _kept(stand: Stand, runs: list[Run]) -> list[Line]:
    """Every 201 is one sale of the ledger, and the ledger holds no other beside those of the warm-up."""
    settings = load(stand.environ)
    answers = {receipt: operation for run in runs for receipt, operation in run.answers.items()}
    async with start.opened(settings, report_seconds=600.0) as here:
        rows = await here.db.fetch_all("SELECT number, operation_id FROM receipts WHERE business_id = :business", {"business": BUSINESS})
        times = Counter(row["number"] for row in rows)
        kept = {row["number"]: here.ids.encode("operation", row["operation_id"]) for row in rows}
        findings = await verify(here.db, datetime.now(UTC))
    wrong = sum(times[receipt] != 1 or kept[receipt] != operation for receipt, operation in answers.items())
    more = len(kept.keys() - answers.keys()) - int(PER_SECOND * WARM_SECONDS)
    return [("L1 and L7 answers that are not one sale of the ledger; sales nobody was told", f"{wrong} of {len(answers)}; {more}", "0; 0",
             not wrong and more <= 0),
            ("L1 and L7 findings of verify", str(len(findings)), "0", not findings)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
