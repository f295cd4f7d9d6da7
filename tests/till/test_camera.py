"""The scan page in a real browser: a drawn camera, one that is refused or missing, a scanner that types, and a session that ends."""
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.cards.rules import draw_code
from tests.shops import PASSWORD
from tests.till import drawn, live

# Codes of the film, by how they are held; the QR codes are cards of the shop, the others nobody's.
HELD = [(kind, scene) for scene in drawn.SCENES for kind in drawn.KINDS]
VECTORS = Path(__file__).parents[1] / "cards" / "typed_codes.json"
READ_ALL = """async ([address, count]) => {
  const { openReader } = await import(address), film = document.querySelector("video"), seen = new Set(), { data } = document.body.dataset;
  film.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  await film.play();
  const headers = { "Content-Type": "image/jpeg", "X-CSRF-Token": document.querySelector("[name=csrf]").value };
  const post = async body => {
    const answer = await fetch("/till/frame", { method: "POST", body, headers });
    return answer.status === 200 ? (await answer.json()).code : null;
  };
  const reader = await openReader({ formats: ["qr_code", "aztec", "pdf417", "code_128"], post }), until = performance.now() + 25000;
  while (seen.size < count && performance.now() < until) {
    const code = await reader.read(film);
    if (code) seen.add(code);
    await new Promise(done => setTimeout(done, 20));
  }
  return [reader.kind, ...seen];
}"""
# What the page asks of the machine, remembered beyond the page itself.
NOTED = """
const note = what => sessionStorage.setItem("noted", `${sessionStorage.getItem("noted") ?? ""} ${what}`);
navigator.vibrate = () => note("shaken");
navigator.wakeLock.request = async () => note("awake");
const whole = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () { note("tone"); return whole.call(this); };"""
NATIVE = """
window.BarcodeDetector = class {
  static getSupportedFormats = async () => ["aztec", "code_128", "pdf417", "qr_code"];
  detect = async () => [{ rawValue: "%s" }];
};"""
FAILS = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', '%s'); };"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    with live.running(tmp_path_factory.mktemp("shop")) as running:
        yield running


@pytest.fixture(scope="module")
def codes(shop) -> dict[tuple[str, str], str]:
    own = iter(shop.cards)
    return {(kind, scene): next(own).code if kind == "qr_code" else draw_code() for kind, scene in HELD}


@pytest.fixture(scope="module")
def browser(codes, tmp_path_factory) -> Iterator[Any]:
    film = drawn.film(tmp_path_factory.mktemp("film") / "held.y4m",
                      [drawn.frame(kind, codes[kind, scene], **drawn.SCENES[scene]) for kind, scene in HELD], a_second=4)
    with live.chromium(film) as opened:
        yield opened


@pytest.fixture(scope="module")
def open_till(browser, shop) -> Callable[..., Any]:
    """A page at the till, the cashier signed in: open_till(start, camera=..., script=...)."""
    state = live.sign_in(browser, shop)

    @contextmanager
    def opened(start: str = "camera", *, camera: bool = True, script: str = "", path: str = "/till") -> Iterator[Page]:
        shop.opens_on(start)
        context = browser.new_context(storage_state=state, locale="en-US", service_workers="block", viewport={"width": 390, "height": 844},
                                      permissions=["camera"] if camera else [])
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.goto(shop.url + path)
        yield page
        context.close()

    return opened


def scan(page: Page, text: str) -> None:
    """As a scanner that types: fast, with Enter at its end, wherever the focus is."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def address(shop: live.Live, card: Any) -> str:
    return f"{shop.url}/till/cards/{shop.here.ids.encode('card', card.id)}"


def test_codes_of_every_kind_are_read_clean_tilted_dark_and_blurred(open_till, codes) -> None:
    with open_till("field") as page:
        script = page.get_attribute("script[type=module]", "src")
        kind, *seen = page.evaluate(READ_ALL, [script.replace("scan.js", "readers.js"), len(codes)])
    assert kind == "server"
    assert {held: code for held, code in codes.items() if code not in seen} == {}
    assert set(seen) == set(codes.values())


def test_a_card_before_the_camera_opens_with_a_tone_and_a_flash(open_till, shop) -> None:
    with open_till(script=NOTED) as page:
        page.mouse.click(200, 300)
        page.wait_for_url("**/till/cards/*")
        assert page.inner_text(".who__name bdi") in live.NAMES
        expect(page.locator(".sale__band")).to_contain_text("Card is good")
        noted = page.evaluate("sessionStorage.getItem('noted')").split()
        assert {"awake", "tone", "shaken"} <= set(noted)
        # Back before the camera, the same card does not open at once again.
        assert json.loads(page.evaluate("sessionStorage.getItem('tessera-scanned')"))["code"] in {card.code for card in shop.cards}


def test_a_browser_that_reads_codes_itself_sends_no_pictures(open_till, shop) -> None:
    sent = []
    with open_till("field", script=NATIVE % shop.cards[2].code) as page:
        page.on("request", lambda request: sent.append(request.url) if "/till/frame" in request.url else None)
        page.click("[data-start]")
        page.wait_for_url(address(shop, shop.cards[2]))
    assert sent == []


def test_a_refused_camera_says_how_to_allow_it_and_typing_goes_on(open_till, shop) -> None:
    with open_till(camera=False) as page:
        expect(page.locator("[data-help=refused]")).to_contain_text("On an iPhone")
        assert page.locator("[data-help]:visible").count() == 1
        page.fill("#code", shop.cards[0].code)
        page.press("#code", "Enter")
        page.wait_for_url(address(shop, shop.cards[0]))


@pytest.mark.parametrize(("script", "state"), [
    (FAILS % "NotFoundError", "missing"), (FAILS % "NotReadableError", "busy"),
    ("Object.defineProperty(navigator, 'mediaDevices', { value: undefined });", "absent")],
    ids=["missing", "busy", "absent"])
def test_a_camera_that_is_not_there_says_what_to_do(open_till, script, state) -> None:
    with open_till(script=script) as page:
        expect(page.locator(f"[data-help={state}]")).to_be_visible()
        assert page.locator("[data-help]:visible").count() == 1
        assert page.evaluate("document.activeElement.id") == "code"


def test_a_till_that_opens_on_the_field_leaves_the_camera_alone_and_a_hidden_page_rests(open_till) -> None:
    with open_till("field") as page:
        page.route("**/till/frame", lambda route: route.fulfill(status=204))
        assert page.get_attribute("[data-scan]", "data-camera") is None
        page.click("[data-start]")
        page.wait_for_selector("[data-camera=server]")
        for hidden, state in (("true", "detached"), ("false", "attached")):
            page.evaluate(f"Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }})")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            page.wait_for_selector("[data-camera]", state=state)
        page.click("[data-stop]")
        page.wait_for_selector("[data-camera]", state="detached")


def test_a_scanner_is_heard_outside_the_field_and_scans_the_next_customer_from_a_cards_page(open_till, shop) -> None:
    first, second = shop.cards[:2]
    with open_till("field") as page:
        page.focus(".hand__two a")
        scan(page, first.code[3:])
        expect(page.locator("[data-scan-say]")).to_contain_text("did not arrive whole")
        assert page.url == shop.url + "/till"
        scan(page, first.code)
        page.wait_for_url(address(shop, first))
        page.focus("#amount")
        scan(page, first.code)                      # held too long: the same scan once more
        assert (page.url, page.input_value("#amount")) == (address(shop, first), "")
        scan(page, second.code)
        page.wait_for_url(address(shop, second))


def test_pages_read_scans_as_the_server_does(open_till) -> None:
    vectors = json.loads(VECTORS.read_text("utf-8"))
    with open_till("field") as page:
        script = page.get_attribute("script[type=module]", "src").replace("scan.js", "wedge.js")
        read = page.evaluate("""async ([address, vectors]) => {
            const { cleanCode, latin } = await import(address);
            return [vectors.codes.map(one => cleanCode(one.typed)), vectors.keys.map(one => latin(one.typed))];
        }""", [script, vectors])
    assert read[0] == [{name: text for name, text in one.items() if name != "typed"} for one in vectors["codes"]]
    assert read[1] == [one["pressed"] for one in vectors["keys"]]


def test_what_was_typed_outlives_a_session_that_ends(open_till, shop) -> None:
    card = shop.cards[3]
    with open_till("field", path=address(shop, card).removeprefix(shop.url)) as page:
        for key in "490":
            page.click(f"[data-key='{key}']")
        page.context.clear_cookies(name="tessera-till")
        page.click("button[value=earn]")
        page.wait_for_url("**/till/sign-in")
        page.fill("[name=email]", "cashier@coffee.example.com")
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.click("[data-begun]")
        page.wait_for_url(address(shop, card))
        assert page.input_value("#amount") == "490"
        page.click("button[value=earn]")
        expect(page.locator("[data-undo]")).to_be_visible()
        # Done is done: nothing waits for the next customer.
        assert page.evaluate("sessionStorage.getItem('tessera-typed')") is None
