"""My cards at this business: what else the card's person has here, and the way there. Never a card of another business."""
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.card_pages import frame
from app.card_pages.frame import Visit
from app.cards import service as cards
from app.cards.service import Card
from app.db import write_transaction
from app.errors import NotFound
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs import words
from app.web.forms import read_form, text_field
from app.web.routing import link, route

SHOWN = ("active", "blocked")


async def _others(visit: Visit) -> list[Card]:
    """One card an account, the newest; through the pass link, which is shown around, none before a code."""
    card = visit.card
    if card.customer_id is None or not (visit.opened.strength == "card" or await frame.is_confirmed(visit)):
        return []
    held = [each for each in await cards.cards_of_customer(visit.here.db, card.business_id, card.customer_id) if each.status in SHOWN]
    return [each for each in {each.account_id: each for each in reversed(held)}.values() if each.account_id != card.account_id]


async def shown(visit: Visit) -> list[dict[str, Any]]:
    """key, name of the programme, end of the number, balance in words, status."""
    found = []
    for card in await _others(visit):
        program = await programs.get_program(visit.here.db, card.business_id, card.program_id)
        held = await ledger.shown(visit.here.db, card.account_id, visit.now)
        amount, unit = held.available.get(program.rules.unit, 0), program.rules.unit
        found.append({"key": visit.here.ids.encode("card", card.id), "name": program.name_in(visit.language), "status": card.status,
                      "balance": ("−" if amount < 0 else "") + words.amount(abs(amount), unit, program.currency, visit.language)})
    return found


async def go(request: Request) -> Response:
    """POST /c/{token}/cards: to the page of another card of the same person. A press, because the way there may have to be made."""
    visit = await frame.arrive_to_act(request)
    wanted = visit.here.ids.decode("card", text_field(await read_form(request), "card", 64))
    card = next((each for each in await _others(visit) if each.id == wanted), None)
    if card is None:
        raise NotFound()
    token = await write_transaction(visit.here.db, lambda tx: cards.page_link(tx, visit.here.ring, card, "card", visit.now))
    return RedirectResponse(f"/c/{token}", 303)


routes = [route("/c/{token}/cards", go, who=link, name="card-pages:cards", methods=["POST"])]
