"""A shop that rewards friends, and shoppers who bring some."""
from typing import Any

import msgspec
import pytest

from app import secrets
from app.cards.rules import Card
from app.context import Context
from app.db import write_transaction
from app.programs import service as programs
from app.programs.terms import Referral
from app.referrals import service
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.conftest import Shop
from tests.shops import RULES, make_card

TERMS = Referral(giver=100, friend=50, least_minor=30_000, settle_days=14, a_month=3)


class Friends:
    """Makes cards, invites and buys through the services."""

    def __init__(self, here: Context, shop: Shop) -> None:
        self.here, self.shop, self.number = here, shop, 10

    async def set_terms(self, terms: Referral) -> None:
        await programs.change_rules(self.here.db, self.shop.who, self.shop.program_id, msgspec.structs.replace(RULES, referral=terms),
                                    self.here.clock.now())

    async def card(self, **parts: Any) -> Card:
        self.number += 1
        return await make_card(self.here, self.shop, phone=f"+791612300{self.number}", **parts)

    async def invitation(self, giver: Card) -> service.Invitation:
        program = await programs.get_program(self.here.db, self.shop.business_id, self.shop.program_id)
        return await write_transaction(self.here.db, lambda tx: service.invitation_of(
            tx, program, giver.account_id, secrets.new_token(12), self.here.clock.now()))

    async def accept(self, giver: Card, friend: Card) -> str | None:
        invitation = await self.invitation(giver)
        program = await programs.get_program(self.here.db, self.shop.business_id, self.shop.program_id)
        return await write_transaction(self.here.db, lambda tx: service.accept(tx, program, invitation.id, friend, self.here.clock.now()))

    async def buy(self, card: Card, amount: int = 40_000) -> int:
        made = await sales.sell(self.here.db, self.shop.cashier, SaleRequest(card.id, amount), None, self.here.clock.now())
        return made.operation.id

    async def settle(self, days: int = 0) -> int:
        self.here.clock.advance(days=days)
        return await service.settle_due(self.here.db, self.here.clock.now())

    async def statuses(self) -> list[tuple[str, str | None]]:
        return [(row["status"], row["reason"]) for row in await self.here.db.fetch_all("SELECT status, reason FROM referrals ORDER BY id")]

    async def given(self) -> list[tuple[int, int]]:
        """(account, points) of every reward."""
        rows = await self.here.db.fetch_all(
            "SELECT o.account_id, -e.amount AS points FROM operations o JOIN entries e ON e.operation_id = o.id "
            "WHERE o.kind = 'referral' AND e.account_id IS NULL ORDER BY o.id")
        return [(row["account_id"], int(row["points"])) for row in rows]


@pytest.fixture
async def friends(here: Context, shop: Shop) -> Friends:
    made = Friends(here, shop)
    await made.set_terms(TERMS)
    return made
