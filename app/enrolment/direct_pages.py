"""Cards without a message: what the code on a till's screen opens, the page for plastic cards, and the poster's card without a number."""
from datetime import timedelta

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors, secrets
from app.customers import phones
from app.db import Transaction, write_transaction
from app.enrolment import addresses, asking, direct, plastic, rules, screen, strangers, ways
from app.enrolment.plastic_store import Plastic
from app.enrolment.screen import Screen
from app.enrolment.wishes import Wish
from app.limits import service as limits
from app.passes import service as passes
from app.programs.store import Program
from app.web import i18n, templating
from app.web.cookies import cookie, set_cookie
from app.web.forms import bound_token, check_site, read_form, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import client_address, context

ONCE_A_DAY = timedelta(hours=24)
GONE_NONCE = "gone"
AGAIN_SECONDS = 60


# The code on a till's screen.

async def look(request: Request) -> Response:
    """GET /q/{link}: shows and changes nothing, however often and whoever fetches it."""
    found = await _screen(request)
    return await _page(request, *found) if found else _gone(request)


async def _screen(request: Request) -> tuple[Screen, Program] | None:
    """The live code of the address; a dead one counts as a guess of the caller's. Raises LimitReached."""
    here, guesses = context(request), asking.guesses(request)
    await limits.check(here.db, guesses, here.clock.now())
    found = await screen.find(here.db, here.ring, request.path_params["link"], here.clock.now())
    if found is None:
        await asking.note(request, guesses)
    return found


def _gone(request: Request) -> Response:
    return templating.render(request, "enrolment/screen_gone.html", {}, status=410, nonce=GONE_NONCE)


async def _page(request: Request, found: Screen, program: Program, phone: str = "", error: str = "") -> Response:
    here = context(request)
    language = i18n.language_of(request, program.language)
    view = await passes.sample_view(here.db, program, language)
    headline, _ = rules.promise(program.rules, program.currency, language, await passes.reward_names(here.db, program))
    return templating.render(request, "enrolment/screen.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "logo_picture": view.logo, "headline": headline,
        "action": request.url.path, "is_handover": found.card_id is not None, "phone": phone, "prefix": phones.prefix(program.country),
        "needs_phone": not (await ways.ways_of(here.db, program)).anonymous, "error": error,
        "csrf_token": bound_token(request, request.path_params["link"])},
        status=422 if error else 200, default_language=program.language)


async def take(request: Request) -> Response:
    """POST /q/{link}: used up; on to the consents of a new card, or to the card that is handed over."""
    here = context(request)
    check_site(request)
    found = await _screen(request)
    if found is None:
        return _gone(request)
    program, form = found[1], await read_form(request)
    language, phone = i18n.language_of(request, program.language), text_field(form, "phone", 300)
    try:
        e164 = _number(request, program, phone)
        taken = await screen.take(here.db, here.ring, here.settings, request.path_params["link"], e164, language, client_address(request),
                                  here.clock.now())
    except errors.Invalid as wrong:
        return await _page(request, *found, phone[:100], i18n.translate(language, wrong.fields[0].detail, **wrong.params))
    except errors.Refused as refused:
        return await _page(request, *found, phone[:100], i18n.translate(language, refused.detail, **refused.params))
    except errors.Expired:
        return _gone(request)
    if not (taken.link or taken.page):
        return await sent(request, program, phone)
    return RedirectResponse(f"/a/{taken.link}" if taken.link else f"/c/{taken.page}", 303)


def _number(request: Request, program: Program, phone: str) -> str | None:
    """None for an empty field, and for one that holds nothing but the country's prefix. Raises WrongPhone."""
    if phone in ("", phones.prefix(program.country).strip()):
        return None
    return phones.parse_phone(phone, program.country, {program.country, *context(request).settings.sms_countries})


async def sent(request: Request, program: Program, phone: str, email: str = "", again: str = "") -> Response:
    """A message is on its way, to whom and whether at all is said to nobody. again: where the form is sent once more, if it can be."""
    language = i18n.language_of(request, program.language)
    view = await passes.sample_view(context(request).db, program, language)
    return templating.render(request, "enrolment/sent.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "logo_picture": view.logo,
        "last_four": "".join(letter for letter in phone if letter.isdecimal())[-4:], "phone": phone, "email": email,
        "action": again, "again_url": again, "seconds": AGAIN_SECONDS, "inbox_url": "/demo/sms" if context(request).settings.demo else "",
    }, default_language=program.language)


# Plastic cards.

async def plastic_page(request: Request, program: Program, *, form: FormData | None = None, wrong: dict[str, str] | None = None,
                       status: int = 200) -> Response:
    """GET /e/{business}/{program}/card"""
    here = context(request)
    allowed = await ways.ways_of(here.db, program)
    if not allowed.plastic:
        raise errors.NotFound()
    language = i18n.language_of(request, program.language)
    view = await passes.sample_view(here.db, program, language)
    return templating.render(request, "enrolment/plastic.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "logo_picture": view.logo,
        "action": addresses.kept(request),
        **{name: text_field(form, name, 100) if form else "" for name in ("number", "code", "phone")},
        "prefix": phones.prefix(program.country), "needs_phone": not allowed.anonymous, "errors": wrong or {},
        "work": await asking.challenge(request, asking.plastic_limits(request, asking.PLASTIC_SOFT)),
        "back_url": addresses.kept(request, request.url.path.removesuffix("/card"))}, status=status, default_language=program.language)


async def use_plastic(request: Request, program: Program) -> Response:
    """POST /e/{business}/{program}/card: one answer for an unknown number, a wrong code and a card that somebody has."""
    here, now = context(request), context(request).clock.now()
    check_site(request)
    allowed, form, language = await ways.ways_of(here.db, program), await read_form(request), i18n.language_of(request, program.language)
    if not allowed.plastic:
        raise errors.NotFound()
    if not await asking.is_answered(request, form, asking.plastic_limits(request, asking.PLASTIC_SOFT)):
        return await plastic_page(request, program, form=form)
    try:
        await write_transaction(here.db, lambda tx: limits.hit(tx, asking.plastic_limits(request, asking.PLASTIC_TRIES), now))
        phone = text_field(form, "phone", 300)
        e164 = _number(request, program, phone)
        if e164 is None and not allowed.anonymous:
            raise errors.Invalid(fields=[errors.FieldError("phone", "required", screen.NO_NUMBER)])
        card = await plastic.find(here.db, here.ring, program, text_field(form, "number", 100), text_field(form, "code", 100), now)
        return await _begin_plastic(request, program, card, e164, phone)
    except (errors.Invalid, errors.Refused, errors.TooMany) as refused:
        wrong = {field: i18n.translate(language, detail, **refused.params) for field, _, detail in refused.fields}
        answer = await plastic_page(request, program, form=form, wrong=wrong or {"": i18n.translate(language, refused.detail)},
                                    status=status_of(refused))
        if refused.retry_after:
            answer.headers["Retry-After"] = str(refused.retry_after)
        return answer


async def _begin_plastic(request: Request, program: Program, card: Plastic, e164: str | None, phone: str) -> Response:
    """On to the consents. A number that the business knows already gets a message instead, and the plastic stays as it is."""
    here, now, token = context(request), context(request).clock.now(), secrets.new_token(rules.TOKEN_LETTERS)
    wish = Wish(program.id, e164, "plastic", i18n.language_of(request, program.language), address=client_address(request),
                plastic_id=card.id, invitation_id=await addresses.invitation_of(request, program))
    who = Principal(program.business_id, program.business_id, "shopper")

    async def act(tx: Transaction) -> bool:
        await plastic.free(tx, here.ring, who, card, now)
        return await direct.begin(tx, here.ring, who, program, wish, token, now) is not None

    if await write_transaction(here.db, act):
        return RedirectResponse(f"/a/{token}", 303)
    await strangers.ask(here.db, here.ring, here.settings, program, wish, now)
    return await sent(request, program, phone)


# Without a number, at a poster.

async def without_number(request: Request, program: Program, poster: str, invitation_id: int | None) -> Response:
    """One card a browser, programme and day; a browser that comes again is led to the card that it took. Raises WayClosed, LimitReached."""
    here, now = context(request), context(request).clock.now()
    if not (await ways.ways_of(here.db, program)).anonymous:
        raise ways.WayClosed()
    name = f"took-{here.ids.encode('program', program.id)}"
    if secrets.is_token(before := cookie(request, here.settings, name), rules.TOKEN_LETTERS):
        return RedirectResponse(f"/a/{before}", 303)
    token, counted = secrets.new_token(rules.TOKEN_LETTERS), await asking.anonymous_limits(request, program, poster)
    wish = Wish(program.id, None, "poster", i18n.language_of(request, program.language), poster=poster, invitation_id=invitation_id)

    async def act(tx: Transaction) -> None:
        await limits.hit(tx, counted, now)
        await direct.begin(tx, here.ring, Principal(program.business_id, program.business_id, "shopper"), program, wish, token, now)

    await write_transaction(here.db, act)
    answer = RedirectResponse(f"/a/{token}", 303)
    set_cookie(answer, here.settings, name, token, ONCE_A_DAY // timedelta(seconds=1))
    return answer
