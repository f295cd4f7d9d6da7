"""What a key is told of itself: its end, its rate, its place to try things in."""
from datetime import timedelta

import pytest

from app.clock import rfc3339
from app.sandbox import service as sandbox
from app.staff import keys
from tests.till.calling import Till, on_sqlite, written

SCOPES = frozenset({"cards:read", "cards:write", "sales:write"})


@on_sqlite
async def test_who_asks_too_often_is_told_when_to_come_again_and_nothing_is_done(client, here, shop):
    _, plain = await keys.create_key(here.db, here.ring, shop.who, "script", SCOPES, None, here.clock.now(), per_second=1)
    till = Till(client, here, shop, plain)
    answers = [await till.get("/me") for _ in range(2)]
    assert [(each.status_code, each.headers["RateLimit-Limit"], each.headers["RateLimit-Remaining"], each.headers["RateLimit-Reset"])
            for each in answers] == [(200, "2", "1", "1"), (200, "2", "0", "2")]
    assert answers[0].json()["rate"] == {"per_second": 1, "burst": 2}
    before = await written(here)
    refused = await till.post("/enrolments", {"program": till.program, "phone": "+79161234567"})
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "too_many_requests", "1")
    assert refused.headers["RateLimit-Remaining"] == "0" and await written(here) == before
    here.clock.advance(seconds=1)
    assert (await till.get("/cards/x")).status_code == 404, "a second later one call more"
    assert (await till.get("/me")).status_code == 429, "and what was not found counted too"
    assert (await Till(client, here, shop).get("/me")).status_code == 200, "other keys go on"


@on_sqlite
async def test_a_key_without_a_limit_is_told_of_none(client, here, shop):
    answer = await Till(client, here, shop).get("/me")
    assert answer.json()["rate"] is None and "RateLimit-Limit" not in answer.headers


@on_sqlite
async def test_a_rotated_key_says_how_long_the_secret_that_asks_lives(client, here, shop):
    key_id, old = await keys.create_key(here.db, here.ring, shop.who, "shop", SCOPES, None, here.clock.now(), channel="web")
    new = await keys.rotate_key(here.db, here.ring, shop.who, key_id, 24, here.clock.now())
    told = [(await Till(client, here, shop, plain).get("/me")).json() for plain in (old, new)]
    assert [each["expires_at"] for each in told] == [rfc3339(here.clock.now() + timedelta(hours=24)), None]
    assert told[0]["id"] == told[1]["id"] and told[0]["channel"] == "web" and not told[0]["sandbox"]


@pytest.fixture
async def trial(client, here, shop):
    twin = await sandbox.twin_of(here.db, here.ring, shop.who, here.clock.now())
    _, plain = await keys.create_key(here.db, here.ring, shop.who, "trial", SCOPES, None, here.clock.now(), sandbox_id=twin)
    return Till(client, here, shop, plain)


async def test_a_sandbox_key_finds_copies_and_nothing_of_the_business(trial, till, shop):
    assert (await trial.get("/me")).json()["sandbox"] is True
    [copy], [real] = [(await each.get("/programs")).json()["items"] for each in (trial, till)]
    assert copy["id"] != real["id"] and (copy["slug"], copy["rules"]) == (real["slug"], real["rules"])
    assert (await trial.get(f"/programs/{real['id']}")).status_code == 404
    assert (await till.get(f"/programs/{copy['id']}")).status_code == 404
