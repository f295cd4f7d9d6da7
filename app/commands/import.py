"""`import FILE --program ID`: tries a list of another system (CSV or XLSX) and says what would happen; with `--go` takes it in.

Beside a running server the server does it, a few rows at a time between its tills; what is begun here can be seen, invited and taken
back in the console under Customers, Import.
"""
import argparse
import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands import shared
from app.context import Context
from app.control import ANSWER_SECONDS, sentence
from app.errors import NotFound, Refused, SettingsError

if TYPE_CHECKING:
    from app.imports.service import Import
    from app.programs.store import Program

SHOWN = 20
LOOK_SECONDS = 0.2
PATIENCE = ANSWER_SECONDS - 60


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the list: CSV (any usual alphabet and separator) or XLSX, up to 100 MB")
    parser.add_argument("--program", required=True, metavar="ID", help="the programme's id (prg_…)")
    parser.add_argument("--map", action="append", default=[], metavar="COLUMN=KIND", dest="mapped",
                        help="what a column is, by its name in the first row; columns that are not named are guessed. Kinds: phone, name, "
                        "email, birthday, alias, balance, balance_ends, stamps, level, tags, last_visit, consent, language, or nothing")
    parser.add_argument("--whole", action="store_true", help="the list goes in as a whole or not at all (good rows go in unless told)")
    parser.add_argument("--update-names", action="store_true", help="people who are known get the list's names")
    parser.add_argument("--wording", default="", help="what the people of the consent column agreed to, in the words they read")
    parser.add_argument("--go", action="store_true", help="take it in after the trial")


def run(args: argparse.Namespace) -> int:
    if not args.file.is_file():
        raise SettingsError(f"There is no file {args.file}.")
    wanted = {"path": str(args.file.resolve()), "program": args.program, "mapped": args.mapped, "whole": args.whole,
              "update_names": args.update_names, "wording": args.wording, "go": args.go}
    return shared.said(asyncio.run(shared.hand_over(shared.fitting_settings(), "import", act, wanted)))


async def act(here: Context, path: str, program: str, mapped: list[str], whole: bool, update_names: bool, wording: str,
              go: bool) -> dict[str, Any]:
    """Raises NotFound (programme), Invalid (the file, the columns), Refused (a wrong row of a list that goes in as a whole)."""
    from app.imports import service
    from app.imports.rules import Options
    from app.web.principal import system

    found_program = await _program(here, program)
    who, now = system(found_program.business_id), here.clock.now
    source = await asyncio.to_thread(Path(path).open, "rb")
    try:
        import_id = await service.receive(here.db, here.ring, who, found_program.id, path, source, now())
    finally:
        source.close()
    found = await service.get(here.db, who.business_id, import_id)
    options = Options(mode="all" if whole else "partial", names="update" if update_names else "keep", wording=wording)
    await service.choose(here.db, who, import_id, _mapping(found, mapped), options, now())
    found = await _worked(here, found)
    lines = [f"{found.name}: {found.rows_total:,} rows, {' '.join(value for value in found.reading.values() if value.strip())}",
             *_counts(found), *await _mistakes(here, found)]
    if go:
        await service.start(here.db, who, import_id, now())
        found = await _worked(here, found)
        lines.append("It is in." if found.state == "done" else "It goes on in the server; the console shows how far it is.")
    else:
        lines.append("Nothing was changed. Run it again with --go, or start it in the console:")
    return {"lines": [*lines, here.settings.address(f"/console/imports/{here.ids.encode('import', import_id)}")]}


def _mapping(found: "Import", mapped: list[str]) -> list[str]:
    """The guess, with what was said about single columns. Raises Refused for a column that the list does not have."""
    mapping = list(found.mapping)
    for one in mapped:
        column, _, kind = one.rpartition("=")
        if column not in found.columns:
            raise Refused(f"The list has no column “{column}”. It has: {', '.join(found.columns)}.")
        mapping[list(found.columns).index(column)] = kind
    return mapping


async def _worked(here: Context, found: "Import") -> "Import":
    """The list once its step is through; after PATIENCE as it stands then, because a command's answer does not wait longer."""
    from app.imports import service, working
    from app.imports.rules import WORKING

    until = time.monotonic() + PATIENCE
    while True:
        # A running server's job may have it in hand: whoever comes second does nothing and looks again.
        await working.go_on(here)
        found = await service.get(here.db, found.business_id, found.id)
        if found.state not in WORKING or time.monotonic() > until:
            return found
        await asyncio.sleep(LOOK_SECONDS)


def _counts(found: "Import") -> list[str]:
    columns = ", ".join(f"{name} = {kind}" for name, kind in zip(found.columns, found.mapping, strict=True) if kind)
    return [f"columns: {columns}", f"new {found.new_rows:,} · known {found.known_rows:,} · twice in the list {found.duplicate_rows:,} · "
            f"wrong {found.wrong_rows:,} · opening balances {found.loaded:,}"]


async def _mistakes(here: Context, found: "Import") -> list[str]:
    from app.imports import service, words

    noted = await service.noted(here.db, found, limit=SHOWN, kind="mistake")
    return [f"row {each.row}: {sentence(Refused(words.sentence(each.code), params=dict(each.params)))}" for each in noted]


async def _program(here: Context, text: str) -> "Program":
    from app.programs import service as programs

    program_id = here.ids.decode("program", text)
    for business in await programs.list_businesses(here.db) if program_id is not None else ():
        for program in await programs.list_programs(here.db, business.id):
            if program.id == program_id:
                return program
    raise NotFound(f"There is no programme {text}. The console and `GET /api/v1/programs` show the ids.")
