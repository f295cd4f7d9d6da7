"""HTTP/1.1 to one judged address: a connection of our own, so that no name is asked for twice and no proxy steps in.

Redirects are answers like any other: nothing is followed.
"""
import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import h11
import httpx2

from app.text import N_
from app.webhooks import rules
from app.webhooks.addresses import NO_ADDRESS, ClosedAddress, NoAddress, Resolve, open_addresses, resolve
from app.webhooks.rules import Address, Network, Place

TRY_SECONDS, CONNECT_SECONDS = 10.0, 5.0
READ_BYTES = 16 * 1024
HEAD_MOST = 16 * 1024           # of an answer's headers
# What stands in the list of deliveries; after ": " the words of the TLS library may follow.
TOO_SLOW, NOBODY, REFUSED = N_("no answer within 10 s"), N_("nobody answered the connection"), N_("the connection was refused")
BROKEN, UNREACHABLE, NO_HTTP = N_("the connection broke"), N_("the place cannot be reached"), N_("no proper HTTP answer")
BAD_CERTIFICATE, NO_TLS = N_("its certificate is not valid"), N_("no TLS connection")


class Reply(NamedTuple):
    """status: None where nobody answered, and `why` says why; body: at most rules.ANSWER_BYTES of it; retry_after: seconds."""

    status: int | None
    body: bytes = b""
    why: str = ""
    took_ms: int = 0
    retry_after: int | None = None


class Failed(Exception):
    """A try that brought no answer; the text is a word for the list of deliveries."""


class Line:
    """One connection to a place, opened with the first post and used again while the receiver keeps it open.

    trust: the certificates that are believed, for tests; look_up: who is asked for names.
    """

    def __init__(self, place: Place, inside: Sequence[Network], *, trust: ssl.SSLContext | None = None, look_up: Resolve = resolve) -> None:
        self._place, self._inside, self._trust, self._look_up = place, inside, trust, look_up
        self._http: h11.Connection | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.is_used = False            # an answer came over this connection: the receiver may close it at any moment

    async def post(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One try, ten seconds at most with the name and the connection."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(TRY_SECONDS):
                if self._streams is None:
                    await self._open()
                status, answer, retry_after = await self._exchange(body, headers)
        except TimeoutError:
            reply = Reply(None, why=TOO_SLOW)
        except (NoAddress, ClosedAddress, Failed) as exc:
            reply = Reply(None, why=str(exc))
        except (OSError, h11.RemoteProtocolError, asyncio.IncompleteReadError) as exc:
            reply = Reply(None, why=word_for(exc))
        else:
            reply = Reply(status, answer, retry_after=retry_after)
        if reply.status is None:
            self.close()
        return reply._replace(took_ms=int((time.monotonic() - began) * 1000))

    @property
    def is_open(self) -> bool:
        return self._streams is not None

    def close(self) -> None:
        """Safe to repeat. The goodbye of TLS is not waited for: whoever answers nothing would keep us."""
        if self._streams is not None:
            self._streams[1].transport.abort()
        self._streams, self._http, self.is_used = None, None, False

    async def _open(self) -> None:
        failure: Exception = Failed(NO_ADDRESS)
        for address in await open_addresses(self._place, self._inside, self._look_up):
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    self._streams = await self._connect(address)
            except TimeoutError:
                failure = Failed(NOBODY)
            except ssl.SSLCertVerificationError as exc:     # the other addresses of the name would show the same
                raise Failed(word_for(exc)) from exc
            except OSError as exc:
                failure = Failed(word_for(exc))
            else:
                self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_MOST)
                return
        raise failure

    async def _connect(self, address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """To the address itself; the certificate must be the name's all the same."""
        if not self._place.is_tls:
            return await asyncio.open_connection(str(address), self._place.port, limit=READ_BYTES)
        return await asyncio.open_connection(str(address), self._place.port, limit=READ_BYTES, ssl=self._trust or _trust(),
                                             server_hostname=self._place.host)

    async def _exchange(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, int | None]:
        assert self._streams is not None and self._http is not None
        _, writer = self._streams
        sent = [("Host", self._place.authority), ("Content-Length", str(len(body))), *headers.items()]
        writer.write((self._http.send(h11.Request(method="POST", target=self._place.target, headers=sent)) or b"")
                     + (self._http.send(h11.Data(data=body)) or b"") + (self._http.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        status, answer, retry_after = 0, b"", None
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                status, retry_after = event.status_code, _retry_after(event.headers)
            elif isinstance(event, h11.Data):
                answer += event.data
                if len(answer) >= rules.ANSWER_BYTES:       # whoever says more has said enough
                    self.close()
                    return status, answer[:rules.ANSWER_BYTES], retry_after
            elif isinstance(event, h11.EndOfMessage):
                self._end_cycle()
                return status, answer, retry_after
            elif isinstance(event, h11.ConnectionClosed):
                raise Failed(BROKEN)

    async def _next(self) -> object:
        assert self._streams is not None and self._http is not None
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._streams[0].read(READ_BYTES))
        return event

    def _end_cycle(self) -> None:
        assert self._http is not None
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self.is_used = True
        else:
            self.close()


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Seconds; a date, or nonsense, is as if nothing was said."""
    text = next((bytes(value) for name, value in headers if name == b"retry-after"), b"")
    return int(text) if text.isdigit() and len(text) <= 6 else None


def word_for(exc: Exception) -> str:
    """What happened, in words for whoever looks after the receiver; never an address that a name led to."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"{BAD_CERTIFICATE}: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        return f"{NO_TLS}: {exc.reason or 'handshake failed'}"
    if isinstance(exc, ConnectionRefusedError):
        return REFUSED
    if isinstance(exc, ConnectionError):
        return BROKEN
    if isinstance(exc, OSError):
        return UNREACHABLE
    return NO_HTTP


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """Made once: reading the authorities takes longer than telling."""
    return httpx2.create_ssl_context()
