"""uvicorn's protocol with what it leaves to others: slow clients, long headers, how much runs at once.

A request reaches the application when its last byte is there (up to 64 KiB of body are held back), so whoever dribbles costs a
connection and nothing else. Timers are set only where one read did not bring the whole request, or one write not the whole answer:
ordinary requests pay nothing for them.
"""
import asyncio
import logging
from functools import partial
from typing import Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.guard import answers
from app.guard.answers import App
from app.guard.crowds import Crowd, neighbourhood
from app.guard.guard import Guard
from app.guard.lanes import EXEMPT, Slot

# uvicorn warns at each request that is none, which would let a stranger fill the disk; they are counted instead.
_log = logging.getLogger("tessera.protocol")
_log.setLevel(logging.ERROR)


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Its state besides uvicorn's: which part of a request is being read, and what is held back, runs, or drains."""

    crowd: Crowd | None = None
    _timer: asyncio.TimerHandle | None = None           # for the part of a request that is being read
    _writing: asyncio.TimerHandle | None = None         # for an answer that does not leave
    _in_headers, _in_body = False, False
    _seen = 0                                           # bytes of that part
    _held: RequestResponseCycle | None = None           # its body is not whole
    _slot: Slot | None = None                           # of the request that runs
    _unread: RequestResponseCycle | None = None         # begins once the answer before it has left
    _deaf: int | None = None                            # how much is still read and dropped before the end
    _has_drained = False
    _stranger: str | None = None                        # whose requests are counted; None for this machine
    _is_proxy = False

    def __init__(self, *given: Any, guard: Guard, **named: Any) -> None:
        super().__init__(*given, **named)
        self.guard, self.limits, self.logger = guard, guard.limits, _log

    # Connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer = self.client[0] if self.client else "127.0.0.1"
        self._is_proxy = self.guard.is_proxy(peer)
        self._stranger = None if self._is_proxy else neighbourhood(peer)
        if self.guard.take(self, self._stranger, self.loop):
            self._start(self.limits.header_seconds)
        else:
            transport.write(answers.FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        if self._writing is not None:
            self._writing.cancel()
        self.guard.crowds.gone(self)
        self.guard.unread(self, 0)
        self.guard.release(self)
        self._held = self._unread = None
        super().connection_lost(exc)

    def shed(self) -> None:
        """Ends a connection that can be spared: nothing of it is being worked on."""
        self.transport.abort()

    def retire(self) -> None:
        self.transport.close()

    # Reading

    def data_received(self, data: bytes) -> None:
        if self._deaf is not None:
            self._deaf -= len(data)
            if self._deaf <= 0:
                self.transport.close()
            return
        was_in_headers, was_in_body = self._in_headers, self._in_body
        super().data_received(data)
        if self.transport.is_closing() or self._deaf is not None:
            return
        if self._in_headers:
            self._seen = self._seen + len(data) if was_in_headers else len(data)
            if self._seen > self.limits.header_bytes:
                self._end("large_header", answers.LONG)
                return
            if not was_in_headers:
                self._start(self.limits.header_seconds)
            self.guard.hold(self, len(data))
        elif self._in_body:
            self._seen = self._seen + len(data) if was_in_body else len(data)
            if not was_in_body:
                self._start(self.limits.body_seconds)
            if self._held is not None:
                self.guard.hold(self, len(data))
                self._release_early(self._held)
        elif self._timer is not None:
            self._stop()
            self.guard.release(self)

    def on_message_begin(self) -> None:
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers, self._in_body = False, True
        names = [name for name, _ in self.headers]
        if names.count(b"host") != 1 or b"transfer-encoding" in names:
            _refuse_riddles(self.headers, names, self.parser.get_http_version())
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()
        if self._held is not None and self._held is self.cycle:
            self._held = None
            self._admit(self.cycle)

    def send_400_response(self, msg: str) -> None:
        self.guard.closed["malformed"] += 1
        super().send_400_response(msg)

    # Running

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.more_body:
            self._held = cycle
        else:
            self._admit(cycle)

    def _release_early(self, cycle: RequestResponseCycle) -> None:
        """A large body goes through the application's own caps as it comes, and 100-continue is its to say. It takes no place."""
        declared = next((value for name, value in cycle.scope["headers"] if name == b"content-length"), b"0")
        if not (cycle.waiting_for_100_continue or len(cycle.body) > HIGH_WATER_LIMIT or int(declared) > HIGH_WATER_LIMIT):
            return
        self._held = None
        self.guard.release(self)
        lane = self.guard.lane_of(cycle.scope["method"], cycle.scope["path"])
        if lane is not None and lane.waiting:
            self.guard.refused[lane.name] += 1
            self._run(cycle, answers.OVERLOADED, None)
        else:
            self._run(cycle, self._app_for(cycle), None)

    def _admit(self, cycle: RequestResponseCycle) -> None:
        """Begins with a request that is there as a whole, or lets it wait its turn, or says that there is too much.

        Not while an answer before it waits for its reader: it would stand in a place of others until that one has read.
        """
        if self.flow.write_paused:
            self._unread = cycle
            return
        app = self.app if self._stranger is None and not self._is_proxy else self._app_for(cycle)
        lane = self.guard.lane_of(cycle.scope["method"], cycle.scope["path"]) if app is self.app else None
        if lane is None:
            self._run(cycle, app, None)
            return
        slot = Slot(lane, self, cycle)
        if lane.has_room():
            lane.begin(slot)
        elif not self.guard.wait(slot, self.loop):
            self.refuse(slot)

    def begin(self, slot: Slot) -> None:
        if slot.cycle.disconnected:     # gone while it waited: nothing of it was begun
            self.loop.call_soon(slot.finished, None)
        else:
            self._run(slot.cycle, self.app, slot)

    def refuse(self, slot: Slot) -> None:
        if not slot.cycle.disconnected:
            self._run(slot.cycle, answers.OVERLOADED, None)

    def _app_for(self, cycle: RequestResponseCycle) -> App:
        """The application, unless the request is one of a flood."""
        if (stranger := self._stranger_of(cycle)) is None or cycle.scope["path"] in EXEMPT:
            return self.app
        return self.app if self.guard.floods.has_room(stranger, cycle.scope["headers"], self.loop.time()) else answers.FLOODED

    def _stranger_of(self, cycle: RequestResponseCycle) -> str | None:
        return self.guard.address_of(self.client[0], cycle.scope["headers"]) if self._is_proxy and self.client else self._stranger

    def _run(self, cycle: RequestResponseCycle, app: Any, slot: Slot | None) -> None:
        self.guard.crowds.busy(self)
        self._slot = slot
        task = self.loop.create_task(cycle.run_asgi(app))
        if slot is not None:
            task.add_done_callback(slot.finished)
        if self._stranger is not None or self._is_proxy:
            task.add_done_callback(partial(self._note_stranger, cycle))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _note_stranger(self, cycle: RequestResponseCycle, task: "asyncio.Task[None]") -> None:
        if (stranger := self._stranger_of(cycle)) is not None:
            state: Any = cycle.scope.get("state", {})
            self.guard.floods.answered(stranger, cycle.scope["headers"], "principal" not in state, state.get("status", 0), self.loop.time())

    # Writing

    def on_response_complete(self) -> None:
        """In place of uvicorn's: a timer for each idle connection would be set and stopped at every request; the guard looks at all."""
        self.server_state.total_requests += 1
        transport, cycle = self.transport, self.cycle
        if transport.get_write_buffer_size():
            self._look_at_writing()
        if transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif cycle.more_body:
            self._hang_up()
        else:
            self.guard.crowds.quiet(self, self.loop.time())

    def pause_writing(self) -> None:
        super().pause_writing()
        self.guard.unread(self, self.transport.get_write_buffer_size())
        # The work is done; what is left is the reader's.
        if self._slot is not None:
            self._slot.finished(None)
        self._look_at_writing()

    def resume_writing(self) -> None:
        self._has_drained = True
        self.guard.unread(self, 0)
        super().resume_writing()
        if (cycle := self._unread) is not None:
            self._unread = None
            self._admit(cycle)

    def _look_at_writing(self) -> None:
        if self._writing is None:
            self._has_drained, size = False, self.transport.get_write_buffer_size()
            self._writing = self.loop.call_later(self.limits.write_seconds, self._writing_time_is_up, size)

    def _writing_time_is_up(self, before: int) -> None:
        """Goes on while the answer leaves at the rate; a close would wait for its reader for ever."""
        self._writing = None
        left = self.transport.get_write_buffer_size()
        if not left:
            return
        if self._has_drained or before - left >= self.limits.rate * self.limits.write_seconds:
            self._look_at_writing()
        else:
            self.guard.closed["slow_reader"] += 1
            self.transport.abort()

    # Ending

    def _start(self, seconds: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self._time_is_up, seconds)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self, seconds: float) -> None:
        if self._in_body and self._seen >= self.limits.rate * seconds:
            self._seen = 0
            self._start(self.limits.body_seconds)
        elif self.transport.is_closing():
            return
        elif self._held is not None:
            self._end("slow_body", answers.SLOW)
        else:
            self.guard.closed["slow_body" if self._in_body else "slow_header"] += 1
            self.transport.close()

    def let_go(self) -> None:
        self._end("crowded_out", answers.FULL)

    def _end(self, why: str, answer: bytes) -> None:
        """Says why, unless another answer is on its way, and ends the connection."""
        self.guard.closed[why] += 1
        if self._held is not None or self.cycle is None or self.cycle.response_complete:
            self.transport.write(answer)
        self.guard.release(self)
        self._held = None
        self._hang_up()

    def _hang_up(self) -> None:
        """Says no more, and reads on for a while: a close with bytes unread would reach the sender as a reset, before the answer."""
        self._deaf = self.limits.linger_bytes
        self._stop()
        self._timer = self.loop.call_later(self.limits.linger_seconds, self.transport.abort)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _refuse_riddles(headers: list[tuple[bytes, bytes]], names: list[bytes], version: str) -> None:
    """Raises ValueError, which becomes 400, where two programs may read a request differently: as another host's, or as two requests."""
    if names.count(b"host") > 1 or (b"host" not in names and version != "1.0"):
        raise ValueError("a request is for one host")
    if any(name == b"transfer-encoding" and (version == "1.0" or value.lower() != b"chunked") for name, value in headers):
        raise ValueError("a transfer coding that not everybody knows")
