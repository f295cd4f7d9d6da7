"""From poster and till to a card in the pocket: through the application as a whole, and with a real browser."""
import asyncio
import re
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect
from uvicorn import Config, Server

from app.cards import service as cards
from app.main import create_app
from app.programs import service as programs
from app.server import bind
from tests import engines
from tests.enrolment.joining import ANNA, TERMS, Joining
from tests.shops import RULES


@pytest.fixture
def database_url(tmp_path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def joining(here, shop) -> Joining:
    """A shop that gives 50 welcome points."""
    await programs.change_rules(here.db, shop.who, shop.program_id, msgspec.structs.replace(RULES, welcome_points=50), here.clock.now())
    return Joining(here, shop)


async def test_from_a_poster_to_a_card_and_back_to_it_by_its_number(client, joining):
    await client.post("/e/coffee?from=door", data={"phone": "8 (916) 123-12-34"})
    await joining.deliver()
    link = joining.inbox.path()
    assert (await client.get(link)).status_code == 200
    assert (await client.post(link, data={})).status_code == 422
    done = await client.post(link, data={**TERMS, "name": "Анна", "marketing": "on"})
    page = await client.get(done.headers["location"], headers={"accept-language": "en"})
    assert page.status_code == 200 and "Анна" in page.text and ">50<" in re.sub(r"\s", "", page.text)
    joining.here.clock.advance(minutes=1)
    client.cookies.clear()
    await client.post("/e/coffee", data={"phone": ANNA})
    await joining.deliver()
    assert joining.inbox.path() == done.headers["location"]


async def test_a_till_credits_the_first_purchase_before_the_shopper_has_agreed(client, joining, ids):
    key = {"authorization": f"Bearer {joining.shop.api_key}"}
    body = {"program": ids.encode("program", joining.shop.program_id), "phone": ANNA, "email": None, "name": None, "language": "ru",
            "location": None}
    started = await client.post("/api/v1/enrolments", json=body, headers=key)
    assert started.status_code == 202 and started.json()["status"] == "queued"
    again = await client.post("/api/v1/enrolments", json=body, headers=key)
    assert {name: again.json()[name] for name in ("id", "card", "expires_at")} == {
        name: started.json()[name] for name in ("id", "card", "expires_at")}
    await joining.deliver()
    assert len(joining.inbox.messages) == 1
    purchase = {"card": started.json()["card"], "amount": 100_000, "redeem": {"points": 0}, "receipt": "A-1"}
    sale = await client.post("/api/v1/sales", json=purchase, headers={**key, "idempotency-key": "first"})
    assert sale.status_code == 201, sale.text
    early = await client.post(f"/api/v1/cards/{started.json()['card']}/page-links", headers=key)
    assert (early.status_code, early.json()["code"]) == (409, "card_provisional")
    done = await client.post(joining.inbox.path(), data=TERMS)
    assert "100" in (await client.get(done.headers["location"])).text
    card = await client.get(f"/api/v1/cards/{started.json()['card']}", headers=key)
    assert (card.json()["status"], card.json()["balances"]["points"]) == ("active", 100)
    followed = await client.get(f"/api/v1/enrolments/{started.json()['id']}", headers=key)
    assert followed.json()["status"] == "activated"
    member = await client.post("/api/v1/enrolments", json=body, headers=key)
    assert (member.status_code, member.json()["status"], member.json()["id"]) == (202, "already_member", None)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        await opened.close()


class Site:
    """The application behind a real socket, as a demo on this machine."""

    def __init__(self, address: str, joining: Joining) -> None:
        self.address, self.joining = address, joining

    async def link(self, e164: str = ANNA) -> str:
        await self.joining.deliver()
        return self.joining.inbox.link(e164)


@pytest.fixture
async def site(here, joining) -> AsyncIterator[Site]:
    held: socket.socket = bind("127.0.0.1", 0)
    address = f"http://127.0.0.1:{held.getsockname()[1]}"
    here.settings = replace(here.settings, demo=True, url=address, link_url=address, apple_certificate=b"")
    server = Server(Config(create_app(here), log_config=None, lifespan="on", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[held]))
    while not server.started:
        await asyncio.sleep(0)
    yield Site(address, joining)
    server.should_exit = True
    await task


async def join(page: Page, site: Site, **ticked: bool) -> list[str]:
    """Walks from the enrolment page to the card; the Origin of each form that was posted."""
    origins = []

    async def note(request) -> None:
        if request.method == "POST":
            origins.append((await request.all_headers()).get("origin", "none"))

    page.on("request", note)
    await page.goto(f"{site.address}/e/coffee")
    await page.fill("input[name=phone]", ANNA)
    await page.click("form button.button--brand")
    await expect(page.locator("h1")).to_contain_text("on its way")
    await page.goto(await site.link())
    await page.fill("input[name=name]", "Anna")
    await page.check("input[name=terms]")
    if ticked.get("marketing"):
        await page.check("input[name=marketing]")
    await page.click("form button.button--brand")
    await page.wait_for_url(f"{site.address}/c/*")
    return origins


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_browser_joins_and_takes_its_consent_back(browser, site, scripts):
    context = await browser.new_context(java_script_enabled=scripts, locale="en-GB")
    page = await context.new_page()
    origins = await join(page, site, marketing=True)
    # /a and /c are under no-referrer: the browser names no origin, and is let in all the same.
    assert origins == [site.address, "null"]
    await expect(page.locator("h1")).to_contain_text("Anna")
    await page.click("form[action$='/stop'] button")
    await expect(page.locator("#agreed")).to_contain_text("No more messages")
    assert origins[2] == "null"
    await context.close()


async def faults(page: Page) -> list[str]:
    """What axe finds, how heavy the page is beyond its limit, and requests to other hosts."""
    found = [f"{page.url}: {one['id']}" for one in (await Axe().run(page)).response["violations"]]
    weight = await page.evaluate("performance.getEntries().reduce((sum, entry) => sum + (entry.encodedBodySize || 0), 0)")
    hosts = await page.evaluate("performance.getEntriesByType('resource').map(entry => new URL(entry.name).host)")
    if weight > 60 * 1024:
        found.append(f"{page.url}: {weight} bytes")
    return found + [f"{page.url}: asks {host}" for host in hosts if host not in page.url]


async def press(page: Page, button: str) -> None:
    """A press that leads to another document: nothing is judged before that one is there."""
    async with page.expect_navigation():
        await page.click(button)


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
async def test_every_page_on_the_way_is_light_and_open_to_everybody(browser, site, scheme, width):
    context = await browser.new_context(locale="ru-RU", color_scheme=scheme, viewport={"width": width, "height": 844},
                                        reduced_motion="reduce")
    page = await context.new_page()
    found: list[str] = []
    await page.goto(f"{site.address}/e/coffee")
    found += await faults(page)
    await page.fill("input[name=phone]", "12345")
    await press(page, "form button.button--brand")
    found += await faults(page)
    await page.fill("input[name=phone]", ANNA)
    await press(page, "form button.button--brand")
    found += await faults(page)
    link = await site.link()
    await page.goto(link)
    found += await faults(page)
    await page.fill("input[name=name]", "Анна")
    await page.check("input[name=terms]")
    await press(page, "form button.button--brand")
    await page.wait_for_url(f"{site.address}/c/*")
    found += await faults(page)
    card = page.url
    await page.goto(f"{card}/profile")
    found += await faults(page)
    site.joining.here.clock.advance(minutes=1)
    await press(page, "form[action*='/code'] button")
    found += await faults(page)
    await page.fill("input[name=code]", await site.link())
    await press(page, "form button.button--brand")
    await page.wait_for_url(f"{card}/profile")
    found += await faults(page)
    await context.clear_cookies()
    await page.goto(link)
    found += await faults(page)
    assert found == []
    await context.close()


@pytest.mark.browser
async def test_an_open_page_shows_a_sale_by_itself_and_keeps_its_code_without_network(browser, site, here, shop):
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await join(page, site)
    [row] = await site.joining.all("cards")
    card = await cards.get_card(here.db, shop.business_id, row["id"])
    await expect(page.locator("[data-live-state]")).to_be_visible()
    await site.joining.credit(card, 100_000)
    await expect(page.locator("[data-live=balance] .figure")).to_contain_text("100", timeout=5_000)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.reload()
    await context.set_offline(True)
    await page.reload()
    await expect(page.locator(".pass__code")).to_contain_text(card.code[:4])
    await expect(page.locator("[data-offline]")).to_be_visible()
    await context.close()
