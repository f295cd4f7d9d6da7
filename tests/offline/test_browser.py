"""Goal F16 in a real browser: two hundred operations without a network, a restart, another cashier, and the books of the day online."""
import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, expect, sync_playwright

from app.clock import from_ms
from app.devices import service as devices
from app.offline import conflicts, pack, store
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.web import assets
from tests.offline import tilling
from tests.offline.browsing import pair, sign_in
from tests.served import Served, serving
from tests.shops import RULES, make_card, make_shop

pytestmark = pytest.mark.browser
OPERATIONS, BY_HAND, CARDS, BATCH = 200, 8, 5, 50
QUEUE = f"/static/{assets.digest()}/js/offline_queue.js"
PACK, SENDING, STORE = (QUEUE.replace("queue", name) for name in ("pack", "sending", "store"))

# What `make offline-reader` brings, by its names.
READER = {"reader/reader/index.js": assets.Asset(b"export { prepareZXingModule, readBarcodes } from '../share.js';", "text/javascript"),
          "reader/share.js": assets.Asset(b"export const prepareZXingModule = () => {}, readBarcodes = () => [];", "text/javascript"),
          "reader/zxing_reader.wasm": assets.Asset(b"\0asm\1\0\0\0", "application/wasm")}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory):
    with serving(tmp_path_factory.mktemp("served")) as made:
        yield made


@pytest.fixture(scope="module")
def playwright():
    with sync_playwright() as made:
        yield made


def _browser(playwright: Playwright, folder: Path) -> BrowserContext:
    """The same browser again: what it keeps lies in `folder`."""
    context = playwright.chromium.launch_persistent_context(
        str(folder), executable_path=shutil.which("chromium"), locale="en", viewport={"width": 390, "height": 844},
        args=["--no-sandbox", "--disable-dev-shm-usage"])
    context.set_default_timeout(10_000)
    return context


def _shop(served: Served, slug: str) -> tuple[Any, list[Any]]:
    here, shop = served.here, served.run(make_shop(served.here, slug=slug))
    held = [served.run(make_card(here, shop, phone=f"+7916{number:07d}", name=f"Person {number}", points=100)) for number in range(CARDS)]
    for card in held:
        served.run(sales.sell(here.db, shop.cashier, SaleRequest(card.id, 10_000), None, here.clock.now()))
    served.run(conflicts.choose_risk(here, shop.who, 3_000, here.clock.now()))
    return shop, held


def _call(page: Page, module: str, work: str, argument: Any = None) -> Any:
    """Runs `work`, an async function of the page's own module and an argument."""
    return page.evaluate(f"async argument => ({work})(await import('{module}'), argument)", argument)


def _ready(page: Page, url: str) -> None:
    """On the scan page, until the worker keeps its page and the cards are here."""
    page.goto(f"{url}/till")
    page.evaluate("navigator.serviceWorker.ready.then(worker => worker.scope)")
    page.wait_for_function(f"import('{PACK}').then(async pack => (await pack.cards()).length > 0)")


def _take(page: Page, code: str, amount: str, press: str = "earn") -> None:
    page.fill("[name=code]", code)
    page.press("[name=code]", "Enter")
    page.fill("[name=amount]", amount)
    page.click(f"[data-sale] [value={press}]")
    expect(page.locator("[data-kept]")).to_be_visible()


def _books(served: Served, shop: Any, held: list[Any]) -> list[Any]:
    here, places, before, found = served.here, {card.id: place for place, card in enumerate(held)}, None, []
    while True:
        page = served.run(sales.list_operations(here.db, shop.who, kind="sale", limit=200, before=before))
        found += [(each.at, places[each.card_id], each.amount_minor, each.spent_minor, each.to_pay_minor, each.actor_name, each.balances,
                   [tuple(change)[:3] for change in each.changes]) for each in page.items]
        before = page.next
        if before is None:
            return found[:-CARDS][::-1]


@pytest.mark.goal("F16")
def test_an_hour_without_a_network_leaves_the_books_of_the_hour_online(served: Served, playwright: Playwright, tmp_path: Path):
    (shop, held), (online, online_cards) = _shop(served, "coffee"), _shop(served, "leaf")
    context = _browser(playwright, tmp_path)
    page, draw = context.pages[0], random.Random(16)
    device_id = pair(served, shop, context, page)
    _ready(page, served.url)
    context.set_offline(True)
    page.goto(f"{served.url}/till")
    expect(page.locator("[data-band]")).to_contain_text("No network since")
    for number in range(BY_HAND):
        _take(page, held[number % CARDS].code, str(draw.randrange(100, 900)), "redeem" if number % 4 == 3 else "earn")
    plan = [_planned(draw, held) for _ in range(OPERATIONS - BY_HAND)]
    _call(page, QUEUE, "async (queue, plan) => { for (const each of plan) await queue.keep(each); }", plan)
    page.reload()
    expect(page.locator("[data-number]")).to_have_text(str(OPERATIONS))
    assert served.run(store.conflicts(served.here.db, shop.business_id, 1)) == [] and len(_books(served, shop, held)) == 0
    items = [each["item"] for each in _call(page, QUEUE, "queue => queue.waiting()")]
    assert [item["counter"] for item in items] == list(range(1, OPERATIONS + 1))
    context.close()

    # The browser starts again, still without a network, and nothing is lost. Then somebody else signs in, with one.
    context = _browser(playwright, tmp_path)
    page = context.pages[0]
    context.set_offline(True)
    page.goto(f"{served.url}/till")
    expect(page.locator("[data-number]")).to_have_text(str(OPERATIONS))
    sign_in(served, shop, context, device_id, shop.who.id)
    page.route("**/till/offline", lambda route: route.abort() if route.request.method == "POST" else route.fallback())
    context.set_offline(False)
    _send_shuffled(served, context, page, draw)
    page.goto(f"{served.url}/till/offline")
    expect(page.locator("[data-band]")).to_contain_text("Everything is sent")
    assert _call(page, QUEUE, "queue => queue.count()") == 0 and _call(page, QUEUE, "queue => queue.told()") == []
    context.close()

    codes = {card.code: place for place, card in enumerate(held)}
    for item in items:
        card = online_cards[codes[item["card"]]]
        request = SaleRequest(card.id, item["amount"], item["points"], expect_to_pay=item["to_pay"])
        served.run(sales.sell(served.here.db, online.cashier, request, None, from_ms(item["at"])))
    assert _books(served, shop, held) == _books(served, online, online_cards)
    assert any(item["points"] for item in items[:BY_HAND])


def _planned(draw: random.Random, held: list[Any]) -> dict[str, Any]:
    """As the page hands it to its own queue."""
    amount, points = draw.randrange(10_000, 90_000), draw.choice((0, 0, 0, 1))
    return {"kind": "sale", "card": draw.choice(held).code, "amount": amount, "points": points, "to_pay": amount - 100 * points,
            "visits": 0}


def _send_shuffled(served: Served, context: BrowserContext, page: Page, draw: random.Random) -> None:
    """All that waits, twice, in batches out of order, signed by the page and posted past it; the till itself hears of none of it."""
    _call(page, PACK, "async pack => { await pack.refresh({ force: true }); }")
    token = context.request.get(f"{served.url}/till/offline/pack").json()["csrf"]
    waiting = [each["item"] for each in _call(page, QUEUE, "queue => queue.waiting()")]
    body = _call(page, SENDING, """async sending => {
      const sent = []; const before = fetch;
      globalThis.fetch = async (address, options) => { sent.push(options.body); return new Response("{}"); };
      try { await sending.send([], 1); } finally { globalThis.fetch = before; }
      return sent[0];
    }""")

    def post(some: list[Any]) -> set[int]:
        answer = context.request.post(f"{served.url}/till/offline", data=json.dumps({**json.loads(body), "items": some}), headers={
            "Content-Type": "application/json", "X-CSRF-Token": token, "Origin": served.url})
        assert answer.status == 200, answer.text()
        return {each["counter"] for each in answer.json()["items"] if each["state"] == "applied"}

    done: set[int] = set()
    for _ in range(2):
        draw.shuffle(waiting)
        for first in range(0, len(waiting), BATCH):
            done |= post(waiting[first:first + BATCH])
    for _ in range(OPERATIONS // BATCH):
        done |= post([item for item in waiting if item["counter"] not in done][:BATCH])
    assert len(done) == OPERATIONS
    page.unroute("**/till/offline")


def test_what_a_till_keeps_of_people_is_sealed_ends_and_is_thrown_away(
        served: Served, playwright: Playwright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shop, held = _shop(served, "till")
    for name, asset in READER.items():
        monkeypatch.setitem(assets.every(), name, asset)
    context = _browser(playwright, tmp_path)
    page = context.pages[0]
    page.goto(f"{served.url}/till/offline")
    expect(page.locator("[data-view=none]")).to_contain_text("A manager pairs it in the console")
    device_id = pair(served, shop, context, page)
    _ready(page, served.url)
    assert _call(page, STORE, """async store => {
      const key = await store.get("pack key"), sealed = await store.get("cards");
      const raw = await crypto.subtle.exportKey("raw", key).then(() => "given away", failure => failure.name);
      return [raw, Object.keys(sealed).sort(), new TextDecoder("latin1").decode(sealed.data).includes(argument)];
    }""".replace("argument", f"'{held[0].code}'")) == ["InvalidAccessError", ["data", "iv"], False]
    _reckons_as_the_server_does(served, page)
    # The reader of codes is here before anybody used it.
    is_kept = "names => Promise.all(names.map(async name => Boolean(await caches.match(name))))"
    assert page.evaluate(is_kept, [assets.url(name) for name in READER]) == [True, True, True]
    context.set_offline(True)
    page.goto(f"{served.url}/till")
    _goes_on_with_what_was_typed(page, held)
    page.clock.set_fixed_time(served.here.clock.now().timestamp() * 1000 + 25 * 3_600_000)
    assert _call(page, PACK, "async pack => (await pack.cards()).length") == 0
    assert _call(page, STORE, "async store => await store.get('cards') === undefined")
    context.set_offline(False)
    _ready(page, served.url)
    served.run(devices.revoke(served.here.db, shop.who, device_id, served.here.clock.now()))
    _call(page, STORE, "store => store.drop('desk')")
    page.goto(f"{served.url}/till/offline")
    expect(page.locator("[data-band]")).to_contain_text("not trusted any more")
    assert _call(page, STORE, "async store => [await store.get('desk'), await store.get('pack key')].every(each => each === undefined)")
    context.close()


def _reckons_as_the_server_does(served: Served, page: Page) -> None:
    """What a till takes and spends without a network is what a quote would have said."""
    here, risk = served.here, 9_000
    odd = msgspec.structs.replace(RULES, discount_bp=750, earn_mode="whole_steps", minimum_receipt_minor=20_000, smallest_redeem=4,
                                  redeem_step=3, worth_minor=50, worth_points=3, largest_share_bp=3_000)
    shop = served.run(make_shop(here, slug="odd", rules=odd))
    card = served.run(make_card(here, shop, points=137))
    served.run(conflicts.choose_risk(here, shop.who, risk, here.clock.now()))
    served.run(sales.sell(here.db, shop.cashier, SaleRequest(card.id, 30_000), None, here.clock.now()))
    till = served.run(tilling.pair(here, shop))
    device = served.run(devices.get(here.db, shop.business_id, till.device_id))
    told = served.run(pack.pack(here, shop.cashier, device, "en", here.clock.now()))
    amounts = [1, 19_999, 20_000, 20_001, 33_333, 49_990, 123_457]
    reckoned = _call(page, QUEUE.replace("queue", "sums"), """(sums, [told, amounts]) => amounts.map(amount => {
      const offer = sums.offerOf(told.programs[0], told.cards[0]), bill = sums.billOf(offer, amount);
      const spent = sums.spendable(offer, bill.bill, told.cards[0].balance, told.redeem_most);
      return [bill.bill, bill.earns, spent, bill.bill - sums.worth(offer, spent)];
    })""", [told, amounts])
    for amount, (bill, earns, spent, rest) in zip(amounts, reckoned, strict=True):
        plain, paid = [served.run(sales.quote(here.db, shop.cashier, SaleRequest(card.id, amount, points), here.clock.now())).judgement
                       for points in (0, spent)]
        assert (bill, earns) == (plain.to_pay, plain.gained("points")) and (rest, spent) == (paid.to_pay, paid.points)
    assert max(each[2] for each in reckoned) > 0


def _goes_on_with_what_was_typed(page: Page, held: list[Any]) -> None:
    """A scanner that types, a torn code, an amount that outlives the page, and a name that is shown as it was last known."""
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.type(held[1].code + "\n")
    expect(page.locator("[data-name]")).to_have_text("Person 1")
    expect(page.locator("[data-verdict]")).to_contain_text("Last known")
    expect(page.locator("[data-balance]")).to_have_text("105")
    page.click("[data-key='4']")
    page.click("[data-key='9']")
    page.reload()
    page.fill("[name=code]", "4729581036472918")
    page.press("[name=code]", "Enter")
    expect(page.locator("#code-error")).to_contain_text("did not arrive whole")
    page.fill("[name=code]", held[1].number)
    page.press("[name=code]", "Enter")
    expect(page.locator("[name=amount]")).to_have_value(re.compile("^(49)?$"))
