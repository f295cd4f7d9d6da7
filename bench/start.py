"""How soon a server answers and how much memory it holds (V7 of the design): idle, and after a load in short form.

`python -m bench.start` starts real processes on free ports and prints each figure with its bar. `web` is measured on a new
database, the demo at its second start, with thirty days of history; the load is sales over the API, page views and passes.
"""
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

STARTS = 5
START_BAR_SECONDS, IDLE_BAR_MB, GROWTH_BAR = 1.0, 110.0, 1.1
# The first calls load what is loaded once (templates, catalogues, the wallet's pictures); growth is judged after them.
WARM_UP, LOAD = 300, 3000
CLIENTS = 8
PATIENCE_SECONDS = 120.0


def main() -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        for what, measured, bar, held in (*_web(Path(folder) / "web"), *_demo(Path(folder) / "demo")):
            print(f"{'ok  ' if held else 'MISS'} {what:<52} {measured:<36} {bar}", flush=True)
            missed |= not held
    return int(missed)


def _web(data: Path) -> Iterator[tuple[str, str, str, bool]]:
    environ = {"TESSERA_URL": "https://cards.example.com"}
    _command(data, environ, "migrate")
    seconds, idle = [], 0.0
    for _ in range(STARTS):
        with _running(data, environ, "web") as (process, took):
            seconds.append(took)
            idle = _resident_mb(process.pid)
    yield _start_line("web", seconds)
    yield ("V7 memory of web, idle", f"{idle:.0f} MB", f"<= {IDLE_BAR_MB:.0f} MB", idle <= IDLE_BAR_MB)


def _demo(data: Path) -> Iterator[tuple[str, str, str, bool]]:
    with _running(data, {}, "run", "--demo") as (_, first):
        pass
    seconds = []
    for _ in range(STARTS):
        with _running(data, {}, "run", "--demo") as (_, took):
            seconds.append(took)
    yield ("   first start of the demo, its history included", f"{first:.1f} s", "", True)
    yield _start_line("the demo, second", seconds)
    with _running(data, {}, "run", "--demo") as (process, _):
        told = json.loads((data / "demo.json").read_text("utf-8"))
        asyncio.run(_load(told, WARM_UP))
        before = _resident_mb(process.pid)
        asyncio.run(_load(told, LOAD))
        after = _resident_mb(process.pid)
    yield (f"V7 memory after {LOAD} sales, pages and passes", f"{after / before:.3f} x ({before:.0f} -> {after:.0f} MB)",
           f"<= {GROWTH_BAR} x", after <= GROWTH_BAR * before)


def _start_line(what: str, seconds: list[float]) -> tuple[str, str, str, bool]:
    median = statistics.median(seconds)
    return (f"V7 start of {what} to first answer", f"{median:.2f} s (of {STARTS}: {min(seconds):.2f} to {max(seconds):.2f})",
            f"<= {START_BAR_SECONDS:.1f} s", median <= START_BAR_SECONDS)


def _environment(data: Path, environ: dict[str, str]) -> dict[str, str]:
    """What a person's start has: none of our settings, and modules that stay compiled from one start to the next."""
    left_out = ("PORT", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_") and name not in left_out}
    return {**plain, **environ, "TESSERA_DATA": str(data)}


def _command(data: Path, environ: dict[str, str], *command: str) -> None:
    subprocess.run([sys.executable, "-m", "app", *command], env=_environment(data, environ), check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _running(data: Path, environ: dict[str, str], *command: str) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A server from its first instruction to its orderly end; yields (process, seconds to the first 200 of /ready)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "app", *command], stdout=subprocess.DEVNULL,
                               env={**_environment(data, environ), "PORT": str(port)})
    try:
        while not _is_ready(port):
            if process.poll() is not None or time.perf_counter() - started > PATIENCE_SECONDS:
                raise RuntimeError(f"{' '.join(command)} did not become ready")
            time.sleep(0.005)
        yield process, time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _is_ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            connection.sendall(b"GET /ready HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _resident_mb(pid: int) -> float:
    """The pages of this process that are in memory, shared libraries included."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


async def _load(told: dict[str, Any], sales: int) -> None:
    """`sales` receipts on a few cards, and as many page views and passes between them."""
    headers = {"Authorization": f"Bearer {told['api_key']}"}
    async with httpx2.AsyncClient(base_url=told["url"], headers=headers, timeout=30) as client:
        cards = [await _new_card(client, told["program"], number) for number in range(CLIENTS)]
        await asyncio.gather(*(_shop(client, card, page, sales // CLIENTS) for card, page in cards))


async def _new_card(client: httpx2.AsyncClient, program: str, number: int) -> tuple[str, str]:
    """(card id, address of its page)."""
    phone = f"+7901{time.time_ns() % 10**6:06}{number}"
    made = await client.post("/api/v1/cards", json={"program": program, "customer": {"phone": phone}, "consent": {"terms": True}})
    made.raise_for_status()
    link = await client.post(f"/api/v1/cards/{made.json()['id']}/page-links")
    link.raise_for_status()
    return made.json()["id"], link.json()["url"]


async def _shop(client: httpx2.AsyncClient, card: str, page: str, sales: int) -> None:
    for number in range(sales):
        sold = await client.post("/api/v1/sales", json={"card": card, "amount": 25000, "redeem": {"points": 0}},
                                 headers={"Idempotency-Key": f"bench-{time.time_ns()}-{card}-{number}"})
        sold.raise_for_status()
        if number % 2:
            (await client.get(page)).raise_for_status()
        if number % 4 == 0:
            (await client.get(f"{page}/card.pkpass")).raise_for_status()


if __name__ == "__main__":
    sys.exit(main())
