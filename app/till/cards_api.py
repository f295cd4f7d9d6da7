"""Cards through the API: found, read, issued, blocked, re-issued, replaced, linked."""
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.card_pages import confirming
from app.card_pages import rules as page_rules
from app.cards import rotation_rules
from app.cards import rules as card_rules
from app.cards import service as cards
from app.clock import local_day, rfc3339
from app.customers import phones
from app.customers import rules as customer_rules
from app.errors import FieldError, Invalid, NotFound
from app.idempotency.rules import Key
from app.privacy import reads
from app.programs import service as programs
from app.programs.store import Business
from app.staff.rules import fold_email
from app.text import N_
from app.till import answers, asking, elsewhere, service, shapes
from app.till.calls import KEY, PAGE, Call, Query
from app.till.service import Agreed, Shopper
from app.web.i18n import translate
from app.web.principal import Principal
from app.web.requests import context, language, principal, query_of
from app.web.routing import key

AHEAD = timedelta(minutes=5)
NO_CODE = N_("Send what the till has as `code`: the barcode, a card number, or a phone.")
NO_TERMS = N_("A card needs the shopper's consent to the terms.")
FUTURE = N_("This time is still to come. Check the clock.")


async def find(request: Request) -> Response:
    """GET /cards?code="""
    text = query_of(request).get("code", "")
    if not text.strip():
        raise Invalid(fields=[FieldError("code", "required", NO_CODE)])
    here, now = context(request), context(request).clock.now()
    found = await asking.find_cards(request, text)
    said = [translate(language(request), card_rules.PROBLEMS[found.problem])] if found.problem else []
    shown, cursor = asking.paged(request, found.cards, lambda one: here.ids.encode("card", one.id))
    reads.note(here.db, principal(request), [one.id for one in shown], now)
    items = [await answers.card(here, one, language(request), now) for one in shown]
    return asking.answered(shapes.CardList(items, cursor, said))


async def get(request: Request) -> Response:
    here = context(request)
    found, _ = await elsewhere.card_of(here, principal(request), asking.id_in_path(request, "card"))
    reads.note(here.db, principal(request), [found.id], here.clock.now())
    return asking.answered(await answers.card(here, found, language(request), here.clock.now()))


async def issue(request: Request) -> Response:
    """POST /cards"""
    here, now, asked = context(request), context(request).clock.now(), await asking.asked(request, shapes.CardBody)
    who, body = principal(request), asked.body
    program_id = asking.id_of(request, "program", body.program)
    business = await programs.get_business(here.db, who.business_id)
    if body.customer is None:
        program = await programs.get_program(here.db, who.business_id, program_id)
        if program.closed_at is not None:
            raise NotFound()
        bearer, _ = await cards.issue_bearer(here.db, here.ring, who, program, asked.key, now)
        return await _card(request, bearer, asked, 201)
    if body.consent is None:
        raise Invalid(fields=[FieldError("consent.terms", "required", NO_TERMS)])
    shopper, agreed = _shopper(request, body.customer, business), _agreed(request, body.consent)
    try:
        made = await service.issue_card(here.db, here.ring, who, program_id, shopper, agreed, "api", asked.key, now)
    except service.AlreadyMember as refusal:
        refusal.extra = {"card": here.ids.encode("card", refusal.card_id)}
        raise
    return await _card(request, made, asked, 201)


def _shopper(request: Request, body: shapes.CustomerBody, business: Business) -> Shopper:
    """Raises Invalid with the fields below `customer`."""
    here = context(request)
    countries = {business.country, *here.settings.sms_countries}
    try:
        return Shopper(
            e164=None if body.phone is None else phones.parse_phone(body.phone, business.country, countries),
            name=customer_rules.clean_name(body.name), email=fold_email(body.email) if body.email else None,
            birthday=customer_rules.parse_birthday(body.birthday, local_day(here.clock.now(), business.time_zone)),
            language=business.language)
    except Invalid as failure:
        raise asking.within("customer", failure) from failure


def _agreed(request: Request, body: shapes.ConsentBody) -> Agreed:
    now = context(request).clock.now()
    if not body.terms:
        raise Invalid(fields=[FieldError("consent.terms", "required", NO_TERMS)])
    if body.given_at is not None and body.given_at > now + AHEAD:
        raise Invalid(fields=[FieldError("consent.given_at", "in_the_future", FUTURE)])
    return Agreed(body.marketing, body.text_version, min(body.given_at or now, now))


async def _card(request: Request, card: cards.Card, asked: asking.Asked, status: int = 200) -> Response:
    here = context(request)
    drawn = await answers.card(here, card, language(request), here.clock.now(), asked.balances)
    return asking.answered(drawn, status, asked.key)


async def _asked(request: Request) -> tuple[int, asking.Asked, Key | None]:
    asked = await asking.asked(request, shapes.Nothing)
    return asking.id_in_path(request, "card"), asked, asked.key


async def block(request: Request) -> Response:
    here, (card_id, asked, key_) = context(request), await _asked(request)
    return await _card(request, await cards.block(here.db, principal(request), card_id, key_, here.clock.now()), asked)


async def unblock(request: Request) -> Response:
    here, (card_id, asked, key_) = context(request), await _asked(request)
    return await _card(request, await cards.unblock(here.db, principal(request), card_id, key_, here.clock.now()), asked)


async def reissue(request: Request) -> Response:
    here, (card_id, asked, key_) = context(request), await _asked(request)
    return await _card(request, await cards.reissue(here.db, principal(request), card_id, key_, here.clock.now()), asked)


async def replace(request: Request) -> Response:
    here, (card_id, asked, key_) = context(request), await _asked(request)
    return await _card(request, await service.replace_card(here.db, principal(request), card_id, key_, here.clock.now()), asked, 201)


async def link_page(request: Request) -> Response:
    here, (card_id, _, key_) = context(request), await _asked(request)
    token = await service.link_page(here.db, here.ring, principal(request), card_id, key_, here.clock.now())
    return asking.answered(shapes.PageLink(here.settings.address(f"/c/{token}")), 201, key_)


async def confirm(request: Request) -> Response:
    """POST /cards/{id}/confirmations"""
    here, now, asked = context(request), context(request).clock.now(), await asking.asked(request, shapes.ConfirmationBody)
    card_id, typed = asking.id_in_path(request, "card"), asked.body.code

    async def at_home(who: Principal) -> None:
        if typed is None:
            await confirming.text_code(here.db, here.ring, here.settings, who, card_id, now)
        else:
            await confirming.told_code(here.db, here.ring, who, card_id, typed, now)

    async def act() -> dict[str, Any]:
        await elsewhere.at_card(here, principal(request), card_id, at_home)
        life = page_rules.CODE_LIFE if typed is None else rotation_rules.PRESENTED_FOR
        return {"status": "sent" if typed is None else "confirmed", "until": rfc3339(now + life)}

    told = await asking.once(request, asked, act)
    return asking.answered(shapes.Confirmation(told["status"], told["until"]), key=asked.key)


_READ, _WRITE = key("cards:read", "sales:write"), key("cards:write")


def _change(verb: str, endpoint: object, summary: str, refusals: tuple[str, ...], status: int = 200) -> Call:
    return Call("POST", f"/cards/{{id}}/{verb}", f"api:{verb}_card", endpoint, _WRITE, "Cards", summary, shapes.Card, status,  # type: ignore[arg-type]
                shapes.Nothing, KEY, "card", refusals=refusals)


CALLS = (
    Call("GET", "/cards", "api:find_cards", find, _READ, "Cards", "The cards that a till's text means; none is no mistake", shapes.CardList,
         refusals=("code_outdated",),
         query=(Query("code", "The barcode's text (24 digits where codes change), a card number, an old card's number, or a phone.",
                      required=True), *PAGE)),
    Call("POST", "/cards", "api:issue_card", issue, _WRITE, "Cards",
         "An active card for a shopper whose consent you have; without a customer, one for whoever holds it", shapes.Card,
         201, shapes.CardBody, KEY, refusals=("already_member",)),
    Call("GET", "/cards/{id}", "api:get_card", get, _READ, "Cards", "A card", shapes.Card, kind="card"),
    _change("block", block, "The card earns and spends nothing; its pass is voided until it is unblocked", ("card_blocked", "card_ended")),
    _change("unblock", unblock, "Back to what it was", ("card_not_blocked",)),
    _change("reissue", reissue, "A new barcode; the old one stops working at once", ("card_ended",)),
    _change("replace", replace, "A new card on the same account; the old pass is voided", ("card_provisional", "card_ended"), 201),
    Call("POST", "/cards/{id}/page-links", "api:link_page", link_page, _WRITE, "Cards",
         "The address of the card's page, to hand to its shopper", shapes.PageLink, 201, shapes.Nothing, KEY, "card",
         refusals=("card_provisional", "card_ended")),
    Call("POST", "/cards/{id}/confirmations", "api:confirm_card", confirm, key("sales:write"), "Cards",
         "Where codes rotate: six digits go to the shopper's phone; sent back, they let the card spend for five minutes",
         shapes.Confirmation, 200, shapes.ConfirmationBody, KEY, "card",
         refusals=("card_blocked", "card_provisional", "card_ended", "confirmation_not_needed", "no_phone", "number_suppressed"),
         may_text=True),
)
