"""A programme's codes: whether they change with the time, and what a code that stands still may do."""
from starlette.requests import Request
from starlette.responses import Response

from app.cards import rotation, rotation_rules
from app.console import frame, program_frame
from app.console.program_fields import Values, values_of
from app.console.program_frame import PROGRAMS, program_of
from app.errors import Invalid
from app.programs.store import Program
from app.text import N_
from app.web import routing
from app.web.requests import context, principal

DONE = {"kept": N_("Kept. Every card learns of it."), "same": N_("Nothing was changed.")}
PERIODS = [("0", N_("Codes stand still")), ("30", N_("A new code every 30 seconds")), ("60", N_("A new code every minute"))]


async def codes_page(request: Request) -> Response:
    """GET /console/programs/{program}/codes"""
    program = await program_of(request)
    word = DONE.get(request.query_params.get("done", ""))
    values: Values = {"seconds": str(program.rotation_seconds), "static": "1" if program.static_redeems else ""}
    return await _codes(request, program, values, done=frame.said(request, word) if word else "")


async def _codes(request: Request, program: Program, values: Values, *, done: str = "", wrong: dict[str, str] | None = None) -> Response:
    chosen = values["seconds"]
    # One that the API chose, between the two that are offered here.
    offered = [*PERIODS, *([(chosen, N_("A new code every %(seconds)s seconds"))] if chosen not in dict(PERIODS) and not wrong else [])]
    return await program_frame.page(request, program, "codes", {
        "action": program_frame.address(request, program, "codes"), "values": values, "rotates": program.rotation_seconds > 0,
        "periods": [(value, frame.said(request, words, seconds=value)) for value, words in offered],
        "minutes": rotation_rules.PRESENTED_FOR.seconds // 60}, done=done, wrong=wrong, status=422 if wrong else 200)


async def keep(request: Request) -> Response:
    """POST /console/programs/{program}/codes"""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    program, typed = await program_of(request), values_of(form)
    text = typed.get("seconds", "")
    values: Values = {"seconds": text if isinstance(text, str) else "", "static": "1" if typed.get("static") else ""}
    seconds = int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 6 else -1
    try:
        is_new = await rotation.choose(here.db, who, program.id, seconds, bool(values["static"]), here.clock.now())
    except Invalid as refused:
        sentences = frame.sentences_of(request, refused)
        return await _codes(request, program, values, wrong={"seconds": next(iter(sentences.values()))})
    return frame.to(f"{program_frame.address(request, program, 'codes')}?done={'kept' if is_new else 'same'}")


_ONE = PROGRAMS + "/{program}/codes"
routes = [
    routing.route(_ONE, codes_page, who=frame.PROGRAM_READ, name="console:codes"),
    routing.route(_ONE, keep, who=frame.PROGRAM, name="console:keep_codes", methods=["POST"]),
]
