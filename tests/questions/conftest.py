"""A programme that asks, and people who answer."""
from collections.abc import Mapping
from typing import Any

import pytest

from app.cards.rules import Card
from app.context import Context
from app.db import write_transaction
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.questions import editing, service
from app.questions.rules import Choice, Question, QuestionWish
from app.web.principal import shopper
from tests.conftest import Shop

PETS = (Choice("cats", {"en": "Cats", "ru": "Кошки"}), Choice("dogs", {"en": "Dogs", "ru": "Собаки"}))


class Asking:
    """Asks and answers through the services."""

    def __init__(self, here: Context, shop: Shop) -> None:
        self.here, self.shop = here, shop

    async def program(self) -> Program:
        return await programs.get_program(self.here.db, self.shop.business_id, self.shop.program_id)

    async def set_rules(self, rules: ProgramRules) -> None:
        await programs.change_rules(self.here.db, self.shop.who, self.shop.program_id, rules, self.here.clock.now())

    async def add(self, key: str = "drink", kind: str = "text", **parts: Any) -> Question:
        wish = QuestionWish(**{"key": key, "kind": kind, "labels": {"en": f"Which {key}?", "ru": f"Что за {key}?"},
                               "choices": PETS if kind == "choice" else (), **parts})
        return await editing.create(self.here.db, self.shop.who, self.shop.program_id, wish, self.here.clock.now())

    async def change(self, found: Question, **parts: Any) -> Question:
        wish = QuestionWish(**{"key": found.key, "kind": found.kind, "labels": found.labels, "choices": found.choices, "need": found.need,
                               "bonus_points": found.bonus_points, **parts})
        return await editing.change(self.here.db, self.shop.who, self.shop.program_id, wish, found.version, self.here.clock.now())

    async def close(self, key: str, *, closed: bool = True) -> None:
        await editing.close(self.here.db, self.shop.who, self.shop.program_id, key, self.here.clock.now(), closed=closed)

    async def move(self, key: str, by: int) -> None:
        await editing.move(self.here.db, self.shop.who, self.shop.program_id, key, by, self.here.clock.now())

    async def keys(self, *need: str) -> list[str]:
        return [each.key for each in await service.questions_of(self.here.db, self.shop.program_id, set(need) or None)]

    async def answer(self, card: Card, answers: Mapping[int, str], **parts: Any) -> int:
        program, who = await self.program(), shopper(self.shop.business_id, card.customer_id)
        assert card.customer_id is not None
        customer_id = card.customer_id
        return await write_transaction(self.here.db, lambda tx: service.answer(
            tx, self.here.ring, who, program, customer_id, answers, self.here.clock.now(), **parts))

    async def answers(self, card: Card) -> dict[str, str]:
        assert card.customer_id is not None
        found = await service.answers_of(self.here.db, self.here.ring, self.shop.business_id, card.customer_id)
        return {each.question.key: each.value for each in found}

    async def later(self, card: Card) -> list[str]:
        assert card.customer_id is not None
        return [each.key for each in await service.later_of(self.here.db, self.here.ring, await self.program(), card.customer_id)]

    async def actions(self) -> list[str]:
        rows = await self.here.db.fetch_all("SELECT action FROM audit_entries WHERE action LIKE 'question%' ORDER BY id")
        return [row["action"].removeprefix("question.") for row in rows]


@pytest.fixture
async def asking(here: Context, shop: Shop) -> Asking:
    return Asking(here, shop)
