"""A receiver of webhooks on this machine, and sentinels that must never be reached."""
import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answering(status: int, headers: str = "", body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers with `answers` in turn, then with `answer`; None: not at all, until `release` is set."""

    answer: bytes | None = OK
    answers: list[bytes | None] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)       # that TLS clients asked for
    connections: int = 0
    closes: bool = False
    host: str = "127.0.0.1"
    release: asyncio.Event = field(default_factory=asyncio.Event)
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def start(self, context: ssl.SSLContext | None = None) -> "Receiver":
        if context is not None:
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=context)
        return self

    async def stop(self) -> None:
        assert self._server is not None
        self.release.set()
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hook?from=tessera"

    @property
    def kinds(self) -> list[str]:
        return [each.told["kind"] for each in self.got]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.got.append(Got(lines[0].split()[1], headers, body))
                answer = self.answers.pop(0) if self.answers else self.answer
                if answer is None:
                    self.waits.set()
                    await self.release.wait()
                    break
                writer.write(answer)
                await writer.drain()
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()
