"""What is refused leaves nothing, what is paused can go on, what costs too much is told: on both engines, however many ask at once."""
import asyncio
import contextlib
from dataclasses import replace

import pytest

from app.context import Context
from app.db import write_transaction
from app.errors import NotFound
from app.limits.rules import LimitReached
from app.programs import service as programs
from app.sms import alerts, breaker, delivery, service, spending, suppression, texts, watch_store
from app.sms.gateways import Gateways
from app.sms.service import Order
from app.staff import service as staff
from app.web.principal import Principal
from tests.sms.test_service import LINK, Carrier, allowed, number

OWNER = {"email": "owner@coffee.example.com", "name": "Olga", "role": "owner"}


@pytest.fixture
def here(post, ids):
    return Context(replace(post.settings, smtp="smtp://mail.example.com", mail_from="cards@example.com", operator="ops@example.com"),
                   post.db, post.ring, ids, post.clock)


@pytest.fixture
def owner(post):
    return Principal(post.business_id, post.business_id, "staff", id=1, name="Olga", role="owner")


async def table(post, name: str) -> list[dict]:
    return [dict(row) for row in await post.db.fetch_all(f"SELECT * FROM {name}")]


async def refused(post, refusal: Exception) -> None:
    await service.note_refusal(post.db, post.settings, post.business_id, number(900), refusal, post.clock.now())


# Nothing half written.
@pytest.mark.parametrize("settings_of", [{"sms_day_cap_minor": 10}, {"sms_server_month_cap_minor": 10}, {"sms_message_cap_minor": 9}],
                         ids=["the day's cap", "the server's cap", "the message's cap"])
async def test_a_refused_message_leaves_nothing_even_where_the_caller_goes_on_with_others(post, settings_of):
    post.settings = replace(post.settings, sms_price_minor=10, **settings_of)
    who, sent = Principal(post.business_id, post.business_id, "system"), []

    async def act(tx):
        sent.clear()
        for block in range(3):
            with contextlib.suppress(service.CapReached):
                sent.append(await service.queue(tx, post.ring, post.settings, who, Order(
                    post.business_id, number(block), "invitation", "Кофе", LINK, "ru", now_asked=False), post.clock.now()))

    await write_transaction(post.db, act)
    messages, hits = await table(post, "messages"), await table(post, "limit_hits")
    assert len(messages) == len(sent) == (0 if "sms_message_cap_minor" in settings_of else 1)
    assert sorted(row["scope"] for row in hits) == sorted(["sms.block", "sms.business", "sms.phone"] * len(sent))
    assert {row["reserved_minor"] for row in await table(post, "sms_spend")} == ({10} if sent else set())


async def test_what_a_business_wants_less_than_the_server_allows_holds_however_many_ask(post, owner):
    post.settings = replace(post.settings, sms_price_minor=7)
    await texts.set_caps(post.db, post.settings, owner, None, 50, None, post.clock.now())
    assert await allowed(post.queue(number(block)) for block in range(20)) == 7
    assert (await spending.purses(post.db, post.settings, await programs.get_business(post.db, post.business_id), post.clock.now()))[0] == \
        spending.Purse("2026-11-22", 49, 50)


@pytest.mark.goal("S2")
async def test_pumping_one_block_from_five_hundred_addresses_gets_twenty_messages_and_no_part_above_the_cap(post, here):
    """The goal's ten thousand requests in waves that a test can wait for: what is counted is the same for each of them."""
    post.settings = replace(post.settings, sms_price_minor=3, sms_day_cap_minor=47)
    cashier = Principal(post.business_id, post.business_id, "staff", id=7, role="cashier")
    let_through = 0
    for wave in range(5):
        asked = [post.queue(number(1, (wave * 100 + each) % 10_000), address=f"203.0.{each % 5}.{wave * 50 + each // 2}", poster="1:door")
                 if each % 2 else post.queue(number(1, wave * 100 + each), cashier, location_id=None) for each in range(100)]
        let_through += await allowed(asked)
    assert let_through == 15 == len(await post.rows())          # fifteen parts of three fit into 47, and twenty to a block
    [day] = [row["reserved_minor"] for row in await table(post, "sms_spend") if row["period"] == "2026-11-22" and row["scope"] != "server"]
    assert day == 45
    assert [row["kind"] for row in await table(post, "sms_alerts")] == ["spend_80"]
    post.settings = replace(post.settings, sms_day_cap_minor=100_000)
    assert await allowed(post.queue(number(1, 5000 + each), address=f"198.51.100.{each}") for each in range(40)) == 5


async def test_a_country_from_elsewhere_has_a_cap_of_its_own(post):
    post.settings = replace(post.settings, sms_countries=("KZ",))
    await post.configure('{"sms": {"abroad_day": 2}}')
    assert await allowed(post.queue(f"+770123{block:02}678") for block in range(5)) == 2
    assert await post.queue(number(1))


# Alerts.
async def test_owners_hear_of_money_at_80_and_at_100_per_cent_once_each_by_mail_and_in_the_log(post, here, owner):
    await write_transaction(post.db, lambda tx: staff.create_staff(
        tx, post.ring, post.business_id, location_id=None, **OWNER, now=post.clock.now()))
    post.settings = replace(post.settings, sms_price_minor=10, sms_day_cap_minor=100)
    for block in range(10):
        await post.queue(number(block))
    for block in (20, 21):
        with pytest.raises(service.CapReached) as refusal:
            await post.queue(number(block))
        await refused(post, refusal.value)
    assert [await alerts.tell_due(here), await alerts.tell_due(here)] == [2, 0]
    assert len(await table(post, "mails")) == 2
    actions = [row["action"] for row in await table(post, "audit_entries")]
    assert actions.count("sms.spend_alert") == actions.count("sms.refused") == 1
    [banner] = await alerts.banners(replace_settings(here, post), post.business_id, "manager", "en", post.clock.now())
    assert banner.is_over and "is spent" in banner.sentence
    assert await alerts.banners(here, post.business_id, "cashier", "en", post.clock.now()) == []


def replace_settings(here: Context, post) -> Context:
    return Context(post.settings, here.db, here.ring, here.ids, here.clock)


async def test_the_servers_own_cap_is_told_to_the_operator_and_to_no_business(post, here):
    post.settings = replace(post.settings, sms_price_minor=10, sms_server_day_cap_minor=50)
    for block in range(5):
        await post.queue(number(block))
    assert "sms.spend_alert" not in [row["action"] for row in await table(post, "audit_entries")]
    assert await alerts.tell_due(here) == 1
    [mail] = await table(post, "mails")
    assert mail["business_id"] is None
    assert await alerts.banners(replace_settings(here, post), post.business_id, "owner", "en", post.clock.now()) == []


# Pauses.
async def paused_poster(post) -> service.Paused:
    await post.configure('{"sms": {"business_day": 1000, "poster_hour": 1000}}')
    for block in range(50):
        await post.queue(number(block), poster="1:door")
    post.clock.advance(hours=25)
    with pytest.raises(service.Paused) as refusal:
        await post.queue(number(101), poster="1:door")
    await refused(post, refusal.value)
    return refusal.value


async def test_a_paused_place_has_a_row_an_alert_and_a_way_to_go_on(post, here, owner):
    refusal = await paused_poster(post)
    await refused(post, refusal)
    [pause] = await breaker.pauses(post.db, post.business_id, post.clock.now())
    assert (pause.kind, pause.subject, pause.until_at) == ("poster", "1:door", refusal.until_at)
    assert [row["kind"] for row in await table(post, "sms_alerts")] == ["paused"]
    await breaker.lift(post.db, owner, pause.id, post.clock.now())
    assert await breaker.pauses(post.db, post.business_id, post.clock.now()) == []
    assert await post.queue(number(102), poster="1:door")
    with pytest.raises(NotFound):
        await breaker.lift(post.db, owner, pause.id, post.clock.now())


async def test_after_a_pause_was_lifted_the_next_fifty_links_are_judged(post, owner):
    await paused_poster(post)
    [pause] = await breaker.pauses(post.db, post.business_id, post.clock.now())
    await breaker.lift(post.db, owner, pause.id, post.clock.now())
    post.clock.advance(minutes=1)
    for block in range(200, 250):
        await post.queue(number(block), poster="1:door")
    post.clock.advance(hours=25)
    with pytest.raises(service.Paused):
        await post.queue(number(300), poster="1:door")


async def test_nobody_lifts_the_pause_of_another_business(post):
    await paused_poster(post)
    [pause] = await breaker.pauses(post.db, post.business_id, post.clock.now())
    stranger = Principal(post.business_id + 1, post.business_id + 1, "staff", id=9, role="owner")
    with pytest.raises(NotFound):
        await breaker.lift(post.db, stranger, pause.id, post.clock.now())
    assert len(await breaker.pauses(post.db, post.business_id, post.clock.now())) == 1


# Who wants none.
async def test_stop_holds_for_one_business_and_start_lifts_it(post):
    async def act(what, *parts):
        return await write_transaction(post.db, lambda tx: what(tx, post.ring, post.business_id, number(1), *parts, now=post.clock.now()))

    await act(suppression.stop, "stop")
    await act(suppression.stop, "stop")
    assert len(await suppression.suppressions(post.db, post.business_id)) == 1
    with pytest.raises(service.Suppressed):
        await post.queue(number(1))
    assert not await suppression.is_suppressed(post.db, post.ring, post.business_id + 1, number(1))
    assert await act(suppression.lift) and not await act(suppression.lift)
    assert await post.queue(number(1))


async def test_what_stands_for_the_whole_server_is_not_lifted_by_one_business(post):
    async def act(what, business_id, *parts):
        return await write_transaction(post.db, lambda tx: what(tx, post.ring, business_id, number(1), *parts, now=post.clock.now()))

    await act(suppression.stop, None, "bounced")
    assert not await act(suppression.lift, post.business_id)
    with pytest.raises(service.Suppressed):
        await post.queue(number(1))
    assert await act(suppression.lift, None)
    assert await post.queue(number(1))


# Texts, senders, quiet hours.
async def test_messages_say_what_the_business_wrote_and_are_from_its_sender(post, owner):
    await texts.keep_text(post.db, owner, "activation", "ru", "{brand} ждёт вас: {link}", 1, "Кофе", LINK, post.clock.now())
    await texts.set_sender(post.db, owner, "Coffee", post.clock.now())
    await post.queue()
    heard = []

    class Named(Carrier):
        async def send(self, to_e164, text, sender, client_ref):
            heard.append((text, sender))
            return await super().send(to_e164, text, sender, client_ref)

    await delivery.deliver_due(post.db, post.ring, Gateways([Named()], post.clock), post.clock, lambda: 0.5)
    assert heard == [(f"Кофе ждёт вас: {LINK}", "Coffee")]


async def test_two_owners_saving_at_once_leave_one_text_in_use(post, owner):
    await asyncio.gather(*(texts.keep_text(post.db, owner, "code", "en", f"{{brand}} {n}: {{link}}", 1, "Coffee", "123456",
                                           post.clock.now()) for n in range(5)))
    in_use = [row for row in await table(post, "sms_texts") if row["replaced_at"] is None]
    assert len(in_use) == 1


async def test_what_nobody_asked_for_waits_for_the_morning(post):
    post.clock.advance(hours=11)                                # 23:00 in Moscow
    await post.queue(purpose="invitation", now_asked=False)
    carrier = Carrier()
    await post.deliver(carrier)
    assert carrier.given == []
    post.clock.advance(hours=10)
    await post.deliver(carrier)
    assert len(carrier.given) == 1


async def test_old_counts_and_alerts_that_were_told_are_forgotten(post, here):
    await refused(post, service.Suppressed())
    await write_transaction(post.db, lambda tx: alerts.warn(tx, post.business_id, "spend_80", "x", {
        "period": "2026-11-22", "spent_minor": 1, "cap_minor": 1}, post.clock.now()))
    await alerts.tell_due(here)
    assert await alerts.forget_old(here) == 0
    post.clock.advance(days=401)
    assert await alerts.forget_old(here) == 2
    assert await watch_store.refusals(post.db, post.business_id, "2026-11-22") == []


def test_a_limit_is_a_refusal_that_callers_can_name():
    assert LimitReached in service.REFUSALS
