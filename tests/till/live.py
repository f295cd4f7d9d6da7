"""A till in a real browser: the application over http on this machine, with a shop and its cards, and Chromium with a drawn camera."""
import asyncio
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from app import secrets
from app.cards.rules import Card
from app.clock import SystemClock
from app.context import Context
from app.db import open_database
from app.ids import PublicIds
from app.main import create_app
from app.programs import tills
from app.secrets import KeyRing
from app.settings import load
from app.till import frames
from tests import engines
from tests.conftest import Shop
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
    loop: asyncio.AbstractEventLoop

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def opens_on(self, start: str) -> None:
        self.run(tills.choose_start(self.here.db, self.shop.who, self.shop.location_id, start, self.here.clock.now()))


@asynccontextmanager
async def _context(folder: Path, url: str) -> AsyncIterator[Context]:
    db = open_database(engines.sqlite_url(folder, migrated=True))
    await db.connect()
    ring = KeyRing([secrets.new_key()])
    ring.use_lookup_key(b"l" * 32)
    settings = load({"TESSERA_URL": url, "TESSERA_DATA": str(folder), "TESSERA_SECRET_KEY": secrets.new_key()}, demo=True)
    try:
        yield Context(settings, db, ring, PublicIds(b"i" * 32), SystemClock())
    finally:
        await db.disconnect()


@contextmanager
def running(folder: Path) -> Iterator[Live]:
    """The application in a thread of its own, on a free port."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()              # who knocks before the server answers waits
    url, made, is_up = f"http://127.0.0.1:{listening.getsockname()[1]}", [], threading.Event()

    async def serve() -> None:
        async with _context(folder, url) as here:
            shop = await make_shop(here)
            cards = [await make_card(here, shop, phone=f"+7916123123{at}", name=name, points=40 + at) for at, name in enumerate(NAMES)]
            # Every kind of code is shown somewhere, and a camera of this test looks oftener than a page does.
            ever = here.clock.now() + timedelta(days=1)
            here.extras["till.frames"] = frames.Frames(formats={shop.business_id: (ever, frozenset(drawn.KINDS))}, a_second=1000)
            server = uvicorn.Server(uvicorn.Config(create_app(here), log_level="warning", timeout_graceful_shutdown=1))
            made.extend((Live(url, here, shop, cards, asyncio.get_running_loop()), server))
            is_up.set()
            await server.serve(sockets=[listening])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert is_up.wait(30), "the shop did not open"
    live, server = made
    try:
        yield live
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


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
