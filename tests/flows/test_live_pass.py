"""From a sale to the phone in a pocket: ledger, update, push over HTTP/2, list, fetch, and the phone's own verification."""

import pytest

from app.cards import service as cards
from app.db import write_transaction
from app.demo.phone import PhoneError
from tests.flows.phones import points, running
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


async def test_an_erased_card_is_no_address_for_a_phone(world):
    async def erase(tx):
        await cards.end(tx, world.card, "erased", world.here.clock.now())

    address = await world.address()
    await write_transaction(world.here.db, erase)
    phone = world.phone()
    with pytest.raises(PhoneError):
        await phone.install(address)
