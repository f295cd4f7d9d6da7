"""`till-simulator`: plays a shop's day at the tills of any server, over the public API alone, and reckons every answer after."""
import argparse
import asyncio
import os
import sys
from pathlib import Path

from app.commands.drop_folder import checked_url, read_key
from app.errors import SettingsError

VARIABLE = "TILL_KEY"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="the server, such as https://cards.example.com")
    parser.add_argument("--key-file", type=Path, help=f"a file with an API key that may do what tills do; or the variable {VARIABLE}")
    parser.add_argument("--tills", type=int, default=3, metavar="N", help="that work side by side (3)")
    parser.add_argument("--minutes", type=float, default=0.0, metavar="N", help="they go on for so long after a first round (0)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the dice: the same seed buys the same baskets (1)")
    parser.add_argument("--for-real", action="store_true", help="play even where the key is of no sandbox: shoppers and sales stay")


def run(args: argparse.Namespace) -> int:
    url = checked_url(args.url)
    key = read_key(args.key_file) if args.key_file else os.environ.get(VARIABLE, "").strip()
    if not key:
        raise SettingsError(f"Give the key in a file (--key-file) or in the variable {VARIABLE}; an argument would be seen by others.")
    if not 1 <= args.tills <= 100:
        raise SettingsError("--tills must be from 1 to 100.")
    return asyncio.run(_play(url, key, args))


async def _play(url: str, key: str, args: argparse.Namespace) -> int:
    from app.commands.simulating.day import CannotOpen, Plan, play, summary
    from app.commands.simulating.line import Away, Line

    line = Line(url, key)
    try:
        report = await play(line, Plan(args.tills, args.minutes * 60, args.seed, for_real=args.for_real))
    except CannotOpen as exc:
        raise SettingsError(str(exc)) from exc
    except Away as exc:
        print(f"{url}: {exc}", file=sys.stderr)
        return 1
    finally:
        await line.close()
    print(summary(report))
    return 1 if report.wrong else 0
