"""The simulated shopper's inbox: what was sent for scripts, and what was held back besides for people."""
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from app.demo import pages
from app.sms import service as sms
from app.web.security import SecurityMiddleware

PHONE = "+79161231234"


@pytest.fixture
async def inbox(here):
    object.__setattr__(here.settings, "demo", True)
    app = Starlette(routes=pages.routes, middleware=[Middleware(SecurityMiddleware, https=False)])
    app.state.context = here
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1:8000") as client:
        yield client


async def test_scripts_get_what_was_sent_newest_last_and_nothing_else(here, shop, inbox) -> None:
    for number, text in enumerate(("Coffee: http://127.0.0.1:8000/a/123456789ABC", "Coffee: 123456")):
        here.clock.advance(seconds=number)
        await here.db.execute("INSERT INTO demo_messages(phone, text, at) VALUES (:phone, :text, :at)",
                              {"phone": PHONE, "text": text, "at": 1_700_000_000_000 + number})
    await sms.note_refusal(here.db, here.settings, shop.business_id, PHONE, "limit:sms.phone", here.clock.now())
    told = (await inbox.get("/demo/sms.json")).json()
    assert [(one["to"], one["links"]) for one in told] == [(PHONE, ["http://127.0.0.1:8000/a/123456789ABC"]), (PHONE, [])]
    assert set(told[0]) == {"to", "text", "links", "at"}


async def test_people_also_see_what_a_limit_held_back(here, shop, inbox) -> None:
    await sms.note_refusal(here.db, here.settings, shop.business_id, PHONE, "limit:sms.phone", here.clock.now())
    page = (await inbox.get("/demo/sms")).text
    assert "a limit held it back (limit:sms.phone)" in page
