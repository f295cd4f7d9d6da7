"""What the pages of a card share: who came by which link, whether this browser typed a code lately, and the head that all of them show."""
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.card_pages import service
from app.card_pages.service import Opened
from app.cards.service import Card
from app.context import Context
from app.customers import contacts
from app.errors import Invalid, TesseraError
from app.passes import service as passes
from app.programs.store import Program
from app.web import i18n, templating
from app.web.cookies import cookie
from app.web.forms import bound_token, check_site
from app.web.requests import context


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser on a page of a card. language: the one that it is answered in."""

    request: Request
    here: Context
    opened: Opened
    language: str
    now: datetime

    @property
    def card(self) -> Card:
        return self.opened.card

    @property
    def program(self) -> Program:
        return self.opened.program

    def path(self, rest: str = "") -> str:
        return f"/c/{self.request.path_params['token']}{rest}"

    def said(self, failure: TesseraError) -> str:
        """A failure in a sentence of the page's language: of its first field where it has some."""
        detail = failure.fields[0].detail if isinstance(failure, Invalid) and failure.fields else failure.detail
        return i18n.translate(self.language, detail, **failure.params)

    def wrong(self, failure: Invalid) -> dict[str, str]:
        """field → sentence."""
        return {field.field: i18n.translate(self.language, field.detail, **failure.params) for field in failure.fields}


async def opened(request: Request) -> Opened:
    """The card of the address; the request is answered in the language that its person chose. Raises NotFound."""
    here = context(request)
    found = await service.open_link(here.db, here.ring, request.path_params["token"])
    card = found.card
    if card.customer_id is not None:
        i18n.prefer(request, await contacts.chosen_language(here.db, card.business_id, card.customer_id))
    return found


async def arrive(request: Request) -> Visit:
    """Raises NotFound."""
    here, found = context(request), await opened(request)
    return Visit(request, here, found, i18n.language_of(request, found.program.language), here.clock.now())


async def arrive_to_act(request: Request) -> Visit:
    """As `arrive`, for what a form sends: from our own page only. Raises NotFound, Forged."""
    visit = await arrive(request)
    check_site(request)
    return visit


def cookie_kind(here: Context, card: Card) -> str:
    """The cookie of the browser that typed the card's code."""
    return f"own-{here.ids.encode('card', card.id)}"


async def is_confirmed(visit: Visit, within: timedelta | None = None) -> bool:
    """Whether this browser typed the card's code: as long as it is believed, or lately."""
    secret = cookie(visit.request, visit.here.settings, cookie_kind(visit.here, visit.card))
    at = await service.confirmed_at(visit.here.db, visit.here.ring, visit.card.id, secret, visit.now)
    return at is not None and (within is None or visit.now - at < within)


def to_code(visit: Visit, way: str) -> Response:
    """Where the code is asked for; it leads on to `way` (rules.WAYS)."""
    return RedirectResponse(visit.path(f"/confirm?to={way}"), 303)


async def page(visit: Visit, template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
    """One of the pages behind the card's own: business, colours, logo, the way back and the token of forms are handed over here."""
    view = await passes.view(visit.here.db, visit.here.ring, visit.card, visit.program, visit.language, visit.now)
    return templating.render(visit.request, template, {
        "business_name": visit.program.business_name_in(visit.language), "brand": view.css, "logo_picture": view.logo,
        "zone": visit.program.time_zone, "now": visit.now, "back_url": visit.path(),
        "csrf_token": bound_token(visit.request, visit.request.path_params["token"]), **values},
        status=status, default_language=visit.program.language)
