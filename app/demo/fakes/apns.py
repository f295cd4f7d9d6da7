"""A stand-in for Apple's push servers: real TLS with a client certificate, real HTTP/2, Apple's answers, faults on request.

Source: Apple, "Sending notification requests to APNs" and "Handling notification responses from APNs". Simulated phones
live in the same process and are told through a function they hand over.
"""
import asyncio
import json
import re
import secrets
import ssl
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from app.clock import Clock, SystemClock, to_ms

TOKEN = re.compile(r"[0-9a-f]{64}")
PATH = re.compile(r"/3/device/([^/]*)")
PUSH_TYPES = frozenset({"alert", "background", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity", "pushtotalk"})
STORED_MOST = 10_000

Listener = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, its reason, and with 410 the moment the token ended; `raw` replaces the JSON body."""

    status: int
    reason: str = ""
    timestamp: datetime | None = None
    raw: bytes | None = None

    def body(self) -> bytes:
        if self.raw is not None or not self.reason:
            return self.raw or b""
        told: dict[str, Any] = {"reason": self.reason}
        if self.timestamp:
            told["timestamp"] = to_ms(self.timestamp)
        return json.dumps(told).encode()


@dataclass(frozen=True, slots=True)
class GoAway:
    """After `received` streams of a connection: `processed` of them are answered, GOAWAY names the last of these."""

    received: int
    processed: int
    reason: str = ""


@dataclass(slots=True)
class Faults:
    """What goes wrong; a test or the demo page sets it, and it holds until it is set back."""

    answers: deque[Answer] = field(default_factory=deque)  # given to the next pushes, one each
    is_silent: bool = False  # a black hole: connected, reads and answers nothing
    is_closing: bool = False  # takes connections and drops them
    goaway: GoAway | None = None  # once
    stream_limit: int = 1000
    window: int = 65_535  # smaller than a body: it is opened two bytes at a time, one stream after another
    resets: int = 0  # this many next streams are refused with REFUSED_STREAM


@dataclass(frozen=True, slots=True)
class Push:
    """One request as it arrived."""

    token: str
    headers: dict[str, str]
    body: bytes

    @property
    def topic(self) -> str:
        return self.headers.get("apns-topic", "")


class FakeApns:
    """The server. certificate and key: its own TLS files; root: what a client's pass certificate must chain to.

    strangers: take any well-formed token for a phone that is switched off (the demo: phones of other programs register
    too); without it a token that was not issued here is 400 BadDeviceToken.
    """

    def __init__(self, certificate: Path, key: Path, root: Path, *, strangers: bool = False, clock: Clock | None = None) -> None:
        self.faults = Faults()
        self.pushes: deque[Push] = deque(maxlen=STORED_MOST)  # every request judged, answered or not
        self.connections = 0
        self._tls = _server_tls(certificate, key, root)
        self._strangers, self._clock = strangers, clock or SystemClock()
        self._tokens: set[str] = set()
        self._ended: dict[str, datetime] = {}
        self._listeners: dict[str, Listener] = {}
        self._stored: dict[tuple[str, str], None] = {}
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", port, ssl=self._tls)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            lost = [connection.lost for connection in self._open]
            for connection in list(self._open):
                connection.drop()
            if lost:
                await asyncio.wait(lost)
            await self._server.wait_closed()

    @property
    def address(self) -> str:
        """What TESSERA_APNS is set to."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    # Phones

    def issue_token(self) -> str:
        """A new push token, as iOS gives a phone one: 32 bytes, hexadecimal."""
        token = secrets.token_hex(32)
        self._tokens.add(token)
        return token

    def attach(self, token: str, listener: Listener) -> None:
        """The phone is on line: tell it what waits for it, one notification per topic, and all that come."""
        self._tokens.add(token)
        self._ended.pop(token, None)
        self._listeners[token] = listener
        for key in [key for key in self._stored if key[0] == token]:
            del self._stored[key]
            listener(key[1])

    def detach(self, token: str) -> None:
        """The phone is off line: the newest notification per topic waits for it."""
        self._listeners.pop(token, None)

    def uninstall(self, token: str, at: datetime | None = None) -> None:
        """The token ends: pushes get 410 with this moment."""
        self.detach(token)
        self._ended[token] = at or self._clock.now()

    # Faults that act on open connections

    def set_stream_limit(self, limit: int) -> None:
        """Announce another SETTINGS_MAX_CONCURRENT_STREAMS on every connection, and on those to come."""
        self.faults.stream_limit = limit
        for connection in self._open:
            connection.announce_stream_limit(limit)

    def drop_connections(self) -> None:
        """Close all connections without a word."""
        for connection in list(self._open):
            connection.drop()

    # What a connection asks

    def judge(self, push: Push, uid: str) -> Answer:
        """Answer one push as APNs would, and hand it to the phone when it is accepted."""
        self.pushes.append(push)
        answer = self.faults.answers.popleft() if self.faults.answers else self._refusal(push, uid)
        if answer is None:
            self._deliver(push.token, uid)
            return Answer(200)
        if answer.status == 200:
            self._deliver(push.token, uid)
        return answer

    def _refusal(self, push: Push, uid: str) -> Answer | None:
        if wrong := wrong_headers(push, uid) or wrong_body(push.body):
            return wrong
        if not TOKEN.fullmatch(push.token) or not (self._strangers or push.token in self._tokens):
            return Answer(400, "BadDeviceToken")
        if ended_at := self._ended.get(push.token):
            return Answer(410, "Unregistered", ended_at)
        return None

    def _deliver(self, token: str, topic: str) -> None:
        if listener := self._listeners.get(token):
            listener(topic)
        elif len(self._stored) < STORED_MOST:
            self._stored[token, topic] = None

    def joined(self, connection: "_Connection") -> None:
        self.connections += 1
        self._open.add(connection)

    def left(self, connection: "_Connection") -> None:
        self._open.discard(connection)


class _Connection(asyncio.Protocol):
    """The server's end of one connection."""

    def __init__(self, fake: FakeApns) -> None:
        self._fake = fake
        self._http = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._held: list[int] = []  # complete requests that wait for a planned GOAWAY
        self._starved: deque[int] = deque()
        self._uid = ""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._fake.joined(self)
        faults = self._fake.faults
        if faults.is_closing:
            transport.close()
        if faults.is_silent or faults.is_closing:
            return
        self._uid = dict(pair for part in transport.get_extra_info("peercert")["subject"] for pair in part).get("userId", "")
        self._http.local_settings = Settings(client=False, initial_values={
            SettingCodes.MAX_CONCURRENT_STREAMS: faults.stream_limit, SettingCodes.INITIAL_WINDOW_SIZE: faults.window})
        self._http.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fake.left(self)
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._fake.faults.is_silent or self._transport.is_closing():
            return
        try:
            events = self._http.receive_data(data)
        except ProtocolError:
            self._flush()
            self._transport.close()
            return
        for event in events:
            # Requests that come behind a GOAWAY are not looked at.
            if not self._transport.is_closing():
                self._handle(event)
        self._flush()

    def announce_stream_limit(self, limit: int) -> None:
        self._http.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: limit})
        self._flush()

    def drop(self) -> None:
        self._transport.abort()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived():
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
                self._requests[event.stream_id] = (headers, bytearray())
                if self._fake.faults.window < 2:
                    self._starved.append(event.stream_id)
                    if len(self._starved) == 1:
                        self._open_next_window()
            case DataReceived():
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if event.stream_id in self._requests:
                    self._requests[event.stream_id][1].extend(event.data)
            case StreamEnded() if event.stream_id in self._requests:
                self._complete(event.stream_id)
            case StreamReset():
                self._requests.pop(event.stream_id, None)

    def _open_next_window(self) -> None:
        if self._starved:
            self._http.increment_flow_control_window(2, self._starved[0])

    def _complete(self, stream_id: int) -> None:
        faults = self._fake.faults
        if self._starved and self._starved[0] == stream_id:
            self._starved.popleft()
            self._open_next_window()
        if faults.resets:
            faults.resets -= 1
            del self._requests[stream_id]
            self._http.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        elif plan := faults.goaway:
            self._held.append(stream_id)
            if len(self._held) >= plan.received:
                faults.goaway = None
                self._go_away(plan)
        else:
            self._answer(stream_id)

    def _go_away(self, plan: GoAway) -> None:
        """The answers come after the GOAWAY: a client that drops everything at the sight of it would push twice."""
        chosen = self._held[:plan.processed]
        told = json.dumps({"reason": plan.reason}).encode() if plan.reason else None
        state = self._http.state_machine.state
        self._http.close_connection(ErrorCodes.NO_ERROR, told, last_stream_id=chosen[-1] if chosen else 0)
        self._http.state_machine.state = state  # h2 ends with its own GOAWAY; this server still has answers to give
        for stream_id in chosen:
            self._answer(stream_id)
        self._flush()
        self._transport.close()

    def _answer(self, stream_id: int) -> None:
        headers, body = self._requests.pop(stream_id)
        matched = PATH.fullmatch(headers.get(":path", ""))
        push = Push(matched[1] if matched else "", headers, bytes(body))
        answer = self._fake.judge(push, self._uid)
        told = answer.body()
        apns_id = headers.get("apns-id") or str(uuid.uuid4())
        self._http.send_headers(stream_id, [(":status", str(answer.status)), ("apns-id", apns_id)], end_stream=not told)
        if told:
            self._http.send_data(stream_id, told, end_stream=True)

    def _flush(self) -> None:
        if data := self._http.data_to_send():
            self._transport.write(data)


def wrong_headers(push: Push, uid: str) -> Answer | None:
    """APNs' answer to a request that is not one for this certificate, or None."""
    headers = push.headers
    kind, priority = headers.get("apns-push-type", "alert"), headers.get("apns-priority", "10")
    checks = [
        (headers.get(":method") == "POST", 405, "MethodNotAllowed"),
        (bool(PATH.fullmatch(headers.get(":path", ""))), 404, "BadPath"),
        (push.token != "", 400, "MissingDeviceToken"),
        (headers.get("apns-topic", uid) == uid, 400, "TopicDisallowed"),
        (kind in PUSH_TYPES, 400, "InvalidPushType"),
        (priority in ("1", "5", "10") and (kind != "background" or priority == "5"), 400, "BadPriority"),
        (headers.get("apns-expiration", "0").isdigit(), 400, "BadExpirationDate"),
        (is_uuid(headers.get("apns-id", str(uuid.UUID(int=0)))), 400, "BadMessageId"),
    ]
    return next((Answer(status, reason) for is_right, status, reason in checks if not is_right), None)


def wrong_body(body: bytes) -> Answer | None:
    """A pass's push is an empty JSON dictionary, by some written `{"aps": {}}`."""
    if len(body) > 4096:
        return Answer(413, "PayloadTooLarge")
    try:
        told = json.loads(body)
    except ValueError:
        return Answer(400, "PayloadEmpty")
    return None if told in ({}, {"aps": {}}) else Answer(400, "BadPayload")


def is_uuid(text: str) -> bool:
    try:
        return len(text) == 36 and bool(uuid.UUID(text))
    except ValueError:
        return False


def _server_tls(certificate: Path, key: Path, root: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=root)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(certificate, key)
    return context
