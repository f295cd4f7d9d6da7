"""The ways to a card of a programme: which are open, and plastic cards made to be printed."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.clock import from_ms
from app.console import frame
from app.console.program_frame import program_of, switch_of
from app.enrolment import plastic, ways
from app.enrolment.ways import Ways
from app.mail import service as mail
from app.programs import service as programs
from app.programs.store import Program
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal
from app.web.tables import csv_answer, csv_rows

WAYS = "/console/ways"
DONE = {"kept": N_("Kept."), "closed": N_("Closed: what nobody activated can be activated no more.")}
HEADS = (N_("Card number"), N_("Check code"), N_("Page"))


async def page(request: Request) -> Response:
    """GET /console/ways: of ?program=, else the first one."""
    word = DONE.get(request.query_params.get("done", ""))
    return await _page(request, done=frame.said(request, word) if word else "")


async def _page(request: Request, typed: dict[str, str] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                status: int = 200) -> Response:
    here, program = context(request), await program_of(request)
    made = [each for each in await plastic.batches(here.db, program.business_id) if each.program_id == program.id]
    return await frame.page(request, "ways", {
        "other_programs": await switch_of(request, program, WAYS), "program_name": program.name_in(language(request)),
        "ways": await ways.ways_of(here.db, program), "may_be_anonymous": ways.may_be_anonymous(program.rules),
        "has_mail": mail.is_set_up(here.settings), "action": _at(request, program), "plastic_action": _at(request, program, "/plastic"),
        "page_address": here.settings.address(f"/e/{await _slug(request)}/{program.slug}/card"),
        "batches": [_batch(request, program, each) for each in made], "values": typed or {"name": "", "count": "100"}},
        done=done, wrong=wrong, status=status)


def _at(request: Request, program: Program, below: str = "", **query: str) -> str:
    query = {"program": context(request).ids.encode("program", program.id), **query}
    return f"{WAYS}{below}?" + "&".join(f"{name}={value}" for name, value in query.items())


async def _slug(request: Request) -> str:
    return (await programs.get_business(context(request).db, principal(request).business_id)).slug


def _batch(request: Request, program: Program, batch: plastic.Batch) -> dict[str, Any]:
    row_id = context(request).ids.encode("plastic_batch", batch.id)
    return {"name": batch.name, "cards": batch.cards, "activated": batch.activated, "at": from_ms(batch.created_at),
            "close_action": "" if batch.closed_at else _at(request, program, f"/plastic/{row_id}/close")}


async def keep(request: Request) -> Response:
    """POST /console/ways"""
    here, program, form = context(request), await program_of(request), await frame.form_of(request)
    wanted = Ways(**{name: bool(form.get(name)) for name in ways.NAMES})
    try:
        await ways.set_ways(here.db, principal(request), program.id, wanted, here.clock.now())
    except errors.Invalid as refused:
        return await _page(request, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(_at(request, program, done="kept"))


async def make_plastic(request: Request) -> Response:
    """POST /console/ways/plastic: the cards as a file to be printed from, once: their codes are kept hashed."""
    here, program, form = context(request), await program_of(request), await frame.form_of(request)
    typed = frame.texts(form, "name", "count")
    count = int(typed["count"]) if typed["count"].isascii() and typed["count"].isdigit() and len(typed["count"]) < 7 else 0
    try:
        _, made = await plastic.make_batch(here.db, here.ring, principal(request), program.id, typed["name"], count, here.clock.now())
    except errors.Invalid as refused:
        return await _page(request, typed, wrong=frame.sentences_of(request, refused), status=422)
    address = here.settings.address(f"/e/{await _slug(request)}/{program.slug}/card")
    heads = [frame.said(request, head) for head in HEADS]
    return csv_answer("plastic-cards", csv_rows([heads, *([card.number, card.code, address] for card in made)]))


async def close_plastic(request: Request) -> Response:
    """POST /console/ways/plastic/{plastic}/close"""
    here = context(request)
    await frame.form_of(request)
    await plastic.close_batch(here.db, principal(request), frame.own_id(request, "plastic_batch", "plastic"), here.clock.now())
    return frame.to(_at(request, await program_of(request), done="closed"))


routes = [
    routing.route(WAYS, page, who=frame.MARKET_READ, name="console:ways"),
    routing.route(WAYS, keep, who=frame.MANAGER, name="console:keep_ways", methods=["POST"]),
    routing.route(WAYS + "/plastic", make_plastic, who=frame.MANAGER, name="console:make_plastic", methods=["POST"]),
    routing.route(WAYS + "/plastic/{plastic}/close", close_plastic, who=frame.MANAGER, name="console:close_plastic", methods=["POST"]),
]
