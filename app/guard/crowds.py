"""Connections: how many there are, of whom, and which of them can be spared."""
import ipaddress
import itertools
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Protocol


class Connection(Protocol):
    """What is counted here. crowd: that of its address, None where the address has no limit."""

    crowd: "Crowd | None"

    def shed(self) -> Any:
        """Ends it at once."""

    def retire(self) -> Any:
        """Ends it: it was idle for too long."""


class Crowd:
    """The connections of one address; the idle ones, longest idle first."""

    __slots__ = ("address", "count", "idle")

    def __init__(self, address: str) -> None:
        self.address, self.count = address, 0
        self.idle: dict[Connection, None] = {}


class Crowds:
    """All connections. At a limit the one that was idle longest goes; those that never asked for anything go before all others."""

    def __init__(self, most: int, an_address: int) -> None:
        self.most, self.an_address = most, an_address
        self.open: set[Connection] = set()
        self.silent: dict[Connection, None] = {}
        self.idle: dict[Connection, float] = {}             # since when, longest idle first
        self.by_address: dict[str, Crowd] = {}
        self.were_shed = self.were_refused = 0

    def take(self, connection: Connection, address: str | None) -> bool:
        """Counts a new connection, idle; False where nobody can be spared for it. address: None where it has no limit."""
        crowd = self._crowd(address) if address else None
        if crowd is not None and crowd.count >= self.an_address and not self._shed_one(crowd.idle):
            self.were_refused += 1
            return False
        if len(self.open) >= self.most and not (self._shed_one(self.silent) or self._shed_one(self.idle)):
            self.were_refused += 1
            return False
        connection.crowd = crowd
        self.open.add(connection)
        self.silent[connection] = None
        if crowd is not None:
            self.by_address[crowd.address] = crowd
            crowd.count += 1
            crowd.idle[connection] = None
        return True

    def busy(self, connection: Connection) -> None:
        """A request of it runs: it cannot be spared."""
        self.silent.pop(connection, None)
        self.idle.pop(connection, None)
        if connection.crowd is not None:
            connection.crowd.idle.pop(connection, None)

    def quiet(self, connection: Connection, now: float) -> None:
        """Its answers are given."""
        if connection in self.open:
            self.idle[connection] = now
            if connection.crowd is not None:
                connection.crowd.idle[connection] = None

    def gone(self, connection: Connection) -> None:
        if connection not in self.open:
            return
        self.open.discard(connection)
        self.busy(connection)
        if (crowd := connection.crowd) is not None:
            crowd.count -= 1
            if not crowd.count:
                self.by_address.pop(crowd.address, None)

    def retire(self, before: float) -> None:
        """Ends those that have been idle since before that time."""
        for connection in [connection for connection, _ in itertools.takewhile(lambda each: each[1] <= before, self.idle.items())]:
            self.idle.pop(connection, None)
            connection.retire()

    def _crowd(self, address: str) -> Crowd:
        return self.by_address.get(address) or Crowd(address)

    def _shed_one(self, idle: Iterable[Connection]) -> bool:
        for connection in idle:
            self.gone(connection)
            self.were_shed += 1
            connection.shed()
            return True
        return False


@lru_cache(4096)
def neighbourhood(text: str) -> str | None:
    """What counts as one address: an IPv4 address, or the /64 that whoever has one IPv6 address has.

    None for this machine itself, which has no limit, and for what is no address.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return neighbourhood(str(address.ipv4_mapped))
        return None if address.is_loopback else str(ipaddress.ip_network((address, 64), strict=False))
    return None if text == "127.0.0.1" else text
