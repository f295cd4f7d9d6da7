"""Links to a closed club: made for so many guests or until a day, handed on, closed."""
from datetime import date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors, secrets
from app.clock import local_day, midnight_after
from app.console import frame
from app.console.program_frame import program_of
from app.programs import service as programs
from app.programs.store import Program
from app.referrals import service as referrals
from app.referrals.rules import CODE_LETTERS
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, language, principal

INVITATIONS = "/console/invitations"
DONE = {"made": N_("The link is made. Hand it to your guests."), "closed": N_("Nobody joins by this link any more.")}


async def invitations_page(request: Request) -> Response:
    """GET /console/invitations"""
    return await _page(request, done=DONE.get(request.query_params.get("done", ""), ""))


async def _page(request: Request, typed: dict[str, str] | None = None, *, done: str = "", wrong: dict[str, str] | None = None) -> Response:
    here, who, now = context(request), principal(request), context(request).clock.now()
    business = await programs.get_business(here.db, who.business_id)
    known = {program.id: program for program in await programs.list_programs(here.db, who.business_id)}
    chosen = await program_of(request)
    rows = []
    for each in await referrals.list_invitations(here.db, who.business_id):
        program = known[each.program_id]
        rows.append({"id": here.ids.encode("invitation", each.id), "used": each.used, "uses": each.uses, "ends_at": each.ends_at,
                     "is_open": each.is_open(now), "program": program.name_in(language(request)),
                     "address": here.settings.address(f"/e/{business.slug}/{program.slug}?friend={each.code}")})
    clubs = [(here.ids.encode("program", program.id), program.name_in(language(request))) for program in known.values()
             if program.rules.club is not None and program.rules.club.by == "invitation"]
    return await frame.page(request, "invitations", {
        "invitations": rows, "clubs": clubs, "action": INVITATIONS,
        "values": typed or {"program": here.ids.encode("program", chosen.id), "uses": "1", "ends_on": ""}},
        done=frame.said(request, done) if done else "", wrong=wrong, status=422 if wrong else 200)


async def act(request: Request) -> Response:
    """POST /console/invitations: makes a link, or closes the one that `close` names."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    if closing := text_field(form, "close", 64):
        await referrals.close_invitation(here.db, who, here.ids.decode("invitation", closing) or 0, here.clock.now())
        return frame.to(f"{INVITATIONS}?done=closed")
    typed = frame.texts(form, "program", "uses", "ends_on")
    try:
        program = await _club(request, typed["program"])
        await referrals.create_invitation(here.db, who, program.id, secrets.new_token(CODE_LETTERS), _uses(typed["uses"]),
                                          _end(typed["ends_on"], program, here.clock.now()), here.clock.now())
    except errors.Invalid as refused:
        return await _page(request, typed, wrong=frame.sentences_of(request, refused))
    return frame.to(f"{INVITATIONS}?done=made")


async def _club(request: Request, public_id: str) -> Program:
    here, who = context(request), principal(request)
    try:
        program = await programs.get_program(here.db, who.business_id, here.ids.decode("program", public_id) or 0)
    except errors.NotFound:
        program = None
    if program is None or program.rules.club is None:
        raise _wrong("program", "club", N_("Choose a programme that is a closed club."))
    return program


def _uses(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _wrong("uses", "integer", N_("Type a whole number."))
    return int(text)


def _end(text: str, program: Program, now: datetime) -> datetime | None:
    """The midnight that the last day ends with."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise _wrong("ends_on", "date", N_("Choose a day.")) from error
    if day < local_day(now, program.time_zone) or day.year > now.year + 20:
        raise _wrong("ends_on", "date", N_("Choose a day that is still to come."))
    return midnight_after(day, program.time_zone)


def _wrong(field: str, code: str, sentence: str) -> errors.Invalid:
    return errors.Invalid(fields=[errors.FieldError(field, code, sentence)])


routes: list[Any] = [
    routing.route(INVITATIONS, invitations_page, who=frame.MANAGER_READ, name="console:invitations"),
    routing.route(INVITATIONS, act, who=frame.MANAGER, name="console:invite_guests", methods=["POST"]),
]
