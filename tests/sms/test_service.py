"""Messages: counted exactly, paid for before they go, carried once, and forgotten."""
import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from app.db import Database, write_transaction
from app.errors import Invalid
from app.limits.rules import LimitReached
from app.programs import service as programs
from app.sms import delivery, delivery_store, service
from app.sms.console import Console
from app.sms.gateways import Gateways, Result
from app.sms.service import Order
from app.web.principal import Principal
from tests.plans import steps_of

LINK = "https://cards.example.com/a/123456789ABC"


class Carrier:
    """A gateway that keeps what it was given and answers as written down; the last answer stays."""

    name = "carrier"

    def __init__(self, *answers: Result | str) -> None:
        self.answers = [answer if isinstance(answer, Result) else Result(answer) for answer in answers or ("accepted",)]
        self.given: list[tuple[str, str, str]] = []

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        self.given.append((to_e164, text, client_ref))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Post:
    """One business that sends messages."""

    def __init__(self, db: Database, ring: Any, settings: Any, clock: Any, business_id: int) -> None:
        self.db, self.ring, self.settings, self.clock, self.business_id = db, ring, settings, clock, business_id

    async def queue(self, e164: str = "+79161231234", who: Principal | None = None, **parts: Any) -> int:
        order = Order(self.business_id, e164, parts.pop("purpose", "activation"), "Кофе", LINK, "ru", **parts)
        asker = who or Principal(self.business_id, self.business_id, "shopper")
        return await write_transaction(self.db, lambda tx: service.queue(tx, self.ring, self.settings, asker, order, self.clock.now()))

    async def deliver(self, *carriers: Any) -> int:
        return await delivery.deliver_due(self.db, self.ring, Gateways(carriers or [Carrier()], self.clock), self.clock, lambda: 0.5)

    async def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.db.fetch_all("SELECT * FROM messages ORDER BY id")]

    async def configure(self, settings: str) -> None:
        await self.db.execute("UPDATE businesses SET settings = :settings", {"settings": settings})


def number(block: int, last: int = 0) -> str:
    """A Russian mobile number in a block of ten thousand."""
    return f"+7916{block:03}{last:04}"


async def allowed(attempts: Any) -> int:
    """How many of these were let through; anything but a limit is a failure of the test."""
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert all(isinstance(answer, int | LimitReached | service.CapReached) for answer in answers), answers
    return sum(isinstance(answer, int) for answer in answers)


async def test_neither_number_nor_text_can_be_read_from_the_outbox(post):
    await post.queue()
    [row] = await post.rows()
    seen = repr({name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()})
    assert "9161231234" not in seen and "123456789ABC" not in seen
    assert (row["state"], row["phone_hint"], row["segments"]) == ("queued", "34", 1)


async def test_a_number_gets_one_message_a_minute_three_a_day_and_six_a_month(post):
    await post.queue()
    with pytest.raises(LimitReached) as refusal:
        await post.queue()
    assert (refusal.value.in_gap, refusal.value.retry_after) == (True, 60)
    sent = 1
    for _ in range(9):
        post.clock.advance(minutes=1)
        sent += await allowed([post.queue()])
    assert sent == 3
    for _ in range(9):
        post.clock.advance(days=1)
        sent += await allowed([post.queue()])
    assert sent == 6


async def test_the_phone_is_counted_across_businesses(post, db, clock):
    await post.queue()
    other = await write_transaction(db, lambda tx: programs.create_business(
        tx, slug="leaf", name="Leaf", country="RU", currency="RUB", time_zone="Europe/Moscow", language="en", now=clock.now()))
    with pytest.raises(LimitReached) as refusal:
        await Post(post.db, post.ring, post.settings, clock, other).queue()
    assert refusal.value.in_gap


@pytest.mark.goal("S2")
async def test_a_number_block_gets_exactly_twenty_a_day_however_many_ask_at_once(post):
    assert await allowed(post.queue(number(1, last)) for last in range(60)) == 20
    assert len(await post.rows()) == 20


@pytest.mark.goal("S2")
async def test_a_cashier_sends_exactly_thirty_an_hour(post):
    cashier = Principal(post.business_id, post.business_id, "staff", id=7, role="cashier")
    assert await allowed(post.queue(number(block), cashier) for block in range(40)) == 30
    assert await allowed([post.queue(number(50), replace(cashier, id=8))]) == 1
    post.clock.advance(hours=1)
    assert await allowed([post.queue(number(51), cashier)]) == 1


async def test_a_location_and_a_poster_and_the_business_have_their_own_caps(post):
    await post.configure('{"sms": {"location_hour": 2, "poster_hour": 3, "business_day": 6}}')
    location = await write_transaction(post.db, lambda tx: programs.create_location(
        tx, post.business_id, name="Pushkin Street", now=post.clock.now()))
    assert await allowed(post.queue(number(block), location_id=location) for block in range(5)) == 2
    assert await allowed(post.queue(number(10 + block), poster="1:door") for block in range(5)) == 3
    assert await allowed(post.queue(number(20 + block)) for block in range(5)) == 1


@pytest.mark.parametrize(("addresses", "most"), [
    ([f"203.0.113.{last}" for last in (1, 1, 1, 1, 1, 1, 1)], 5), ([f"2001:db8:1:2::{last}" for last in range(1, 9)], 5),
    ([f"2001:db8:1:{last:x}::1" for last in range(1, 56)], 50), ([f"203.0.113.{last}" for last in range(1, 9)], 8)],
    ids=["one IPv4 address", "one IPv6 /64", "one IPv6 /48", "eight IPv4 addresses"])
async def test_the_public_form_is_counted_by_address_and_network(post, addresses, most):
    assert await allowed(post.queue(number(block), address=address) for block, address in enumerate(addresses)) == most


async def test_in_a_demo_a_loopback_address_is_not_counted_and_a_foreign_one_is(post):
    post.settings = replace(post.settings, demo=True)
    assert await allowed(post.queue(number(block), address="127.0.0.1") for block in range(8)) == 8
    assert await allowed(post.queue(number(20 + block), address="203.0.113.1") for block in range(8)) == 5


@pytest.mark.parametrize("e164", ["+77012345678", "+447400123456", "+79409123456789", "+78095000000", "+78005553535"])
async def test_other_countries_and_special_numbers_are_never_texted(post, e164):
    with pytest.raises(Invalid):
        await post.queue(e164)
    assert await post.rows() == []


async def test_a_further_country_is_texted_where_the_operator_named_it(post):
    post.settings = replace(post.settings, sms_countries=("KZ",))
    assert await post.queue("+77012345678")


@pytest.mark.goal("S2")
async def test_the_money_caps_hold_to_the_last_unit_however_many_ask_at_once(post):
    post.settings = replace(post.settings, sms_price_minor=7, sms_day_cap_minor=100, sms_month_cap_minor=150)
    assert await allowed(post.queue(number(block)) for block in range(30)) == 14
    post.clock.advance(days=1)
    assert await allowed(post.queue(number(100 + block)) for block in range(30)) == 7
    rows = await post.db.fetch_all("SELECT scope, period, reserved_minor FROM sms_spend")
    spent = {(row["scope"].partition(":")[0], row["period"]): row["reserved_minor"] for row in rows}
    assert spent == {(scope, period): minor for scope in ("business", "server")
                     for period, minor in (("2026-11-22", 98), ("2026-11-23", 49), ("2026-11", 147))}


async def test_the_servers_own_cap_holds_for_all_businesses_together(post, db, clock):
    post.settings = replace(post.settings, sms_price_minor=10, sms_server_day_cap_minor=50)
    other = Post(db, post.ring, post.settings, clock, await write_transaction(db, lambda tx: programs.create_business(
        tx, slug="leaf", name="Leaf", country="RU", currency="RUB", time_zone="Europe/Moscow", language="en", now=clock.now())))
    assert await allowed([one.queue(number(block)) for block in range(10) for one in (post, other) if block % 2 == (one is post)]) == 5


async def test_at_80_per_cent_of_a_cap_the_audit_says_so_once(post):
    post.settings = replace(post.settings, sms_price_minor=10, sms_day_cap_minor=100, sms_month_cap_minor=10_000)
    for block in range(10):
        await post.queue(number(block))
    actions = [row["action"] for row in await post.db.fetch_all("SELECT action FROM audit_entries")]
    assert actions == ["sms.spend_alert"]


async def test_a_refusal_by_the_cap_counts_nothing(post):
    post.settings = replace(post.settings, sms_price_minor=10, sms_day_cap_minor=0)
    with pytest.raises(service.CapReached):
        await post.queue()
    assert await post.db.fetch_val("SELECT COUNT(*) FROM limit_hits") == 0
    assert await post.db.fetch_val("SELECT COUNT(*) FROM sms_spend") == 0


async def test_links_that_nobody_uses_pause_their_poster_and_only_it(post):
    await post.configure('{"sms": {"business_day": 1000, "poster_hour": 1000}}')
    for block in range(50):
        await post.queue(number(block), poster="1:door")
    post.clock.advance(hours=23)
    assert await post.queue(number(100), poster="1:door")
    post.clock.advance(hours=2)
    with pytest.raises(service.Paused):
        await post.queue(number(101), poster="1:door")
    assert await post.queue(number(101), poster="1:window")
    post.clock.advance(hours=70)             # three days after the newest link that was judged
    assert await post.queue(number(102), poster="1:door")


async def test_a_fifth_of_the_links_used_is_enough_to_go_on(post):
    await post.configure('{"sms": {"business_day": 1000, "poster_hour": 1000}}')
    sent_at = post.clock.now()
    for block in range(50):
        await post.queue(number(block), poster="1:door")
    for block in range(10):
        await write_transaction(post.db, lambda tx, block=block: service.note_used(tx, post.ring, number(block), None, "1:door", sent_at))
    post.clock.advance(hours=25)
    assert await post.queue(number(101), poster="1:door")


async def test_a_suppressed_number_gets_nothing_from_this_business(post):
    await write_transaction(post.db, lambda tx: service.stop(
        tx, post.ring, post.business_id, "+79161231234", "not_me", post.clock.now()))
    with pytest.raises(service.Suppressed):
        await post.queue()
    assert await post.queue("+79161231235")


async def test_what_was_taken_by_the_carrier_is_forgotten_here(post):
    await post.queue()
    carrier = Carrier(Result("accepted", provider_id="c-1"))
    assert await post.deliver(carrier) == 1
    assert carrier.given == [("+79161231234", f"Кофе: ваша карта {LINK}", "tessera-1")]
    [row] = await post.rows()
    assert (row["state"], row["gateway"], row["provider_id"], row["phone_sealed"], row["text_sealed"]) == (
        "accepted", "carrier", "c-1", None, None)
    assert await post.deliver(carrier) == 0


async def test_a_message_not_taken_is_sent_again_with_the_same_text(post):
    await post.queue()
    carrier = Carrier("temporary", "throttled", "accepted")
    assert [await post.deliver(carrier), await post.deliver(carrier)] == [1, 0]
    post.clock.advance(seconds=5)
    await post.deliver(carrier)
    post.clock.advance(seconds=30)
    await post.deliver(carrier)
    assert len(carrier.given) == 3 and len(set(carrier.given)) == 1
    assert (await post.rows())[0]["state"] == "accepted"


async def test_a_message_that_may_have_gone_out_is_sent_once_more_and_never_again(post):
    await post.queue()
    carrier = Carrier("unknown")
    for _ in range(5):
        await post.deliver(carrier)
        post.clock.advance(minutes=5)
    assert len(carrier.given) == 2
    [row] = await post.rows()
    assert (row["state"], row["phone_sealed"], row["text_sealed"]) == ("unknown", None, None)


async def test_a_sender_that_died_may_have_sent_so_its_message_goes_once_more_at_most(post):
    message_id = await post.queue()
    for expected in ("queued", "unknown"):
        await write_transaction(post.db, lambda tx: delivery_store.claim(tx, service.to_ms(post.clock.now()),
                                                                        service.to_ms(post.clock.now()) + 1000, "carrier"))
        post.clock.advance(seconds=2)
        await write_transaction(post.db, lambda tx: delivery_store.give_back_lost(tx, service.to_ms(post.clock.now())))
        assert await post.db.fetch_val("SELECT state FROM messages WHERE id = :id", {"id": message_id}) == expected
    assert (await post.rows())[0]["text_sealed"] is None


async def test_two_workers_never_send_one_message_twice(post):
    for block in range(15):
        await post.queue(number(block))
    carrier = Carrier()
    await asyncio.gather(*(post.deliver(carrier) for _ in range(4)))
    assert len(carrier.given) == len(set(carrier.given)) == 15


async def test_a_bad_number_is_rejected_and_its_money_comes_back(post):
    post.settings = replace(post.settings, sms_price_minor=5)
    await post.queue()
    await post.deliver(Carrier(Result("permanent", raw_code="21211")))
    [row] = await post.rows()
    assert (row["state"], row["reason"], row["reserved_minor"]) == ("rejected", "21211", 0)
    assert {row["reserved_minor"] for row in await post.db.fetch_all("SELECT reserved_minor FROM sms_spend")} == {0}


async def test_what_a_carrier_says_it_cost_replaces_what_was_reserved(post):
    post.settings = replace(post.settings, sms_price_minor=5)
    await post.queue()
    await post.deliver(Carrier(Result("accepted", segments=2, cost_minor=3)))
    assert (await post.rows())[0]["segments"] == 2
    assert {row["reserved_minor"] for row in await post.db.fetch_all("SELECT reserved_minor FROM sms_spend")} == {3}


async def test_a_gateway_without_money_keeps_the_message_and_tells_the_owner(post):
    await post.queue()
    await post.deliver(Carrier("no_funds"))
    [row] = await post.rows()
    assert row["state"] == "queued" and row["text_sealed"] is not None
    assert [row["action"] for row in await post.db.fetch_all("SELECT action FROM audit_entries")] == ["sms.gateway_stopped"]
    post.clock.advance(minutes=10)
    await post.deliver(Carrier())
    assert (await post.rows())[0]["state"] == "accepted"


async def test_a_late_retry_waits_for_the_morning_and_a_useless_one_is_dropped(post):
    post.clock.advance(hours=11, minutes=50)                         # 23:50 in Moscow
    await post.queue()
    await post.deliver(Carrier("config"))
    post.clock.advance(minutes=15)
    carrier = Carrier()
    await post.deliver(carrier)
    assert carrier.given == []
    post.clock.advance(hours=9)
    await post.deliver(carrier)
    assert len(carrier.given) == 1
    await post.queue("+79161231299")
    post.clock.advance(hours=25)
    assert await post.deliver(carrier) == 1
    assert len(carrier.given) == 1
    assert (await post.rows())[1]["state"] == "expired"


async def test_the_log_shows_the_ends_of_a_number_and_no_link(post, caplog):
    caplog.set_level(logging.DEBUG)
    await post.queue()
    await post.deliver(Console(post.db, post.clock, shows_links=False))
    assert "+7916*****34" in caplog.text
    assert "9161231234" not in caplog.text and "123456789ABC" not in caplog.text
    assert await service.demo_messages(post.db) == []


async def test_in_a_demo_the_console_fills_the_inbox_and_refusals_stand_there_too(post):
    await post.queue()
    await post.deliver(Console(post.db, post.clock, shows_links=True))
    demo = replace(post.settings, demo=True)
    post.clock.advance(seconds=1)
    await service.note_refusal(post.db, demo, post.business_id, "+79161231234", "limit:sms.phone", post.clock.now())
    first, second = await service.demo_messages(post.db)
    assert (first.phone, first.text, first.note) == ("+79161231234", f"Кофе: ваша карта {LINK}", None)
    assert (second.text, second.note) == ("", "limit:sms.phone")


async def test_an_alarm_is_recorded_once_an_hour(post):
    for _ in range(3):
        await service.note_refusal(post.db, post.settings, post.business_id, "+79161231234", "sms_paused", post.clock.now())
    assert await post.db.fetch_val("SELECT COUNT(*) FROM audit_entries WHERE action = 'sms.refused'") == 1


async def test_the_sender_reads_the_messages_that_wait_and_not_all_that_were_ever_sent(sqlite_db: Database) -> None:
    for ask in (lambda tx: delivery_store.claim(tx, 5, 6, None), lambda tx: delivery_store.give_back_lost(tx, 5)):
        steps = await steps_of(sqlite_db, ask)
        assert any("USING INDEX messages_due" in step for step in steps), steps
        assert "SCAN messages" not in steps, steps
