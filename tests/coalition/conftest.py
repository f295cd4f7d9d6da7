"""Two shops and a coalition that both take part in, with a card of the coalition."""
import dataclasses
from typing import Any

import pytest

from app.coalition import service as coalition
from app.context import Context
from tests.conftest import Shop
from tests.shops import make_card, make_shop
from tests.till.calling import Till


@dataclasses.dataclass
class Together:
    """cafe and books take part in `own`, a coalition; till: of each by its name."""

    here: Context
    own: Shop
    cafe: Shop
    books: Shop
    card: Any
    tills: dict[str, Till]

    async def join(self, member: Shop, **terms: Any) -> int:
        wanted: dict[str, Any] = {"earns": True, "spends": True, "fee_bp": 0, **terms}
        slug = "coffee" if member is self.cafe else "leaf"
        participation = await coalition.invite(self.here.db, self.own.who, slug, now=self.here.clock.now(), **wanted)
        await coalition.accept(self.here.db, member.who, participation, self.here.clock.now())
        return participation

    async def sale(self, member: str, amount: int, points: int = 0, **more: Any) -> dict[str, Any]:
        body = {"code": self.card.code, "amount": amount, "redeem": {"points": points}, **more}
        answer = await self.tills[member].post("/sales", body)
        assert answer.status_code == 201, answer.text
        return answer.json()


@pytest.fixture
async def together(here: Context, client: Any, shop: Shop, other_shop: Shop) -> Together:
    own = await make_shop(here, slug="together", name="All together")
    made = Together(here, own, shop, other_shop, await make_card(here, own, points=0), {
        "cafe": Till(client, here, shop), "books": Till(client, here, other_shop), "own": Till(client, here, own)})
    await made.join(shop)
    await made.join(other_shop, fee_bp=250)
    return made
