"""The pass as a file: what the "Add to Apple Wallet" button of a card's page leads to."""
from email.utils import format_datetime

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from app.cards import service as cards
from app.errors import Forbidden, NotFound
from app.passes import service
from app.text import N_
from app.web.requests import context
from app.web.routing import link, route

PKPASS = "application/vnd.apple.pkpass"


class CodeNeeded(Forbidden):
    """The link on a pass's back is shown around: it opens no wallet by itself."""

    code, detail = "code_needed", N_("Open the card's page and ask for a code first: this link is printed on the card for everybody.")


async def download(request: Request) -> Response:
    """GET /c/{token}/card.pkpass: a plain answer without cookie or redirect, as often as it is asked for; browsers fetch twice."""
    here = context(request)
    found = await cards.card_by_token(here.db, here.ring, request.path_params["token"])
    if found is None or found[0].status in ("provisional", "erased"):
        raise NotFound()
    card, strength = found
    if strength != "card":
        raise CodeNeeded()
    built = await service.hand_out(here, card, here.clock.now())
    # After the answer: whoever waits for a pass waits for nothing else.
    later = BackgroundTask(service.keep, here, [built.kept]) if built.kept else None
    return Response(built.data, media_type=PKPASS, background=later, headers={
        "Content-Disposition": 'inline; filename="card.pkpass"', "Cache-Control": "private, no-store",
        "Last-Modified": format_datetime(built.modified_at, usegmt=True)})


routes = [route("/c/{token}/card.pkpass", download, who=link, name="passes:download")]
