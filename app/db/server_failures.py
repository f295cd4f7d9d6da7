"""What PostgreSQL and the way to it cannot; the kinds are in `failures.py`."""
import asyncpg

from app.db.failures import CommitFailed, TooSlow, Unreachable, WriterBusy
from app.errors import Unavailable

# What asyncpg raises where the server, or the way to it, is at fault; the third as a connection breaks under a statement.
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
# SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html; two characters name a whole class
_POSTGRESQL = {
    "55P03": WriterBusy, "53300": WriterBusy, "53": CommitFailed, "25006": CommitFailed, "58": CommitFailed,
    "57014": TooSlow, "25P03": WriterBusy, "25P04": WriterBusy, "57P": Unreachable, "08": Unreachable,
}


def raise_if_cannot(error: BaseException) -> None:
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
