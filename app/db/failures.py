"""The one place where an engine's "I cannot" becomes `Unavailable`; everything else stays what it was, our bug.

A unique violation is never caught, here or in a room: on PostgreSQL it has already ended the transaction.
"""
import sqlite3
from typing import Any

import asyncpg

from app.errors import Unavailable


class WriterBusy(Unavailable):
    """The writer, a connection or a row's lock was not free in time; nothing was done."""

    code, detail = "cannot_write", "The database is busy, so nothing was changed. Try again in a moment."


class CommitFailed(Unavailable):
    """Nothing of the transaction was kept, so it is safe to run again."""

    code, detail = "cannot_write", "The database could not keep this, so nothing was changed. Try again in a moment."


class Unreachable(Unavailable):
    """The database does not answer; after a COMMIT was sent it is unknown what was kept (an idempotency key tells)."""

    code, detail = "cannot_write", "The database cannot be reached. Try again in a moment."


class TooSlow(Unavailable):
    """A look-up or a report took longer than its limit."""

    code, detail = "too_slow", "This took too long and was stopped. Ask for a smaller part."


# What asyncpg raises where the server, or the way to it, is at fault; the third as a connection breaks under a statement.
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
# Primary result codes, https://www.sqlite.org/rescode.html
_SQLITE = {
    5: WriterBusy, 6: WriterBusy,                                                    # BUSY, LOCKED
    3: CommitFailed, 7: CommitFailed, 8: CommitFailed, 10: CommitFailed,             # PERM, NOMEM, READONLY, IOERR
    13: CommitFailed, 14: CommitFailed,                                              # FULL, CANTOPEN
    9: TooSlow,                                                                      # INTERRUPT
}
# SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html; two characters name a whole class
_POSTGRESQL = {
    "55P03": WriterBusy, "53300": WriterBusy, "53": CommitFailed, "25006": CommitFailed, "58": CommitFailed,
    "57014": TooSlow, "25P03": WriterBusy, "25P04": WriterBusy, "57P": Unreachable, "08": Unreachable,
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


def raise_if_postgresql_cannot(error: BaseException) -> None:
    """As for SQLite. A connection that broke, could not be made or did not answer in time counts as well."""
    kind: type[Unavailable] | None = None
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        kind = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:3]) or _POSTGRESQL.get(state[:2])
    elif isinstance(error, TimeoutError | OSError | asyncpg.InternalClientError) or _is_gone(error):
        kind = Unreachable
    if kind is not None:
        raise kind() from error


def _is_gone(error: BaseException) -> bool:
    """asyncpg has one class for wrong arguments and for a connection that is closed, or was taken out of the pool as it broke."""
    return isinstance(error, asyncpg.InterfaceError) and any(word in str(error) for word in ("closed", "closing", "released back"))
