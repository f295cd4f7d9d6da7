"""Cards by who gave them: agents, cashiers, places, posters and programs, for a month or a year; also as a file."""
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.console import frame, words
from app.enrolment.issued import Issued, issued
from app.programs import service as programs
from app.staff import service as staff
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal
from app.web.tables import csv_answer, csv_rows

ISSUED = "/console/issued"
DAYS = {"30": N_("30 days"), "90": N_("90 days"), "365": N_("a year")}
HEADS = (N_("Given by"), N_("Role"), N_("Place"), N_("Way"), N_("Poster"), N_("Begun"), N_("Cards"), N_("Wrong number"))


async def page(request: Request) -> Response:
    """GET /console/issued?days="""
    days = _days(request)
    return await frame.page(request, "issued", {
        "rows": await _rows(request, days), "heads": [frame.said(request, head) for head in HEADS],
        "periods": [{"url": f"{ISSUED}?days={each}", "name": frame.said(request, name), "current": each == days}
                    for each, name in DAYS.items()], "csv_url": f"{ISSUED}.csv?days={days}"})


def _days(request: Request) -> str:
    asked = request.query_params.get("days", "")
    return asked if asked in DAYS else "30"


async def as_file(request: Request) -> Response:
    """GET /console/issued.csv?days="""
    rows = await _rows(request, _days(request))
    return csv_answer("cards-by-who-gave-them", csv_rows([[frame.said(request, head) for head in HEADS], *rows]))


async def _rows(request: Request, days: str) -> list[list[Any]]:
    """As HEADS names them."""
    here, business_id, now = context(request), principal(request).business_id, context(request).clock.now()
    kept = principal(request).kept_location_id
    found = await issued(here.db, business_id, now - timedelta(days=int(days)), now + timedelta(seconds=1))
    people = {each.id: each for each in await staff.list_staff(here.db, here.ring, business_id)}
    keys = {each.id: each.name for each in await staff.list_keys(here.db, business_id)}
    places = {each.id: each.name_in(language(request)) for each in await programs.list_locations(here.db, business_id)}

    def row(one: Issued) -> list[Any]:
        person = people.get(one.actor_id) if one.actor_kind == "staff" and one.actor_id else None
        name = person.name if person else keys.get(one.actor_id or 0, "") if one.actor_kind == "api_key" else ""
        if not name and one.actor_kind in words.ACTORS:
            name = frame.said(request, words.ACTORS[one.actor_kind])
        return [name, frame.said(request, words.ROLES[person.role]) if person else "", places.get(one.location_id or 0, ""),
                frame.said(request, words.SOURCES[one.source]) if one.source in words.SOURCES else one.source, one.poster, one.begun,
                one.activated, one.refused]

    return [row(each) for each in found if kept is None or each.location_id == kept]


routes = [
    routing.route(ISSUED, page, who=frame.ISSUED_READ, name="console:issued"),
    routing.route(ISSUED + ".csv", as_file, who=frame.ISSUED_READ, name="console:issued_csv"),
]
