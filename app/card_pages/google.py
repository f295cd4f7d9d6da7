"""The button "Add to Google Wallet": nothing is at Google before it is pressed, and only a press leads there."""
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.card_pages import frame
from app.context import Context
from app.google import service as google
from app.passes.pages import CodeNeeded
from app.text import N_
from app.web import i18n, templating
from app.web.forms import check_site
from app.web.problems import status_of
from app.web.requests import context
from app.web.routing import link, route


class NotInUse(errors.Refused):
    """The page of a card that is blocked, replaced or over has no button; a form that was open before still posts."""

    code, detail = "card_not_in_use", N_("This card is not in use, so no wallet takes it.")


async def is_offered(here: Context, business_id: int) -> bool:
    return await google.issuer_for(here, business_id) is not None


def let_lead(answer: Response, here: Context) -> Response:
    """The page's form may lead on to Google: browsers judge where a form ends up, and not only where it posts."""
    parts = urlsplit(here.settings.google_save)
    policy = answer.headers["Content-Security-Policy"]
    answer.headers["Content-Security-Policy"] = policy.replace("form-action 'self'", f"form-action 'self' {parts.scheme}://{parts.netloc}")
    return answer


async def add(request: Request) -> Response:
    """POST /c/{token}/google: class and object are brought to Google, then the browser goes there with a link of its own."""
    here = context(request)
    opened = await frame.opened(request)
    check_site(request)
    if opened.strength != "card":
        raise CodeNeeded()
    try:
        if opened.card.status != "active":
            raise NotInUse()
        address = await google.save_link(here, opened.card, here.clock.now())
    except (errors.Refused, errors.Unavailable) as refusal:
        language = i18n.language_of(request, opened.program.language)
        return templating.render(request, "cards/away.html", {
            "sentence": i18n.translate(language, refusal.detail, **refusal.params), "back_url": f"/c/{request.path_params['token']}"},
            status=status_of(refusal), default_language=opened.program.language,
            headers={"Retry-After": str(refusal.retry_after)} if refusal.retry_after else None)
    return RedirectResponse(address, 303)


routes = [route("/c/{token}/google", add, who=link, name="card-pages:google", methods=["POST"])]
