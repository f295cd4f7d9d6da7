"""What happens before a program can open its database: the data folder, the key ring, the process lock, migrations."""
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app import secrets
from app.context import Context
from app.db import Database, ProcessLock, open_database
from app.errors import SettingsError
from app.installation import store
from app.schema import migrate
from app.secrets import KeyRing
from app.settings import Settings

KEY_FILE = "secret.key"


def data_folder(settings: Settings) -> Path:
    """TESSERA_DATA, made for its owner alone where it is missing."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise SettingsError(f"TESSERA_DATA: the folder {settings.data} cannot be made ({exc.strerror}).") from exc
    if not os.access(settings.data, os.W_OK | os.X_OK):
        raise SettingsError(f"TESSERA_DATA: the folder {settings.data} cannot be written. Give it to the user that runs the server.")
    return settings.data


def process_lock(settings: Settings) -> ProcessLock:
    """The lock that one writing process of an SQLite database holds; not yet acquired."""
    return ProcessLock(str(settings.database_file) + ".lock")


def key_ring(settings: Settings) -> KeyRing:
    """The ring of TESSERA_SECRET_KEY; with SQLite and without the setting, that of the data folder's key file."""
    if settings.secret_keys:
        return KeyRing(list(settings.secret_keys))
    return KeyRing(_keys_of_file(settings.data / KEY_FILE, settings.database_file))


def _keys_of_file(path: Path, database: Path) -> list[str]:
    """One key a line, newest first. Made only where there is no database yet: a new key would open nothing of an old one."""
    if not path.exists():
        if database.exists() and database.stat().st_size:
            raise SettingsError(f"{path} is missing, and {database} cannot be read without it. "
                                "Put the file back, or set TESSERA_SECRET_KEY.")
        write_secret(path, secrets.new_key() + "\n")
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def write_secret(path: Path, text: str) -> None:
    """A file that its owner alone may read, complete or not there at all."""
    half = path.with_name(path.name + ".new")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


async def stored_revision(settings: Settings) -> str | None:
    """What the last migration left; None where there is no database yet."""
    if settings.is_sqlite and not settings.database_file.exists():
        return None
    async with reading(settings) as db:
        return await store.stored_revision(db)


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Database]:
    """The database as it is, whatever its revision; nothing is written."""
    db = open_database(settings.database_url, readonly=True)
    await db.connect()
    try:
        yield db
    finally:
        await db.disconnect()


async def migrate_when_needed(settings: Settings) -> bool:
    """Brings the schema to this program's revision; returns whether there was anything to do.

    Raises SettingsError where the database is newer than the program. With SQLite the caller holds the process lock.
    """
    stored = await stored_revision(settings)
    if stored == migrate.newest_revision():
        return False
    # In a thread: alembic is synchronous, and PostgreSQL may make it wait for another migration.
    await asyncio.to_thread(migrate.upgrade, settings.database_url)
    return True


@asynccontextmanager
async def opened(settings: Settings, **options: Any) -> AsyncIterator[Context]:
    """The parts of a program on this database, closed at the end. Raises SettingsError where they do not belong together.

    options: those of app.db.Options.
    """
    from app.main import open_context

    here = await open_context(settings, key_ring(settings), **options)
    try:
        yield here
    finally:
        await here.db.disconnect()
