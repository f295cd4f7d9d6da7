"""The simulated Android phone: the cards saved in our Google's wallet, the page that saves one, and Google's addresses on this port."""
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.clock import from_ms, to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.demo import equipment
from app.demo.android import Drawn, balance, code_at, drawn
from app.demo.fakes.google import METHODS, FakeGoogle
from app.demo.fakes.google_shelf import OBJECT, Refusal
from app.demo.watching import changes
from app.google import reconcile
from app.google import store as google_store
from app.text import N_
from app.web.events import Broker
from app.web.formats import clock_time
from app.web.forms import check_origin, read_form, text_field
from app.web.i18n import language_of, translate
from app.web.requests import context
from app.web.routing import public, route
from app.web.templating import render

PRIVATE = {"Cache-Control": "private, no-store"}
ZONE = "Europe/Moscow"          # where the demo's shop is, and so its shoppers
TOPIC = "demo:android"
PLACE = "/demo/android"
CALLS_SHOWN = 15
LOOK_SECONDS = 30.0
NOTICE_SHOWN = timedelta(seconds=60)
BALANCE_CHANGED = N_("Your balance is now %(balance)s.")       # Google's own words for a change it was asked to tell of


@asynccontextmanager
async def living(here: Context, *, google: FakeGoogle) -> AsyncIterator[None]:
    """The phone shows what `google` keeps, and changes with it."""
    def changed() -> None:
        if isinstance(broker := here.extras.get("broker"), Broker):
            broker.publish((TOPIC,), 0)

    async def hint(object_id: str) -> None:
        """In place of the callback that only a server on https gets: the demo's server asks at once as well."""
        async def act(tx: Transaction) -> None:
            if row := await google_store.object_by_id(tx, object_id):
                await reconcile.hint(tx, row.id, here.clock.now())

        await write_transaction(here.db, act)

    here.extras["demo.google"] = google
    google.shelf.changed, google.unheard = changed, hint
    turning = asyncio.create_task(_turn(here, google))
    try:
        yield
    finally:
        turning.cancel()
        await asyncio.wait([turning])
        google.shelf.changed = lambda: None


async def _turn(here: Context, google: FakeGoogle) -> None:
    """Open pages are told whenever a rotating code has turned."""
    while True:
        now = here.clock.now()
        periods = [period for name in google.shelf.holders if (period := code_at(google.shelf.objects[name], now)[1])]
        await asyncio.sleep((min(periods) - to_ms(now) % min(periods)) / 1000 + 0.05 if periods else LOOK_SECONDS)
        if periods:
            google.shelf.changed()


async def screen(request: Request) -> Response:
    here, google, language = context(request), google_of(request), language_of(request)
    now = here.clock.now()
    cards = [_drawn(request, google.shelf.get(OBJECT, name)) for name in reversed(google.shelf.holders)]
    return render(request, "demo/android.html", {
        "events": PLACE + "/events", "remove_action": PLACE + "/remove", "cards": cards, "note": _note(google, cards, language, here),
        "calls": list(google.calls)[:-CALLS_SHOWN - 1:-1], "clock": clock_time(now, ZONE), "zone": ZONE, "now": now}, headers=PRIVATE)


async def save_page(request: Request) -> Response:
    """The card behind a save link, before the shopper says yes."""
    try:
        stored = google_of(request).opened(request.path_params["jwt"])
    except Refusal as exc:
        return render(request, "demo/android_save.html", {"card": None, "wrong": str(exc)}, status=exc.status, headers=PRIVATE)
    return render(request, "demo/android_save.html", {"card": _drawn(request, stored), "wrong": "", "zone": ZONE}, headers=PRIVATE)


async def save(request: Request) -> Response:
    """The shopper says yes."""
    check_origin(request)
    google = google_of(request)
    try:
        stored = google.opened(request.path_params["jwt"])
    except Refusal:
        return await save_page(request)
    await google.hold(stored["id"])
    return RedirectResponse(PLACE, 303, headers=PRIVATE)


async def remove(request: Request) -> Response:
    """The shopper removes the card with `object_id`; Google keeps the object."""
    check_origin(request)
    object_id, google = text_field(await read_form(request), "object_id"), google_of(request)
    if object_id in google.shelf.holders:
        await google.let_go(object_id)
    return RedirectResponse(PLACE, 303, headers=PRIVATE)


async def stream(request: Request) -> Response:
    """An event whenever a saved card changed."""
    return changes(request, TOPIC)


async def addresses(request: Request) -> Response:
    """Google's REST, token and root key addresses, as demo.json tells them."""
    return await google_of(request).answer(request, request.path_params["path"])


def google_of(request: Request) -> FakeGoogle:
    return context(request).extras["demo.google"]


def _drawn(request: Request, stored: dict[str, Any]) -> Drawn:
    here = context(request)
    return drawn(stored, stored["classReference"], language_of(request), here.clock.now(), here.settings.url)


def _note(google: FakeGoogle, cards: list[Drawn], language: str, here: Context) -> dict[str, str] | None:
    """The newest notification while it is fresh."""
    notice = next(iter(reversed(google.shelf.notices)), None)
    card = next((card for card in cards if notice and card.object_id == notice.object_id), None)
    if notice is None or card is None or here.clock.now() - from_ms(notice.at_ms) > NOTICE_SHOWN:
        return None
    if notice.header or notice.text:
        return {"name": notice.header or card.program, "text": notice.text}
    points = google.shelf.objects[notice.object_id].get("loyaltyPoints", {}).get("balance", {})
    return {"name": card.program, "text": translate(language, BALANCE_CHANGED, balance=balance(points, language))}


routes = [
    route(PLACE, screen, who=public, name="demo:android"),
    route(PLACE + "/remove", remove, who=public, name="demo:android_remove", methods=["POST"]),
    route(PLACE + "/events", stream, who=public, name="demo:android_events"),
    route(equipment.GOOGLE_PATH + "/save/{jwt}", save_page, who=public, name="demo:google_save_page"),
    route(equipment.GOOGLE_PATH + "/save/{jwt}", save, who=public, name="demo:google_save", methods=["POST"]),
    route(equipment.GOOGLE_PATH + "/{path:path}", addresses, who=public, name="demo:google", methods=METHODS),
]
