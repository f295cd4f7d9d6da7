"""What a programme asks later: a block on the card's page, and the page where it is answered for a bonus."""
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.card_pages import frame, service
from app.card_pages.frame import Visit
from app.db import write_transaction
from app.programs import words
from app.questions import rules
from app.questions import service as questions
from app.questions.rules import EMAIL, Question
from app.web.forms import FORM_CAP, read_form, text_field
from app.web.principal import shopper
from app.web.routing import link, route


async def shown(visit: Visit) -> dict[str, Any] | None:
    """For the card's page (parts/later.html): count of questions, bonus: what all answers bring in words, or "", url. None: nothing is
    asked. thanked: what an answer just brought, "" for none, None where nothing was answered just now."""
    asked, done = await later_of(visit), visit.request.query_params.get("done", "")
    thanked = _words(visit, _number(done.removeprefix("answered-"))) if done.startswith("answered") else None
    if not asked and thanked is None:
        return None
    return {"count": len(asked), "first": asked[0].label_in(visit.language) if asked else "", "url": visit.path("/questions"),
            "bonus": _words(visit, sum(rules.bonus_of(each, visit.program.rules) for each in asked)), "thanked": thanked}


async def later_of(visit: Visit) -> list[Question]:
    """What this person may be asked here: on an active card, by its own link; the pass link is shown around.

    An address that nobody proved is asked for only where it opens nothing: whoever has a number gets codes there.
    """
    card = visit.card
    if card.customer_id is None or card.status != "active" or visit.opened.strength != "card":
        return []
    asked = await questions.later_of(visit.here.db, visit.here.ring, visit.program, card.customer_id)
    contact = await service.contact_of(visit.here.db, visit.here.ring, card)
    return [each for each in asked if each.key != EMAIL or contact.e164 is not None]


def _words(visit: Visit, bonus: int) -> str:
    """"50 points"; "" for nothing."""
    unit = rules.unit_of(visit.program.rules)
    return words.amount(bonus, unit, visit.program.currency, visit.language) if bonus and unit else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


async def show(request: Request) -> Response:
    """GET /c/{token}/questions"""
    return await _page(await frame.arrive(request))


async def _page(visit: Visit, typed: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None) -> Response:
    asked = await later_of(visit)
    if not asked:
        return RedirectResponse(visit.path(), 303)
    bonus = {each.field: "+" + text for each in asked if (text := _words(visit, rules.bonus_of(each, visit.program.rules)))}
    return await frame.page(visit, "cards/questions.html", {
        "asked": asked, "typed": typed or {}, "wrong": wrong or {}, "bonus": bonus, "action": visit.path("/questions")},
        status=422 if wrong else 200)


async def save(request: Request) -> Response:
    """POST /c/{token}/questions: what was filled in is kept and thanked for, once; the rest stays to be asked."""
    visit, form = await frame.arrive_to_act(request), await read_form(request)
    card, asked = visit.card, await later_of(visit)
    if card.customer_id is None or not asked:
        return RedirectResponse(visit.path(), 303)
    customer_id, who = card.customer_id, shopper(card.business_id, card.customer_id)
    typed = {each.field: text_field(form, each.field, FORM_CAP) for each in asked}
    try:
        answers = questions.parse(asked, typed, visit.language, today=questions.today_of(visit.program, visit.now))
        if not answers:
            return RedirectResponse(visit.path("/questions"), 303)
        given = await write_transaction(visit.here.db, lambda tx: questions.answer(
            tx, visit.here.ring, who, visit.program, customer_id, answers, visit.now))
    except errors.Invalid as refused:
        return await _page(visit, typed, visit.wrong(refused))
    return RedirectResponse(visit.path(f"?done=answered-{given}#later"), 303)


routes = [
    route("/c/{token}/questions", show, who=link, name="card-pages:questions"),
    route("/c/{token}/questions", save, who=link, name="card-pages:answer", methods=["POST"]),
]
