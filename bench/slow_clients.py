"""Slow clients, in a process of their own: they dribble a header, dribble a body, or hardly read an answer, and say how they ended.

`python -m bench.slow_clients` is told a Plan as JSON and answers a list of Ends as JSON; bench/slow.py starts it. Its work is that of
other machines, so it steps back before the server and the tills. The callers have ADDRESSES addresses of the loopback net, none of
them the one that the server spares: few enough connections of each that no limit of an address ends one before its time is up.
"""
import asyncio
import json
import os
import resource
import socket
import ssl
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.guard.proxies import trusting

HEADER, BODY, READ = "header", "body", "read"
LIMIT_SECONDS = {HEADER: 10.0, BODY: 30.0, READ: 30.0}
SLACK_SECONDS = 1.5             # the machine is shared with the one that measures
ADDRESSES, RAMP_SECONDS, HEADER_WAVES_SECONDS = 40, 8.0, 34.0
SPARE_FILES = 256
# The other side's kernel takes twenty segments of an answer that nobody reads: on loopback two megabytes, on a network's line 60 kB.
_RECEIVED, _SEGMENT = 4096, 1400
_FIRST = {
    HEADER: b"GET / HTTP/1.1\r\nHost: cards.example.com\r\nX-Slow: ",
    BODY: b"POST /api/v1/sales HTTP/1.1\r\nHost: cards.example.com\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
    # The largest answer that a stranger gets, half a megabyte, and another behind it.
    READ: b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: cards.example.com\r\n\r\n" * 2,
}


@dataclass(frozen=True)
class Plan:
    """kinds: dealt to the connections in turn; folder: of the certificate to trust, where the port speaks TLS."""

    port: int
    connections: int
    kinds: list[str]
    folder: str | None = None


@dataclass(frozen=True)
class End:
    """seconds: from the connection to its end by the server, None where it was still open after its limit and the slack; none at all
    for whoever was refused an answer, and so has nothing to read slowly."""

    kind: str
    seconds: float | None


def allow_files(wanted: int) -> None:
    """Every connection is an open file. Raises RuntimeError where the machine grants fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise RuntimeError(f"{needed} open files are needed, {hard} are allowed (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def longest_seconds(kinds: list[str]) -> float:
    """How long a plan takes: until the last connection's limit and slack are over, and headers have come in more than one wave."""
    return max(HEADER_WAVES_SECONDS, RAMP_SECONDS + max(LIMIT_SECONDS[kind] for kind in kinds) + SLACK_SECONDS)


async def attack(plan: Plan) -> list[End]:
    """Opens all connections within RAMP_SECONDS and waits for their ends. A header's is opened again as long as there is time for it."""
    tls = trusting(Path(plan.folder)) if plan.folder else None
    last = longest_seconds(plan.kinds) - LIMIT_SECONDS[HEADER] - SLACK_SECONDS
    begin = asyncio.get_running_loop().time()

    async def one(number: int) -> list[End]:
        kind, due = plan.kinds[number % len(plan.kinds)], begin + RAMP_SECONDS * number / plan.connections
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        address = f"127.0.1.{1 + number // len(plan.kinds) % ADDRESSES}"
        ends = [await _slow(plan.port, address, kind, tls)]
        while kind == HEADER and asyncio.get_running_loop().time() - begin < last:
            ends.append(await _slow(plan.port, address, kind, tls))
        return ends

    return [end for ends in await asyncio.gather(*[one(number) for number in range(plan.connections)]) for end in ends]


async def _slow(port: int, address: str, kind: str, tls: ssl.SSLContext | None) -> End:
    """One connection: a byte a second written, or 100 bytes a second read, until the server has enough of it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        reader, writer = await _opened(port, address, tls)
    except (OSError, asyncio.IncompleteReadError):
        return End(kind, loop.time() - began)
    began = loop.time()
    try:
        writer.write(_FIRST[kind])
        if kind == READ and not await _is_answered(reader):
            return End(kind, 0.0)
        is_closed = await _dribble(reader, writer, kind, began + LIMIT_SECONDS[kind] + SLACK_SECONDS)
        if is_closed:
            return End(kind, loop.time() - began)
        # What the kernel held of the answer comes first; only then does it say whether the server went on or hung up.
        return End(kind, LIMIT_SECONDS[kind] + SLACK_SECONDS if kind == READ and await _ends_short(reader, writer) else None)
    except (OSError, asyncio.IncompleteReadError):
        return End(kind, loop.time() - began)
    finally:
        writer.transport.abort()


async def _opened(port: int, address: str, tls: ssl.SSLContext | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    made = socket.socket()
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)
        made.bind((address, 0))
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
        named: dict[str, Any] = {"ssl": tls, "server_hostname": "cards.example.com"} if tls else {}
        reader, writer = await asyncio.open_connection(sock=made, limit=512, **named)
    except BaseException:
        made.close()
        raise
    if tls:
        # Above the socket TLS has a buffer of its own, of 256 KiB.
        writer.transport.set_read_buffer_limits(1024)  # type: ignore[attr-defined]
    return reader, writer


async def _is_answered(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(LIMIT_SECONDS[READ]):
        return await reader.readexactly(12) == b"HTTP/1.1 200"


async def _dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kind: str, until: float) -> bool:
    """Whether the server ended it before that time."""
    loop = asyncio.get_running_loop()
    while (left := until - loop.time()) > 0:
        try:
            if kind == READ:
                if not await asyncio.wait_for(reader.read(100), left):
                    return True
                await asyncio.sleep(min(1.0, left))
                continue
            async with asyncio.timeout(min(1.0, left)):
                while await reader.read(4096):
                    pass
                return True
        except TimeoutError:
            if kind != READ:
                writer.write(b"x")
        except OSError:
            return True
    return False


async def _ends_short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether the connection is over once what is on its way has been read, as fast as it comes."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    try:
        async with asyncio.timeout(20.0):
            while await asyncio.wait_for(reader.read(65_536), 5.0):
                pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def main() -> int:
    plan = Plan(**json.load(sys.stdin))
    os.nice(10)
    allow_files(plan.connections)
    print(json.dumps([asdict(end) for end in asyncio.run(attack(plan))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
