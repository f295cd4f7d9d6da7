"""Goods as tills name them: what they are called here, their category, and whether shoppers may choose them as their favourite."""
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.console import frame
from app.standing import service as standings
from app.text import N_
from app.web import routing
from app.web.requests import context, principal

PRODUCTS = "/console/products"
FIELDS = ("sku", "name", "category")
SHOWN = 100
CATEGORY_MOST = 100


async def products_page(request: Request) -> Response:
    """GET /console/products: from ?after= on; ?sku= opens one in the form."""
    done = N_("The product is kept.") if request.query_params.get("done") else ""
    return await _products(request, done=frame.said(request, done) if done else "")


async def _products(request: Request, typed: dict[str, Any] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                    status: int = 200) -> Response:
    here, who, query = context(request), principal(request), request.query_params
    after = query.get("after", "")[:100]
    found = await standings.list_products(here.db, who.business_id, after=after, limit=SHOWN + 1)
    chosen = next((each for each in found if each.sku == query.get("sku")), None)
    values = typed or ({"sku": chosen.sku, "name": chosen.name, "category": chosen.category or "",
                        "can_be_favourite": chosen.can_be_favourite} if chosen else dict.fromkeys(FIELDS, "") | {"can_be_favourite": False})
    return await frame.page(request, "products", {
        "products": [{"sku": each.sku, "name": each.name, "category": each.category or "", "can_be_favourite": each.can_be_favourite,
                      "url": f"{PRODUCTS}?after={quote(after, safe='')}&sku={quote(each.sku, safe='')}#one"} for each in found[:SHOWN]],
        "values": values, "is_new": chosen is None, "action": PRODUCTS, "first_url": PRODUCTS if after else "",
        "next_url": f"{PRODUCTS}?after={quote(found[SHOWN - 1].sku, safe='')}" if len(found) > SHOWN else ""},
        done=done, wrong=wrong, status=status)


async def keep_product(request: Request) -> Response:
    """POST /console/products: a new one, or another name, category or choice for its number."""
    here, form = context(request), await frame.form_of(request)
    typed, can_be_favourite = frame.texts(form, *FIELDS), bool(form.get("can_be_favourite"))
    try:
        if len(typed["category"]) > CATEGORY_MOST:
            raise errors.Invalid(fields=[errors.FieldError("category", "text", N_("This is longer than the field takes."))])
        await standings.set_product(here.db, principal(request), typed["sku"], typed["name"], typed["category"] or None,
                                    can_be_favourite, here.clock.now())
    except errors.Invalid as refused:
        return await _products(request, {**typed, "can_be_favourite": can_be_favourite}, wrong=frame.sentences_of(request, refused),
                               status=422)
    return frame.to(f"{PRODUCTS}?done=1")


routes = [
    routing.route(PRODUCTS, products_page, who=frame.MANAGER_READ, name="console:products"),
    routing.route(PRODUCTS, keep_product, who=frame.MANAGER, name="console:keep_product", methods=["POST"]),
]
