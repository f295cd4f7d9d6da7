"""`drop-folder`: does what CSV files in a folder ask, through a server's public API, for tills that can only write files."""
import argparse
import asyncio
import contextlib
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from app.clock import SystemClock
from app.commands.dropping.disk import Disk
from app.commands.dropping.rows import Shop
from app.commands.dropping.server import Away, KeyRefused, Server
from app.commands.dropping.words import say
from app.commands.dropping.working import Connector
from app.errors import SettingsError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
PATIENCE_ONCE = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, required=True, help="where the till writes its files")
    parser.add_argument("--url", required=True, help="the server, such as https://cards.example.com")
    parser.add_argument("--key-file", type=Path, required=True, help="a file with an API key that may sell and issue cards")
    parser.add_argument("--once", action="store_true", help="take what is there and end; 3: the server is away, and files wait")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="how often the folder is looked at (2)")
    parser.add_argument("--settle", type=float, default=2.0, metavar="SECONDS", help="how long a file must be unchanged (2)")
    parser.add_argument("--keep-days", type=int, default=60, metavar="N", help="done files are deleted after so long (60, at least 31)")
    parser.add_argument("--language", choices=("en", "ru"), default="ru" if os.environ.get("LANG", "").startswith("ru") else "en",
                        help="of sentences in answers")


def run(args: argparse.Namespace) -> int:
    url = checked_url(args.url)
    read_key(args.key_file)
    if not args.folder.is_dir():
        raise SettingsError(f"{args.folder} is no folder.")
    if args.keep_days < 31:
        raise SettingsError("--keep-days must be at least 31: so long a name says that its file was done.")
    return asyncio.run(work(args, url))


def checked_url(text: str) -> str:
    """Without a slash at its end. Raises SettingsError: a key goes over no open line."""
    parts = urlsplit(text)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise SettingsError("--url must begin with https://.")
    return text.rstrip("/")


def read_key(path: Path) -> str:
    """Raises SettingsError."""
    try:
        key = path.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"The key file {path} cannot be read.") from exc
    if not key.isascii() or not key.isprintable() or not key or " " in key:
        raise SettingsError(f"The key file {path} must hold an API key and nothing else.")
    return key


async def work(args: argparse.Namespace, url: str) -> int:
    """Until it is stopped, or once."""
    disk, zone = Disk(args.folder), SystemClock().now().astimezone().tzinfo
    assert zone is not None
    server = Server(url, lambda: read_key(args.key_file), args.language)
    shop = Shop(server, args.language, zone)
    connector = Connector(disk, shop, settle=args.settle, patience=PATIENCE_ONCE if args.once else None)
    try:
        if args.once:
            return await once(connector, args.settle, args.language)
        while True:
            disk.prune(args.keep_days * 86_400.0)
            await connector.look()
            await asyncio.sleep(args.every)
    finally:
        with contextlib.suppress(OSError):
            await server.close()


async def once(connector: Connector, settle: float, language: str) -> int:
    """For a timetable: 0 all that was there is done, 3 the server is away and the files wait."""
    try:
        await connector.look()
        if settle:
            await asyncio.sleep(settle)
            await connector.look()
    except Away as away:
        print(say("key_refused" if isinstance(away, KeyRefused) else "away", language, what=away), file=sys.stderr)
        return 3
    return 0
