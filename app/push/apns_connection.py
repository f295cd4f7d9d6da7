"""One HTTP/2 connection to APNs: streams, flow control, GOAWAY, PING. `apns.py` decides when there is one.

`h2` does the framing. Answers are matched by stream, never by an echoed header; received data is acknowledged; an
answer's body is believed to be anything at all.
"""
import asyncio
import json
import ssl
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, cast
from urllib.parse import quote

from h2.config import H2Configuration
from h2.connection import AllowedStreamIDs, ConnectionInputs, ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.stream import StreamInputs

from app.push.header_blocks import HeaderBlocks
from app.push.rules import CONFIGURATION_REASONS, Kind, PushResult, kind_of

BODY = b"{}"  # Apple, "Adding a Web Service to Update Passes": an empty JSON dictionary; no text can be pushed
ERROR_BODY_MOST = 4096
_FRAME = struct.Struct(">HBBBI")         # length in three bytes, kind, flags, stream (RFC 9113, 4.1)
DATA, HEADERS, END_STREAM, END_HEADERS = 0x0, 0x1, 0x1, 0x4


@dataclass(frozen=True, slots=True)
class Limits:
    """How long anything may take, in seconds. A dead connection is noticed within silence + pong + 2 ticks (20 s)."""

    connect: float = 10.0  # TCP, TLS and the server's first SETTINGS
    answer: float = 30.0  # one push, waiting for a free stream included
    silence: float = 8.0  # nothing heard although something was asked: send a PING
    pong: float = 8.0  # no answer to the PING: the connection is dead
    tick: float = 2.0  # how often the three below and above are looked at
    keep_alive: float = 60.0  # PING of a connection at rest, so that a middlebox does not forget it
    idle: float = 1800.0  # without a push for so long: close
    attempt_gap: float = 1.0  # least time between two attempts to connect
    patience: float = 2.0  # a push waits so long for the next attempt; if that is later, it fails at once


@dataclass(slots=True, eq=False)
class Request:
    """One push on its way; `answer` is set exactly once, unless the caller went away."""

    push_token: str
    topic: str
    expires: int  # epoch seconds
    apns_id: str
    answer: asyncio.Future[PushResult]
    tries: int = 0
    status: int = 0
    body: bytearray = field(default_factory=bytearray)

    def finish(self, kind: Kind, reason: str, status: int = 0, timestamp: datetime | None = None) -> None:
        if not self.answer.done():
            self.answer.set_result(PushResult(kind, status, reason, timestamp, self.apns_id))


class Owner(Protocol):
    """What a connection tells the client that holds it."""

    def has_room(self) -> None:
        """A stream ended or a limit rose: more may be sent."""

    def was_heard(self) -> None:
        """APNs answered a push: the connection works."""

    def take_back(self, requests: list[Request]) -> None:
        """These were certainly not processed and may be sent again."""

    def connection_ended(self, connection: "ApnsConnection") -> None:
        """No more can be sent on it; its outcome is in `kind` and `reason`."""


class _Connection(H2Connection):
    """h2, which reads all frames and knows the streams; the two frames of a push, always the same, are written here."""

    def post(self, stream_id: int, block: bytes) -> None:
        """Open a stream with the header block that `HeaderBlocks` made; its body follows with `end`."""
        if len(block) > self.max_outbound_frame_size:
            self.send_headers(stream_id, [(b":method", b"POST"), (b"block", block)])
            return
        if self.state_machine.state is ConnectionState.IDLE:
            self.state_machine.process_input(ConnectionInputs.SEND_HEADERS)
        stream = self._begin_new_stream(stream_id, AllowedStreamIDs.ODD)
        stream.state_machine.process_input(StreamInputs.SEND_HEADERS)
        self._data_to_send += _FRAME.pack(len(block) >> 8, len(block) & 0xFF, HEADERS, END_HEADERS, stream_id) + block

    def end(self, stream_id: int, body: bytes) -> None:
        """The body and the end of what we say; the caller has looked at the window."""
        stream = self.streams[stream_id]
        stream.state_machine.process_input(StreamInputs.SEND_END_STREAM)
        stream.outbound_flow_control_window -= len(body)
        self.outbound_flow_control_window -= len(body)
        self._data_to_send += _FRAME.pack(0, len(body), DATA, END_STREAM, stream_id) + body

    @property
    def open_outbound_streams(self) -> int:
        """h2 walks all streams for every new one; far below the limit, how many it remembers is enough."""
        remembered = len(self.streams)
        return remembered if remembered < self.remote_settings.max_concurrent_streams else self._open_streams(1)

    def _receive_goaway_frame(self, frame: Any) -> tuple[list[Any], list[Event]]:
        """h2 forgets the open streams at a GOAWAY, but those up to last_stream_id are still answered (RFC 9113, 6.8)."""
        state = self.state_machine.state
        outbound = self.data_to_send()
        frames, events = super()._receive_goaway_frame(frame)
        self.state_machine.state = state
        self._data_to_send += outbound
        return frames, events


class ApnsConnection(asyncio.Protocol):
    """The streams of one connection. Made by `loop.create_connection`; `ready` is done at the server's first SETTINGS."""

    def __init__(self, owner: Owner, authority: str, headers: list[tuple[bytes, bytes]], limits: Limits) -> None:
        self.loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self.loop.create_future()
        self.lost: asyncio.Future[None] = self.loop.create_future()
        self.kind, self.reason = Kind.UNAVAILABLE, "ConnectionLost"
        self.ended = False  # nothing new goes out on it; streams already open may still be answered
        self._is_shut = False
        self._owner, self._limits = owner, limits
        self._fixed = ((b":method", b"POST"), (b":scheme", b"https"), (b":authority", authority.encode()))
        self._always = tuple(headers)
        self._http = _Connection(H2Configuration(
            client_side=True, header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False,
            validate_inbound_headers=False, normalize_inbound_headers=False))     # only :status is read, and doubted anyway
        self._http.encoder = self._blocks = HeaderBlocks()
        self._streams: dict[int, Request] = {}
        self._unsent: dict[int, None] = {}  # streams whose body waits for the server's window, in order
        self._transport: asyncio.Transport | None = None
        self._is_dirty = False
        self._heard_at = self._used_at = self.loop.time()
        self._pinged_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    # What the client calls

    @property
    def is_stuck(self) -> bool:
        """Bodies wait for the server's window: no further stream is opened."""
        return bool(self._unsent)

    def room(self) -> int:
        """How many streams may be opened now, by the limit the server holds at this moment."""
        if self.ended or self.is_stuck or not self.ready.done() or self._http.outbound_flow_control_window < len(BODY):
            return 0
        return int(self._http.remote_settings.max_concurrent_streams) - len(self._streams)

    def send(self, request: Request) -> None:
        """Open a stream for the request; the caller has looked at `room`."""
        stream_id = self._http.get_next_available_stream_id()
        request.tries += 1
        request.status, request.body = 0, bytearray()
        self._streams[stream_id] = request
        self._used_at = self.loop.time()
        token = request.push_token
        path = b"/3/device/" + (token if token.isalnum() and token.isascii() else quote(token, safe="")).encode()
        block = self._blocks.block(
            self._fixed, path, ((b"apns-topic", request.topic.encode()), *self._always, (b"apns-expiration", b"%d" % request.expires)),
            request.apns_id.encode())
        self._http.post(stream_id, block)
        self._unsent[stream_id] = None
        self._send_bodies()

    def forget(self, request: Request) -> None:
        """The caller waits no longer: give the stream back."""
        for stream_id, waiting in self._streams.items():
            if waiting is request:
                del self._streams[stream_id]
                self._unsent.pop(stream_id, None)
                self._http.reset_stream(stream_id, ErrorCodes.CANCEL)
                self._mark()
                return

    def close(self, reason: str = "Closed") -> None:
        """Say goodbye and end; whatever is still open is answered with `reason`."""
        if not self.ended:
            self._http.close_connection()
            self._flush()
            self._end(Kind.UNAVAILABLE, reason)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its ancestry
        self._http.initiate_connection()
        self._flush()
        self._timer = self.loop.call_later(self._limits.tick, self._watch)

    def data_received(self, data: bytes) -> None:
        self._heard_at, self._pinged_at = self.loop.time(), None
        if self._is_shut:
            return
        try:
            events = self._http.receive_data(data)
        except ProtocolError:
            self._flush()
            self._end(Kind.UNAVAILABLE, "ProtocolError")
            return
        for event in events:
            if not self._is_shut:
                self._handle(event)
        if not self.ready.done() and any(isinstance(event, RemoteSettingsChanged) for event in events):
            self.ready.set_result(None)
        self._finish_turn()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._is_shut:
            kind, reason = meaning_of(exc)
            self._end(kind, reason)
        if not self.lost.done():
            self.lost.set_result(None)

    # Inside

    def _handle(self, event: Event) -> None:
        match event:
            case ResponseReceived() if request := self._streams.get(event.stream_id):
                request.status = status_of(event.headers)
            case DataReceived():
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                request = self._streams.get(event.stream_id)
                if request and len(request.body) < ERROR_BODY_MOST:
                    request.body += event.data
            case StreamEnded() if request := self._leave(event.stream_id):
                self._answered(request)
            case StreamReset() if request := self._leave(event.stream_id):
                self._reset(request, event.error_code)
            case WindowUpdated() | RemoteSettingsChanged():
                self._send_bodies()
            case ConnectionTerminated():
                self._going_away(event)

    def _leave(self, stream_id: int) -> Request | None:
        self._unsent.pop(stream_id, None)
        return self._streams.pop(stream_id, None)

    def _answered(self, request: Request) -> None:
        reason, timestamp = read_body(bytes(request.body))
        kind = kind_of(request.status, reason)
        request.finish(kind, reason, request.status, timestamp if kind is Kind.GONE else None)
        self._owner.was_heard()
        if kind is Kind.CONFIGURATION or reason == "IdleTimeout":
            # Apple: after such an answer close the connections; the next one starts with the certificate as it is then.
            self._end(kind, reason)

    def _reset(self, request: Request, error_code: int | None) -> None:
        if error_code == ErrorCodes.REFUSED_STREAM:
            self._owner.take_back([request])
        else:
            request.finish(Kind.UNAVAILABLE, "StreamReset")

    def _going_away(self, event: ConnectionTerminated) -> None:
        """Streams above last_stream_id were not looked at; the others are still answered, if the server lives so long."""
        reason, _ = read_body(event.additional_data or b"")
        self.reason = reason or "GoAway"
        if reason in CONFIGURATION_REASONS:
            self._end(Kind.CONFIGURATION, reason)
            return
        last = event.last_stream_id or 0
        again = [request for stream_id in sorted(self._streams) if stream_id > last and (request := self._leave(stream_id))]
        self.ended = True
        self._owner.take_back(again)
        self._owner.connection_ended(self)

    def _send_bodies(self) -> None:
        for stream_id in list(self._unsent):
            if self._http.local_flow_control_window(stream_id) < len(BODY):
                break
            self._http.end(stream_id, BODY)
            del self._unsent[stream_id]
        self._mark()

    def _finish_turn(self) -> None:
        if self.ended and not self._streams:
            self._shut()
        else:
            self._mark()
            if not self.ended:
                self._owner.has_room()

    def _mark(self) -> None:
        """One write for all that happens in this turn of the loop."""
        if not self._is_dirty:
            self._is_dirty = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_dirty = False
        data = self._http.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _watch(self) -> None:
        """Notice a dead connection while something is asked, keep a resting one alive, close one long at rest."""
        now, limits = self.loop.time(), self._limits
        if self._pinged_at is not None and now - self._pinged_at >= limits.pong:
            self._end(Kind.UNAVAILABLE, "NoAnswer")
            return
        if not self._streams and now - self._used_at >= limits.idle:
            self.close("Idle")
            return
        if self._pinged_at is None and now - self._heard_at >= (limits.silence if self._streams else limits.keep_alive):
            self._pinged_at = now
            self._http.ping(b"tessera!")
            self._flush()
        self._timer = self.loop.call_later(limits.tick, self._watch)

    def _end(self, kind: Kind, reason: str) -> None:
        """Nothing more on this connection: answer what is open, tell the owner, close."""
        was_ended, self.ended = self.ended, True
        self.kind, self.reason = kind, reason
        for request in self._streams.values():
            request.finish(kind, reason)
        self._streams.clear()
        self._unsent.clear()
        if not was_ended:
            self._owner.connection_ended(self)
        if not self.ready.done():
            self.ready.set_result(None)
        self._shut()

    def _shut(self) -> None:
        self._is_shut = True
        if self._timer:
            self._timer.cancel()
        if self._transport and not self._transport.is_closing():
            self._flush()
            self._transport.close()
            # A peer that answers nothing would keep the TLS goodbye waiting.
            self.loop.call_later(self._limits.tick, self._transport.abort)


def status_of(headers: Any) -> int:
    """The :status of an answer, 0 when it is not a number."""
    value = dict(headers).get(b":status", b"")
    return int(value) if value.isdigit() and len(value) == 3 else 0


def read_body(body: bytes) -> tuple[str, datetime | None]:
    """`reason` and `timestamp` (epoch ms) of an error body; nothing of it is trusted, so ("", None) for garbage."""
    try:
        told = json.loads(body.decode("utf-8", "replace")) if body else None
    except (ValueError, RecursionError):
        return "", None
    if not isinstance(told, dict):
        return "", None
    reason, ms = told.get("reason"), told.get("timestamp")
    reason = "".join(c for c in reason[:64] if c.isprintable()) if isinstance(reason, str) else ""
    if not isinstance(ms, int) or isinstance(ms, bool) or not 0 < ms < 10**14:
        return reason, None
    return reason, datetime.fromtimestamp(ms / 1000, UTC)


def meaning_of(exc: BaseException | None) -> tuple[Kind, str]:
    """What a failed connection says: a certificate that either side refuses needs a person, the rest needs time."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return Kind.CONFIGURATION, "ServerCertificate"
    told = (exc.reason or "") if isinstance(exc, ssl.SSLError) else ""
    if "ALERT" in told and any(word in told for word in ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "HANDSHAKE_FAILURE")):
        return Kind.CONFIGURATION, told
    return Kind.UNAVAILABLE, told or (type(exc).__name__ if exc else "ConnectionLost")
