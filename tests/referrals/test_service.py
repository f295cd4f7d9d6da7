"""Friends, their first purchase, and the reward of both sides, on both engines."""
import asyncio

import msgspec

from app.cards import service as cards
from app.db import write_transaction
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.terms import Referral
from app.referrals import rules, service, store
from app.sales import service as sales
from app.sales.rules import RefundRequest
from tests.conftest import Shop
from tests.plans import steps_of
from tests.referrals.conftest import TERMS, Friends
from tests.shops import RULES
from tests.till.calling import on_sqlite


async def test_both_get_theirs_once_when_the_friend_s_first_purchase_has_settled(friends: Friends) -> None:
    giver, friend = await friends.card(), await friends.card()
    assert await friends.accept(giver, friend) == "waiting"
    await friends.settle()
    await friends.buy(friend, 29_900)                       # less than the least
    assert await friends.settle(days=30) == 0
    await friends.buy(friend)
    assert await friends.settle() == 0
    assert await friends.settle(days=13) == 0
    assert await friends.given() == []
    assert await friends.settle(days=1) == 1
    assert await friends.given() == [(giver.account_id, 100), (friend.account_id, 50)]
    assert await friends.settle(days=30) == 0
    assert await friends.statuses() == [("rewarded", None)]
    kinds = [row["kind"] for row in await friends.here.db.fetch_all("SELECT kind FROM events WHERE kind LIKE 'referral%' ORDER BY id")]
    assert kinds == ["referral.joined", "referral.rewarded", "referral.rewarded"]


async def test_two_that_settle_at_once_reward_once(friends: Friends) -> None:
    giver, friend = await friends.card(), await friends.card()
    await friends.accept(giver, friend)
    await friends.buy(friend)
    await friends.settle()
    friends.here.clock.advance(days=14)
    now = friends.here.clock.now()
    done = await asyncio.gather(*(service.settle_due(friends.here.db, now) for _ in range(4)))
    assert sum(done) == 1
    assert len(await friends.given()) == 2


async def test_what_came_back_before_it_settled_brings_nothing_and_an_undone_sale_never_was(friends: Friends) -> None:
    here, giver, friend, other = friends.here, await friends.card(), await friends.card(), await friends.card()
    await friends.accept(giver, friend)
    await friends.accept(giver, other)
    bought, mistyped = await friends.buy(friend), await friends.buy(other)
    await friends.settle()
    await sales.refund(here.db, friends.shop.cashier, RefundRequest(bought, 20_000), None, here.clock.now())
    await sales.undo(here.db, friends.shop.cashier, mistyped, None, here.clock.now())
    assert await friends.settle(days=14) == 0
    assert await friends.statuses() == [("refused", "refunded"), ("waiting", None)]
    await friends.buy(other)
    await friends.settle()
    assert await friends.settle(days=14) == 1
    assert [account for account, _ in await friends.given()] == [giver.account_id, other.account_id]


@on_sqlite
async def test_oneself_a_known_shopper_and_a_circle_bring_nothing_but_keep_their_cards(friends: Friends) -> None:
    here, anna, boris, vera = friends.here, await friends.card(), await friends.card(), await friends.card()
    assert await friends.accept(anna, anna) == "self"
    assert await friends.accept(anna, boris) == "waiting"
    assert await friends.accept(boris, vera) == "waiting"
    # Anna's card ended, and she joins again through Vera, whom she brought herself.
    assert await write_transaction(here.db, lambda tx: tx.execute("DELETE FROM referrals WHERE friend_account_id = :anna",
                                                                  {"anna": anna.account_id})) is None
    assert await friends.accept(vera, anna) == "loop"
    old = await friends.card()
    new = await cards.replace(here.db, friends.shop.who, old.id, None, "472", here.clock.now())
    assert await friends.accept(anna, new) == "known"
    assert {(await cards.get_card(here.db, each.business_id, each.id)).status for each in (anna, boris, vera, new)} == {"active"}


@on_sqlite
async def test_more_friends_a_month_than_the_rules_reward_bring_nothing(friends: Friends) -> None:
    giver = await friends.card()
    for number in range(4):
        friend = await friends.card()
        await friends.buy(friend)
        assert await friends.accept(giver, friend) == ("waiting" if number < 3 else "farming")
    friends.here.clock.advance(days=31)
    assert await friends.accept(giver, await friends.card()) == "waiting"


@on_sqlite
async def test_many_friends_in_a_day_who_bought_nothing_are_no_friends(friends: Friends) -> None:
    await friends.set_terms(msgspec.structs.replace(TERMS, a_month=100))
    giver = await friends.card()
    # The cards of these friends were all issued by the owner; elsewhere the same hand three times is a sign of its own.
    await write_transaction(friends.here.db, lambda tx: tx.execute("UPDATE cards SET issued_by_kind = 'shopper'"))
    told = []
    for _ in range(6):
        friend = await friends.card()
        await write_transaction(friends.here.db, lambda tx: tx.execute("UPDATE cards SET issued_by_kind = 'shopper'"))
        told.append(await friends.accept(giver, friend))
    assert told == ["waiting"] * 5 + ["farming"]


@on_sqlite
async def test_friends_whose_cards_one_member_of_staff_makes_are_no_friends(friends: Friends) -> None:
    await friends.set_terms(msgspec.structs.replace(TERMS, a_month=100))
    giver = await friends.card()
    told = []
    for _ in range(4):
        friend = await friends.card()
        await friends.buy(friend)
        told.append(await friends.accept(giver, friend))
    assert told[:3] == ["waiting"] * 3
    assert told[3] == "farming"


@on_sqlite
async def test_a_friend_who_buys_nothing_for_half_a_year_is_waited_for_no_longer(friends: Friends) -> None:
    await friends.accept(await friends.card(), await friends.card())
    await friends.settle(days=179)
    assert await friends.statuses() == [("waiting", None)]
    await friends.settle(days=2)
    assert await friends.statuses() == [("refused", "too_late")]


@on_sqlite
async def test_a_shopper_has_one_invitation_and_a_programme_without_rewards_none(friends: Friends, other_shop: Shop) -> None:
    giver = await friends.card()
    first, again = await friends.invitation(giver), await friends.invitation(giver)
    assert first == again
    program = await programs.get_program(friends.here.db, friends.shop.business_id, friends.shop.program_id)
    now = friends.here.clock.now()
    found = await service.find_invitation(friends.here.db, program, first.code, now)
    assert found is not None and found.id == first.id
    elsewhere = await programs.get_program(friends.here.db, other_shop.business_id, other_shop.program_id)
    assert await service.find_invitation(friends.here.db, elsewhere, first.code, now) is None


@on_sqlite
async def test_rewards_may_be_of_one_side_and_wait_for_nothing(friends: Friends) -> None:
    here = friends.here
    terms = Referral(giver=0, friend=70, settle_days=0, least_minor=0)
    await programs.change_rules(here.db, friends.shop.who, friends.shop.program_id, msgspec.structs.replace(RULES, referral=terms),
                                here.clock.now())
    giver, friend = await friends.card(), await friends.card()
    await friends.accept(giver, friend)
    await friends.buy(friend, 100)
    assert await friends.settle() == 1
    assert await friends.given() == [(friend.account_id, 70)]
    assert (await ledger.balances(here.db, giver.account_id)).get("points", 0) == 0
    assert rules.GIVES_UP.days == 180


async def test_a_friend_is_looked_up_by_what_is_their_own(sqlite_db):
    for ask in (lambda tx: store.is_known(tx, 1, 2, 3), lambda tx: store.first_sale(tx, 1, (2, 3), 1)):
        steps = await steps_of(sqlite_db, ask)
        assert not any(step.startswith("SCAN") or "operations_business" in step or "cards_business" in step for step in steps), steps
