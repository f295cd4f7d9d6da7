"""Our launcher of uvicorn: the socket, the limits that it leaves to others, and an orderly end.

uvicorn's own `bind_socket` does not name the protocol, and asyncio switches Nagle's algorithm off only where it is named: each
answer on a kept connection would wait 40 ms for a delayed acknowledgement (Kludex/uvicorn#3149). So the socket is made here.
uvicorn closes no slow connection and caps no header; the protocol below does.
"""
import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import Server

from app.errors import SettingsError

log = logging.getLogger("tessera.server")

HEADER_SECONDS = 10.0           # for a request's line and headers, from its first byte or from the connection
BODY_SECONDS = 30.0             # for a body; more while it brings BODY_RATE
BODY_RATE = 1024                # bytes a second
HEADER_BYTES = 64 * 1024        # never kept for longer than it takes to say no; the tidy 431 above 16 KiB is the application's
KEEP_ALIVE_SECONDS = 75         # above the 60 s after which a proxy gives an idle connection up
GRACE_SECONDS = 10              # for requests in flight when the server is told to stop
MOST_CONNECTIONS = 4000         # event streams included
BACKLOG = 1024
STOPS = (signal.SIGTERM, signal.SIGINT)


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket that names its protocol; it listens once the server is ready.

    Raises SettingsError where the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as exc:
        made.close()
        raise SettingsError(f"Port {port} on {host} cannot be used ({exc.strerror}). Is another server running there? "
                            "PORT chooses another.") from exc
    return made


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections that dribble: headers within HEADER_SECONDS, bodies within BODY_SECONDS or at BODY_RATE.

    A timer is set only where one read did not bring the whole request, so ordinary requests pay nothing.
    """

    _timer: asyncio.TimerHandle | None = None
    _in_headers, _in_body = False, False
    _seen = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = (self._in_headers, self._in_body)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_headers:
            self._seen = self._seen + len(data) if before[0] else len(data)
            if self._seen > HEADER_BYTES:
                self.transport.close()
            elif not before[0]:
                self._start(HEADER_SECONDS)
        elif self._in_body:
            self._seen = self._seen + len(data) if before[1] else len(data)
            if not before[1]:
                self._start(BODY_SECONDS)
        else:
            self._stop()

    def on_message_begin(self) -> None:
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers, self._in_body = False, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def _start(self, seconds: float) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, self._time_is_up, seconds)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self, seconds: float) -> None:
        if self._in_body and self._seen >= BODY_RATE * seconds:
            self._seen = 0
            self._start(BODY_SECONDS)
        elif not self.transport.is_closing():
            self.transport.close()


class OrderlyServer(Server):
    """uvicorn's server that says when it answers, and ends what would never end by itself (event streams) before it waits."""

    def __init__(self, config: Config, ready: Callable[[], Any], before_shutdown: Callable[[], Any]) -> None:
        super().__init__(config)
        self._ready, self._before_shutdown = ready, before_shutdown

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn raises the signal again once it has served, which would end us before the database is closed."""
        loop = asyncio.get_running_loop()
        for number in STOPS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in STOPS:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        await super().shutdown(sockets)


def collect_rarely() -> None:
    """A request makes thousands of objects and hardly a cycle, and modules stay: to look after each 700 costs more than it finds."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def _nothing() -> None:
    pass


async def serve(app: Any, listener: socket.socket, *, ready: Callable[[], Any] = _nothing,
                before_shutdown: Callable[[], Any] = _nothing) -> None:
    """Answers on `listener` until SIGTERM or SIGINT; requests in flight get GRACE_SECONDS.

    ready: called once it answers; before_shutdown: called first of all when it stops. Raises SystemExit where the app's start failed.
    """
    _raise_file_limit()
    config = Config(app, http=GuardedProtocol, ws="none", loop="asyncio", lifespan="on", access_log=False, log_config=None,
                    proxy_headers=False, server_header=False, limit_concurrency=MOST_CONNECTIONS, backlog=BACKLOG,
                    timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=GRACE_SECONDS)
    await OrderlyServer(config, ready, before_shutdown).serve(sockets=[listener])


def _raise_file_limit() -> None:
    """Every connection is an open file, and 1024 are fewer than the event streams that are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + 512
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def supervise(count: int, work: Callable[[], Awaitable[None]]) -> int:
    """Runs `work` in `count` forked processes, starts a new one for each that dies, and ends all on SIGTERM or SIGINT.

    Called before any loop or thread exists. Returns the exit code: 1 where a process could not even start.
    """
    children: set[int] = set()
    stopping = False
    lifeline = os.pipe()        # nobody writes: its end tells the children that this process is gone

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True
        for child in children:
            # One that ended at this very moment is not in our way.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    for number in STOPS:
        signal.signal(number, stop)
    for _ in range(count):
        children.add(_fork(work, lifeline))
    failed = 0
    while children:
        child, status = os.wait()
        children.discard(child)
        code = os.waitstatus_to_exitcode(status)
        if stopping or code == 0:
            continue
        # A process that died at work is replaced; one that could not start would die again for ever.
        if code in (1, 2, 3):
            failed = 1
            stop(signal.SIGTERM, None)
        else:
            log.error("a web process ended with %s; starting another", code)
            children.add(_fork(work, lifeline))
    return failed


def _fork(work: Callable[[], Awaitable[None]], lifeline: tuple[int, int]) -> int:
    # Held back until the child has handlers of its own: the supervisor's would only set a variable there.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        return child
    os.close(lifeline[1])
    for number in STOPS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    threading.Thread(target=_end_with_parent, args=(lifeline[0],), daemon=True).start()
    try:
        asyncio.run(_awaited(work))
    except SettingsError as exc:
        print(exc, file=sys.stderr)
        os._exit(2)
    except SystemExit as exc:
        os._exit(int(exc.code or 0))
    except BaseException:
        log.exception("a web process failed")
        os._exit(70)
    os._exit(0)


def _end_with_parent(reading: int) -> None:
    """Nobody would stop or replace a process whose supervisor was killed: it ends as if it had been told to."""
    os.read(reading, 1)
    os.kill(os.getpid(), signal.SIGTERM)


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()
