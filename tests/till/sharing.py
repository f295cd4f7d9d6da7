"""A paired browser, and a cashier's fingers on it."""
import html
import re

from app.devices import pins
from app.devices import service as devices

ORIGIN = {"Origin": "https://cards.example.com", "Accept-Language": "en"}
PIN = "4071"


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


async def paired(client, here, shop):
    """A paired browser; cashier, manager and agent have the same PIN."""
    client.headers.update(ORIGIN)
    code = await devices.offer(here.db, here.ring, shop.who, "Till 1", shop.location_id, here.clock.now())
    for person in await pins.list_people(here.db, shop.business_id):
        if person.role in ("cashier", "manager", "agent"):
            _, token = await pins.offer_link(here.db, here.ring, shop.who, person.id, here.clock.now())
            await pins.use_link(here.db, here.ring, token, PIN, here.clock.now())
    answer = await client.post(f"/till/pair/{code}", data={"public_key": ""})
    assert (answer.status_code, answer.headers["location"]) == (303, "/till/start")
    return client


async def face(tablet, name: str, address: str = "/till/start") -> str:
    """The address behind somebody's name."""
    page = html.unescape((await tablet.get(address)).text)
    found = re.search(rf'href="([^"]+)"[^>]*><span class="faces__initial"[^>]*>.</span><span class="faces__name"><bdi>{name}<', page)
    assert found, page
    return found[1]


async def sign_in(tablet, name: str, pin: str = PIN, address: str = "/till/start"):
    address = await face(tablet, name, address)
    return await tablet.post(address, data={**hidden((await tablet.get(address)).text), "pin": pin})
