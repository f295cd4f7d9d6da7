"""Our launcher of uvicorn: the socket, the limits that it leaves to others, and an orderly end.

uvicorn's own `bind_socket` does not name the protocol, and asyncio switches Nagle's algorithm off only where it is named: each
answer on a kept connection would wait 40 ms for a delayed acknowledgement (Kludex/uvicorn#3149). So the socket is made here.
uvicorn closes no slow connection and caps no header; app/guard does.
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
from functools import partial
from typing import Any

from uvicorn.config import Config
from uvicorn.server import Server

from app.errors import SettingsError
from app.guard import Guard
from app.guard.protocol import GuardedProtocol

log = logging.getLogger("tessera.server")

GRACE_SECONDS = 10              # for requests in flight when the server is told to stop
BACKLOG = 1024
AT_ONCE = 64                    # connections taken before the guard has looked at those before them
OTHER_FILES = 128               # database, listening socket, calls to others: files that connections must leave free
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


async def serve(app: Any, listener: socket.socket, *, guard: Guard | None = None, ready: Callable[[], Any] = _nothing,
                before_shutdown: Callable[[], Any] = _nothing) -> None:
    """Answers on `listener` until SIGTERM or SIGINT; requests in flight get GRACE_SECONDS.

    ready: called once it answers; before_shutdown: called first of all when it stops. Raises SystemExit where the app's start failed.
    """
    guard = guard or Guard()
    guard.crowds.most = _connections_allowed(guard.crowds.most)
    protocol: Any = partial(GuardedProtocol, guard=guard)
    # asyncio takes as many connections in one go as the backlog is long; the kernel's own queue is made longer again below.
    config = Config(app, http=protocol, ws="none", loop="asyncio", lifespan="on", access_log=False, log_config=None,
                    proxy_headers=False, server_header=False, backlog=AT_ONCE,
                    timeout_graceful_shutdown=GRACE_SECONDS)

    def listening() -> None:
        listener.listen(BACKLOG)
        ready()

    await OrderlyServer(config, listening, before_shutdown).serve(sockets=[listener])


def _connections_allowed(wanted: int) -> int:
    """Every connection is an open file, and 1024 are fewer than the event streams that are allowed; where no more may be had, fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + OTHER_FILES + AT_ONCE
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - OTHER_FILES - AT_ONCE))


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
