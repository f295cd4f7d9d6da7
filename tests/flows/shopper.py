"""Every page that a shopper can open, in a running demo: walked to as people come there, each with an address that is alive."""
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from app.posters import raster
from tests.test_access import rows_of_the_file

Demo = dict[str, Any]
# What only machines, files or staff behind a door ask for: no pages of a shopper's.
NO_PAGES = ("/health", "/ready", "/metrics", "/robots.txt", "/static/", "/images/", "/demo/", "/apple/", "/google/", "/sms/", "/api/",
            "/console/", "/till/", "/operator/", "/ledger/{business}", "/c/{token}/code", "/e/{business}/{program}/button.svg",
            "/c/{token}/manifest.webmanifest", "/c/{token}/sw.js", "/c/{token}/events",
            "/c/{token}/card.pkpass", "/c/{token}/receipts/{n}/proof.json")
# `/` sends on to the console.
FRONT = "/"


@contextmanager
def running_demo(folder: Path) -> Iterator[Demo]:
    """The demo as `make run` starts it, on a free port, its data in `folder`; what its demo.json says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Nothing of ours from outside: a server refuses settings that it does not know, and a test one that it was not given.
    around = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
    surroundings = {**around, "TESSERA_DATA": str(folder), "PORT": str(port), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, "-m", "app", "run", "--demo"], cwd=Path(__file__).parents[2], env=surroundings, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        assert any("SMS inbox" in line for line in running.stdout)      # the last of the addresses: it answers now
        try:
            yield json.loads((folder / "demo.json").read_text())
        finally:
            running.terminate()


def routes() -> list[str]:
    """The GET routes of app/access.csv that anybody with the address may open and that are pages. A new one must be walked to below."""
    open_to_all = sorted(path for method, path, who in rows_of_the_file() if method == "GET" and who in ("public", "link"))
    return [path for path in open_to_all if path != FRONT and not path.startswith(NO_PAGES)]


def new_number(page: Page) -> str:
    return f"+7916{page.evaluate('String(Math.floor(1e6 + Math.random() * 9e6))')}"


def newest_link(demo: Demo, page: Page, number: str) -> str:
    """What the newest message to a number leads to, or the code that it holds. number: its last digits are enough."""
    page.wait_for_function("""async ([address, last]) => (await (await fetch(address)).json()).some(one => one.to.endsWith(last))""",
                           arg=[demo["sms"], number[-4:]])
    sent = [one for one in page.request.get(demo["sms"]).json() if one["to"].endswith(number[-4:])][-1]
    return sent["links"][0] if sent["links"] else re.search(r"\b\d{6}\b", sent["text"])[0]


def activation_link(demo: Demo, page: Page, number: str) -> str:
    """A link that waits in the message to a fresh number."""
    page.goto(demo["enrol"])
    page.fill("[name=phone]", number)
    with page.expect_navigation():
        page.click("form button.button--brand")
    return newest_link(demo, page, number)


def finish(page: Page, link: str) -> str:
    """The card's address."""
    page.goto(link)
    page.check("[name=terms]")
    with page.expect_navigation(url=re.compile("/c/")):
        page.click("form button.button--brand")
    return page.url


def sign_in(demo: Demo, page: Page, door: str) -> None:
    page.goto(demo[door]["url"])
    page.fill("[name=email]", demo[door]["email"])
    page.fill("[name=password]", demo[door]["password"])
    with page.expect_navigation():
        page.click("form button.button--primary")


def screen_link(demo: Demo, browser: Browser) -> str:
    """What the code on a till's screen says."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(demo, page, "till")
    page.goto(f"{demo['url']}/till/enrol")
    with page.expect_navigation():
        page.click("[name=act][value=screen]")
    page.wait_for_load_state("load")
    [link] = raster.codes_in(page.screenshot(full_page=True), "png")
    context.close()
    return link


def coupon_link(demo: Demo, browser: Browser) -> str:
    """What the first code on a printed sheet of coupons says."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(demo, page, "console")
    [coupons] = [each["program"] for each in demo["programs"] if each["enrol"].endswith("/coupons")]
    page.goto(f"{demo['url']}/console/promos?program={coupons}")
    with page.expect_navigation():
        page.locator("a.list__link", has_text="Ярмарка").click()
    sheet = page.locator("a[href*='sheet.pdf']").first.get_attribute("href")
    found = raster.codes_in(page.request.get(demo["url"] + sheet).body(), "pdf")
    context.close()
    return found[0]


def book(demo: Demo, browser: Browser) -> tuple[dict[str, str], Any]:
    """route → an address of it; and the cookies with which the card's more private pages open."""
    context = browser.new_context(locale="ru")
    page = context.new_page()
    waiting = activation_link(demo, page, new_number(page))
    # A card with a month behind it: its pages are the heavy ones.
    [card] = [each["card"]["page"] for each in demo["programs"] if each["kind"] == "tiers"]
    confirm(demo, page, card)
    page.goto(f"{card}/history")
    receipt = page.locator("a[href*='/receipts/']").first.get_attribute("href") or ""
    page.goto(f"{card}/another")
    with page.expect_navigation():
        page.click("form button.button--brand")
    second = page.input_value("#address")
    url, name = demo["url"], "coffee"
    found = {"/e/{business}": f"{url}/e/{name}", "/e/{business}/{program}": f"{url}/e/{name}/points",
             "/e/{business}/{program}/lost": f"{url}/e/{name}/points/lost", "/e/{business}/{program}/card": f"{url}/e/{name}/points/card",
             "/a/{link}": waiting, "/c/{token}": card, "/d/{token}": second, "/q/{link}": screen_link(demo, browser),
             "/k/{token}": coupon_link(demo, browser),
             "/e/{business}/terms/{purpose}/{language}/{version}": f"{url}/e/{name}/terms/terms/ru/1",
             "/c/{token}/receipts/{n}": url + receipt}
    # The rest hangs on the card's own address, word for word.
    found |= {path: path.replace("/c/{token}", card) for path in routes() if path.startswith("/c/{token}/") and path.count("{") == 1}
    state = context.storage_state()
    context.close()
    return found, state


def confirm(demo: Demo, page: Page, card: str) -> None:
    """Types the code from the message: this browser may see what is private for half an hour."""
    page.goto(f"{card}/confirm?to=profile")
    with page.expect_navigation():
        page.click("form[action*='/code'] button")
    told = page.locator("main strong.num").inner_text()
    page.fill("[name=code]", newest_link(demo, page, told))
    with page.expect_navigation():
        page.click("form button.button--brand")
