"""A change of a whole programme that lies on 50,000 phones, all at once (V6 of the design): pushes, memory, and the till meanwhile.

`python -m bench.broadcast` runs the server as its operator would, with TESSERA_SPREAD lifted so that nothing is spread over time, and
Node's push server. Tills sell at a steady rate, first alone and then during the broadcast; some of the phones that were told list and
fetch their pass as iOS does. What is short of all this (real phones, real nets) is not measured.
"""
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench import sales_client, sales_server, wallets
from bench.lines import Line, printed
from bench.push import serving
from bench.wallets import PASS_TYPE, Phone, Pocket

PHONES, IDLE_CARDS = 50_000, 50_000
FETCHING = 2_000                # phones of all that fetch at once, CALLS at a time
CALLS = 2
SALES_A_SECOND, QUIET_SECONDS = 40, 8
P99_BAR, GROWTH_BAR_MB = 2.0, 50
PATIENCE_SECONDS = 150.0


class Told:
    """What the push server was asked: each token once, and when the last one was new."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.pushes, self.last_at = 0, 0.0
        self.current = 0        # phones that fetched since

    def __call__(self, token: str) -> None:
        self.pushes += 1
        if token not in self.tokens:
            self.tokens.add(token)
            self.last_at = time.perf_counter()


def main() -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    if not shutil.which("node"):
        print("V6 is not measured here: node, which runs the push server, is missing")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(Path(folder)))


def _lines(folder: Path) -> Iterator[Line]:
    environ, files = wallets.environment(folder)
    pocket, told = asyncio.run(wallets.prepare(environ, PHONES, IDLE_CARDS)), Told()
    with serving(files, "told", told) as apns:
        settings = {**environ, "TESSERA_APNS": f"https://127.0.0.1:{apns}", "TESSERA_APNS_CA": str(files.root),
                    "TESSERA_SPREAD": "1000000"}
        with sales_server.started(settings, "web") as (process, port):
            quiet = asyncio.run(_tills(port, pocket, QUIET_SECONDS))
            asyncio.run(_first_pass(port, pocket.phones[1]))     # what a server loads once is no growth
            before = wallets.resident_mb(process.pid)
            took, sold, fetching, most = asyncio.run(_broadcast(port, pocket, told, process.pid))
    reached = len(told.tokens)
    yield ("   phones told", f"{reached} of {PHONES} by {told.pushes} pushes in {took:.1f} s", f"{PHONES}", reached == PHONES)
    yield ("   pushes a second, as phones were told", f"{reached / took:.0f}/s", "", True)
    yield ("   phones that fetched and are current", f"{told.current} of {FETCHING} in {fetching:.1f} s ({told.current / fetching:.0f}/s)",
           f"{FETCHING}", told.current >= FETCHING)
    yield ("V6 memory of the server, more than before", f"{most - before:+.0f} MB (from {before:.0f} MB)", f"<= +{GROWTH_BAR_MB} MB",
           most - before <= GROWTH_BAR_MB)
    yield ("   a sale's delay, quiet", _delays(quiet), "", True)
    yield ("V6 a sale's delay meanwhile", _delays(sold), f"p99 <= {P99_BAR:g} x quiet", _p99(sold) <= P99_BAR * _p99(quiet))


async def _broadcast(port: int, pocket: Pocket, told: Told, pid: int) -> tuple[float, list[float], float, float]:
    """Seconds until the last phone was told, the sales' delays meanwhile, seconds until the last fetch, most memory in MB."""
    sold: list[float] = []
    most = 0.0

    async def selling() -> None:
        while True:
            sold.extend(await _tills(port, pocket, 2.0))

    tills = asyncio.create_task(selling())
    begun = time.perf_counter()
    await asyncio.to_thread(_change, port, pocket)
    phones = asyncio.create_task(_fetching(port, pocket, told))
    while (len(told.tokens) < PHONES or not phones.done()) and time.perf_counter() - begun < PATIENCE_SECONDS:
        await asyncio.sleep(0.1)
        most = max(most, wallets.resident_mb(pid))
    fetching = await phones if phones.done() else time.perf_counter() - begun
    for task in (tills, phones):
        task.cancel()
    await asyncio.gather(tills, phones, return_exceptions=True)
    return told.last_at - begun, sorted(sold), fetching, most


async def _tills(port: int, pocket: Pocket, seconds: float) -> list[float]:
    return await sales_client.delays(port, pocket.stand.api_key, pocket.stand.public, SALES_A_SECOND, seconds)


def _change(port: int, pocket: Pocket) -> None:
    """New rules by the API, as an operator's system does; every card shows them."""
    address = f"http://127.0.0.1:{port}/api/v1/programs/{pocket.program}/rules"
    headers = {"Authorization": f"Bearer {pocket.admin_key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
        rules = json.load(answer)["items"][0]["rules"]
    body = json.dumps({"rules": rules | {"earn_points": rules["earn_points"] + 1}}).encode()
    with urllib.request.urlopen(urllib.request.Request(address, body, {**headers, "Idempotency-Key": "broadcast"}, method="PUT")) as answer:
        assert answer.status == 200


async def _fetching(port: int, pocket: Pocket, told: Told) -> float:
    """FETCHING phones, each as soon as it was told: what changed, then the pass; gives the seconds until the last one is current."""
    phones, started = {phone.push_token: phone for phone in pocket.phones[::PHONES // FETCHING]}, time.perf_counter()
    waiting: asyncio.Queue[Phone] = asyncio.Queue()

    async def call() -> None:
        phone = await waiting.get()         # a connection that asks nothing is closed soon
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(writer):
            while True:
                listed = await _get(reader, writer, f"/apple/{pocket.short_id}/v1/devices/{phone.device}/registrations/{PASS_TYPE}", "")
                assert phone.path.rpartition("/")[2].encode() in listed
                assert (await _get(reader, writer, phone.path, phone.token)).startswith(b"PK")
                told.current += 1
                phone = await waiting.get()

    calls = [asyncio.create_task(call()) for _ in range(CALLS)]
    while told.current < FETCHING:
        for token in [token for token in phones if token in told.tokens]:
            waiting.put_nowait(phones.pop(token))
        done, _ = await asyncio.wait(calls, timeout=0.2, return_when=asyncio.FIRST_EXCEPTION)
        for failed in done:
            failed.result()
    for one in calls:
        one.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    return time.perf_counter() - started


async def _first_pass(port: int, phone: Phone) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(writer):
        await _get(reader, writer, phone.path, phone.token)


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, token: str) -> bytes:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: ApplePass {token}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.split(b":")[1]))


def _p99(took: list[float]) -> float:
    return took[int(len(took) * 0.99)]


def _delays(took: list[float]) -> str:
    return f"p50 {took[len(took) // 2]:.1f} ms, p99 {_p99(took):.1f} ms ({len(took)} sales)"


if __name__ == "__main__":
    sys.exit(main())
