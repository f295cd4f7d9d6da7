"""The till without a network: its page, its worker and its manifest, which hold nothing of anybody; the pack of cards that it may show,
and the door through which it tells later what it did."""
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import errors
from app.devices import service as devices
from app.devices.service import Device
from app.offline import pack, service
from app.offline.rules import Batch
from app.text import N_
from app.web import assets, i18n, problems, routing, templating
from app.web.cookies import cookie
from app.web.forms import check_forgery, csrf_token
from app.web.requests import context, language, principal, read_json

KIND, OFFLINE = "till", "/till/offline"
# Nobody's data is in these three: a browser may keep them, and asks again whether they are still so.
_NO_FORM = FormData()        # the token comes in a header
_KEPT = {"Cache-Control": "no-cache"}


class NotPaired(errors.Refused):
    """Only a till that a manager paired can be believed about what it did alone."""

    code = "not_paired"
    detail = N_("This till is not paired, so it cannot work without a network. A manager pairs it in the console, under Devices.")


class InTraining(errors.Refused):
    code, detail = "in_training", N_("Training needs the network.")


async def page(request: Request) -> Response:
    """GET /till/offline: the page that the worker keeps. What it shows it has from the browser's own store."""
    return templating.render(request, "till/offline.html", {
        "modules": assets.modules("offline_till.js"), "is_demo": context(request).settings.demo, "wasm": assets.reader_url(),
        "parts": assets.reader_parts()}, headers=_KEPT)


async def worker(request: Request) -> Response:
    """GET /till/sw.js: its scope is the till and nothing else."""
    return Response(assets.every()["js/till_worker.js"].body, media_type="text/javascript",
                    headers={"Service-Worker-Allowed": "/till", **_KEPT})


async def manifest(request: Request) -> Response:
    """GET /till/manifest.webmanifest: lets a tablet keep the till beside its apps."""
    icons = [{"src": assets.url(f"images/till-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any maskable"}
             for size in (192, 512)]
    return JSONResponse({
        "name": i18n.translate(language(request), N_("Tessera till")), "short_name": i18n.translate(language(request), N_("Till")),
        "lang": language(request), "id": "/till", "start_url": "/till", "scope": "/till", "display": "standalone", "orientation": "any",
        "theme_color": "#0f4546", "background_color": "#101414",
        "icons": [*icons, {"src": assets.url("images/icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }, media_type="application/manifest+json", headers=_KEPT)


async def pack_of(request: Request) -> Response:
    """GET /till/offline/pack: what the till may show and reckon with until it is asked for again, and the token of its next batch.

    Raises NotPaired and InTraining, where the till throws away what it has.
    """
    here, who = context(request), principal(request)
    try:
        found = await pack.pack(here, who, await _device(request), language(request), here.clock.now())
    except errors.Refused as refused:
        return problems.problem(request, 409, refused)
    return JSONResponse({**found, "csrf": csrf_token(request, KIND)})


async def _device(request: Request) -> Device:
    """The paired till whose session this is."""
    here, who = context(request), principal(request)
    if who.training:
        raise InTraining()
    if who.device_id is None:
        raise NotPaired()
    device = await devices.get(here.db, who.business_id, who.device_id)
    if device.revoked_at is not None or not device.public_key:
        raise NotPaired()
    return device


async def trust(request: Request) -> Response:
    """GET /till/offline/trust: whether this browser's pairing still holds; asked by a till at which nobody is signed in."""
    here = context(request)
    device = await devices.device_of(here.db, here.ring, cookie(request, here.settings, "device"))
    return JSONResponse({"trusted": device is not None})


async def take(request: Request) -> Response:
    """POST /till/offline: a batch of what a till of this business did, from whoever is signed in at it now."""
    here, who = context(request), principal(request)
    try:
        check_forgery(request, _NO_FORM, KIND)
        if who.training:
            raise InTraining()
        sent, _ = await read_json(request, Batch)
        answer = await service.receive(here, who, sent, here.clock.now())
    except errors.TesseraError as refused:
        # A script reads it: never a page.
        return problems.problem(request, problems.status_of(refused), refused)
    return JSONResponse({"newest": answer.newest, "items": [_told(request, each) for each in answer.items]})


def _told(request: Request, state: service.State) -> dict[str, Any]:
    here = context(request)
    return {"counter": state.counter, "key": state.key, "state": state.state, "why": state.why, "repeated": state.repeated,
            "operation": here.ids.encode("operation", state.operation_id) if state.operation_id else None}


CASHIER = routing.staff(KIND, "cashier")
routes = [
    routing.route("/till/sw.js", worker, who=routing.public, name="till:worker"),
    routing.route("/till/manifest.webmanifest", manifest, who=routing.public, name="till:manifest"),
    routing.route(OFFLINE, page, who=routing.public, name="till:offline"),
    routing.route(OFFLINE, take, who=CASHIER, name="till:take_offline", methods=["POST"]),
    routing.route(OFFLINE + "/trust", trust, who=routing.public, name="till:offline_trust"),
    routing.route(OFFLINE + "/pack", pack_of, who=CASHIER, name="till:offline_pack"),
]
