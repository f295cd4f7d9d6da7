"""A phone was lost: whoever can read messages to the card's number asks for another card, and everything of the old one dies."""
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.card_pages import frame, service, store
from app.card_pages.frame import Visit
from app.card_pages.service import Opened
from app.cards import service as cards
from app.clock import to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.errors import Refused
from app.web.principal import shopper
from app.web.routing import link, route


async def replace(here: Context, opened: Opened, now: datetime) -> str:
    """A new card on the same account; gives its page's token. The old card's number, code, links, browsers and pass die at once.

    Only an active card: one that the shop has blocked is given back by the shop. Raises CardBlocked, CardEnded.
    """
    card, program = opened.card, opened.program
    who = shopper(card.business_id, card.customer_id)
    made = await cards.replace(here.db, who, card.id, None, program.number_prefix, now, allow=("active",))

    async def act(tx: Transaction) -> str:
        await store.close_codes(tx, card.id, to_ms(now))
        await store.end_sessions(tx, card.id)
        return await cards.page_link(tx, here.ring, made, "card", now)

    return await write_transaction(here.db, act)


async def page(request: Request) -> Response:
    """GET /c/{token}/lost: what can be done, and once a code was typed, the button that does it."""
    return await _page(await frame.arrive(request))


async def _page(visit: Visit, error: str = "", status: int = 200) -> Response:
    contact = await service.contact_of(visit.here.db, visit.here.ring, visit.card)
    return await frame.page(visit, "cards/lost.html", {
        "status": visit.card.status, "confirmed": await frame.is_confirmed(visit), "has_phone": not contact.is_none, "error": error,
        "confirm_url": visit.path("/confirm?to=lost"), "action": visit.path("/lost"),
        "number_url": visit.path("/phone") if contact.is_none and visit.opened.strength == "card" else ""}, status=status)


async def ask(request: Request) -> Response:
    """POST /c/{token}/lost: the replacement, for a browser that typed the code."""
    visit = await frame.arrive_to_act(request)
    if not await frame.is_confirmed(visit):
        raise service.NotConfirmed()
    try:
        token = await replace(visit.here, visit.opened, visit.now)
    except Refused as refused:
        return await _page(visit, visit.said(refused), 409)
    return RedirectResponse(f"/c/{token}?done=replaced", 303)


routes = [
    route("/c/{token}/lost", page, who=link, name="card-pages:lost"),
    route("/c/{token}/lost", ask, who=link, name="card-pages:replace", methods=["POST"]),
]
