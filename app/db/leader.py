"""The one runner of a job among all processes."""
from collections.abc import Awaitable, Callable


class Leader:
    """Held until `release()`, or until the engine took it away: look at `held` before each piece of work."""

    def __init__(self, name: str, *, alive: Callable[[], bool] | None = None,
                 release: Callable[[], Awaitable[None]] | None = None) -> None:
        self.name = name
        self._alive, self._release, self._released = alive, release, False

    @property
    def held(self) -> bool:
        return not self._released and (self._alive is None or self._alive())

    async def release(self) -> None:
        """Somebody else may lead from now on; twice does no harm."""
        if not self._released:
            self._released = True
            if self._release is not None:
                await self._release()
