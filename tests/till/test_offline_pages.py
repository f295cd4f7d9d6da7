"""The doors of a till without a network: what anybody may fetch, what only a paired till gets, and what a batch must be."""
import json

import msgspec
import pytest

from app.devices import service as devices
from app.offline import rules
from app.web.cookies import cookie_name
from tests.offline import tilling
from tests.shops import make_card

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HOST = "https://cards.example.com"


@pytest.fixture
async def tablet(here, shop):
    return await tilling.pair(here, shop)


@pytest.fixture
def post(client, here, tablet):
    async def send(body, *, token=None, headers=None):
        csrf = here.ring.lookup_hash("web.forgery", tablet.token).hex()[:32] if token is None else token
        sent = {"Cookie": f"{cookie_name(here.settings, 'till')}={tablet.token}", "X-CSRF-Token": csrf, "Origin": HOST,
                "Content-Type": "application/json", **(headers or {})}
        return await client.post("/till/offline", content=body if isinstance(body, bytes) else msgspec.json.encode(body), headers=sent)

    return send


async def test_the_page_the_worker_and_the_manifest_hold_nothing_of_anybody(client, here, shop):
    page, worker, manifest = [await client.get(f"/till/{path}") for path in ("offline", "sw.js", "manifest.webmanifest")]
    assert (page.status_code, worker.headers["service-worker-allowed"]) == (200, "/till")
    assert worker.headers["content-type"].startswith("text/javascript") and "Coffee corner" not in page.text
    assert "no-store" not in page.headers["cache-control"] and "A manager pairs it in the console" in page.text
    told = json.loads(manifest.text)
    assert (told["scope"], told["start_url"], told["display"]) == ("/till", "/till", "standalone")
    for icon in told["icons"]:
        assert (await client.get(icon["src"])).status_code == 200


async def test_the_pack_holds_the_cards_seen_here_lately_and_no_others(client, here, shop, other_shop, tablet):
    seen, never = await make_card(here, shop), await make_card(here, shop, phone="+79160000001", name="Борис")
    await tablet.send([tablet.make(here.clock.now(), seen.code, amount=100_000)])
    answer = await client.get("/till/offline/pack", headers={"Cookie": f"{cookie_name(here.settings, 'till')}={tablet.token}"})
    told = answer.json()
    assert [(card["number"], card["name"], card["balance"]) for card in told["cards"]] == [(seen.number, "Анна", 50)]
    assert (told["next"], told["staff"]["name"], told["place"], told["redeem_most"]) == (2, "Cashier", "Pushkin Street", 0)
    assert never.number not in answer.text and "no-store" in answer.headers["cache-control"]
    here.clock.advance(days=8)
    again = await tilling.pair(here, shop)
    answer = await client.get("/till/offline/pack", headers={"Cookie": f"{cookie_name(here.settings, 'till')}={again.token}"})
    assert answer.json()["cards"] == []


async def test_an_unpaired_till_gets_no_pack_and_is_told_why(client, here, shop, tablet):
    await here.db.execute("UPDATE sessions SET device_id = NULL")
    answer = await client.get("/till/offline/pack", headers={"Cookie": f"{cookie_name(here.settings, 'till')}={tablet.token}"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_paired")


async def test_a_tablet_that_was_put_out_hears_so_with_nobody_signed_in(client, here, shop):
    code = await devices.offer(here.db, here.ring, shop.who, "Bar", None, here.clock.now())
    device, token = await devices.pair(here.db, here.ring, code, b"", "203.0.113.9", here.clock.now())
    own = {"Cookie": f"{cookie_name(here.settings, 'device')}={token}"}
    assert (await client.get("/till/offline/trust", headers=own)).json() == {"trusted": True}
    await devices.revoke(here.db, shop.who, device.id, here.clock.now())
    assert (await client.get("/till/offline/trust", headers=own)).json() == {"trusted": False}
    assert (await client.get("/till/offline/trust")).json() == {"trusted": False}


async def test_a_batch_is_answered_item_by_item(here, shop, tablet, post):
    card = await make_card(here, shop)
    items = [tablet.make(here.clock.now(), card.code, amount=10_000), tablet.make(here.clock.now(), "9", amount=10_000)]
    answer = await post(tablet.batch(items))
    assert answer.status_code == 200 and answer.json()["newest"] == 2
    assert [(each["counter"], each["state"], each["why"], each["operation"] is None) for each in answer.json()["items"]] == [
        (1, "applied", None, False), (2, "conflict", "card_unknown", True)]


async def test_what_is_no_batch_of_this_business_changes_nothing(here, shop, other_shop, tablet, post):
    card = await make_card(here, shop)
    item = tablet.make(here.clock.now(), card.code, amount=10_000)
    batch = tablet.batch([item])
    plain = msgspec.to_builtins(batch)
    asked = [(await post(batch, token="0" * 32), 403), (await post(batch, token=""), 403),
             (await post(batch, headers={"Origin": "https://evil.example"}), 403),
             (await post(batch, headers={"Content-Type": "text/plain"}), 415), (await post(b"{"), 400),
             (await post({**plain, "more": 1}), 422), (await post({**plain, "items": [plain["items"][0]] * (rules.MOST_ITEMS + 1)}), 422),
             (await post({**plain, "items": [{**plain["items"][0], "amount": -1}]}), 422), (await post(b" " * 70_000), 413),
             (await post({**plain, "device": here.ids.encode("device", 999)}), 404)]
    assert [(answer.status_code, wanted) for answer, wanted in asked if answer.status_code != wanted] == []
    assert await here.db.fetch_val("SELECT COUNT(*) FROM offline_items") == 0
