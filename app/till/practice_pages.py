"""Training at the till: into it and out of it, what to try, and the card to try it on."""
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.benefits import service as benefits
from app.clock import from_ms
from app.devices import training
from app.devices.training import Opened
from app.programs.explain import explain
from app.segments import known as segments_known
from app.staff import rules as staff_rules
from app.text import N_
from app.till import practice
from app.till.joining_pages import ENROL
from app.till.practice import EXERCISES, PracticeCard
from app.till.practice import PAGE as PRACTICE
from app.till.receipts import SALES
from app.till.selling import KIND, TILL, card_path
from app.web import i18n, routing, templating
from app.web.cookies import set_cookie
from app.web.forms import check_forgery, csrf_token, read_form
from app.web.requests import context, language, principal

SAID = {
    "scan": (N_("Scan the practice card"), N_("Show its code on another screen or print it, or type the number that stands under it.")),
    "earn": (N_("Ring up a purchase"), N_("Type any amount and press the large button. Look how the balance grows.")),
    "undo": (N_("Take the purchase back"), N_("Press Undo beside the result, or later under Last sales. The points go with it.")),
    "spend": (N_("Let them spend"), N_("Type an amount again and spend points, or give a reward. Read out what is left to pay.")),
    "new_card": (N_("Give a new card"), N_("Type any phone number. In practice no message leaves, and no number is kept for the shop.")),
}


async def practice_page(request: Request) -> Response:
    """GET /till/practice: what it is and a button; in training what to try, with what was done already."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    values: dict[str, Any] = {"exercises": [], "has_card": False}
    if who.training:
        assert who.session_id is not None
        done = await practice.done_since(here, who, from_ms(await training.began_at(here.db, who.session_id)), now)
        [first, *_] = [*await practice.cards_of(here, who), None]
        values = {"exercises": _exercises(request, first, done), "has_card": first is not None}
    return templating.render(request, "till/practice.html", {
        **values, "training": who.training, "who": who.name, "place": "", "till_url": TILL, "action": PRACTICE,
        "leave_action": PRACTICE + "/leave", "card_url": PRACTICE + "/card", "csrf_token": csrf_token(request, KIND)})


def _exercises(request: Request, first: PracticeCard | None, done: frozenset[str]) -> list[dict[str, Any]]:
    card = card_path(request, first.card) if first else TILL
    urls = {"scan": PRACTICE + "/card", "earn": card, "undo": SALES, "spend": card, "new_card": ENROL}
    return [{"name": i18n.translate(language(request), SAID[each][0]), "hint": i18n.translate(language(request), SAID[each][1]),
             "url": urls[each], "is_done": each in done} for each in EXERCISES]


async def begin(request: Request) -> Response:
    """POST /till/practice: from here on nothing counts."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    check_forgery(request, await read_form(request), KIND)
    if who.training:
        # Its copy was emptied meanwhile.
        await practice.make_cards(here, who, now)
        return RedirectResponse(PRACTICE, 303)
    assert who.session_id is not None
    opened = await training.begin(here.db, here.ring, who.session_id, now)
    await practice.prepare(here, opened.who, now)
    return _opened(request, opened, PRACTICE)


async def leave(request: Request) -> Response:
    """POST /till/practice/leave: back to the shop."""
    here, who = context(request), principal(request)
    check_forgery(request, await read_form(request), KIND)
    if not who.training:
        return RedirectResponse(TILL, 303)
    assert who.session_id is not None
    return _opened(request, await training.leave(here.db, here.ring, who.session_id, here.clock.now()), TILL)


def _opened(request: Request, opened: Opened, to: str) -> Response:
    answer = RedirectResponse(to, 303)
    set_cookie(answer, context(request).settings, KIND, opened.token, staff_rules.LIFE_SECONDS[KIND])
    return answer


async def card_page(request: Request) -> Response:
    """GET /till/practice/card: the codes, large enough for another till's camera and for paper, with the rules in plain words."""
    here, who = context(request), principal(request)
    if not who.training:
        return RedirectResponse(PRACTICE, 303)
    shown = [await _shown(request, each) for each in await practice.cards_of(here, who)]
    return templating.render(request, "till/practice_card.html", {
        "cards": shown, "who": who.name, "place": "", "till_url": PRACTICE, "csrf_token": csrf_token(request, KIND)})


async def _shown(request: Request, one: PracticeCard) -> dict[str, Any]:
    here, said, program = context(request), language(request), one.program
    rewards = {each.key: each.names for each in await benefits.list_rewards(here.db, program.business_id, program.id)}
    called = await segments_known.places(here.db, program, program.rules)
    return {"program": program.name_in(said), "business": program.business_name_in(said), "code": one.card.code, "number": one.card.number,
            "sentences": explain(program.rules, program.currency, said, rewards, called)}


CASHIER = routing.staff(KIND, "cashier")
routes = [
    routing.route(PRACTICE, practice_page, who=CASHIER, name="till:practice"),
    routing.route(PRACTICE, begin, who=CASHIER, name="till:begin_practice", methods=["POST"]),
    routing.route(PRACTICE + "/leave", leave, who=CASHIER, name="till:leave_practice", methods=["POST"]),
    routing.route(PRACTICE + "/card", card_page, who=CASHIER, name="till:practice_card"),
]
