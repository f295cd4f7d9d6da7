"""From a sale to the phone in a pocket: ledger, update, push over HTTP/2, list, fetch, and the phone's own verification."""
from datetime import timedelta

import pytest

from app.cards import service as cards
from app.db import write_transaction
from app.demo.certificates import make_demo_certificates
from app.demo.fakes.apns import FakeApns
from app.demo.phone import PhoneError
from app.push import service as push
from tests.flows.phones import NOW, TEAM, TOPIC, points, running, with_certificate
from tests.shops import make_card

# The engines' differences are the promises of the rooms below; the way is the same.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def world(settings, db, ring, ids, certificates):
    async with running(settings, db, ring, ids, certificates) as made:
        yield made


async def test_a_sale_reaches_the_phone_with_the_lock_screens_words(world):
    phone = world.phone()
    await phone.install(await world.address())
    await world.sell()
    assert await world.settle() == 1
    assert points(phone) == 50
    assert "50" in phone.messages[-1].texts["en"] and "50" in phone.messages[-1].texts["ru"]
    assert all(step.is_good for step in phone.steps)


async def test_the_third_sale_in_a_minute_reaches_the_phone_like_the_first(world):
    phone = world.phone()
    await phone.install(await world.address())
    for sale in range(1, 4):
        await world.sell()
        await world.settle()
        assert points(phone) == 50 * sale
        world.here.clock.advance(seconds=15)


async def test_sales_beyond_the_buckets_size_end_with_the_newest_balance(world):
    phone = world.phone()
    await phone.install(await world.address())
    for _ in range(8):
        await world.sell()
        await world.settle()
    assert points(phone) == 250
    world.here.clock.advance(minutes=1)
    await world.settle()
    assert points(phone) == 400


async def test_an_old_file_added_late_ends_with_the_newest_pass(world):
    old = await world.file()
    other = await make_card(world.here, world.shop, phone="+79161112233")
    phone = world.phone()
    await phone.install(await world.address(other))
    await world.sell()
    await world.sell(card=other)
    await world.settle()
    assert len(phone.passes) == 1  # its tag is newer than the change of the card that comes now
    await phone.install(old)
    assert points(phone, world.card) == 50 and points(phone, other) == 50


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


async def test_a_phone_that_was_off_gets_one_push_and_the_newest_pass(world):
    phone = world.phone()
    await phone.install(await world.address())
    world.apns.detach(phone.memory.push_token)
    for _ in range(3):
        await world.sell()
        await world.settle()
    assert points(phone) == 0
    world.apns.attach(phone.memory.push_token, phone.told)
    await world.settle()
    assert points(phone) == 150
    assert [step.text for step in phone.steps].count("Push received") == 1


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


async def test_a_server_that_restarts_between_push_and_fetch_is_found_again(world):
    phone = world.phone()
    await phone.install(await world.address())
    await world.sell()
    world.is_down = 2
    await world.settle()
    assert points(phone) == 50


async def test_a_phone_that_gave_up_is_told_again_after_a_quarter_of_an_hour(world):
    phone = world.phone()
    await phone.install(await world.address())
    await world.sell()
    world.is_down = 10
    await world.settle()
    assert points(phone) == 0
    world.is_down = 0
    world.here.clock.advance(minutes=15)
    assert await world.settle() == 1
    assert points(phone) == 50
    world.here.clock.advance(hours=3)
    assert await world.settle() == 0


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


async def test_pull_to_refresh_needs_no_push(world):
    phone = world.phone()
    await phone.install(await world.address())
    await world.sell()
    assert await phone.refresh(*phone.passes[0].key)
    assert points(phone) == 50
    assert not await phone.refresh(*phone.passes[0].key)


async def test_a_base_address_with_a_slash_works_for_a_whole_life(world):
    phone = world.phone()
    held = await phone.install(await world.address())
    doubled = held.service + "/"
    wire, (pass_type, serial) = phone._wire, held.key
    assert not await wire.register(doubled, pass_type, serial, held.token, phone.memory.push_token)
    assert (await wire.list_changed(doubled, pass_type, None)).serials == (serial,)
    assert (await wire.get_pass(doubled, pass_type, serial, held.token, "")).data is not None
    await wire.unregister(doubled, pass_type, serial, held.token)


async def test_an_erased_card_is_no_address_for_a_phone(world):
    async def erase(tx):
        await cards.end(tx, world.card, "erased", world.here.clock.now())

    address = await world.address()
    await write_transaction(world.here.db, erase)
    phone = world.phone()
    with pytest.raises(PhoneError):
        await phone.install(address)
