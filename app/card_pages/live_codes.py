"""On a card's page: the code that changes with the time, and the button by which its owner confirms to a till."""
import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.card_pages import confirming, frame
from app.card_pages.service import Opened
from app.cards import rotation
from app.designs import service as designs
from app.designs.preview import PassView
from app.errors import NotFound
from app.web import codes, formats
from app.web.forms import check_site
from app.web.requests import context
from app.web.routing import link, route

DONE = "?done=at-till"


def is_live(opened: Opened) -> bool:
    """Only through the card's own link: the pass's is shown around, and a picture of this page must not spend."""
    return opened.program.rotation_seconds > 0 and opened.strength == "card" and opened.card.status == "active"


async def shown(request: Request, opened: Opened, view: PassView) -> dict[str, Any]:
    """view: with the code of now where it changes; live: none or what the page's script needs; confirm_action, confirm_url: where the
    owner confirms to a till, with a press or by a code first; confirmed: just now."""
    path, asks = f"/c/{request.path_params['token']}", opened.card.status == "active" and confirming.is_asked(opened.program)
    ways = {"confirm_action": f"{path}/at-till" if asks and opened.strength == "card" else "",
            "confirm_url": f"{path}/confirm?to=till" if asks and opened.strength != "card" else "",
            "confirmed": request.query_params.get("done") == "at-till"}
    if not is_live(opened):
        return {"view": view, "live": None, **ways}
    here = context(request)
    now = await rotation.live_code(here.db, here.ring, opened.card, opened.program, here.clock.now())
    live = {"url": f"{path}/code", "seconds": now.seconds_left, "period": opened.program.rotation_seconds, "kind": view.barcode,
            "still": view.barcode_message, "still_text": view.barcode_text}
    return {"view": dataclasses.replace(view, barcode_message=now.text, barcode_text=formats.in_fours(now.text)), "live": live, **ways}


async def code(request: Request) -> Response:
    """GET /c/{token}/code: the code of now, as a picture and as digits. Raises NotFound where the page shows none that changes."""
    here = context(request)
    opened = await frame.opened(request)
    if not is_live(opened):
        raise NotFound()
    design = await designs.content_of(here.db, opened.program)
    now = await rotation.live_code(here.db, here.ring, opened.card, opened.program, here.clock.now())
    return JSONResponse({"svg": codes.code_svg(design.wallet.barcode, now.text), "digits": formats.in_fours(now.text),
                         "seconds_left": now.seconds_left}, headers={"Cache-Control": "private, no-store"})


async def confirm(request: Request) -> Response:
    """POST /c/{token}/at-till: the owner confirms to the till; through the pass's link a code by SMS comes first."""
    here = context(request)
    opened = await frame.opened(request)
    check_site(request)
    path = f"/c/{request.path_params['token']}"
    if opened.strength != "card":
        return RedirectResponse(f"{path}/confirm?to=till", 303)
    await confirming.on_page(here.db, opened, here.clock.now())
    return RedirectResponse(path + DONE, 303)


routes = [
    route("/c/{token}/code", code, who=link, name="card-pages:code"),
    route("/c/{token}/at-till", confirm, who=link, name="card-pages:at-till", methods=["POST"]),
]
