"""A tablet in a real browser: its key never leaves it, what it signs is believed, what was typed waits for the next PIN."""
import base64
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

from app.devices import pins
from app.devices import service as devices
from tests.served import Served, serving
from tests.shops import make_card, make_shop

PIN = "4071"
SIGN = """async text => {
  const { deviceKey } = await import(document.querySelector('script[src*="device.js"]').src);
  const key = await deviceKey();
  return { id: key.deviceId, signature: await key.sign(new TextEncoder().encode(text)) };
}"""
EXPORTED = """() => new Promise(done => {
  const opening = indexedDB.open("tessera-till", 1);
  opening.onsuccess = () => {
    const reading = opening.result.transaction("keys").objectStore("keys").get("own");
    reading.onsuccess = () => {
      opening.result.close();
      crypto.subtle.exportKey("pkcs8", reading.result.pair.privateKey).then(() => done("out"), () => done("kept"));
    };
  };
})"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser.new_context(locale="en-US", viewport={"width": 1180, "height": 820}).new_page()
        browser.close()


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def quiet(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:80]) for each in found] == []


def press_pin(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).click()
    for digit in PIN:
        page.get_by_role("button", name=digit, exact=True).click()
    page.get_by_role("button", name="Go on").click()


def test_a_tablet_signs_with_a_key_of_its_own_and_keeps_what_was_typed_for_whoever_is_next(served: Served, page: Page) -> None:
    here = served.here
    shop = served.run(make_shop(here))
    for person in served.run(pins.list_people(here.db, shop.business_id)):
        _, token = served.run(pins.offer_link(here.db, here.ring, shop.who, person.id, here.clock.now()))
        served.run(pins.use_link(here.db, here.ring, token, PIN, here.clock.now()))
    card = served.run(make_card(here, shop, points=50))
    code = served.run(devices.offer(here.db, here.ring, shop.who, "Till 1", shop.location_id, here.clock.now()))

    page.goto(f"{served.url}/till/pair")
    page.get_by_label("Code").fill(code.lower())
    page.get_by_role("button", name="Go on").click()
    quiet(page)
    page.get_by_role("button", name="Pair it").click()
    page.wait_for_url("**/till/start")
    quiet(page)
    [(device, _)] = served.run(devices.list_devices(here.db, shop.who))
    signed = page.evaluate(SIGN, "7|sale|12.50")
    assert signed["id"] == here.ids.encode("device", device.id)
    assert devices.verify(device, b"7|sale|12.50", b64(signed["signature"]))
    assert not devices.verify(device, b"7|sale|99.50", b64(signed["signature"]))
    assert page.evaluate(EXPORTED) == "kept"

    press_pin(page, "Cashier")
    page.wait_for_url("**/till")
    page.goto(f"{served.url}/till/cards/{here.ids.encode('card', card.id)}")
    page.locator("#amount").fill("1250")
    served.here.clock.by = timedelta(minutes=6)
    page.locator("button[value=earn]").click()
    page.wait_for_url("**/till/start?**")
    assert served.run(here.db.fetch_val("SELECT COUNT(*) FROM operations WHERE kind = 'sale'")) == 0
    press_pin(page, "Manager")
    page.wait_for_url("**/till/cards/**")
    assert page.locator("#amount").input_value() == "1250"
    page.goto(f"{served.url}/till/enrol")
    page.locator("#phone").fill("+7 916 123-45-67")
    served.here.clock.by = timedelta(minutes=12)
    page.get_by_role("button", name="Text the card").click()
    page.wait_for_url("**/till/start?**")
    press_pin(page, "Cashier")
    page.wait_for_url("**/till/enrol")
    assert page.locator("#phone").input_value() == "+7 916 123 45-67"
    # It came back once; a page that is opened again begins as ever.
    page.goto(f"{served.url}/till/enrol")
    assert page.locator("#phone").input_value().strip() == "+7"
