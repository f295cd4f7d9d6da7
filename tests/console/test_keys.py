"""The page of keys: what a key may, how long, how often, and another secret; the sandbox beside it."""
import html
import re
from datetime import timedelta

import pytest

from app.sandbox import service as sandbox
from app.staff import keys as api_keys
from tests.console.visiting import audited, rows, sign_in, value_of, words_of

KEYS = "/console/keys"
TRIAL = {"name": "our site", "scopes": ["cards:read", "sales:write"], "location": "", "channel": "web", "expires_on": "2026-11-30",
         "per_second": "5", "for": ""}


def once(answer):
    found = re.search(r'id="once" value="([^"]+)"', answer.text)
    return html.unescape(found[1]) if found else None


async def me(client, plain):
    answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {plain}"})
    return answer.json() if answer.status_code == 200 else answer.status_code


async def listed(here, shop, name):
    [found] = [key for key in await api_keys.list_keys(here.db, shop.business_id) if key.name == name]
    return found, f"{KEYS}/{here.ids.encode('api_key', found.id)}"


async def test_a_key_has_an_end_a_rate_and_a_channel_which_the_page_and_the_key_itself_say(client, here, shop, owner):
    told = await me(client, once(await owner.post(KEYS, TRIAL)))
    assert told["expires_at"] == "2026-11-30T21:00:00Z", "the midnight in Moscow that its last day ends with"
    assert (told["rate"], told["channel"]) == ({"per_second": 5, "burst": 10}, "web")
    page = words_of(await owner.get(KEYS))
    assert "our site works cards:read sales:write · sales on the web · never used · 5 calls a second" in page
    assert "last day 30 November" in page
    assert "“our site” ends" in page, "in its last two weeks the console says so on top"
    here.clock.advance(days=10)
    page = words_of(await (await sign_in(client, "owner@coffee.example.com")).get(KEYS))
    assert "our site has ended" in page and "“our site” ends" not in page


async def test_a_key_is_changed_without_another_secret(client, here, shop, owner):
    plain = once(await owner.post(KEYS, TRIAL))
    _, path = await listed(here, shop, "our site")
    page = await owner.get(path)
    assert value_of(page, "name") == "our site" and value_of(page, "expires_on") == "2026-11-30" and value_of(page, "per_second") == "5"
    answer = await owner.post(path, {**TRIAL, "name": "the shop", "scopes": "cards:read", "expires_on": "", "per_second": "0"})
    assert answer.status_code == 303
    told = await me(client, plain)
    assert (told["name"], told["scopes"], told["expires_at"], told["rate"]) == ("the shop", ["cards:read"], None, None)
    assert "api_key.changed" in await audited(here, shop.business_id)


async def test_another_secret_is_shown_once_and_the_old_one_lives_as_long_as_was_chosen(client, here, shop, owner):
    old = once(await owner.post(KEYS, TRIAL))
    _, path = await listed(here, shop, "our site")
    answer = await owner.post(path + "/rotate", {"hours": "24"})
    new = once(answer)
    assert new and new != old and "the old secret works until" in words_of(answer)
    told = await me(client, old)
    assert told["expires_at"] == "2026-11-23T09:00:00Z" and (await me(client, new))["id"] == told["id"]
    assert once(await owner.get(KEYS)) is None
    here.clock.advance(hours=24)
    assert await me(client, old) == 401 and isinstance(await me(client, new), dict)


@pytest.mark.parametrize(("field", "wrong"), [("expires_on", "2026-11-01"), ("expires_on", "soon"), ("expires_on", "9999-12-31"),
                                              ("per_second", "-1"), ("per_second", "10001"), ("per_second", "fast"), ("channel", "moon")])
async def test_what_is_typed_wrong_comes_back_with_a_sentence_beside_it(here, owner, field, wrong):
    before = await rows(here)
    answer = await owner.post(KEYS, {**TRIAL, field: wrong})
    assert answer.status_code == 422 and 'role="alert"' in answer.text and await rows(here) == before
    if field != "channel":
        assert value_of(answer, field) == wrong
    for hours in ("", "-1", "721", "x"):
        assert (await owner.post(f"{KEYS}/{here.ids.encode('api_key', 1)}/rotate", {"hours": hours})).status_code == 422


async def test_a_key_of_the_sandbox_is_made_beside_the_others_and_knows_the_copy_of_its_shop(client, here, shop, owner):
    place = here.ids.encode("location", shop.location_id)
    plain = once(await owner.post(KEYS, {**TRIAL, "for": "sandbox", "location": place}))
    told = await me(client, plain)
    copies = await sandbox.places(here.db, shop.business_id)
    assert plain.startswith("tsk_test_") and told["sandbox"] and told["location"] == here.ids.encode("location", copies[shop.location_id])
    page = await owner.get(KEYS)
    assert "sandbox · cards:read sales:write · Pushkin Street" in words_of(page)
    _, path = await listed(here, shop, "our site")
    assert f'value="{place}" selected' in (await owner.get(path)).text
    assert (await owner.post(path, {**TRIAL, "location": place})).status_code == 303
    assert (await me(client, plain))["location"] == told["location"]
    assert "brought the sandbox up to date" not in page.text
    for act in ("refresh", "reset"):
        answer = await owner.post(f"/console/sandbox/{act}")
        assert answer.status_code == 303 and "sandbox" in words_of(await owner.get(answer.headers["location"]))
    told_again = await me(client, plain)
    assert told_again["sandbox"] and told_again["business"]["id"] != told["business"]["id"]
    assert (await audited(here, shop.business_id))[:2] == ["sandbox.reset", "sandbox.refreshed"]


async def test_a_key_that_ends_soon_is_told_to_owners_alone(here, shop, owner, manager):
    await api_keys.create_key(here.db, here.ring, shop.who, "shop", frozenset({"admin"}), None, here.clock.now(),
                              expires_at=here.clock.now() + timedelta(days=14))
    assert "“shop” ends" in words_of(await owner.get("/console")) and "“shop” ends" not in words_of(await manager.get("/console"))
