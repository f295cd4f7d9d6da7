import asyncio
import itertools
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.demo.certificates import make_demo_certificates
from app.demo.fakes.apns import Answer, GoAway
from app.push.apns import PLAIN, ApnsClient, split_address, tls_context
from app.push.apns_connection import Limits, read_body
from app.push.rules import Kind
from tests.push.conftest import QUICK, SHARP, TOPIC, chain_of, client_for, key_of, tls_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOMORROW = NOON + timedelta(days=1)


async def push(client, token):
    return await client.push(token, TOPIC, expiration=TOMORROW)


async def push_many(client, tokens):
    return await asyncio.gather(*(push(client, token) for token in tokens))


async def test_a_push_carries_an_empty_dictionary_and_apples_headers(apns, client):
    token, told = apns.issue_token(), []
    apns.attach(token, told.append)
    result = await push(client, token)
    assert (result.kind, result.status) == (Kind.ACCEPTED, 200)
    [seen] = apns.pushes
    assert seen.body == b"{}" and told == [TOPIC]
    assert seen.headers[":path"] == f"/3/device/{token}"
    assert {name: value for name, value in seen.headers.items() if name.startswith("apns-")} == {
        "apns-topic": TOPIC, "apns-push-type": "background", "apns-priority": "5",
        "apns-expiration": str(int(TOMORROW.timestamp())), "apns-id": result.apns_id}


async def test_a_plain_push_names_neither_type_nor_priority_and_is_taken(apns, certificates):
    client, token = client_for(apns, certificates, headers=PLAIN), apns.issue_token()
    assert (await push(client, token)).kind is Kind.ACCEPTED
    [seen] = apns.pushes
    assert not {"apns-push-type", "apns-priority"} & set(seen.headers)
    await client.close()


async def test_many_pushes_share_one_connection(apns, client):
    results = await push_many(client, [apns.issue_token() for _ in range(300)])
    assert {result.kind for result in results} == {Kind.ACCEPTED}
    assert apns.connections == 1


async def test_a_token_longer_than_a_frame_is_refused_by_apns_and_harms_no_other(apns, client):
    results = await push_many(client, [apns.issue_token(), "f" * 40_000, apns.issue_token()])
    assert [result.reason for result in results] == ["", "BadDeviceToken", ""]
    assert apns.connections == 1


async def test_httpx2_is_answered_the_same_as_our_client(apns, client, certificates, chain_file):
    token, ended = apns.issue_token(), apns.issue_token()
    apns.uninstall(ended, NOON)
    context = ssl.create_default_context(cafile=certificates.root)
    context.load_cert_chain(chain_file, certificates.key)
    async with httpx2.AsyncClient(http1=False, http2=True, verify=context, base_url=f"https://{apns.address}") as other:
        for case, topic in ((token, TOPIC), (ended, TOPIC), ("00" * 32, TOPIC), (token, "pass.of.somebody.else")):
            theirs = await other.post(f"/3/device/{case}", content=b"{}", headers={
                "apns-topic": topic, "apns-push-type": "background", "apns-priority": "5"})
            ours = await client.push(case, topic, expiration=TOMORROW)
            assert theirs.http_version == "HTTP/2"
            assert (theirs.status_code, theirs.json()["reason"] if theirs.content else "") == (ours.status, ours.reason)


async def test_a_410_brings_the_moment_the_token_ended(apns, client):
    token = apns.issue_token()
    apns.uninstall(token, NOON)
    result = await push(client, token)
    assert (result.kind, result.reason, result.timestamp) == (Kind.GONE, "Unregistered", NOON)


@pytest.mark.goal("F4")
@pytest.mark.parametrize(("answer", "kind"), [
    (Answer(400, "BadDeviceToken"), Kind.BAD_TOKEN),
    (Answer(400, "TopicDisallowed"), Kind.BUG),
    (Answer(403, "ExpiredProviderToken"), Kind.CONFIGURATION),
    (Answer(410, "ExpiredToken", NOON), Kind.GONE),
    (Answer(429, "TooManyRequests"), Kind.THROTTLED),
    (Answer(429, "TooManyProviderTokenUpdates"), Kind.THROTTLED),
    (Answer(503, "ServiceUnavailable"), Kind.UNAVAILABLE),
    (Answer(500, "InternalServerError"), Kind.UNAVAILABLE),
])
async def test_each_refusal_becomes_its_kind_and_the_next_push_goes_through(apns, client, answer, kind):
    apns.faults.answers.append(answer)
    result = await push(client, apns.issue_token())
    assert (result.kind, result.status, result.reason) == (kind, answer.status, answer.reason)
    assert (await push(client, apns.issue_token())).kind is Kind.ACCEPTED


@pytest.mark.parametrize("answer", [Answer(403, "BadCertificate"), Answer(403, "Forbidden"), Answer(400, "IdleTimeout")])
async def test_after_a_403_or_an_idle_timeout_the_next_push_goes_over_a_new_connection(apns, client, answer):
    apns.faults.answers.append(answer)
    await push(client, apns.issue_token())
    await push(client, apns.issue_token())
    assert apns.connections == 2


@pytest.mark.parametrize("body", [
    "Нет".encode("cp1251"), b"\xff\xfe\x00", b"[" * 4000, b"[]", b'"text"', b'{"reason": 7, "timestamp": "now"}',
    b'{"reason": null, "timestamp": 1e400}', b'{"timestamp": 99999999999999999999999}', b"x" * 16_000])
async def test_an_answer_with_a_garbage_body_is_still_judged_by_its_status(apns, client, body):
    apns.faults.answers.append(Answer(410, raw=body))
    result = await push(client, apns.issue_token())
    assert (result.kind, result.timestamp) == (Kind.GONE, None)
    assert (await push(client, apns.issue_token())).kind is Kind.ACCEPTED


async def test_large_error_bodies_do_not_use_up_the_connections_window(apns, client):
    # 20 bodies of 10 kB are three windows of 64 kB: without acknowledgement the connection would stop.
    apns.faults.answers.extend(Answer(400, raw=b"x" * 10_000) for _ in range(20))
    assert [(await push(client, apns.issue_token())).status for _ in range(20)] == [400] * 20
    assert apns.connections == 1


def test_control_characters_do_not_reach_the_log_through_a_reason():
    assert read_body(b'{"reason": "Bad\\u001b[31m\\nToken"}')[0] == "Bad[31mToken"


@pytest.mark.goal("F4")
async def test_at_a_goaway_with_500_in_flight_exactly_the_unprocessed_are_sent_again(apns, client):
    tokens = [apns.issue_token() for _ in range(500)]
    apns.faults.goaway = GoAway(received=500, processed=217, reason="Shutdown")
    results = await push_many(client, tokens)
    assert {result.kind for result in results} == {Kind.ACCEPTED}
    # Each reached a phone once: the first 217 on the old connection, the rest on the new one.
    assert sorted(seen.token for seen in apns.pushes) == sorted(tokens)
    assert apns.connections == 2


async def test_a_goaway_about_the_certificate_stops_everything_that_waits(apns, client):
    apns.faults.goaway = GoAway(received=3, processed=0, reason="BadCertificate")
    results = await push_many(client, [apns.issue_token() for _ in range(3)])
    assert {(result.kind, result.reason) for result in results} == {(Kind.CONFIGURATION, "BadCertificate")}


async def test_a_refused_stream_is_sent_again_three_times_at_most(apns, client):
    apns.faults.resets = 2
    assert (await push(client, apns.issue_token())).kind is Kind.ACCEPTED
    apns.faults.resets = 3
    assert (await push(client, apns.issue_token())).reason == "Refused"


async def test_the_stream_limit_is_followed_from_the_first_request(apns, client):
    apns.faults.stream_limit = 1
    results = await push_many(client, [apns.issue_token() for _ in range(20)])
    assert {result.kind for result in results} == {Kind.ACCEPTED}
    assert apns.connections == 1


async def test_a_stream_limit_lowered_on_a_live_connection_is_followed(apns, client):
    await push_many(client, [apns.issue_token() for _ in range(20)])
    # radar 27870881: after a rejected push the limit fell to 1.
    apns.set_stream_limit(1)
    apns.faults.answers.append(Answer(400, "BadDeviceToken"))
    results = await push_many(client, [apns.issue_token() for _ in range(20)])
    assert sorted(result.status for result in results) == [200] * 19 + [400]
    apns.set_stream_limit(100)
    results = await push_many(client, [apns.issue_token() for _ in range(50)])
    assert {result.kind for result in results} == {Kind.ACCEPTED} and apns.connections == 1


@pytest.mark.goal("F4")
async def test_bodies_wait_for_a_server_that_opens_its_window_two_bytes_at_a_time(apns, client):
    apns.faults.window = 0
    results = await push_many(client, [apns.issue_token() for _ in range(30)])
    assert {result.kind for result in results} == {Kind.ACCEPTED}


@pytest.mark.goal("F4")
async def test_a_connection_that_went_silent_is_noticed_and_replaced(apns, certificates):
    client = client_for(apns, certificates, SHARP)
    await push(client, apns.issue_token())
    apns.faults.is_silent = True
    result = await push(client, apns.issue_token())
    assert (result.kind, result.reason) == (Kind.UNAVAILABLE, "NoAnswer")
    apns.faults.is_silent = False
    assert (await push(client, apns.issue_token())).kind is Kind.ACCEPTED
    assert apns.connections == 2
    await client.close()


def test_a_dead_connection_is_noticed_within_thirty_seconds_with_the_limits_we_ship():
    limits = Limits()
    assert limits.silence + limits.pong + 2 * limits.tick <= 30 and limits.connect <= 30 and limits.answer <= 30


async def test_a_server_that_answers_pings_but_never_the_push_is_given_up_and_its_stream_given_back(apns, certificates):
    client = client_for(apns, certificates, replace(QUICK, answer=0.7, silence=0.05))
    apns.faults.goaway = GoAway(received=2, processed=2)
    assert (await push(client, apns.issue_token())).reason == "NoAnswer"
    assert apns.connections == 1
    apns.faults.goaway = None
    assert (await push(client, apns.issue_token())).kind is Kind.ACCEPTED
    await client.close()


async def test_a_caller_that_goes_away_leaves_no_stream_behind(apns, certificates):
    client = client_for(apns, certificates)
    apns.faults.stream_limit, apns.faults.goaway = 1, GoAway(received=99, processed=0)
    waiting = asyncio.create_task(push(client, apns.issue_token()))
    while not client._connection:
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    apns.faults.goaway = None
    assert (await push(client, apns.issue_token())).kind is Kind.ACCEPTED
    await client.close()


async def test_a_connection_long_at_rest_is_closed_and_the_next_push_opens_another(apns, client):
    await push(client, apns.issue_token())
    resting = client._connection
    resting._limits = replace(QUICK, idle=0.0)
    await resting.lost
    assert (await push(client, apns.issue_token())).kind is Kind.ACCEPTED
    assert apns.connections == 2


async def test_a_connection_at_rest_is_kept_alive_by_pings(apns, client):
    await push(client, apns.issue_token())
    resting = client._connection
    apns.faults.is_silent = True
    resting._limits = replace(QUICK, keep_alive=0.0, pong=0.05)
    await resting.lost  # noticed although nothing was asked


@pytest.mark.goal("F4")
async def test_attempts_to_connect_never_come_faster_than_the_pace_and_slow_down(apns, certificates):
    times = []
    client = client_for(apns, certificates, Limits(attempt_gap=0.02, patience=10.0, tick=0.01))
    connect = client._connect

    async def noting():
        times.append(asyncio.get_running_loop().time())
        return await connect()

    client._connect = noting
    apns.faults.is_closing = True
    results = [await push(client, apns.issue_token()) for _ in range(5)]
    assert {result.kind for result in results} == {Kind.UNAVAILABLE}
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap >= least for gap, least in zip(gaps, (0.02, 0.04, 0.08, 0.16), strict=True))
    await client.close()


async def test_with_the_limits_we_ship_a_second_attempt_waits_a_second(apns, certificates):
    client = client_for(apns, certificates, Limits(patience=0.1))
    apns.faults.is_closing = True
    assert (await push(client, apns.issue_token())).kind is Kind.UNAVAILABLE
    apns.faults.is_closing = False
    assert (await push(client, apns.issue_token())).reason == "Backoff"
    assert apns.connections == 1
    await client.close()


async def test_an_answered_push_ends_the_backoff(apns, certificates):
    client = client_for(apns, certificates, Limits(attempt_gap=0.001, patience=5.0))
    apns.faults.is_closing = True
    for _ in range(6):
        await push(client, apns.issue_token())
    apns.faults.is_closing = False
    await push(client, apns.issue_token())
    apns.drop_connections()
    await client._connection.lost
    assert client._pace() <= 0.001
    assert (await push(client, apns.issue_token())).kind is Kind.ACCEPTED
    await client.close()


def refuse_one(server: socket.socket, certificates, root: Path) -> None:
    """Apple's part of a handshake with a certificate that it does not accept; asyncio's own server sends no alert."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=root)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates.apns, certificates.apns_key)
    connection, _ = server.accept()
    with connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection, server_side=True)


@pytest.mark.goal("F4")
async def test_an_expired_pass_certificate_is_a_matter_of_configuration(certificates, tmp_path):
    old = make_demo_certificates(tmp_path, pass_type_identifier=TOPIC, team_identifier="TESSERA001", now=NOON - timedelta(days=800))
    with socket.create_server(("127.0.0.1", 0)) as server:
        refusing = asyncio.create_task(asyncio.to_thread(refuse_one, server, certificates, old.root))
        client = ApnsClient(f"127.0.0.1:{server.getsockname()[1]}", tls_of(old, certificates), limits=QUICK)
        result = await push(client, "00" * 32)
        await refusing
        await client.close()
    assert (result.kind, result.reason) == (Kind.CONFIGURATION, "SSLV3_ALERT_CERTIFICATE_EXPIRED")


async def test_a_server_that_our_roots_do_not_know_is_not_talked_to(apns, certificates, tmp_path):
    other = make_demo_certificates(tmp_path, pass_type_identifier=TOPIC, team_identifier="TESSERA001", now=datetime.now(UTC))
    client = ApnsClient(apns.address, tls_of(certificates, other), limits=QUICK)
    result = await push(client, apns.issue_token())
    assert (result.kind, result.reason) == (Kind.CONFIGURATION, "ServerCertificate")
    assert not apns.pushes
    await client.close()


async def test_the_fake_takes_nobody_without_the_pass_certificates_whole_chain(apns, certificates):
    alone = tls_context(certificates.certificate.read_bytes(), key_of(certificates), certificates.root.read_bytes())
    client = ApnsClient(apns.address, alone, limits=QUICK)
    assert (await push(client, apns.issue_token())).kind is not Kind.ACCEPTED
    assert not apns.pushes
    await client.close()


async def test_nobody_listening_is_unavailable(certificates, apns):
    client = client_for(apns, certificates)
    await apns.stop()
    assert (await push(client, "00" * 32)).kind is Kind.UNAVAILABLE
    await client.close()


async def test_a_closed_client_answers_instead_of_hanging(apns, certificates):
    client = client_for(apns, certificates)
    apns.faults.goaway = GoAway(received=99, processed=0)
    waiting = asyncio.create_task(push(client, apns.issue_token()))
    while not client._connection:
        await asyncio.sleep(0)
    await client.close()
    assert (await waiting).reason == "Closed"
    assert (await push(client, apns.issue_token())).reason == "Closed"


def test_the_private_key_is_never_written_in_the_clear(certificates, monkeypatch):
    written = []
    keep = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: written.append((path, data)) or keep(path, data))
    tls_of(certificates)
    [(path, data)] = written
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in data and b"BEGIN PRIVATE KEY" not in data
    assert not path.exists() and not path.parent.exists()


def test_a_certificate_with_another_key_is_refused_at_once(certificates):
    with pytest.raises(ValueError, match="do not fit"):
        tls_context(chain_of(certificates), load_pem_private_key(certificates.apns_key.read_bytes(), None))


@pytest.mark.parametrize(("address", "parts"), [
    ("api.push.apple.com", ("api.push.apple.com", 443)), ("127.0.0.1:2197", ("127.0.0.1", 2197)), ("[::1]:8443", ("::1", 8443)),
    ("https://api.push.apple.com:2197/", ("api.push.apple.com", 2197))])
def test_an_address_may_be_written_in_the_usual_ways(address, parts):
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["", "http://api.push.apple.com", "host:port"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ValueError, match=r"not an address|Port"):
        split_address(address)
