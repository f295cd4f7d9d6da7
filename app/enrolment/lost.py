"""A phone was lost: its number typed again sends a link to the person's own card. Strangers learn nothing from it."""
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.customers import phones
from app.enrolment import strangers
from app.enrolment.service import Wish
from app.passes import service as passes
from app.programs.store import Program
from app.web import i18n, templating
from app.web.forms import check_site, read_form, text_field
from app.web.requests import client_address, context


async def page(request: Request, program: Program, *, phone: str = "", error: str = "", last_four: str = "") -> Response:
    """last_four: of the number that was just asked for; empty before."""
    here = context(request)
    language = i18n.language_of(request, program.language)
    view = await passes.sample_view(here.db, program, language)
    return templating.render(request, "enrolment/lost.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "logo_picture": view.logo, "action": request.url.path,
        "phone": phone, "prefix": phones.prefix(program.country), "error": error, "last_four": last_four,
        "back_url": request.url.path.removesuffix("/lost"), "inbox_url": "/demo/sms" if here.settings.demo and last_four else "",
    }, status=422 if error else 200, default_language=program.language)


async def ask(request: Request, program: Program) -> Response:
    """The same page for a member's number, anybody else's, and one that cannot be texted now."""
    here = context(request)
    check_site(request)
    language = i18n.language_of(request, program.language)
    phone = text_field(await read_form(request), "phone")
    try:
        e164 = phones.parse_phone(phone, program.country, {program.country, *here.settings.sms_countries})
    except errors.Invalid as wrong:
        return await page(request, program, phone=phone[:200], error=i18n.translate(language, wrong.fields[0].detail, **wrong.params))
    wish = Wish(program.id, e164, "poster", language, address=client_address(request))
    answer = await page(request, program, last_four=e164[-4:])
    # After the answer: what a member's number costs more, the card and the message, must not be seen in the time that it takes.
    answer.background = BackgroundTask(strangers.find_again, here.db, here.ring, here.settings, program, wish, here.clock.now())
    return answer
