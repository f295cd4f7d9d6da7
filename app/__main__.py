"""`python -m app COMMAND`: finds the command's file in app/commands and runs it.

Only the chosen file is imported, so that `--help` and a start stay quick.
"""
import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from app.control import sentence
from app.errors import SettingsError, TesseraError

COMMANDS = {
    "run": "start the demo: its data, its fakes and the server, in one process",
    "web": "serve pages, passes and the API (with SQLite the jobs and migrations too)",
    "worker": "run the jobs (PostgreSQL)",
    "migrate": "bring the database to this program's revision",
    "owner": "make a business and print a one-time link for its owner",
    "operator": "print a one-time link for whoever runs the server: businesses, limits, certificates",
    "issue": "write the pass of an active card into a file",
    "import": "try a list of another system's people, and take it in",
    "phone": "a simulated phone: install a pass from an address and check it as a phone would",
    "verify": "recompute every balance, lot and hash, or check one receipt",
    "head": "print the newest link of the chain and the seals of the last days",
    "doctor": "look for what is wrong, and say what to do about it",
    "backup": "copy the database into a file while the server runs",
    "restore": "put a backup in place of the database",
    "drop-folder": "do what CSV files in a folder ask of a server, for tills that can only write files",
    "till-simulator": "play a shop's day at the tills of any server, and check every answer",
    "retention": "delete what is older than the retention table says; --dry-run: say what that would be",
    "rekey": "seal everything again with the first key of the ring",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 something is wrong, 2 the command or a setting cannot be used as it is."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or given[0] not in COMMANDS:
        return _overview(given)
    module = importlib.import_module(f"app.commands.{given[0].replace('-', '_')}")
    parser = argparse.ArgumentParser(prog=f"python -m app {given[0]}", description=COMMANDS[given[0]].capitalize() + ".")
    module.arguments(parser)
    try:
        return module.run(parser.parse_args(given[1:]))
    except SettingsError as exc:
        print(exc, file=sys.stderr)
        return 2
    except TesseraError as exc:
        print(sentence(exc), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _overview(given: Sequence[str]) -> int:
    wanted = not given or given[0] in ("-h", "--help", "help")
    out = sys.stdout if wanted else sys.stderr
    if not wanted:
        print(f"There is no command “{given[0]}”.\n", file=out)
    print("usage: python -m app COMMAND [--help]\n", file=out)
    for name, what in COMMANDS.items():
        print(f"  {name:<14} {what}", file=out)
    return 0 if wanted else 2


if __name__ == "__main__":
    # Whatever a command makes (database, key, backup, pass) is its owner's alone.
    os.umask(0o077)
    sys.exit(main())
