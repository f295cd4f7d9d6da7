"""Our update service beside one that is not ours: the simulated phone makes the same calls to both, and the answers are compared.

hono-passkit-webservice is written by passkit-generator's author from Apple's text. Where we answer otherwise on purpose stands in ACCEPTED.
"""
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.demo.phone_wire import Wire, WireError, authorised
from app.passes.check import check_pkpass
from tests.flows import phones
from tests.interop.gallery import node_modules

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
DEVICE, PUSH_TOKEN, WRONG = "b33e3a3dccb3030333e3333da33333a3", "ab" * 32, "not-the-token-of-this-pass"
COMPARED = ("last-modified", "location", "set-cookie", "www-authenticate", "cache-control", "allow")


class Answer(NamedTuple):
    """What a phone can tell two answers apart by: the content type without its charset, and which of COMPARED are there."""

    status: int
    content_type: str
    headers: frozenset[str]
    has_body: bool


class Pass(NamedTuple):
    """What a phone knows of the pass that it holds."""

    service: str
    pass_type: str
    serial: str
    token: str


NO_STORE = "nothing of ours is kept by caches on the way"
# call → what is otherwise here, and why that is right
ACCEPTED: dict[str, dict[str, Any]] = {
    "any": {"cache-control": NO_STORE},
    "any without a body": {"content_type": "theirs calls nothing at all text/plain"},
    "any 401": {"content_type": "a problem as RFC 9457 has it; phones read no error's body",
                "www-authenticate": "RFC 9110: a 401 names a scheme"},
    "get with the date": {"last-modified": "RFC 9110: a 304 repeats what a 200 would have said"},
}


class Recorder(httpx2.AsyncBaseTransport):
    """Passes requests on and keeps what came back."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self.inner, self.last = inner, None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self.inner.handle_async_request(request)
        body = await answer.aread()
        kind = answer.headers.get("content-type", "").partition(";")[0]
        self.last = Answer(answer.status_code, kind, frozenset(each for each in COMPARED if each in answer.headers), bool(body))
        return answer


async def walk(inner: httpx2.AsyncBaseTransport, held: Pass) -> dict[str, Answer]:
    """Every call that a phone makes in its life with a pass, right and wrong, by name."""
    recorder, told = Recorder(inner), {}
    async with httpx2.AsyncClient(transport=recorder) as http:
        wire, (service, pass_type, serial, token) = Wire(http, DEVICE), held
        registration = f"{service}/v1/devices/{DEVICE}/registrations/{pass_type}"
        address = f"{service}/v1/passes/{pass_type}/{serial}"

        async def note(name: str, call: Any) -> Any:
            result = None
            with suppress(WireError):
                result = await call
            told[name] = recorder.last
            return result

        await note("list before", wire.list_changed(service, pass_type, None))
        await note("register with another token", wire.register(service, pass_type, serial, WRONG, PUSH_TOKEN))
        await note("register without a token", http.post(f"{registration}/{serial}", json={"pushToken": PUSH_TOKEN}))
        assert await note("register", wire.register(service, pass_type, serial, token, PUSH_TOKEN)) is True
        assert await note("register again", wire.register(service, pass_type, serial, token, "cd" * 32)) is False
        listed = await note("list", wire.list_changed(service, pass_type, None))
        assert listed.serials == (serial,)
        await note("list with an empty tag", wire.list_changed(service, pass_type, ""))
        await note("list with the tag", wire.list_changed(service, pass_type, listed.tag))
        await note("list with garbage", wire.list_changed(service, pass_type, "garbage"))
        await note("list of another device", http.get(registration.replace(DEVICE, "another")))
        await note("get without a token", http.get(address))
        await note("get with another token", wire.get_pass(service, pass_type, serial, WRONG, ""))
        fetched = await note("get", wire.get_pass(service, pass_type, serial, token, ""))
        assert check_pkpass(fetched.data, root_pem=None).serial_number == serial
        again = await note("get with the date", wire.get_pass(service, pass_type, serial, token, fetched.last_modified))
        assert again.data is None
        await note("head", http.head(address, headers=authorised(token)))
        await note("log", wire.log(service, ["[2026-11-22 04:00:00 +0000] Something"]))
        await note("unregister with another token", wire.unregister(service, pass_type, serial, WRONG))
        await note("unregister", wire.unregister(service, pass_type, serial, token))
        await note("unregister again", wire.unregister(service, pass_type, serial, token))
        await note("list after", wire.list_changed(service, pass_type, listed.tag))
    return told


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return make_demo_certificates(tmp_path_factory.mktemp("compared"), pass_type_identifier=phones.TOPIC, team_identifier=phones.TEAM,
                                  now=phones.NOW - timedelta(days=1))


@pytest.fixture
async def world(settings, db, ring, ids, certificates) -> AsyncIterator[phones.World]:
    async with phones.running(settings, db, ring, ids, certificates) as made:
        yield made


@pytest.fixture
async def held(world: phones.World, tmp_path: Path) -> Pass:
    data = await world.file()
    (tmp_path / "card.pkpass").write_bytes(data)
    contents = check_pkpass(data, root_pem=world.root_pem)
    assert contents.web_service_url
    assert contents.authentication_token
    return Pass(contents.web_service_url, contents.pass_type_identifier, contents.serial_number, contents.authentication_token)


@pytest.fixture
def other_service(held: Pass, tmp_path: Path) -> Iterator[str]:
    """The address of hono-passkit-webservice with the same pass."""
    script = str(Path(__file__).with_name("update_service.mjs"))
    with subprocess.Popen(["node", script, str(node_modules()), str(tmp_path / "card.pkpass"), held.pass_type, held.serial, held.token],
                          stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        port = server.stdout.readline().strip()
        assert port, "the other update service did not start"
        yield f"http://127.0.0.1:{port}"
        server.terminate()


STATUSES = {
    "list before": 204, "register with another token": 401, "register without a token": 401, "register": 201, "register again": 200,
    "list": 200, "list with an empty tag": 200, "list with the tag": 204, "list with garbage": 200, "list of another device": 204,
    "get without a token": 401, "get with another token": 401, "get": 200, "get with the date": 304, "head": 200, "log": 200,
    "unregister with another token": 401, "unregister": 200, "unregister again": 200, "list after": 204}


async def walked(world: phones.World, held: Pass, other_service: str) -> tuple[dict[str, Answer], dict[str, Answer]]:
    """What the phone was answered here, and there."""
    ours = await walk(world.line, held)
    async with httpx2.AsyncHTTPTransport(trust_env=False) as line:
        return ours, await walk(line, held._replace(service=other_service))


async def test_both_update_services_answer_a_phone_alike(world, held, other_service) -> None:
    ours, theirs = await walked(world, held, other_service)
    assert {call: answer.status for call, answer in ours.items()} == STATUSES
    assert list(theirs) == list(STATUSES)
    different = {call: (ours[call], theirs[call]) for call in ours if not is_accepted(call, ours[call], theirs[call])}
    assert not different


def is_accepted(call: str, ours: Answer, theirs: Answer) -> bool:
    reasons = {*ACCEPTED["any"], *ACCEPTED.get(call, ()), *(ACCEPTED["any 401"] if ours.status == 401 else ()),
               *(() if ours.has_body else ACCEPTED["any without a body"])}
    return (ours.status == theirs.status and ours.has_body == theirs.has_body
            and (ours.content_type == theirs.content_type or "content_type" in reasons)
            and ours.headers ^ theirs.headers <= reasons)


async def test_what_is_accepted_is_what_is_different(world, held, other_service) -> None:
    """A difference that is gone must leave the list."""
    ours, theirs = await walked(world, held, other_service)
    pairs = {call: (ours[call], theirs[call]) for call in ours}
    assert all("cache-control" in one.headers and "cache-control" not in other.headers for one, other in pairs.values())
    assert {(one.content_type, other.content_type) for one, other in pairs.values() if one.status == 401} == {
        ("application/problem+json", "application/json")}
    assert {one.headers - other.headers for one, other in pairs.values() if one.status == 401} == {
        frozenset({"cache-control", "www-authenticate"})}
    assert ("", "text/plain") in {(one.content_type, other.content_type) for one, other in pairs.values() if not one.has_body}
    [(one, other)] = [pair for call, pair in pairs.items() if call in ACCEPTED]
    assert one.headers - other.headers == {"cache-control", *ACCEPTED["get with the date"]}


async def test_our_date_of_a_version_stands_still_and_theirs_is_the_moment_of_the_answer(world, held) -> None:
    """Theirs makes every If-Modified-Since a guess; ours is the version's own."""
    async with httpx2.AsyncClient(transport=world.line) as http:
        wire = Wire(http, DEVICE)
        first = await wire.get_pass(*held, "")
        world.here.clock.advance(minutes=5)
        assert (await wire.get_pass(*held, "")).last_modified == first.last_modified
