"""The page of tablets and PINs."""
import re

import pytest

from app.devices import pins
from app.devices import service as devices
from tests.console.visiting import audited, sign_in

# The page's rules are tested on both engines in tests/devices.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def manager(client, shop):
    return await sign_in(client, "manager@coffee.example.com")


async def paired(here, shop, location_id=None):
    code = await devices.offer(here.db, here.ring, shop.who, "Till 1", location_id, here.clock.now())
    device, _ = await devices.pair(here.db, here.ring, code, b"", "203.0.113.9", here.clock.now())
    return device, "/console/devices/" + here.ids.encode("device", device.id)


async def test_a_code_is_shown_once_as_a_picture_and_to_type(manager, here, shop):
    answer = await manager.post("/console/devices", {"name": "By the window", "location": here.ids.encode("location", shop.location_id)})
    code = re.search(r'pairing__typed code">([^<]+)<', answer.text)[1].replace("-", "")
    assert 'aria-label="The pairing code"' in answer.text
    assert (await devices.peek(here.db, here.ring, code, "203.0.113.9", here.clock.now())).location_id == shop.location_id
    assert code not in (await manager.get("/console/devices")).text
    assert (await audited(here, shop.business_id))[:2] == ["device.offered", "staff.signed_in"]


@pytest.mark.parametrize(("fields", "status"), [
    ({"name": ""}, 422), ({"name": "x" * 61}, 422), ({"name": "Bar", "location": "loc_0"}, 404)])
async def test_a_tablet_without_a_name_or_in_nobody_s_place_is_not_offered(manager, here, shop, fields, status):
    answer = await manager.post("/console/devices", {"location": "", **fields})
    assert answer.status_code == status
    assert await here.db.fetch_val("SELECT COUNT(*) FROM device_pairings") == 0


async def test_a_tablet_is_renamed_moved_and_put_out(manager, here, shop):
    device, address = await paired(here, shop)
    place = here.ids.encode("location", shop.location_id)
    assert 'value="Till 1"' in (await manager.get(address)).text
    assert (await manager.post(address, {"name": "Bar", "location": place})).status_code == 303
    changed = await devices.get(here.db, shop.business_id, device.id)
    assert (changed.name, changed.location_id) == ("Bar", shop.location_id)
    assert "Bar paired" in await manager.page("/console/devices")
    answer = await manager.post(address + "/revoke")
    assert "Whoever was signed in on it is signed out" in await manager.page(answer.headers["location"])
    assert "Bar out" in await manager.page("/console/devices")
    assert (await manager.post(address + "/revoke")).status_code == 404
    assert (await audited(here, shop.business_id))[:2] == ["device.revoked", "device.changed"]


async def test_minutes_until_a_till_locks_are_chosen_within_reason(manager, here, shop):
    assert 'name="idle" type="number" value="5"' in (await manager.get("/console/devices")).text
    assert (await manager.post("/console/idle", {"idle": "15"})).status_code == 303
    assert await devices.idle_minutes(here.db, shop.business_id) == 15
    for wrong in ("0", "121", "soon", "1e1"):
        answer = await manager.post("/console/idle", {"idle": wrong})
        assert answer.status_code == 422
        assert "1 to 120" in answer.text
    assert await devices.idle_minutes(here.db, shop.business_id) == 15


async def test_a_manager_gives_and_takes_the_pins_of_cashiers_alone(manager, here, shop):
    page = await manager.page("/console/devices")
    assert "Cashier no PIN yet" in page
    assert "Owner" not in page.split("PINs")[-1].split("Pair a tablet")[0]
    own = "/console/pins/" + here.ids.encode("staff", shop.cashier.id)
    link = re.search(r'id="once" value="https://cards.example.com/till/pins/([^"]+)"', (await manager.post(own + "/link")).text)[1]
    await pins.use_link(here.db, here.ring, link, "4071", here.clock.now())
    assert "Cashier has a PIN" in await manager.page("/console/devices")
    assert (await manager.post(own + "/reset")).status_code == 303
    assert not await pins.has_pin(here.db, shop.business_id, shop.cashier.id)
    owner = "/console/pins/" + here.ids.encode("staff", shop.who.id)
    assert (await manager.post(owner + "/link")).status_code == 403
    assert (await manager.post(owner + "/reset")).status_code == 403
