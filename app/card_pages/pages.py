"""/c/{token}: the card in the browser. Works without scripts, learns of changes through an event stream, keeps its code without network."""
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import secrets
from app.benefits import promo
from app.card_pages import agreeing, codes, frame, friends, google, histories, holdings, live_codes, lost, others, questions, rules, service
from app.card_pages.frame import Visit
from app.certificates import service as certificates
from app.customers import service as customers
from app.passes import service as passes
from app.programs import rules as program_rules
from app.segments import known as segments_known
from app.updates import service as updates
from app.web import assets, events, templating
from app.web.forms import bound_token
from app.web.requests import context
from app.web.routing import link, route


async def show(request: Request) -> Response:
    """GET /c/{token}"""
    visit = await frame.arrive(request)
    here, opened, now = visit.here, visit.opened, visit.now
    card, program, language = visit.card, visit.program, visit.language
    # Asked before anything is read: the stream tells at once of what changes meanwhile.
    seen = await updates.newest_of(here.db, card.id)
    view = await passes.view(here.db, here.ring, card, program, language, now)
    customer = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id else None
    return google.let_lead(templating.render(request, "cards/card.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "zone": program.time_zone, "now": now,
        **await live_codes.shown(request, opened, view), "replaced": request.query_params.get("done") == "replaced",
        "csrf_token": bound_token(request, request.path_params["token"]), "name": customer.name or "" if customer else "",
        "status": card.status, "currency": program.currency, **await holdings.shown(here, opened, language, now),
        "favourite_action": visit.path("/favourite"), "claim_action": visit.path("/claim"),
        "once": secrets.new_token(),
        "claimed": request.query_params.get("done") == "claimed",
        **await histories.shown(visit), "history_url": visit.path("/history"),
        "rules": program_rules.explain(program.rules, program.currency, language, await passes.reward_names(here.db, program),
                                       await segments_known.places(here.db, program, program.rules)),
        "friends": await friends.shown(request, opened, language),
        "others": await others.shown(visit), "others_action": visit.path("/cards"),
        "asked_later": await questions.shown(visit),
        "coupon_url": visit.path("/coupon") if await promo.has_coupons(here.db, card.business_id, card.program_id, now) else "",
        "again": await agreeing.shown(visit),
        "agreed": request.query_params.get("done") == agreeing.DONE,
        "stopped": request.query_params.get("done") == "stop", **await _consents(visit),
        **await _addresses(visit), "events_url": visit.path(f"/events?after={seen}"),
    }, default_language=program.language), here)


async def _addresses(visit: Visit) -> dict[str, Any]:
    """Where the page's buttons and scripts go. Through the pass link, which people share, a wallet asks for a code first."""
    here, card, kind = visit.here, visit.card, rules.device(visit.request.headers.get("user-agent", ""))
    is_own, is_active = visit.opened.strength == "card", card.status == "active"
    coded = "" if is_own else visit.path("/confirm?to=wallet")
    addresses = {"apple": coded or visit.path("/card.pkpass"), "google": coded or visit.path("/google")}
    available = ["apple"] if await certificates.can_issue(here, card.business_id, visit.now) else []
    available += ["google"] if await google.is_offered(here, card.business_id) else []
    contact = await service.contact_of(here.db, here.ring, card)
    return {
        "wallets": [(wallet, addresses[wallet]) for wallet in rules.wallets_for(kind, available)],
        "google_action": "" if coded else addresses["google"],
        "handover_url": here.settings.address(visit.path()) if kind == "desktop" else "",
        "page_url": visit.path(), "worker_url": visit.path("/sw.js"),
        "manifest_url": visit.path("/manifest.webmanifest"), "profile_url": visit.path("/profile"),
        "lost_url": visit.path("/lost") if is_active else "",
        "another_url": visit.path("/another") if is_active and (is_own or not contact.is_none) else "",
        "number_url": visit.path("/phone") if is_active and is_own and contact.is_none else "",
    }


async def _consents(visit: Visit) -> dict[str, Any]:
    card = visit.card
    given = await customers.consents_of(visit.here.db, card.business_id, card.customer_id) if card.customer_id else []
    stops = any(consent.purpose == "marketing" and consent.granted for consent in given)
    return {"consents": given, "stop_action": visit.path("/stop") if stops else ""}


async def stop(request: Request) -> Response:
    """POST /c/{token}/stop: no more advertising; the link is enough, whatever its strength."""
    visit = await frame.arrive_to_act(request)
    await service.set_marketing(visit.here.db, visit.opened, False, visit.language, visit.now)
    return RedirectResponse(visit.path("?done=stop#agreed"), 303)


async def manifest(request: Request) -> Response:
    """GET /c/{token}/manifest.webmanifest: lets a phone keep the page beside its apps."""
    visit = await frame.arrive(request)
    here, page, language = visit.here, visit.path(), visit.language
    view = await passes.view(here.db, here.ring, visit.card, visit.program, language, visit.now)
    name = visit.program.business_name_in(language)
    return JSONResponse({
        "name": name, "short_name": name[:12], "lang": language, "start_url": page, "scope": page, "id": page,
        "display": "standalone", "theme_color": view.css["--brand"], "background_color": view.css["--brand"],
        "icons": [{"src": assets.url("images/icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }, media_type="application/manifest+json")


async def worker(request: Request) -> Response:
    """GET /c/{token}/sw.js: keeps the page for the moment without network; its scope is this page alone."""
    visit = await frame.arrive(request)
    return Response(assets.every()["js/sw.js"].body, media_type="text/javascript",
                    headers={"Service-Worker-Allowed": visit.path(), "Cache-Control": "no-cache"})


async def stream(request: Request) -> Response:
    """GET /c/{token}/events?after={number}: `changed` whenever the card did, at once where it did since that number."""
    here, opened = context(request), await frame.opened(request)
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
    *agreeing.routes,
    *codes.routes,
    *friends.routes,
    *google.routes,
    *histories.routes,
    *holdings.routes,
    *live_codes.routes,
    *lost.routes,
    *others.routes,
    route("/c/{token}/stop", stop, who=link, name="card-pages:stop", methods=["POST"]),
    route("/c/{token}/manifest.webmanifest", manifest, who=link, name="card-pages:manifest"),
    route("/c/{token}/sw.js", worker, who=link, name="card-pages:worker"),
    route("/c/{token}/events", stream, who=link, name="card-pages:events"),
]
