"""What nobody reported is asked after for a day, and what gateways have left every hour."""
from dataclasses import replace

from app.audit import service as audit
from app.context import Context
from app.db import write_transaction
from app.sms import alerts, balances, delivery_store, gateways_store, measures, polling
from app.sms.gateways import Balance, Gateways, Report, Result
from tests.plans import steps_of
from tests.sms.carrying import PHONE, Asked, Outbox, Scripted


async def one_taken(here: Context, outbox: Outbox, carrier: Asked) -> None:
    carrier.answers = [Result("accepted", provider_id="a-1")]
    here.extras["gateways"] = outbox.gateways = Gateways([carrier], here.clock)
    await outbox.queue()
    await outbox.deliver()


async def test_a_message_is_asked_after_at_5_and_30_minutes_at_3_and_24_hours_and_then_nobody_knows(here: Context, outbox: Outbox) -> None:
    carrier = Asked("one")
    await one_taken(here, outbox, carrier)
    asked = []
    for minutes in (4, 1, 1, 24, 100, 50, 1, 1259, 100):
        here.clock.advance(minutes=minutes)
        asked.append(await polling.poll_due(here))
    assert asked == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert carrier.questions == [("a-1", PHONE)] * 4
    row = await outbox.row()
    assert (row["state"], row["phone_sealed"], row["poll_at"]) == ("unknown", None, None)


async def test_an_answer_moves_the_message_and_ends_the_asking(here: Context, outbox: Outbox) -> None:
    carrier = Asked("one")
    await one_taken(here, outbox, carrier)
    carrier.reports["a-1"] = Report("a-1", "undelivered", "25")
    here.clock.advance(minutes=5)
    assert [await polling.poll_due(here), await polling.poll_due(here)] == [1, 0]
    row = await outbox.row()
    assert (row["state"], row["reason"], row["phone_sealed"]) == ("undelivered", "25", None)


async def test_turns_that_were_missed_while_the_server_stood_still_are_one(here: Context, outbox: Outbox) -> None:
    carrier = Asked("one")
    await one_taken(here, outbox, carrier)
    here.clock.advance(hours=4)
    assert [await polling.poll_due(here), await polling.poll_due(here)] == [1, 0]
    here.clock.advance(days=2)
    assert await polling.poll_due(here) == 1
    assert (await outbox.row())["state"] == "unknown"


async def test_a_gateway_that_cannot_be_asked_leaves_its_messages_as_taken(here: Context, outbox: Outbox) -> None:
    here.extras["gateways"] = outbox.gateways = Gateways([Scripted("one", Result("accepted", provider_id="a-1"))], here.clock)
    await outbox.queue()
    await outbox.deliver()
    here.clock.advance(days=2)
    assert await polling.poll_due(here) == 0
    assert (await outbox.row())["state"] == "accepted"


async def test_the_asking_reads_the_messages_that_wait_for_it_and_not_all(here: Context, outbox: Outbox) -> None:
    steps = await steps_of(outbox.db, lambda tx: delivery_store.claim_polls(tx, 5, 6, 10)) if outbox.db.engine == "sqlite" else []
    assert "SCAN messages" not in steps, steps


async def test_a_balance_is_asked_every_hour_and_at_once_after_there_was_no_money(here: Context, outbox: Outbox) -> None:
    carrier = Asked("one", "no_funds")
    carrier.left = Balance(500, "RUB")
    here.extras["gateways"] = outbox.gateways = Gateways([carrier], here.clock)
    for _ in range(3):
        await balances.ask_due(here)
        here.clock.advance(minutes=20)
    assert carrier.balances_asked == 1
    await balances.ask_due(here)
    assert carrier.balances_asked == 2
    here.clock.advance(minutes=1)
    await outbox.queue()
    await outbox.deliver()
    await balances.ask_due(here)
    assert carrier.balances_asked == 3


async def test_a_balance_under_three_days_of_use_is_told_once_to_those_who_use_it(here: Context, outbox: Outbox) -> None:
    carrier = Asked("one", Result("accepted", provider_id="a-1"))
    here.extras["gateways"] = outbox.gateways = Gateways([carrier], here.clock)
    await outbox.queue()
    await outbox.deliver()
    lows = []
    for left in (1000, 700, 500, 450, 440, 2000, 1900):
        carrier.left = Balance(left, "RUB")
        await balances.ask_due(here)
        [state] = await balances.state_of_gateways(here.db, here.clock.now())
        lows.append(state.is_low)
        here.clock.advance(hours=8)
    assert lows == [False, False, False, True, True, False, False]
    told = [entry for entry in await audit.list_entries(here.db, outbox.business_id) if entry.action == "sms.balance_low"]
    assert [entry.details for entry in told] == [{"gateway": "one", "balance_minor": 450, "currency": "RUB"}]


async def test_the_operator_gets_one_mail_a_day_about_a_gateway_that_refuses_and_one_about_its_money(here: Context, outbox: Outbox) -> None:
    here.settings = replace(here.settings, smtp="smtp://127.0.0.1:9", mail_from="cards@example.com", operator="olga@example.com")
    carrier = Asked("smsc", "no_funds")
    carrier.left = Balance(0, "RUB")
    here.extras["gateways"] = outbox.gateways = Gateways([carrier], here.clock)
    for block in range(3):
        await outbox.queue(f"+7916{block:03}1234")
        await outbox.deliver()
        await balances.ask_due(here)
        here.clock.advance(minutes=11)
    await alerts.tell_due(here)
    rows = await here.db.fetch_all("SELECT text_sealed, id FROM mails ORDER BY id")
    letters = [here.ring.open_text("mail.text", bytes(row["text_sealed"]), str(row["id"]).encode()) for row in rows]
    assert len(letters) == 2 and "its account is empty" in letters[0] and "less than three days cost" in letters[1]


async def test_what_the_console_and_metrics_say_of_gateways(here: Context, outbox: Outbox) -> None:
    carrier, other = Asked("one", Result("config", raw_code="2")), Scripted("two")
    carrier.left = Balance(123, "RUB")
    here.extras["gateways"] = outbox.gateways = Gateways([carrier, other], here.clock)
    await write_transaction(here.db, lambda tx: gateways_store.know(tx, ["gone"]))
    await balances.ask_due(here)
    await outbox.queue()
    await outbox.deliver()
    one, two = await balances.state_of_gateways(here.db, here.clock.now())
    assert (one.name, one.why, one.failures, one.balance_minor, one.currency, two.name, two.failures) == (
        "one", "config 2", 1, 123, "RUB", "two", 0)
    assert one.resting_until is not None and two.resting_until is None
    told = {gauge.name: dict(gauge.values) for gauge in await measures.gauges(here)}
    assert told["tessera_sms_gateway_resting"] == {"one": 1, "two": 0}
    assert told["tessera_sms_messages_day"] == {"accepted": 1}
    assert told["tessera_sms_gateway_balance_minor"] == {"one": 123}
    here.clock.advance(minutes=11)
    assert (await balances.state_of_gateways(here.db, here.clock.now()))[0].resting_until is None
