"""What holds for every page that a shopper can open, whichever part of the house it comes from (goal V8's first half)."""
import re
from html import unescape
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Response

from app.posters import raster
from app.web import catalogues
from tests.flows import shopper

pytestmark = pytest.mark.browser
LIMIT = 60 * 1024
IPHONE = ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 "
          "Safari/604.1")
PIXEL = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
INSIDE = {
    "Instagram": IPHONE.replace("Safari/604.1", "Instagram 330.0.3.29.109 (iPhone14,5; iOS 18_5; en_US)"),
    "Facebook": PIXEL + " [FB_IAB/FB4A;FBAV/470.0.0.0;]",
    "Telegram": PIXEL + " Telegram-Android/11.2 (Google Pixel 9; Android 15)",
    "VK": IPHONE + " VKClient/8.60", "WeChat": PIXEL + " MicroMessenger/8.0.50"}


@pytest.fixture(scope="module")
def book(demo: dict[str, Any], browser: Browser) -> tuple[dict[str, str], Any]:
    return shopper.book(demo, browser)


def test_every_open_page_is_walked_to(book):
    """When this fails: a new page is open to everybody with its address. Add the way to it to `shopper.book`."""
    assert [path for path in shopper.routes() if path not in book[0]] == []


def test_each_page_weighs_60_kb_at_most_asks_no_other_host_and_works_without_scripts(demo, browser, book):
    addresses, state = book
    wrong: dict[str, Any] = {}
    for scripts in (True, False):
        context = browser.new_context(storage_state=state, java_script_enabled=scripts, service_workers="block", locale="ru")
        page = context.new_page()
        answers: list[Response] = []
        page.on("response", lambda answer, kept=answers: kept.append(answer))
        for path, address in addresses.items():
            answers.clear()
            answer = page.goto(address)
            sizes = weights(answers)
            strangers = [url for url in sizes if not url.startswith((demo["url"], "data:"))]
            if answer.status != 200 or sum(sizes.values()) > LIMIT or strangers:
                wrong[f"{path}, scripts: {scripts}"] = (answer.status, sum(sizes.values()), strangers)
            if not page.locator("main").inner_text().strip() or page.locator("h1").count() != 1:
                wrong[f"{path}, scripts: {scripts}"] = "no words, or not one headline"
        context.close()
    assert wrong == {}


def weights(answers: list[Response]) -> dict[str, int]:
    """What each answer that came until now weighs; a stream never ends, and what leads elsewhere has no body."""
    return {answer.url: len(answer.body()) for answer in list(answers) if "/events" not in answer.url and not 300 <= answer.status < 400}


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_axe_finds_nothing_on_any_page_in_either_scheme(browser, book, scheme, width):
    addresses, state = book
    context = browser.new_context(storage_state=state, color_scheme=scheme, viewport={"width": width, "height": 844}, locale="ru",
                                  reduced_motion="reduce", bypass_csp=True)
    page = context.new_page()
    found = {}
    for path, address in addresses.items():
        page.goto(address)
        faults = [f"{fault['id']}: {fault['nodes'][0]['html'][:160]}" for fault in Axe().run(page).response["violations"]]
        sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if faults or sideways > 0:
            found[path] = [*faults, *([f"{sideways} px too wide"] if sideways > 0 else [])]
    context.close()
    assert found == {}


def test_a_russian_page_shows_no_english_sentence(browser, book):
    """A sentence that no catalogue holds, because nobody marked it, and one that was put into words in another language."""
    addresses, state = book
    english = {message.id for message in catalogues.extracted() if isinstance(message.id, str) and " " in message.id}
    context = browser.new_context(storage_state=state, locale="ru")
    found = {}
    for path, address in addresses.items():
        text = context.request.get(address, headers={"accept-language": "ru"}).text()
        lines = {line for line in lines_of(text) if line in english or len(WORD.findall(line)) > 2}
        if lines or '<html lang="ru"' not in text:
            found[path] = lines
    context.close()
    assert found == {}


# Three of them in one line are a sentence; names, codes and addresses have fewer.
WORD = re.compile(r"(?<![\w@./-])[a-z]{2,}(?![\w@/-])")


def lines_of(html: str) -> set[str]:
    """What is read, between tags; without what says itself that it is English."""
    html = re.sub(r"<(style|script)\b.*?</\1>|<(\w+)[^>]* lang=\"en\".*?</\2>", " ", html, flags=re.DOTALL)
    return {" ".join(unescape(text).split()) for text in re.findall(r">([^<]+)<", html)}


@pytest.mark.parametrize(("agent", "button"), [(IPHONE, "Apple Wallet"), (PIXEL, "Google Wallet")], ids=["iPhone", "Android"])
def test_three_presses_and_one_tick_lead_from_the_message_to_a_card_in_the_wallet(demo, browser, agent, button):
    """The link, "Get my card", "Add": and the box that law wants nobody to tick for them."""
    context = browser.new_context(user_agent=agent, locale="en-GB", **PHONE)
    page = context.new_page()
    link = shopper.activation_link(demo, page, shopper.new_number(page))
    presses = ["the link in the message"]
    page.goto(link)
    page.tap("[name=terms]")
    with page.expect_navigation(url=re.compile("/c/")):
        press(page, "form button.button--brand", presses)
    first = page.locator(".mine__wallets .button--ink").first
    assert button in first.inner_text(), "the phone's own wallet comes first"
    if button.startswith("Apple"):
        with page.expect_download() as taken:
            press(page, ".mine__wallets .button--ink", presses)
        assert taken.value.suggested_filename.endswith(".pkpass")
        assert install(demo, page, taken.value.url)
    else:
        with page.expect_navigation(url=re.compile("google/save")):
            press(page, ".mine__wallets .button--ink", presses)
    context.close()
    assert len(presses) == 3, presses


def press(page: Page, button: str, presses: list[str]) -> None:
    presses.append(page.locator(button).first.inner_text())
    page.locator(button).first.tap()


def install(demo: dict[str, Any], page: Page, address: str) -> bool:
    """Whether the simulated phone takes the file that the press brought."""
    page.goto(demo["phone"])
    page.fill("[name=address]", address)
    with page.expect_navigation():
        page.click("form[method=post]:has([name=address]) button")
    return page.locator("[name=serial_number]").count() > 0


@pytest.mark.parametrize("app", INSIDE)
def test_inside_another_app_the_way_out_is_shown_and_the_one_time_link_stays(demo, browser, app):
    context = browser.new_context(user_agent=INSIDE[app], locale="en-GB", java_script_enabled=False, **PHONE)
    page = context.new_page()
    link = shopper.activation_link(demo, page, shopper.new_number(page))
    for _ in range(2):
        page.goto(link)
        assert f"inside {app}" in page.locator("aside").first.inner_text() and page.input_value("#here") == link
    if "Android" in INSIDE[app]:
        assert page.locator("aside a").get_attribute("href").startswith(f"intent://{link.partition('://')[2]}#Intent;scheme=http")
    card = shopper.finish(page, link)
    assert f"inside {app}" in page.locator("aside").first.inner_text() and page.input_value("#here") == card
    context.close()


def test_a_browser_that_stands_alone_is_told_nothing_and_a_desk_shows_the_page_to_a_phone(demo, browser, book):
    addresses = {name: book[0][name] for name in ("/e/{business}/{program}", "/a/{link}", "/c/{token}")}
    for agent, codes in ((IPHONE, 0), (None, 1)):
        context = browser.new_context(user_agent=agent) if agent else browser.new_context()
        page = context.new_page()
        for address in addresses.values():
            page.goto(address)
            assert page.locator("#here").count() == 0
            assert raster.codes_in(page.screenshot(full_page=True), "png").count(address) == codes, address
        context.close()
