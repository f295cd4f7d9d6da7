"""What was forgotten must not be found in the file either.

SQLite overwrites deleted content with zeros (`secure_delete`, set for each connection); its log still holds pages as they were before,
until it is written into the file and emptied. PostgreSQL's autovacuum gives room back in its own time.
"""
import asyncio
import contextlib
import sqlite3
from pathlib import Path

from app.context import Context
from app.privacy import erasure_list

BUSY_MS = 2000
_DUE = "log_to_empty"


async def follow(here: Context) -> bool:
    """The job, right after each erasure: writes the list of erasures and empties SQLite's log; whether nothing is left to do.

    A log that is being read just now is emptied at the next turn; also at the first turn of a process, for one that crashed before.
    """
    if await erasure_list.write(here) or _DUE not in here.extras:
        here.extras[_DUE] = here.settings.is_sqlite
    if here.extras[_DUE]:
        here.extras[_DUE] = not await asyncio.to_thread(_empty_log, here.settings.database_file)
    return not here.extras[_DUE]


def _empty_log(path: Path) -> bool:
    """In a thread: it may wait for a reader or for the writer, for BUSY_MS at most."""
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_MS / 1000)) as connection:
        is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy
