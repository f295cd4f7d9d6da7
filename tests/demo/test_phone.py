import io
import json
import stat
from datetime import timedelta

import httpx2
import pytest

from app.clock import FixedClock
from app.demo.certificates import make_demo_certificates
from app.demo.fakes.apns import FakeApns
from app.demo.phone import Phone, PhoneError, pass_address
from app.demo.phone_cli import find_root, install
from app.demo.phone_wire import short
from tests.demo.conftest import NOON, PASS_TYPE, SERVICE, TEAM, TOKEN

CARD_PAGE = "http://127.0.0.1:9/c/aVerySecretToken"


@pytest.fixture
async def phone(root_pem, service):
    phone = Phone(root_pem=root_pem, clock=FixedClock(NOON), transport=service, retry_seconds=())
    yield phone
    await phone.close()


@pytest.fixture
async def installed(phone, service, maker):
    service.publish(maker.make(100))
    await phone.install(CARD_PAGE)
    service.calls.clear()
    return phone


def balance(phone):
    return phone.passes[0].contents.field("points")["value"]


async def test_installing_registers_then_lists_then_gets_as_ios_does(phone, service, maker):
    service.publish(maker.make(100))
    await phone.install(CARD_PAGE)
    device = phone.memory.device_library_identifier
    registration = f"devices/{device}/registrations/{PASS_TYPE}"
    assert service.calls == [
        ("GET", "/c/aVerySecretToken/card.pkpass", 200), ("POST", f"{registration}/serial-1", 201),
        ("GET", registration, 200), ("GET", f"passes/{PASS_TYPE}/serial-1", 200)]
    assert service.registered == {(device, "serial-1"): phone.memory.push_token}
    assert service.logs == [] and all(step.is_good for step in phone.steps)


async def test_the_list_is_asked_for_without_authorization_and_the_others_with_it(installed, service, maker):
    service.publish(maker.make(150))
    await installed.pushed(PASS_TYPE)
    authorization = {request.url.path.split("/")[4]: request.headers.get("authorization") for request in service.requests[1:]}
    assert authorization == {"devices": None, "passes": f"ApplePass {TOKEN}"}


async def test_a_push_brings_the_new_balance_and_the_lock_screens_words_in_both_languages(installed, service, maker):
    service.publish(maker.make(150))
    await installed.pushed(PASS_TYPE)
    assert balance(installed) == 150
    [message] = installed.messages
    assert message.texts == {"en": "You have 150 points", "ru": "У вас 150 баллов"}
    assert message.titles["en"] == "Coffee corner"


async def test_a_field_that_changes_without_a_change_message_stays_silent(installed, service, maker):
    service.publish(maker.make(100, name="Anna Maria"))
    await installed.pushed(PASS_TYPE)
    assert installed.passes[0].contents.field("name")["value"] == "Anna Maria"
    assert not installed.messages


async def test_the_first_version_never_announces_itself(installed):
    assert not installed.messages


async def test_the_tag_and_the_date_come_back_as_they_were_given(installed, service, maker):
    service.publish(maker.make(150))
    await installed.pushed(PASS_TYPE)
    listing, getting = service.requests[-2:]
    assert listing.url.params["passesUpdatedSince"] == "1"
    assert getting.headers["if-modified-since"] == "Sun, 22 Nov 2026 12:00:01 GMT"


async def test_a_push_about_nothing_new_ends_at_the_list(installed, service):
    await installed.pushed(PASS_TYPE)
    assert [status for _, _, status in service.calls] == [204]


async def test_two_changes_between_list_and_push_end_with_the_newest(installed, service, maker):
    service.publish(maker.make(150))
    service.publish(maker.make(175))
    await installed.pushed(PASS_TYPE)
    await installed.pushed(PASS_TYPE)
    assert balance(installed) == 175 and service.logs == []


@pytest.mark.parametrize("spoil", ["pass.json", "icon@2x.png", "manifest.json", "signature"])
async def test_a_pass_that_was_tampered_with_is_refused_and_the_old_one_kept(installed, service, maker, spoil):
    service.publish(maker.make(999, spoil=spoil))
    await installed.pushed(PASS_TYPE)
    assert balance(installed) == 100
    assert "Get pass task" in service.logs[-1] and not installed.steps[-1].is_good


async def test_a_pass_of_another_root_is_refused(phone, service, maker, tmp_path):
    other = make_demo_certificates(tmp_path, pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOON)
    stranger = Phone(root_pem=other.root.read_bytes(), clock=FixedClock(NOON), transport=service)
    service.publish(maker.make(100))
    with pytest.raises(PhoneError, match="another issuer"):
        await stranger.install(CARD_PAGE)
    assert not stranger.passes and not service.registered
    await stranger.close()


async def test_without_a_root_the_passes_own_chain_is_followed_but_hashes_still_count(service, maker):
    phone = Phone(root_pem=None, clock=FixedClock(NOON), transport=service)
    await phone.install(maker.make(100, service=None))
    with pytest.raises(PhoneError):
        await phone.install(maker.make(100, service=None, spoil="pass.json"))
    await phone.close()


async def test_a_new_version_with_another_token_is_not_the_same_pass(installed, service, maker):
    service.publish(maker.make(150, service=None, webServiceURL=SERVICE, authenticationToken="another-token-of-16-characters"))
    await installed.pushed(PASS_TYPE)
    assert balance(installed) == 100 and "authenticationToken" in service.logs[-1]
    assert "another-token" not in service.logs[-1]


async def test_a_repeated_tag_is_reported_to_the_issuer(installed, service, maker):
    service.publish(maker.make(150))
    service.tag = "1"
    await installed.pushed(PASS_TYPE)
    assert "the lastUpdated tag (1) remained the same" in service.logs[0]


async def test_a_numeric_tag_makes_the_phone_ignore_the_answer(installed, service, maker):
    service.publish(maker.make(150))
    service.tag = 2
    await installed.pushed(PASS_TYPE)
    assert balance(installed) == 100 and "Get serial numbers task" in service.logs[0]


async def test_a_missing_last_modified_is_reported(installed, service, maker):
    service.publish(maker.make(150))
    service.is_without_date = True
    await installed.pushed(PASS_TYPE)
    assert balance(installed) == 150 and "'last-modified' header" in service.logs[0]


async def test_an_unchanged_pass_behind_a_list_is_reported(installed, service, maker):
    service.publish(service.passes["serial-1"])
    await installed.pushed(PASS_TYPE)
    assert "but the pass was unchanged" in service.logs[0]


async def test_a_service_that_ignores_the_date_is_reported(installed, service, maker):
    service.modified["serial-1"] = "Sun, 22 Nov 2026 13:00:00 GMT"
    await installed.refresh(PASS_TYPE, "serial-1")
    assert "ignored the 'if-modified-since' header" in service.logs[0] and "serial number 'serial-1'" in service.logs[0]


async def test_the_wallet_shows_a_stack_for_each_pass_type_and_hides_what_has_ended(phone, installed, service, maker):
    service.publish(maker.make(100, "serial-2"), "serial-2")
    await installed.install(service.passes["serial-2"])
    service.publish(maker.make(100, "serial-3", voided=True), "serial-3")
    await installed.install(service.passes["serial-3"])
    stacks, ended = installed.stacks(NOON)
    assert [[held.key[1] for held in stack] for stack in stacks] == [["serial-2", "serial-1"]]
    assert [held.key[1] for held in ended] == ["serial-3"]


async def test_pull_to_refresh_asks_for_the_pass_directly(installed, service, maker):
    assert not await installed.refresh(PASS_TYPE, "serial-1")
    service.publish(maker.make(150))
    assert await installed.refresh(PASS_TYPE, "serial-1")
    assert [status for _, _, status in service.calls] == [304, 200]


async def test_a_server_that_restarts_between_push_and_fetch_is_asked_again(root_pem, service, maker):
    phone = Phone(root_pem=root_pem, clock=FixedClock(NOON), transport=service, retry_seconds=(0, 0))
    service.publish(maker.make(100))
    await phone.install(CARD_PAGE)
    service.publish(maker.make(150))
    service.failures = [httpx2.Response(503), httpx2.Response(502)]
    await phone.pushed(PASS_TYPE)
    assert balance(phone) == 150 and not service.logs
    await phone.close()


async def test_a_fetch_that_failed_for_good_is_listed_again_by_the_next_push(installed, service, maker):
    service.publish(maker.make(150))
    service.failures = [httpx2.Response(200, json={"serialNumbers": ["serial-1"], "lastUpdated": "2"}), httpx2.Response(500)]
    await installed.pushed(PASS_TYPE)
    assert balance(installed) == 100
    await installed.pushed(PASS_TYPE)
    assert balance(installed) == 150


@pytest.mark.parametrize("answer", [
    httpx2.Response(401), httpx2.Response(302, headers={"Location": "/"}), httpx2.Response(404), httpx2.Response(400)])
async def test_a_refused_registration_fails_the_installation_and_is_reported(phone, service, maker, answer):
    service.publish(maker.make(100))
    data = service.passes["serial-1"]
    service.failures = [answer]
    with pytest.raises(PhoneError):
        await phone.install(data)
    assert "Register task" in service.logs[0]


@pytest.mark.parametrize(("headers", "status"), [
    ({"Content-Type": "application/octet-stream"}, 200), ({"Content-Type": "application/vnd.apple.pkpass"}, 404),
    ({"Location": "/x"}, 302)])
async def test_only_a_plain_200_of_the_right_type_is_taken_from_the_web(phone, service, maker, headers, status):
    service.failures = [httpx2.Response(status, content=maker.make(100), headers=headers)]
    with pytest.raises(PhoneError):
        await phone.install(CARD_PAGE)
    assert not phone.passes


async def test_a_removed_card_is_unregistered_and_forgotten(installed, service):
    await installed.remove(PASS_TYPE, "serial-1")
    assert not service.registered and not installed.passes
    with pytest.raises(PhoneError):
        await installed.refresh(PASS_TYPE, "serial-1")


async def test_a_new_push_token_is_registered_for_every_pass(installed, service):
    await installed.renew_push_token("ab" * 32)
    assert set(service.registered.values()) == {"ab" * 32}
    assert service.calls[-1][2] == 200


async def test_installing_the_same_card_twice_keeps_one(installed, service):
    await installed.install(CARD_PAGE)
    assert len(installed.passes) == 1


async def test_a_phone_remembers_its_passes_over_a_restart_in_files_of_its_owner(root_pem, service, maker, tmp_path):
    folder = tmp_path / "phone"
    first = Phone(root_pem=root_pem, folder=folder, clock=FixedClock(NOON), transport=service)
    service.publish(maker.make(100))
    await first.install(CARD_PAGE)
    await first.close()
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    second = Phone(root_pem=root_pem, folder=folder, clock=FixedClock(NOON), transport=service)
    assert second.memory.device_library_identifier == first.memory.device_library_identifier
    service.publish(maker.make(150))
    await second.pushed(PASS_TYPE)
    assert balance(second) == 150
    assert service.requests[-2].url.params["passesUpdatedSince"] == "1"
    await second.close()


def test_a_torn_memory_is_a_new_phone(tmp_path, root_pem):
    (tmp_path / "phone.json").write_text('{"device_lib')
    assert Phone(root_pem=root_pem, folder=tmp_path).memory.passes == {}


async def test_pushes_through_the_fake_wake_the_phone_and_many_at_once_are_one_fetch(root_pem, certificates, service, maker):
    fake = FakeApns(certificates.apns, certificates.apns_key, certificates.root)
    phone = Phone(root_pem=root_pem, push_token=fake.issue_token(), clock=FixedClock(NOON), transport=service)
    fake.attach(phone.memory.push_token, phone.told)
    service.publish(maker.make(100))
    await phone.install(CARD_PAGE)
    service.publish(maker.make(150))
    for _ in range(3):
        phone.told(PASS_TYPE)
    while phone._tasks:
        await next(iter(phone._tasks))
    assert balance(phone) == 150
    assert len([call for call in service.calls if call[1].startswith("passes/")]) == 2
    await phone.close()


def test_a_card_pages_address_leads_to_its_pass():
    assert pass_address("https://x.test/c/abc/?from=sms ") == "https://x.test/c/abc/card.pkpass"
    assert pass_address("https://x.test/c/abc/card.pkpass") == "https://x.test/c/abc/card.pkpass"
    assert pass_address("https://x.test/files/a.pkpass?x=1") == "https://x.test/files/a.pkpass?x=1"


def test_the_phones_log_holds_no_secret_of_an_address():
    assert short("https://x.test/c/aVerySecretToken/card.pkpass") == "/c/…/card.pkpass"


async def test_the_command_exits_0_once_registered_fetched_and_verified(root_pem, service, maker):
    out = io.StringIO()
    service.publish(maker.make(100, now=NOON - timedelta(days=1)))
    assert await install(CARD_PAGE, root_pem, out=out, transport=service) == 0
    assert "Registered" in out.getvalue() and "aVerySecretToken" not in out.getvalue()
    assert [status for _, _, status in service.calls] == [200, 201, 200, 200]


async def test_the_command_exits_1_and_says_why_when_the_pass_is_not_one(root_pem, service):
    out = io.StringIO()
    service.failures = [httpx2.Response(410, text="gone")]
    assert await install(CARD_PAGE, root_pem, out=out, transport=service) == 1
    assert "410" in out.getvalue()


async def test_the_command_says_when_it_trusts_the_passes_own_chain(service, maker):
    out = io.StringIO()
    service.publish(maker.make(100, now=NOON - timedelta(days=1)))
    assert await install(CARD_PAGE, None, out=out, transport=service) == 0
    assert "--root" in out.getvalue()


def test_the_root_is_found_through_demo_json(tmp_path):
    assert find_root(tmp_path, CARD_PAGE) is None
    (tmp_path / "root.pem").write_bytes(b"PEM")
    (tmp_path / "demo.json").write_text(json.dumps({"url": "http://127.0.0.1:9", "apple": {"root": "root.pem"}}))
    assert find_root(tmp_path, CARD_PAGE) == b"PEM"
    assert find_root(tmp_path, "https://cards.example.com/c/abc") is None
