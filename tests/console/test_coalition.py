"""The owner's pages of a coalition: inviting, accepting, a month's statement as a page and as a file."""
import re
from typing import Any

import pytest

from app.coalition import service as coalition
from app.context import Context
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.conftest import Shop
from tests.console.visiting import Visitor, audited, rows, sign_in
from tests.shops import make_card

PAGE = "/console/coalition"


@pytest.fixture
async def leaf(client: Any, other_shop: Shop) -> Visitor:
    return await sign_in(client, "owner@leaf.example.com")


async def test_an_owner_invites_another_accepts_and_either_ends_it(here: Context, shop: Shop, other_shop: Shop, owner: Visitor,
                                                                   leaf: Visitor) -> None:
    assert "No members" in await owner.page(PAGE)
    invited = await owner.post(PAGE, {"act": "invite", "slug": "leaf", "fee": "2,5", "earns": "1", "spends": "1"})
    assert invited.status_code == 303
    assert "invited" in await owner.page(PAGE) and "fee 2.5" in await owner.page(PAGE)
    shown = await leaf.get(PAGE)
    found = re.search(r'name="participation" value="(prt_[^"]+)"', shown.text)
    assert found is not None and "invites you" in shown.text
    assert (await owner.post(PAGE, {"act": "accept", "participation": found[1]})).status_code == 409
    assert (await leaf.post(PAGE, {"act": "accept", "participation": found[1]})).status_code == 303
    assert await coalition.coalitions_of(here.db, other_shop.business_id) == [shop.business_id]
    assert (await leaf.post(PAGE, {"act": "end", "participation": found[1]})).status_code == 303
    assert await coalition.coalitions_of(here.db, other_shop.business_id) == []
    assert (await audited(here, other_shop.business_id))[:2] == ["coalition.left", "coalition.joined"]


@pytest.mark.parametrize(("form", "field"), [
    ({"slug": "nowhere", "fee": "0", "earns": "1"}, "slug"), ({"slug": "coffee", "fee": "0", "earns": "1"}, "slug"),
    ({"slug": "leaf", "fee": "101", "earns": "1"}, "fee"), ({"slug": "leaf", "fee": "a lot", "earns": "1"}, "fee"),
    ({"slug": "leaf", "fee": "0"}, "earns")])
async def test_an_invitation_that_cannot_be_says_why_and_leaves_nothing(here: Context, other_shop: Shop, owner: Visitor,
                                                                       form: dict[str, str], field: str) -> None:
    before = await rows(here)
    answer = await owner.post(PAGE, {"act": "invite", **form})
    assert answer.status_code == 422 and f'id="{field}-error"' in answer.text
    assert await rows(here) == before


async def test_a_manager_sees_nothing_of_it(manager: Visitor) -> None:
    assert (await manager.get(PAGE)).status_code == 403
    assert (await manager.get(PAGE + "/statement.csv")).status_code == 403


async def test_a_month_is_shown_and_can_be_taken_along(here: Context, shop: Shop, other_shop: Shop, owner: Visitor) -> None:
    now = here.clock.now()
    one = await coalition.invite(here.db, shop.who, "leaf", earns=True, spends=True, fee_bp=250, now=now)
    await coalition.accept(here.db, other_shop.who, one, now)
    await here.db.execute("UPDATE businesses SET name = '=cmd(1)' WHERE id = :id", {"id": other_shop.business_id})
    card = await make_card(here, shop)
    await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 100_000), None, now)
    acting = await coalition.acting_for(here.db, other_shop.cashier, shop.business_id)
    await sales.sell(here.db, acting, SaleRequest(card.id, 10_000, redeem=30), None, now)
    page = await owner.page(PAGE + "?month=2026-11")
    assert "Earned at Coffee corner, spent at =cmd(1)" in page and "Coffee corner pays =cmd(1)" in page
    file = await owner.get(PAGE + "/statement.csv?month=2026-11")
    assert file.headers["content-type"].startswith("text/csv")
    lines = file.text.removeprefix("\ufeff").split("\r\n")
    assert lines[1] == '"2026-11","Coffee corner","\'=cmd(1)",30,30.00,0.75'
    assert lines[4:6] == ['"2026-11","Coffee corner",50,0,0,30.00,0.00,-0.75,-29.25', '"2026-11","\'=cmd(1)",3,30,0,0.00,30.00,0.75,29.25']
    assert (await owner.get(PAGE + "/statement.csv?month=november")).status_code == 422
