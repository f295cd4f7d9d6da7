"""/c/{token}: the card in the browser. Works without scripts, learns of changes through an event stream, keeps its code without network."""
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import errors, secrets
from app.benefits import promo
from app.card_pages import confirming, friends, google, holdings, live_codes, lost, rules, service
from app.card_pages.service import Opened
from app.certificates import service as certificates
from app.customers import service as customers
from app.ledger import day_seals
from app.ledger.operations import Operation
from app.ledger.shown import shown
from app.passes import service as passes
from app.programs import rules as program_rules
from app.programs import service as programs
from app.segments import known as segments_known
from app.updates import service as updates
from app.web import assets, events, i18n, templating
from app.web.cookies import cookie, set_cookie
from app.web.forms import bound_token, check_site, read_form, text_field
from app.web.requests import client_address, context
from app.web.routing import link, route

SHOWN_OPERATIONS = 50
AGAIN_SECONDS = 60


async def _open(request: Request) -> Opened:
    here = context(request)
    return await service.open_link(here.db, here.ring, request.path_params["token"])


def _path(request: Request, rest: str = "") -> str:
    return f"/c/{request.path_params['token']}{rest}"


def _language(request: Request, opened: Opened) -> str:
    return i18n.language_of(request, opened.program.language)


async def show(request: Request) -> Response:
    """GET /c/{token}"""
    here, opened = context(request), await _open(request)
    card, program, language = opened.card, opened.program, _language(request, opened)
    # Asked before anything is read: the stream tells at once of what changes meanwhile.
    now, seen = here.clock.now(), await updates.newest_of(here.db, card.id)
    view = await passes.view(here.db, here.ring, card, program, language, now)
    customer = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id else None
    return google.let_lead(templating.render(request, "cards/card.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "zone": program.time_zone, "now": now,
        **await live_codes.shown(request, opened, view), "replaced": request.query_params.get("done") == "replaced",
        "csrf_token": bound_token(request, request.path_params["token"]), "name": customer.name or "" if customer else "",
        "status": card.status, "currency": program.currency, **await holdings.shown(here, opened, language, now),
        "favourite_action": _path(request, "/favourite"), "claim_action": _path(request, "/claim"),
        "once": secrets.new_token(),
        "claimed": request.query_params.get("done") == "claimed",
        "history": await _history(request, opened, language),
        "rules": program_rules.explain(program.rules, program.currency, language, await passes.reward_names(here.db, program),
                                       await segments_known.places(here.db, program, program.rules)),
        "friends": await friends.shown(request, opened, language),
        "coupon_url": _path(request, "/coupon") if await promo.has_coupons(here.db, card.business_id, card.program_id, now) else "",
        "stopped": request.query_params.get("done") == "stop", **await _consents(request, opened),
        **await _addresses(request, opened), "events_url": _path(request, f"/events?after={seen}"),
    }, default_language=program.language), here)


async def _addresses(request: Request, opened: Opened) -> dict[str, Any]:
    """Where the page's buttons and scripts go. Through the pass link, which people share, a wallet asks for a code first."""
    here, kind = context(request), rules.device(request.headers.get("user-agent", ""))
    coded = _path(request, "/confirm?to=wallet") if opened.strength != "card" else ""
    addresses = {"apple": coded or _path(request, "/card.pkpass"), "google": coded or _path(request, "/google")}
    available = ["apple"] if await certificates.can_issue(here, opened.card.business_id, here.clock.now()) else []
    available += ["google"] if await google.is_offered(here, opened.card.business_id) else []
    return {
        "wallets": [(wallet, addresses[wallet]) for wallet in rules.wallets_for(kind, available)],
        "google_action": "" if coded else addresses["google"],
        "handover_url": here.settings.address(_path(request)) if kind == "desktop" else "",
        "page_url": _path(request), "worker_url": _path(request, "/sw.js"),
        "manifest_url": _path(request, "/manifest.webmanifest"), "details_url": _path(request, "/details"),
        "lost_url": _path(request, "/lost") if opened.card.status == "active" else "",
    }


async def _history(request: Request, opened: Opened, language: str) -> list[dict[str, Any]]:
    """Newest first; places only through the card link: the pass link is shown around."""
    here, card = context(request), opened.card
    operations = await service.history(here.db, opened, SHOWN_OPERATIONS)
    if opened.strength != "card":
        return [_entry(operation, {}, None) for operation in operations]
    places = {place.id: place.name_in(language) for place in await programs.list_locations(here.db, card.business_id)}
    newest = await day_seals.count(here.db, card.business_id, card.account_id)
    return [_entry(operation, places, _path(request, f"/receipts/{newest - at}")) for at, operation in enumerate(operations)]


def _entry(operation: Operation, places: dict[int, str], url: str | None) -> dict[str, Any]:
    return {**shown(operation), "amount_minor": operation.amount_minor or None, "place": places.get(operation.location_id or 0),
            "who": None, "url": url}


async def _consents(request: Request, opened: Opened) -> dict[str, Any]:
    here, card = context(request), opened.card
    given = await customers.consents_of(here.db, card.business_id, card.customer_id) if card.customer_id else []
    stops = any(consent.purpose == "marketing" and consent.granted for consent in given)
    return {"consents": given, "stop_action": _path(request, "/stop") if stops else ""}


async def stop(request: Request) -> Response:
    """POST /c/{token}/stop: no more advertising; the link is enough, whatever its strength."""
    here, opened = context(request), await _open(request)
    check_site(request)
    await service.set_marketing(here.db, opened, False, _language(request, opened), here.clock.now())
    return RedirectResponse(_path(request, "?done=stop#agreed"), 303)


async def confirm_page(request: Request) -> Response:
    """GET /c/{token}/confirm: asks for the code, or offers to send one; sends nothing by itself."""
    return await _confirm_page(request, await _open(request))


async def _confirm_page(request: Request, opened: Opened, error: str = "") -> Response:
    here, language = context(request), _language(request, opened)
    now, card = here.clock.now(), opened.card
    to = rules.way(request.query_params.get("to", ""))
    view = await passes.view(here.db, here.ring, card, opened.program, language, now)
    since = await service.seconds_since_code(here.db, card.id, now)
    customer = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id else None
    return templating.render(request, "cards/confirm.html", {
        "business_name": opened.program.business_name_in(language), "brand": view.css, "logo_picture": view.logo,
        "last_two": (customer.phone_masked or "")[-2:] if customer else "", "is_sent": since is not None,
        "action": _path(request, f"/confirm?to={to}"), "again_action": _path(request, f"/code?to={to}"),
        "seconds": max(0, AGAIN_SECONDS - since) if since is not None else 0, "error": error,
        "inbox_url": "/demo/sms" if here.settings.demo else "", "back_url": _path(request),
        "csrf_token": bound_token(request, request.path_params["token"]),
    }, status=422 if error else 200, default_language=opened.program.language)


async def send_code(request: Request) -> Response:
    """POST /c/{token}/code: six digits to the card's own number."""
    here, opened = context(request), await _open(request)
    check_site(request)
    language = _language(request, opened)
    try:
        await service.send_code(here.db, here.ring, here.settings, opened, language, client_address(request), here.clock.now())
    except (errors.TooMany, errors.Refused) as refusal:
        return await _confirm_page(request, opened, i18n.translate(language, refusal.detail, **refusal.params))
    return RedirectResponse(_path(request, f"/confirm?to={rules.way(request.query_params.get('to', ''))}"), 303)


async def confirm(request: Request) -> Response:
    """POST /c/{token}/confirm: the code opens the stronger side for this browser; for a wallet it opens the card link."""
    here, opened = context(request), await _open(request)
    check_site(request)
    typed = text_field(await read_form(request), "code", 40)
    now = here.clock.now()
    try:
        secret = await service.confirm(here.db, here.ring, opened, typed, now)
    except errors.Invalid as wrong:
        return await _confirm_page(request, opened, i18n.translate(_language(request, opened), wrong.fields[0].detail))
    way = rules.way(request.query_params.get("to", ""))
    if way in ("wallet", "till"):
        if way == "till":
            await confirming.on_page(here.db, opened, now)
        onward = f"/c/{await service.own_link(here.db, here.ring, opened, now)}{live_codes.DONE if way == 'till' else ''}"
    else:
        onward = _path(request, f"/{way}")
    answer = RedirectResponse(onward, 303)
    set_cookie(answer, here.settings, _cookie_kind(request, opened), secret, rules.LIVES["confirmed"] // timedelta(seconds=1))
    return answer


def _cookie_kind(request: Request, opened: Opened) -> str:
    return f"own-{context(request).ids.encode('card', opened.card.id)}"


async def _is_confirmed(request: Request, opened: Opened) -> bool:
    here = context(request)
    secret = cookie(request, here.settings, _cookie_kind(request, opened))
    return await service.strength_of(here.db, here.ring, opened.card.id, secret, here.clock.now()) == "confirmed"


async def details(request: Request) -> Response:
    """GET /c/{token}/details: name and consent, for a browser that typed the code; others are asked for it."""
    opened = await _open(request)
    if not await _is_confirmed(request, opened):
        return RedirectResponse(_path(request, "/confirm?to=details"), 303)
    return await _details_page(request, opened)


async def _details_page(request: Request, opened: Opened, name: str | None = None, error: str = "") -> Response:
    here, card, language = context(request), opened.card, _language(request, opened)
    assert card.customer_id is not None
    customer = await customers.get(here.db, here.ring, card.business_id, card.customer_id)
    texts = await customers.current_texts(here.db, card.business_id, language)
    given = await customers.consents_of(here.db, card.business_id, card.customer_id)
    view = await passes.view(here.db, here.ring, card, opened.program, language, here.clock.now())
    return templating.render(request, "cards/details.html", {
        "business_name": opened.program.business_name_in(language), "brand": view.css, "logo_picture": view.logo,
        "action": _path(request, "/details"), "back_url": _path(request), "name": customer.name or "" if name is None else name,
        "error": error, "is_saved": request.query_params.get("done") == "saved", "marketing_text": texts["marketing"].text,
        "marketing": any(consent.purpose == "marketing" and consent.granted for consent in given),
        "csrf_token": bound_token(request, request.path_params["token"]),
    }, status=422 if error else 200, default_language=opened.program.language)


async def save_details(request: Request) -> Response:
    """POST /c/{token}/details: the name as the pass shows it, and advertising wanted or not."""
    here, opened = context(request), await _open(request)
    check_site(request)
    if not await _is_confirmed(request, opened):
        raise service.NotConfirmed()
    form, language, now = await read_form(request), _language(request, opened), here.clock.now()
    name = text_field(form, "name", 10_000)
    try:
        await service.change_name(here.db, here.ring, opened, name, now)
    except errors.Invalid as wrong:
        return await _details_page(request, opened, name[:200], i18n.translate(language, wrong.fields[0].detail, **wrong.params))
    await service.set_marketing(here.db, opened, bool(form.get("marketing")), language, now)
    return RedirectResponse(_path(request, "/details?done=saved"), 303)


async def manifest(request: Request) -> Response:
    """GET /c/{token}/manifest.webmanifest: lets a phone keep the page beside its apps."""
    here, opened = context(request), await _open(request)
    language = _language(request, opened)
    view = await passes.view(here.db, here.ring, opened.card, opened.program, language, here.clock.now())
    name = opened.program.business_name_in(language)
    return JSONResponse({
        "name": name, "short_name": name[:12], "lang": language, "start_url": _path(request), "scope": _path(request), "id": _path(request),
        "display": "standalone", "theme_color": view.css["--brand"], "background_color": view.css["--brand"],
        "icons": [{"src": assets.url("images/icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }, media_type="application/manifest+json")


async def worker(request: Request) -> Response:
    """GET /c/{token}/sw.js: keeps the page for the moment without network; its scope is this page alone."""
    await _open(request)
    return Response(assets.every()["js/sw.js"].body, media_type="text/javascript",
                    headers={"Service-Worker-Allowed": _path(request), "Cache-Control": "no-cache"})


async def stream(request: Request) -> Response:
    """GET /c/{token}/events?after={number}: `changed` whenever the card did, at once where it did since that number."""
    here, opened = context(request), await _open(request)
    broker, topic = here.extras["broker"], f"card:{opened.card.id}"
    broker.check_room(topic)
    after = request.headers.get("last-event-id") or request.query_params.get("after", "")
    newest = await updates.newest_of(here.db, opened.card.id)
    missed = newest if after.isascii() and after.isdigit() and newest > int(after[:19]) else None
    return events.stream_response(_lines(broker.stream(topic), missed))


async def _lines(numbers: AsyncIterator[int | None], missed: int | None) -> AsyncIterator[bytes]:
    """Something at once, so that the browser knows the stream is open; then an event a change, a comment a heartbeat."""
    yield events.COMMENT if missed is None else events.event("changed", {}, missed)
    with contextlib.suppress(events.TooManyStreams):
        async for number in numbers:
            yield events.COMMENT if number is None else events.event("changed", {}, number)


routes = [
    route("/c/{token}", show, who=link, name="card-pages:show"),
    *friends.routes,
    *google.routes,
    *holdings.routes,
    *live_codes.routes,
    *lost.routes,
    route("/c/{token}/stop", stop, who=link, name="card-pages:stop", methods=["POST"]),
    route("/c/{token}/code", send_code, who=link, name="card-pages:send-code", methods=["POST"]),
    route("/c/{token}/confirm", confirm_page, who=link, name="card-pages:confirm-page"),
    route("/c/{token}/confirm", confirm, who=link, name="card-pages:confirm", methods=["POST"]),
    route("/c/{token}/details", details, who=link, name="card-pages:details"),
    route("/c/{token}/details", save_details, who=link, name="card-pages:save-details", methods=["POST"]),
    route("/c/{token}/manifest.webmanifest", manifest, who=link, name="card-pages:manifest"),
    route("/c/{token}/sw.js", worker, who=link, name="card-pages:worker"),
    route("/c/{token}/events", stream, who=link, name="card-pages:events"),
]
