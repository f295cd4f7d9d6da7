"""The guard behind the shipped site files of nginx and Caddy, the real programs before a real server."""
import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app.guard import Guard, Limits
from tests.guard.proxies import running_proxy, trusting
from tests.guard.serving import running, status
from tests.guard.test_protocol import RIDDLES, get, last

PROXIES = ("nginx", "caddy")


@dataclass
class Front:
    """What stands before the application, and what the application saw: (path, X-Forwarded-For, -Proto, -Host, Host)."""

    port: int
    folder: Path
    guard: Guard
    seen: list[tuple[str, ...]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=trusting(self.folder), server_hostname="cards.example.com")

    async def told(self, *pieces: bytes) -> bytes:
        reader, writer = await self.opened()
        found = b""
        # Closed with our bytes unread, which the kernel may tell as a reset.
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65_536):
                found += piece
        writer.transport.abort()
        return found


@asynccontextmanager
async def front(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: str, limits: Limits) -> AsyncIterator[Front]:
    guard = Guard(limits, (ip_network("127.0.0.1"),))
    made = Front(0, tmp_path, guard)

    async def any_page(request: Request) -> Response:
        names = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "host")
        made.seen.append((request.url.path, *(",".join(request.headers.getlist(name)) for name in names)))
        body = await request.body()
        return PlainTextResponse(f"ours {len(body)}", headers={"Strict-Transport-Security": "max-age=31536000"})

    async def events(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"data: first\n\n"
            await made.go.wait()
        return StreamingResponse(pieces(), media_type="text/event-stream")

    app = Starlette(routes=[Route("/c/x/events", events), Route("/{path:path}", any_page, methods=["GET", "POST"])])
    async with running(monkeypatch, app, guard=guard) as behind:
        with running_proxy(proxy, tmp_path, behind) as made.port:
            try:
                yield made
            finally:
                made.go.set()


def host(request: bytes) -> bytes:
    return request.replace(b"Host: x", b"Host: cards.example.com")


@pytest.mark.goal("B11")
@pytest.mark.parametrize("proxy", PROXIES)
async def test_the_proxy_names_the_caller_itself_and_passes_streams_on_as_they_come(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: str) -> None:
    async with front(monkeypatch, tmp_path, proxy, Limits()) as made:
        spoofed = (b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-Host: evil.example", b"X-Forwarded-Proto: http",
                   b"Forwarded: for=192.0.2.1;host=evil.example")
        answer = await made.told(host(last("/till", *spoofed)))
        assert status(answer) == 200
        assert made.seen == [("/till", "127.0.0.1", "https", "", "", "cards.example.com")]
        assert answer.lower().count(b"strict-transport-security: max-age=31536000") == 1
        reader, writer = await made.opened()
        writer.write(host(get("/c/x/events")))
        assert b"data: first" in await reader.readuntil(b"data: first")
        writer.transport.abort()
        _, both = await asyncio.open_connection("127.0.0.1", made.port, ssl=trusting(tmp_path, "h2", "http/1.1"),
                                                server_hostname="cards.example.com")
        assert both.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        both.transport.abort()
        # The tills' calls and the lists of another system have their own caps.
        large = b"POST %s HTTP/1.1\r\nHost: cards.example.com\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        assert status(await made.told(large % (b"/api/v1/sales", 4_000_000), b"x" * 4_000_000)) == 413
        assert status(await made.told(large % (b"/console/imports", 4_000_000), b"x" * 4_000_000)) == 200
        assert status(await made.told(host(last("/", b"X-Long: " + b"x" * 40_000)))) in (400, 431)


@pytest.mark.goal("B11")
@pytest.mark.parametrize("proxy", PROXIES)
async def test_no_riddle_gets_a_second_request_past_the_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: str) -> None:
    """A proxy may understand what we refuse; it then writes it anew, and as many requests arrive as it gave answers for."""
    wrong = []
    async with front(monkeypatch, tmp_path, proxy, Limits()) as made:
        for name, riddle in RIDDLES.items():
            before = len(made.seen)
            answer = await made.told(host(riddle + last("/smuggled")))
            if len(made.seen) - before != answer.count(b"ours "):
                wrong.append((name, answer, made.seen[before:]))
        assert status(await made.told(host(last("/")))) == 200
    assert wrong == []


@pytest.mark.goal("B10")
@pytest.mark.parametrize("proxy", PROXIES)
async def test_dribblers_are_closed_behind_the_proxy_too_and_a_till_goes_on_beside_them(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: str) -> None:
    async with front(monkeypatch, tmp_path, proxy, Limits(body_seconds=0.3)) as made:
        head = b"GET / HTTP/1.1\r\nHost: cards.example.com\r\nX-Slow: "
        body = b"POST /api/v1/sales HTTP/1.1\r\nHost: cards.example.com\r\nContent-Length: 1000\r\n\r\nslow"
        slow = asyncio.gather(*[made.told(piece) for piece in (head, body) for _ in range(20)])
        for _ in range(10):
            assert status(await made.told(host(last("/till")))) == 200
        answers = await slow
        assert {status(answer) for answer in answers[:20]} <= {0, 400, 408}
        assert {status(answer) for answer in answers[20:]} <= {0, 408, 502}
        assert made.guard.closed["slow_body"] > 0
        assert {path for path, *_ in made.seen} == {"/till"}
