"""`restore FILE`: puts a backup in place of the database, and sets right what the time between has made untrue.

Devices hold update tags that were handed out after the backup: the counter is lifted by 2^32, beyond all of them, and every
registered card gets an update, so that each device fetches what is true again. Messages that waited are not sent a second time.
Whoever was erased since the backup is erased again.
"""
import argparse
import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from app import settings, start
from app.clock import SystemClock, to_ms
from app.commands import backup, shared, store
from app.context import Context
from app.db import Transaction, write_transaction
from app.errors import SettingsError, Unavailable
from app.google import service as google
from app.installation import service as installation
from app.installation import store as installation_store
from app.privacy import erasure_list
from app.privacy import store as privacy_store
from app.settings import Settings
from app.updates import service as updates

MAGIC = b"SQLite format 3\x00"
SINCE = "0019"              # the revision that brought the list of erasures


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a copy made by `backup`")


def run(args: argparse.Namespace) -> int:
    here = settings.load(demo=True)
    if not args.file.is_file():
        raise SettingsError(f"{args.file} is not there.")
    if not here.is_sqlite:
        handed_out, erased = asyncio.run(_handed_out(here)), asyncio.run(_erased(here))
        options = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
        backup.postgresql_program("pg_restore", here.database_url, *options, str(args.file))
        asyncio.run(_finish(here, handed_out, erased))
        return 0
    start.data_folder(here)
    # Refused while a server runs: it would go on writing into the file that is no longer there.
    lock = start.process_lock(here)
    lock.acquire()
    try:
        _check(here, args.file)
        handed_out, erased = asyncio.run(_handed_out(here)), asyncio.run(_erased(here))
        _replace(here, args.file)
        asyncio.run(_finish(here, handed_out, erased))
    finally:
        lock.release()
    return 0


async def _handed_out(here: Settings) -> int:
    """The highest update number that the database to be replaced may have handed out: the same backup may be restored twice."""
    if here.is_sqlite and not here.database_file.exists():
        return 0
    try:
        async with start.reading(here) as db:
            if await installation_store.stored_revision(db) is None:
                return 0
            floor = (await installation_store.all_meta(db)).get("update_floor", "0")
            return max(int(floor), await updates.newest(db))
    except (sqlite3.DatabaseError, Unavailable):
        return 0            # damaged, which may be why it is replaced: nothing can be learnt from it


async def _erased(here: Settings) -> Sequence[Mapping[str, Any]]:
    """Who was erased, as the list of the data folder and the database to be replaced know it: the backup may bring them back."""
    known = erasure_list.read(here.data)
    if here.is_sqlite and not here.database_file.exists():
        return known
    try:
        async with start.reading(here) as db:
            revision = await installation_store.stored_revision(db)
            return erasure_list.together(known, await privacy_store.listed(db) if revision and revision >= SINCE else [])
    except (sqlite3.DatabaseError, Unavailable):
        return known


def _replace(here: Settings, source: Path) -> None:
    """The copy takes the database's place; what was there stays beside it under a name with the time."""
    fresh = here.database_file.with_name("tessera.db.new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    backup.copy_sqlite(source, fresh)
    if here.database_file.exists():
        kept = f"{here.database_file}.before-{SystemClock().now():%Y%m%dT%H%M%S.%fZ}"
        # Renamed, not copied: that works with a damaged one too. What its -wal holds belongs to it.
        for ending in ("-wal", ""):
            path = Path(f"{here.database_file}{ending}")
            if path.exists():
                path.replace(f"{kept}{ending}")
        print(f"What was there before is in {kept}.")
    Path(f"{here.database_file}-shm").unlink(missing_ok=True)
    fresh.replace(here.database_file)


def _check(here: Settings, source: Path) -> None:
    """Raises SettingsError, with nothing touched, unless `source` is a whole database of ours that the key ring opens."""
    if not here.secret_keys and not (here.data / start.KEY_FILE).exists():
        raise SettingsError(f"The key is missing: set TESSERA_SECRET_KEY, or put the backup's key into {here.data / start.KEY_FILE} first.")
    with source.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise SettingsError(f"{source} is not a backup of an SQLite database. A PostgreSQL dump needs DATABASE_URL.")
    with contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as copy:
        try:
            meta = dict(copy.execute(store.META).fetchall())
            verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
        except sqlite3.DatabaseError as exc:
            raise SettingsError(f"{source} cannot be read as a database of Tessera ({exc}).") from exc
    if verdict != "ok":
        raise SettingsError(f"{source} is damaged: {verdict}")
    installation.check(meta, start.key_ring(here), meta.get("demo") == "1")


async def _finish(here: Settings, handed_out: int, erased: Sequence[Mapping[str, Any]]) -> None:
    await start.migrate_when_needed(here)
    async with start.opened(await shared.load_as_marked(here)) as context:
        cards, messages = await set_right(context, handed_out)
        people = await erasure_list.erase_again(context, erased)
    print(f"Restored. {cards} registered cards will be told again; {messages} messages that waited were cancelled, not sent.")
    if people:
        print(f"{people} people who had been erased since the backup were erased again.")
    print("Start the server now, and `python -m app verify` beside it.")


async def set_right(context: Context, handed_out: int = 0) -> tuple[int, int]:
    """Lifts the update counter, tells registered cards, cancels old messages: (cards, messages).

    handed_out: the highest update number known from elsewhere; the new ones lie beyond it as well.
    """
    return await write_transaction(context.db, partial(_set_right, context, handed_out))


async def _set_right(context: Context, handed_out: int, tx: Transaction) -> tuple[int, int]:
    now = context.clock.now()
    await updates.lift(tx, max(handed_out - await updates.newest(tx), 0) + updates.RESTORE_LIFT)
    cards = await store.registered_cards(tx)
    for card in cards:
        await updates.append(tx, card.business_id, card.card_id, now)
    await google.after_restore(tx, now)
    return len(cards), await store.cancel_unsent_messages(tx, to_ms(now))
