"""`migrate`: brings the database to this program's revision, one process at a time."""
import argparse
import asyncio

from app import settings, start
from app.commands import shared
from app.schema import migrate
from app.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    pass


def run(args: argparse.Namespace) -> int:
    return asyncio.run(bring_up(settings.load(demo=True)))


async def bring_up(here: Settings) -> int:
    """Prints what was done. With SQLite the process lock keeps a running server away; PostgreSQL has a lock of its own."""
    if here.is_sqlite:
        start.data_folder(here)
    start.key_ring(here)            # a missing key stops here, before a table is made
    before = await start.stored_revision(here)
    if before == migrate.newest_revision():
        print(f"Nothing to do: the database is at revision {before}.")
        return 0
    lock = start.process_lock(here) if here.is_sqlite else None
    if lock:
        lock.acquire()
    try:
        await start.migrate_when_needed(here)
        async with start.opened(await shared.load_as_marked(here)):
            pass        # a new database gets its keys with its tables, so that commands that only read find them
    finally:
        if lock:
            lock.release()
    print(f"The database went from revision {before or 'none'} to {migrate.newest_revision()}.")
    return 0
