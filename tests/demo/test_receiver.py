"""The demo's receiver of webhooks: told at today's port, shows what arrived, and says whose signature fits."""
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from app.demo import receiver
from app.settings import DEMO_RECEIVERS
from app.web.security import SecurityMiddleware
from app.webhooks import rules
from app.webhooks import service as webhooks
from tests import engines

BODY = b'{"id": "evt_1", "kind": "pass.installed", "at": "2026-11-22T09:00:00Z", "data": {"wallet": "apple"}}'


@pytest.fixture
def database_url(tmp_path) -> str:
    """A demo is on SQLite."""
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def door(here, shop):
    object.__setattr__(here.settings, "demo", True)
    object.__setattr__(here.settings, "webhook_private", DEMO_RECEIVERS)
    app = Starlette(routes=receiver.routes, middleware=[Middleware(SecurityMiddleware, https=False)])
    app.state.context = here
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1:8000") as client:
        yield client


async def test_it_is_attached_once_and_follows_the_port(here, shop, door) -> None:
    for port in (8000, 8000, 8001):
        object.__setattr__(here.settings, "port", port)
        await receiver.attach(here, "coffee")
    [kept] = await webhooks.list_webhooks(here.db, shop.business_id)
    assert kept.url == "http://127.0.0.1:8001/demo/webhooks/in" and kept.kinds == rules.KINDS


async def test_what_arrives_is_shown_with_what_became_of_its_signature(here, shop, door) -> None:
    await receiver.attach(here, "coffee")
    [kept] = await webhooks.list_webhooks(here.db, shop.business_id)
    right = rules.signature([*webhooks.secrets_of(here.ring, kept, here.clock.now()), "older"], 1, BODY)
    for header in (right, rules.signature(["another"], 1, BODY), "t=1"):
        assert (await door.post("/demo/webhooks/in", content=BODY, headers={rules.HEADER: header})).status_code == 200
    page = (await door.get("/demo/webhooks")).text
    assert page.count("The signature is right.") == 1 and page.count("The signature is wrong.") == 2
    assert page.count("A card is put into a wallet") == 3 and "&#34;wallet&#34;: &#34;apple&#34;" in page


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": 1}', b'"text"'])
async def test_what_is_no_event_is_refused(body, door) -> None:
    assert (await door.post("/demo/webhooks/in", content=body)).status_code == 400
    assert "Nothing so far" in (await door.get("/demo/webhooks")).text
