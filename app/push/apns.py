"""The client that tells APNs: one long-lived HTTP/2 connection per pass certificate (Apple, "Sending notification
requests to APNs"). Connections opened for each push look like abuse there, so one is opened at the first push and kept.
"""
import asyncio
import random
import ssl
import tempfile
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from app.push.apns_connection import ApnsConnection, Limits, Request, meaning_of
from app.push.rules import Kind, PushResult, backoff

TRIES_MOST = 3
# Apple's pass pages name neither header. `background` must go with priority 5; without both APNs takes 10; `alert` is for apps.
BACKGROUND: Mapping[str, str] = {"apns-push-type": "background", "apns-priority": "5"}
PLAIN: Mapping[str, str] = {}


class ApnsClient:
    """Sends pushes with one pass certificate.

    address: `host`, `host:port` or an https URL; port 443 unless said. tls: see `tls_context`. headers: what every push says of
    its kind (`BACKGROUND`, or `PLAIN`, which leaves it to APNs). Belongs to the event loop that first pushes.
    """

    def __init__(self, address: str, tls: ssl.SSLContext, *, headers: Mapping[str, str] | None = None,
                 limits: Limits | None = None, jitter: Callable[[], float] = random.random) -> None:
        self._host, self._port = split_address(address)
        self._authority = (f"[{self._host}]" if ":" in self._host else self._host) + ("" if self._port == 443 else f":{self._port}")
        self._tls = tls
        self._headers = [(name.encode(), value.encode()) for name, value in (BACKGROUND if headers is None else headers).items()]
        self._limits = limits or Limits()
        self._jitter = jitter
        self._waiting: deque[Request] = deque()
        self._connection: ApnsConnection | None = None
        self._connections: set[ApnsConnection] = set()  # the one above and those that only finish what was begun
        self._opening: asyncio.Task[None] | None = None
        self._failures = 0  # attempts to connect since APNs last answered a push
        self._spread = 0.0  # the jitter of the wait after the last attempt
        self._attempted_at: float | None = None
        self._is_closed = False

    async def push(self, push_token: str, topic: str, *, expiration: datetime) -> PushResult:
        """Tell one phone that something of `topic` (the pass type identifier) changed.

        expiration: until when APNs keeps it for a phone that is off. Never raises for what the network or APNs does.
        Safe to repeat: a phone told twice asks once more and hears that nothing changed.
        """
        loop = asyncio.get_running_loop()
        request = Request(push_token, topic, int(expiration.timestamp()), str(uuid.uuid4()), loop.create_future())
        if self._is_closed:
            request.finish(Kind.UNAVAILABLE, "Closed")
        self._waiting.append(request)
        self._pump()
        try:
            async with asyncio.timeout(self._limits.answer):
                return await request.answer
        except TimeoutError:
            return PushResult(Kind.UNAVAILABLE, 0, "NoAnswer", None, request.apns_id)
        finally:
            if not request.answer.done() or request.answer.cancelled():
                self._forget(request)

    async def close(self) -> None:
        """Say goodbye to APNs; pushes still on their way end as unavailable."""
        self._is_closed = True
        if self._opening:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        self._fail_waiting(Kind.UNAVAILABLE, "Closed")
        lost = [connection.lost for connection in self._connections]
        for connection in list(self._connections):
            connection.close()
        if lost:
            await asyncio.wait(lost)

    # What a connection tells us (apns_connection.Owner)

    def has_room(self) -> None:
        self._pump()

    def was_heard(self) -> None:
        self._failures = 0

    def take_back(self, requests: list[Request]) -> None:
        for request in reversed(requests):
            if request.tries < TRIES_MOST:
                self._waiting.appendleft(request)
            else:
                request.finish(Kind.UNAVAILABLE, "Refused")

    def connection_ended(self, connection: ApnsConnection) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        if connection.kind is Kind.CONFIGURATION:
            self._fail_waiting(connection.kind, connection.reason)
        self._pump()

    # Inside

    def _pump(self) -> None:
        """Send what the server's limit allows; open a connection when there is none."""
        while self._waiting and self._waiting[0].answer.done():
            self._waiting.popleft()
        if not self._waiting or self._is_closed:
            return
        if self._connection is None:
            self._want_connection()
            return
        room = self._connection.room()
        while room > 0 and self._waiting:
            request = self._waiting.popleft()
            if not request.answer.done():
                self._connection.send(request)
                room = 0 if self._connection.is_stuck else room - 1

    def _want_connection(self) -> None:
        """Begin an attempt, or answer at once when the pace forbids one for longer than a push may wait."""
        if self._opening:
            return
        wait = self._pace()
        if wait > self._limits.patience:
            self._fail_waiting(Kind.UNAVAILABLE, "Backoff")
        else:
            self._opening = asyncio.get_running_loop().create_task(self._open(wait))

    def _pace(self) -> float:
        """Seconds until the next attempt is allowed: never two within the gap, and longer each time APNs does not answer."""
        if self._attempted_at is None:
            return 0.0
        gap = timedelta(seconds=self._limits.attempt_gap)
        wait = backoff(self._failures, self._spread, gap) if self._failures else gap
        return max(0.0, self._attempted_at + wait.total_seconds() - asyncio.get_running_loop().time())

    def _forget(self, request: Request) -> None:
        request.answer.cancel()
        for connection in self._connections:
            connection.forget(request)
        self._pump()

    def _fail_waiting(self, kind: Kind, reason: str) -> None:
        while self._waiting:
            self._waiting.popleft().finish(kind, reason)

    async def _open(self, wait: float) -> None:
        """One attempt, `wait` seconds from now; those who wait for it get its failure as their answer."""
        try:
            await asyncio.sleep(wait)
            # Counted as failed until a push is answered: a server that takes the connection and drops it is no better.
            self._failures += 1
            self._spread = self._jitter()
            self._attempted_at = asyncio.get_running_loop().time()
            connection = await self._connect()
        except (OSError, TimeoutError) as exc:
            self._fail_waiting(*meaning_of(exc))
            return
        finally:
            self._opening = None
        if connection.ended:
            self._fail_waiting(connection.kind, connection.reason)
            return
        self._connection = connection
        self._pump()

    async def _connect(self) -> ApnsConnection:
        """Raises OSError (ssl.SSLError is one) and TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._limits.connect):
            _, connection = await loop.create_connection(
                lambda: ApnsConnection(self, self._authority, self._headers, self._limits),
                self._host, self._port, ssl=self._tls, server_hostname=self._host)
            self._connections.add(connection)
            connection.lost.add_done_callback(lambda _: self._connections.discard(connection))
            try:
                await connection.ready
            except asyncio.CancelledError:
                connection.close("NoAnswer")
                raise
        return connection


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host`, `host:port`, `[::1]:port` or `https://host:port`. Raises ValueError."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    if not parts.hostname or parts.scheme not in ("", "https"):
        raise ValueError(f"not an address of a push server: {address!r}")
    return parts.hostname, parts.port or 443


def tls_context(chain_pem: bytes, key: RSAPrivateKey, ca_pem: bytes | None = None) -> ssl.SSLContext:
    """TLS 1.2+, ALPN h2, our certificate as the client's. Raises ValueError for a certificate and a key that do not fit.

    chain_pem: the pass certificate, then its intermediate. ca_pem: roots to trust instead of the system's (a test server's).
    `ssl` reads certificate and key from files only. The key is written encrypted under a password that lives for this
    call, in a folder of its own (0700), and removed at once: the plain key touches neither a disk nor a process argument.
    """
    context = ssl.create_default_context(cadata=ca_pem.decode("ascii", "ignore") if ca_pem else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    password = uuid.uuid4().hex.encode()
    with tempfile.TemporaryDirectory(prefix="tessera-") as folder:
        path = Path(folder, "pass.pem")
        path.touch(mode=0o600)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)) + chain_pem)
        try:
            context.load_cert_chain(path, password=password)
        except ssl.SSLError as exc:
            raise ValueError(f"the certificate and the key do not fit together: {exc.reason}") from exc
    return context
