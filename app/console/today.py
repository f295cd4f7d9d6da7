"""The console's first page: four numbers, one chart, what just happened."""
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.cards import service as cards
from app.console import approvals, frame, offline, suspicions
from app.console.audit_log import actors
from app.console.program_frame import program_of
from app.customers import service as customers
from app.ledger.operations import Operation
from app.ledger.shown import shown
from app.passes.faces import worth_minor
from app.programs import service as programs
from app.reports import service as reports
from app.sales import service as sales
from app.simulator import service as simulator
from app.web import routing
from app.web.requests import context, language, principal

NEWEST = 10


async def today_page(request: Request) -> Response:
    """GET /console"""
    here, who, program = context(request), principal(request), await program_of(request)
    found = await reports.today(here.db, who.business_id, here.clock.now(), reports.Part(who.kept_location_id, who.program_ids))
    sees_sales = routing.opens(request, "GET", "/console/operations")
    newest = await sales.list_operations(here.db, who, location_id=who.kept_location_id, limit=NEWEST) if sees_sales else None
    redeemed = await simulator.redemption_rate(here.db, who.business_id, program, here.clock.now() - timedelta(days=reports.DAYS),
                                               here.clock.now() + timedelta(seconds=1))
    numbers = {name: getattr(found, name) for name in ("new_cards", "new_cards_before", "visits", "visits_before", "visitors", "returned",
                                                       "points_open")}
    worth = None if found.points_open is None else worth_minor(found.points_open, program.rules)
    return await frame.page(request, "today", {
        "numbers": {**numbers, "points_open_minor": worth, "redeemed_bp": redeemed},
        "days": list(found.days), "before": list(found.before) if any(found.before) else [], "best_day": found.best_day,
        "suspicions": await suspicions.rows(request) if sees_sales and not who.kept_to else [],
        "waiting": await approvals.count_waiting(request) if routing.opens(request, "GET", "/console/approvals") else 0,
        "offline": await offline.count_open(request) if routing.opens(request, "GET", offline.OFFLINE) else 0,
        "events": await rows_of(request, newest.items) if newest else [], "sees_sales": sees_sales})


async def rows_of(request: Request, operations: list[Operation]) -> list[dict[str, Any]]:
    """Operations as lists show them: whose card, where, by whom."""
    here, who, said = context(request), principal(request), language(request)
    held = {each.card_id: await cards.get_card(here.db, who.business_id, each.card_id) for each in operations}
    people = await customers.get_many(here.db, here.ring, who.business_id,
                                      {card.customer_id for card in held.values() if card.customer_id is not None})
    places = {place.id: place.name_in(said) for place in await programs.list_locations(here.db, who.business_id)}
    names = await actors(request)
    return [_row(request, each, held[each.card_id], people, places, names) for each in operations]


def _row(request: Request, operation: Operation, card: cards.Card, people: dict[int, customers.Customer], places: dict[int, str],
         names: dict[tuple[str, int | None], str]) -> dict[str, Any]:
    here = context(request)
    customer = people.get(card.customer_id) if card.customer_id is not None else None
    place, actor = places.get(operation.location_id or 0, ""), names.get((operation.actor_kind, operation.actor_id), "")
    amount = operation.pay_back_minor if operation.kind in ("refund", "undo") else operation.amount_minor
    return {**shown(operation), "name": (customer.name if customer else None) or "", "number_end": card.number[-4:],
            "place": place, "who": actor, "note": " · ".join(filter(None, (place, actor))), "receipt": operation.receipt or "",
            "amount_minor": amount or None, "url": f"/console/cards/{here.ids.encode('card', card.id)}"}


routes = [routing.route("/console", today_page, who=frame.ANYONE, name="console:today")]
