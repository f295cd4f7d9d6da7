"""Your account in a real browser: passkeys with an authenticator of the browser's own, and everything else without scripts."""
import base64
import dataclasses
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect, sync_playwright

from app.staff import totp
from tests.served import Served, serving
from tests.shops import PASSWORD, make_shop

pytestmark = pytest.mark.browser
OWNER, MANAGER = "owner@coffee.example.com", "manager@coffee.example.com"
VIEWS = [(390, "light", "ru"), (1280, "dark", "en")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("account")) as made:
        # Passkeys belong to a name, and browsers know one of this machine.
        made = dataclasses.replace(made, url=made.url.replace("127.0.0.1", "localhost"))
        made.here.settings = dataclasses.replace(made.here.settings, url=made.url)
        made.run(make_shop(made.here))
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()


def sign_in(page: Page, served: Served, email: str = OWNER) -> None:
    page.goto(served.url + "/console/sign-in")
    page.fill("[name=email]", email)
    page.fill("[name=password]", PASSWORD)
    with page.expect_navigation():
        page.click(".sign__form button")


def sign_out(page: Page) -> None:
    with page.expect_navigation():
        page.click("button.console__out")


def with_authenticator(context: BrowserContext, page: Page) -> tuple[CDPSession, str]:
    """A device of the browser's own that keeps passkeys and knows its owner."""
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
        "automaticPresenceSimulation": True}})
    return session, made["authenticatorId"]


def faults(page: Page) -> list[str]:
    found = [f"{fault['id']}: {fault['nodes'][0]['html'][:160]}" for fault in Axe().run(page).response["violations"]]
    sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found + ([f"{sideways} px too wide"] if sideways > 0 else [])


def test_a_passkey_is_made_signs_in_without_a_password_confirms_and_is_removed(served: Served, browser: Browser) -> None:
    context = browser.new_context(locale="en")
    page = context.new_page()
    session, device = with_authenticator(context, page)
    sign_in(page, served)
    page.goto(served.url + "/console/account")
    page.fill("#new-passkey", "Work laptop")
    page.click("[data-new-passkey] button")
    expect(page.locator(".passkey__codes li")).to_have_count(10)
    recovery = page.locator(".passkey__codes li").first.inner_text()
    with page.expect_navigation():
        page.click(".passkey__codes a")
    expect(page.locator("bdi", has_text="Work laptop")).to_be_visible()
    # A device makes no second one for the same person.
    page.click("[data-new-passkey] button")
    expect(page.locator("[data-new-passkey] [role=alert]")).to_contain_text("did not work")

    sign_out(page)
    with page.expect_navigation():
        page.click("[data-passkey] button")
    expect(page).to_have_url(served.url + "/console")
    page.goto(served.url + "/console/account")
    expect(page.locator("#sessions + ul")).to_contain_text("with a passkey")

    # The password alone is half a door now; a device that does not know its owner opens nothing; a recovery code does.
    sign_out(page)
    sign_in(page, served)
    expect(page).to_have_url(served.url + "/console/sign-in/second")
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.click("[data-passkey] button")
    expect(page.locator("[data-passkey] [role=alert]")).to_contain_text("did not work")
    page.fill("[name=code]", recovery)
    with page.expect_navigation():
        page.click(".sign__form button")
    expect(page).to_have_url(served.url + "/console")

    # Ten minutes later it is asked whether it is still them, and the passkey answers.
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
    served.here.clock.by += timedelta(minutes=11)
    page.goto(served.url + "/console/account/app")
    expect(page).to_have_url(re.compile("/console/confirm"))
    with page.expect_navigation():
        page.click("[data-passkey] button")
    expect(page).to_have_url(served.url + "/console/account/app")
    page.goto(served.url + "/console/account")
    with page.expect_navigation():
        page.get_by_role("button", name="Remove Work laptop").click()
    expect(page.locator("bdi", has_text="Work laptop")).to_have_count(0)
    context.close()


def test_an_app_is_set_up_and_used_without_any_script_and_every_page_is_accessible(served: Served, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en")
    page = context.new_page()
    sign_in(page, served, MANAGER)
    page.goto(served.url + "/console/account")
    expect(page.locator("[data-new-passkey]")).to_be_hidden()
    page.click("a[href='/console/account/app']")
    key = _key(page)
    page.fill("[name=code]", _code(served, key))
    with page.expect_navigation():
        page.click("form.narrow button")
    expect(page.locator(".codes li")).to_have_count(10)
    page.click("a.button--primary")
    expect(page.locator(".state", has_text="10 left")).to_be_visible()
    with page.expect_navigation():
        page.click("button.console__out")
    sign_in(page, served, MANAGER)
    expect(page).to_have_url(served.url + "/console/sign-in/second")
    served.here.clock.by += timedelta(minutes=1)
    page.fill("[name=code]", _code(served, key))
    with page.expect_navigation():
        page.click(".sign__form button")
    expect(page).to_have_url(served.url + "/console")
    state = context.storage_state()
    context.close()
    wrong = {}
    pages = ["/console/account", "/console/forgot", "/console/account/app", "/console/sign-in", "/console/forgot?sent", "/console/confirm"]
    for at, (width, scheme, language) in enumerate(VIEWS):
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, locale=language,
                                      reduced_motion="reduce", bypass_csp=True, storage_state=state)
        page = context.new_page()
        # The page with most on it in both views, the others in one: each half a second of axe.
        for path in [pages[0], *pages[1 + at::2]]:
            page.goto(served.url + path)
            if found := faults(page):
                wrong[path, width] = found
        context.close()
    assert wrong == {}


def _key(page: Page) -> bytes:
    return base64.b32decode(page.locator(".new-app__key").text_content().replace(" ", ""))


def _code(served: Served, key: bytes) -> str:
    return totp.code_at(key, totp.step_of(served.here.clock.now()))
