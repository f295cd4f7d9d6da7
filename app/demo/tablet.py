"""A shared tablet of the demo: one press pairs this browser, and the people of the coffee shop have a PIN."""
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.context import Context
from app.demo import demo_file
from app.demo.business import Business
from app.demo.demo_file import PIN
from app.devices import pins
from app.devices import service as devices
from app.errors import NotFound
from app.text import N_
from app.web import i18n
from app.web.forms import check_origin
from app.web.principal import Principal
from app.web.requests import context, language
from app.web.routing import public, route
from app.web.templating import render

PAGE = "/demo/tablet"
NAME = N_("Tablet at the counter")


async def give_pins(here: Context, shop: Business) -> None:
    """Everybody of the shop has the same one, which the demo says aloud."""
    owner, now = shop.of_role("owner"), here.clock.now()
    for person in shop.people:
        _, token = await pins.offer_link(here.db, here.ring, owner, person.id, now)
        await pins.use_link(here.db, here.ring, token, PIN, now)


async def page(request: Request) -> Response:
    """GET /demo/tablet"""
    return render(request, "demo/tablet.html", {"action": PAGE, "pin": PIN})


async def pair(request: Request) -> Response:
    """POST /demo/tablet: a code as a manager makes it, used up on the page that it leads to."""
    check_origin(request)
    here, told = context(request), _told(request)
    business_id, location_id = here.ids.decode("business", told["business"]), here.ids.decode("location", told["locations"][0])
    owner = next((each for each in await pins.list_people(here.db, business_id or 0) if each.role == "owner"), None)
    if business_id is None or owner is None:
        raise NotFound()
    who = Principal(business_id, business_id, "staff", owner.id, owner.name, "owner")
    code = await devices.offer(here.db, here.ring, who, i18n.translate(language(request), NAME), location_id, here.clock.now())
    return RedirectResponse(f"/till/pair/{code}", 303)


def _told(request: Request) -> dict[str, Any]:
    return demo_file.read(context(request).settings)


routes = [
    route(PAGE, page, who=public, name="demo:tablet"),
    route(PAGE, pair, who=public, name="demo:tablet_pair", methods=["POST"]),
]
