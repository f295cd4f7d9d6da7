"""A programme's questionnaire through the API: what it asks, and what the person behind a card answered."""
from starlette.requests import Request
from starlette.responses import Response

from app.cards import service as cards
from app.questions import rules
from app.questions import service as questions
from app.till import asking, shapes
from app.till.calls import PAGE, Call
from app.till.programs_api import program_of
from app.web.requests import context, language, principal
from app.web.routing import key


async def list_questions(request: Request) -> Response:
    """GET /programs/{id}/questions"""
    program, said = await program_of(request, is_read=True), language(request)
    found, cursor = asking.paged(request, await questions.questions_of(context(request).db, program.id), lambda one: one.key)
    items = [shapes.Question(each.key, each.kind, each.label_in(said), [shapes.Choice(one.key, one.label_in(said)) for one in each.choices],
                             each.need, rules.bonus_of(each, program.rules)) for each in found]
    return asking.answered(shapes.QuestionList(items, rules.unit_of(program.rules), cursor))


async def get_answers(request: Request) -> Response:
    """GET /cards/{id}/answers"""
    return await _told(request, asking.id_in_path(request, "card"), 0)


async def put_answers(request: Request) -> Response:
    """PUT /cards/{id}/answers"""
    here, who, card_id = context(request), principal(request), asking.id_in_path(request, "card")
    body: shapes.AnswersBody = (await asking.asked(request, shapes.AnswersBody)).body
    bonus = await questions.put(here.db, here.ring, who, card_id, body.answers, language(request), here.clock.now())
    return await _told(request, card_id, bonus)


async def _told(request: Request, card_id: int, bonus: int) -> Response:
    here, who = context(request), principal(request)
    card = await cards.get_card(here.db, who.business_id, card_id)
    if card.customer_id is None:
        raise questions.NobodysCard()
    asked = {each.id for each in await questions.questions_of(here.db, card.program_id)}
    found = await questions.answers_of(here.db, here.ring, card.business_id, card.customer_id)
    return asking.answered(shapes.Answers({each.question.key: each.value for each in found if each.question.id in asked}, bonus))


CALLS = (
    Call("GET", "/programs/{id}/questions", "api:list_questions", list_questions, key("cards:read"), "Programmes",
         "What a new card asks, and what is asked later", shapes.QuestionList, kind="program", query=PAGE),
    Call("GET", "/cards/{id}/answers", "api:get_answers", get_answers, key("cards:read"), "Cards",
         "What the person behind a card answered", shapes.Answers, kind="card", refusals=("nobodys_card",)),
    Call("PUT", "/cards/{id}/answers", "api:put_answers", put_answers, key("cards:write"), "Cards",
         "Answers that a web shop or a form of yours took; one that was asked for later brings its bonus, once", shapes.Answers, 200,
         shapes.AnswersBody, kind="card", refusals=("nobodys_card",)),
)
