"""The smallest HTTP server that can break an answer in every way that a gateway does: on a free port of this machine."""
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

BODY_CAP = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """As it came; headers: lower-case names."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """status 0: the connection is cut instead; after_seconds: how long the caller waits for it."""

    status: int
    body: bytes = b""
    media_type: str = "application/json"
    after_seconds: float = 0.0
    location: str = ""


class HttpServer:
    """answer: what is done with a request."""

    def __init__(self, answer: Callable[[Request], Awaitable[Answer]]) -> None:
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    @property
    def root(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                answer = await self._answer(await _read(reader))
                if answer.after_seconds:
                    # No longer than the caller waits: a hung-up line ends the reading.
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1), answer.after_seconds)
                if answer.status:
                    writer.write(_written(answer))
                    await writer.drain()
                else:
                    writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(min(int(headers.get("content-length", "0")), BODY_CAP))
    return Request(method, target, headers, body)


def _written(answer: Answer) -> bytes:
    location = f"Location: {answer.location}\r\n" if answer.location else ""
    return (f"HTTP/1.1 {answer.status} Told\r\nContent-Type: {answer.media_type}\r\nContent-Length: {len(answer.body)}\r\n{location}"
            "Connection: close\r\n\r\n").encode() + answer.body
