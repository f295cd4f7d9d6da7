"""Every operation, newest first, by receipt, card, kind, place and day."""
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from app.cards import service as cards
from app.console import frame
from app.console.today import rows_of
from app.programs import service as programs
from app.sales import service as sales
from app.web import routing
from app.web.requests import context, language, principal

OPERATIONS = "/console/operations"
KINDS = ("sale", "undo", "refund", "visit", "purchase", "claim", "event", "referral", "answer", "adjustment", "welcome", "expiry", "freeze",
         "merge_in", "merge_out", "closing")
SHOWN = 50


async def operations_page(request: Request) -> Response:
    """GET /console/operations"""
    here, who, query = context(request), principal(request), request.query_params
    business = await programs.get_business(here.db, who.business_id)
    places = [each for each in await programs.list_locations(here.db, who.business_id) if who.reaches(location_id=each.id)]
    text, kind = query.get("q", "").strip()[:64], query.get("kind", "") if query.get("kind") in KINDS else ""
    place = here.ids.decode("location", query.get("location", ""))
    place = place if any(each.id == place for each in places) else who.kept_location_id
    first, last = _day(query.get("from", "")), _day(query.get("to", ""))
    page = await _found(request, text, business.country, kind=kind or None, location_id=place, before=_cursor(query.get("before", "")),
                        since=_begin(first, business.time_zone),
                        until=_begin(last + timedelta(days=1) if last else None, business.time_zone))
    kept = {name: query[name] for name in ("q", "kind", "location", "from", "to") if query.get(name)}
    return await frame.page(request, "operations", {
        "q": text, "kinds": KINDS, "kind_chosen": kind, "place_id": here.ids.encode("location", place) if place else "",
        "places": [(here.ids.encode("location", each.id), each.name_in(language(request))) for each in places],
        "from_day": first.isoformat() if first else "", "to_day": last.isoformat() if last else "",
        "operations": await rows_of(request, page.items),
        "next_url": f"{OPERATIONS}?{urlencode({**kept, 'before': f'{page.next[0]}-{page.next[1]}'})}" if page.next else "",
        "first_url": f"{OPERATIONS}?{urlencode(kept)}" if query.get("before") else ""})


async def _found(request: Request, text: str, country: str, **filters: Any) -> sales.Page:
    """By a card where the text is a card's or a phone, else by receipt number."""
    here, who = context(request), principal(request)
    if not text:
        return await sales.list_operations(here.db, who, limit=SHOWN, **filters)
    found = await cards.find(here.db, here.ring, who, text, country, here.clock.now())
    if found.cards:
        return await sales.list_operations(here.db, who, card_id=found.cards[0].id, limit=SHOWN, **filters)
    return await sales.list_operations(here.db, who, receipt=text, limit=SHOWN, **filters)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2200 else None


def _begin(day: date | None, zone: str) -> datetime | None:
    return datetime.combine(day, time(0), ZoneInfo(zone)) if day else None


def _cursor(text: str) -> tuple[int, int] | None:
    at, _, row = text.partition("-")
    return (int(at), int(row)) if at.isascii() and at.isdigit() and row.isascii() and row.isdigit() and len(text) < 36 else None


routes = [routing.route(OPERATIONS, operations_page, who=frame.PART_READ, name="console:operations")]
