"""Brands and legal entities: which locations belong to what, and a month by them."""
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.clock import local_day
from app.console import frame
from app.console.coalition import months
from app.programs import service as programs
from app.programs import tags
from app.reports import brands
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, language, principal

BRANDS = "/console/brands"


async def brands_page(request: Request) -> Response:
    """GET /console/brands: ?month= chooses the month."""
    return await _page(request, done=frame.said(request, N_("Kept.")) if "done" in request.query_params else "")


async def _page(request: Request, *, done: str = "", wrong: dict[str, str] | None = None) -> Response:
    here, who = context(request), principal(request)
    business = await programs.get_business(here.db, who.business_id)
    today = local_day(here.clock.now(), business.time_zone)
    month = request.query_params.get("month", "") or today.strftime("%Y-%m")
    known = await tags.tags_of(here.db, who.business_id)
    places = [{"id": here.ids.encode("location", each.id), "name": each.name_in(language(request)),
               "tags": ", ".join(known.get(each.id, ()))}
              for each in await programs.list_locations(here.db, who.business_id)]
    return await frame.page(request, "brands", {
        "places": places, "action": BRANDS, "month": month, "months": months(today),
        "brands": await brands.month(here.db, who.business_id, month, business.time_zone)},
        done=done, wrong=wrong, status=422 if wrong else 200)


async def keep_tags(request: Request) -> Response:
    """POST /console/brands: the `tags` of a `location`."""
    here, form = context(request), await frame.form_of(request)
    location_id = here.ids.decode("location", text_field(form, "location", 64)) or 0
    try:
        await tags.set_tags(here.db, principal(request), location_id, tags.parse(text_field(form, "tags")), here.clock.now())
    except errors.Invalid as refused:
        return await _page(request, wrong={"": frame.sentences_of(request, refused)["tags"]})
    return frame.to(f"{BRANDS}?done=1")


routes = [
    routing.route(BRANDS, brands_page, who=frame.MANAGER_READ, name="console:brands"),
    routing.route(BRANDS, keep_tags, who=frame.MANAGER, name="console:keep_tags", methods=["POST"]),
]
