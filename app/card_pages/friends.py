"""A shopper's invitation on the card's page: made by a button, shown with what it has brought."""
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import secrets
from app.card_pages import frame, service
from app.card_pages.service import Opened
from app.errors import NotFound
from app.programs import explain_parts
from app.programs import service as programs
from app.referrals.rules import CODE_LETTERS
from app.web.forms import check_site
from app.web.requests import context
from app.web.routing import link, route


async def shown(request: Request, opened: Opened, language: str) -> dict[str, Any] | None:
    """The invitation to hand on, or the button that makes it; None where friends bring nothing.

    Through the card link only: whoever is shown the pass link should not invite in the shopper's name.
    """
    here, terms = context(request), opened.program.rules.referral
    if terms is None or opened.strength != "card" or opened.card.status not in ("active", "blocked"):
        return None
    code, waiting, rewarded = await service.friends(here.db, opened)
    business = await programs.get_business(here.db, opened.card.business_id)
    address = here.settings.address(f"/e/{business.slug}/{opened.program.slug}?friend={code}") if code else ""
    said = explain_parts.referral(terms, explain_parts.Names(opened.program.currency, language, {}))
    return {"address": address, "waiting": waiting, "rewarded": rewarded, "promise": " ".join(said),
            "action": f"/c/{request.path_params['token']}/invite"}


async def invite(request: Request) -> Response:
    """POST /c/{token}/invite: makes the shopper's invitation; the page shows it from then on."""
    here, token = context(request), request.path_params["token"]
    opened = await frame.opened(request)
    check_site(request)
    if opened.strength != "card":
        raise NotFound()
    await service.invite(here.db, opened, secrets.new_token(CODE_LETTERS), here.clock.now())
    return RedirectResponse(f"/c/{token}#friends", 303)


routes = [route("/c/{token}/invite", invite, who=link, name="card-pages:invite", methods=["POST"])]
