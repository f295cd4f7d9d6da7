"""What a manager does with a questionnaire: add, change, move, close. A question is never deleted: answers name its wording."""
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound, Refused
from app.programs import service as programs
from app.programs.store import Program
from app.questions import rules, service, store
from app.questions.rules import STANDARD, Question, QuestionWish
from app.text import N_
from app.web.principal import Principal


class TooManyQuestions(Refused):
    code, detail = "too_many_questions", N_("A form has 20 questions of its own at most: nobody fills in more. Close one first.")


class QuestionMoved(Refused):
    """Another manager changed it since the asker looked."""

    code, detail = "question_moved", N_("Somebody else changed this question just now. Look at it again.")


async def create(db: Database, who: Principal, program_id: int, wish: QuestionWish, now: datetime) -> Question:
    """A new question at the end of the form. Raises Invalid, NotFound, TooManyQuestions."""
    async def act(tx: Transaction) -> Question:
        program, every = await _begin(tx, who, program_id)
        cleaned = rules.check(wish, program.rules)
        _check_room(every)
        last = max((each.position for each in every), default=0)
        taken = {each.key for each in every}
        return await _insert(tx, who, program, replace(cleaned, key=_free(cleaned.key, taken)), last + 1, now)

    return await write_transaction(db, act)


async def change(db: Database, who: Principal, program_id: int, wish: QuestionWish, was: int, now: datetime) -> Question:
    """The question `wish.key` as it shall be. was: the version that the asker saw. A standard field changes its need and bonus alone.

    What was answered keeps its wording, so a question that somebody answered keeps its kind. Raises Invalid, NotFound, QuestionMoved.
    """
    async def act(tx: Transaction) -> Question:
        program, every = await _begin(tx, who, program_id)
        found = _get(every, wish.key)
        kept = replace(wish, kind=found.kind, labels=found.labels, choices=()) if found.is_standard else wish
        cleaned = rules.check(kept, program.rules)
        if found.id < 0:
            return await _insert(tx, who, program, cleaned, found.position, now)
        if cleaned.kind != found.kind and (await store.count_answers(tx, who.business_id, program_id)).get(found.id):
            raise Invalid(fields=[FieldError("kind", "answered", N_("People answered this already. Close it and ask a new question."))])
        if not await store.update(tx, who.business_id, found.id, was, _row(cleaned)):
            raise QuestionMoved()
        await _keep_version(tx, who, found.id, was + 1, cleaned, now)
        await audit.record(tx, who, "question.changed", "question", found.id, {"key": found.key, "version": was + 1}, now=now)
        return _get(await service.every(tx, program_id), found.key)

    return await write_transaction(db, act)


async def close(db: Database, who: Principal, program_id: int, key: str, now: datetime, *, closed: bool = True) -> None:
    """Closed, it is asked no more and what was answered stays; it can be opened again. Raises NotFound, TooManyQuestions."""
    async def act(tx: Transaction) -> None:
        _, every = await _begin(tx, who, program_id)
        found = _get(every, key)
        if found.is_standard:
            raise NotFound()
        if found.is_closed == closed:
            return
        if not closed:
            _check_room(every)
        await store.set_closed(tx, who.business_id, found.id, to_ms(now) if closed else None)
        await audit.record(tx, who, "question.closed" if closed else "question.opened", "question", found.id, {"key": key}, now=now)

    await write_transaction(db, act)


async def move(db: Database, who: Principal, program_id: int, key: str, by: int, now: datetime) -> None:
    """An own question goes `by` places (−1: up) among those that are open; at the end it stays. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        _, every = await _begin(tx, who, program_id)
        found = _get(every, key)
        order = [each for each in every if not each.is_standard and not each.is_closed]
        if found not in order:
            raise NotFound()
        at = order.index(found)
        to = min(max(at + by, 0), len(order) - 1)
        if to == at:
            return
        order.insert(to, order.pop(at))
        for position, each in enumerate(order, len(STANDARD)):
            if each.position != position:
                await store.set_position(tx, who.business_id, each.id, position)
        await audit.record(tx, who, "question.moved", "question", found.id, {"key": key, "place": to + 1}, now=now)

    await write_transaction(db, act)


async def _begin(tx: Transaction, who: Principal, program_id: int) -> tuple[Program, list[Question]]:
    """The programme and its whole questionnaire, which nobody else changes before `tx` ends. Raises NotFound."""
    await store.lock_program(tx, who.business_id, program_id)
    program = await programs.get_program(tx, who.business_id, program_id)
    return program, await service.every(tx, program_id)


def _get(every: list[Question], key: str) -> Question:
    for each in every:
        if each.key == key:
            return each
    raise NotFound()


def _check_room(every: list[Question]) -> None:
    if sum(not each.is_standard and not each.is_closed for each in every) >= rules.OPEN_MOST:
        raise TooManyQuestions()


def _free(key: str, taken: set[str]) -> str:
    """`key`, with a number behind it where the programme has asked by that word before."""
    number = 1
    free = key
    while free in taken:
        number += 1
        free = f"{key}-{number}"
    return free


async def _insert(tx: Transaction, who: Principal, program: Program, wish: QuestionWish, position: int, now: datetime) -> Question:
    question_id = await store.insert(tx, {
        "business_id": who.business_id, "program_id": program.id, "key": wish.key, "position": position, "now": to_ms(now), **_row(wish)})
    if question_id is None:
        raise QuestionMoved()
    await _keep_version(tx, who, question_id, 1, wish, now)
    await audit.record(tx, who, "question.created", "question", question_id, {"key": wish.key, "need": wish.need}, now=now)
    return _get(await service.every(tx, program.id), wish.key)


def _row(wish: QuestionWish) -> dict[str, Any]:
    return {"kind": wish.kind, "labels": _dump(wish.labels), "choices": store.dump_choices(wish.choices), "need": wish.need,
            "bonus_points": wish.bonus_points}


def _dump(labels: Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(labels)).decode()


async def _keep_version(tx: Transaction, who: Principal, question_id: int, version: int, wish: QuestionWish, now: datetime) -> None:
    row = {name: value for name, value in _row(wish).items() if name != "kind"}
    await store.append_version(tx, {"business_id": who.business_id, "question_id": question_id, "version": version, "now": to_ms(now),
                                    "by": who.name, **row})
