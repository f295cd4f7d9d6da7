"""The one runner of a job among all processes."""
from collections.abc import Awaitable, Callable


class Leader:
    """Held until `release()`, or until the engine took it away: look before each piece of work."""

    def __init__(self, name: str, *, look: Callable[[], Awaitable[bool]] | None = None,
                 release: Callable[[], Awaitable[None]] | None = None) -> None:
        """`look`: whether the engine still says so; without one nobody else can lead."""
        self.name, self.held = name, True
        self._look, self._release = look, release

    async def look(self) -> bool:
        """Asks the engine, and says whether this process still leads. Once lost it stays lost: call `try_leader` again."""
        if self.held and self._look is not None:
            self.held = await self._look()
        return self.held

    async def release(self) -> None:
        """Somebody else may lead from now on; twice does no harm."""
        self.held = False
        release, self._release = self._release, None
        if release is not None:
            await release()
