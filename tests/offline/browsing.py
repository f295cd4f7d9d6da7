"""A browser that is a paired till: its own key, made as the pairing page makes it, and its cashier signed in."""
import base64
from typing import Any

from playwright.sync_api import BrowserContext, Page

from app import secrets
from app.db import write_transaction
from app.devices import service as devices
from app.devices import store as devices_store
from app.web.cookies import cookie_name
from tests.conftest import Shop
from tests.offline import tilling
from tests.served import Served

NEW_KEY = """async () => {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  globalThis.made = pair;
  return btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey))));
}"""
KEEP_KEY = """deviceId => new Promise((done, failed) => {
  const opening = indexedDB.open("tessera-till", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
  opening.onsuccess = () => {
    const keeping = opening.result.transaction("keys", "readwrite");
    keeping.objectStore("keys").put({ pair: made, deviceId }, "own");
    keeping.oncomplete = () => { opening.result.close(); done(); };
  };
  opening.onerror = failed;
})"""


def pair(served: Served, shop: Shop, context: BrowserContext, page: Page) -> int:
    """The browser becomes a till of the shop with its cashier at it; gives the device's row."""
    here, token = served.here, secrets.new_secret()
    page.goto(f"{served.url}/till/offline")
    public = base64.b64decode(page.evaluate(NEW_KEY))

    async def act(tx: Any) -> int:
        return await devices_store.append_device(tx, {
            "business_id": shop.business_id, "location_id": shop.location_id, "name": "Bar", "agent": "Chromium",
            "token_hash": here.ring.lookup_hash(devices.TOKEN, token), "public_key": public, "paired_by": shop.who.id, "now": 1})

    device_id = served.run(write_transaction(here.db, act))
    page.evaluate(KEEP_KEY, here.ids.encode("device", device_id))
    context.add_cookies([{"name": cookie_name(here.settings, "device"), "value": token, "url": served.url}])
    sign_in(served, shop, context, device_id, shop.cashier.id)
    return device_id


def sign_in(served: Served, shop: Shop, context: BrowserContext, device_id: int, staff_id: int | None) -> None:
    """Whoever was signed in at the till is so no longer; now it is this person."""
    here = served.here
    token = served.run(write_transaction(here.db, lambda tx: tilling.sign_in(tx, here, shop, device_id, staff_id, here.clock.now())))
    context.add_cookies([{"name": cookie_name(here.settings, "till"), "value": token, "url": served.url}])
