"""The pages of whoever runs the server, at /operator: businesses and their limits, certificates, queues and jobs; nobody's customers."""
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors, secrets
from app.console import founding
from app.operators import overview, rules, service, store
from app.operators.rules import Business
from app.staff import service as staff
from app.staff.rules import STEP_MINUTES
from app.text import N_
from app.web import i18n, routing, templating
from app.web.cookies import drop_cookie, set_cookie
from app.web.forms import bound_token, check_forgery, check_origin, csrf_token, read_form, text_field
from app.web.problems import status_of
from app.web.requests import client_address, context, language, principal

KIND, START, SIGN_IN = "operator", "/operator", "/operator/sign-in"
STEP = "operator-step"              # the cookie between the password and the second factor
WISHED = ("name", "email", "slug", "country", "currency", "time_zone", "language")
FIRST = {"name": "", "email": "", "slug": "", "country": "RU", "currency": "RUB", "time_zone": "Europe/Moscow", "language": "ru"}
MEGABYTE = 1024 * 1024
UNITS = {"messages_day": 1, "cards": 1, "key_per_second": 1, "storage_bytes": MEGABYTE}
DONE = {"limits": N_("The limits are kept."), "closed": N_("The business is closed: nobody of it comes in, and its keys are refused."),
        "opened": N_("The business is open again. Its people sign in anew.")}


def said(request: Request, message: str, **params: Any) -> str:
    return i18n.translate(language(request), message, **params)


def _sentences(request: Request, refused: errors.TesseraError) -> dict[str, str]:
    """field → sentence; "" for what concerns no field."""
    if not refused.fields:
        return {"": said(request, refused.detail, **refused.params)}
    return {field: said(request, sentence, **refused.params) for field, _, sentence in refused.fields}


def page(request: Request, name: str, values: Mapping[str, Any], *, wrong: Mapping[str, str] | None = None, status: int = 200) -> Response:
    done = DONE.get(request.query_params.get("done", ""), "")
    return templating.render(request, f"operator/{name}.html", {
        "operator_name": principal(request).name, "csrf_token": csrf_token(request, KIND), "now": context(request).clock.now(),
        "done": said(request, done) if done else "", "error": (wrong or {}).get("", ""), "errors": dict(wrong or {}), **values},
        status=status)


async def form_of(request: Request) -> FormData:
    """The posted form, after the forgery checks."""
    form = await read_form(request)
    check_forgery(request, form, KIND)
    return form


# The door.

async def sign_in_page(request: Request) -> Response:
    """GET /operator/sign-in"""
    return _sign_in(request)


def _sign_in(request: Request, email: str = "", error: str = "", status: int = 200) -> Response:
    return templating.render(request, "operator/sign_in.html", {
        "action": SIGN_IN, "email": email, "error": error, "csrf_token": csrf_token(request, KIND)}, status=status)


async def sign_in(request: Request) -> Response:
    """POST /operator/sign-in"""
    here, form = context(request), await read_form(request)
    check_origin(request)
    email, password = text_field(form, "email"), form.get("password")
    try:
        token = await service.sign_in(here.db, here.ring, email, password if isinstance(password, str) else "", client_address(request),
                                      here.clock.now())
    except staff.SecondStep as step:
        onward = RedirectResponse(SIGN_IN + "/second", 303)
        set_cookie(onward, here.settings, STEP, step.token, 60 * STEP_MINUTES)
        return onward
    except (errors.Unauthenticated, errors.TooMany) as refused:
        answer = _sign_in(request, email, said(request, refused.detail, **refused.params), status_of(refused))
        if refused.retry_after:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer
    return let_in(request, token)


def let_in(request: Request, token: str) -> Response:
    answer = RedirectResponse(START, 303)
    set_cookie(answer, context(request).settings, KIND, token, rules.LIFE_SECONDS)
    return answer


async def link_page(request: Request) -> Response:
    """GET /operator/link/{link}: changes nothing."""
    return await _link(request)


async def _link(request: Request, error: str = "", status: int = 200) -> Response:
    here = context(request)
    email = await service.peek_link(here.db, here.ring, request.path_params["link"], here.clock.now())
    return templating.render(request, "console/set_password.html", {
        "action": request.url.path, "email": email, "error": error,
        "csrf_token": bound_token(request, request.path_params["link"])}, status=status)


async def use_link(request: Request) -> Response:
    """POST /operator/link/{link}: sets the password and signs in, once."""
    here, form = context(request), await read_form(request)
    check_origin(request)
    password = form.get("password")
    try:
        token = await service.use_link(here.db, here.ring, request.path_params["link"], password if isinstance(password, str) else "",
                                       here.clock.now())
    except errors.Invalid as refused:
        return await _link(request, said(request, refused.fields[0].detail), 422)
    return let_in(request, token)


async def sign_out(request: Request) -> Response:
    """POST /operator/sign-out"""
    here = context(request)
    await form_of(request)
    await service.sign_out(here.db, principal(request), here.clock.now())
    answer = RedirectResponse(SIGN_IN, 303)
    drop_cookie(answer, here.settings, KIND)
    return answer


# Businesses.

async def businesses_page(request: Request) -> Response:
    """GET /operator"""
    return await _businesses(request)


async def _businesses(request: Request, typed: Mapping[str, str] = FIRST, *, link: Mapping[str, str] | None = None,
                      wrong: Mapping[str, str] | None = None, status: int = 200) -> Response:
    here = context(request)
    found = await service.businesses(here.db, here.clock.now())
    return page(request, "businesses", {
        "rows": [{"name": each.name, "slug": each.slug, "url": _address(request, each.id), "closed": each.closed_at is not None,
                  "created_at": each.created_at, "cards": each.cards_now, "messages": each.messages_now} for each in found],
        "values": typed, "action": START, "link": link}, wrong=wrong, status=status)


def _address(request: Request, business_id: int) -> str:
    return f"{START}/businesses/{context(request).ids.encode('business', business_id)}"


async def found(request: Request) -> Response:
    """POST /operator: a new business; the answer is the only time that its owner's link is seen."""
    here, form = context(request), await form_of(request)
    typed = {name: text_field(form, name, 200).strip() for name in WISHED}
    token = secrets.new_secret()
    wish = founding.Wish(typed["slug"] or founding.slug_of(typed["name"]), typed["name"], typed["country"].upper(),
                         typed["currency"].upper(), typed["time_zone"], typed["language"])
    try:
        await service.found(here.db, here.ring, principal(request), wish, typed["email"], token, here.clock.now())
    except (errors.Invalid, errors.Refused) as refused:
        wrong = _sentences(request, refused)
        if isinstance(refused, staff.AddressTaken):
            wrong = {"email": wrong[""]}
        return await _businesses(request, typed, wrong=wrong, status=status_of(refused))
    return await _businesses(request, link={"email": typed["email"], "url": here.settings.address(f"/console/link/{token}")})


async def business_page(request: Request) -> Response:
    """GET /operator/businesses/{business}"""
    return _business(request, await _found(request))


async def _found(request: Request) -> Business:
    here = context(request)
    return await service.get_business(here.db, here.ids.decode("business", request.path_params["business"]) or 0, here.clock.now())


def _business(request: Request, one: Business, typed: Mapping[str, str] | None = None, *, wrong: Mapping[str, str] | None = None,
              status: int = 200) -> Response:
    address = _address(request, one.id)
    return page(request, "business", {
        "one": one, "storage_now": -(-one.storage_now // MEGABYTE), "action": address, "access_action": address + "/access",
        "values": typed or {name: "" if (value := getattr(one, name)) is None else str(value // unit) for name, unit in UNITS.items()}},
        wrong=wrong, status=status)


async def keep_limits(request: Request) -> Response:
    """POST /operator/businesses/{business}: what it may use of the server; empty fields are no limit."""
    here, form, one = context(request), await form_of(request), await _found(request)
    typed, limits, wrong = {name: text_field(form, name, 40) for name in store.LIMITS}, dict[str, int | None](), dict[str, str]()
    for name, unit in UNITS.items():
        try:
            limits[name] = rules.limit_of(name, typed[name], unit)
        except errors.Invalid as refused:
            wrong |= _sentences(request, refused)
    if wrong:
        return _business(request, one, typed, wrong=wrong, status=422)
    await service.set_limits(here.db, principal(request), one.id, limits, here.clock.now())
    return RedirectResponse(_address(request, one.id) + "?done=limits", 303)


async def toggle(request: Request) -> Response:
    """POST /operator/businesses/{business}/access: closes it, or opens it again; `closed` says which, so that a repeat undoes nothing."""
    here, form, one = context(request), await form_of(request), await _found(request)
    closed = text_field(form, "closed", 1) == "1"
    await service.set_closed(here.db, principal(request), one.id, closed=closed, now=here.clock.now())
    return RedirectResponse(_address(request, one.id) + ("?done=closed" if closed else "?done=opened"), 303)


# The server.

async def server_page(request: Request) -> Response:
    """GET /operator/server: certificates, queues, jobs and what /metrics counts, in words."""
    here = context(request)
    return page(request, "server", {
        "certificates": await overview.certificates(here), "queues": [(said(request, word), number)
                                                                      for word, number in await overview.queues(here)],
        "jobs": overview.jobs(here), "measures": await overview.measures(here)})


async def acts_page(request: Request) -> Response:
    """GET /operator/acts: what operators did, newest first."""
    return page(request, "acts", {"acts": [{**each, "words": said(request, overview.ACTS.get(each["action"], N_("something else")))}
                                            for each in await overview.acts(context(request))]})


ONE = START + "/businesses/{business}"
routes = [
    routing.route(SIGN_IN, sign_in_page, who=routing.public, name="operator:sign_in"),
    routing.route(SIGN_IN, sign_in, who=routing.public, name="operator:signing_in", methods=["POST"]),
    routing.route("/operator/link/{link}", link_page, who=routing.link, name="operator:link"),
    routing.route("/operator/link/{link}", use_link, who=routing.link, name="operator:using_link", methods=["POST"]),
    routing.route("/operator/sign-out", sign_out, who=routing.operator, name="operator:sign_out", methods=["POST"]),
    routing.route(START, businesses_page, who=routing.operator, name="operator:businesses"),
    routing.route(START, found, who=routing.operator, name="operator:found", methods=["POST"]),
    routing.route(ONE, business_page, who=routing.operator, name="operator:business"),
    routing.route(ONE, keep_limits, who=routing.operator, name="operator:keep_limits", methods=["POST"]),
    routing.route(ONE + "/access", toggle, who=routing.operator, name="operator:toggle", methods=["POST"]),
    routing.route("/operator/server", server_page, who=routing.operator, name="operator:server"),
    routing.route("/operator/acts", acts_page, who=routing.operator, name="operator:acts"),
]
