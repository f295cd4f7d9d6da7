"""A till in a real browser: the application over http on this machine, with a shop and its cards, and Chromium with a drawn camera."""
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from app.cards.rules import Card
from app.context import Context
from app.programs import tills
from app.till import frames
from tests.conftest import Shop
from tests.served import serving
from tests.shops import PASSWORD, make_card, make_shop
from tests.till import drawn

NAMES = ("Анна", "Борис", "Вера", "Глеб")


@dataclass
class Live:
    """A running shop: its address, its cards, and a way to run a piece of its program in its own loop."""

    url: str
    here: Context
    shop: Shop
    cards: list[Card]
    run: Callable[[Coroutine[Any, Any, Any]], Any]

    def opens_on(self, start: str) -> None:
        self.run(tills.choose_start(self.here.db, self.shop.who, self.shop.location_id, start, self.here.clock.now()))


async def _shop_with_cards(here: Context) -> tuple[Shop, list[Card]]:
    shop = await make_shop(here)
    cards = [await make_card(here, shop, phone=f"+7916123123{at}", name=name, points=40 + at) for at, name in enumerate(NAMES)]
    # Every kind of code is shown somewhere, and a camera of this test looks oftener than a page does.
    ever = here.clock.now() + timedelta(days=1)
    here.extras["till.frames"] = frames.Frames(formats={shop.business_id: (ever, frozenset(drawn.KINDS))}, a_second=1000)
    return shop, cards


@contextmanager
def running(folder: Path) -> Iterator[Live]:
    with serving(folder, _shop_with_cards) as made:
        yield Live(made.url, made.here, *made.held, made.run)


@contextmanager
def chromium(film: Path | None) -> Iterator[Browser]:
    """A browser whose webcam shows `film`, to pages that may use it; to others it is refused without a question."""
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--deny-permission-prompts", "--autoplay-policy=no-user-gesture-required"]
    if film is not None:
        flags += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield opened
        opened.close()


def sign_in(browser: Browser, live: Live, role: str = "cashier") -> Any:
    """The cookies of somebody at the till of the shop's place, for new_context(storage_state=...)."""
    context = browser.new_context(locale="en-US", service_workers="block")
    page = context.new_page()
    page.goto(live.url + "/till/sign-in")
    page.fill("[name=email]", f"{role}@coffee.example.com")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/till")
    page.click(".menu summary")
    with page.expect_navigation():
        page.click("form[action='/till/place'] button")
    state = context.storage_state()
    context.close()
    return state
