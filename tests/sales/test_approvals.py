import asyncio

import msgspec
import pytest

from app.errors import Forbidden, Invalid, NotFound
from app.ledger.rules import NotEnoughPoints
from app.programs import terms
from app.programs.terms import Said
from app.sales import approvals, service
from app.sales.approvals import ApprovalDecided, ApprovalExpired, SecondManagerNeeded
from app.sales.rules import ApprovalNeeded
from app.web.principal import Principal
from tests.money import RULES, make_bed
from tests.sales.conftest import refused

FOUR_EYES = msgspec.structs.replace(RULES, four_eyes_over=100)


@pytest.fixture
async def till(open_till):
    return await open_till(FOUR_EYES)


def other_manager(till):
    return Principal(till.bed.business_id, till.bed.business_id, "staff", id=9, name="Pavel", role="owner")


async def ask(till, amount, who=None, unit="points", key=None):
    return await approvals.adjust_or_ask(till.db, who or till.bed.manager, till.bed.card_id, unit, amount, "a mistake", key or till.key(),
                                         till.now)


async def approve(till, asked, who=None):
    return (await approvals.approve(till.db, who or other_manager(till), asked.id, till.key(), till.now)).operation


async def actions(till):
    return [row["action"] for row in await till.db.fetch_all("SELECT action FROM audit_entries ORDER BY id")]


async def test_a_small_adjustment_is_done_and_a_large_one_waits_for_another_manager(till):
    assert (await ask(till, 100)).operation.balances == {"points": 100}
    asked = await ask(till, 101)
    assert (asked.status, await till.balance()) == ("waiting", 100)
    assert [one.id for one in await approvals.list_waiting(till.db, till.bed.business_id, till.now)] == [asked.id]
    done = await approve(till, asked)
    assert (done.kind, done.balances, done.texts["asked_by"], done.actor_name) == ("adjustment", {"points": 201}, "Olga", "Pavel")
    found = await approvals.get_approval(till.db, till.bed.business_id, asked.id)
    assert (found.status, found.decided_id, found.operation_id) == ("approved", 9, done.id)
    assert await actions(till) == ["card.adjust", "approval.asked", "approval.approved", "card.adjust"]


async def test_nothing_larger_goes_without_being_asked_for(till):
    problem = await refused(till, ApprovalNeeded, till.adjust(101))
    assert problem.extra == {"over": 100}
    await refused(till, ApprovalNeeded, till.adjust(-101))


async def test_the_same_key_asks_once(till):
    key = till.key()
    assert [one.id for one in (await ask(till, 500, key=key), await ask(till, 500, key=key))] == [1, 1]
    assert len(await approvals.list_waiting(till.db, till.bed.business_id, till.now)) == 1


async def test_who_asked_does_not_decide_and_neither_does_a_cashier(till):
    asked = await ask(till, 500)
    await refused(till, SecondManagerNeeded, approve(till, asked, till.bed.manager))
    await refused(till, Forbidden, approve(till, asked, till.bed.cashier()))
    await refused(till, Forbidden, approvals.refuse(till.db, till.bed.cashier(), asked.id, till.now))
    await refused(till, Forbidden, ask(till, 500, till.bed.cashier()))
    other = (await make_bed(till.db, "leaf")).manager
    await refused(till, NotFound, approve(till, asked, other))


async def test_what_was_decided_stays_decided(till):
    asked = await ask(till, 500)
    assert (await approvals.refuse(till.db, other_manager(till), asked.id, till.now)).status == "refused"
    await refused(till, ApprovalDecided, approve(till, asked))
    assert (await actions(till))[-1] == "approval.refused" and await till.balance() == 0


async def test_two_managers_approve_it_once(till):
    asked = await ask(till, 500)
    owner = Principal(till.bed.business_id, till.bed.business_id, "staff", id=10, name="Anna", role="owner")
    done = await asyncio.gather(approve(till, asked), approve(till, asked, owner), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["ApprovalDecided", "Operation"]
    assert await till.balance() == 500


async def test_after_seven_days_it_has_to_be_asked_for_again(till):
    asked = await ask(till, 500)
    till.later(days=7)
    await refused(till, ApprovalExpired, approve(till, asked))
    assert await approvals.list_waiting(till.db, till.bed.business_id, till.now) == []
    assert (await approvals.expire_due(till.db, till.now), await approvals.expire_due(till.db, till.now)) == (1, 0)
    assert (await actions(till))[-1] == "approval.expired"
    await refused(till, ApprovalExpired, approve(till, asked))


async def test_an_approval_that_takes_more_than_there_is_goes_on_waiting(till):
    asked = await ask(till, -500)
    await refused(till, NotEnoughPoints, approve(till, asked))
    await till.adjust(100)
    for _ in range(4):
        await till.adjust(100)
    assert (await approve(till, asked)).balances == {"points": 0}


async def test_an_adjustment_is_of_a_unit_that_the_cards_hold(open_till):
    till = await open_till(msgspec.structs.replace(
        RULES, stamps=terms.Stamps(terms.Conversion(9, ("coffee",))), visits=terms.Visits((terms.Package("one", Said("One"), 1, 1),))))
    for unit in ("points", "stamps", "visits"):
        made = await service.adjust(till.db, till.bed.manager, till.bed.card_id, unit, 3, "sorry", None, till.now)
        assert (made.operation.gained("adjusted", unit=unit), made.operation.balances[unit]) == (3, 3)
    for unit in ("money", "progress", "membership", "donated", "tea"):
        act = service.adjust(till.db, till.bed.manager, till.bed.card_id, unit, 3, "sorry", None, till.now)
        problem = await refused(till, Invalid, act)
        assert problem.fields[0].field == "unit"
