"""A callback changes nothing but when Google is asked next; a wrong one changes nothing at all."""
from typing import Any

import httpx2
import pytest

from app.context import Context
from app.db import write_transaction
from app.google import callbacks_service, reconcile, store
from app.google.root_keys import RootKeys
from tests.google.callback_bodies import CLASS_ID, ISSUER, NOW, OBJECT_ID, Signer, raw
from tests.shops import make_card, make_shop

signer = Signer()


class Keys:
    """The address of the root keys."""

    def __init__(self, here: Context) -> None:
        self.signer, self.status, self.asked = signer, 200, 0
        here.extras["google.root_keys"] = RootKeys("https://google.test/keys", httpx2.MockTransport(self.answer))

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        return httpx2.Response(self.status, json=self.signer.root_keys())


@pytest.fixture
def keys(here: Context) -> Keys:
    return Keys(here)


async def saved_card(here: Context) -> None:
    """A card with an object at Google, of which nobody has heard yet."""
    shop = await make_shop(here)
    card = await make_card(here, shop)

    async def act(tx: Any) -> None:
        await store.insert_class(tx, {"business_id": shop.business_id, "program_id": shop.program_id, "issuer_id": ISSUER,
                                      "class_id": CLASS_ID, "now": 0})
        kept = await store.class_by_id(tx, CLASS_ID)
        assert kept is not None
        await store.insert_object(tx, {"business_id": shop.business_id, "card_id": card.id, "class_row_id": kept.id,
                                       "object_id": OBJECT_ID, "number": 0, "now": 0})

    await write_transaction(here.db, act)


async def left_behind(here: Context) -> tuple[bool, bool, int]:
    """(Google is to be asked, the class was heard of, nonces)."""
    asked = await store.to_reconcile(here.db, here.clock.now(), 10)
    kept = await store.class_by_id(here.db, CLASS_ID)
    nonces = await here.db.fetch_one("SELECT COUNT(*) AS n FROM google_nonces")
    assert nonces is not None
    return bool(asked), bool(kept and kept.callback_at), nonces["n"]


async def sent(client: httpx2.AsyncClient, body: bytes) -> int:
    return (await client.post("/google/callback", content=body, headers={"Content-Type": "application/json"})).status_code


async def test_a_callback_has_google_asked_about_the_card_and_believes_no_word_of_it(here: Context, keys: Keys,
                                                                                     client: httpx2.AsyncClient) -> None:
    await saved_card(here)
    assert await left_behind(here) == (False, False, 0)
    assert await sent(client, raw(signer.callback())) == 200
    assert await left_behind(here) == (True, True, 1)
    row = await store.object_by_id(here.db, OBJECT_ID)
    assert row is not None and not row.has_users and row.saved_at is None


async def test_a_callback_that_comes_twice_is_answered_twice_and_heard_once(here: Context, keys: Keys, client: httpx2.AsyncClient) -> None:
    await saved_card(here)
    body = raw(signer.callback())
    assert await sent(client, body) == 200
    row = await store.object_by_id(here.db, OBJECT_ID)
    assert row is not None
    await write_transaction(here.db, lambda tx: store.set_has_users(tx, row.id, True, None, NOW))
    assert await sent(client, body) == 200
    assert await left_behind(here) == (False, True, 1)


@pytest.mark.parametrize("wrong", [
    {"classId": f"{ISSUER}.tea"}, {"objectId": f"{ISSUER}.member-2"}, {"expTimeMillis": 1}, {"issuer": "33"}])
async def test_a_callback_about_nothing_of_ours_is_refused_and_leaves_nothing(here: Context, keys: Keys, client: httpx2.AsyncClient,
                                                                              wrong: dict[str, Any]) -> None:
    await saved_card(here)
    assert await sent(client, raw(signer.callback(**wrong))) == 400
    assert await left_behind(here) == (False, False, 0)


async def test_a_card_of_ours_that_is_said_to_be_of_another_class_of_ours_is_refused(here: Context, keys: Keys,
                                                                                    client: httpx2.AsyncClient) -> None:
    await saved_card(here)
    shop = await make_shop(here, slug="tea")
    values = {"business_id": shop.business_id, "program_id": shop.program_id, "issuer_id": ISSUER, "class_id": f"{ISSUER}.tea", "now": 0}
    await write_transaction(here.db, lambda tx: store.insert_class(tx, values))
    assert await sent(client, raw(signer.callback(classId=f"{ISSUER}.tea"))) == 400
    assert await left_behind(here) == (False, False, 0)


async def test_what_is_no_callback_is_400_and_what_is_too_long_413(here: Context, keys: Keys, client: httpx2.AsyncClient) -> None:
    answer = await client.post("/google/callback", content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (400, "callback_refused")
    assert await sent(client, b" " * (16 * 1024 + 1)) == 413
    assert (await client.get("/google/callback")).status_code == 405


async def test_without_root_keys_google_is_asked_to_come_again(here: Context, keys: Keys, client: httpx2.AsyncClient) -> None:
    await saved_card(here)
    keys.status = 500
    answer = await client.post("/google/callback", content=raw(signer.callback()))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert await left_behind(here) == (False, False, 0)


async def test_new_root_keys_are_fetched_when_google_changes_them(here: Context, keys: Keys, client: httpx2.AsyncClient) -> None:
    await saved_card(here)
    assert await sent(client, raw(signer.callback())) == 200
    keys.signer = Signer()
    assert await sent(client, raw(keys.signer.callback())) == 200
    assert keys.asked == 2
    for _ in range(3):
        assert await sent(client, raw(Signer().callback())) == 400
    assert keys.asked == 2              # whoever sends rubbish does not have us ask Google each time


async def test_nonces_are_kept_until_a_day_after_their_message_ended(everywhere: Context) -> None:
    here, keys = everywhere, Keys(everywhere)
    await saved_card(here)
    body = raw(signer.callback())       # ends ten minutes from now
    assert await callbacks_service.accept(here, body, here.clock.now())
    assert not await callbacks_service.accept(here, body, here.clock.now())
    here.clock.advance(days=1, minutes=9)   # type: ignore[attr-defined]
    await callbacks_service.forget_nonces(here.db, here.clock.now())
    assert (await left_behind(here))[2] == 1
    here.clock.advance(minutes=1)       # type: ignore[attr-defined]
    await callbacks_service.forget_nonces(here.db, here.clock.now())
    assert (await left_behind(here))[2] == 0
    assert keys.asked == 1


async def test_an_erased_card_is_not_asked_about(here: Context, keys: Keys, client: httpx2.AsyncClient) -> None:
    await saved_card(here)
    row = await store.object_by_id(here.db, OBJECT_ID)
    assert row is not None
    await write_transaction(here.db, lambda tx: store.shredded(tx, row.id, 200))
    assert await sent(client, raw(signer.callback(eventType="del"))) == 200
    assert await left_behind(here) == (False, True, 1)


async def test_google_is_asked_at_once_after_a_hint(here: Context) -> None:
    woken: list[str] = []
    await here.db.listen(reconcile.CHANNEL, lambda: woken.append("now"))
    await saved_card(here)
    Keys(here)
    await callbacks_service.accept(here, raw(signer.callback()), here.clock.now())
    assert woken == ["now"]


async def test_robots_may_go_where_google_calls_back(client: httpx2.AsyncClient) -> None:
    from urllib.robotparser import RobotFileParser

    answer = await client.get("/robots.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    read = RobotFileParser()
    read.parse(answer.text.splitlines())
    assert read.can_fetch("Googlebot", "https://cards.example.com/google/callback")
    assert read.can_fetch("Googlebot", "https://cards.example.com/images/abc/google-logo.png")
    assert not read.can_fetch("Googlebot", "https://cards.example.com/console")
