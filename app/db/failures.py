"""The one place where an engine's "I cannot" becomes `Unavailable`; everything else stays what it was, our bug.

PostgreSQL's half is in `server_failures.py`, so that a server on SQLite does not load asyncpg. A unique violation is never
caught, here or in a room: on PostgreSQL it has already ended the transaction.
"""
import sqlite3
from typing import Any

from app.errors import Unavailable
from app.text import N_


class Cannot(Unavailable):
    """The base of what an engine cannot just now; worth another try in a second."""

    def __init__(self, detail: str = "", *, code: str = "", retry_after: int = 1) -> None:
        super().__init__(detail, code=code, retry_after=retry_after)


class WriterBusy(Cannot):
    """The writer, a connection or a row's lock was not free in time; nothing was done."""

    code, detail = "cannot_write", N_("The database is busy, so nothing was changed. Try again in a moment.")


class CommitFailed(Cannot):
    """Nothing of the transaction was kept, so it is safe to run again."""

    code, detail = "cannot_write", N_("The database could not keep this, so nothing was changed. Try again in a moment.")


class Unreachable(Cannot):
    """The database does not answer; after a COMMIT was sent it is unknown what was kept (an idempotency key tells)."""

    code, detail = "cannot_write", N_("The database cannot be reached. Try again in a moment.")


class TooSlow(Cannot):
    """A look-up or a report took longer than its limit."""

    code, detail = "too_slow", N_("This took too long and was stopped. Ask for a smaller part.")


# Primary result codes, https://www.sqlite.org/rescode.html
_SQLITE = {
    5: WriterBusy, 6: WriterBusy,                                                    # BUSY, LOCKED
    3: CommitFailed, 7: CommitFailed, 8: CommitFailed, 10: CommitFailed,             # PERM, NOMEM, READONLY, IOERR
    13: CommitFailed, 14: CommitFailed,                                              # FULL, CANTOPEN
    9: TooSlow,                                                                      # INTERRUPT
}


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock."""
    return _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF) is WriterBusy


def raise_if_sqlite_cannot(error: sqlite3.Error) -> None:
    """Raises Unavailable where the engine lacks something; returns where the error speaks for itself (a constraint, wrong SQL)."""
    code: Any = getattr(error, "sqlite_errorcode", None)
    kind = _SQLITE.get(code & 0xFF) if isinstance(code, int) else None
    if kind is not None:
        raise kind() from error
