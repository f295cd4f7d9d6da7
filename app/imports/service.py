"""What can be done with a list: read a file, say what its columns are, try it, take it in, take it back, look at it."""
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import IO, Any

import msgspec

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid, NotFound, Refused
from app.imports import blocks, reading, rules, store, words
from app.imports.rules import Options
from app.imports.store import Import, Noted, Reader
from app.programs import service as programs
from app.questions import service as questions
from app.secrets import KeyRing
from app.text import N_
from app.web.principal import Principal

__all__ = ["CHANNEL", "Import", "ImportBusy", "Noted", "Options", "choose", "delete_unread", "forget_old", "get", "guess", "kinds_of",
           "newest", "noted", "options_of", "receive", "sample", "start", "undo"]

CHANNEL = "imports"
SAMPLED = 5
READ_FOR, KEPT_FOR = timedelta(hours=1), timedelta(days=30)
NAME_MOST = 100


class ImportBusy(Refused):
    code, detail = "import_busy", N_("This list is at work, or was taken in already.")


class ImportWrong(Refused):
    code, detail = "import_wrong", N_("Rows of this list are wrong, and it shall go in as a whole or not at all. Correct them first.")


# From a file to a list.
async def receive(db: Database, ring: KeyRing, who: Principal, program_id: int, name: str, source: IO[bytes], now: datetime) -> int:
    """Reads a file (on disk, at its beginning) in a child and keeps its rows; returns the import's id. Nothing else is written.

    Raises Forbidden, NotFound (programme), Invalid (field `file`: why the file is not taken), Busy.
    """
    _manager(who)
    program = await programs.get_program(db, who.business_id, program_id)
    import_id, number, is_read = None, 0, False
    try:
        async for said in reading.lines(source):
            if isinstance(said, list):
                assert import_id is not None
                await _keep(db, ring, who.business_id, import_id, number, said)
                number += 1
            elif "columns" in said:
                import_id = await _begin(db, who, program, name, said, now)
            else:
                assert import_id is not None
                await _end_reading(db, who, import_id, said["rows"], now)
                is_read = True
    finally:
        if import_id is not None and not is_read:
            await delete_unread(db, import_id)
    assert import_id is not None
    return import_id


async def _begin(db: Database, who: Principal, program: programs.Program, name: str, head: Mapping[str, Any], now: datetime) -> int:
    mapping = await guess(db, program, head["columns"])
    columns = [rules.without_numbers(column) for column in head["columns"]]
    row = {"business_id": who.business_id, "program_id": program.id, "name": _named(name), "mapping": json.dumps(mapping),
           "reading": json.dumps({key: head[key] for key in ("form", "encoding", "delimiter", "sheet")}, ensure_ascii=False),
           "columns": json.dumps(columns, ensure_ascii=False), "options": msgspec.json.encode(Options()).decode(),
           "actor_kind": who.kind, "actor_id": who.id, "now": to_ms(now)}
    return await write_transaction(db, lambda tx: store.insert(tx, row))


def _named(name: str) -> str:
    """A file's name without the way to it and without what cannot be shown."""
    plain = "".join(letter for letter in name.replace("\\", "/").rpartition("/")[2] if letter.isprintable()).strip()
    return plain[-NAME_MOST:] or "list"


async def _keep(db: Database, ring: KeyRing, business_id: int, import_id: int, number: int, lines: list[Any]) -> None:
    await write_transaction(db, lambda tx: blocks.keep(tx, ring, business_id, import_id, number, lines))


async def _end_reading(db: Database, who: Principal, import_id: int, rows: int, now: datetime) -> None:
    async def act(tx: Transaction) -> None:
        await store.set_read(tx, who.business_id, import_id, rows, to_ms(now))
        await audit.record(tx, who, "import.read", "import", import_id, {"rows": rows}, now=now)

    await write_transaction(db, act)


async def delete_unread(db: Database, import_id: int) -> None:
    """What arrived of a file that was refused midway goes, a part a transaction."""
    while await write_transaction(db, lambda tx: store.forget_part(tx, "import_blocks", import_id)):
        pass
    await write_transaction(db, lambda tx: store.delete(tx, import_id))


# What its columns are.
async def kinds_of(reader: Reader, program: programs.Program) -> list[str]:
    """What a column of a list for this programme can be: rules.KINDS, then the own questions' keys as q_<key>."""
    own = [each.field for each in await questions.questions_of(reader, program.id) if not each.is_standard]
    offered = {"stamps": program.rules.stamps is not None, "level": program.rules.levels is not None}
    return [kind for kind in rules.KINDS if offered.get(kind, True)] + own


async def guess(reader: Reader, program: programs.Program, columns: Sequence[str]) -> list[str]:
    known = await kinds_of(reader, program)
    own = {each.key: list(each.labels.values()) for each in await questions.questions_of(reader, program.id) if not each.is_standard}
    return [kind if kind in known else "" for kind in rules.guess(columns, own)]


def options_of(found: Import) -> Options:
    return msgspec.json.decode(found.options, type=Options)


async def choose(db: Database, who: Principal, import_id: int, mapping: Sequence[str], options: Options, now: datetime) -> None:
    """What each column is, and how the list goes in; the dry run begins, and an earlier one counts no more.

    Raises Forbidden, NotFound, Invalid (fields mapping, wording, active_days), ImportBusy.
    """
    _manager(who)
    found = await get(db, who.business_id, import_id)
    program = await programs.get_program(db, who.business_id, found.program_id)
    wrong = []
    code = rules.wrong_mapping(mapping, await kinds_of(db, program)) if len(mapping) == len(found.columns) else "unknown_kind"
    if code:
        wrong.append(FieldError("mapping", code, words.FILES[code]))
    if "consent" in mapping and not 1 <= len(options.wording.strip()) <= rules.WORDING_MOST:
        wrong.append(FieldError("wording", "required", words.FILES["wording"]))
    if not 1 <= options.active_days <= rules.DAYS_MOST:
        wrong.append(FieldError("active_days", "days", words.FILES["days"]))
    if wrong:
        raise Invalid(fields=wrong)

    async def act(tx: Transaction) -> None:
        if not await store.set_mapping(tx, found, mapping, msgspec.json.encode(options).decode(), to_ms(now)):
            raise ImportBusy()
        tx.notify(CHANNEL)

    await write_transaction(db, act)


# In, and back.
async def start(db: Database, who: Principal, import_id: int, now: datetime) -> None:
    """Take it in, by the job. Raises Forbidden, NotFound, ImportBusy (not tried yet, or at work), ImportWrong."""
    await _begin_work(db, who, import_id, "running", ("checked",), "import.started", now)


async def undo(db: Database, who: Principal, import_id: int, now: datetime) -> None:
    """Take back what nobody has used since, by the job; a list that is being taken in stops there. Raises as `start`."""
    await _begin_work(db, who, import_id, "undoing", ("done", "running"), "import.undone", now)


async def _begin_work(db: Database, who: Principal, import_id: int, state: str, was: Sequence[str], action: str, now: datetime) -> None:
    _manager(who)
    found = await get(db, who.business_id, import_id)
    if state == "running" and found.wrong_rows and options_of(found).mode == "all":
        raise ImportWrong()

    async def act(tx: Transaction) -> None:
        if not await store.set_state(tx, found, state, was, to_ms(now)):
            raise ImportBusy()
        await audit.record(tx, who, action, "import", found.id, {"rows": found.rows_total}, now=now)
        tx.notify(CHANNEL)

    await write_transaction(db, act)


# Looking.
async def get(reader: Reader, business_id: int, import_id: int) -> Import:
    """Raises NotFound, also while the file is being read."""
    found = await store.find(reader, business_id, import_id)
    if found is None or found.state == "reading":
        raise NotFound()
    return found


async def newest(reader: Reader, business_id: int, limit: int = 50) -> list[Import]:
    return await store.newest(reader, business_id, limit)


async def sample(reader: Reader, ring: KeyRing, found: Import) -> list[list[str]]:
    """The first rows that could be read, for whoever says what the columns are; none once the rows are forgotten."""
    lines = await blocks.read(reader, ring, found.business_id, found.id, 0) or []
    return [cells for _, cells in lines if isinstance(cells, list)][:SAMPLED]


async def noted(reader: Reader, found: Import, after: tuple[int, int] = (0, 0), limit: int = 100, kind: str | None = None) -> list[Noted]:
    """What was said about its rows, by row; after: (row, id) of the last one seen; kind: mistake | note."""
    return await store.noted(reader, found.business_id, found.id, after, limit, kind)


async def forget_old(db: Database, now: datetime) -> int:
    """The job: rows of lists that are in, or that nobody went on with for a month, are deleted; returns of how many lists.

    What came of them stays, so that an import can be taken back after that too.
    """
    old = await store.left_behind(db, to_ms(now - READ_FOR), to_ms(now - KEPT_FOR))
    for row in old:
        if row["state"] == "reading":
            await delete_unread(db, row["id"])
            continue
        for table in ("import_blocks", "import_seen", "import_mistakes"):
            while await write_transaction(db, lambda tx, table=table, row=row: store.forget_part(tx, table, row["id"])):  # type: ignore[misc]
                pass
        await write_transaction(db, lambda tx, row=row: store.set_forgotten(tx, row["id"], to_ms(now)))  # type: ignore[misc]
    return len(old)


def _manager(who: Principal) -> None:
    if not who.may("manager"):
        raise Forbidden()
