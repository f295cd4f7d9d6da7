"""Following the numbered updates by a cursor, for rooms that make work of them: phones to tell, cards to send to Google."""
from collections.abc import Awaitable, Callable
from datetime import datetime

from app.db import Database, Transaction, write_transaction
from app.updates import service as updates

AT_ONCE = 500


class Follower:
    """How far one reader has come, kept between the runs of its process.

    name: of its cursor; concerns_any: whether an update with after < number <= until means work for it; want: notes that work, in the
    transaction that moves the cursor. Both take (after, until).
    """

    def __init__(self, db: Database, name: str, concerns_any: Callable[[Database, int, int], Awaitable[bool]],
                 want: Callable[[Transaction, int, int, datetime], Awaitable[None]]) -> None:
        self._db, self._name, self._concerns_any, self._want = db, name, concerns_any, want
        self.number: int | None = None      # the last update that was read
        self._kept = 0                      # where the cursor stands on disk

    async def follow(self, now: datetime) -> None:
        """Read all that came since. Safe beside itself: reading numbers twice wants the same twice, and cursors only move on."""
        if self.number is None:
            self.number = self._kept = await updates.find_cursor(self._db, self._name)
        while rows := await updates.since(self._db, self.number, AT_ONCE):
            after, until = self.number, rows[-1].number

            async def act(tx: Transaction, after: int = after, until: int = until) -> None:
                await self._want(tx, after, until, now)
                await updates.move_cursor(tx, self._name, until)

            # Most changes concern nobody here: for those a sale costs no second commit. The cursor on disk then lags, and a restart
            # only reads some numbers again.
            if until - self._kept >= updates.LAG_MOST or await self._concerns_any(self._db, after, until):
                await write_transaction(self._db, act)
                self._kept = max(self._kept, until)
            self.number = max(self.number, until)
