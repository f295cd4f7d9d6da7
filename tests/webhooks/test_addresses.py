"""Goal B12: whatever a name or an answer says, no connection reaches where none may. Sentinels stand there and count."""
import ipaddress
import ssl
from dataclasses import replace

import pytest

from app.demo.certificates import make_demo_certificates
from app.errors import Invalid
from app.webhooks import addresses, service, wire
from app.webhooks.addresses import CLOSED
from app.webhooks.rules import parse_place
from tests import engines
from tests.money import NOON
from tests.webhooks.receiving import Receiver, answering
from tests.webhooks.test_sending import happen

FIRST = (ipaddress.ip_network("127.0.0.1/32"),)
pytestmark = pytest.mark.goal("B12")


@pytest.fixture
def database_url(tmp_path) -> str:
    """What is connected to does not depend on the engine."""
    return engines.sqlite_url(tmp_path, migrated=True)


class Names:
    """A name server: each answer in turn, the last one again and again."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = [[ipaddress.ip_address(each) for each in answer] for answer in answers], 0

    async def __call__(self, host):
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@pytest.fixture
async def sentinels(start):
    """One at each corner of this machine that a test can stand at."""
    return [await start(Receiver(host=host)) for host in ("127.0.0.1", "127.0.0.2", "::1")]


@pytest.mark.parametrize("told", [
    ["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["2002:7f00:1::"], ["0.0.0.0"], ["::"], ["169.254.169.254"],
    ["10.1.2.3"], ["fe80::1"], ["100.64.1.1"], ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "2606:4700::1111"]])
async def test_a_name_that_leads_inside_with_any_of_its_addresses_is_not_connected_to(told, sentinels):
    for sentinel in sentinels:
        line = wire.Line(parse_place(f"https://crm.example.com:{sentinel.port}/"), (), look_up=Names(told))
        reply = await line.post(b"{}", {})
        assert (reply.status, reply.why) == (None, CLOSED)
    assert [sentinel.connections for sentinel in sentinels] == [0, 0, 0]


@pytest.mark.parametrize("host", [
    "127.0.0.1", "[::1]", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "localhost"])
async def test_no_spelling_of_this_machine_is_taken_or_connected_to(host, here, shop, sentinels):
    settings = replace(here.settings, webhook_private=())
    for sentinel in sentinels:
        with pytest.raises(Invalid):
            await service.create(replace(here, settings=settings), shop.who, f"https://{host}:{sentinel.port}/", ["card.created"], "", None,
                                 here.clock.now())
    assert [sentinel.connections for sentinel in sentinels] == [0, 0, 0]
    assert await here.db.fetch_val("SELECT COUNT(*) FROM webhooks") == 0


async def test_the_system_s_resolver_is_judged_like_any_other(sentinels):
    [sentinel, *_] = sentinels
    place = parse_place(f"https://localhost.example.com:{sentinel.port}/")
    line = wire.Line(replace(place, host="localhost"), ())
    assert (await line.post(b"{}", {})).why == CLOSED and sentinel.connections == 0


async def test_a_name_that_changes_between_look_and_connection_gains_nothing(start, sentinels):
    receiver, names = await start(), Names(["127.0.0.1"], ["127.0.0.2"])
    sentinel = await start(Receiver(host="127.0.0.2"))
    line = wire.Line(parse_place(f"http://crm.example.com:{receiver.port}/", FIRST), FIRST, look_up=names)
    for _ in range(2):
        assert (await line.post(b"{}", {})).status == 200
    assert names.asked == 1, "asked once for a connection, and connected to what was judged"
    line.close()
    assert (await line.post(b"{}", {})).why == CLOSED, "the next connection asks anew and judges anew"
    assert receiver.connections == 1 and sentinel.connections == 0


async def test_a_receiver_that_points_elsewhere_is_not_followed(here, shop, hand, start):
    sentinel = await start()
    for status in (301, 302, 303, 307, 308):
        receiver = await start(Receiver(answer=answering(status, f"Location: {sentinel.url}\r\nRefresh: 0; url={sentinel.url}\r\n")))
        await hand.add(receiver.url)
        await happen(here, shop, card_id=1)
        await hand.send()
        [*_, row] = await here.db.fetch_all("SELECT status, state FROM deliveries ORDER BY id")
        assert tuple(row) == (status, "waiting") and len(receiver.got) >= 1
        await here.db.execute("UPDATE webhooks SET deleted_at = 1")
    assert sentinel.connections == 0


async def test_proxies_of_the_environment_are_not_used(here, shop, hand, start, monkeypatch):
    receiver, proxy = await start(), await start()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    await hand.add(receiver.url)
    await happen(here, shop, card_id=1)
    await hand.send()
    assert len(receiver.got) == 1 and proxy.connections == 0


async def test_the_certificate_must_be_the_name_s_though_the_connection_goes_to_an_address(start, tmp_path):
    made = make_demo_certificates(tmp_path, pass_type_identifier="pass.example.hook", team_identifier="TESSERA001", now=NOON)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(made.apns, made.apns_key)
    receiver, trust = await start(context=served), ssl.create_default_context(cafile=str(made.root))

    async def post(host: str, trusted: ssl.SSLContext | None) -> wire.Reply:
        line = wire.Line(parse_place(f"https://{host}:{receiver.port}/", FIRST), FIRST, trust=trusted, look_up=Names(["127.0.0.1"]))
        reply = await line.post(b"{}", {})
        line.close()
        return reply

    assert (await post("localhost", trust)).status == 200 and receiver.names == ["localhost"]
    for wrong in (await post("crm.example.com", trust), await post("localhost", None)):
        assert wrong.status is None and wrong.why.startswith(wire.BAD_CERTIFICATE)
    assert receiver.names[1] == "crm.example.com" and len(receiver.got) == 1


async def test_a_name_that_does_not_exist_is_no_mistake_of_ours(monkeypatch):
    async def nowhere(host):
        raise OSError("no such name")

    reply = await wire.Line(parse_place("https://crm.example.com/"), (), look_up=nowhere).post(b"{}", {})
    assert (reply.status, reply.why) == (None, addresses.NOT_FOUND)


@pytest.mark.parametrize("answer", [b"", b"\r\n\r\n", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
                                    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", b"\x16\x03\x01" * 100,
                                    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"])
async def test_an_answer_that_is_no_http_is_a_failed_try(answer, start):
    receiver = await start(Receiver(answer=answer, closes=True))
    reply = await wire.Line(parse_place(receiver.url, FIRST), FIRST).post(b"{}", {})
    assert reply.status is None and reply.why
