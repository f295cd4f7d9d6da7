import asyncio
import contextlib
import socket
import statistics
import time

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import server
from app.errors import SettingsError
from app.guard import Guard, Limits
from tests.guard.serving import exchange, running


async def small(request: Request) -> Response:
    """Two writes, head and body: what Nagle's algorithm holds back."""
    return PlainTextResponse("x" * 2000)


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


def app() -> Starlette:
    return Starlette(routes=[Route("/", small), Route("/echo", echo, methods=["POST"])])


def test_the_listening_socket_names_its_protocol_so_that_answers_are_not_held_back() -> None:
    with server.bind("127.0.0.1", 0) as made:
        assert made.proto == socket.IPPROTO_TCP


async def test_a_kept_connection_answers_as_fast_as_a_fresh_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trap costs 40 ms an answer after the first; so kept connections are compared with fresh ones, not with a clock."""
    async with running(monkeypatch, app()) as port:
        fresh, kept = [], []
        request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        for _ in range(30):
            started = time.perf_counter()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await exchange(reader, writer, request)
            fresh.append(time.perf_counter() - started)
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(30):
            started = time.perf_counter()
            await exchange(reader, writer, request)
            kept.append(time.perf_counter() - started)
        writer.close()
    assert statistics.median(kept) < 3 * statistics.median(fresh)


async def test_headers_that_never_end_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch, app(), guard=Guard(Limits(header_seconds=0.05))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert await reader.read() == b""
        writer.close()


async def test_a_connection_that_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch, app(), guard=Guard(Limits(header_seconds=0.05))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()


async def test_headers_of_200_kilobytes_are_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch, app()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * 200_000)
        # Closed with our bytes unread, which the kernel may tell as a reset.
        with contextlib.suppress(ConnectionResetError):
            assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        writer.close()


async def test_a_body_that_dribbles_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch, app(), guard=Guard(Limits(body_seconds=0.05))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
        answer = await reader.read()
        assert not answer.startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_request_in_several_pieces_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(monkeypatch, app()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in (b"POST /echo HT", b"TP/1.1\r\nHost: x\r\nContent-", b"Length: 10\r\n\r\n01234"):
            writer.write(piece)
            await writer.drain()
        assert await exchange(reader, writer, b"56789") == b"10"
        writer.close()


async def test_a_stopping_server_first_ends_what_would_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    async with running(monkeypatch, app(), before_shutdown=lambda: told.append("streams end")):
        assert told == []
    assert told == ["streams end"]


def test_a_taken_port_is_named_in_a_sentence() -> None:
    with server.bind("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(SettingsError, match=r"cannot be used .* PORT chooses another"):
            server.bind("127.0.0.1", first.getsockname()[1])
