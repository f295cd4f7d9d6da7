"""`backup FILE`: a copy that was whole at one moment, made while the server runs."""
import argparse
import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app import start
from app.commands import shared
from app.errors import SettingsError
from app.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="where the copy goes; refused where a file lies already")


def run(args: argparse.Namespace) -> int:
    here = shared.marked_settings()
    if args.file.exists():
        raise SettingsError(f"{args.file} exists already. Choose another name, so that no backup is lost.")
    half = args.file.with_name(args.file.name + ".part")
    half.unlink(missing_ok=True)
    # Made for its owner alone before the first byte: customers' data, sealed or not, is nobody else's.
    os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        if here.is_sqlite:
            copy_sqlite(here.database_file, half)
        else:
            _dump_postgresql(here.database_url, half)
        half.replace(args.file)
    finally:
        half.unlink(missing_ok=True)
    for line in key_note(here, args.file):
        print(line)
    return 0


def copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's own backup, in one step: a snapshot that waits for nobody. In several it would begin again after each sale."""
    reading, writing = sqlite3.connect(f"file:{source}?mode=ro", uri=True), sqlite3.connect(target)
    with contextlib.closing(reading) as held, contextlib.closing(writing) as copy:
        held.backup(copy)
        # The copy is one file: no -wal beside it that somebody forgets to carry along.
        copy.execute("PRAGMA journal_mode=DELETE")


def _dump_postgresql(url: str, target: Path) -> None:
    postgresql_program("pg_dump", url, "--format=custom", f"--file={target}")


def postgresql_program(name: str, url: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's own programs on the database; the password goes by the environment, where `ps` does not show it."""
    parts = urlsplit(url)
    password = {"PGPASSWORD": unquote(parts.password)} if parts.password else {}
    plain = parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@", 1)) if parts.password else parts
    try:
        subprocess.run([name, *arguments, f"--dbname={plain.geturl()}"], check=True, env={**os.environ, **password})
    except FileNotFoundError as exc:
        raise SettingsError(f"{name} is not installed here. Install PostgreSQL's client programs (apt-get install postgresql-client), "
                            "or use your host's own backups.") from exc
    except subprocess.CalledProcessError as exc:
        raise SettingsError(f"{name} did not finish; what it says stands above.") from exc


def key_note(here: Settings, file: Path) -> list[str]:
    """Which key the copy needs: without it the copy is worth nothing, with it beside the copy it protects nothing."""
    where = "TESSERA_SECRET_KEY" if here.secret_keys else str(here.data / start.KEY_FILE)
    number = start.key_ring(here).check_value[:8]
    return [f"The copy is in {file}.",
            f"It opens only with the key {number} (now in {where}), which is not in it. Keep the key apart from the copy, and keep both."]
