"""Starting, sending again, cancelling and expiring enrolments."""
import asyncio

import pytest

from app.cards import service as cards
from app.enrolment import activation, service
from app.enrolment.activation import Form
from app.errors import Invalid, NotFound
from app.ledger import service as ledger
from app.limits.rules import LimitReached
from app.sms import service as sms
from tests.enrolment.joining import ANNA

YES = Form("Анна", True, False, "ru")


async def finish(joining, e164=ANNA, form=YES):
    here = joining.here
    token = joining.inbox.path(e164).removeprefix("/a/")
    return await activation.activate(here.db, here.ring, token, form, here.clock.now())


async def test_a_till_gets_a_provisional_card_at_once_and_the_shopper_one_message(joining):
    told = await joining.start(location_id=joining.shop.location_id, name="Анна")
    assert told.status == "queued" and told.phone_hint == "34"
    card = await cards.get_card(joining.here.db, joining.shop.business_id, told.card_id)
    assert (card.status, card.provisional_until) == ("provisional", told.expires_at)
    [(to, text)] = joining.inbox.messages
    assert to == ANNA and text.endswith(joining.inbox.link()) and "https://cards.example.com/a/" in text
    assert (await service.get(joining.here.db, joining.shop.business_id, told.id)).status == "sent"


async def test_a_number_that_waits_gets_the_same_enrolment_and_within_the_gap_no_message(joining):
    first = await joining.start()
    again = await joining.start()
    assert (again.id, again.card_id, again.expires_at) == (first.id, first.card_id, first.expires_at)
    assert len(joining.inbox.messages) == 1
    joining.here.clock.advance(seconds=60)
    assert (await joining.start()).id == first.id
    assert len(joining.inbox.messages) == 2
    assert len(await joining.all("cards")) == 1


async def test_ten_tills_at_once_make_one_enrolment_one_card_and_one_message(joining):
    told = await asyncio.gather(*(joining.start() for _ in range(10)))
    assert len({one.id for one in told}) == 1 and len({one.card_id for one in told}) == 1
    assert len(joining.inbox.messages) == 1
    assert len(await joining.all("cards")) == len(await joining.all("customers")) == 1


async def test_a_number_that_has_a_card_is_a_member_already_and_gets_no_message_from_a_till(joining):
    await joining.start()
    done = await finish(joining)
    joining.here.clock.advance(minutes=2)
    told = await joining.start()
    assert (told.id, told.status, told.card_id) == (None, "already_member", done.card_id)
    assert len(joining.inbox.messages) == 1


async def test_over_a_limit_a_till_is_refused_and_nothing_was_written(joining):
    for minute in (0, 1, 1):
        joining.here.clock.advance(minutes=minute)
        await joining.start()
    joining.here.clock.advance(minutes=1)
    before = await joining.counts()
    with pytest.raises(LimitReached):
        await joining.start()
    assert await joining.counts() == before


async def test_a_number_of_another_country_is_refused_and_nothing_was_written(joining):
    before = await joining.counts()
    with pytest.raises(Invalid):
        await joining.start("+77012345678")
    assert await joining.counts() == before


async def test_another_business_sees_neither_the_enrolment_nor_the_membership(joining, other_shop):
    told = await joining.start()
    here = joining.here
    for act in (service.get(here.db, other_shop.business_id, told.id),
                service.resend(here.db, here.ring, here.settings, other_shop.who, told.id, here.clock.now()),
                service.cancel(here.db, here.ring, other_shop.who, told.id, here.clock.now())):
        with pytest.raises(NotFound):
            await act
    with pytest.raises(NotFound):
        await joining.start("+79161110000", location_id=other_shop.location_id)
    await finish(joining)
    here.clock.advance(minutes=2)
    theirs = await joining.start(program_id=other_shop.program_id, who=other_shop.cashier)
    assert theirs.status == "queued"


async def test_a_new_link_leaves_the_older_ones_valid_and_the_first_used_ends_them_all(joining):
    here = joining.here
    told = await joining.start()
    first = joining.inbox.path()
    with pytest.raises(LimitReached) as refusal:
        await service.resend(here.db, here.ring, here.settings, joining.shop.cashier, told.id, here.clock.now())
    assert refusal.value.in_gap
    here.clock.advance(minutes=1)
    await service.resend(here.db, here.ring, here.settings, joining.shop.cashier, told.id, here.clock.now())
    await joining.deliver()
    second = joining.inbox.path()
    assert first != second
    assert await activation.find(here.db, here.ring, second.removeprefix("/a/"), here.clock.now())
    await activation.activate(here.db, here.ring, first.removeprefix("/a/"), YES, here.clock.now())
    assert await activation.find(here.db, here.ring, second.removeprefix("/a/"), here.clock.now()) is None
    with pytest.raises(service.EnrolmentOver):
        await service.resend(here.db, here.ring, here.settings, joining.shop.cashier, told.id, here.clock.now())


async def test_only_a_keyed_hash_of_a_link_is_stored(joining):
    await joining.start()
    token = joining.inbox.path().removeprefix("/a/")
    assert len(token) == 12
    stored = repr([row for table in ("activation_links", "messages", "enrolments", "audit_entries") for row in await joining.all(table)])
    assert token not in stored and ANNA[1:] not in stored


async def test_welcome_points_come_with_the_activation_and_not_before(joining):
    told = await joining.start()
    card = await cards.get_card(joining.here.db, joining.shop.business_id, told.card_id)
    assert await ledger.balances(joining.here.db, card.account_id) == {}
    await finish(joining)
    kinds = [row["kind"] for row in await joining.all("operations")]
    assert kinds == ["welcome"]


async def test_both_answers_are_remembered_with_the_texts_that_were_read(joining):
    await joining.start()
    await finish(joining)
    consents = await joining.all("consents")
    assert [(row["purpose"], row["granted"], row["channel"]) for row in consents] == [
        ("terms", 1, "activation"), ("marketing", 0, "activation")]
    texts = {row["id"]: row for row in await joining.all("consent_texts")}
    assert all(texts[row["consent_text_id"]]["language"] == "ru" for row in consents)


async def test_a_cancelled_enrolment_ends_its_card_its_links_and_its_waiting_message(joining):
    here, shop = joining.here, joining.shop
    told = await joining.start()
    here.clock.advance(minutes=1)
    await service.resend(here.db, here.ring, here.settings, shop.cashier, told.id, here.clock.now())
    over = await service.cancel(here.db, here.ring, shop.cashier, told.id, here.clock.now())
    assert over.status == "cancelled"
    assert (await cards.get_card(here.db, shop.business_id, told.card_id)).status == "expired"
    assert [row["state"] for row in await joining.all("messages")] == ["accepted", "cancelled"]
    with pytest.raises(service.EnrolmentOver):
        await service.cancel(here.db, here.ring, shop.cashier, told.id, here.clock.now())


async def test_after_thirty_days_the_provisional_points_go_back_by_entries_and_the_person_is_forgotten(joining):
    here, shop = joining.here, joining.shop
    told = await joining.start()
    card = await cards.get_card(here.db, shop.business_id, told.card_id)
    await joining.credit(card)
    earned = (await ledger.balances(here.db, card.account_id))["points"]
    assert earned > 0
    here.clock.advance(days=29, hours=23)
    assert await service.expire_due(here.db, here.ring, here.clock.now()) == 0
    here.clock.advance(hours=1)
    assert await service.expire_due(here.db, here.ring, here.clock.now()) == 1
    assert await service.expire_due(here.db, here.ring, here.clock.now()) == 0
    assert (await ledger.balances(here.db, card.account_id))["points"] == 0
    assert [row["kind"] for row in await joining.all("operations")] == ["sale", "return"]
    assert (await cards.get_card(here.db, shop.business_id, told.card_id)).status == "expired"
    [row] = await joining.all("enrolments")
    assert (row["status"], row["phone_sealed"], row["phone_hash"], row["phone_server_hash"], row["phone_hint"]) == (
        "expired", None, None, None, "")
    [customer] = await joining.all("customers")
    assert (customer["phone_sealed"], customer["phone_hash"], customer["name_sealed"], customer["name_folded"]) == (None, None, None, None)
    assert "enrolment.expired" in [row["kind"] for row in await joining.all("events")]


async def test_a_number_may_start_anew_after_its_enrolment_expired(joining):
    first = await joining.start()
    joining.here.clock.advance(days=31)
    await service.expire_due(joining.here.db, joining.here.ring, joining.here.clock.now())
    second = await joining.start()
    assert second.id != first.id and second.status == "queued"
    await finish(joining)


async def test_an_enrolment_that_is_over_is_not_taken_up_again_before_the_job_comes_round(joining):
    first = await joining.start()
    joining.here.clock.advance(days=30)
    second = await joining.start()
    assert second.id != first.id
    assert [row["status"] for row in await joining.all("enrolments")] == ["expired", "pending"]
    await finish(joining)


async def test_an_alarm_of_the_breaker_is_raised_by_a_till_too(joining, monkeypatch):
    async def paused(*_args, **_parts):
        raise sms.Paused("block")
    monkeypatch.setattr(sms, "queue", paused)
    with pytest.raises(sms.Paused):
        await joining.start()
    assert "sms.refused" in [row["action"] for row in await joining.all("audit_entries")]
    assert await joining.all("enrolments") == []
