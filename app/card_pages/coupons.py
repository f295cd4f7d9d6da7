"""/k/{token}: a printed coupon in the browser. A GET changes nothing; a cashier redeems it, a shopper puts it on their card.

The pages stand here and not beside `benefits.coupons`, because the browsers that cards believe are this room's.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.benefits import coupons, rules
from app.benefits.coupons import Coupon
from app.benefits.rules import Voucher
from app.card_pages import frame, service
from app.cards import service as cards
from app.cards.service import Card
from app.db import Transaction, write_transaction
from app.limits import service as limits
from app.limits.rules import Limit
from app.passes import service as passes
from app.programs import service as programs
from app.programs.store import Program
from app.text import N_
from app.web import i18n, routing, templating
from app.web.cookies import cookie, cookie_name, set_cookie
from app.web.forms import Forged, bound_token, check_site, csrf_token, read_form, same, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import client_address, context, principal
from app.web.routing import link, route

TILL, KEPT = "till", "coupon"
KEPT_SECONDS = 30 * 86_400
MOST_CARDS = 8                  # of one browser
TRIES, TRIES_SECONDS = 60, 600  # wrong addresses and codes from one place
DONE = {"redeemed": N_("Redeemed just now. Hand it over."), "card": N_("It is on your card now.")}


async def _coupon(request: Request) -> Coupon:
    """The coupon of a signed address. Raises NotFound for every other one, and counts those."""
    here, now = context(request), context(request).clock.now()
    tries = _tries(request)
    await limits.check(here.db, tries, now)
    code_id = coupons.code_id_of(here.ring, here.ids, request.path_params["token"])
    found = await coupons.find(here.db, code_id, now) if code_id is not None else None
    if found is None:
        await _count_try(request, tries)
        raise errors.NotFound(N_("There is no such coupon. Photograph its code once more, or type the letters below it at the till."))
    return found


def _tries(request: Request) -> list[Limit]:
    here = context(request)
    return [Limit("coupon.address", here.ring.lookup_hash("address", client_address(request)).hex(), TRIES_SECONDS, TRIES)]


async def _count_try(request: Request, tries: list[Limit]) -> None:
    async def act(tx: Transaction) -> None:
        await limits.hit(tx, tries, context(request).clock.now())

    await write_transaction(context(request).db, act)


def _path(request: Request, rest: str = "") -> str:
    return f"/k/{request.path_params['token']}{rest}"


async def _till(request: Request, found: Coupon) -> Principal | None:
    """The cashier of the coupon's business whose phone this is; nobody else's session changes what the page shows."""
    who = await request.app.state.doors.of_session(request, TILL)
    return who if who is not None and who.business_id == found.batch.business_id else None


async def _own_cards(request: Request, found: Coupon) -> list[Card]:
    """Cards of the coupon's programme whose pages this browser opened by their activation or a code."""
    here, now, prefix = context(request), context(request).clock.now(), cookie_name(context(request).settings, "card-")
    owned = []
    for name in [name for name in request.cookies if name.startswith(prefix)][:MOST_CARDS]:
        card_id = here.ids.decode("card", name.removeprefix(prefix))
        if card_id is None or await service.strength_of(here.db, here.ring, card_id, request.cookies[name], now) is None:
            continue
        try:
            card = await cards.get_card(here.db, found.batch.business_id, card_id)
        except errors.NotFound:
            continue
        if card.status == "active" and card.program_id == found.batch.program_id:
            owned.append(card)
    return owned


async def show(request: Request) -> Response:
    """GET /k/{token}"""
    return await _page(request, await _coupon(request))


async def _page(request: Request, found: Coupon, *, error: str = "", status: int = 200) -> Response:
    here, now = context(request), context(request).clock.now()
    program = await programs.get_program(here.db, found.batch.business_id, found.batch.program_id)
    language = i18n.language_of(request, program.language)
    view = await passes.sample_view(here.db, program, language)
    till = await _till(request, found)
    owned = [] if till or found.state != "open" or found.reward is None else await _own_cards(request, found)
    business = await programs.get_business(here.db, program.business_id)
    return templating.render(request, "cards/coupon.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "logo_picture": view.logo, "zone": program.time_zone,
        "now": now, "gift": gift_name(found, language), "code": rules.in_groups(found.code), "coupon": found, "is_till": till is not None,
        "place": await _place(request, found, language), "done": _done(request, found, language), "error": error,
        "redeem_action": _path(request, "/redeem"), "card_action": _path(request, "/card"), "keep_action": _path(request, "/keep"),
        "cards": [(here.ids.encode("card", card.id), card.number[-4:]) for card in owned],
        "join": f"/e/{business.slug}/{program.slug}" if found.state == "open" and found.reward and not till else "",
        "csrf_token": csrf_token(request, TILL) if till else bound_token(request, request.path_params["token"]),
    }, status=status, default_language=program.language)


def gift_name(found: Coupon, language: str) -> str:
    """What the coupon gives: its reward's name, else its batch's."""
    return found.reward.names.in_(language) if found.reward else found.batch.name


def _done(request: Request, found: Coupon, language: str) -> str:
    word = DONE.get(request.query_params.get("done", "")) if found.state == "used" else None
    return i18n.translate(language, word) if word else ""


async def _place(request: Request, found: Coupon, language: str) -> str:
    if found.location_id is None:
        return ""
    return (await programs.get_location(context(request).db, found.batch.business_id, found.location_id)).name_in(language)


async def redeem(request: Request) -> Response:
    """POST /k/{token}/redeem: by the cashier's own session; the second one reads when and where the first was."""
    here, found, who = context(request), await _coupon(request), principal(request)
    check_site(request)
    # Its page sends no referrer, so browsers send no Origin either: the hidden token of the till's session decides.
    if not same(text_field(await read_form(request), "csrf"), csrf_token(request, TILL)):
        raise Forged()
    try:
        await coupons.redeem(here.db, who, found.code_id, here.clock.now())
    except errors.Refused as refused:
        return await _refused(request, found, refused)
    return RedirectResponse(_path(request, "?done=redeemed"), 303)


async def _refused(request: Request, found: Coupon, refused: errors.Refused) -> Response:
    """The page as it stands now, with the sentence where the state does not say it already."""
    fresh = await coupons.find(context(request).db, found.code_id, context(request).clock.now()) or found
    program = await programs.get_program(context(request).db, found.batch.business_id, found.batch.program_id)
    said = i18n.translate(i18n.language_of(request, program.language), refused.detail, **refused.params)
    return await _page(request, fresh, error="" if fresh.state == "used" else said, status=status_of(refused))


async def put_on_card(request: Request) -> Response:
    """POST /k/{token}/card: to a card whose page this browser opened."""
    here, found = context(request), await _coupon(request)
    check_site(request)
    wanted = text_field(await read_form(request), "card")
    card = next((card for card in await _own_cards(request, found) if here.ids.encode("card", card.id) == wanted), None)
    if card is None:
        raise service.NotConfirmed()
    try:
        await coupons.put_on_card(here.db, card, found.code_id, here.clock.now())
    except errors.Refused as refused:
        return await _refused(request, found, refused)
    return RedirectResponse(_path(request, "?done=card"), 303)


async def keep(request: Request) -> Response:
    """POST /k/{token}/keep: the browser remembers the coupon, and goes on to the enrolment page; the card's page will offer it."""
    here, found = context(request), await _coupon(request)
    check_site(request)
    program = await programs.get_program(here.db, found.batch.business_id, found.batch.program_id)
    business = await programs.get_business(here.db, program.business_id)
    answer = RedirectResponse(f"/e/{business.slug}/{program.slug}", 303)
    set_cookie(answer, here.settings, KEPT, request.path_params["token"], KEPT_SECONDS)
    return answer


async def card_page(request: Request) -> Response:
    """GET /c/{token}/coupon: where the holder of a card's link types a coupon's letters; a kept one stands there already."""
    here = context(request)
    opened = await frame.opened(request)
    kept = coupons.code_id_of(here.ring, here.ids, cookie(request, here.settings, KEPT))
    found = await coupons.find(here.db, kept, here.clock.now()) if kept is not None else None
    fits = found is not None and found.state == "open" and found.batch.program_id == opened.card.program_id
    return await _card_page(request, opened.program, code=rules.in_groups(found.code) if found and fits else "")


async def _card_page(request: Request, program: Program, *, code: str, error: str = "", status: int = 200, done: bool = False,
                     voucher: Voucher | None = None) -> Response:
    language = i18n.language_of(request, program.language)
    view = await passes.sample_view(context(request).db, program, language)
    return templating.render(request, "cards/coupon_code.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "logo_picture": view.logo, "zone": program.time_zone,
        "now": context(request).clock.now(), "code": code, "error": error, "done": done, "voucher": voucher, "action": request.url.path,
        "back_url": f"/c/{request.path_params['token']}", "csrf_token": bound_token(request, request.path_params["token"]),
    }, status=status, default_language=program.language)


async def type_code(request: Request) -> Response:
    """POST /c/{token}/coupon: the card's link is enough, the coupon is the shopper's own gift."""
    here, now = context(request), context(request).clock.now()
    opened = await frame.opened(request)
    check_site(request)
    typed, tries = text_field(await read_form(request), "code", 200), _tries(request)
    await limits.check(here.db, tries, now)
    try:
        code_id = await coupons.id_of_code(here.db, opened.card.business_id, typed)
        if opened.card.status != "active":
            raise service.NotConfirmed()
        voucher = await coupons.put_on_card(here.db, opened.card, code_id, now)
    except errors.Refused as refused:
        if isinstance(refused, rules.UnknownCode):
            await _count_try(request, tries)
        said = i18n.translate(i18n.language_of(request, opened.program.language), refused.detail, **refused.params)
        return await _card_page(request, opened.program, code=typed, error=said, status=status_of(refused))
    return await _card_page(request, opened.program, code="", done=True, voucher=voucher)


routes = [
    route("/k/{token}", show, who=link, name="coupons:show"),
    route("/k/{token}/redeem", redeem, who=routing.staff(TILL, "cashier"), name="coupons:redeem", methods=["POST"]),
    route("/k/{token}/card", put_on_card, who=link, name="coupons:put-on-card", methods=["POST"]),
    route("/k/{token}/keep", keep, who=link, name="coupons:keep", methods=["POST"]),
    route("/c/{token}/coupon", card_page, who=link, name="coupons:card-page"),
    route("/c/{token}/coupon", type_code, who=link, name="coupons:type-code", methods=["POST"]),
]
