"""What a key is told of itself: its end, its rate, its place to try things in."""
from dataclasses import replace
from datetime import timedelta

import pytest

from app.clock import rfc3339
from app.db import write_transaction
from app.google import service as google
from app.mail import service as mail
from app.push import store as push_store
from app.sandbox import service as sandbox
from app.sms import delivery
from app.sms.gateways import gateways_of
from app.staff import keys
from app.updates import service as updates
from tests.money import make_bed
from tests.shops import make_card
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


@on_sqlite
async def test_a_join_in_the_sandbox_is_finished_by_the_link_that_nobody_was_sent(trial, client, here, shop):
    [program] = (await trial.get("/programs")).json()["items"]
    asked = await trial.post("/enrolments", {"program": program["id"], "phone": "+79161234567"})
    told = asked.json()
    assert (asked.status_code, told["status"]) == (202, "sandbox") and told["link"] in told["message"]
    assert (await trial.get(f"/enrolments/{told['id']}")).json() == told
    [message] = await here.db.fetch_all("SELECT state, phone_sealed, reserved_minor FROM messages")
    assert tuple(message) == ("sandbox", None, 0)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM limit_hits WHERE scope LIKE 'sms%'") == 0, "the real number is counted nowhere"
    assert await delivery.deliver_due(here.db, here.ring, gateways_of(here), here.clock) == 0
    page = await client.get(told["link"].replace("https://cards.example.com", ""))
    assert page.status_code == 200
    sale = await trial.post("/sales", {"card": told["card"], "amount": 125_000, "receipt": "T-1"})
    assert sale.status_code == 201 and sale.json()["balances"]["points"] > 0
    assert await here.db.fetch_val("SELECT COUNT(*) FROM operations WHERE business_id = :id", {"id": shop.business_id}) == 0


@on_sqlite
async def test_a_sandboxs_mail_is_read_and_never_sent(here, shop, trial):
    twin = await sandbox.find(here.db, shop.business_id)
    mail_id = await write_transaction(here.db, lambda tx: mail.queue(tx, here.ring, mail.Mail("anna@example.com", "A card", "Here: x"),
                                                                     kind="enrolment", business_id=twin, now=here.clock.now()))
    assert await mail.state_of(here.db, mail_id) == "sandbox" and await mail.sandbox_text(here.db, here.ring, mail_id) == "Here: x"
    assert not await here.db.fetch_all("SELECT 1 FROM mails WHERE failed_at IS NULL")


@on_sqlite
async def test_nothing_of_a_sandbox_is_told_to_google_or_pushed(here, shop, trial):
    twin = await sandbox.find(here.db, shop.business_id)
    assert await google.issuer_for(replace(here, settings=replace(here.settings, google_issuer="1", google_account=b"{}")), twin) is None
    bed = await make_bed(here.db, "other")
    for business_id, pushed in ((bed.business_id, 1), (twin, 0)):
        await write_transaction(here.db, lambda tx, business_id=business_id: updates.append(tx, business_id, bed.card_id, here.clock.now()))
        await hold(here.db, bed)
        newest = await updates.newest(here.db)
        assert await push_store.concerns_any(here.db, newest - 1, newest) is bool(pushed)


async def hold(db, bed):
    """The card's pass on a phone, once."""
    if await db.fetch_val("SELECT COUNT(*) FROM registrations"):
        return
    kind = await db.fetch_val("INSERT INTO pass_types(short_id, pass_type_identifier, team_identifier, created_at) "
                              "VALUES ('s', 'pass.x', 'T', 1) RETURNING id")
    held = await db.fetch_val("INSERT INTO passes(business_id, card_id, pass_type_id, serial_number, "
                              "authentication_token_sealed, created_at) VALUES (:business, :card, :kind, 'n', :hash, 1) RETURNING id",
                              {"business": bed.business_id, "card": bed.card_id, "kind": kind, "hash": b"h"})
    await db.execute("INSERT INTO registrations(business_id, pass_id, pass_type_id, device_library_identifier, push_token, "
                     "created_at, renewed_at) VALUES (:business, :held, :kind, 'd', 't', 1, 1)",
                     {"business": bed.business_id, "held": held, "kind": kind})


@on_sqlite
async def test_a_sale_is_made_where_its_key_says_unless_it_says_so_itself(client, here, shop, till):
    card = till.id("card", (await make_card(here, shop)).id)
    _, plain = await keys.create_key(here.db, here.ring, shop.who, "shop", SCOPES, None, here.clock.now(), channel="web")
    site = Till(client, here, shop, plain)
    sold = [(await asks.post("/sales", {"card": card, "amount": 10_000, **said})).json() for asks, said in (
        (till, {}), (site, {}), (site, {"channel": "app"}), (site, {"channel": "till"}))]
    assert [each["channel"] for each in sold] == ["till", "web", "app", "till"]
    undone = (await site.post(f"/sales/{sold[1]['id']}/undo")).json()
    assert undone["channel"] is None and (await till.get(f"/operations/{sold[1]['id']}")).json()["channel"] == "web"
