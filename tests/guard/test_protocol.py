"""The guard on a bare server: slow and greedy clients, riddles, more than can be done. Limits are short here, so that nothing sleeps."""
import asyncio
import contextlib
import socket
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.guard import Guard, Limits
from app.guard.limits import Pace
from tests.guard.serving import exchange, running, status, told

SHORT = 0.05
PROXY = b"X-Forwarded-For: "


class Stage:
    """A small application whose /api/hold answers when it is told to."""

    def __init__(self) -> None:
        self.go, self.begun, self.bodies = asyncio.Event(), 0, 0
        self.app = Starlette(routes=[Route("/api/hold", self.hold, methods=["GET", "POST"]), Route("/c/hold", self.hold),
                                     Route("/api/echo", self.echo, methods=["POST"]), Route("/large", self.large),
                                     Route("/health", self.small), Route("/", self.small), Route("/in", self.let_in),
                                     Route("/no", self.say_no), Route("/c/x/events", self.hold)])

    async def hold(self, request: Request) -> Response:
        self.begun += 1
        await self.go.wait()
        return PlainTextResponse("held")

    async def echo(self, request: Request) -> Response:
        self.bodies += 1
        return PlainTextResponse(str(len(await request.body())))

    async def large(self, request: Request) -> Response:
        return PlainTextResponse("x" * 20_000_000)

    async def small(self, request: Request) -> Response:
        return PlainTextResponse("small")

    async def let_in(self, request: Request) -> Response:
        request.state.principal = "till 2"
        return PlainTextResponse("in")

    async def say_no(self, request: Request) -> Response:
        request.state.status = 401
        return PlainTextResponse("no", 401)


def get(path: str, *headers: bytes) -> bytes:
    return b"\r\n".join([b"GET %s HTTP/1.1" % path.encode(), b"Host: x", *headers]) + b"\r\n\r\n"


def last(path: str, *headers: bytes) -> bytes:
    return get(path, *headers, b"Connection: close")


async def until(true: Any) -> None:
    while not true():
        await asyncio.sleep(0)


async def opened(port: int, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    return reader, writer


# Slow clients

@pytest.mark.goal("B10")
async def test_a_body_that_dribbles_never_reaches_the_application_and_is_told_why_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(body_seconds=SHORT))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        answer = await told(port, b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
    assert (status(answer), stage.bodies, guard.closed["slow_body"]) == (408, 0, 1)


@pytest.mark.goal("B10")
async def test_a_large_body_goes_on_as_long_as_it_comes_fast_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look finds more than the rate asks for, until the sender stops."""
    stage, guard = Stage(), Guard(Limits(body_seconds=SHORT, rate=1024))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        reader, writer = await opened(port, b"POST /api/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        loop, sent = asyncio.get_running_loop(), 0
        end = loop.time() + 3 * SHORT
        while loop.time() < end:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()
            sent += 1024
        writer.write(b"0\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert int(await reader.readexactly(len(str(sent)))) == sent
        writer.close()


@pytest.mark.goal("B10")
async def test_who_does_not_read_the_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(write_seconds=SHORT))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", port))
            deaf.sendall(get("/large"))
            await until(lambda: guard.closed["slow_reader"])
            await until(lambda: not guard.crowds.open)
        assert guard.lanes["page_reads"].running == 0


@pytest.mark.goal("B10")
async def test_an_answer_that_waits_for_its_reader_takes_no_place_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(pages=Pace(1, 1, 0.0, 5.0, 0.0)))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(("127.0.0.1", port))
            deaf.sendall(get("/large"))
            assert status(await told(port, last("/"))) == 200
            assert len(guard.crowds.open) >= 1


@pytest.mark.goal("B10")
@pytest.mark.parametrize("at_once", [True, False])
async def test_what_is_asked_behind_an_unread_answer_takes_no_place_of_others_and_is_answered_once_that_is_read(
        monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    stage, guard = Stage(), Guard(Limits(pages=Pace(1, 1, 0.0, 5.0, 0.0)))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        writer.write(get("/large") + (last("/") if at_once else b""))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await until(lambda: guard.lanes["page_reads"].running == 0)
        if not at_once:
            writer.write(last("/"))
        for _ in range(20):
            assert status(await told(port, last("/"))) == 200
        found = b""
        while piece := await reader.read(1_000_000):
            found = found[-1000:] + piece
        assert found.count(b"HTTP/1.1 200") == 1
        writer.close()


@pytest.mark.goal("B10")
async def test_answers_that_nobody_reads_take_so_much_memory_and_the_one_that_stood_longest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(unread_bytes=30_000_000))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        reader, deaf = await opened(port, get("/large"))
        await until(lambda: len(guard.crowds.open) == 1 and guard.lanes["page_reads"].running == 0)
        other, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(last("/large"))
        await until(lambda: guard.closed["slow_reader"])
        assert len(await other.read()) > 20_000_000
        with contextlib.suppress(ConnectionError):
            assert len(await reader.read()) < 20_000_000
        assert guard.closed["slow_reader"] == 1
        for each in (deaf, writer):
            each.close()


async def test_who_reads_slowly_but_steadily_gets_the_whole_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(write_seconds=SHORT))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        writer.write(last("/large"))
        found = 0
        while piece := await reader.read(1_000_000):
            found += len(piece)
        assert found > 20_000_000
        writer.close()
    assert not guard.closed["slow_reader"]


@pytest.mark.goal("B9")
async def test_requests_that_are_not_whole_share_a_room_and_the_oldest_leaves_it_first(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(held_bytes=100_000))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        part = b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"x" * 40_000
        clients = [await opened(port, part) for _ in range(4)]
        await until(lambda: guard.closed["crowded_out"] == 2)
        assert (await clients[0][0].read(12)) == b"HTTP/1.1 503"
        newest_reader, newest = clients[-1]
        assert await exchange(newest_reader, newest, b"x" * 20_000) == b"60000"
        for _, writer in clients:
            writer.close()
    assert guard._held_bytes <= 100_000


@pytest.mark.goal("B9")
async def test_what_comes_after_the_answer_is_read_for_a_while_and_then_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(request: Request) -> Response:
        return PlainTextResponse("too large", 413)

    app, guard = Starlette(routes=[Route("/", refuse, methods=["POST"])]), Guard(Limits(linger_bytes=500_000))
    async with running(monkeypatch, app, guard=guard) as port:
        reader, writer = await opened(port, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        taken = 0
        with contextlib.suppress(ConnectionError):
            while taken < 2**30:
                writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                await writer.drain()
                taken += 65_536
        assert taken < 20_000_000           # what the kernel's buffers hold, not the gigabyte
        with contextlib.suppress(ConnectionError):
            assert (await reader.read(12)) in (b"HTTP/1.1 413", b"")
        writer.close()


# Connections

@pytest.mark.goal("F11")
async def test_a_hundred_idle_connections_make_room_for_a_till(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(connections=20))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        assert status(await told(port, last("/"))) == 200
        assert len(guard.crowds.open) <= 20
        assert guard.crowds.were_shed >= 80
        for _, writer in idle:
            writer.close()


async def test_where_all_connections_are_worked_for_one_more_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(connections=2))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        held = [await opened(port, get("/c/x/events")) for _ in range(2)]
        await until(lambda: stage.begun == 2)
        answer = await told(port)
        assert status(answer) == 503 and b"retry-after: 1" in answer
        stage.go.set()
        for _, writer in held:
            writer.close()


async def test_an_idle_connection_ends_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(idle_seconds=SHORT))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await exchange(reader, writer, get("/")) == b"small"
        assert await reader.read() == b""
        writer.close()


async def test_two_requests_in_one_packet_are_answered_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch, Stage().app) as port:
        answer = await told(port, b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + get("/") + last("/in"))
    assert [piece[:2] for piece in answer.split(b"\r\n\r\n")[1:]] == [b"3H", b"sm", b"in"]


# Too much at once

@pytest.mark.goal("L7")
async def test_what_is_too_much_is_told_so_before_any_work_and_reads_go_on_beside_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(till_writes=Pace(2, 2, 0.0, 60.0, 0.0)))
    sale = b"POST /api/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    async with running(monkeypatch, stage.app, guard=guard) as port:
        clients = [await opened(port, sale) for _ in range(2)]
        await until(lambda: stage.begun == 2)
        clients.append(await opened(port, sale))
        await until(lambda: guard.lanes["till_writes"].waiting)
        refused = await told(port, sale)
        assert status(refused) == 503 and b"retry-after: " in refused and b'"code": "overloaded"' in refused
        assert stage.begun == 2
        assert status(await told(port, last("/health"))) == 200
        assert status(await told(port, last("/"))) == 200
        stage.go.set()
        for reader, writer in clients:
            assert (await reader.read()).endswith(b"held")
            writer.close()
    assert (stage.begun, guard.refused["till_writes"]) == (3, 1)


async def test_nobody_waits_for_ever_behind_something_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(till_reads=Pace(1, 1, 9.0, 0.0)))
    monkeypatch.setattr("app.guard.guard.LOOK_SECONDS", SHORT)
    async with running(monkeypatch, stage.app, guard=guard) as port:
        _, first = await opened(port, get("/api/hold"))
        await until(lambda: stage.begun)
        assert status(await told(port, last("/api/hold"))) == 503
        stage.go.set()
        first.close()


async def test_who_left_while_waiting_is_not_worked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(till_reads=Pace(1, 1, 9.0, 60.0)))
    lane = guard.lanes["till_reads"]
    async with running(monkeypatch, stage.app, guard=guard) as port:
        first_reader, first = await opened(port, get("/api/hold"))
        await until(lambda: stage.begun)
        _, gone = await opened(port, get("/api/hold"))
        await until(lambda: lane.waiting)
        gone.close()
        await until(lambda: lane.waiting[0].cycle.disconnected)
        stage.go.set()
        assert await exchange(first_reader, first, get("/")) == b"held"
        await until(lambda: not lane.running and not lane.waiting)
        first.close()
    assert stage.begun == 1


# Floods

async def test_a_flood_of_strangers_is_stopped_by_its_address_and_a_known_till_behind_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard = Stage(), Guard(Limits(flood_per_second=0.001, flood_burst=20))
    async with running(monkeypatch, stage.app, guard=guard) as port:
        key = b"Authorization: Bearer till"
        assert status(await told(port, last("/in", key), source="127.0.0.2")) == 200
        answers = [status(await told(port, last("/"), source="127.0.0.2")) for _ in range(25)]
        assert answers == [200] * 20 + [429] * 5
        assert status(await told(port, last("/", key), source="127.0.0.2")) == 200
        assert status(await told(port, last("/", b"Authorization: Bearer other"), source="127.0.0.2")) == 429
        assert status(await told(port, last("/health"), source="127.0.0.2")) == 200
        assert status(await told(port, last("/"), source="127.0.0.3")) == 200
        assert [status(await told(port, last("/no"), source="127.0.0.4")) for _ in range(5)] == [401] * 4 + [429]
    assert guard.floods.were_refused == 7


@pytest.mark.goal("B11")
async def test_behind_a_proxy_floods_are_counted_by_the_address_that_the_proxy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from ipaddress import ip_network

    guard = Guard(Limits(flood_per_second=0.001, flood_burst=3, an_address=2), (ip_network("127.0.0.2"),))
    async with running(monkeypatch, Stage().app, guard=guard) as port:
        async def through(*headers: bytes) -> int:
            return status(await told(port, last("/", *headers), source="127.0.0.2"))

        assert [await through(PROXY + b"192.0.2.1") for _ in range(4)] == [200, 200, 200, 429]
        assert await through(PROXY + b"192.0.2.2") == 200
        # What a stranger wrote before the proxy's own word names nobody else, in one line or in two.
        assert await through(PROXY + b"192.0.2.9, 192.0.2.1") == 429
        assert await through(PROXY + b"192.0.2.9", PROXY + b"192.0.2.1") == 429
        # A stranger who is no proxy is counted as himself.
        assert [status(await told(port, last("/", PROXY + b"192.0.2.%d" % number), source="127.0.0.3")) for number in range(4)] == [
            200, 200, 200, 429]


# Riddles

POST = b"POST /api/echo HTTP/1.1\r\nHost: x\r\n"
RIDDLES = {
    "two lengths": POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "one length twice": POST + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": POST + b"Content-Length: 4, 4\r\n\r\nabcd",
    "a signed length": POST + b"Content-Length: +4\r\n\r\nabcd",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "an endless length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "another coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /api/echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks behind a control": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: a\r\n b\r\n\r\n",
    "folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "lines without returns": b"GET / HTTP/1.1\nHost: x\n\n",
    "one line without its return": b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "a return within a line": b"GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "a space before the first name": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "a version that is none": b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    "the other protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "an address without a path": b"GET http://evil.example HTTP/1.1\r\nHost: x\r\n\r\n",
    "a chunk's size in hex with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "a chunk's line without return": POST + b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
    "a line in a chunk's extension": POST + b"Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n",
    "bytes that are no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
}


@pytest.mark.goal("B11")
async def test_what_two_programs_may_read_differently_is_400_and_the_end_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, guard, wrong = Stage(), Guard(), []
    async with running(monkeypatch, stage.app, guard=guard) as port:
        for name, riddle in RIDDLES.items():
            answer = await told(port, riddle + get("/in"))
            if status(answer) != 400 or answer.count(b"HTTP/1.1 ") != 1:
                wrong.append((name, answer))
    assert wrong == []
    assert guard.closed["malformed"] == len(RIDDLES)


@pytest.mark.goal("B11")
async def test_an_absolute_address_and_a_wish_to_upgrade_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch, Stage().app) as port:
        absolute = await told(port, b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert absolute.endswith(b"small") and b"evil" not in absolute
        upgrade = await told(port, get("/", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA"), end=True)
        assert status(upgrade) == 200 and b"101" not in upgrade
