"""A shopper who wants to be forgotten: the owner erases them from a card's page."""
from starlette.requests import Request
from starlette.responses import Response

from app.cards import service as cards
from app.console import customers, frame
from app.privacy import erasing
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, principal

TYPE_IT = N_("Type the last four digits of the card number, so that nobody is erased by mistake.")


async def erase(request: Request) -> Response:
    """POST /console/cards/{card}/erase: the card's shopper and all their cards, for good; the card's last digits are typed to mean it."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    card = await cards.get_card(here.db, who.business_id, frame.own_id(request, "card", "card"))
    if card.customer_id is None or card.status == "erased":
        return frame.to(customers.address(request, card))
    if "".join(text_field(form, "end", 10).split()) != card.number[-4:]:
        return await customers.shown_card(request, card, wrong={"end": frame.said(request, TYPE_IT)}, status=422)
    await erasing.erase(here.db, here.ring, who, card.customer_id, here.clock.now())
    return frame.to(customers.address(request, card) + "?done=erase")


routes = [routing.route(customers.CARDS + "/{card}/erase", erase, who=frame.OWNER, name="console:erase", methods=["POST"])]
