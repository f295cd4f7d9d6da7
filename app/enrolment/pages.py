"""The enrolment page and what stands behind an activation link. A GET here never changes anything."""
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.clock import from_ms
from app.customers import documents, phones
from app.customers.rules import PURPOSES
from app.enrolment import activation, addresses, asking, contacts, direct_pages, lost, plastic, rules, strangers, visits, ways
from app.enrolment.activation import Form, Invitation
from app.enrolment.service import Wish
from app.limits import service as limits
from app.limits.rules import LimitReached
from app.passes import service as passes
from app.programs import service as programs
from app.programs.store import Program
from app.referrals import service as referrals
from app.text import N_
from app.web import i18n, templating
from app.web.cookies import cookie, set_cookie
from app.web.forms import FORM_CAP, bound_token, check_site, read_form, text_field
from app.web.requests import client_address, context
from app.web.routing import link, public, route

_SLUG = re.compile(r"[a-z0-9-]{1,64}")
# The page of a dead link is the same to the byte whatever link it was; nothing from outside stands on it, so its nonce may be known.
GONE_NONCE = "gone"
NEW_WORDS = N_("The words below have changed while you read. Please look at them once more.")
MORE = (
    N_("We keep your number, your name if you give one, and what you earn and spend with the card."),
    N_("We keep them as long as you have the card, and hand them to nobody."),
    N_("On the card's page you can stop messages at any time, and ask at the till to have everything erased."),
)


async def _program(request: Request) -> Program:
    """The programme of the address; NotFound for whatever is none."""
    business, program = request.path_params["business"], request.path_params.get("program")
    if not _SLUG.fullmatch(business) or (program is not None and not _SLUG.fullmatch(program)):
        raise errors.NotFound()
    found = await programs.find_program_by_slugs(context(request).db, business, program)
    if found is None:
        raise errors.NotFound()
    return found


def _why_closed(request: Request, program: Program, invitation_id: int | None) -> str:
    """Why the page has nothing to offer, a msgid: the programme is closing, or a club opens to invitations alone; else empty."""
    if rules.is_closing(program.earns_until_at, context(request).clock.now()):
        return rules.ProgramClosing.detail
    is_club = program.rules.club is not None and program.rules.club.by == "invitation"
    return referrals.ClubClosed.detail if is_club and invitation_id is None else ""


async def show(request: Request) -> Response:
    """GET /e/{business}[/{program}]: counted by the name of the link, after it is answered."""
    here, program = context(request), await _program(request)
    answer = await _enrol_page(request, program)
    if request.method == "GET" and visits.is_person(request.headers.get("user-agent", "")):
        answer.background = BackgroundTask(visits.note, here.db, program, rules.link_name(request.query_params), here.clock.now())
    return answer


async def _enrol_page(request: Request, program: Program, typed: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None,
                      *, refused: str = "") -> Response:
    """typed: phone and email as they were; wrong: sentences by field; refused: why a card without a number is not given now."""
    here, poster = context(request), rules.link_name(request.query_params)
    language = i18n.language_of(request, program.language)
    view = await passes.sample_view(here.db, program, language)
    headline, sentences = rules.promise(program.rules, program.currency, language, await passes.reward_names(here.db, program))
    closed = _why_closed(request, program, await addresses.invitation_of(request, program))
    return templating.render(request, "enrolment/enrol.html", {
        "business_name": program.business_name_in(language), "headline": headline, "promise": sentences, "view": view, "brand": view.css,
        "action": addresses.kept(request), "phone": (typed or {}).get("phone", ""), "email": (typed or {}).get("email", ""),
        "prefix": phones.prefix(program.country), "error": (wrong or {}).get("phone", ""), "email_error": (wrong or {}).get("email", ""),
        "refused": refused, "ways": await ways.ways_of(here.db, program),
        "work": await asking.challenge(request, await asking.soft_limits(request, program, poster)),
        "has_plastic": await plastic.is_offered(here.db, program),
        "plastic_url": addresses.kept(request, f"/e/{request.path_params['business']}/{program.slug}/card"),
        "page_address": here.settings.address(request.url.path),
        "share_picture": here.settings.address(shared) if (shared := view.strip_address or view.logo_address) else "",
        "lost_url": f"/e/{request.path_params['business']}/{program.slug}/lost",
        "closed": i18n.translate(language, closed) if closed else "", "zone": program.time_zone,
        "earns_until": from_ms(program.earns_until_at) if program.earns_until_at and not closed else None,
    }, status=403 if closed else 422 if wrong or refused else 200, default_language=program.language)


async def ask(request: Request) -> Response:
    """POST /e/{business}[/{program}]: the same page for a new number, a member's, and one that cannot be texted now. By mail where an
    address was typed instead; with `without`, a card without either."""
    here, program = context(request), await _program(request)
    check_site(request)
    language, form = i18n.language_of(request, program.language), await read_form(request)
    typed = {name: text_field(form, name)[:300] for name in ("phone", "email")}
    invitation_id = await addresses.invitation_of(request, program)
    if _why_closed(request, program, invitation_id):
        return await _enrol_page(request, program)
    poster = rules.link_name(request.query_params)
    if not await asking.is_answered(request, form, await asking.soft_limits(request, program, poster)):
        return await _enrol_page(request, program, typed)
    try:
        if form.get("without"):
            return await direct_pages.without_number(request, program, poster, invitation_id)
        wish = await _wish(request, program, typed, poster, invitation_id)
    except errors.Invalid as wrong:
        said = {field: i18n.translate(language, detail, **wrong.params) for field, _, detail in wrong.fields}
        return await _enrol_page(request, program, typed, said)
    except (errors.Refused, errors.TooMany) as refused:
        return await _enrol_page(request, program, typed, refused=i18n.translate(language, refused.detail))
    await strangers.ask(here.db, here.ring, here.settings, program, wish, here.clock.now())
    return await direct_pages.sent(request, program, typed["phone"] if wish.e164 else "", typed["email"], addresses.kept(request))


async def _wish(request: Request, program: Program, typed: Mapping[str, str], poster: str, invitation_id: int | None) -> Wish:
    """Raises Invalid (fields `phone`, `email`); an address that is typed where the programme takes none is passed over."""
    here, e164, email = context(request), None, None
    if typed["email"] and (await ways.ways_of(here.db, program)).mail:
        email = contacts.parse_email(typed["email"])
    else:
        e164 = phones.parse_phone(typed["phone"], program.country, {program.country, *here.settings.sms_countries})
    return Wish(program.id, e164, "poster", i18n.language_of(request, program.language), poster=poster, address=client_address(request),
                invitation_id=invitation_id, email=email)


async def plastic_page(request: Request) -> Response:
    """GET /e/{business}/{program}/card"""
    return await direct_pages.plastic_page(request, await _program(request))


async def use_plastic(request: Request) -> Response:
    """POST /e/{business}/{program}/card"""
    return await direct_pages.use_plastic(request, await _program(request))


async def lost_page(request: Request) -> Response:
    """GET /e/{business}/{program}/lost"""
    return await lost.page(request, await _program(request))


async def ask_lost(request: Request) -> Response:
    """POST /e/{business}/{program}/lost: a link to the card of a member's number; the same page for every number."""
    return await lost.ask(request, await _program(request))


async def _invitation(request: Request) -> Invitation | None:
    """The live invitation of the address; None for expired, used and unknown links alike, which count as guesses of the caller."""
    here, guesses = context(request), asking.guesses(request)
    await limits.check(here.db, guesses, here.clock.now())
    found = await activation.find(here.db, here.ring, request.path_params["link"], here.clock.now())
    if found is None:
        await asking.note(request, guesses)
    return found


async def _no_more(request: Request) -> Response:
    """The browser that used the link finds its card again for a day; everybody else one and the same 410."""
    here = context(request)
    used = await activation.find_used(here.db, here.ring, request.path_params["link"])
    if used is not None and used.card_id is not None:
        secret = cookie(request, here.settings, f"card-{here.ids.encode('card', used.card_id)}")
        if page := await activation.page_of_browser(here.db, here.ring, used, secret, here.clock.now()):
            return _to_card(page)
    return _gone(request)


def _gone(request: Request, *, is_sent: bool = False) -> Response:
    return templating.render(request, "enrolment/gone.html", {"is_sent": is_sent}, status=200 if is_sent else 410, nonce=GONE_NONCE)


def _to_card(page_token: str) -> Response:
    return RedirectResponse(f"/c/{page_token}", 303)


async def look(request: Request) -> Response:
    """GET /a/{link}: shows and changes nothing, however often and whoever fetches it."""
    invitation = await _invitation(request)
    if invitation is None:
        return await _no_more(request)
    return await _activation_page(request, invitation, Form("", False, False, ""), {})


async def _activation_page(request: Request, invitation: Invitation, form: Form, wrong: dict[str, str]) -> Response:
    here, program, enrolment = context(request), invitation.program, invitation.enrolment
    language = i18n.language_of(request, enrolment.language)
    view = await passes.sample_view(here.db, program, language)
    asked = await documents.current(here.db, program.business_id, language)
    slug = (await programs.get_business(here.db, program.business_id)).slug
    return templating.render(request, "enrolment/activate.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "logo_picture": view.logo,
        "last_two": enrolment.phone_hint, "way": enrolment.way, "waiting": invitation.is_counted, "action": request.url.path,
        "not_me_action": f"{request.url.path}/not-me", "questions": invitation.questions, "typed": form.typed, "terms": form.terms,
        "marketing": form.marketing,
        "errors": wrong, "read": documents.mark_of(asked), "documents": {
            each.purpose: {"text": each.text, "title": each.title, "url": documents.address_of(slug, each)
                           if each.long_text else "", "ticked": form.agreed.get(each.purpose, False)} for each in asked},
        "terms_more": [i18n.translate(language, sentence) for sentence in MORE],
        "csrf_token": bound_token(request, request.path_params["link"]),
    }, status=422 if wrong else 200, default_language=enrolment.language)


async def finish(request: Request) -> Response:
    """POST /a/{link}: the card, once; or, with `again`, a new link to the number that this one was for."""
    here, token = context(request), request.path_params["link"]
    check_site(request)
    fields = await read_form(request)
    if "again" in fields:
        return await _again(request)
    invitation = await _invitation(request)
    if invitation is None:
        return await _no_more(request)
    typed = {each.field: text_field(fields, each.field, FORM_CAP) for each in invitation.questions}
    language = i18n.language_of(request, invitation.enrolment.language)
    asked = await documents.current(here.db, invitation.program.business_id, language)
    form = Form(typed.get("name", ""), bool(fields.get("terms")), bool(fields.get("marketing")), language, typed,
                {each.purpose: bool(fields.get(f"agree-{each.purpose}")) for each in asked if each.purpose not in PURPOSES})
    if text_field(fields, "read", FORM_CAP) not in ("", documents.mark_of(asked)):
        return await _activation_page(request, invitation, replace(form, terms=False, marketing=False, agreed={}),
                                      {"": i18n.translate(language, NEW_WORDS)})
    try:
        done = await activation.activate(here.db, here.ring, token, form, here.clock.now())
    except errors.Invalid as wrong:
        said = {field: i18n.translate(form.language, detail, **wrong.params) for field, _, detail in wrong.fields}
        return await _activation_page(request, invitation, form, said)
    except referrals.ClubClosed as full:
        return await _activation_page(request, invitation, form, {"terms": i18n.translate(form.language, full.detail)})
    except errors.Expired:
        return await _no_more(request)
    answer = _to_card(done.page_token)
    set_cookie(answer, here.settings, f"card-{here.ids.encode('card', done.card_id)}", done.session, rules.SEEN_FOR // timedelta(seconds=1))
    return answer


async def _again(request: Request) -> Response:
    here = context(request)
    try:
        if await _invitation(request) is None:
            await strangers.send_again(here.db, here.ring, here.settings, request.path_params["link"], client_address(request),
                                     here.clock.now())
    except LimitReached:
        return _gone(request, is_sent=True)
    return _gone(request, is_sent=True)


async def not_me(request: Request) -> Response:
    """POST /a/{link}/not-me: ends it, and this business texts the number no more."""
    here = context(request)
    check_site(request)
    if await _invitation(request) is None:
        return RedirectResponse(request.url.path.removesuffix("/not-me"), 303)
    try:
        await activation.not_me(here.db, here.ring, request.path_params["link"], here.clock.now())
    except errors.Expired:
        return RedirectResponse(request.url.path.removesuffix("/not-me"), 303)
    return templating.render(request, "enrolment/not_me.html")


routes = [
    route("/e/{business}", show, who=public, name="enrolment:show"),
    route("/e/{business}", ask, who=public, name="enrolment:ask", methods=["POST"]),
    route("/e/{business}/{program}", show, who=public, name="enrolment:show-program"),
    route("/e/{business}/{program}", ask, who=public, name="enrolment:ask-program", methods=["POST"]),
    route("/e/{business}/{program}/lost", lost_page, who=public, name="enrolment:lost"),
    route("/e/{business}/{program}/lost", ask_lost, who=public, name="enrolment:ask-lost", methods=["POST"]),
    route("/e/{business}/{program}/card", plastic_page, who=public, name="enrolment:plastic"),
    route("/e/{business}/{program}/card", use_plastic, who=public, name="enrolment:use-plastic", methods=["POST"]),
    route("/q/{link}", direct_pages.look, who=link, name="enrolment:screen"),
    route("/q/{link}", direct_pages.take, who=link, name="enrolment:take", methods=["POST"]),
    route("/a/{link}", look, who=link, name="enrolment:look"),
    route("/a/{link}", finish, who=link, name="enrolment:finish", methods=["POST"]),
    route("/a/{link}/not-me", not_me, who=link, name="enrolment:not-me", methods=["POST"]),
]
