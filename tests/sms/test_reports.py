"""Reports move a message forward and nothing else; what is late, doubled, swapped or forged changes nothing."""
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.clock import to_ms
from app.context import Context
from app.demo.fakes.sms_gateways import APIS, PASSWORD, USER, Call, FakeSms, Taken
from app.settings import load
from app.sms import callbacks, gateways, polling, reports, suppression
from tests import engines
from tests.shops import make_shop
from tests.sms.carrying import PHONE, Outbox

DELIVERED = {"twilio": "delivered", "vonage": "delivered", "smsc": "1", "smsru": "103", "smsaero": "1", "webhook": "delivered"}
UNDELIVERED = {"twilio": "undelivered", "vonage": "failed", "smsc": "20", "smsru": "105", "smsaero": "2", "webhook": "undelivered"}
ON_THE_WAY = {"twilio": "sent", "vonage": "buffered", "smsc": "0", "smsru": "102", "smsaero": "3", "webhook": "accepted"}
SIGNED = ("twilio", "vonage", "webhook")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


class World:
    """A business, its outbox, one stand-in gateway, and the server's own door."""

    def __init__(self, here: Context, client: httpx2.AsyncClient, outbox: Outbox, fake: FakeSms) -> None:
        self.here, self.client, self.outbox, self.fake = here, client, outbox, fake

    async def send(self, e164: str = PHONE) -> Taken:
        await self.outbox.queue(e164)
        await self.outbox.deliver()
        return self.fake.taken[-1]

    async def path(self, what: str = "report") -> str:
        secret = await callbacks.secret_of(self.here.db, self.here.ring, self.outbox.business_id, self.here.clock.now())
        return callbacks.path_of(self.fake.kind, secret, what)

    def made(self, taken: Taken, state: str, **more: Any) -> Call:
        """The gateway's report; the operator's webhook dates its own."""
        if self.fake.kind == "webhook":
            more["at"] = to_ms(self.here.clock.now()) // 1000 + more.pop("late", 0)
        return self.fake.api.report(taken, state, **more)

    async def call(self, call: Call) -> httpx2.Response:
        """Those whose address stands in their cabinet are told it there."""
        url = call.url or f"https://cards.example.com{await self.path()}"
        return await self.client.request(call.method, url, content=call.body, headers=dict(call.headers))

    async def report(self, taken: Taken, states: dict[str, str]) -> httpx2.Response:
        answer = await self.call(self.made(taken, states[self.fake.kind]))
        if self.fake.kind == "smsaero":                 # a knock: what counts is what it says when it is asked
            taken.state = int(states["smsaero"])
            await polling.poll_due(self.here)
            self.here.clock.advance(seconds=31)
        return answer

    async def state(self, message_id: int = 1) -> str:
        return (await self.outbox.row(message_id))["state"]


@pytest.fixture
async def world(request: pytest.FixtureRequest, here: Context, client: httpx2.AsyncClient) -> AsyncIterator[World]:
    fake = FakeSms(request.param)
    await fake.start()
    settings = load({"TESSERA_URL": "https://cards.example.com", "TESSERA_SMS": fake.address})
    here.extras["gateways"] = gateways.open_gateways(settings, here.db, here.clock)
    shop = await make_shop(here)
    outbox = Outbox(here.db, here.ring, replace(here.settings, sms_price_minor=500), here.clock, shop.business_id)
    outbox.gateways = here.extras["gateways"]
    yield World(here, client, outbox, fake)
    await fake.stop()


every = pytest.mark.parametrize("world", list(APIS), indirect=True)
signed = pytest.mark.parametrize("world", SIGNED, indirect=True)
twilio = pytest.mark.parametrize("world", ["twilio"], indirect=True)


@every
async def test_a_report_moves_the_message_and_is_answered_as_the_gateway_expects(world: World) -> None:
    taken = await world.send()
    answer = await world.report(taken, ON_THE_WAY)
    assert await world.state() == "accepted"
    answer = await world.report(taken, DELIVERED)
    row = await world.outbox.row()
    assert (row["state"], row["phone_sealed"], row["poll_at"]) == ("delivered", None, None)
    assert (answer.status_code, answer.text) == (200, {"smsru": "100", "twilio": "<Response/>", "vonage": "", "webhook": ""}.get(
        world.fake.kind, "OK"))


@pytest.mark.goal("F5")
@every
async def test_late_doubled_and_swapped_reports_change_nothing(world: World) -> None:
    taken = await world.send()
    await world.report(taken, DELIVERED)
    before = await world.outbox.row()
    for states in (DELIVERED, ON_THE_WAY, UNDELIVERED):
        assert (await world.report(taken, states)).status_code == 200
    assert await world.outbox.row() == before


@pytest.mark.goal("F5")
@signed
async def test_a_forged_report_is_refused_and_changes_nothing(world: World) -> None:
    taken = await world.send()
    before = await world.outbox.row()
    genuine, forged = world.made(taken, DELIVERED[world.fake.kind]), world.made(taken, DELIVERED[world.fake.kind], key="guessed")
    for call in (forged, replace(genuine, headers={"Content-Type": genuine.headers["Content-Type"]}, body=forged.body),
                 replace(genuine, body=genuine.body.replace(b"elivered", b"eleteddd"))):
        assert (await world.call(call)).status_code == 403
    assert await world.outbox.row() == before
    assert reports.counts(world.here)["forged"] == 3


@pytest.mark.parametrize("world", ["webhook"], indirect=True)
async def test_a_webhooks_report_that_was_caught_cannot_be_played_again_later(world: World) -> None:
    taken = await world.send()
    assert (await world.call(world.made(taken, "delivered", late=-301))).status_code == 403
    assert (await world.call(world.made(taken, "delivered", late=-299))).status_code == 200


@pytest.mark.goal("F5")
@every
async def test_a_report_at_a_wrong_address_or_of_an_unknown_message_changes_nothing(world: World) -> None:
    taken = await world.send()
    before = await world.outbox.row()
    call = world.made(taken, DELIVERED[world.fake.kind])
    path = await world.path()
    for wrong in (path[:-len("/report") - 1] + "0/report", path.replace("/sms/", "/sms/other-"), "/sms/smsc/short/report"):
        answer = await world.client.post(wrong, content=call.body, headers=dict(call.headers))
        assert answer.status_code == 404, wrong
    stranger = replace(taken, id="SM" + "9" * 32 if world.fake.kind == "twilio" else "987654")
    assert (await world.call(world.made(stranger, DELIVERED[world.fake.kind]))).status_code == 200
    # A knock at the right address at most makes us ask earlier, and the gateway's own word counts.
    assert {**await world.outbox.row(), "poll_at": None} == {**before, "poll_at": None}


@pytest.mark.goal("F5")
@every
async def test_another_businesss_address_moves_nothing(world: World) -> None:
    taken = await world.send()
    before = await world.outbox.row()
    other = await make_shop(world.here, slug="leaf", name="Leaf & Line")
    secret = await callbacks.secret_of(world.here.db, world.here.ring, other.business_id, world.here.clock.now())
    foreign = f"https://cards.example.com{callbacks.path_of(world.fake.kind, secret)}"
    taken.report_url = foreign + (f"?ref={taken.ref}" if world.fake.kind in ("twilio", "smsaero") else "")
    call = world.made(taken, DELIVERED[world.fake.kind])
    assert (await world.client.post(call.url or foreign, content=call.body, headers=dict(call.headers))).status_code == 200
    assert await world.outbox.row() == before


@every
async def test_a_week_later_nobody_listens(world: World) -> None:
    taken = await world.send()
    before = await world.outbox.row()
    world.here.clock.advance(days=7, seconds=1)
    assert (await world.call(world.made(taken, DELIVERED[world.fake.kind]))).status_code == 200
    assert await world.outbox.row() == before


@pytest.mark.goal("F5")
@every
async def test_ten_megabytes_are_refused_before_they_are_read(world: World) -> None:
    await world.send()
    before = await world.outbox.row()
    answer = await world.client.post(await world.path(), content=b"data=" + b"x" * 10_000_000,
                                     headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 413
    assert await world.outbox.row() == before


@every
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", b"[1, 2]", b"a=1&" * 2000, b'{"id": {"a": 1}}'])
async def test_nonsense_is_refused_or_dropped_and_never_an_error_of_ours(world: World, body: bytes) -> None:
    await world.send()
    before = await world.outbox.row()
    for media_type in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
        answer = await world.client.post(await world.path(), content=body, headers={"Content-Type": media_type})
        assert answer.status_code in (200, 403, 422)
    assert await world.outbox.row() == before


@pytest.mark.goal("F5")
@pytest.mark.parametrize("world", ["twilio", "vonage", "smsc", "smsru", "webhook"], indirect=True)
async def test_a_report_that_is_faster_than_the_answer_is_not_lost(world: World) -> None:
    async def tells(taken: Taken) -> None:
        assert (await world.call(world.made(taken, DELIVERED[world.fake.kind]))).status_code == 200

    world.fake.before_answer = tells
    await world.send()
    assert await world.state() == "delivered"
    assert await world.here.db.fetch_val("SELECT COUNT(*) FROM sms_early_reports") == 0


@pytest.mark.goal("F5")
@pytest.mark.parametrize("world", ["twilio", "vonage"], indirect=True)
async def test_a_signed_report_about_a_message_whose_answer_was_lost_spares_the_second_one(world: World) -> None:
    world.fake.always = "reset"
    taken = await world.send()
    assert await world.state() == "queued"
    await world.report(taken, ON_THE_WAY)
    row = await world.outbox.row()
    assert (row["state"], row["provider_id"], row["text_sealed"]) == ("accepted", taken.id, None)
    world.here.clock.advance(seconds=90)
    assert await world.outbox.deliver() == 0
    await world.report(taken, DELIVERED)
    assert (await world.state(), len(world.fake.taken)) == ("delivered", 1)


async def _spent(world: World) -> set[int]:
    return {row["reserved_minor"] for row in await world.here.db.fetch_all("SELECT reserved_minor FROM sms_spend")}


@pytest.mark.parametrize(("world", "state", "cost"), [("smsru", 103, 235), ("smsc", 1, 140), ("smsaero", 1, 195)], indirect=["world"])
async def test_what_a_message_cost_after_all_is_settled_once(world: World, state: int, cost: int) -> None:
    taken = await world.send()
    world.here.clock.advance(minutes=5)
    taken.state = state
    await polling.poll_due(world.here)
    await polling.poll_due(world.here)
    assert ((await world.outbox.row())["reserved_minor"], await _spent(world)) == (cost, {cost})


@pytest.mark.parametrize("world", ["vonage"], indirect=True)
async def test_a_price_in_another_currency_leaves_the_caps_as_they_were(world: World) -> None:
    await world.report(await world.send(), DELIVERED)
    assert await _spent(world) == {500}


@twilio
async def test_the_signature_holds_for_the_address_with_its_port_and_by_sha256_where_that_is_set_up(world: World) -> None:
    from app.sms import twilio as driver

    taken = await world.send()
    call = world.made(taken, "delivered")
    form = [tuple(part.split("=")) for part in call.body.decode().replace("%2B", "+").split("&")]
    with_port = call.url.replace("cards.example.com", "cards.example.com:443")
    signature = driver.signature(PASSWORD, with_port, form)
    assert (await world.call(replace(call, headers={**call.headers, "X-Twilio-Signature": signature}))).status_code == 200
    by_sha256 = {**call.headers, "X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_SHA256"}
    assert (await world.call(replace(call, headers=by_sha256))).status_code == 403      # no shared key was set
    assert await world.state() == "delivered"


def test_the_signatures_are_those_of_the_carriers_own_code() -> None:
    """Twilio's example of its documentation; Vonage's as its own library computes it."""
    from app.sms import twilio as t
    from app.sms import vonage as v

    pairs = [("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"), ("From", "+14158675309"),
             ("To", "+18005551212")]
    assert t.signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", pairs) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    told = {"a": "1&2", "b": "x=y", "sig": "ignored"}
    import hashlib
    import hmac

    assert v.signature("s", "sha256", told) == hmac.new(b"s", b"&a=1_2&b=x_y", hashlib.sha256).hexdigest()
    assert v.signature("s", "md5hash", told) == hashlib.md5(b"&a=1_2&b=x_ys", usedforsecurity=False).hexdigest()


async def _write(world: World, text: str, key: str = "") -> int:
    if world.fake.kind == "twilio":
        url = f"https://cards.example.com{await world.path('inbound')}"
        call = world.fake.api.signed(url, {"From": PHONE, "To": "+15005550006", "Body": text, "AccountSid": USER}, key or PASSWORD)
        return (await world.client.post(url, content=call.body, headers=dict(call.headers))).status_code
    from app.demo.fakes.sms_gateways import SIGNING
    from app.sms import vonage as driver

    told = {"msisdn": PHONE[1:], "to": "15005550006", "text": text, "messageId": "0B1"}
    told["sig"] = driver.signature(key or SIGNING, "sha256", told)
    return (await world.client.get(await world.path("inbound"), params=told)).status_code


@pytest.mark.parametrize("world", ["twilio", "vonage"], indirect=True)
async def test_who_answers_stop_is_not_written_to_until_they_say_start(world: World) -> None:
    async def is_stopped() -> bool:
        return await suppression.is_suppressed(world.here.db, world.here.ring, world.outbox.business_id, PHONE)

    assert await _write(world, "stop, please?") == 200 and not await is_stopped()
    assert await _write(world, "Stop", key="forged") == 403 and not await is_stopped()
    assert await _write(world, " Stop ") == 200 and await is_stopped()
    assert await _write(world, "START") == 200 and not await is_stopped()
    assert await _write(world, "СТОП") == 200 and await is_stopped()


@twilio
async def test_a_word_to_a_number_that_businesses_share_is_said_to_all_that_wrote_from_it(world: World) -> None:
    other, third = [await make_shop(world.here, slug=slug, name=slug.title()) for slug in ("leaf", "bean")]
    outbox = Outbox(world.here.db, world.here.ring, world.outbox.settings, world.here.clock, other.business_id)
    outbox.gateways = world.outbox.gateways
    await outbox.queue()
    await outbox.deliver()
    await _write(world, "STOP")
    stopped = [await suppression.is_suppressed(world.here.db, world.here.ring, business_id, PHONE)
               for business_id in (world.outbox.business_id, other.business_id, third.business_id)]
    assert stopped == [True, True, False]


@pytest.mark.parametrize("world", ["smsc"], indirect=True)
async def test_nobody_can_write_to_a_gateway_without_numbers(world: World) -> None:
    assert (await world.client.post(await world.path("inbound"), data={"From": PHONE, "Body": "STOP"})).status_code == 404


@pytest.mark.goal("A7")
@twilio
async def test_the_secret_of_an_address_is_sealed_made_once_and_in_no_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(10)
    path = await world.path()
    assert path == await world.path()
    secret = path.split("/")[3]
    assert len(secret) >= 22
    await world.client.post(path, content=b"x=1")
    row = dict((await world.here.db.fetch_all("SELECT * FROM sms_callbacks"))[0])
    assert secret not in repr({name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()})
    ours = [record for record in caplog.records if record.name.startswith("tessera")]
    assert ours and [record for record in ours if secret in record.getMessage() + str(record.__dict__)] == []


@twilio
async def test_looking_whether_an_address_is_there_moves_nothing(world: World) -> None:
    await world.send()
    assert (await world.client.head(await world.path())).status_code == 200
    assert await world.state() == "accepted"
