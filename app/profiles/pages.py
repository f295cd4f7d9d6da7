"""/c/{token}/profile: what the card's person says of themselves, in which language, and the ways to everything else that they may do."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.card_pages import frame, service
from app.card_pages.frame import Visit
from app.cards import service as cards
from app.customers import contacts, topics
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.profiles import pages_data, pages_messages, pages_number, pages_second
from app.programs import words
from app.questions import rules as question_rules
from app.questions import service as questions
from app.questions.rules import BIRTHDAY, EMAIL, NAME, Question
from app.updates import service as updates
from app.web import i18n
from app.web.forms import read_form, text_field
from app.web.principal import shopper
from app.web.routing import link, route

DONE = ("saved", "number", "language", "merged")


async def profile(request: Request) -> Response:
    """GET /c/{token}/profile: for a browser that typed the code; a card that no code can reach says so."""
    visit = await frame.arrive(request)
    contact = await service.contact_of(visit.here.db, visit.here.ring, visit.card)
    if contact.is_none:
        return await _anonymous(visit)
    if not await frame.is_confirmed(visit):
        return frame.to_code(visit, "profile")
    return await _page(visit)


async def _anonymous(visit: Visit) -> Response:
    is_own = visit.opened.strength == "card" and visit.card.status in ("active", "blocked")
    return await frame.page(visit, "profiles/anonymous.html", {"number_url": visit.path("/phone") if is_own else ""})


async def _page(visit: Visit, typed: dict[str, str] | None = None, wrong: dict[str, str] | None = None) -> Response:
    here, card = visit.here, visit.card
    assert card.customer_id is not None
    customer = await customers.get(here.db, here.ring, card.business_id, card.customer_id)
    contact = await service.contact_of(here.db, here.ring, card)
    asked = await questions.questions_of(here.db, card.program_id)
    later = await questions.later_of(here.db, here.ring, visit.program, card.customer_id)
    done = visit.request.query_params.get("done", "")
    return await frame.page(visit, "profiles/profile.html", {
        "asked": asked, "typed": await _answers(visit, customer, contact.email or "", asked) | (typed or {}), "wrong": wrong or {},
        "bonus": {each.field: "+" + _bonus(visit, each) for each in later if question_rules.bonus_of(each, visit.program.rules)},
        "action": visit.path("/profile"), "done": done if done in DONE else "", "phone": customer.phone_masked or "",
        "language_action": visit.path("/language"), "own_language": customer.language if customer.language in i18n.LANGUAGES else "en",
        "hears": await topics.has_consented(here.db, card.business_id, card.customer_id), "is_active": card.status == "active",
        "urls": {name: visit.path(f"/{name}") for name in ("messages", "phone", "another", "export", "leave", "erase")},
    }, status=422 if wrong else 200)


def _bonus(visit: Visit, question: Question) -> str:
    unit = question_rules.unit_of(visit.program.rules)
    assert unit is not None
    return words.amount(question_rules.bonus_of(question, visit.program.rules), unit, visit.program.currency, visit.language)


async def _answers(visit: Visit, customer: customers.Customer, email: str, asked: list[Question]) -> dict[str, str]:
    """What stands in the form's fields, by Question.field."""
    card = visit.card
    assert card.customer_id is not None
    own = {each.question.id: each.value
           for each in await questions.answers_of(visit.here.db, visit.here.ring, card.business_id, card.customer_id)}
    known = {NAME: customer.name or "", EMAIL: email, BIRTHDAY: customer.birthday_on.isoformat() if customer.birthday_on else ""}
    return {each.field: known[each.key] if each.is_standard else own.get(each.id, "") for each in asked}


async def save(request: Request) -> Response:
    """POST /c/{token}/profile: what is typed takes the place of what was known; an empty field takes it back."""
    visit = await frame.arrive_to_act(request)
    if not await frame.is_confirmed(visit):
        raise service.NotConfirmed()
    here, card, form = visit.here, visit.card, await read_form(request)
    assert card.customer_id is not None
    customer_id, who = card.customer_id, shopper(card.business_id, card.customer_id)
    asked = await questions.questions_of(here.db, card.program_id)
    typed = {each.field: text_field(form, each.field, 10_000) for each in asked}
    try:
        answers = questions.parse(asked, typed, visit.language, today=questions.today_of(visit.program, visit.now), emptied=True)
        await write_transaction(here.db, lambda tx: questions.answer(tx, here.ring, who, visit.program, customer_id, answers, visit.now))
    except errors.Invalid as refused:
        return await _page(visit, {field: text[:500] for field, text in typed.items()}, visit.wrong(refused))
    return RedirectResponse(visit.path("/profile?done=saved"), 303)


async def language(request: Request) -> Response:
    """POST /c/{token}/language: pages and messages speak it from now on, on every device; open pages and passes ask anew."""
    visit = await frame.arrive_to_act(request)
    is_confirmed, card = await frame.is_confirmed(visit), visit.card
    if card.customer_id is None or not (is_confirmed or visit.opened.strength == "card"):
        raise service.NotConfirmed()
    chosen, customer_id = text_field(await read_form(request), "language", 10), card.customer_id
    if chosen not in i18n.LANGUAGES:
        raise errors.Malformed()

    async def act(tx: Transaction) -> None:
        await contacts.set_language(tx, card.business_id, customer_id, chosen, visit.now)
        for each in await cards.cards_of_customer(tx, card.business_id, customer_id):
            await updates.append(tx, card.business_id, each.id, visit.now)

    await write_transaction(visit.here.db, act)
    answer = RedirectResponse(visit.path("/profile?done=language" if is_confirmed else ""), 303)
    answer.set_cookie(i18n.COOKIE, chosen, max_age=365 * 86_400, path="/", samesite="lax", httponly=True,
                      secure=visit.here.settings.is_https)
    return answer


routes = [
    route("/c/{token}/profile", profile, who=link, name="profiles:profile"),
    route("/c/{token}/profile", save, who=link, name="profiles:save", methods=["POST"]),
    route("/c/{token}/language", language, who=link, name="profiles:language", methods=["POST"]),
    *pages_data.routes,
    *pages_messages.routes,
    *pages_number.routes,
    *pages_second.routes,
]
