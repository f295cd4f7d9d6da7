"""Who is asked, in what order; who rests; and that nobody ever gets a third message."""
import asyncio

import pytest

from app.db import write_transaction
from app.sms import delivery_store, gateways_store, suppression, texts
from app.sms.gateways import DUPLICATE, Gateways, Result
from app.web.principal import Principal
from tests.sms.carrying import PHONE, Asked, Outbox, Scripted


@pytest.mark.goal("F5")
@pytest.mark.parametrize(("first", "asked"), [("accepted", 0), ("permanent", 0), ("unknown", 0), (DUPLICATE, 0), ("temporary", 1),
                                              ("throttled", 1), ("config", 1), ("no_funds", 1)])
async def test_the_second_gateway_is_asked_only_where_the_first_surely_sent_nothing(outbox: Outbox, first: str, asked: int) -> None:
    one, two = Scripted("one", first), Scripted("two", "accepted")
    outbox.use(one, two)
    await outbox.queue()
    await outbox.deliver()
    assert (len(one.given), len(two.given)) == (1, asked)
    assert (await outbox.row())["gateway"] == ("two" if asked else "one")


@pytest.mark.goal("F5")
async def test_what_may_have_been_sent_is_asked_of_the_same_gateway_once_more_and_of_no_other(outbox: Outbox) -> None:
    one, two = Scripted("one", "unknown", "temporary"), Scripted("two", "accepted")
    outbox.use(one, two)
    await outbox.queue()
    await outbox.deliver()
    outbox.clock.advance(seconds=89)
    assert await outbox.deliver() == 0
    for _ in range(5):
        outbox.clock.advance(seconds=90)
        await outbox.deliver()
    assert (len(one.given), len(two.given)) == (2, 0)
    assert one.given[0] == one.given[1]
    row = await outbox.row()
    assert (row["state"], row["text_sealed"], row["phone_sealed"]) == ("unknown", None, None)


@pytest.mark.goal("F5")
async def test_a_sender_that_died_while_it_asked_the_second_gateway_asks_that_one_again(outbox: Outbox) -> None:
    one, two = Scripted("one", "temporary", "accepted"), Scripted("two", "accepted")
    outbox.use(one, two)
    await outbox.queue()

    async def dies(*_given: str) -> Result:
        raise asyncio.CancelledError

    two.send, lives = dies, two.send                # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await outbox.deliver()
    two.send = lives                                # type: ignore[method-assign]
    outbox.clock.advance(seconds=61)
    await outbox.deliver()
    assert (len(one.given), len(two.given), (await outbox.row())["state"]) == (1, 1, "accepted")


@pytest.mark.goal("F5")
async def test_a_gateway_that_has_had_the_text_already_took_it_the_first_time(outbox: Outbox) -> None:
    outbox.use(Scripted("one", "unknown", DUPLICATE))
    await outbox.queue()
    await outbox.deliver()
    outbox.clock.advance(seconds=90)
    await outbox.deliver()
    row = await outbox.row()
    assert (row["state"], row["provider_id"], row["text_sealed"]) == ("accepted", None, None)


async def test_a_gateway_without_credentials_or_money_rests_for_ten_minutes_in_every_process(outbox: Outbox) -> None:
    one, two = Scripted("one", "config"), Scripted("two", "accepted")
    outbox.use(one, two)
    await outbox.queue()
    await outbox.deliver()
    assert await outbox.audited() == ["sms.gateway_stopped"]
    outbox.gateways = Gateways([one, two], outbox.clock)        # another process knows from the row
    await outbox.queue("+79162231234")
    await outbox.deliver()
    assert (len(one.given), len(two.given)) == (1, 2)
    outbox.clock.advance(minutes=10)
    await outbox.queue("+79163231234")
    await outbox.deliver()
    assert len(one.given) == 2


async def test_while_every_gateway_rests_messages_wait_and_lose_no_try(outbox: Outbox) -> None:
    one = Scripted("one", "no_funds")
    outbox.use(one)
    await outbox.queue()
    for _ in range(8):
        await outbox.deliver()
        outbox.clock.advance(minutes=10)
    row = await outbox.row()
    assert (row["state"], row["reason"], row["tries"]) == ("queued", "no_funds", 0)
    one.answers = [Result("accepted")]
    await outbox.deliver()
    assert (await outbox.row())["state"] == "accepted"
    [state] = await gateways_store.gateways(outbox.db)
    assert (state.failures, state.resting_until) == (0, None)


async def test_a_message_that_waits_for_a_resting_gateway_goes_when_that_wakes(outbox: Outbox) -> None:
    outbox.use(Scripted("one", "config", "accepted"))
    await outbox.queue()
    await outbox.deliver()
    outbox.clock.advance(minutes=4)
    second = await outbox.queue("+79162231234")
    await outbox.deliver()
    assert ((await outbox.row(second))["state"], (await outbox.row(second))["reason"]) == ("queued", "config")
    outbox.clock.advance(minutes=6)
    assert await outbox.deliver() == 2


@pytest.mark.goal("F5")
async def test_a_queue_that_grew_while_the_gateway_was_down_drains_when_it_is_back(outbox: Outbox) -> None:
    one = Scripted("one", "temporary")
    outbox.use(one)
    for block in range(15):
        await outbox.queue(f"+7916{block:03}1234")
    await outbox.deliver()
    outbox.clock.advance(seconds=5)
    await outbox.deliver()
    one.answers = [Result("accepted")]
    outbox.clock.advance(seconds=36)
    await outbox.deliver()
    rows = await outbox.db.fetch_all("SELECT state, COUNT(*) AS n FROM messages GROUP BY state")
    assert [(row["state"], row["n"]) for row in rows] == [("accepted", 15)]


async def test_one_slow_answer_holds_up_nobody_elses_message(outbox: Outbox) -> None:
    release = asyncio.Event()

    class Slow(Scripted):
        async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
            if to_e164 == PHONE:
                await release.wait()
            elif len(self.given) == 11:
                release.set()
            return await super().send(to_e164, text, sender, client_ref)

    slow = Slow("one")
    outbox.use(slow)
    await outbox.queue()
    for block in range(12):
        await outbox.queue(f"+7917{block:03}1234")
    async with asyncio.timeout(30):
        await outbox.deliver()
    assert slow.given[-1][0] == PHONE and len(slow.given) == 13


async def test_a_sender_that_is_not_registered_stops_the_business_that_chose_it_and_nobody_else(outbox: Outbox) -> None:
    who = Principal(outbox.business_id, outbox.business_id, "staff", id=1, role="owner")
    await texts.set_sender(outbox.db, who, "COFFEE", outbox.clock.now())
    one = Asked("one", Result("config", raw_code="204", about_sender=True))
    outbox.use(one)
    await outbox.queue()
    await outbox.deliver()
    assert one.given[0][2] == "COFFEE"
    assert await gateways_store.resting(outbox.db, 0, ["one"]) == {}
    assert "sms.sender_refused" in await outbox.audited() and "sms.gateway_stopped" not in await outbox.audited()
    assert (await outbox.row())["state"] == "queued"


async def test_the_operators_own_sender_that_is_refused_stops_the_gateway(outbox: Outbox) -> None:
    outbox.use(Asked("one", Result("config", raw_code="204", about_sender=True)))
    await outbox.queue()
    await outbox.deliver()
    assert await outbox.audited() == ["sms.gateway_stopped"]


async def test_a_carrier_gets_no_sender_that_nobody_registered_and_ones_own_gateway_gets_the_brand(outbox: Outbox) -> None:
    carrier, own = Asked("one", "temporary"), Scripted("two")
    outbox.use(carrier, own)
    await outbox.queue()
    await outbox.deliver()
    assert (carrier.given[0][2], own.given[0][2]) == ("", "Coffee corner")


async def test_who_told_the_carrier_to_stop_is_not_written_to_again(outbox: Outbox) -> None:
    outbox.use(Scripted("one", Result("permanent", raw_code="21610", wants_none=True)))
    await outbox.queue()
    await outbox.deliver()
    assert (await outbox.row())["state"] == "rejected"
    assert await suppression.is_suppressed(outbox.db, outbox.ring, outbox.business_id, PHONE)


async def test_a_cost_in_another_currency_is_not_counted_as_the_businesss(outbox: Outbox) -> None:
    from dataclasses import replace

    outbox.settings = replace(outbox.settings, sms_price_minor=500)
    outbox.use(Scripted("one", Result("accepted", cost_minor=4, currency="EUR"), Result("accepted", cost_minor=140, currency="RUB")))
    first = await outbox.queue()
    await outbox.deliver()
    second = await outbox.queue("+79162231234")
    await outbox.deliver()
    assert ((await outbox.row(first))["reserved_minor"], (await outbox.row(second))["reserved_minor"]) == (500, 140)
    assert {row["reserved_minor"] for row in await outbox.db.fetch_all("SELECT reserved_minor FROM sms_spend")} == {640}


async def test_the_number_is_kept_as_long_as_a_carrier_may_be_asked_and_the_text_is_not(outbox: Outbox) -> None:
    outbox.use(Asked("one", Result("accepted", provider_id="a-1")))
    await outbox.queue()
    await outbox.deliver()
    row = await outbox.row()
    assert row["text_sealed"] is None and row["phone_sealed"] is not None and row["poll_at"] == row["sent_at"] + 300_000


async def test_a_claim_of_two_workers_ends_with_one(outbox: Outbox) -> None:
    await outbox.queue()
    found = await asyncio.gather(*(write_transaction(outbox.db, lambda tx: delivery_store.claim(tx, 10**13, 10**13 + 1, "one"))
                                   for _ in range(4)))
    assert len([message for message in found if message]) == 1
