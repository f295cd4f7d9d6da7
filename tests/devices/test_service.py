"""Pairing, PINs and the lock, through the services on both engines."""
import contextlib

import pytest

from app.devices import pins, training
from app.devices import service as devices
from app.errors import Forbidden, Invalid, NotFound, TooMany
from app.staff import passwords
from app.staff import service as staff
from app.web.principal import Principal
from tests.shops import PASSWORD

ADDRESS, PIN = "203.0.113.9", "4071"


async def paired(here, shop, location_id=None, name="Till 1"):
    code = await devices.offer(here.db, here.ring, shop.who, name, location_id, here.clock.now())
    return await devices.pair(here.db, here.ring, code, b"", ADDRESS, here.clock.now())


async def give_pin(here, shop, staff_id, pin=PIN):
    _, token = await pins.offer_link(here.db, here.ring, shop.who, staff_id, here.clock.now())
    await pins.use_link(here.db, here.ring, token, pin, here.clock.now())


async def sign_in(here, device, staff_id, pin=PIN, **more):
    return await pins.sign_in(here.db, here.ring, device, staff_id, pin, here.clock.now(), **more)


async def who_is(here, token, **more):
    return await staff.principal_of_session(here.db, here.ring, token, "till", here.clock.now(), **more)


async def acts(here, shop):
    rows = await here.db.fetch_all("SELECT actor_id, action FROM audit_entries WHERE business_id = :id AND (action LIKE 'device.%' "
                                   "OR action LIKE 'pin.%' OR action LIKE 'staff.%' OR action LIKE 'training.%') ORDER BY id",
                                   {"id": shop.business_id})
    return [(row["actor_id"], row["action"]) for row in rows]


async def manager_of(here, shop) -> Principal:
    row = await here.db.fetch_one("SELECT id FROM staff WHERE business_id = :id AND role = 'manager'", {"id": shop.business_id})
    return Principal(shop.business_id, shop.business_id, "staff", row["id"], "Manager", "manager")


async def test_a_code_pairs_one_tablet_once_within_ten_minutes(here, shop):
    code = await devices.offer(here.db, here.ring, shop.who, "Till 1", shop.location_id, here.clock.now())
    assert (await devices.peek(here.db, here.ring, code, ADDRESS, here.clock.now())).name == "Till 1"
    device, token = await devices.pair(here.db, here.ring, code, b"", ADDRESS, here.clock.now())
    assert (device.business_id, device.location_id, device.paired_by) == (shop.business_id, shop.location_id, shop.who.id)
    assert await devices.device_of(here.db, here.ring, token) == device
    with pytest.raises(devices.PairingGone):
        await devices.pair(here.db, here.ring, code, b"", ADDRESS, here.clock.now())
    late = await devices.offer(here.db, here.ring, shop.who, "Till 2", None, here.clock.now())
    here.clock.advance(minutes=10)
    with pytest.raises(devices.PairingGone):
        await devices.pair(here.db, here.ring, late, b"", ADDRESS, here.clock.now())
    assert await here.db.fetch_val("SELECT COUNT(*) FROM devices") == 1
    assert await acts(here, shop) == [(shop.who.id, "device.offered"), (shop.who.id, "device.paired"), (shop.who.id, "device.offered")]
    stored = dict(await here.db.fetch_one("SELECT * FROM devices"))
    assert token not in str(stored)


async def test_codes_cannot_be_guessed_in_a_row(here, shop):
    for _ in range(20):
        with pytest.raises(devices.PairingGone):
            await devices.peek(here.db, here.ring, "K7M29QXF3H", ADDRESS, here.clock.now())
    with pytest.raises(TooMany):
        await devices.peek(here.db, here.ring, "K7M29QXF3H", ADDRESS, here.clock.now())
    code = await devices.offer(here.db, here.ring, shop.who, "Till 1", None, here.clock.now())
    assert await devices.peek(here.db, here.ring, code, ADDRESS, here.clock.now())


async def test_cashiers_take_turns_and_one_session_stands_at_a_time(here, shop):
    manager = await manager_of(here, shop)
    device, _ = await paired(here, shop, shop.location_id)
    await give_pin(here, shop, shop.cashier.id)
    await give_pin(here, shop, manager.id, "9137")
    first, who = await sign_in(here, device, shop.cashier.id)
    assert (who.id, who.device_id, who.location_id, who.role) == (shop.cashier.id, device.id, shop.location_id, "cashier")
    second, _ = await sign_in(here, device, manager.id, "9137")
    assert await who_is(here, first) is None
    found = await who_is(here, second)
    assert (found.id, found.device_id) == (manager.id, device.id)
    assert (shop.cashier.id, "staff.signed_in") in await acts(here, shop)
    assert (manager.id, "staff.signed_in") in await acts(here, shop)


async def test_a_tablet_that_nobody_touches_locks_and_what_its_page_asks_by_itself_keeps_it_not_open(here, shop):
    device, _ = await paired(here, shop)
    await give_pin(here, shop, shop.cashier.id)
    token, _ = await sign_in(here, device, shop.cashier.id)
    here.clock.advance(minutes=4)
    assert await who_is(here, token) is not None
    here.clock.advance(minutes=4)
    assert await who_is(here, token, is_use=False) is not None
    here.clock.advance(minutes=1)
    assert await who_is(here, token) is None
    await devices.choose_idle(here.db, shop.who, "30", here.clock.now())
    assert (await who_is(here, token)).idle_minutes == 30
    with pytest.raises(Invalid):
        await devices.choose_idle(here.db, shop.who, "0", here.clock.now())


async def test_a_tablet_that_is_put_out_signs_nobody_in_and_whoever_was_there_is_out(here, shop, other_shop):
    device, cookie = await paired(here, shop)
    await give_pin(here, shop, shop.cashier.id)
    token, _ = await sign_in(here, device, shop.cashier.id)
    with pytest.raises(NotFound):
        await devices.revoke(here.db, other_shop.who, device.id, here.clock.now())
    assert await who_is(here, token) is not None
    await devices.revoke(here.db, shop.who, device.id, here.clock.now())
    assert await who_is(here, token) is None
    assert await devices.device_of(here.db, here.ring, cookie) is None
    with pytest.raises(pins.WrongPin):
        await sign_in(here, device, shop.cashier.id)


async def test_a_cashier_who_left_is_out_at_once_session_and_pin(here, shop):
    device, _ = await paired(here, shop)
    await give_pin(here, shop, shop.cashier.id)
    token, _ = await sign_in(here, device, shop.cashier.id)
    await staff.disable(here.db, shop.who, shop.cashier.id, here.clock.now())
    assert await who_is(here, token) is None
    with pytest.raises(pins.WrongPin):
        await sign_in(here, device, shop.cashier.id)
    assert shop.cashier.id not in [each.id for each in await pins.people_at(here.db, device)]


@pytest.mark.goal("A6")
async def test_a_thousand_wrong_pins_from_a_hundred_tablets_get_ten_tries_and_lock_nobody_out(here, shop):
    await give_pin(here, shop, shop.cashier.id)
    tablets = [(await paired(here, shop, name=f"Till {number}"))[0] for number in range(10)]
    here.clock.advance(seconds=1)
    looked_at = 0
    for number in range(1_000 if here.db.engine == "sqlite" else 50):
        with pytest.raises((pins.WrongPin, TooMany)) as refused:
            await sign_in(here, tablets[number % len(tablets)], shop.cashier.id, "8265")
        looked_at += refused.type is pins.WrongPin
    assert looked_at == 10
    # The password comes in all the same, and the PIN when a quarter of an hour is over.
    await staff.sign_in(here.db, here.ring, "cashier@coffee.example.com", PASSWORD, "till", ADDRESS, here.clock.now())
    with pytest.raises(TooMany):
        await sign_in(here, tablets[0], shop.cashier.id)
    here.clock.advance(minutes=15)
    await sign_in(here, tablets[0], shop.cashier.id)


@pytest.mark.goal("A6")
async def test_guesses_at_everybody_from_one_tablet_are_counted_together_and_unknown_people_answer_alike(here, shop, other_shop):
    device, _ = await paired(here, shop)
    await give_pin(here, shop, shop.cashier.id)
    await give_pin(here, other_shop, other_shop.cashier.id)
    said = set()
    for staff_id in (shop.cashier.id, shop.who.id, other_shop.cashier.id, 10**12, shop.cashier.id) * 2:
        with pytest.raises(pins.WrongPin) as refused:
            await sign_in(here, device, staff_id, "8265")
        said.add(str(refused.value))
    assert len(said) == 1
    with pytest.raises(TooMany):
        await sign_in(here, device, shop.cashier.id)
    # Nobody of the other business lost a try by it.
    theirs, _ = await paired(here, other_shop)
    assert await sign_in(here, theirs, other_shop.cashier.id)


@pytest.mark.goal("A6")
async def test_everybody_costs_the_same_work(here, shop, monkeypatch):
    device, _ = await paired(here, shop)
    await give_pin(here, shop, shop.cashier.id)
    looked = []
    real = passwords.fits

    async def fits(password, stored):
        looked.append(stored is None)
        return await real(password, stored)

    monkeypatch.setattr(passwords, "fits", fits)
    for staff_id, pin in ((shop.cashier.id, "8265"), (shop.who.id, "8265"), (10**12, "8265"), (shop.cashier.id, PIN)):
        with contextlib.suppress(pins.WrongPin):
            await sign_in(here, device, staff_id, pin)
    assert looked == [False, True, True, False]


async def test_a_right_pin_is_no_guess(here, shop):
    device, _ = await paired(here, shop)
    await give_pin(here, shop, shop.cashier.id)
    for _ in range(25):
        assert await sign_in(here, device, shop.cashier.id)


async def test_a_link_sets_one_pin_once_and_only_of_those_below(here, shop):
    manager = await manager_of(here, shop)
    _, token = await pins.offer_link(here.db, here.ring, manager, shop.cashier.id, here.clock.now())
    with pytest.raises(Invalid):
        await pins.use_link(here.db, here.ring, token, "1234", here.clock.now())
    await pins.use_link(here.db, here.ring, token, PIN, here.clock.now())
    with pytest.raises(pins.PinLinkGone):
        await pins.use_link(here.db, here.ring, token, "9137", here.clock.now())
    for other in (shop.who.id, manager.id):
        with pytest.raises(Forbidden):
            await pins.offer_link(here.db, here.ring, manager, other, here.clock.now())
        with pytest.raises(Forbidden):
            await pins.reset(here.db, manager, other, here.clock.now())
    device, _ = await paired(here, shop)
    session, _ = await sign_in(here, device, shop.cashier.id)
    await pins.reset(here.db, manager, shop.cashier.id, here.clock.now())
    assert await who_is(here, session) is None
    with pytest.raises(pins.WrongPin):
        await sign_in(here, device, shop.cashier.id)


async def test_a_first_pin_follows_a_password_and_a_new_one_the_pin_until_now(here, shop):
    device, cookie = await paired(here, shop)
    session, who = await staff.sign_in(here.db, here.ring, "cashier@coffee.example.com", PASSWORD, "till", ADDRESS, here.clock.now())
    who = await devices.bind(here.db, here.ring, who, cookie, here.clock.now())
    assert who.device_id == device.id
    here.clock.advance(minutes=16)
    with pytest.raises(pins.PasswordFirst):
        await pins.choose(here.db, here.ring, who, "", PIN, here.clock.now())
    session, who = await staff.sign_in(here.db, here.ring, "cashier@coffee.example.com", PASSWORD, "till", ADDRESS, here.clock.now())
    await pins.choose(here.db, here.ring, who, "", PIN, here.clock.now())
    with pytest.raises(pins.WrongPin):
        await pins.choose(here.db, here.ring, who, "8265", "9137", here.clock.now())
    await pins.choose(here.db, here.ring, who, PIN, "9137", here.clock.now())
    assert await sign_in(here, device, shop.cashier.id, "9137")
    assert session


async def test_a_password_in_a_tablets_browser_stands_where_the_tablet_stands_and_another_business_is_not_bound(here, shop, other_shop):
    device, cookie = await paired(here, shop, shop.location_id)
    _, who = await staff.sign_in(here.db, here.ring, "owner@coffee.example.com", PASSWORD, "till", ADDRESS, here.clock.now())
    bound = await devices.bind(here.db, here.ring, who, cookie, here.clock.now())
    assert (bound.device_id, bound.location_id, bound.idle_minutes) == (device.id, shop.location_id, 5)
    _, stranger = await staff.sign_in(here.db, here.ring, "owner@leaf.example.com", PASSWORD, "till", ADDRESS, here.clock.now())
    assert await devices.bind(here.db, here.ring, stranger, cookie, here.clock.now()) == stranger


async def test_only_those_who_work_at_its_place_are_on_a_tablet(here, shop):
    device, _ = await paired(here, shop, shop.location_id)
    assert {each.role for each in await pins.people_at(here.db, device)} == {"owner", "manager", "cashier", "agent"}
    await here.db.execute("INSERT INTO locations(business_id, name, created_at) VALUES (:id, 'River', 1)", {"id": shop.business_id})
    river = await here.db.fetch_val("SELECT MAX(id) FROM locations")
    await here.db.execute("UPDATE staff SET location_id = :river WHERE id IN (:cashier, :owner)",
                          {"river": river, "cashier": shop.cashier.id, "owner": shop.who.id})
    # An owner works everywhere: a location only says where they are.
    assert {each.role for each in await pins.people_at(here.db, device)} == {"owner", "manager", "agent"}
    await give_pin(here, shop, shop.cashier.id)
    with pytest.raises(pins.WrongPin):
        await sign_in(here, device, shop.cashier.id)


async def test_a_manager_of_one_location_looks_after_its_tablets_alone(here, shop):
    manager = await manager_of(here, shop)
    here_ones, anywhere = (await paired(here, shop, shop.location_id))[0], (await paired(here, shop))[0]
    kept = Principal(manager.business_id, manager.business_id, "staff", manager.id, "Manager", "manager", kept_location_id=shop.location_id)
    assert [device.id for device, _ in await devices.list_devices(here.db, kept)] == [here_ones.id]
    with pytest.raises(NotFound):
        await devices.revoke(here.db, kept, anywhere.id, here.clock.now())
    await devices.revoke(here.db, kept, here_ones.id, here.clock.now())


async def test_practice_is_another_session_of_the_same_person_on_the_same_tablet(here, shop):
    device, _ = await paired(here, shop, shop.location_id)
    await give_pin(here, shop, shop.cashier.id)
    token, who = await sign_in(here, device, shop.cashier.id)
    opened = await training.begin(here.db, here.ring, who.session_id, here.clock.now())
    assert await who_is(here, token) is None
    found = await who_is(here, opened.token)
    assert (found.training, found.id, found.device_id) == (True, shop.cashier.id, device.id)
    back = await training.leave(here.db, here.ring, found.session_id, here.clock.now())
    assert await who_is(here, opened.token) is None
    found = await who_is(here, back.token)
    assert (found.training, found.device_id, found.location_id) == (False, device.id, shop.location_id)
    assert [action for _, action in await acts(here, shop)][-2:] == ["training.began", "training.left"]
