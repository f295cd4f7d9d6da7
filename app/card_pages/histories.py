"""What happened on a card: the newest on its page, all of it page by page."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.card_pages import frame, service
from app.card_pages.frame import Visit
from app.ledger import day_seals
from app.ledger.operations import Operation
from app.ledger.shown import shown as entry_of
from app.programs import service as programs
from app.web.routing import link, route

NEWEST, A_PAGE = 10, 30


async def shown(visit: Visit, limit: int = NEWEST, newest: int | None = None) -> dict[str, Any]:
    """history: entries, newest first; count: of all; older: the number from which the next page goes on, 0 where this is the last.

    newest: the number of the first one shown; None: the last thing that happened. An account's first operation has number 1. Places
    only through the card link: the pass link is shown around.
    """
    db, card = visit.here.db, visit.card
    count = await day_seals.count(db, card.business_id, card.account_id)
    first = count if newest is None else min(newest, count)
    above = await day_seals.operation_of_receipt(db, card.business_id, card.account_id, first + 1) if first < count else None
    operations = await service.history(db, visit.opened, limit, before=above)
    is_own = visit.opened.strength == "card"
    places = {place.id: place.name_in(visit.language) for place in await programs.list_locations(db, card.business_id)} if is_own else {}
    return {"history": [_entry(operation, places, visit.path(f"/receipts/{first - at}") if is_own else None)
                        for at, operation in enumerate(operations)],
            "count": count, "first": first, "older": max(0, first - limit)}


def _entry(operation: Operation, places: dict[int, str], url: str | None) -> dict[str, Any]:
    return {**entry_of(operation), "amount_minor": operation.amount_minor or None, "place": places.get(operation.location_id or 0),
            "who": None, "url": url}


async def page(request: Request) -> Response:
    """GET /c/{token}/history?from={number}: thirty at a time."""
    visit = await frame.arrive(request)
    text = request.query_params.get("from", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    found = await shown(visit, A_PAGE, number or None)
    older, newer = found["older"], found["first"] + A_PAGE
    above = "/history" if newer >= found["count"] else f"/history?from={newer}"
    return await frame.page(visit, "cards/history.html", {
        **found, "currency": visit.program.currency, "older_url": visit.path(f"/history?from={older}") if older else "",
        "newer_url": visit.path(above) if found["first"] < found["count"] else ""})


routes = [route("/c/{token}/history", page, who=link, name="card-pages:history")]
