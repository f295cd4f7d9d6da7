"""/c/{token}/another and /d/{token}: the card on another phone, by a link that works once."""
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.card_pages import frame, service
from app.card_pages.frame import Visit
from app.customers import contacts
from app.passes import service as passes
from app.profiles import handovers, rules
from app.programs import service as programs
from app.web import i18n, templating
from app.web.forms import bound_token, check_site
from app.web.requests import context
from app.web.routing import link, route


async def _may(visit: Visit) -> bool:
    return visit.opened.strength == "card" or await frame.is_confirmed(visit)


async def another(request: Request) -> Response:
    """GET /c/{token}/another: what the link does, and the button that makes it. Through the pass link a code comes first."""
    visit = await frame.arrive(request)
    return await _page(visit) if await _may(visit) else frame.to_code(visit, "another")


async def _page(visit: Visit, address: str = "", error: str = "", status: int = 200) -> Response:
    return await frame.page(visit, "profiles/another.html", {
        "address": address, "error": error, "action": visit.path("/another"), "is_active": visit.card.status == "active",
        "minutes": rules.HANDOVER_LIFE.seconds // 60}, status=status)


async def make(request: Request) -> Response:
    """POST /c/{token}/another: the link, shown this once, as a code and in letters."""
    visit = await frame.arrive_to_act(request)
    if not await _may(visit):
        raise service.NotConfirmed()
    try:
        token = await handovers.make(visit.here, visit.card, visit.now)
    except (errors.Refused, errors.TooMany) as refused:
        return await _page(visit, error=visit.said(refused), status=409)
    return await _page(visit, visit.here.settings.address(f"/d/{token}"))


async def arrive(request: Request) -> Response:
    """GET /d/{token}: on the other phone; looking uses nothing up, so that a preview does not."""
    here = context(request)
    card = await handovers.find(here, request.path_params["token"], here.clock.now())
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    if card.customer_id is not None:
        i18n.prefer(request, await contacts.chosen_language(here.db, card.business_id, card.customer_id))
    language = i18n.language_of(request, program.language)
    view = await passes.sample_view(here.db, program, language)
    return templating.render(request, "profiles/arrive.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "logo_picture": view.logo, "action": request.url.path,
        "csrf_token": bound_token(request, request.path_params["token"])}, default_language=program.language)


async def use(request: Request) -> Response:
    """POST /d/{token}: opens the card on this phone; the link is used up."""
    here = context(request)
    check_site(request)
    return RedirectResponse(f"/c/{await handovers.use(here, request.path_params['token'], here.clock.now())}", 303)


routes = [
    route("/c/{token}/another", another, who=link, name="profiles:another"),
    route("/c/{token}/another", make, who=link, name="profiles:make-handover", methods=["POST"]),
    route("/d/{token}", arrive, who=link, name="profiles:arrive"),
    route("/d/{token}", use, who=link, name="profiles:use-handover", methods=["POST"]),
]
