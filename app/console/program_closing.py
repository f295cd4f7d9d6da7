"""Closing a programme: two days, who is told, what balances are at stake; and the rule sheet, which staff can hang up."""
from datetime import date, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from app.cards import service as cards
from app.clock import from_ms, local_day, midnight_after, to_ms
from app.console import frame, program_frame
from app.console.program_fields import Typed, Values, values_of
from app.console.program_frame import PROGRAMS, program_of
from app.console.programs import kind_word
from app.errors import FieldError, Invalid, Refused
from app.programs.store import Program
from app.sales import closing, judging
from app.simulator import service as simulator
from app.text import N_
from app.web import routing
from app.web.requests import context, principal

EARNS_DAYS, SPENDS_DAYS = 30, 90
DONE = {"announced": N_("The closing is announced. Cards show it from now on."),
        "called-off": N_("The closing is called off. The programme goes on.")}
LANGUAGES = ("en", "ru")


async def close_page(request: Request) -> Response:
    """GET /console/programs/{program}/close"""
    program = await program_of(request)
    today = local_day(context(request).clock.now(), program.time_zone)
    earns, spends = [(today + timedelta(days=days)).isoformat() for days in (EARNS_DAYS, SPENDS_DAYS)]
    values: Values = {"earns_until": _day(program.earns_until_at, program) or earns, "name": "",
                      "spends_until": _day(program.spends_until_at, program) or spends}
    word = DONE.get(request.query_params.get("done", ""))
    return await _close(request, program, values, done=frame.said(request, word) if word else "")


def _day(ms: int | None, program: Program) -> str:
    """The last day before a moment that ends one."""
    return "" if ms is None else local_day(from_ms(ms - 1), program.time_zone).isoformat()


async def _close(request: Request, program: Program, values: Values, *, done: str = "", wrong: dict[str, str] | None = None,
                 status: int = 200) -> Response:
    here = context(request)
    held = await simulator.open_balances(here.db, program.business_id, program.id)
    counts = await cards.count_by_program(here.db, program.business_id)
    now = here.clock.now()
    return await program_frame.page(request, program, "close", {
        "action": program_frame.address(request, program, "close"), "values": values, "cards_count": counts.get(program.id, 0),
        "held": held, "unit": program.rules.unit, "worth": judging.worth(program.rules, held.get(program.rules.unit, (0, 0))[0]),
        "earns_until": program_frame.moment(program.earns_until_at and program.earns_until_at - 1),
        "spends_until": program_frame.moment(program.spends_until_at and program.spends_until_at - 1),
        "closed_at": program_frame.moment(program.closed_at),
        "has_begun": program.earns_until_at is not None and program.earns_until_at <= to_ms(now)}, done=done, wrong=wrong, status=status)


async def announce(request: Request) -> Response:
    """POST /console/programs/{program}/close: announced, or announced anew; the programme's name is typed to mean it."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    program, values = await program_of(request), values_of(form)
    try:
        earns, spends = _moments(values, program)
        await closing.announce(here.db, who, program.id, earns, spends, here.clock.now())
    except Invalid as refused:
        return await _close(request, program, values, wrong=program_frame.kept(
            {**values, "earns_until": "", "spends_until": "", "name": ""}, refused, request), status=422)
    except Refused as refused:
        return await _close(request, program, values, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(program_frame.address(request, program, "close") + "?done=announced")


def _moments(values: Values, program: Program) -> tuple[datetime, datetime]:
    """The ends of the two typed days. Raises Invalid."""
    typed = Typed(values, program.currency)
    earns, spends = typed.day("earns_until"), typed.day("spends_until")
    for name, day in (("earns_until", earns), ("spends_until", spends)):
        if day is None and name not in {each.field for each in typed.wrong}:
            typed.refuse(name, "day", N_("Choose a day of the calendar."))
    if typed.text("name").casefold() not in {program.name.casefold(), *(program.name_in(each).casefold() for each in LANGUAGES)}:
        typed.refuse("name", "name", N_("Type the programme’s name as it stands above, so that nothing closes by mistake."))
    typed.done()
    assert earns is not None and spends is not None
    if spends < earns:
        raise Invalid(fields=[FieldError("spends_until", "before", N_("Balances can be spent at least until earning ends."))])
    if spends == earns:
        # The same day for both: the service wants spending to outlast earning, and a minute is enough.
        return midnight_after(date.fromisoformat(earns), program.time_zone) - timedelta(minutes=1), \
            midnight_after(date.fromisoformat(spends), program.time_zone)
    return midnight_after(date.fromisoformat(earns), program.time_zone), midnight_after(date.fromisoformat(spends), program.time_zone)


async def call_off(request: Request) -> Response:
    """POST /console/programs/{program}/close/call-off"""
    here, who = context(request), principal(request)
    await frame.form_of(request)
    program = await program_of(request)
    try:
        await closing.call_off(here.db, who, program.id, here.clock.now())
    except Refused as refused:
        return await _close(request, program, {"earns_until": _day(program.earns_until_at, program), "name": "",
                                               "spends_until": _day(program.spends_until_at, program)},
                            wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(program_frame.address(request, program, "close") + "?done=called-off")


async def sheet_page(request: Request) -> Response:
    """GET /console/programs/{program}/sheet: the rules in plain words, both languages, to print."""
    program = await program_of(request)
    names = {each: await program_frame.names_of(request, program, each, is_public=True) for each in LANGUAGES}
    texts = [{"language": each, "name": program.name_in(each), "business": program.business_name_in(each),
              "kind": kind_word(program.kind, each), "sentences": program_frame.sentences(program.rules, names[each])}
             for each in LANGUAGES]
    return await program_frame.page(request, program, "sheet", {"texts": texts, "version": program.rules_version,
                                                               "since": from_ms(program.rules_since)})


_ONE = PROGRAMS + "/{program}"
routes = [
    routing.route(_ONE + "/close", close_page, who=frame.OWNER_READ, name="console:close"),
    routing.route(_ONE + "/close", announce, who=frame.OWNER, name="console:announce_closing", methods=["POST"]),
    routing.route(_ONE + "/close/call-off", call_off, who=frame.OWNER, name="console:call_off_closing", methods=["POST"]),
    routing.route(_ONE + "/sheet", sheet_page, who=frame.PROGRAM_READ, name="console:sheet"),
]
