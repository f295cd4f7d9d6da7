"""What deserves a word to the card's holder, and how often: in rules, and as requests."""
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.context import Context
from app.db import Transaction, write_transaction
from app.designs.rules import CardFace
from app.google import notices, service
from app.google.checks import problems_of
from app.google.notices import Shown, may_notify, notice_for, shown_of
from app.programs import service as programs
from app.programs.terms import Said
from app.updates import service as updates
from tests.google.conftest import Wallet
from tests.google.test_queue import give, press, row_of, stored
from tests.google.test_rules import design_of

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
TODAY = date(2026, 11, 22)
FACE = CardFace("9029581036472915", 120, 0, "RUB")
DAY = timedelta(days=1)


@pytest.mark.parametrize(("newest", "before", "allowed"), [
    (None, None, True), (NOW, None, True), (NOW - DAY / 2, NOW - DAY + timedelta(seconds=1), False),
    (NOW - DAY / 2, NOW - DAY, True), (NOW - DAY, NOW - DAY, True), (NOW + DAY, NOW + DAY, False)])
def test_two_announcements_a_day_and_a_third_when_the_first_is_a_day_old(newest, before, allowed):
    assert may_notify(newest, before, NOW) is allowed


@pytest.mark.parametrize(("before", "after", "key"), [
    (Shown(vouchers=0), Shown(vouchers=1), "reward"), (Shown(vouchers=2), Shown(vouchers=1), None),
    (Shown(level=0), Shown(level=1), "level"), (Shown(level=2), Shown(level=1), None),
    (Shown(balance=10), Shown(balance=20), None)])
def test_a_reward_and_a_higher_level_have_words_of_ours_and_a_plain_change_none(before, after, key):
    design = design_of("tiers")
    face = replace(FACE, level=next(iter(design.terms)))
    found = notice_for(before, after, design, face, TODAY)
    assert (found.message["id"] if found and found.message else None) == key
    if found and found.message:
        assert problems_of("AddMessageRequest", {"message": found.message}) == []
        assert found.message["messageType"] == "TEXT_AND_NOTIFY" and notices.quiet(found.message)["messageType"] == "TEXT"
        assert {one["language"] for one in found.message["localizedBody"].get("translatedValues", [])} == set(design.languages) - {"en"}


def test_a_balance_that_reaches_a_rewards_price_is_announced_by_google_and_one_that_falls_is_not():
    design = design_of("points")
    below, above = shown_of(replace(FACE, balance=90), [], [100]), shown_of(replace(FACE, balance=120), [], [100])
    assert notice_for(below, above, design, FACE, TODAY) == notices.Notice(None)
    assert notice_for(above, below, design, FACE, TODAY) is None
    # A cheaper reward in the catalogue is no event of the card's.
    assert notice_for(below, shown_of(replace(FACE, balance=90), [], [50, 100]), design, FACE, TODAY) is None


def test_an_end_within_a_week_is_told_once():
    design, face = design_of("points"), replace(FACE, expires_on=TODAY + 6 * DAY, expiring_points=40)
    found = notice_for(Shown(), Shown(), design, face, TODAY)
    assert found and found.message and "40" in found.message["body"]
    assert notice_for(Shown(ends_on=(TODAY + 6 * DAY).isoformat()), Shown(), design, face, TODAY) is None
    assert notice_for(Shown(), Shown(), design, replace(face, expires_on=TODAY + 8 * DAY), TODAY) is None
    assert notice_for(Shown(), Shown(), design, replace(face, expires_on=TODAY - DAY), TODAY) is None


def test_messages_that_stay_are_few_one_of_a_kind_and_silent():
    shown = Shown()
    for number in range(9):
        shown = notices.remembered(shown, {"id": f"kind{number % 4}", "body": str(number), "messageType": "TEXT_AND_NOTIFY"})
    assert [message["body"] for message in shown.messages] == ["6", "7", "8"]
    assert {message["messageType"] for message in shown.messages} == {"TEXT"}


async def with_reward(here: Context, wallet: Wallet, cost: int):  # type: ignore[no-untyped-def]
    shop, card = await press(here)
    wish = RewardWish("cup", "service", Said("Cup", "Чашка"), "points", cost)
    await benefits.create_reward(here.db, shop.who, shop.program_id, wish, here.clock.now())
    await service.sync_due(here)
    return shop, card


async def test_a_till_that_brings_a_reward_into_reach_sends_one_announced_change(here: Context, wallet: Wallet):
    shop, card = await with_reward(here, wallet, cost=150)
    await give(here, shop, card, 10)
    await service.sync_due(here)
    await give(here, shop, card, 30)
    await service.sync_due(here)
    prefs = [body.get("notifyPreference") for body in wallet.bodies("PATCH loyaltyObject")]
    assert prefs == [None, "NOTIFY_ON_UPDATE"]
    assert (await row_of(here, card)).notified_at == here.clock.now()


async def test_fifty_changes_announce_at_most_twice_in_a_day(here: Context, wallet: Wallet):
    shop, card = await with_reward(here, wallet, cost=130)
    for _ in range(25):
        # Up over the price and down again: each time a reward comes into reach.
        await give(here, shop, card, 20)
        await service.sync_due(here)
        await give(here, shop, card, -20)
        await service.sync_due(here)
        here.clock.advance(minutes=10)
    announced = [body for body in wallet.bodies("PATCH loyaltyObject") if "notifyPreference" in body]
    assert len(announced) == 2
    here.clock.advance(days=1)
    await give(here, shop, card, 20)
    await service.sync_due(here)
    assert len([body for body in wallet.bodies("PATCH loyaltyObject") if "notifyPreference" in body]) == 3
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 140}


async def test_a_quota_that_is_used_up_leads_to_a_quiet_repeat(here: Context, wallet: Wallet):
    shop, card = await with_reward(here, wallet, cost=130)
    wallet.fake.shelf.notified[stored(wallet)["id"]] = [int(here.clock.now().timestamp() * 1000)] * 3
    await give(here, shop, card, 20)
    await service.sync_due(here)
    announced, quiet = wallet.bodies("PATCH loyaltyObject")
    assert announced["notifyPreference"] == "NOTIFY_ON_UPDATE" and "notifyPreference" not in quiet
    assert stored(wallet)["loyaltyPoints"]["balance"] == {"int": 140} and (await row_of(here, card)).last_reason is None


async def test_a_voucher_is_a_message_that_the_phone_shows_and_the_card_keeps_silently(here: Context, wallet: Wallet):
    shop, card = await with_reward(here, wallet, cost=500)
    wallet.fake.shelf.hold(stored(wallet)["id"])
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    [code] = benefits.draw_codes(1)

    async def act(tx: Transaction) -> None:
        await benefits.issue(tx, shop.who, program, card.account_id, ("cup",), "gift", None, here.clock.now(), code=code)
        await updates.append(tx, shop.business_id, card.id, here.clock.now())

    await write_transaction(here.db, act)
    await service.sync_due(here)
    assert [notice.header for notice in wallet.fake.shelf.notices] == ["A reward is ready"]
    await give(here, shop, card, 1)
    await service.sync_due(here)
    [kept] = stored(wallet)["messages"]
    assert kept["id"] == "reward" and kept["messageType"] == "TEXT"
    assert len(wallet.fake.shelf.notices) == 1
