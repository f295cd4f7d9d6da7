"""A real server in this loop, on a free port, and clients that write bytes as they like."""
import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app import server


@asynccontextmanager
async def running(monkeypatch: pytest.MonkeyPatch, app: Any, **options: Any) -> AsyncIterator[int]:
    listener = server.bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    made: list[server.OrderlyServer] = []
    original = server.OrderlyServer.__init__

    def noted(self: server.OrderlyServer, *arguments: Any) -> None:
        original(self, *arguments)
        made.append(self)

    monkeypatch.setattr(server.OrderlyServer, "__init__", noted)
    # The signal handlers belong to the test runner.
    monkeypatch.setattr(server.OrderlyServer, "serve", server.OrderlyServer._serve)
    ready = asyncio.Event()
    task = asyncio.create_task(server.serve(app, listener, ready=ready.set, **options))
    await ready.wait()
    try:
        yield port
    finally:
        made[0].should_exit = True
        await task


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """The body of the answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


async def told(port: int, *pieces: bytes, source: str = "127.0.0.1", end: bool = False) -> bytes:
    """Everything that the server says to these bytes until it closes; end: we close our side after them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    # Closed with our bytes unread, which the kernel may tell as a reset.
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if end:
            writer.write_eof()
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65_536):
            found += piece
    writer.close()
    return found


def status(answer: bytes) -> int:
    """0 where there was none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
