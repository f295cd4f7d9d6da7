"""Waking those who wait for news: `tx.notify(channel)` on one side, `db.listen(channel, callback)` on the other."""
import logging
from collections.abc import Callable

from app.db.transaction import run_callbacks

log = logging.getLogger("tessera.db")


class Wakeups:
    """Within this process; all that SQLite needs, since one process writes."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[], object]]] = {}

    async def listen(self, channel: str, callback: Callable[[], object]) -> None:
        """`callback` runs without arguments on the loop; it must not wait. Twice woken, it may run once."""
        assert channel.isidentifier() and channel.islower(), "PostgreSQL folds other names"
        self._listeners.setdefault(channel, []).append(callback)

    async def forget(self, channel: str, callback: Callable[[], object]) -> None:
        """The end of `listen`; unknown ones are ignored."""
        if callback in self._listeners.get(channel, []):
            self._listeners[channel].remove(callback)

    def send(self, channel: str) -> None:
        """Wake the listeners; called after the COMMIT, on the loop."""
        self.wake(channel)

    def wake(self, channel: str) -> None:
        run_callbacks(tuple(self._listeners.get(channel, ())))

    def wake_all(self) -> None:
        for channel in tuple(self._listeners):
            self.wake(channel)
