"""What the person behind a card told about themselves, on the card's page of the console."""
from datetime import date

from starlette.requests import Request

from app.cards.service import Card
from app.customers import service as customers
from app.programs import words
from app.questions import service as questions
from app.questions.rules import BIRTHDAY, DATE, STANDARD
from app.web.requests import context, language


async def told(request: Request, card: Card) -> list[tuple[str, str]]:
    """(question, answer) in words: the birthday, then the answers to the business's own questions, those it asks no more among them."""
    here, said = context(request), language(request)
    if card.customer_id is None:
        return []
    person = await customers.get(here.db, here.ring, card.business_id, card.customer_id)
    found = [(STANDARD[BIRTHDAY].label_in(said), words.day(person.birthday_on, said, year=True))] if person.birthday_on else []
    for each in await questions.answers_of(here.db, here.ring, card.business_id, card.customer_id):
        text = words.day(date.fromisoformat(each.value), said, year=True) if each.question.kind == DATE else each.text_in(said)
        found.append((each.question.label_in(said), text))
    return found
