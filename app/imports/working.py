"""The job that tries, takes in and takes back lists: a few rows a transaction, each of which says how far it has come.

A crash, a stop or a second process loses nothing and does nothing twice: the import's row names the next row, and whoever writes the
rows behind it moves it on in the same transaction, or keeps none of it.
"""
import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from app.audit import service as audit
from app.clock import local_day, to_ms
from app.context import Context
from app.customers import rules as customer_rules
from app.db import Transaction, write_transaction
from app.imports import blocks, checking, service, store, taking, undoing
from app.imports.blocks import Line
from app.imports.rules import Mistake, Options, Person, Setting, read_row, stays_out
from app.imports.store import Import
from app.programs import service as programs
from app.programs.store import Program
from app.questions import service as questions
from app.questions.rules import Question
from app.web.principal import system

OPEN_MOST = 20
CHECKED_AT_ONCE = 100       # rows a transaction that only notes what is wrong
TAKEN_AT_ONCE = 12          # rows a transaction: a till that waits for one waits some milliseconds
UNDONE_AT_ONCE = 5          # accounts
READ_AT_ONCE = 10           # rows that are judged before the loop turns to others
SOON = 0.002


class Stopped(Exception):
    """Somebody else moved the import on, or stopped it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A row as it was read. person: None for one that could not be."""

    row: int
    person: Person | None
    wrong: Sequence[Mistake]

    @property
    def stays_out(self) -> bool:
        return self.person is None or stays_out(self.person, self.wrong)


@dataclass(eq=False, slots=True)
class Sheet:
    """What a run over a list needs again and again: its programme, what rows are judged against, and the block at hand."""

    program: Program
    questions: Sequence[Question]
    options: Options
    setting: Setting
    number: int = -1
    lines: list[Line] | None = None


async def go_on(here: Context) -> int:
    """The job: bring every list that is at work to its end; returns how many steps that took."""
    steps = 0
    while waiting := await store.working(here.db, OPEN_MOST):
        for found in waiting:
            steps += await _work(here, found)
    return steps


async def _work(here: Context, found: Import) -> int:
    """One list, until it has another state."""
    act: Callable[[Context, Sheet, Import], Awaitable[Import | None]] = {
        "checking": _check, "running": _take, "undoing": _undo}[found.state]
    sheet, steps, at_hand = await _sheet(here, found), 0, found
    while True:
        written, started = here.db.written, time.perf_counter()
        try:
            after = await act(here, sheet, at_hand)
        except Stopped:
            return steps + 1
        steps += 1
        if after is None:
            return steps
        at_hand = after
        # While others write, it rests after each step for as long as the step took: tills come first.
        await asyncio.sleep(time.perf_counter() - started if here.db.written > written + 1 else SOON)


async def _sheet(here: Context, found: Import) -> Sheet:
    program = await programs.get_program(here.db, found.business_id, found.program_id)
    business = await programs.get_business(here.db, found.business_id)
    levels = {customer_rules.fold(name): level.key for level in (program.rules.levels.levels if program.rules.levels else ())
              for name in (level.key, level.name.in_("en"), level.name.in_("ru")) if name}
    asked = [each for each in await questions.questions_of(here.db, program.id) if not each.is_standard]
    setting = Setting(business.country, business.language, local_day(here.clock.now(), business.time_zone), program.rules.unit,
                      business.currency, levels, program.rules.stamps is not None)
    return Sheet(program, asked, service.options_of(found), setting)


async def _lines(here: Context, sheet: Sheet, found: Import, most: int) -> tuple[list[Line], int, int]:
    """(the next rows, and where the list stands behind them); no rows: that was all."""
    if sheet.number != found.at_block:
        sheet.number, sheet.lines = found.at_block, await blocks.read(here.db, here.ring, found.business_id, found.id, found.at_block)
    if sheet.lines is None:
        return [], found.at_block, found.at_row
    taken = sheet.lines[found.at_row:found.at_row + most]
    to = found.at_row + len(taken)
    return taken, *((found.at_block + 1, 0) if to >= len(sheet.lines) else (found.at_block, to))


async def _judge(sheet: Sheet, found: Import, lines: Sequence[Line]) -> list[Judged]:
    judged = []
    for number, (row, cells) in enumerate(lines):
        if isinstance(cells, str):
            judged.append(Judged(row, None, [Mistake("", cells)]))
        else:
            person, wrong = read_row(row, cells, found.mapping, sheet.options, sheet.setting)
            person, wrong = checking.with_answers(person, wrong, sheet.questions, sheet.setting)
            judged.append(Judged(row, person, wrong))
        if number % READ_AT_ONCE == READ_AT_ONCE - 1:
            await asyncio.sleep(0)
    return judged


async def _check(here: Context, sheet: Sheet, found: Import) -> Import | None:
    now = here.clock.now()
    if found.at_block == 0 and found.at_row == 0:
        await _forget_earlier(here, found)
    lines, to_block, to_row = await _lines(here, sheet, found, CHECKED_AT_ONCE)
    judged = await _judge(sheet, found, lines)
    against = await checking.against(here.db, here.ring, found.business_id, [each.person for each in judged if each.person])

    async def act(tx: Transaction) -> None:
        if not lines:
            if not await store.set_state(tx, found, "checked", ("checking",), to_ms(now)):
                raise Stopped
            return
        counted, notes = await checking.note(tx, here.ring, found, judged, against)
        if not await store.advance(tx, found, to_block, to_row, counted):
            raise Stopped
        await store.note(tx, found.business_id, found.id, "check", notes)

    await write_transaction(here.db, act)
    return replace(found, at_block=to_block, at_row=to_row) if lines else None


async def _forget_earlier(here: Context, found: Import) -> None:
    """What an earlier dry run of this list saw and said."""
    for table in ("import_seen", "import_mistakes"):
        while await write_transaction(here.db, lambda tx, table=table: store.forget_part(tx, table, found.id)):  # type: ignore[misc]
            pass


async def _take(here: Context, sheet: Sheet, found: Import) -> Import | None:
    now, options = here.clock.now(), sheet.options
    lines, to_block, to_row = await _lines(here, sheet, found, TAKEN_AT_ONCE)
    out = await store.wrong_rows(here.db, found.business_id, found.id, lines[0][0], lines[-1][0]) if lines else set()
    judged = [each for each in await _judge(sheet, found, [line for line in lines if line[0] not in out]) if not each.stays_out]
    drawn = [taking.Drawn.draw(sheet.program.number_prefix) for _ in judged]
    who = system(found.business_id)

    async def act(tx: Transaction) -> str:
        if not lines:
            await store.set_state(tx, found, "done", ("running",), to_ms(now), to_ms(now))
            await audit.record(tx, who, "import.done", "import", found.id, now=now)
            return "done"
        # First of all: whoever finds the list moved on or stopped has written nothing.
        if not await store.advance(tx, found, to_block, to_row, {"rows_done": len(lines)}):
            raise Stopped
        case = taking.Case(here.ring, who, sheet.program, found, options, sheet.questions, now)
        notes = [note for each, numbers in zip(judged, drawn, strict=True) if each.person
                 for note in await taking.take(tx, case, each.person, numbers)]
        await store.note(tx, found.business_id, found.id, "run", notes)
        if late := sum(kind == "mistake" for _, kind, *_ in notes):
            await store.count_more(tx, found, "wrong_rows", late)
        if options.mode == "all" and late:
            # Somebody took a number between the trial and now: a list that shall go in as a whole goes back as a whole.
            await store.set_state(tx, found, "undoing", ("running",), to_ms(now))
            return "undoing"
        return "running"

    state = await write_transaction(here.db, act)
    return replace(found, at_block=to_block, at_row=to_row) if state == "running" else None


async def _undo(here: Context, sheet: Sheet, found: Import) -> Import | None:
    now, who = here.clock.now(), system(found.business_id)
    accounts = await store.next_accounts(here.db, found.business_id, found.id, UNDONE_AT_ONCE)

    async def act(tx: Transaction) -> None:
        if not accounts:
            await store.set_state(tx, found, "undone", ("undoing",), to_ms(now), to_ms(now))
            await audit.record(tx, who, "import.taken_back", "import", found.id, now=now)
            return
        if not await store.advance(tx, found, found.at_block, found.at_row + 1, {}):
            raise Stopped
        for account_id in accounts:
            await undoing.take_back(tx, here.ring, who, sheet.program, found, account_id, now)

    await write_transaction(here.db, act)
    return replace(found, at_row=found.at_row + 1) if accounts else None
