"""The whole application on a bare server in a process of its own: what is too large, lies or floods costs it no memory and no sale."""
import asyncio
import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import secrets, start
from app.db import open_database
from app.ledger.verify import verify
from app.settings import load
from tests import engines
from tests.commands.test_run import free_port
from tests.guard.serving import status, told
from tests.shops import make_card, make_shop

MOST_MORE_KB = 20 * 1024
TILLS = 8


@dataclass
class Stand:
    """A server on `port` with a shop: a key that may do everything, a card's id and the database."""

    process: "subprocess.Popen[bytes]"
    port: int
    key: str
    card: str
    url: str

    def memory_kb(self) -> int:
        """Of the server's process, now."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0])

    def post(self, path: str, body: bytes, *headers: str) -> bytes:
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.key}", "Content-Type: application/json", *headers]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def sale(self, receipt: str, *headers: str) -> bytes:
        body = json.dumps({"card": self.card, "amount": 10_000, "receipt": receipt}).encode()
        return self.post("/api/v1/sales", body, f"Idempotency-Key: {receipt}", f"Content-Length: {len(body)}", *headers)

    async def sold(self, receipt: str) -> int:
        """The status of a sale on a connection of its own."""
        return status(await told(self.port, self.sale(receipt, "Connection: close")))


async def prepared(environ: dict[str, str]) -> tuple[str, str]:
    """A shop's key and the public id of a card."""
    async with start.opened(load(environ)) as here:
        shop = await make_shop(here)
        return shop.api_key, here.ids.encode("card", (await make_card(here, shop)).id)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """One server for all tests here, since a start is dear; it may open 256 files. The last test ends it."""
    folder = tmp_path_factory.mktemp("bare")
    Path(engines.sqlite_url(folder, migrated=True).removeprefix("sqlite:///")).rename(folder / "tessera.db")
    start.write_secret(folder / start.KEY_FILE, secrets.new_key() + "\n")
    environ = {"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder), "TESSERA_LOG": "error", "PORT": str(free_port())}
    key, card = asyncio.run(prepared(environ))
    process = subprocess.Popen(["sh", "-c", 'ulimit -n 256; exec "$0" "$@"', sys.executable, "-m", "app", "web"],
                               env={**os.environ, **environ}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield Stand(process, int(environ["PORT"]), key, card, load(environ).database_url)
    process.terminate()
    process.communicate()


async def poured(port: int, head: bytes, piece: bytes, most: int) -> tuple[bytes, int]:
    """(answer, bytes taken) of a body that is sent for as long as anybody takes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    taken = 0
    with contextlib.suppress(ConnectionError):
        writer.write(head)
        while taken < most:
            writer.write(piece)
            await writer.drain()
            taken += len(piece)
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await reader.read(65_536)
    writer.transport.abort()
    return answer, taken


@pytest.mark.goal("B9")
async def test_what_is_too_large_or_lies_is_refused_and_costs_no_memory(made: Stand) -> None:
    for number in range(10):                    # warm
        assert await made.sold(f"w{number}") == 201
    before = made.memory_kb()
    bomb = gzip.compress(b"0" * 10_000_000)
    nested = b"[" * 60_000
    requests = {
        "200 KB of header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n",
        "a million query pairs": b"GET /api/v1/cards?" + b"a=1&" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "ten thousand query pairs": b"GET /api/v1/cards?" + b"a=1&" * 10_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "a bomb": made.post("/api/v1/sales", bomb, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}", "Idempotency-Key: b",
                            "Connection: close"),
        "deep": made.post("/api/v1/sales", nested, f"Content-Length: {len(nested)}", "Idempotency-Key: d", "Connection: close"),
        "deeper": made.post("/api/v1/sales", nested * 2, f"Content-Length: {len(nested) * 2}", "Idempotency-Key: d",
                            "Connection: close"),
        "a length that is too long": made.post("/api/v1/sales", b"", "Content-Length: 1073741824", "Idempotency-Key: l"),
    }
    answers = {name: status((await poured(made.port, request, b"", 0))[0]) for name, request in requests.items()}
    assert answers == {"200 KB of header": 431, "a million query pairs": 431, "ten thousand query pairs": 431, "a bomb": 400,
                       "deep": 422, "deeper": 413, "a length that is too long": 413}
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = made.post("/api/v1/sales", b"", "Transfer-Encoding: chunked", "Idempotency-Key: g")
    pours = await asyncio.gather(*[poured(made.port, head, chunk, 2**30) for _ in range(4)])
    assert {status(answer) for answer, _ in pours} <= {413, 0}
    assert max(taken for _, taken in pours) < 32 * 2**20
    assert made.memory_kb() - before <= MOST_MORE_KB
    assert await made.sold("after") == 201


@pytest.mark.goal("F11", "B10")
async def test_with_256_files_a_till_goes_on_beside_hundreds_of_connections_that_say_nothing_or_dribble(made: Stand) -> None:
    dribble = b"POST /api/v1/sales HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nslow"
    before = made.memory_kb()
    others = []
    for number in range(400):
        with contextlib.suppress(ConnectionError):
            _, writer = await asyncio.open_connection("127.0.0.1", made.port)
            writer.write(dribble if number % 2 else b"")
            others.append(writer)
        if number % 40 == 0:
            assert await made.sold(f"r{number}") == 201
    assert len(os.listdir(f"/proc/{made.process.pid}/fd")) < 256
    assert made.memory_kb() - before <= MOST_MORE_KB
    for writer in others:
        writer.transport.abort()


async def sell_until_told(made: Stand, till: int, acks: Counter[str]) -> None:
    """Sales on one connection; ends when the server closes it. A request that got half an answer, or a reset, fails."""
    number = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    try:
        while True:
            number += 1
            writer.write(made.sale(f"t{till}-{number}"))
            head = await reader.read(1)
            if not head:
                return              # closed between two requests
            head += await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            assert status(head) == 201
            acks[f"t{till}-{number}"] += 1
    finally:
        writer.close()


@pytest.mark.goal("F12")
async def test_a_server_that_is_told_to_stop_answers_what_it_began_and_every_answer_is_in_the_ledger(made: Stand) -> None:
    acks: Counter[str] = Counter()
    tills = [asyncio.create_task(sell_until_told(made, till, acks)) for till in range(TILLS)]
    while sum(acks.values()) < 40:
        await asyncio.sleep(0)
    made.process.send_signal(signal.SIGTERM)
    ended = await asyncio.gather(*tills, return_exceptions=True)
    assert await asyncio.to_thread(made.process.wait, 20) == 0
    # A request on its way to a connection that is closed at that moment was not begun.
    assert [each for each in ended if each is not None and not isinstance(each, ConnectionResetError)] == []
    async with open_database(made.url) as db:
        kept = [row["number"] for row in await db.fetch_all("SELECT number FROM receipts WHERE number LIKE 't%'")]
        assert set(kept) >= set(acks)
        assert len(kept) - len(acks) <= TILLS
        assert await verify(db, datetime.now(UTC)) == []
