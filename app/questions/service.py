"""What a programme asks, what people answer, and the bonus for an answer that was asked for later."""
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime

from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import Card
from app.clock import local_day, to_ms
from app.customers import fields
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, Refused
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.programs import service as programs
from app.programs.store import Program
from app.questions import rules, store
from app.questions.rules import BIRTHDAY, EMAIL, HIDDEN, LATER, NAME, STANDARD, Answer, Choice, Question, bonus_of, parse, unit_of
from app.questions.store import Reader
from app.secrets import KeyRing
from app.text import N_
from app.web.principal import Principal

__all__ = ["Answer", "Choice", "NobodysCard", "Question", "answer", "answers_of", "bonus_of", "erase", "hand_on", "known_of", "later_of",
           "parse", "put", "questions_of", "today_of", "unit_of"]

ANSWER = "question.answer"


class NobodysCard(Refused):
    """It belongs to whoever holds it."""

    code, detail = "nobodys_card", N_("This card belongs to whoever holds it, so nobody can be asked anything.")


async def questions_of(reader: Reader, program_id: int, need: Collection[str] | None = None) -> list[Question]:
    """What a programme asks, in the order of its form: the standard fields (name, birthday, email), then its own.

    need: only these of required, optional, later; None: all. A programme that was left as it is asks for a name, if one likes. The
    caller found the programme by its business.
    """
    found = [each for each in await every(reader, program_id) if not each.is_closed and each.need != HIDDEN]
    return [each for each in found if need is None or each.need in need]


async def every(reader: Reader, program_id: int) -> list[Question]:
    """As `questions_of`, hidden and closed ones too: the standard fields, then the own ones in their order."""
    kept = await store.of_program(reader, program_id)
    there = {each.key: each for each in kept}
    standard = [replace(there[key], labels=each.labels, position=each.position) if key in there else each for key, each in STANDARD.items()]
    return [*standard, *(each for each in kept if not each.is_standard)]


async def answer(tx: Transaction, ring: KeyRing, who: Principal, program: Program, customer_id: int, answers: Mapping[int, str],
                 now: datetime, *, with_bonus: bool = True) -> int:
    """Keep what `parse` gave; returns the bonus that it brought, in what the programme counts (rules.unit_of).

    "" takes an answer back. What was closed meanwhile is left out. The bonus of a `later` question is given once a question and person,
    to the active card that they have in the programme; with_bonus: False for answers that others bring in (an imported list).
    Raises Invalid (field birthday) for a day that is to come.
    """
    given = 0
    for question in await questions_of(tx, program.id):
        if question.id not in answers:
            continue
        value = answers[question.id]
        await _keep(tx, ring, who, program, customer_id, question, value, now)
        if value and with_bonus and bonus_of(question, program.rules):
            given += await _thank(tx, who, program, customer_id, question, now)
    return given


async def put(db: Database, ring: KeyRing, who: Principal, card_id: int, values: Mapping[str, str], language: str, now: datetime) -> int:
    """What a program of the business knows of a card's person, by the questions' keys; "" takes an answer back. Gives the bonus.

    Nothing is required here. Raises Invalid (fields `answers.<key>`), NotFound, NobodysCard.
    """
    card = await cards.get_card(db, who.business_id, card_id)
    if card.customer_id is None:
        raise NobodysCard()
    program, customer_id = await programs.get_program(db, who.business_id, card.program_id), card.customer_id
    asked = {each.key: replace(each, need=LATER) for each in await questions_of(db, program.id)}
    wrong = [FieldError(f"answers.{key}", "unknown", N_("The programme asks nothing by this key.")) for key in values if key not in asked]
    typed = {asked[key].field: value for key, value in values.items() if key in asked}
    try:
        answers = parse(asked.values(), typed, language, today=today_of(program, now), emptied=True)
    except Invalid as refused:
        wrong += [each._replace(field=f"answers.{each.field.removeprefix('q_')}") for each in refused.fields]
    if wrong:
        raise Invalid(fields=wrong)
    return await write_transaction(db, lambda tx: answer(tx, ring, who, program, customer_id, answers, now))


async def _keep(tx: Transaction, ring: KeyRing, who: Principal, program: Program, customer_id: int, question: Question, value: str,
                now: datetime) -> None:
    business_id = program.business_id
    if question.key == NAME:
        await cards.rename_customer(tx, ring, who, customer_id, value, now)
    elif question.key == BIRTHDAY:
        day = date.fromisoformat(value) if value else None
        if day is not None and day > local_day(now, program.time_zone):
            raise Invalid(fields=[FieldError(BIRTHDAY, "date", rules.NO_BIRTHDAY)])
        await fields.set_birthday(tx, business_id, customer_id, day)
    elif question.key == EMAIL:
        await fields.set_email(tx, ring, business_id, customer_id, value or None)
    elif value:
        await store.put_answer(tx, {
            "business_id": business_id, "customer_id": customer_id, "question_id": question.id, "version": question.version,
            "value_sealed": ring.seal_text(ANSWER, value, _context(business_id)), "now": to_ms(now)})
    else:
        await store.delete_answer(tx, business_id, customer_id, question.id)


async def _thank(tx: Transaction, who: Principal, program: Program, customer_id: int, question: Question, now: datetime) -> int:
    """The bonus of an answer, as an operation of its own; 0 where it was given before, or there is no active card to give it to."""
    card = await _card(tx, program, customer_id)
    if card is None or not await store.claim_bonus(tx, program.business_id, customer_id, question.id, to_ms(now)):
        return 0
    unit, amount = unit_of(program.rules), bonus_of(question, program.rules)
    assert unit is not None
    purses = await ledger.purses_of(tx, card.account_id, now, now, (unit,))
    await ledger.settle(tx, who, purses, program, card.account_id, card.id, now)
    ledger.put(purses[unit], amount, program.rules, now, program.time_zone)
    operation = await _post(tx, who, program, card, question, purses, now)
    await store.keep_operation(tx, program.business_id, customer_id, question.id, operation.id)
    await audit.record(tx, who, "question.bonus", "question", question.id, {"operation": operation.id, unit: amount}, now=now)
    return amount


async def _post(tx: Transaction, who: Principal, program: Program, card: Card, question: Question, purses: ledger.Purses,
                now: datetime) -> Operation:
    draft = Draft("answer", program.id, card.account_id, card.id, to_ms(now), program.rules_version, texts={"question": question.key})
    return await ledger.post(tx, who, draft, purses, now)


async def _card(tx: Transaction, program: Program, customer_id: int) -> Card | None:
    """The person's active card in the programme, its account locked."""
    for card in await cards.cards_of_customer(tx, program.business_id, customer_id, program.id):
        if card.status == "active":
            await ledger.lock(tx, program.business_id, [card.account_id])
            found = await cards.get_card(tx, program.business_id, card.id)
            return found if found.status == "active" and found.account_id == card.account_id else None
    return None


async def answers_of(reader: Reader, ring: KeyRing, business_id: int, customer_id: int) -> list[Answer]:
    """What a person answered to the own questions of all programmes, closed ones too. Name, birthday and e-mail are the customer's."""
    found = await store.answers_of(reader, business_id, customer_id)
    return [replace(each, value=ring.open_text(ANSWER, sealed, _context(business_id))) for each, sealed in found]


async def later_of(reader: Reader, ring: KeyRing, program: Program, customer_id: int) -> list[Question]:
    """The `later` questions that a person did not answer yet, for a card's page. `bonus_of` tells what each brings."""
    asked = await questions_of(reader, program.id, {LATER})
    known = await known_of(reader, ring, program.business_id, customer_id, asked)
    return [each for each in asked if each.id not in known]


async def known_of(reader: Reader, ring: KeyRing, business_id: int, customer_id: int, asked: Collection[Question]) -> set[int]:
    """The ids of those questions that the person answered already, or a cashier for them."""
    if not asked:
        return set()
    person = await customers.get(reader, ring, business_id, customer_id)
    known = {NAME: person.name is not None, BIRTHDAY: person.birthday_on is not None, EMAIL: person.has_email}
    done = await store.answered(reader, business_id, customer_id)
    return {each.id for each in asked if (known[each.key] if each.is_standard else each.id in done)}


async def erase(tx: Transaction, business_id: int, customer_id: int) -> None:
    """Forget what a person answered, and those merged into them. That a bonus was given stays: it names nobody and says nothing."""
    await store.erase(tx, business_id, customer_id)


async def hand_on(tx: Transaction, business_id: int, keep_id: int, lose_id: int) -> None:
    """Two people turned out to be one: what `keep_id` did not answer comes from `lose_id`, and no bonus is given again."""
    await store.hand_on(tx, business_id, keep_id, lose_id)


def today_of(program: Program, now: datetime) -> date:
    """The business's day, for `parse`."""
    return local_day(now, program.time_zone)


def _context(business_id: int) -> bytes:
    """Binds a sealed answer to its business: a row copied to another one does not open."""
    return str(business_id).encode()
