"""Each carrier in its own wire form, against stand-ins that answer what the real ones answer, mistakes included."""
import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.demo.fakes.sms_gateways import APIS, PASSWORD, SIGNING, FakeSms
from app.settings import load
from app.sms import addresses, rules, wire
from app.sms.gateways import Balance, Followed, Gateway, Gateways, Result, open_gateways
from tests import engines
from tests.sms.carrying import LINK, PHONE, Outbox

TEXT = f"Кофе: ваша карта {LINK}"
CARRIERS = [kind for kind in APIS if kind != "webhook"]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


def opened(outbox: Outbox, *fakes: FakeSms) -> Gateways:
    """As TESSERA_SMS would have it."""
    settings = load({"TESSERA_URL": "https://cards.example.com", "TESSERA_SMS": ",".join(fake.address for fake in fakes)})
    return open_gateways(settings, outbox.db, outbox.clock)


@pytest.fixture
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeSms]:
    made = FakeSms(request.param)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def gateway(outbox: Outbox, fake: FakeSms) -> Gateway:
    found = opened(outbox, fake).by_name(fake.kind)
    assert found is not None
    return found


every = pytest.mark.parametrize("fake", list(APIS), indirect=True)
carriers = pytest.mark.parametrize("fake", CARRIERS, indirect=True)


@every
async def test_a_message_arrives_with_its_number_and_text_as_they_are(fake: FakeSms, gateway: Gateway) -> None:
    result = await gateway.send(PHONE, TEXT, "", "tessera-7")
    [taken] = fake.taken
    assert (result.kind, result.provider_id) == (rules.ACCEPTED, taken.id)
    assert (taken.to.lstrip("+"), taken.text) == (PHONE[1:], TEXT)


@pytest.mark.parametrize(("fake", "usual", "cost"), [
    ("twilio", "+15005550006", (None, "USD")), ("vonage", "Coffee", (4, "EUR")), ("smsc", "Coffee", (140, "RUB")),
    ("smsru", "", (None, "RUB")), ("smsaero", "Coffee", (195, "RUB"))], indirect=["fake"])
async def test_the_businesss_sender_stands_before_the_operators_and_the_cost_is_rounded_up(
        fake: FakeSms, gateway: Gateway, usual: str, cost: tuple[int | None, str]) -> None:
    results = [await gateway.send(PHONE, TEXT, sender, "tessera-7") for sender in ("", "LEAF", "Кофе")]
    assert [taken.sender for taken in fake.taken] == [usual, "LEAF", usual]
    assert [(result.cost_minor, result.currency) for result in results] == [cost] * 3


@pytest.mark.goal("F5")
@carriers
@pytest.mark.parametrize(("fault", "kind"), [("html", "unknown"), ("500", "unknown"), ("reset", "unknown"), ("cut", "unknown"),
                                             ("huge", "unknown"), ("redirect", "config"), ("slow", "unknown")])
async def test_an_answer_that_says_nothing_may_have_been_a_message(fake: FakeSms, gateway: Gateway, fault: str, kind: str,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    if fault == "slow":
        monkeypatch.setattr(wire, "TOTAL_SECONDS", 0.2)
    fake.always = fault
    assert (await gateway.send(PHONE, TEXT, "", "tessera-7")).kind == kind


@every
async def test_a_gateway_that_cannot_be_reached_surely_sent_nothing(fake: FakeSms, gateway: Gateway) -> None:
    await fake.stop()
    assert (await gateway.send(PHONE, TEXT, "", "tessera-7")).kind == rules.TEMPORARY


REFUSALS = [
    *(("twilio", code, kind) for code, kind in {
        "20003": "config", "20429": "throttled", "21211": "permanent", "21612": "permanent", "21614": "permanent", "21408": "config",
        "21606": "config", "21610": "permanent"}.items()),
    *(("vonage", str(code), kind) for code, kind in {
        1: "throttled", 2: "permanent", 3: "permanent", 4: "config", 5: "temporary", 6: "permanent", 7: "permanent", 8: "config",
        9: "no_funds", 10: "temporary", 11: "config", 12: "permanent", 14: "config", 15: "config", 22: "permanent", 23: "config",
        29: "config", 32: "config", 33: "permanent"}.items()),
    *(("smsc", str(code), kind) for code, kind in {
        1: "permanent", 2: "config", 3: "no_funds", 4: "throttled", 5: "permanent", 6: "permanent", 7: "permanent", 8: "permanent",
        9: "duplicate"}.items()),
    *(("smsru", str(code), kind) for code, kind in {
        200: "config", 201: "no_funds", 202: "permanent", 204: "config", 205: "permanent", 206: "no_funds", 207: "permanent",
        209: "permanent", 214: "permanent", 220: "temporary", 230: "permanent", 231: "duplicate", 232: "permanent", 300: "config",
        301: "config", 500: "temporary"}.items()),
    *(("smsaero", code, kind) for code, kind in {
        "no credits": "no_funds", "reject": "permanent", "400": "permanent", "401": "config", "402": "no_funds", "429": "throttled",
        "200": "permanent", "500": "unknown"}.items()),
    *(("webhook", code, kind) for code, kind in {"401": "config", "402": "no_funds", "422": "permanent", "503": "temporary"}.items())]


@pytest.mark.parametrize(("fake", "code", "kind"), REFUSALS, indirect=["fake"])
async def test_each_code_of_a_gateway_has_one_meaning_wherever_it_hides(fake: FakeSms, gateway: Gateway, code: str, kind: str) -> None:
    fake.always = f"code:{code}"
    result = await gateway.send(PHONE, TEXT, "", "tessera-7")
    assert result.kind == kind
    assert (result.wants_none, result.about_sender) == (code == "21610", (fake.kind, code) in {
        ("twilio", "21606"), ("vonage", "15"), ("smsru", "204")})


@pytest.mark.parametrize(("fake", "states"), [
    ("twilio", {"sent": "accepted", "delivered": "delivered", "undelivered": "undelivered", "failed": "undelivered"}),
    ("smsc", {-1: "accepted", 0: "accepted", 1: "delivered", 2: "delivered", 3: "expired", 20: "undelivered", 23: "rejected"}),
    ("smsru", {100: "accepted", 102: "accepted", 103: "delivered", 104: "expired", 105: "undelivered", 108: "rejected", 110: "delivered"}),
    ("smsaero", {0: "accepted", 1: "delivered", 2: "undelivered", 3: "accepted", 6: "rejected", 8: "accepted"})], indirect=["fake"])
async def test_asked_what_became_of_a_message_a_gateway_says_it_in_its_own_words(fake: FakeSms, gateway: Gateway,
                                                                                 states: dict[Any, str]) -> None:
    assert isinstance(gateway, Followed)
    result = await gateway.send(PHONE, TEXT, "", "tessera-7")
    told = []
    for word in states:
        fake.taken[0].state = word
        report = await gateway.status(result.provider_id or "", PHONE)
        assert report is not None and report.provider_id == result.provider_id
        told.append(report.state)
    assert told == list(states.values())
    assert await gateway.status("99", PHONE) is None


@pytest.mark.parametrize(("fake", "balance"), [
    ("twilio", Balance(412256, "USD")), ("vonage", Balance(412256, "EUR")), ("smsc", Balance(412256, "RUB")),
    ("smsru", Balance(412256, "RUB")), ("smsaero", Balance(412256, "RUB"))], indirect=["fake"])
async def test_every_carrier_tells_what_is_left(fake: FakeSms, gateway: Gateway, balance: Balance) -> None:
    assert isinstance(gateway, Followed)
    assert await gateway.balance() == balance
    await fake.stop()
    assert await gateway.balance() is None


@pytest.mark.goal("A7")
@every
async def test_credentials_number_text_and_link_are_in_no_log_and_no_address(fake: FakeSms, gateway: Gateway,
                                                                             caplog: pytest.LogCaptureFixture) -> None:
    """The stand-in refuses an address with a query; the refusals repeat the text, as some real ones do."""
    caplog.set_level(logging.DEBUG)
    for fault in ("ok", "html", "reset", "code:500", "code:400"):
        fake.always = fault
        await gateway.send(PHONE, TEXT, "", "tessera-7")
    lines = [record.getMessage() for record in caplog.records if record.name.split(".")[0] != "httpcore2"]
    assert any("HTTP Request" in line for line in lines)
    for secret in (PASSWORD, SIGNING, PHONE[1:], LINK, "ваша карта"):
        assert [line for line in (*lines, repr(gateway)) if secret in line] == []


@pytest.mark.goal("F5")
@every
@pytest.mark.parametrize("fault", ["html", "500", "reset", "cut", "huge", "redirect", "slow", "ok"])
async def test_whatever_a_gateway_does_one_request_is_at_most_two_messages_with_one_link(
        fake: FakeSms, outbox: Outbox, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TOTAL_SECONDS", 5.0 if fault != "slow" else 0.2)
    second = FakeSms("webhook" if fake.kind != "webhook" else "smsc")
    await second.start()
    try:
        outbox.gateways = opened(outbox, fake, second)
        fake.always = fault
        await outbox.queue()
        for _ in range(5):
            await outbox.deliver()
            outbox.clock.advance(seconds=90)
        assert len(fake.taken) + len(second.taken) <= 2
        assert len({taken.text for taken in (*fake.taken, *second.taken)}) <= 1
        # A redirect took nothing: only then somebody else may be asked.
        assert len(second.taken) == (1 if fault == "redirect" else 0)
    finally:
        await second.stop()


@pytest.mark.goal("F5")
@pytest.mark.parametrize("fake", ["smsc"], indirect=True)
async def test_a_guard_against_repeats_means_that_the_first_one_went_through(fake: FakeSms, outbox: Outbox) -> None:
    outbox.gateways = opened(outbox, fake)
    fake.faults.extend(["reset", "code:9"])
    await outbox.queue()
    await outbox.deliver()
    outbox.clock.advance(seconds=90)
    await outbox.deliver()
    assert (len(fake.taken), (await outbox.row())["state"]) == (1, "accepted")


@pytest.mark.goal("F5")
async def test_an_answer_without_end_is_read_to_its_cap() -> None:
    sent = []

    class Endless(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while len(sent) < 100:
                sent.append(1)
                yield b"x" * 16_384

    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, stream=Endless()))
    result = await wire.Wire(transport).send(wire.Ask("https://sms.example.com/", form={}), lambda reply: Result("permanent", raw_code=str(
        len(reply.body))))
    assert (result.raw_code, len(sent)) == (str(wire.ANSWER_CAP), 4)


def test_plain_http_goes_to_this_machine_alone() -> None:
    allowed = [url for url in ("https://sms.ru", "http://sms.ru", "http://127.0.0.1:9", "http://127.0.0.1.example.com", "ftp://localhost")
               if addresses.is_allowed(url)]
    assert allowed == ["https://sms.ru", "http://127.0.0.1:9"]


@pytest.mark.parametrize("fake", ["vonage"], indirect=True)
async def test_a_text_that_went_out_by_half_goes_once_more(fake: FakeSms, gateway: Gateway) -> None:
    from app.sms.vonage import read_answer
    from app.sms.wire import Reply

    body = b'{"message-count":"2","messages":[{"message-id":"1","status":"0","message-price":"0.03"},{"status":"1","error-text":"x"}]}'
    assert read_answer(Reply(200, body)).kind == rules.UNKNOWN


async def test_two_accounts_of_one_kind_have_names_of_their_own(outbox: Outbox) -> None:
    one, two = FakeSms("smsru"), FakeSms("smsru")
    await asyncio.gather(one.start(), two.start())
    try:
        one.always = "code:201"
        outbox.gateways = opened(outbox, one, two)
        assert outbox.gateways.names == ("smsru", "smsru-2")
        await outbox.queue()
        await outbox.deliver()
        assert (await outbox.row())["gateway"] == "smsru-2"
    finally:
        await asyncio.gather(one.stop(), two.stop())
