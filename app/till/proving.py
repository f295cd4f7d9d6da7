"""Where codes rotate and a still one was shown: how the shopper proves at the till that the card is at hand, and what goes on after it."""
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.card_pages import confirming
from app.card_pages import rules as page_rules
from app.cards import rules as card_rules
from app.cards import service as cards
from app.cards.rotation import LiveCodeNeeded
from app.cards.service import Card
from app.text import N_
from app.till import desk as desks
from app.till import showing, typed
from app.web import i18n, templating
from app.web.forms import csrf_token, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import context, language, principal

NOT_CARRIED = ("csrf", "act", "then", "proof")
OTHER_CARD = N_("This is another card’s code. Scan the live code of the card that pays.")
NOT_YET = N_("The card was not confirmed yet. Ask the shopper to press the button on the card’s page, or use another way.")
# What may stand in the way of a proof and leaves the other ways open.
REFUSALS = (errors.Invalid, errors.Refused, errors.TooMany)


async def page(request: Request, card: Card, who: Principal, form: FormData, then: str, *, error: str = "", is_sent: bool = False,
               status: int = 409) -> Response:
    """The three ways to prove it. form: of the act that was refused, which is carried along; then: its key."""
    here, said, now = context(request), language(request), context(request).clock.now()
    desk = await desks.desk_at(here, await desks.desk_of(here, principal(request), said), card, who)
    shown = await showing.card_context(here, desk.program, card, said, now)
    return templating.render(request, "till/prove.html", {
        "business_name": desk.program.business_name_in(said), "place": desk.place,
        "action": request.url.path, "csrf_token": csrf_token(request, "till"), "then": then, "error": error, "is_sent": is_sent,
        "why": i18n.translate(said, LiveCodeNeeded.detail), "carried": [pair for pair in form.multi_items() if pair[0] not in NOT_CARRIED],
        "can_text": bool(shown["phone"]), **{name: shown[name] for name in ("brand", "name", "phone", "number_end")}}, status=status)


async def ask(request: Request, card: Card, who: Principal, form: FormData) -> Response:
    """POST with act=text: six digits go to the card's number."""
    here, then = context(request), text_field(form, "then", 20)
    try:
        await confirming.text_code(here.db, here.ring, here.settings, who, card.id, here.clock.now())
    except REFUSALS as refused:
        return await page(request, card, who, form, then, error=typed.said(request, refused), status=status_of(refused))
    return await page(request, card, who, form, then, is_sent=True, status=200)


async def prove(request: Request, card: Card, who: Principal, form: FormData) -> str:
    """POST with act=prove: what was scanned or typed; nothing typed means that the shopper pressed the button. Gives a sentence where
    it proves nothing, else an empty text."""
    here, now = context(request), context(request).clock.now()
    text = card_rules.tidy(text_field(form, "proof", 300))
    try:
        if len(text) == page_rules.CODE_DIGITS and text.isdecimal():
            await confirming.told_code(here.db, here.ring, who, card.id, text, now)
        elif text:
            found = await cards.find_anywhere(here.db, here.ring, principal(request), text, "", now)
            if found.problem:
                return i18n.translate(language(request), card_rules.PROBLEMS[found.problem])
            if card.id not in [each.id for each in found.cards]:
                return i18n.translate(language(request), OTHER_CARD)
    except errors.Invalid as wrong:
        return i18n.translate(language(request), wrong.fields[0].detail)
    except REFUSALS as refused:
        return typed.said(request, refused)
    return ""


async def not_yet(request: Request, card: Card, who: Principal, form: FormData, then: str) -> Response:
    """What was refused is refused still."""
    return await page(request, card, who, form, then, error=i18n.translate(language(request), NOT_YET))
