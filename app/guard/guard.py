"""One process's guard: it holds the lanes, the crowds and the floods, and counts for /metrics what it did."""
import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Protocol

from app.guard.crowds import Connection, Crowds, neighbourhood
from app.guard.floods import Floods, Header
from app.guard.lanes import Lane, Slot, kind_of
from app.guard.limits import Limits
from app.settings import Network
from app.web.requests import address_behind, is_within

LOOK_SECONDS = 0.25
ENDS = ("slow_header", "slow_body", "slow_reader", "large_header", "malformed", "crowded_out")


class Holder(Protocol):
    """A connection whose request is not whole."""

    def let_go(self) -> None:
        """Ends it: others need the room."""


class Guard:
    """proxies: whose X-Forwarded-For is believed; they may hold any number of connections."""

    def __init__(self, limits: Limits | None = None, proxies: tuple[Network, ...] = ()) -> None:
        self.limits = limits = limits or Limits()
        self.proxies = proxies
        self.crowds = Crowds(limits.connections, limits.an_address)
        self.floods = Floods(limits.flood_per_second, limits.flood_burst)
        first = Lane("till_writes", limits.till_writes)
        self.lanes = {lane.name: lane for lane in (
            first, Lane("till_reads", limits.till_reads, first), Lane("page_writes", limits.pages, first),
            Lane("page_reads", limits.pages, first))}
        self._held: dict[Holder, int] = {}          # bytes by connection, longest held first
        self._held_bytes = 0
        self._unread: dict[Connection, int] = {}    # bytes of answers by connection, longest without progress first
        self._unread_bytes = 0
        self.closed: Counter[str] = Counter()       # how often, by one of ENDS
        self.refused: Counter[str] = Counter()
        self._behind = lru_cache(4096)(self._address_behind)
        self._timer: asyncio.TimerHandle | None = None      # looks at who waits too long
        self._sweep: asyncio.TimerHandle | None = None      # looks at who is idle too long

    def take(self, connection: Connection, address: str | None, loop: asyncio.AbstractEventLoop) -> bool:
        """Counts a new connection; False where it must be refused."""
        if self._sweep is None:
            self._sweep_later(loop)
        return self.crowds.take(connection, address)

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = loop.call_later(self.limits.idle_seconds / 15, self._end_idle, loop)

    def _end_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweep = None
        self.crowds.retire(loop.time() - self.limits.idle_seconds)
        if self.crowds.open:
            self._sweep_later(loop)

    def is_proxy(self, peer: str) -> bool:
        return is_within(peer, self.proxies)

    def address_of(self, peer: str, headers: Iterable[Header]) -> str | None:
        """Whose request it is, as floods count them; None for this machine itself. Only asked where `peer` is a proxy."""
        return self._behind(peer, b",".join(value for name, value in headers if name == b"x-forwarded-for"))

    def _address_behind(self, peer: str, forwarded: bytes) -> str | None:
        return neighbourhood(address_behind(peer, forwarded.decode("latin-1"), self.proxies))

    def lane_of(self, method: str, path: str) -> Lane | None:
        kind = kind_of(method, path)
        return None if kind is None else self.lanes[kind]

    def wait(self, slot: Slot, loop: asyncio.AbstractEventLoop) -> bool:
        """Lets a request wait its turn; False where it must be told that there is too much."""
        if not slot.lane.wait(slot, loop.time()):
            self.refused[slot.lane.name] += 1
            return False
        if self._timer is None:
            self._look_later(loop)
        return True

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(LOOK_SECONDS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nobody waits for ever: what stands behind something that hangs is told so."""
        self._timer = None
        for lane in self.lanes.values():
            for slot in lane.expired(loop.time()):
                self.refused[lane.name] += 1
                slot.connection.refuse(slot)
            lane.go_on()
        if any(lane.waiting for lane in self.lanes.values()):
            self._look_later(loop)

    def hold(self, connection: "Holder", size: int) -> None:
        """Notes bytes of a request that is not whole; where all hold too many, whoever began first must go."""
        self._held[connection] = self._held.get(connection, 0) + size
        self._held_bytes += size
        while self._held_bytes > self.limits.held_bytes:
            first = next(iter(self._held))
            self.release(first)
            first.let_go()

    def release(self, connection: "Holder") -> None:
        if connection in self._held:
            self._held_bytes -= self._held.pop(connection)

    def unread(self, connection: Connection, size: int) -> None:
        """Notes how much a connection has still to read; where all together leave too much, the one that stood longest goes."""
        self._unread_bytes += size - self._unread.pop(connection, 0)
        if size:
            self._unread[connection] = size
        while self._unread_bytes > self.limits.unread_bytes:
            first = next(iter(self._unread))
            self.unread(first, 0)
            self.closed["slow_reader"] += 1
            first.shed()

    def measures(self) -> list[tuple[str, str, str, dict[str, float]]]:
        """(name, help, label, values by label) for /metrics, all since this process began."""
        lanes = self.lanes.values()
        of_lanes: Callable[[Callable[[Lane], Any]], dict[str, float]] = lambda ask: {lane.name: ask(lane) for lane in lanes}  # noqa: E731
        return [("tessera_requests_running", "Requests being worked on", "lane", of_lanes(lambda lane: lane.running)),
                ("tessera_requests_waiting", "Requests that wait for their turn", "lane", of_lanes(lambda lane: len(lane.waiting))),
                ("tessera_requests_refused", "Requests answered 503 or 429 before any work, since the start", "why",
                 {**of_lanes(lambda lane: self.refused[lane.name]), "flood": self.floods.were_refused}),
                ("tessera_connections", "Connections that are open, and those of them that are idle", "state",
                 {"open": len(self.crowds.open), "idle": len(self.crowds.silent) + len(self.crowds.idle)}),
                ("tessera_connections_ended", "Connections that the guard ended, since the start", "why",
                 {"idle_shed": self.crowds.were_shed, "too_many": self.crowds.were_refused,
                  **{why: self.closed[why] for why in ENDS}})]
