"""The code that opens a card page's stronger side: asked for by a button, typed here; it goes on to what it was asked for."""
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.card_pages import confirming, frame, live_codes, rules, service
from app.card_pages.frame import Visit
from app.web.cookies import set_cookie
from app.web.forms import read_form, text_field
from app.web.requests import client_address
from app.web.routing import link, route

AGAIN_SECONDS = 60


async def page(request: Request) -> Response:
    """GET /c/{token}/confirm: asks for the code, or offers to send one; sends nothing by itself."""
    return await _page(await frame.arrive(request))


def _way(visit: Visit) -> str:
    return rules.way(visit.request.query_params.get("to", ""))


async def _page(visit: Visit, error: str = "") -> Response:
    here, to = visit.here, _way(visit)
    since = await service.seconds_since_code(here.db, visit.card.id, visit.now)
    contact = await service.contact_of(here.db, here.ring, visit.card)
    return await frame.page(visit, "cards/confirm.html", {
        "hint": contact.hint, "by": "mail" if contact.e164 is None else "sms", "is_none": contact.is_none, "is_sent": since is not None,
        "action": visit.path(f"/confirm?to={to}"), "again_action": visit.path(f"/code?to={to}"),
        "seconds": max(0, AGAIN_SECONDS - since) if since is not None else 0, "error": error,
        "inbox_url": "/demo/sms" if here.settings.demo else ""}, status=422 if error else 200)


async def send(request: Request) -> Response:
    """POST /c/{token}/code: six digits to the card's own number, or to the address where there is no number."""
    visit = await frame.arrive_to_act(request)
    here = visit.here
    try:
        await service.send_code(here.db, here.ring, here.settings, visit.opened, visit.language, client_address(request), visit.now)
    except (errors.TooMany, errors.Refused) as refusal:
        return await _page(visit, visit.said(refusal))
    return RedirectResponse(visit.path(f"/confirm?to={_way(visit)}"), 303)


async def confirm(request: Request) -> Response:
    """POST /c/{token}/confirm: the code opens the stronger side for this browser; for a wallet it opens the card link."""
    visit = await frame.arrive_to_act(request)
    here, way = visit.here, _way(visit)
    typed = text_field(await read_form(request), "code", 40)
    try:
        secret = await service.confirm(here.db, here.ring, visit.opened, typed, visit.now)
    except errors.Invalid as wrong:
        return await _page(visit, visit.said(wrong))
    if way in ("wallet", "till"):
        if way == "till":
            await confirming.on_page(here.db, visit.opened, visit.now)
        onward = f"/c/{await service.own_link(here.db, here.ring, visit.opened, visit.now)}{live_codes.DONE if way == 'till' else ''}"
    else:
        onward = visit.path(f"/{way}")
    answer = RedirectResponse(onward, 303)
    set_cookie(answer, here.settings, frame.cookie_kind(here, visit.card), secret, rules.LIVES["confirmed"] // timedelta(seconds=1))
    return answer


routes = [
    route("/c/{token}/code", send, who=link, name="card-pages:send-code", methods=["POST"]),
    route("/c/{token}/confirm", page, who=link, name="card-pages:confirm-page"),
    route("/c/{token}/confirm", confirm, who=link, name="card-pages:confirm", methods=["POST"]),
]
