"""Wake-ups between processes: PostgreSQL's LISTEN and NOTIFY.

NOTIFY is sent after the COMMIT, by itself: inside a transaction it makes all COMMITs of the server wait for each other's
disk (PostgreSQL takes a database-wide lock for it), and one notification serves all the transactions of a moment.
"""
import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.db.failures import Unreachable
from app.db.server_failures import ERRORS
from app.db.wakeups import Wakeups
from app.errors import Unavailable

if TYPE_CHECKING:
    from app.db.postgresql import PostgresBackend

log = logging.getLogger("tessera.db")
# A connection whose other end is gone looks open until something is sent on it.
LOOK_SECONDS = 20.0
RECONNECT_SECONDS = (0.05, 5.0)


class Notifications(Wakeups):
    """One listening connection per process, opened with the first `listen`, made again when it is lost."""

    def __init__(self, backend: "PostgresBackend") -> None:
        super().__init__()
        self._backend = backend
        self._connection: Any = None
        self._one_at_a_time = asyncio.Lock()
        self._up = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._unsent: set[str] = set()

    async def listen(self, channel: str, callback: Callable[[], object]) -> None:
        """Returns once the server listens. Raises Unreachable where it cannot be told."""
        await super().listen(channel, callback)
        if self._listening is None:
            self._listening = asyncio.ensure_future(self._keep_listening())
        try:
            await asyncio.wait_for(self._up.wait(), self._backend.options.wait_seconds)
        except TimeoutError:
            raise Unreachable() from None
        async with self._one_at_a_time:
            if self._connection is not None:           # else the new connection listens to it with all others
                await self._connection.add_listener(channel, self._heard)

    def send(self, channel: str) -> None:
        self._unsent.add(channel)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.ensure_future(self._send())

    async def close(self) -> None:
        """Sends what is to be sent, then stops listening."""
        if self._sending is not None:
            await asyncio.wait([self._sending])
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    async def _send(self) -> None:
        while self._unsent:
            channels, self._unsent = sorted(self._unsent), set()
            try:
                await self._backend.run_alone("execute", "SELECT pg_notify(name, '') FROM unnest($1::text[]) AS name", channels)
            except (Unavailable, *ERRORS) as error:
                log.warning("other processes were not woken: %s", error)
                for channel in channels:
                    self.wake(channel)

    def _heard(self, connection: Any, process: int, channel: str, payload: str) -> None:
        self.wake(channel)

    async def _keep_listening(self) -> None:
        pause = RECONNECT_SECONDS[0]
        again = False
        while True:
            try:
                await self._listen_until_lost(again)
            except (Unavailable, *ERRORS) as error:
                log.warning("the listening connection was lost: %s", error)
            pause = RECONNECT_SECONDS[0] if self._up.is_set() else min(pause * 2, RECONNECT_SECONDS[1])
            again = again or self._up.is_set()
            self._up.clear()
            await asyncio.sleep(pause)

    async def _listen_until_lost(self, again: bool) -> None:
        connection = await self._backend.connect_alone()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            async with self._one_at_a_time:
                for channel in tuple(self._listeners):     # whoever comes meanwhile adds its own once this is up
                    await connection.add_listener(channel, self._heard)
                self._connection = connection
            self._up.set()
            if again:
                self.wake_all()                        # whatever was sent meanwhile nobody heard
            while not lost.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), LOOK_SECONDS)
                    return
                async with self._one_at_a_time:
                    await connection.execute("SELECT 1")
        finally:
            self._connection = None
            connection.terminate()
