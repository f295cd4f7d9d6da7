"""A card at the till and what is done with it: a purchase, shown before it is done where the amount alone does not say it; a visit;
packages, memberships and gifts sold; rewards taken and handed over; the favourite product; and each of them undone.

Forms redirect after they did something, so that reloading repeats nothing; a form's hidden key makes a second press the same act.
"""
from collections.abc import Awaitable, Callable

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors, secrets
from app.cards.rotation import LiveCodeNeeded
from app.cards.service import Card
from app.idempotency.rules import Key
from app.money import parse_major
from app.privacy import reads
from app.programs import service as programs
from app.programs.store import Program
from app.sales import claims, purchases, refunds, surroundings, visits
from app.sales import service as sales
from app.sales.acts import Outcome
from app.sales.judgement import Quote
from app.sales.purchases import Giver
from app.sales.rules import ConfirmationNeeded, QuoteChanged
from app.standing import service as standings
from app.text import N_
from app.till import desk as desks
from app.till import elsewhere, proving, results, showing, typed
from app.web import i18n, routing, templating
from app.web.forms import check_forgery, csrf_token, read_form, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import context, language, principal

KIND, TILL = "till", "/till"
NO_SUCH_ACT = N_("Press Earn, Spend or Undo.")
NOTHING_CHOSEN = N_("Choose something first.")
REFUSALS = (errors.Invalid, errors.Refused, errors.Forbidden, errors.Unavailable)


def card_path(request: Request, card: Card) -> str:
    return f"{TILL}/cards/{context(request).ids.encode('card', card.id)}"


async def card_page(request: Request) -> Response:
    """GET /till/cards/{card}; ?done= and ?undone= name the operation that the form before made."""
    return await _card(request, *await _card_and_who(request))


async def _card_and_who(request: Request) -> tuple[Card, Principal]:
    """The address's card, of the business or of a coalition that it takes part in, and who works on it here."""
    here = context(request)
    return await elsewhere.card_of(here, principal(request), here.ids.decode("card", request.path_params["card"]) or 0)


async def _card(request: Request, card: Card, who: Principal, *, form: FormData | None = None, wrong: dict[str, str] | None = None,
                status: int = 200) -> Response:
    """form: what was typed, to be kept; wrong: sentences by field."""
    here, said, now = context(request), language(request), context(request).clock.now()
    desk = await desks.desk_at(here, await desks.desk_of(here, principal(request), said), card, who)
    query = request.query_params if form is None else {}
    reads.note(here.db, desk.who, [card.id], now)
    done = await results.done_of(here, desk.who, desk.program, card, here.ids.decode("operation", query.get("done", "")), said, now)
    return templating.render(request, "till/card.html", {
        "business_name": desk.program.business_name_in(said), "place": desk.place, "who": desk.who.name, "till_url": TILL,
        "action": card_path(request, card), "csrf_token": csrf_token(request, KIND),
        "key": (text_field(form, "key", 64) if form else "") or secrets.new_token(22),
        "typed": typed.texts_of(form) if form else dict.fromkeys(typed.FIELDS, ""), "used": typed.uses_of(form) if form else [],
        "act": text_field(form, "act", 20) if form else "", "errors": wrong or {}, "zone": desk.zone, "now": now,
        "done": done, "undone": "undone" in query, "chosen": "chosen" in query,
        **await showing.card_context(here, desk.program, card, said, now)}, status=status)


async def act_on_card(request: Request) -> Response:
    """POST /till/cards/{card}: `act` is a key of ACTS, undo, edit: back from the quote with what was typed, or one of proving's."""
    form = await read_form(request)
    check_forgery(request, form, KIND)
    (card, who), act = await _card_and_who(request), text_field(form, "act", 20)
    try:
        if act == "text":
            return await proving.ask(request, card, who, form)
        if act == "prove":
            return await _proved(request, card, who, form)
        return await _act(request, card, who, act, form)
    except LiveCodeNeeded:
        return await proving.page(request, card, who, form, act)
    except REFUSALS as refused:
        return await _card(request, card, who, form=form, wrong=typed.wrong_of(request, refused), status=status_of(refused))


async def _act(request: Request, card: Card, who: Principal, act: str, form: FormData) -> Response:
    if act == "undo":
        return await undo(request, form, card_path(request, card))
    if act == "edit":
        return await _card(request, card, who, form=form)
    if act in ("earn", "redeem"):
        return await _buy(request, card, who, act, form)
    if act not in ACTS:
        raise errors.Invalid(NO_SUCH_ACT)
    return await ACTS[act](request, card, who, form)


async def _proved(request: Request, card: Card, who: Principal, form: FormData) -> Response:
    """What was refused is done after all, if the card is at hand now."""
    then = text_field(form, "then", 20)
    if error := await proving.prove(request, card, who, form):
        return await proving.page(request, card, who, form, then, error=error, status=422)
    try:
        return await _act(request, card, who, then, form)
    except LiveCodeNeeded:
        return await proving.not_yet(request, card, who, form, then)


# A purchase.
async def _buy(request: Request, card: Card, who: Principal, act: str, form: FormData) -> Response:
    """Done at once where one press says it all, or where the cashier saw it; else shown first."""
    here, now = context(request), context(request).clock.now()
    program = await programs.get_program(here.db, who.business_id, card.program_id)
    texts, uses = typed.texts_of(form), typed.uses_of(form)
    expect = text_field(form, "expect", 20)
    wish = await typed.wish_of(here, program, card, act, texts, uses, expect=expect, confirmed=bool(form.get("confirmed")))
    is_plain = showing.asks_amount_alone(program.rules) and not (uses or texts["promo"] or texts["tender"])
    if not expect and not (is_plain and showing.is_simple(await surroundings.look_up(here.db, program, card, now))):
        return await _confirm(request, card, who, program, act, form, await sales.quote(here.db, who, wish, now))
    key = typed.key_of(request, form, act, *texts.values(), *uses)
    try:
        done = await sales.sell(here.db, who, wish, elsewhere.key_for(who, key), now)
    except QuoteChanged as changed:
        return await _confirm(request, card, who, program, act, form, changed.quote, error=typed.said(request, changed), status=409)
    except ConfirmationNeeded as needed:
        seen = await sales.quote(here.db, who, wish, now)
        return await _confirm(request, card, who, program, act, form, seen, ask=typed.said(request, needed), status=409)
    return _done(request, card, done)


async def _confirm(request: Request, card: Card, who: Principal, program: Program, act: str, form: FormData, quote: Quote, *,
                   error: str = "", ask: str = "", status: int = 200) -> Response:
    """The purchase as it would be. ask: what the shopper has to confirm; error: why it is shown once more."""
    here, said, now = context(request), language(request), context(request).clock.now()
    desk = await desks.desk_at(here, await desks.desk_of(here, principal(request), said), card, who)
    over = program.rules.confirm_redeem_over
    if not ask and over is not None and quote.judgement.points > over:
        ask = i18n.translate(said, ConfirmationNeeded.detail)
    shown = await showing.card_context(here, desk.program, card, said, now)
    pressed = [chip for chip in shown["chips"] if chip["use"] in typed.uses_of(form)]
    return templating.render(request, "till/confirm.html", {
        "business_name": desk.program.business_name_in(said), "place": desk.place, "till_url": TILL, "action": card_path(request, card),
        "csrf_token": csrf_token(request, KIND), "key": text_field(form, "key", 64) or secrets.new_token(22), "act": act,
        "typed": typed.texts_of(form), "used": typed.uses_of(form), "error": error, "ask": ask, "zone": desk.zone, "now": now,
        "chips": [chip["name"] for chip in pressed],
        "unpriced": [chip["name"] for chip in pressed if chip["is_line"]] if not text_field(form, "price", 40) else [],
        **{name: shown[name] for name in ("brand", "name", "phone", "number_end", "currency")},
        **results.told(quote, program, said)}, status=status)


# Everything else.
async def _visit(request: Request, card: Card, who: Principal, form: FormData) -> Response:
    text, here = text_field(form, "visits", 10), context(request)
    done = await visits.visit(here.db, who, card.id, typed.count_of(text or "1"),
                              elsewhere.key_for(who, typed.key_of(request, form, "visit", text)), here.clock.now())
    return _done(request, card, done)


async def _sell(request: Request, card: Card, who: Principal, form: FormData) -> Response:
    """`what` is package:KEY, plan:KEY, or gift with the amount in `load`."""
    here, now, what = context(request), context(request).clock.now(), text_field(form, "what", 60)
    load, giver = text_field(form, "load", 40), Giver(text_field(form, "giver", 400), text_field(form, "words", 400))
    kind, _, name = what.partition(":")
    key = elsewhere.key_for(who, typed.key_of(request, form, "sell", what, load))
    if kind == "package":
        done = await purchases.buy_package(here.db, who, card.id, name, key, now)
    elif kind == "plan":
        done = await purchases.buy_plan(here.db, who, card.id, name, key, now)
    elif kind == "gift":
        program = await programs.get_program(here.db, who.business_id, card.program_id)
        # A button sends minor units; the field what was typed.
        amount = int(name) if name.isascii() and name.isdigit() and len(name) < 14 else typed.within(
            "load", lambda: parse_major(load, program.currency))
        done = await _load(request, card, who, amount, key, giver)
    else:
        raise errors.Invalid(NOTHING_CHOSEN)
    return _done(request, card, done)


async def _load(request: Request, card: Card, who: Principal, amount: int, key: Key | None, giver: Giver) -> Outcome:
    here = context(request)
    try:
        return await purchases.load_gift(here.db, who, card.id, amount, key, here.clock.now(),
                                         giver=giver if giver.name or giver.words else None)
    except errors.Invalid as refused:
        raise errors.Invalid(fields=[errors.FieldError("load" if field == "amount" else field, code, sentence)
                                     for field, code, sentence in refused.fields]) from refused


async def _claim(request: Request, card: Card, who: Principal, form: FormData) -> Response:
    here, reward = context(request), text_field(form, "reward", 60)
    done = await claims.claim(here.db, who, card.id, reward,
                              elsewhere.key_for(who, typed.key_of(request, form, "claim", reward)), here.clock.now())
    return _done(request, card, done)


async def _hand_over(request: Request, card: Card, who: Principal, form: FormData) -> Response:
    here, gift = context(request), text_field(form, "gift", 100)
    name, _, reward = gift.partition("/")
    done = await claims.hand_over(here.db, who, card.id, here.ids.decode("voucher", name) or 0, reward or None,
                                  elsewhere.key_for(who, typed.key_of(request, form, "give", gift)), here.clock.now())
    return _done(request, card, done)


async def _favourite(request: Request, card: Card, who: Principal, form: FormData) -> Response:
    here = context(request)
    await standings.choose_favourite(here.db, who, card.id, text_field(form, "sku", 100), here.clock.now())
    return RedirectResponse(f"{card_path(request, card)}?chosen=1", 303)


Act = Callable[[Request, Card, Principal, FormData], Awaitable[Response]]
ACTS: dict[str, Act] = {"visit": _visit, "sell": _sell, "claim": _claim, "give": _hand_over, "favourite": _favourite}


def _done(request: Request, card: Card, outcome: Outcome) -> Response:
    return RedirectResponse(f"{card_path(request, card)}?done={context(request).ids.encode('operation', outcome.operation.id)}", 303)


async def undo(request: Request, form: FormData, back: str) -> Response:
    """Undo `operation`, and go back."""
    here = context(request)
    operation_id = here.ids.decode("operation", text_field(form, "operation", 64)) or 0
    done = await elsewhere.at_operation(here, principal(request), operation_id, lambda who: refunds.undo(
        here.db, who, operation_id, None, here.clock.now()))
    return RedirectResponse(f"{back}?undone={here.ids.encode('operation', done.operation.id)}", 303)


CASHIER = routing.staff(KIND, "cashier")
routes = [
    routing.route("/till/cards/{card}", card_page, who=CASHIER, name="till:card"),
    routing.route("/till/cards/{card}", act_on_card, who=CASHIER, name="till:act", methods=["POST"]),
]
