"""Inviting, taking part, leaving, and a month's statement, on both engines."""
from datetime import timedelta

import pytest

from app.coalition import rules, service
from app.coalition.rules import Pair
from app.context import Context
from app.errors import Forbidden, Invalid, NotFound
from app.ledger import service as ledger
from app.sales import service as sales
from app.sales.rules import RefundRequest, SaleRequest
from tests.coalition.conftest import Together
from tests.conftest import Shop
from tests.shops import make_shop

MONTH, ZONE = "2026-11", "Europe/Moscow"


def net(statement: service.Statement) -> dict[int, int]:
    return {each.business_id: each.net for each in statement.accounts}


async def test_a_month_tells_what_each_member_gave_took_and_owes(together: Together) -> None:
    here, own, cafe, books = together.here, together.own, together.cafe, together.books
    await together.sale("cafe", 100_000)                                       # gives 50
    spent = await together.sale("books", 10_000, points=30)                    # takes 30 of them, gives 3
    await together.sale("cafe", 10_000, points=10)
    found = await service.statement(here.db, own.business_id, MONTH, ZONE)
    assert found.pairs == [Pair(cafe.business_id, cafe.business_id, 10, 1_000, 0), Pair(cafe.business_id, books.business_id, 30, 3_000, 75)]
    assert net(found) == {own.business_id: 75, cafe.business_id: -3_000, books.business_id: 2_925}
    assert {each.business_id: each.issued for each in found.accounts} == {own.business_id: 0, cafe.business_id: 54, books.business_id: 3}
    assert [(each.debtor, each.creditor, each.minor) for each in found.cleared] == [(cafe.business_id, books.business_id, 3_000)]

    # Half of it is returned: half of the debt goes.
    acting = await service.acting_for(here.db, books.cashier, own.business_id)
    operation_id = here.ids.decode("operation", spent["id"])
    await sales.refund(here.db, acting, RefundRequest(operation_id, 5_000), None, here.clock.now())
    half = await service.statement(here.db, own.business_id, MONTH, ZONE)
    assert half.pairs[1][:4] == (cafe.business_id, books.business_id, 15, 1_500)
    assert sum(net(half).values()) == 0

    # What happens in December changes nothing in November.
    here.clock.advance(days=20)
    await sales.refund(here.db, acting, RefundRequest(operation_id, 5_000), None, here.clock.now())
    assert await service.statement(here.db, own.business_id, MONTH, ZONE) == half
    december = await service.statement(here.db, own.business_id, "2026-12", ZONE)
    assert [pair[:4] for pair in december.pairs] == [(cafe.business_id, books.business_id, -15, -1_500)]
    assert sum(net(december).values()) == 0


async def test_points_that_ended_are_told_of_whoever_gave_them_and_come_back_as_theirs(together: Together) -> None:
    here, own, cafe, books = together.here, together.own, together.cafe, together.books
    await together.sale("cafe", 100_000)
    spent = await together.sale("books", 10_000, points=20)
    here.clock.advance(days=400)
    await ledger.expire_due(here.db, here.clock.now())
    acting = await service.acting_for(here.db, books.cashier, own.business_id)
    await sales.refund(here.db, acting, RefundRequest(here.ids.decode("operation", spent["id"]), 10_000), None, here.clock.now())
    month = here.clock.now().strftime("%Y-%m")
    found = await service.statement(here.db, own.business_id, month, ZONE)
    expired = {each.business_id: each.expired for each in found.accounts}
    assert expired[cafe.business_id] == 30
    # The twenty that came back under a new end are still the cafe's promise.
    await together.sale("books", 10_000, points=20)
    found = await service.statement(here.db, own.business_id, month, ZONE)
    assert found.pairs[0][:3] == (cafe.business_id, books.business_id, 0)


async def test_only_owners_invite_accept_and_leave_and_a_second_invitation_is_refused(here: Context, shop: Shop, other_shop: Shop) -> None:
    now, cashier = here.clock.now(), shop.cashier
    terms = {"earns": True, "spends": True, "fee_bp": 0, "now": now}
    with pytest.raises(Forbidden):
        await service.invite(here.db, cashier, "leaf", **terms)
    for slug in ("nowhere", "coffee", "", "LEAF!"):
        with pytest.raises(rules.NoSuchBusiness):
            await service.invite(here.db, shop.who, slug, **terms)
    participation = await service.invite(here.db, shop.who, " Leaf ", **terms)
    with pytest.raises(rules.AlreadyTakesPart):
        await service.invite(here.db, shop.who, "leaf", **terms)
    # Invited is not taking part, and nobody accepts for another.
    assert await service.coalitions_of(here.db, other_shop.business_id) == []
    with pytest.raises(NotFound):
        await service.acting_for(here.db, other_shop.cashier, shop.business_id)
    for who, refused in ((other_shop.cashier, Forbidden), (shop.who, rules.NotInvited)):
        with pytest.raises(refused):
            await service.accept(here.db, who, participation, now)
    await service.accept(here.db, other_shop.who, participation, now)
    assert await service.coalitions_of(here.db, other_shop.business_id) == [shop.business_id]
    assert [each.slug for each in await service.programs_for(here.db, other_shop.business_id)] == ["points"]
    with pytest.raises(rules.NotInvited):
        await service.accept(here.db, other_shop.who, participation, now)
    third = await make_shop(here, slug="third")
    with pytest.raises(rules.NotInvited):
        await service.end(here.db, third.who, participation, now)
    await service.end(here.db, other_shop.who, participation, now)
    assert await service.coalitions_of(here.db, other_shop.business_id) == []
    with pytest.raises(rules.NotInvited):
        await service.end(here.db, shop.who, participation, now)
    # Whoever left can be invited again.
    await service.invite(here.db, shop.who, "leaf", **terms)


async def test_a_sale_in_the_moment_of_leaving_is_refused_and_leaves_nothing(together: Together) -> None:
    here, cafe, own = together.here, together.cafe, together.own
    acting = await service.acting_for(here.db, cafe.cashier, own.business_id)
    [participation] = await service.memberships(here.db, cafe.business_id)
    await service.end(here.db, cafe.who, participation.id, here.clock.now())
    with pytest.raises(NotFound):
        await sales.sell(here.db, acting, SaleRequest(together.card.id, 10_000), None, here.clock.now())
    assert await here.db.fetch_val("SELECT COUNT(*) FROM operations WHERE business_id = :own", {"own": own.business_id}) == 0


async def test_months_that_are_none_are_refused(here: Context, shop: Shop) -> None:
    for month in ("", "2026", "2026-13", "11-2026", "2026-11-01"):
        with pytest.raises(Invalid):
            await service.statement(here.db, shop.business_id, month, ZONE)
    since, until = service.month_of("2026-12", ZONE)
    assert until - since == timedelta(days=31) // timedelta(milliseconds=1)
