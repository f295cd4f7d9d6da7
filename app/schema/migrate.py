"""Brings a database to the newest revision; run by a command under a lock, never by each worker at start."""
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.errors import SettingsError

FOLDER = Path(__file__).parent
LOCK_NUMBER = 7_305_001     # pg_advisory_lock: one migration at a time


def newest_revision() -> str:
    """The revision this program was written for, read from the file names: alembic is too slow for every start."""
    return max(path.name.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py"))


def revisions() -> list[str]:
    return sorted(path.name.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*_*.py"))


def check_revision(stored: str | None) -> None:
    """Compares the stored revision with ours; raises SettingsError where they differ."""
    if stored == newest_revision():
        return
    if stored is not None and stored not in revisions():
        raise SettingsError(f"The database is at revision {stored}, which this program does not know: it is newer than the program. "
                            "Start the newer program, or restore a backup that fits this one.")
    raise SettingsError(f"The database is at revision {stored or 'none'}, this program needs {newest_revision()}. "
                        "Run `python -m app migrate` once (make a backup first).")


def upgrade(url: str) -> None:
    """Runs what is missing, each revision in its own transaction; nothing where nothing is missing.

    url: sqlite:///… or postgresql://…. Raises SettingsError when the database is newer than this program.
    """
    from alembic import command
    from alembic.config import Config

    with _connection(url) as connection:
        stored = _stored(connection)
        if stored is not None and stored not in revisions():
            check_revision(stored)
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _stored(connection: Any) -> str | None:
    import sqlalchemy

    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


@contextlib.contextmanager
def _connection(url: str) -> Iterator[Any]:
    import sqlalchemy

    if url.startswith("sqlite"):
        engine = sqlalchemy.create_engine(url, connect_args={"timeout": 30})
    else:
        engine = sqlalchemy.create_engine(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url))
    try:
        with engine.connect() as connection:
            if url.startswith("sqlite"):
                _begin_immediately(engine, connection)
            else:
                connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK_NUMBER})")
                connection.commit()
            yield connection
            connection.commit()
    finally:
        engine.dispose()


def _begin_immediately(engine: Any, connection: Any) -> None:
    """DDL in real transactions: Python's sqlite3 would otherwise commit before each statement."""
    import sqlalchemy

    raw = connection.connection.driver_connection
    raw.execute("PRAGMA journal_mode=WAL")
    raw.isolation_level = None

    @sqlalchemy.event.listens_for(connection, "begin")
    def begin(conn: Any) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE")
