"""From an event to a receiver: signed, in order, again until it arrives, and never in anybody's way."""
import asyncio
import hmac

import pytest

from app.cards import service as cards
from app.context import Context
from app.db import write_transaction
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.till import telling
from app.updates import service as updates
from app.webhooks import rules, sending, service, store
from app.webhooks.addresses import CLOSED
from tests.shops import make_card
from tests.webhooks.receiving import Receiver, answering

DAYS = 24 * 3600


async def happen(here: Context, shop, kind: str = "pass.installed", card_id: int | None = None) -> None:  # type: ignore[no-untyped-def]
    """An event in a transaction of its own."""
    await write_transaction(here.db, lambda tx: updates.emit(tx, shop.business_id, kind, here.clock.now(), card_id=card_id,
                                                             details={"wallet": "apple"}))


async def test_a_sale_is_told_once_signed_with_the_secret_and_without_anything_personal(here, shop, hand, start):
    receiver = await start()
    made = await hand.add(receiver.url, ("operation.created",))
    card = await make_card(here, shop)
    outcome = await sales.sell(here.db, shop.who, SaleRequest(card.id, 100_00), None, here.clock.now())
    await hand.send()
    await hand.send()
    [got] = receiver.got
    operation = got.told["data"]["operation"]
    assert got.told["kind"] == "operation.created" and got.told["at"] == "2026-11-22T09:00:00Z"
    assert operation["id"] == here.ids.encode("operation", outcome.operation.id) and operation["to_pay"] == 100_00
    assert got.target == "/hook?from=tessera" and got.headers["content-type"] == "application/json"
    at = int(here.clock.now().timestamp())
    signed = hmac.digest(made.secret.encode(), f"{at}.".encode() + got.body, "sha256").hex()
    assert got.headers["tessera-signature"] == f"t={at},v1={signed}"
    text = got.body.decode()
    assert "Анна" not in text and "9161231234" not in text and "1234" not in text.replace(operation["id"], "") and card.code not in text
    [delivery] = await hand.deliveries(made.webhook.id)
    assert (delivery.state, delivery.status, delivery.answer, delivery.tries) == ("delivered", 200, "ok", 1)


async def test_only_chosen_events_of_the_own_business_are_told(here, shop, other_shop, hand, start):
    receiver, elsewhere = await start(), await start()
    await hand.add(receiver.url, ("card.blocked",))
    await hand.add(elsewhere.url, ("card.created", "card.blocked"), other_shop)
    card = await make_card(here, shop)
    await cards.block(here.db, shop.who, card.id, None, here.clock.now())
    await hand.send()
    assert receiver.kinds == ["card.blocked"] and elsewhere.got == []
    assert receiver.got[0].told["data"]["card"]["status"] == "blocked"


async def test_an_act_that_is_taken_back_tells_nothing(here, shop, hand, start):
    receiver = await start()
    made = await hand.add(receiver.url)

    async def act(tx):
        await updates.emit(tx, shop.business_id, "pass.installed", here.clock.now(), card_id=1, details={"wallet": "apple"})
        raise LookupError

    with pytest.raises(LookupError):
        await write_transaction(here.db, act)
    await hand.send()
    assert receiver.got == [] and await hand.deliveries(made.webhook.id) == []


async def test_events_arrive_in_order_over_one_connection(here, shop, hand, start):
    receiver = await start()
    await hand.add(receiver.url)
    wallets = [f"w{number}" for number in range(20)]
    for wallet in wallets:
        await write_transaction(here.db, lambda tx, wallet=wallet: updates.emit(
            tx, shop.business_id, "pass.installed", here.clock.now(), card_id=1, details={"wallet": wallet}))
    await hand.send()
    assert [each.told["data"]["wallet"] for each in receiver.got] == wallets and receiver.connections == 1


async def test_a_receiver_that_closes_after_each_answer_misses_nothing(here, shop, hand, start):
    receiver = await start(Receiver(closes=True))
    made = await hand.add(receiver.url)
    for _ in range(3):
        await happen(here, shop, card_id=1)
    await hand.send()
    assert len(receiver.got) == 3 and {each.tries for each in await hand.deliveries(made.webhook.id)} == {1}


async def test_while_the_receiver_is_away_the_first_stays_first_and_the_pause_grows(here, shop, hand, start, clock):
    receiver = await start(Receiver(answer=answering(503)))
    made = await hand.add(receiver.url)
    await happen(here, shop, "pass.installed", 1)
    await happen(here, shop, "pass.removed", 1)
    for pause in (5, 10):
        await hand.send()
        clock.advance(seconds=pause - 1)
        await hand.send()
        clock.advance(seconds=2)
    assert receiver.kinds == ["pass.installed"] * 2
    receiver.answer = answering(204)
    await hand.send()
    assert receiver.kinds == ["pass.installed"] * 3 + ["pass.removed"]
    assert len({each.body for each in receiver.got[:3]}) == 1, "a try tells what the first one told"
    webhook = await service.get(here.db, shop.business_id, made.webhook.id)
    assert (webhook.failures, webhook.failing_since, webhook.due_at <= 1000 * clock.now().timestamp()) == (0, None, True)


async def test_a_delivery_that_is_refused_for_itself_lets_the_others_pass(here, shop, hand, start, clock):
    receiver = await start(Receiver(answers=[answering(500, body=b"no \x00 idea")]))
    made = await hand.add(receiver.url)
    await happen(here, shop, "pass.installed", 1)
    await happen(here, shop, "pass.removed", 1)
    await hand.send()
    assert receiver.kinds == ["pass.installed", "pass.removed"]
    first, second = await hand.deliveries(made.webhook.id)
    assert (first.state, first.status, first.answer, second.state) == ("waiting", 500, "no   idea", "delivered")
    clock.advance(seconds=6)
    await hand.send()
    assert receiver.kinds[2:] == ["pass.installed"]


async def test_after_three_days_a_delivery_is_given_up_and_can_be_sent_again(here, shop, hand, start, clock):
    receiver = await start(Receiver(answer=answering(400)))
    made = await hand.add(receiver.url)
    await happen(here, shop, card_id=1)
    await hand.send()
    clock.advance(hours=72)
    await hand.send()
    [delivery] = await hand.deliveries(made.webhook.id)
    assert (delivery.state, delivery.tries) == ("failed", 2)
    clock.advance(hours=5)
    await hand.send()
    assert len(receiver.got) == 2
    receiver.answer = answering(200)
    assert await service.send_all_again(here.db, shop.who, made.webhook.id, clock.now()) == 1
    await hand.send()
    assert len(receiver.got) == 3 and [each.state for each in await hand.deliveries(made.webhook.id)] == ["delivered"]
    assert receiver.got[0].told["id"] == receiver.got[2].told["id"]


async def test_what_waits_at_a_paused_address_is_given_up_after_three_days(here, shop, hand, start, clock):
    receiver = await start()
    made = await hand.add(receiver.url)
    await service.set_paused(here.db, shop.who, made.webhook.id, True, clock.now())
    await happen(here, shop, card_id=1)
    clock.advance(hours=71)
    await hand.send()
    assert await sending.give_up_old(here) == 0 and receiver.got == []
    clock.advance(hours=2)
    assert await sending.give_up_old(here) == 1
    [delivery] = await hand.deliveries(made.webhook.id)
    assert (delivery.state, delivery.why) == ("failed", sending.GIVEN_UP)


async def test_an_address_that_goes_on_is_told_what_gathered(here, shop, hand, start, clock):
    receiver = await start()
    made = await hand.add(receiver.url)
    await service.set_paused(here.db, shop.who, made.webhook.id, True, clock.now())
    await happen(here, shop, card_id=1)
    await hand.send()
    assert receiver.got == []
    await service.set_paused(here.db, shop.who, made.webhook.id, False, clock.now())
    await hand.send()
    assert len(receiver.got) == 1


async def test_a_receiver_that_fails_for_days_is_paused_and_the_owner_is_written_to(here, shop, hand, clock, monkeypatch, caplog):
    object.__setattr__(here.settings, "smtp", "smtp://127.0.0.1:9")
    made = await hand.add("http://127.0.0.1:9/nobody")
    await happen(here, shop, card_id=1)
    for _ in range(12):
        await hand.send()
        clock.advance(hours=5)
    assert (await service.get(here.db, shop.business_id, made.webhook.id)).paused_at is None, "two and a half days"
    clock.advance(hours=15)
    await happen(here, shop, card_id=1)
    await hand.send()
    webhook = await service.get(here.db, shop.business_id, made.webhook.id)
    assert (webhook.paused_why, await service.count_paused(here.db, shop.business_id)) == ("failing", 1)
    [mail] = await here.db.fetch_all("SELECT kind, business_id FROM mails")
    assert tuple(mail) == ("webhook", shop.business_id)
    clock.advance(hours=2)
    await hand.send()
    assert len(await here.db.fetch_all("SELECT id FROM mails")) == 1


async def test_a_receiver_that_says_gone_is_paused_at_once(here, shop, hand, start):
    receiver = await start(Receiver(answer=answering(410)))
    made = await hand.add(receiver.url)
    await happen(here, shop, card_id=1)
    await hand.send()
    assert (await service.get(here.db, shop.business_id, made.webhook.id)).paused_why == "gone"


async def test_one_slow_receiver_holds_nobody_up(here, shop, other_shop, hand, start):
    slow, quick = await start(Receiver(answer=None)), await start()
    await hand.add(slow.url)
    await hand.add(quick.url)
    await happen(here, shop, card_id=1)
    async with asyncio.timeout(5):
        await sending.send_due(here, telling.data_of)
        await slow.waits.wait()
        await sending.sender(here, telling.data_of).visits[2]
        await happen(here, shop, card_id=1)
        assert await sending.send_due(here, telling.data_of) == 1, "the slow one's visit is still under way"
        await sending.sender(here, telling.data_of).visits[2]
    assert len(quick.got) == 2 and len(slow.got) == 1


async def test_a_business_with_many_slow_receivers_waits_for_itself(here, shop, other_shop, hand, start):
    slow, quick = await start(Receiver(answer=None)), await start()
    for _ in range(sending.VISITS_OF_BUSINESS + 2):
        await hand.add(slow.url)
    await hand.add(quick.url, shop=other_shop)
    await happen(here, shop, card_id=1)
    await happen(here, other_shop, card_id=1)
    assert await sending.send_due(here, telling.data_of) == sending.VISITS_OF_BUSINESS + 1
    async with asyncio.timeout(5):
        await sending.sender(here, telling.data_of).visits[sending.VISITS_OF_BUSINESS + 3]
    assert len(quick.got) == 1


async def test_two_processes_never_visit_an_address_at_once_and_a_dead_one_s_work_is_taken_up(here, shop, hand, start, clock):
    receiver = await start()
    made = await hand.add(receiver.url)
    await happen(here, shop, card_id=1)
    now = int(clock.now().timestamp() * 1000)
    claimed = await write_transaction(here.db, lambda tx: store.claim(tx, made.webhook.id, now, now + 60_000))
    assert claimed is not None
    await hand.send()
    assert receiver.got == []
    clock.advance(seconds=61)
    await hand.send()
    assert len(receiver.got) == 1


async def test_for_a_day_two_secrets_sign_and_then_one(here, shop, hand, start, clock):
    receiver = await start()
    made = await hand.add(receiver.url)
    newer = await service.rotate(here, shop.who, made.webhook.id, None, clock.now())
    assert newer.secret != made.secret
    for hours in (23, 2):
        clock.advance(hours=hours)
        await happen(here, shop, card_id=1)
        await hand.send()
    both, one = (each.headers["tessera-signature"].split(",")[1:] for each in receiver.got)

    def v1(secret: str, number: int) -> str:
        got = receiver.got[number]
        at = got.headers["tessera-signature"].split(",")[0][2:]
        return "v1=" + hmac.digest(secret.encode(), f"{at}.".encode() + got.body, "sha256").hex()

    assert both == [v1(newer.secret, 0), v1(made.secret, 0)] and one == [v1(newer.secret, 1)]


async def test_of_an_answer_that_never_ends_four_kilobytes_are_read(here, shop, hand, start):
    receiver = await start(Receiver(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 50_000))
    made = await hand.add(receiver.url)
    await happen(here, shop, card_id=1)
    async with asyncio.timeout(5):
        await hand.send()
    [delivery] = await hand.deliveries(made.webhook.id)
    assert (delivery.state, delivery.answer) == ("delivered", "x" * rules.ANSWER_SHOWN)


async def test_a_receiver_that_says_nothing_is_given_ten_seconds_and_noted(here, shop, hand, start, monkeypatch):
    monkeypatch.setattr("app.webhooks.wire.TRY_SECONDS", 0.05)
    receiver = await start(Receiver(answer=None))
    made = await hand.add(receiver.url)
    await happen(here, shop, card_id=1)
    await hand.send()
    [delivery] = await hand.deliveries(made.webhook.id)
    assert (delivery.state, delivery.status, delivery.why) == ("waiting", None, "no answer within 10 s")


async def test_an_event_that_was_forgotten_meanwhile_is_given_up(here, shop, hand, start):
    receiver = await start()
    made = await hand.add(receiver.url)
    await happen(here, shop, card_id=1)
    await happen(here, shop, "card.created", 12345)
    await here.db.execute("DELETE FROM events WHERE id = 1")
    await hand.send()
    assert [(each.state, each.why) for each in await hand.deliveries(made.webhook.id)] == [("failed", sending.FORGOTTEN)] * 2
    assert receiver.got == []


async def test_nothing_is_told_to_an_address_that_was_deleted(here, shop, hand, start, clock):
    receiver = await start()
    made = await hand.add(receiver.url)
    await happen(here, shop, card_id=1)
    await service.delete(here.db, shop.who, made.webhook.id, clock.now())
    await happen(here, shop, card_id=1)
    await hand.send()
    assert receiver.got == []
    rows = await here.db.fetch_all("SELECT state, why FROM deliveries")
    assert [tuple(row) for row in rows] == [("failed", service.DELETED)]
    [kept] = await here.db.fetch_all("SELECT url, secret_sealed FROM webhooks")
    assert tuple(kept) == ("", None)


async def test_a_test_is_sent_at_once_also_while_the_address_waits(here, shop, hand, start, clock):
    receiver = await start(Receiver(answers=[answering(503)]))
    made = await hand.add(receiver.url, ("card.created",))
    await service.ping(here.db, shop.who, made.webhook.id, None, clock.now())
    await hand.send()
    ping = await service.ping(here.db, shop.who, made.webhook.id, None, clock.now())
    await hand.send()
    assert receiver.kinds == ["ping"] * 3
    assert receiver.got[-1].told == {"id": here.ids.encode("delivery", ping.id), "kind": "ping", "at": "2026-11-22T09:00:00Z", "data": {}}


async def test_what_we_cannot_draw_steps_aside_and_the_others_go_on(here, shop, hand, start, clock, monkeypatch, caplog):
    receiver = await start()
    made = await hand.add(receiver.url)
    await happen(here, shop, "pass.installed", 1)
    await happen(here, shop, "pass.removed", 1)
    real = telling.data_of

    async def breaks(here, event):
        assert event.kind != "pass.installed", "a mistake of ours"
        return await real(here, event)

    sending.sender(here, telling.data_of).draw = breaks
    await hand.send()
    assert receiver.kinds == ["pass.removed"] and "cannot be made" in caplog.text
    first, _ = await hand.deliveries(made.webhook.id)
    assert (first.state, first.why, first.tries) == ("waiting", sending.OUR_MISTAKE, 1)
    sending.sender(here, telling.data_of).draw = real
    clock.advance(seconds=6)
    await hand.send()
    assert receiver.kinds == ["pass.removed", "pass.installed"]


async def test_an_address_in_a_network_that_was_closed_since_waits_like_any_that_fails(here, shop, hand, start):
    receiver = await start()
    made = await hand.add(receiver.url)
    await happen(here, shop, card_id=1)
    object.__setattr__(here.settings, "webhook_private", ())
    await hand.send()
    [delivery] = await hand.deliveries(made.webhook.id)
    assert (delivery.state, delivery.why, receiver.connections) == ("waiting", CLOSED, 0)
    assert delivery.next_at > delivery.created_at, "the whole line waits"
