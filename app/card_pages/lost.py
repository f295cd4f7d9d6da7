"""A phone was lost: whoever can read messages to the card's number asks for another card, and everything of the old one dies."""
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.card_pages import service, store
from app.card_pages.service import Opened
from app.cards import service as cards
from app.cards.service import Card
from app.clock import to_ms
from app.context import Context
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.errors import Refused
from app.passes import service as passes
from app.web import i18n, templating
from app.web.cookies import cookie
from app.web.forms import bound_token, check_site
from app.web.principal import shopper
from app.web.requests import context
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
    here = context(request)
    return await _page(request, await service.open_link(here.db, here.ring, request.path_params["token"]))


async def _page(request: Request, opened: Opened, error: str = "", status: int = 200) -> Response:
    here, card, path = context(request), opened.card, f"/c/{request.path_params['token']}"
    language = i18n.language_of(request, opened.program.language)
    view = await passes.view(here.db, here.ring, card, opened.program, language, here.clock.now())
    return templating.render(request, "cards/lost.html", {
        "business_name": opened.program.business_name_in(language), "brand": view.css, "logo_picture": view.logo, "status": card.status,
        "confirmed": await _is_confirmed(request, card), "has_phone": await _has_phone(here, card), "error": error,
        "confirm_url": f"{path}/confirm?to=lost", "action": f"{path}/lost", "back_url": path,
        "csrf_token": bound_token(request, request.path_params["token"]),
    }, status=status, default_language=opened.program.language)


async def _has_phone(here: Context, card: Card) -> bool:
    return card.customer_id is not None and await customers.phone_of(here.db, here.ring, card.business_id, card.customer_id) is not None


async def _is_confirmed(request: Request, card: Card) -> bool:
    here = context(request)
    secret = cookie(request, here.settings, f"own-{here.ids.encode('card', card.id)}")
    return await service.strength_of(here.db, here.ring, card.id, secret, here.clock.now()) == "confirmed"


async def ask(request: Request) -> Response:
    """POST /c/{token}/lost: the replacement, for a browser that typed the code."""
    here = context(request)
    opened = await service.open_link(here.db, here.ring, request.path_params["token"])
    check_site(request)
    if not await _is_confirmed(request, opened.card):
        raise service.NotConfirmed()
    try:
        token = await replace(here, opened, here.clock.now())
    except Refused as refused:
        return await _page(request, opened, _said(request, opened, refused), 409)
    return RedirectResponse(f"/c/{token}?done=replaced", 303)


def _said(request: Request, opened: Opened, refused: Refused) -> str:
    return i18n.translate(i18n.language_of(request, opened.program.language), refused.detail)


routes = [
    route("/c/{token}/lost", page, who=link, name="card-pages:lost"),
    route("/c/{token}/lost", ask, who=link, name="card-pages:replace", methods=["POST"]),
]
