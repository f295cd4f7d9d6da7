"""Lists of another system: sent, mapped, tried, taken in with a bar that moves, and taken back; each step survives a reload."""
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app import errors
from app.clock import from_ms
from app.console import frame
from app.console.program_frame import program_of, switch_of
from app.imports import blocks, rules, service, words
from app.imports.service import Import, Noted, Options
from app.programs import service as programs
from app.programs import words as program_words
from app.programs.store import Program
from app.questions import service as questions
from app.text import N_
from app.web import routing
from app.web.forms import check_forgery, read_file
from app.web.requests import context, language, principal
from app.web.tables import csv_rows

IMPORTS = "/console/imports"
SHOWN = 50
MOST_COLUMNS = 260           # fields of a form: two hundred columns and how the list goes in
DONE = {"started": N_("The list is being taken in. You may leave this page."), "undoing": N_("The list is being taken back.")}
KINDS = {
    "": N_("left out"), "phone": N_("phone"), "name": N_("name"), "email": N_("e-mail"), "birthday": N_("birthday"),
    "alias": N_("old card number or barcode"), "balance": N_("balance"), "balance_ends": N_("last day of the balance"),
    "stamps": N_("stamps"), "level": N_("level"), "tags": N_("tags"), "last_visit": N_("last visit"),
    "consent": N_("agreed to messages"), "language": N_("language")}
STATES = {"mapping": N_("waits for its columns"), "checking": N_("being tried"), "checked": N_("tried, waits for you"),
          "running": N_("being taken in"), "done": N_("is in"), "undoing": N_("being taken back"), "undone": N_("taken back")}
STONES = {"mapping": "waiting", "checking": "waiting", "checked": "waiting", "running": "active", "done": "active", "undoing": "waiting",
          "undone": "over"}
ROW, WRONG = N_("Row"), N_("What is wrong")


# All of them.
async def imports_page(request: Request) -> Response:
    """GET /console/imports"""
    return await _imports(request)


async def _imports(request: Request, *, wrong: Mapping[str, str] | None = None, status: int = 200) -> Response:
    here, who = context(request), principal(request)
    program = await program_of(request)
    found = await service.newest(here.db, who.business_id)
    return await frame.page(request, "imports", {
        "imports": [_line(request, each) for each in found], "action": f"{IMPORTS}?program={here.ids.encode('program', program.id)}",
        "program_name": program.name_in(language(request)), "other_programs": await switch_of(request, program, IMPORTS)},
        wrong=wrong, status=status)


def _line(request: Request, found: Import) -> dict[str, Any]:
    return {"name": found.name, "url": _address(request, found), "state": frame.said(request, STATES[found.state]),
            "stone": STONES[found.state], "rows": found.rows_total, "at": from_ms(found.created_at)}


def _address(request: Request, found: Import) -> str:
    return f"{IMPORTS}/{context(request).ids.encode('import', found.id)}"


async def send(request: Request) -> Response:
    """POST /console/imports: read a file; nothing else happens."""
    here, who, program = context(request), principal(request), await program_of(request)
    try:
        form, sent = await read_file(request, "file", rules.MOST_BYTES)
        async with _closing(form):
            check_forgery(request, form, frame.KIND)
            if sent is None:
                raise errors.Invalid(fields=[errors.FieldError("file", "required", words.FILES["required"])])
            sent.file.flush()
            os.lseek(sent.file.fileno(), 0, os.SEEK_SET)        # the child reads the file itself, from its beginning
            import_id = await service.receive(here.db, here.ring, who, program.id, sent.filename or "", sent.file, here.clock.now())
    except errors.TooLarge as refused:
        return await _imports(request, wrong={"file": frame.said(request, words.FILES["too_large"])}, status=frame.status_for(refused))
    except (errors.Invalid, errors.Unavailable) as refused:
        return await _imports(request, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{IMPORTS}/{here.ids.encode('import', import_id)}")


class _closing:
    """Closes a form's file whatever happens."""

    def __init__(self, form: Any) -> None:
        self.form = form

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *exc: object) -> None:
        await self.form.close()


# One of them.
async def import_page(request: Request) -> Response:
    """GET /console/imports/{import}"""
    done = DONE.get(request.query_params.get("done", ""), "")
    return await _import(request, await _found(request), done=frame.said(request, done) if done else "")


async def _found(request: Request) -> Import:
    return await service.get(context(request).db, principal(request).business_id, frame.own_id(request, "import", "import"))


async def _import(request: Request, found: Import, typed: Mapping[str, Any] | None = None, *, done: str = "",
                  wrong: Mapping[str, str] | None = None, status: int = 200) -> Response:
    here, address = context(request), _address(request, found)
    program = await programs.get_program(here.db, found.business_id, found.program_id)
    noted = await service.noted(here.db, found, limit=SHOWN + 1)
    is_open = found.state in ("mapping", "checked") and found.forgotten_at is None
    return await frame.page(request, "import", {
        "list": _line(request, found) | {"count": found, "reading": _reading(request, found), "loaded": _amount(request, program, found)},
        "columns": await _columns(request, program, found, typed) if is_open else [], "options": typed or _options(found),
        "kinds": await _kinds(request, program) if is_open else [], "program_name": program.name_in(language(request)),
        "noted": [_told(request, found, each) for each in noted[:SHOWN]], "has_more": len(noted) > SHOWN,
        "progress": _progress(request, found) if found.state in rules.WORKING else None, "progress_url": f"{address}/progress",
        "mapping_action": f"{address}/mapping", "start_action": f"{address}/start", "undo_action": f"{address}/undo",
        "mistakes_url": f"{address}/mistakes.csv", "list_url": IMPORTS,
        "invite_url": f"/console/campaigns?import={here.ids.encode('import', found.id)}",
        "needs_all": service.options_of(found).mode == "all"}, done=done, wrong=wrong, status=status)


def _reading(request: Request, found: Import) -> str:
    """What the file was taken for, so that a wrong guess is seen at once."""
    if found.reading["form"] == "xlsx":
        return frame.said(request, N_("XLSX, the sheet “%(sheet)s”"), sheet=found.reading["sheet"])
    names = {";": N_("semicolons"), ",": N_("commas"), "\t": N_("tabs")}
    sign = frame.said(request, names[found.reading["delimiter"]])
    if found.reading["encoding"] == "cp1251":
        return frame.said(request, N_("CSV with %(sign)s; the letters look like Windows-1251, which is a guess"), sign=sign)
    return frame.said(request, N_("CSV with %(sign)s, %(encoding)s"), sign=sign, encoding=found.reading["encoding"].upper())


def _amount(request: Request, program: Program, found: Import) -> str:
    return program_words.amount(found.loaded, program.rules.unit, program.currency, language(request))


def _options(found: Import) -> dict[str, Any]:
    options = service.options_of(found)
    return {"mode": options.mode, "names": options.names, "active_days": str(options.active_days), "wording": options.wording}


async def _columns(request: Request, program: Program, found: Import, typed: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    here = context(request)
    sample = await service.sample(here.db, here.ring, found)
    mapping = typed["mapping"] if typed else found.mapping
    return [{"number": number, "name": name or frame.said(request, N_("column %(number)s"), number=number + 1), "kind": mapping[number],
             "sample": [row[number][:40] for row in sample if row[number].strip()][:3]} for number, name in enumerate(found.columns)]


async def _kinds(request: Request, program: Program) -> list[tuple[str, str]]:
    known = await service.kinds_of(context(request).db, program)
    own = {each.field: each.label_in(language(request)) for each in await questions.questions_of(context(request).db, program.id)}
    return [("", frame.said(request, KINDS[""])), *((kind, frame.said(request, KINDS[kind]) if kind in KINDS else own[kind])
                                                    for kind in known)]


def _told(request: Request, found: Import, each: Noted) -> dict[str, Any]:
    return {"row": each.row, "is_wrong": each.kind == "mistake", "stays": each.phase == "undo", "column": _column_of(found, each.field),
            "says": frame.said(request, words.sentence(each.code), **each.params)}


def _column_of(found: Import, kind: str) -> str:
    """The column's own name, as it stands in the file."""
    return next((name for name, is_what in zip(found.columns, found.mapping, strict=True) if kind and is_what == kind), "")


def _progress(request: Request, found: Import) -> dict[str, Any]:
    """As the page and its script show it."""
    done = {"checking": found.rows_checked, "running": found.rows_done, "undoing": found.undone_rows + found.kept_rows}[found.state]
    total = found.rows_total if found.state != "undoing" else found.new_rows + found.known_rows + found.duplicate_rows
    number = program_words.number
    return {"state": found.state, "done": min(done, total), "total": total,
            "words": frame.said(request, N_("%(done)s of %(total)s rows"), done=number(min(done, total)), total=number(total))}


async def progress(request: Request) -> Response:
    """GET /console/imports/{import}/progress: how far it is, for the page's script."""
    found = await _found(request)
    shown = _progress(request, found) if found.state in rules.WORKING else {"state": found.state}
    return JSONResponse(shown, headers={"Cache-Control": "private, no-store"})


async def choose(request: Request) -> Response:
    """POST /console/imports/{import}/mapping: what its columns are; the dry run begins."""
    here, who, form = context(request), principal(request), await frame.form_of(request, MOST_COLUMNS)
    found = await _found(request)
    texts = frame.texts(form, "mode", "names", "active_days", "wording", *(f"column{number}" for number in range(len(found.columns))))
    typed = {**texts, "mapping": [texts[f"column{number}"] for number in range(len(found.columns))]}
    days = texts["active_days"]
    options = replace(Options(), mode="all" if texts["mode"] == "all" else "partial", wording=texts["wording"],
                      names="update" if texts["names"] == "update" else "keep",
                      active_days=int(days) if days.isascii() and days.isdigit() and len(days) < 5 else 0)
    try:
        await service.choose(here.db, who, found.id, typed["mapping"], options, here.clock.now())
    except errors.Invalid as refused:
        return await _import(request, found, typed, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(_address(request, found))


async def start(request: Request) -> Response:
    """POST /console/imports/{import}/start"""
    return await _work(request, service.start, "started")


async def undo(request: Request) -> Response:
    """POST /console/imports/{import}/undo"""
    return await _work(request, service.undo, "undoing")


async def _work(request: Request, act: Any, done: str) -> Response:
    here, found = context(request), await _found(request)
    await frame.form_of(request)
    try:
        await act(here.db, principal(request), found.id, here.clock.now())
    except errors.Refused as refused:
        return await _import(request, await _found(request), wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{_address(request, found)}?done={done}")


# What was wrong, as a list that can be corrected and sent again.
async def mistakes_csv(request: Request) -> Response:
    """GET /console/imports/{import}/mistakes.csv: each wrong row as it stood in the file, with what is wrong in front."""
    found = await _found(request)
    name = f"mistakes-{context(request).ids.encode('import', found.id)}"
    return StreamingResponse(_mistakes(request, found), media_type="text/csv; charset=utf-8",
                             headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "private, no-store"})


async def _mistakes(request: Request, found: Import) -> AsyncIterator[str]:
    here, number, lines = context(request), -1, list[blocks.Line]()
    yield "\ufeff" + csv_rows([[frame.said(request, ROW), frame.said(request, WRONG), *found.columns]])
    after, row, says = (0, 0), 0, list[str]()
    cells: dict[int, Any] = {}
    while True:
        page = await service.noted(here.db, found, after, 500, "mistake")
        for each in page:
            if each.row != row:
                if row:
                    yield _mistake(found, row, says, cells.get(row))
                row, says = each.row, []
            says.append(frame.said(request, words.sentence(each.code), **each.params))
            while row not in cells and (not lines or lines[-1][0] < row):
                number += 1
                lines = await blocks.read(here.db, here.ring, found.business_id, found.id, number) or []
                if not lines:
                    break
                cells = dict(lines)
        if not page:
            break
        after = (page[-1].row, page[-1].id)
    if row:
        yield _mistake(found, row, says, cells.get(row))


def _mistake(found: Import, row: int, says: list[str], cells: Any) -> str:
    return csv_rows([[row, " ".join(says), *(cells if isinstance(cells, list) else [""] * len(found.columns))]])


routes = [
    routing.route(IMPORTS, imports_page, who=frame.MANAGER_READ, name="console:imports"),
    routing.route(IMPORTS, send, who=frame.MANAGER, name="console:send_import", methods=["POST"]),
    routing.route(IMPORTS + "/{import}", import_page, who=frame.MANAGER, name="console:import"),
    routing.route(IMPORTS + "/{import}/progress", progress, who=frame.MANAGER, name="console:import_progress"),
    routing.route(IMPORTS + "/{import}/mapping", choose, who=frame.MANAGER, name="console:map_import", methods=["POST"]),
    routing.route(IMPORTS + "/{import}/start", start, who=frame.MANAGER, name="console:start_import", methods=["POST"]),
    routing.route(IMPORTS + "/{import}/undo", undo, who=frame.MANAGER, name="console:undo_import", methods=["POST"]),
    routing.route(IMPORTS + "/{import}/mistakes.csv", mistakes_csv, who=frame.MANAGER, name="console:import_mistakes"),
]
