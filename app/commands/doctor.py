"""`doctor`: looks for what is wrong and says what to do about each; works beside a running server."""
import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

from app import secrets, start
from app.cards import rules
from app.commands import shared, store
from app.commands.examining.address import public_address
from app.commands.examining.apple import apple
from app.commands.examining.google import google
from app.commands.examining.line import Line
from app.commands.examining.sms import addresses, sms
from app.context import Context
from app.db import library
from app.errors import SettingsError, TesseraError
from app.settings import Settings

CLOCK_SLACK = timedelta(minutes=2)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--new-key", action="store_true", help="print a fresh key for TESSERA_SECRET_KEY, and nothing else")
    parser.add_argument("--sms-addresses", action="store_true",
                        help="print the secret addresses that SMS gateways are told in their cabinets, and nothing else")


def run(args: argparse.Namespace) -> int:
    if args.new_key:
        print(secrets.new_key())
        return 0
    if args.sms_addresses:
        print("\n".join(asyncio.run(sms_addresses())))
        return 0
    lines = asyncio.run(examine())
    for line in lines:
        print(line)
    failed = sum(line.level == "fail" for line in lines)
    print("Nothing stands in the way." if not failed else "One thing needs doing." if failed == 1 else f"{failed} things need doing.")
    return 1 if failed else 0


async def examine() -> list[Line]:
    """Every line, in the order in which a server would meet the trouble."""
    lines = [sqlite_version()]
    try:
        here = await shared.load_fitting()
    except SettingsError as exc:
        return [*lines, *(Line("fail", sentence) for sentence in str(exc).splitlines())]
    lines.append(Line("ok", f"The settings can be used; the data is {'a demo in ' if here.demo else 'in '}{_place(here)}."))
    lines += data_folder(here)
    try:
        async with start.opened(here, readonly=True) as context:
            lines.append(Line("ok", "The key ring fits the database, and the schema fits this program."))
            lines += [line async for line in database(context)]
            lines += [line async for line in numbers(context)]
            lines += [line async for line in apple(context)]
            lines += [line async for line in google(context)]
            lines += [line async for line in sms(context)]
            lines += [line async for line in mails(context)]
    except (SettingsError, TesseraError) as exc:
        lines.append(Line("fail", str(exc)))
    return [*lines, *[line async for line in public_address(here)]]


async def sms_addresses() -> list[str]:
    """Where gateways report to; raises SettingsError. A business has its address from its first message, or a minute after the start."""
    async with start.opened(await shared.load_fitting(), readonly=True) as context:
        return [line async for line in addresses(context)]


def _place(here: Settings) -> str:
    return str(here.database_file) if here.is_sqlite else "PostgreSQL"


def sqlite_version() -> Line:
    if library.is_safe():
        return Line("ok", f"SQLite {library.VERSION}.")
    return Line("warn", f"SQLite {library.VERSION} can damage a database that two processes open.",
                "Install the pinned packages (they bring a newer one), and never run another program on the file.")


def data_folder(here: Settings) -> Iterator[Line]:
    if not here.is_sqlite:
        return
    if here.data.stat().st_mode & 0o077:
        yield Line("warn", f"Other users of this machine may look into {here.data}.", f"Run: chmod 700 {here.data}")
    key = here.data / start.KEY_FILE
    if key.exists() and key.stat().st_mode & 0o077:
        yield Line("fail", f"Other users of this machine may read the key {key}.", f"Run: chmod 600 {key}")


async def database(context: Context) -> AsyncIterator[Line]:
    """The engine, and the clock against what was written last."""
    version = await context.db.engine_version()
    if context.db.engine == "postgresql":
        yield Line("ok", f"PostgreSQL {version}.")
    newest = await store.newest_moment(context.db)
    if newest and newest > context.clock.now() + CLOCK_SLACK:
        yield Line("fail", f"The clock is behind: the newest row was written at {newest:%Y-%m-%d %H:%M} UTC.",
                   "Set the clock (timedatectl set-ntp true), or links and points will live too long.")
    else:
        yield Line("ok", f"The clock says {context.clock.now():%Y-%m-%d %H:%M} UTC.")


async def numbers(context: Context) -> AsyncIterator[Line]:
    """How sparse card numbers are: the worth of a guess."""
    chance = rules.one_in(await store.most_cards(context.db))
    if chance < rules.SPARSE:
        yield Line("warn", f"Of the card numbers of the largest programme one in {chance:,} is live.",
                   "Begin a new programme for new cards: guessing gets too easy.")
    else:
        yield Line("ok", f"Of the card numbers of the largest programme at most one in {chance:,} is live.")


async def mails(context: Context) -> AsyncIterator[Line]:
    """Whether warnings reach those whom they are for."""
    from app.mail import service as mail

    if why := await mail.trouble(context, context.clock.now()):
        yield Line("warn", f"A mail could not be sent: {why}.", "It is tried for three days. Is TESSERA_SMTP right, and does this machine "
                   "trust the mail server's certificate?")
