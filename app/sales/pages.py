"""POST /c/{token}/claim: a shopper takes a reward of the catalogue on the card's page. It stands here, because it is an operation."""
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.card_pages import service as card_pages
from app.errors import NotFound
from app.idempotency.rules import parse_key
from app.sales import claims
from app.web.forms import check_site, read_form, text_field
from app.web.principal import shopper
from app.web.requests import context
from app.web.routing import link, route


async def claim(request: Request) -> Response:
    """The form's own key makes a second press, or a page sent again, the same claim."""
    here, token = context(request), request.path_params["token"]
    opened = await card_pages.open_link(here.db, here.ring, token)
    check_site(request)
    if opened.strength != "card":
        raise NotFound()
    form, who = await read_form(request), shopper(opened.card.business_id, opened.card.customer_id)
    reward, once = text_field(form, "reward", 64), text_field(form, "key", 64)
    key = parse_key(f"claim-{opened.card.id}-{once}", "POST", "/c/claim", reward.encode(), required=True)
    await claims.claim(here.db, who, opened.card.id, reward, key, here.clock.now())
    return RedirectResponse(f"/c/{token}?done=claimed#rewards", 303)


routes = [route("/c/{token}/claim", claim, who=link, name="sales:claim", methods=["POST"])]
