"""Every scenario of Apple's update service, each with the simulated phone against the whole server: what devices really do, and more.

The simulated phone verifies every file and reports what a phone would report, so `logs()` empty means that iOS had nothing to say.
"""
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from app.cards import service as cards
from app.certificates import bringing
from app.certificates.uploads import Upload
from app.db import write_transaction
from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.demo.fakes.apns import FakeApns
from app.demo.phone import Phone
from app.demo.phone_memory import Held
from app.demo.phone_wire import Wire, WireError, authorised
from app.push import service as push
from app.registrations import service as registrations
from tests.flows.phones import NOW, TEAM, TOPIC, World, points, running, with_certificate
from tests.shops import make_card, make_shop

# The engines' differences are the promises of the rooms below; the way is the same.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

OWN_TOPIC = "pass.example.tessera.tea"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    """The server's own, and `tea`, which a business brings for its own pass type."""
    return make_demo_certificates(tmp_path_factory.mktemp("devices"), pass_type_identifier=TOPIC, team_identifier=TEAM,
                                  now=NOW - timedelta(days=1), others={"tea": OWN_TOPIC})


@pytest.fixture
async def world(settings, db, ring, ids, certificates) -> AsyncIterator[World]:
    async with running(settings, db, ring, ids, certificates) as made:
        yield made


@pytest.fixture
async def phone(world) -> Phone:
    """A phone with the card on it."""
    made = world.phone()
    await made.install(await world.address())
    return made


@pytest.fixture
async def http(world) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=world.line) as made:
        yield made


@pytest.fixture
def wire(http, phone) -> Wire:
    """The phone's line, for calls one by one."""
    return Wire(http, phone.memory.device_library_identifier)


async def logs(world: World) -> list[str]:
    """What phones reported."""
    return [log.message for log in await registrations.recent_logs(world.here.db, world.here.clock.now(), 1000)]


async def registered(world: World) -> list[tuple[str, str]]:
    """Device and push token of every registration."""
    rows = await world.here.db.fetch_all("SELECT device_library_identifier, push_token FROM registrations ORDER BY id")
    return [(row["device_library_identifier"], row["push_token"]) for row in rows]


def of(held: Held) -> tuple[str, str, str, str]:
    """Service, pass type, serial number and token, as the calls take them."""
    return (held.service, *held.key, held.token)


def address_of(held: Held) -> str:
    return f"{held.service}/v1/passes/{held.key[0]}/{held.key[1]}"


async def test_a_phone_that_adds_a_card_registers_lists_and_fetches_it(world, phone):
    assert [step.text for step in phone.steps] == [
        "Fetched the pass", "Signature and hashes are good", "The pass is in the wallet", "Registered", "Changed passes: %(count)s",
        "Fetched the new pass", "Signature and hashes are good", "The new pass is drawn"]
    assert await registered(world) == [(phone.memory.device_library_identifier, phone.memory.push_token)]
    assert await logs(world) == [] and not phone.messages


async def test_registering_twice_is_new_once_and_leaves_one_registration(world, phone, wire):
    assert not await wire.register(*of(phone.passes[0]), phone.memory.push_token)
    await phone.install(await world.address())
    assert [step.text for step in phone.steps].count("Registered again") == 1
    assert len(await registered(world)) == 1 and await logs(world) == []


async def test_a_phone_with_a_new_push_token_is_told_there(world):
    phone = world.phone()
    await phone.install(await world.address())
    old, new = phone.memory.push_token, world.apns.issue_token()
    world.apns.uninstall(old)
    world.apns.attach(new, phone.told)
    await phone.renew_push_token(new)
    await world.sell()
    assert await world.settle() == 1
    assert [seen.token for seen in world.apns.pushes] == [new] and points(phone) == 50



@pytest.mark.parametrize("tag", [None, "", "garbage", "0", "2026-11-22T04:00:00+00:00", "99999999999999999999", "-1"])
async def test_a_tag_that_is_none_or_was_never_given_lists_every_card_of_the_phone(phone, wire, tag):
    service, pass_type, serial, _ = of(phone.passes[0])
    assert (await wire.list_changed(service, pass_type, tag)).serials == (serial,)


async def test_an_old_tag_lists_what_changed_since_and_the_current_one_nothing(world, phone, wire):
    other = await make_card(world.here, world.shop, phone="+79161112233")
    held = await phone.install(await world.address(other))
    [current] = phone.memory.tags.values()
    await world.sell(card=other)
    listed = await wire.list_changed(held.service, TOPIC, current)
    assert listed.serials == (held.key[1],) and listed.tag != current
    assert (await wire.list_changed(held.service, TOPIC, listed.tag)).tag is None


async def test_two_changes_in_one_second_end_with_the_newest_pass(world):
    phone = world.phone()
    await phone.install(await world.address())
    await world.sell()
    await world.settle()
    await world.sell()  # the clock stands: the same second
    await world.settle()
    assert points(phone) == 100
    assert all(step.is_good for step in phone.steps)


async def test_a_change_between_list_and_get_is_fetched_at_once_and_the_push_after_it_finds_nothing_new(world):
    phone = world.phone()
    await phone.install(await world.address())
    await world.sell()
    listed = phone._wire.list_changed

    async def then_a_sale(*arguments):
        answer = await listed(*arguments)
        phone._wire.list_changed = listed
        await world.sell()
        return answer

    phone._wire.list_changed = then_a_sale
    await world.settle()
    assert points(phone) == 100
    await world.settle()
    assert phone.steps[-1].text == "The pass is up to date" and points(phone) == 100


async def test_a_pass_that_the_phone_has_is_answered_with_304_and_its_date_also_by_a_server_that_was_started_anew(world, phone, http):
    held = phone.passes[0]
    world.restart()
    world.here.clock.advance(days=1)
    answer = await http.get(address_of(held), headers=authorised(held.token) | {"If-Modified-Since": held.last_modified})
    assert (answer.status_code, answer.content, answer.headers["last-modified"]) == (304, b"", held.last_modified)


async def test_a_head_is_answered_like_a_get_without_its_body(phone, http):
    held = phone.passes[0]
    got = await http.get(address_of(held), headers=authorised(held.token))
    head = await http.head(address_of(held), headers=authorised(held.token))
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head.headers[name] for name in ("content-type", "last-modified")} == {
        name: got.headers[name] for name in ("content-type", "last-modified")}


async def test_pull_to_refresh_needs_no_push(world):
    phone = world.phone()
    await phone.install(await world.address())
    await world.sell()
    assert await phone.refresh(*phone.passes[0].key)
    assert points(phone) == 50
    assert not await phone.refresh(*phone.passes[0].key)


async def test_a_wrong_token_gets_401_and_changes_nothing(world, phone, wire):
    before = await registered(world)
    service, pass_type, serial, token = of(phone.passes[0])
    for call in (lambda: wire.register(service, pass_type, serial, token + "x", "ab" * 32),
                 lambda: wire.unregister(service, pass_type, serial, "x"), lambda: wire.get_pass(service, pass_type, serial, "", "")):
        with pytest.raises(WireError, match="Authentication failure"):
            await call()
    assert await registered(world) == before


async def test_another_devices_card_is_neither_listed_nor_given_nor_taken_away(world, phone, wire):
    other = await make_card(world.here, world.shop, phone="+79161112233")
    stranger = world.phone()
    theirs = await stranger.install(await world.address(other))
    before = await registered(world)
    service, pass_type, _, token = of(phone.passes[0])
    for call in (lambda: wire.get_pass(service, pass_type, theirs.key[1], token, ""),
                 lambda: wire.register(service, pass_type, theirs.key[1], token, phone.memory.push_token),
                 lambda: wire.unregister(service, pass_type, theirs.key[1], token)):
        with pytest.raises(WireError, match="Authentication failure"):
            await call()
    assert (await wire.list_changed(service, pass_type, None)).serials == (phone.passes[0].key[1],)
    assert await registered(world) == before


async def test_unregistering_twice_is_fine_both_times_and_ends_the_pushes(world, phone, wire):
    held = phone.passes[0]
    await phone.remove(*held.key)
    await wire.unregister(*of(held))
    assert await registered(world) == []
    await world.sell()
    assert await world.settle() == 0 and await logs(world) == []


async def test_a_phone_wiped_and_set_up_again_with_its_old_token_is_told_again(world):
    phone = world.phone()
    await phone.install(await world.address())
    token = phone.memory.push_token
    world.apns.uninstall(token, world.here.clock.now() + timedelta(minutes=1))
    world.here.clock.advance(minutes=2)
    await world.sell()
    await world.settle()
    assert await world.here.db.fetch_val("SELECT COUNT(*) FROM registrations") == 0
    world.apns.attach(token, phone.told)
    await phone.install(await world.address())
    await world.sell()
    await world.settle()
    assert points(phone) == 100


async def test_a_phone_and_a_watch_are_told_each_and_one_that_leaves_does_not_silence_the_other(world):
    phone, watch = world.phone(), world.phone()
    for device in (phone, watch):
        await device.install(await world.address())
    await world.sell()
    assert await world.settle() == 2
    assert points(phone) == points(watch) == 50
    await phone.remove(*phone.passes[0].key)
    await world.sell()
    assert await world.settle() == 1
    assert points(watch) == 100


async def test_a_new_certificate_of_the_same_pass_type_goes_on_where_the_old_one_ended(world, tmp_path, certificates):
    phone = world.phone()
    await phone.install(await world.address())
    renewed = make_demo_certificates(tmp_path / "renewed", pass_type_identifier=TOPIC, team_identifier=TEAM, now=NOW - timedelta(hours=1))
    await push.close(world.here)
    await world.apns.stop()
    apns = FakeApns(certificates.apns, certificates.apns_key, renewed.root)
    await apns.start()
    apns.attach(phone.memory.push_token, phone.told)
    world.apns = apns
    settings = with_certificate(world.here.settings, renewed, apns)
    world.restart(apple_certificate=settings.apple_certificate, apple_key=settings.apple_key, apple_wwdr=settings.apple_wwdr,
                  apns=settings.apns)
    phone._root_pem = renewed.root.read_bytes()  # in life both chain to Apple's root
    await world.sell()
    assert await world.settle() == 1
    assert points(phone) == 50


async def test_a_blocked_card_is_void_on_the_phone_until_it_is_unblocked(world):
    phone = world.phone()
    await phone.install(await world.address())
    await cards.block(world.here.db, world.shop.who, world.card.id, None, world.here.clock.now())
    await world.settle()
    assert phone.passes[0].contents.is_voided
    await cards.unblock(world.here.db, world.shop.who, world.card.id, None, world.here.clock.now())
    await world.settle()
    assert not phone.passes[0].contents.is_voided


async def test_a_replaced_cards_pass_is_voided_on_the_phone(world):
    phone = world.phone()
    await phone.install(await world.address())
    await cards.replace(world.here.db, world.shop.who, world.card.id, None, "472", world.here.clock.now())
    await world.settle()
    assert phone.passes[0].contents.is_voided


async def test_an_erased_shoppers_phone_still_gets_an_answer_and_the_answer_is_a_void_card(world, phone):
    async def erase(tx):
        await cards.end(tx, world.card, "erased", world.here.clock.now())

    await write_transaction(world.here.db, erase)
    assert await phone.refresh(*phone.passes[0].key)
    assert phone.passes[0].contents.is_voided and await logs(world) == []
    stacks, ended = phone.stacks(world.here.clock.now())
    assert stacks == [] and len(ended) == 1


async def test_a_base_address_with_a_slash_works_for_a_whole_life(world):
    phone = world.phone()
    held = await phone.install(await world.address())
    doubled = held.service + "/"
    wire, (pass_type, serial) = phone._wire, held.key
    assert not await wire.register(doubled, pass_type, serial, held.token, phone.memory.push_token)
    assert (await wire.list_changed(doubled, pass_type, None)).serials == (serial,)
    assert (await wire.get_pass(doubled, pass_type, serial, held.token, "")).data is not None
    await wire.unregister(doubled, pass_type, serial, held.token)


async def test_an_unknown_serial_is_401_like_a_wrong_token_so_that_nobody_learns_which_serials_there_are(phone, http):
    held = phone.passes[0]
    unknown = await http.get(address_of(held)[:-3] + "zzz", headers=authorised(held.token))
    wrong = await http.get(address_of(held), headers=authorised("x" * 30))
    assert (unknown.status_code, unknown.content) == (wrong.status_code, wrong.content) == (401, wrong.content)
    assert dict(unknown.headers) == dict(wrong.headers)


@pytest.mark.goal("B2")
async def test_a_flood_of_reports_is_cut_off_and_the_pass_goes_on_updating(world, phone, http):
    log = f"{phone.passes[0].service}/v1/log"
    assert (await http.post(log, content=json.dumps({"logs": ["x" * 100] * 1000}).encode())).status_code == 413
    statuses = [(await http.post(log, json={"logs": [f"line {number}"] * 60})).status_code for number in range(70)]
    assert statuses == [200] * 60 + [429] * 10
    assert len(await logs(world)) == 1000 and await world.here.db.fetch_val("SELECT COUNT(*) FROM device_logs") == 60 * 50
    await world.sell()
    assert await world.settle() == 1 and points(phone) == 50


async def test_a_server_that_restarts_between_push_and_fetch_is_found_again(world):
    phone = world.phone()
    await phone.install(await world.address())
    await world.sell()
    world.is_down = 2
    await world.settle()
    assert points(phone) == 50


async def test_two_pass_types_on_one_phone_both_stay_current(world, certificates, phone):
    tea = await make_shop(world.here, "tea", "Tea house")
    upload = Upload((certificates.folder / "tea.pem").read_bytes(), (certificates.folder / "tea.key").read_bytes(),
                    certificates.wwdr.read_bytes())
    await bringing.bring(world.here, tea.who, upload, world.here.clock.now())
    theirs = await make_card(world.here, tea, phone="+79162223344")
    held = await phone.install(await world.address(theirs))
    assert held.key[0] == OWN_TOPIC and {each.key[0] for each in phone.passes} == {TOPIC, OWN_TOPIC}
    assert len(phone.stacks(world.here.clock.now())[0]) == 2
    await world.settle()  # the new card is an update too
    await world.sell()
    assert await world.settle() == 1
    assert (points(phone, world.card), points(phone, theirs)) == (50, 0)
    await world.sell(card=theirs, cashier=tea.cashier)
    assert await world.settle() == 1
    assert (points(phone, world.card), points(phone, theirs)) == (50, 50)
    # One push token, two pass types: both at once are two pushes, each asking only about its own.
    await world.sell()
    await world.sell(card=theirs, cashier=tea.cashier)
    assert await world.settle() == 2
    assert (points(phone, world.card), points(phone, theirs)) == (100, 100)
    assert all(step.is_good for step in phone.steps) and await logs(world) == []


async def test_two_cards_of_one_pass_type_on_one_phone_take_one_push_and_two_fetches(world, phone):
    other = await make_card(world.here, world.shop, phone="+79161112233")
    await phone.install(await world.address(other))
    await world.sell()
    await world.sell(card=other)
    assert await world.settle() == 1
    assert (points(phone, world.card), points(phone, other)) == (50, 50) and await logs(world) == []


async def test_a_wallet_that_never_registers_is_served_by_asking_again_with_its_date(world, http):
    """Wallets that are not Apple's know "get pass" alone: no registration, no push, no list."""
    held = Phone(root_pem=world.root_pem, clock=world.here.clock, transport=world.line)
    taken = await held._take(await world.address())
    await held.close()
    wire = Wire(http, "nobody")
    first = await wire.get_pass(*of(taken), "")
    assert (await wire.get_pass(*of(taken), first.last_modified)).data is None
    await world.sell()
    assert await world.settle() == 0
    second = await wire.get_pass(*of(taken), first.last_modified)
    assert second.data and second.last_modified != first.last_modified
    assert (await wire.get_pass(*of(taken), second.last_modified)).data is None
    assert await registered(world) == []


@pytest.mark.goal("F9")
async def test_tags_never_go_back_and_miss_nothing_when_the_servers_clock_does(world, phone):
    [before] = phone.memory.tags.values()
    world.here.clock.advance(hours=-1)
    await world.sell()
    await world.settle()
    [after] = phone.memory.tags.values()
    assert int(after) > int(before) and points(phone) == 50 and await logs(world) == []


async def test_what_a_phone_complains_of_stands_beside_the_card_in_plain_words(world, phone):
    await phone._complain(phone.passes[0].service, f"Web service error for {TOPIC} ({phone.passes[0].service}): Server requested update to "
                                                   f"serial number '{phone.passes[0].key[1]}', but the pass was unchanged.")
    [report] = await registrations.reports_on(world.here.db, world.shop.business_id, world.card.id, 10)
    assert report.meaning.kind == "unchanged" and not report.meaning.needs_person
