"""The API's front: who a key is, what the business has, and the list of all calls, from which routes and document are made."""
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from app.programs import service as programs
from app.till import (
    account_api,
    answers,
    asking,
    cards_api,
    catalogue_api,
    joining_api,
    programs_api,
    questions_api,
    sales_api,
    shapes,
    webhooks_api,
)
from app.till import openapi as openapi_document
from app.till.calls import PAGE, PREFIX, Call
from app.web.requests import context, language, principal, wanted_page
from app.web.routing import key, public, route
from app.web.templating import render


async def me(request: Request) -> Response:
    here, who = context(request), principal(request)
    business = await programs.get_business(here.db, who.business_id)
    return asking.answered(answers.me(here, who, business, language(request), request.state.key_ends_at,
                                      getattr(request.state, "allowance", None)))


async def list_locations(request: Request) -> Response:
    here, who, limit = context(request), principal(request), wanted_page(request)["limit"]
    found = await programs.list_locations(here.db, who.business_id, after=asking.after(request, "location"), limit=limit + 1)
    cursor = here.ids.encode("location", found[limit - 1].id) if len(found) > limit else None
    return asking.answered(shapes.LocationList([answers.location(here, one, language(request)) for one in found[:limit]], cursor))


async def openapi(request: Request) -> Response:
    """GET /openapi.json"""
    made = openapi_document.document(CALLS, context(request).settings.url)
    return Response(made, media_type="application/json", headers={"Cache-Control": "no-cache"})


async def docs(request: Request) -> Response:
    """The same document as a page."""
    made = openapi_document.parsed(CALLS, context(request).settings.url)
    return render(request, "api/docs.html", {"document": made, "openapi_url": f"{PREFIX}/openapi.json"})


# Routes are tried in this order: sales and scans first.
CALLS: tuple[Call, ...] = (
    *sales_api.CALLS, *cards_api.CALLS, *account_api.CALLS, *joining_api.CALLS, *programs_api.CALLS, *questions_api.CALLS,
    *catalogue_api.CALLS, *webhooks_api.CALLS,
    Call("GET", "/me", "api:me", me, key(), "Business", "What this key is", shapes.Me),
    Call("GET", "/locations", "api:list_locations", list_locations, key("cards:read"), "Business", "The business's locations",
         shapes.LocationList, query=PAGE),
    Call("GET", "/openapi.json", "api:openapi", openapi, public, "Business", "This document", None),
)

routes: list[BaseRoute] = [
    *(route(call.address, call.endpoint, who=call.who, name=call.name, methods=[call.method]) for call in CALLS),
    route("/api/docs", docs, who=public, name="api:docs"),
]
