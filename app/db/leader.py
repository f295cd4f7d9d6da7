"""The one runner of a piece of work among all processes."""
from collections.abc import Awaitable, Callable


class Leader:
    """Held until `release()`, or until the engine took it away: look at `held` before each piece of work."""

    def __init__(self, name: str, *, alive: Callable[[], bool] | None = None,
                 release: Callable[[], Awaitable[None]] | None = None) -> None:
        """`alive`: whether the engine still says so; without one nobody else can lead."""
        self.name = name
        self._alive, self._release, self._released = alive, release, False

    @property
    def held(self) -> bool:
        """Whether this process still leads. Once lost it stays lost: call `try_leader` again."""
        return not self._released and (self._alive is None or self._alive())

    async def release(self) -> None:
        """Somebody else may lead from now on; twice does no harm."""
        before, self._released = self._released, True
        if not before and self._release is not None:
            await self._release()
