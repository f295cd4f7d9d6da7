"""SQL on questions, question_versions, answers and answer_bonuses."""
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from app.clock import from_ms
from app.db import Database, Transaction
from app.questions.rules import Answer, Choice, Question

Reader = Database | Transaction
_COLUMNS = ("q.id, q.program_id, q.key, q.kind, q.labels, q.choices, q.need, q.bonus_points, q.position, q.version, "
            "CASE WHEN q.closed_at IS NULL THEN 0 ELSE 1 END AS is_closed")


def dump_choices(choices: Sequence[Choice]) -> str:
    return msgspec.json.encode([{"key": choice.key, "labels": dict(choice.labels)} for choice in choices]).decode()


def _choices(text: str) -> tuple[Choice, ...]:
    return tuple(Choice(each["key"], each["labels"]) for each in msgspec.json.decode(text))


def _question(row: Any) -> Question:
    return Question(row["id"], row["key"], row["kind"], msgspec.json.decode(row["labels"]), _choices(row["choices"]), row["need"],
                    row["bonus_points"], row["position"], row["version"], bool(row["is_closed"]))


async def of_program(reader: Reader, program_id: int) -> list[Question]:
    """All that a programme ever asked, in its order; closed ones too."""
    rows = await reader.fetch_all(f"SELECT {_COLUMNS} FROM questions q WHERE q.program_id = :program_id ORDER BY q.position, q.id",
                                  {"program_id": program_id})
    return [_question(row) for row in rows]


async def insert(tx: Transaction, row: Mapping[str, Any]) -> int | None:
    """The new row's id; None where the programme has this key."""
    return await tx.fetch_val(
        "INSERT INTO questions(business_id, program_id, key, kind, labels, choices, need, bonus_points, position, version, created_at) "
        "VALUES (:business_id, :program_id, :key, :kind, :labels, :choices, :need, :bonus_points, :position, 1, :now) "
        "ON CONFLICT DO NOTHING RETURNING id", dict(row))


async def update(tx: Transaction, business_id: int, question_id: int, was: int, row: Mapping[str, Any]) -> bool:
    """Whether version `was` was still the newest, and `row` (kind, labels, choices, need, bonus_points) follows it now."""
    return await tx.fetch_one(
        "UPDATE questions SET kind = :kind, labels = :labels, choices = :choices, need = :need, bonus_points = :bonus_points, "
        "version = version + 1 WHERE id = :id AND business_id = :business_id AND version = :was RETURNING id",
        {"id": question_id, "business_id": business_id, "was": was, **row}) is not None


async def append_version(tx: Transaction, row: Mapping[str, Any]) -> None:
    await tx.execute(
        "INSERT INTO question_versions(business_id, question_id, version, labels, choices, need, bonus_points, created_at, created_by) "
        "VALUES (:business_id, :question_id, :version, :labels, :choices, :need, :bonus_points, :now, :by)", dict(row))


async def set_closed(tx: Transaction, business_id: int, question_id: int, closed_at: int | None) -> None:
    await tx.execute("UPDATE questions SET closed_at = CAST(:closed_at AS BIGINT) WHERE id = :id AND business_id = :business_id",
                     {"id": question_id, "business_id": business_id, "closed_at": closed_at})


async def set_position(tx: Transaction, business_id: int, question_id: int, position: int) -> None:
    await tx.execute("UPDATE questions SET position = :position WHERE id = :id AND business_id = :business_id",
                     {"id": question_id, "business_id": business_id, "position": position})


async def lock_program(tx: Transaction, business_id: int, program_id: int) -> None:
    """Two managers who change one questionnaire do so one after the other: its order and its limit are of the whole of it."""
    if tx.engine == "postgresql":
        await tx.fetch_one("SELECT id FROM programs WHERE id = :id AND business_id = :business_id FOR NO KEY UPDATE",
                           {"id": program_id, "business_id": business_id})


async def count_answers(reader: Reader, business_id: int, program_id: int) -> dict[int, int]:
    """Question id → how many people answered it."""
    rows = await reader.fetch_all(
        "SELECT a.question_id, COUNT(*) AS n FROM answers a JOIN questions q ON q.id = a.question_id "
        "WHERE q.business_id = :business_id AND q.program_id = :program_id GROUP BY a.question_id",
        {"business_id": business_id, "program_id": program_id})
    return {row["question_id"]: row["n"] for row in rows}


# What people answered.

async def put_answer(tx: Transaction, row: Mapping[str, Any]) -> None:
    await tx.execute(
        "INSERT INTO answers(business_id, customer_id, question_id, version, value_sealed, answered_at) "
        "VALUES (:business_id, :customer_id, :question_id, :version, :value_sealed, :now) ON CONFLICT(customer_id, question_id) "
        "DO UPDATE SET version = excluded.version, value_sealed = excluded.value_sealed, answered_at = excluded.answered_at", dict(row))


async def delete_answer(tx: Transaction, business_id: int, customer_id: int, question_id: int) -> None:
    await tx.execute("DELETE FROM answers WHERE customer_id = :customer_id AND question_id = :question_id AND business_id = :business_id",
                     {"customer_id": customer_id, "question_id": question_id, "business_id": business_id})


async def answers_of(reader: Reader, business_id: int, customer_id: int) -> list[tuple[Answer, bytes]]:
    """Each answer, its value still sealed beside it, by programme and in the order of the form."""
    rows = await reader.fetch_all(
        f"SELECT {_COLUMNS}, a.value_sealed, a.answered_at, v.choices AS choices_then FROM answers a "
        "JOIN questions q ON q.id = a.question_id JOIN question_versions v ON v.question_id = a.question_id AND v.version = a.version "
        "WHERE a.business_id = :business_id AND a.customer_id = :customer_id ORDER BY q.program_id, q.position, q.id",
        {"business_id": business_id, "customer_id": customer_id})
    return [(Answer(_question(row), "", from_ms(row["answered_at"]), _choices(row["choices_then"])), bytes(row["value_sealed"]))
            for row in rows]


async def answered(reader: Reader, business_id: int, customer_id: int) -> set[int]:
    """The questions that a person answered."""
    rows = await reader.fetch_all("SELECT question_id FROM answers WHERE business_id = :business_id AND customer_id = :customer_id",
                                  {"business_id": business_id, "customer_id": customer_id})
    return {row["question_id"] for row in rows}


async def claim_bonus(tx: Transaction, business_id: int, customer_id: int, question_id: int, now: int) -> bool:
    """Whether the bonus was still to be given; of two at once one gets it."""
    return await tx.fetch_one(
        "INSERT INTO answer_bonuses(business_id, customer_id, question_id, given_at) VALUES (:business_id, :customer_id, :question_id, "
        ":now) ON CONFLICT DO NOTHING RETURNING question_id",
        {"business_id": business_id, "customer_id": customer_id, "question_id": question_id, "now": now}) is not None


async def keep_operation(tx: Transaction, business_id: int, customer_id: int, question_id: int, operation_id: int) -> None:
    await tx.execute(
        "UPDATE answer_bonuses SET operation_id = :operation_id WHERE customer_id = :customer_id AND question_id = :question_id "
        "AND business_id = :business_id",
        {"customer_id": customer_id, "question_id": question_id, "business_id": business_id, "operation_id": operation_id})


async def erase(tx: Transaction, business_id: int, customer_id: int) -> None:
    """Of the person and of whoever was merged into them."""
    await tx.execute(
        "DELETE FROM answers WHERE business_id = :business_id AND customer_id IN (SELECT id FROM customers "
        "WHERE (id = :customer_id OR merged_into = :customer_id) AND business_id = :business_id)",
        {"business_id": business_id, "customer_id": customer_id})


async def hand_on(tx: Transaction, business_id: int, keep_id: int, lose_id: int) -> None:
    """Answers to what the kept person did not answer; and a bonus that either got is got."""
    values = {"business_id": business_id, "keep": keep_id, "lose": lose_id}
    await tx.execute(
        "UPDATE answers SET customer_id = :keep WHERE customer_id = :lose AND business_id = :business_id "
        "AND NOT EXISTS (SELECT 1 FROM answers k WHERE k.customer_id = :keep AND k.question_id = answers.question_id)", values)
    await tx.execute("DELETE FROM answers WHERE customer_id = :lose AND business_id = :business_id",
                     {"business_id": business_id, "lose": lose_id})
    await tx.execute(
        "INSERT INTO answer_bonuses(business_id, customer_id, question_id, operation_id, given_at) "
        "SELECT business_id, CAST(:keep AS BIGINT), question_id, operation_id, given_at FROM answer_bonuses "
        "WHERE customer_id = :lose AND business_id = :business_id ON CONFLICT DO NOTHING", values)
