"""How fast phones are told (V5 of the design): our client, aioapns and httpx against one push server, beside what h2load reaches there.

`python -m bench.push` prints each ratio with its bar. The server is Node's (bench/push_fake.cjs), with client certificates; h2load can
show none and gets a twin that asks for none. One connection, IN_FLIGHT pushes at a time; the rounds are interleaved and each ratio is
the median of its rounds. A peer that is not installed is said to be missing: `make bench` installs them all.
"""
import asyncio
import contextlib
import importlib.util
import logging
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.push.apns import ApnsClient, tls_context
from app.push.rules import Kind
from bench.lines import Line, printed

ROUNDS, IN_FLIGHT = 5, 100
PUSHES = {"ours": 8_000, "aioapns": 4_000, "httpx": 600}        # two seconds or so each
BARS = {"h2load": 0.20, "aioapns": 2.0, "httpx": 10.0}
TOPIC = "pass.demo.tessera.bench"
Push = Callable[[int], Awaitable[bool]]


class Run(NamedTuple):
    """rate: answers a second; p99_ms: of one push, from asking to its answer."""

    rate: float
    p99_ms: float


def main() -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    if not shutil.which("node"):
        print("V5 is not measured here: node, which runs the push server, is missing")
        return 0
    logging.getLogger("aioapns").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        files = make_demo_certificates(Path(folder), pass_type_identifier=TOPIC, team_identifier="BENCH12345", now=datetime.now(UTC))
        with serving(files) as port, serving(files, "open") as open_port:
            return printed(_lines(measured(files, port, open_port)))


def measured(files: DemoCertificates, port: int, open_port: int) -> dict[str, list[Run]]:
    """The rounds of everybody who is there."""
    clients = {"ours": _ours} | {name: peer for name, peer in PEERS.items() if importlib.util.find_spec(name)}
    runs: dict[str, list[Run]] = {name: [] for name in clients}
    if shutil.which("h2load"):
        runs["h2load"] = []
    for _ in range(ROUNDS):
        if "h2load" in runs:
            runs["h2load"].append(h2load(open_port))
        for name, client in clients.items():
            runs[name].append(asyncio.run(_run(client, files, port, PUSHES[name])))
    return runs


def _lines(runs: dict[str, list[Run]]) -> Iterator[Line]:
    median = statistics.median
    for name, each in runs.items():
        yield (f"   {name}: pushes, {IN_FLIGHT} in flight", f"{median(run.rate for run in each):.0f}/s, "
               f"p99 {median(run.p99_ms for run in each):.0f} ms", "", True)
    for name, bar in BARS.items():
        if name not in runs:
            yield (f"V5 beside {name}", "not measured here: it is not installed", f">= {bar:g} x", True)
            continue
        ratio = median(ours.rate / other.rate for ours, other in zip(runs["ours"], runs[name], strict=True))
        yield (f"V5 beside {name}", f"{ratio:.2f} of it", f">= {bar:g}", ratio >= bar)
    yield ("V5 delay of our pushes", f"p99 {median(run.p99_ms for run in runs['ours']):.0f} ms", "", True)


@contextlib.contextmanager
def serving(files: DemoCertificates, mode: str = "", told: Callable[[str], None] | None = None) -> Iterator[int]:
    """The push server on a free port until the block ends; gives the port. told: called in a thread with each token, in mode "told"."""
    process = subprocess.Popen(["node", Path(__file__).with_name("push_fake.cjs"), files.folder, mode], stdout=subprocess.PIPE, text=True)
    try:
        lines = process.stdout
        assert lines is not None
        port = int(lines.readline())
        if told:
            threading.Thread(target=lambda: [told(line.strip()) for line in lines], daemon=True).start()
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def _run(client: Callable[[DemoCertificates, int], Any], files: DemoCertificates, port: int, count: int) -> Run:
    """`count` pushes, IN_FLIGHT at a time, on one connection that is already open."""
    took: list[float] = []
    numbers = iter(range(count))
    async with client(files, port) as push:
        assert await push(count)            # the connection and its compression table are there

        async def worker() -> None:
            for number in numbers:
                started = time.perf_counter()
                assert await push(number), f"push {number} was refused"
                took.append(time.perf_counter() - started)

        started = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        elapsed = time.perf_counter() - started
    return Run(count / elapsed, sorted(took)[int(count * 0.99)] * 1000)


@contextlib.asynccontextmanager
async def _ours(files: DemoCertificates, port: int):  # type: ignore[no-untyped-def]
    key = load_pem_private_key(files.key.read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    chain = files.certificate.read_bytes() + files.wwdr.read_bytes()
    client = ApnsClient(f"127.0.0.1:{port}", tls_context(chain, key, files.root.read_bytes()))
    expiration = datetime.now(UTC) + timedelta(days=1)

    async def push(number: int) -> bool:
        return (await client.push(f"{number:064x}", TOPIC, expiration=expiration)).kind is Kind.ACCEPTED

    yield push
    await client.close()


@contextlib.asynccontextmanager
async def _aioapns(files: DemoCertificates, port: int):  # type: ignore[no-untyped-def]
    from aioapns import APNs, NotificationRequest, PushType

    both = files.folder / "both.pem"
    both.write_bytes(files.certificate.read_bytes() + files.wwdr.read_bytes() + files.key.read_bytes())
    client = APNs(client_cert=str(both), topic=TOPIC, max_connections=1, ssl_context=_context(files))
    client.pool.protocol_class.APNS_SERVER, client.pool.protocol_class.APNS_PORT = "127.0.0.1", port

    async def push(number: int) -> bool:
        request = NotificationRequest(device_token=f"{number:064x}", message={}, push_type=PushType.BACKGROUND, priority=5)
        return (await client.send_notification(request)).is_successful

    yield push
    for connection in client.pool.connections:
        connection.close()


@contextlib.asynccontextmanager
async def _httpx(files: DemoCertificates, port: int):  # type: ignore[no-untyped-def]
    import httpx

    headers = {"apns-topic": TOPIC, "apns-push-type": "background", "apns-priority": "5"}
    async with httpx.AsyncClient(http1=False, http2=True, verify=_context(files), base_url=f"https://127.0.0.1:{port}", timeout=60,
                                 limits=httpx.Limits(max_connections=1)) as client:
        async def push(number: int) -> bool:
            return (await client.post(f"/3/device/{number:064x}", content=b"{}", headers=headers)).status_code == 200

        yield push


PEERS = {"aioapns": _aioapns, "httpx": _httpx}


def _context(files: DemoCertificates) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.root)
    chain = files.folder / "chain.pem"
    chain.write_bytes(files.certificate.read_bytes() + files.wwdr.read_bytes())
    context.load_cert_chain(chain, files.key)
    context.set_alpn_protocols(["h2"])
    return context


def h2load(port: int) -> Run:
    """What the server gives a client written in C: the bound."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(b"{}")
        body.flush()
        told = subprocess.run([
            "h2load", "-n40000", "-c1", "-t1", f"-m{IN_FLIGHT}", "-d", body.name, "-H", f"apns-topic: {TOPIC}",
            "-H", "apns-push-type: background", "-H", "apns-priority: 5",
            f"https://127.0.0.1:{port}/3/device/{7:064x}"], capture_output=True, text=True, check=True).stdout
    rate, failed = re.search(r"finished in .*?, ([\d.]+) req/s", told), re.search(r"(\d+) failed", told)
    assert rate and failed and failed[1] == "0" and "status codes: 40000 2xx" in told, told
    slowest = re.search(r"time for request:\s+\S+\s+([\d.]+)(us|ms|s)", told)
    return Run(float(rate[1]), float(slowest[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[slowest[2]] if slowest else 0.0)


if __name__ == "__main__":
    sys.exit(main())
