"""Webhooks through the API: by whom, what is shown once, and what came of each telling."""
import pytest

from app.clock import to_ms
from app.db import write_transaction
from app.updates import service as updates
from app.webhooks import service as webhooks
from app.webhooks import store
from tests.till.calling import Till, on_sqlite

pytestmark = on_sqlite
BODY = {"url": "https://crm.example.com/tessera", "kinds": ["operation.created", "card.created"], "note": "CRM"}


async def made(till: Till) -> dict:
    answer = await till.post("/webhooks", BODY)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_secret_is_shown_when_it_is_made_and_never_again(till, here):
    told = await made(till)
    assert told["secret"].startswith("whsec_") and told["kinds"] == ["card.created", "operation.created"] and told["status"] == "active"
    for answer in (await till.get("/webhooks"), await till.get(f"/webhooks/{told['id']}"),
                   await till.client.put(f"/api/v1/webhooks/{told['id']}", json={**BODY, "note": ""}, headers=till.headers)):
        assert answer.status_code == 200 and told["secret"] not in answer.text and "secret" not in answer.json()
    rows = await here.db.fetch_all("SELECT secret_sealed FROM webhooks")
    assert told["secret"].encode() not in bytes(rows[0]["secret_sealed"])


async def test_a_repeated_request_makes_one_webhook_and_shows_the_same_secret(till, here):
    first, second = [await till.post("/webhooks", BODY, key="once") for _ in range(2)]
    assert first.json() == second.json() and second.headers["idempotent-replay"] == "true"
    assert await here.db.fetch_val("SELECT COUNT(*) FROM webhooks") == 1


@pytest.mark.parametrize(("wrong", "field"), [
    ({"url": "http://crm.example.com/"}, "url"), ({"url": "https://10.0.0.1/"}, "url"), ({"url": "https://u:p@crm.example.com/"}, "url"),
    ({"kinds": []}, "kinds"), ({"kinds": ["card.deleted"]}, "kinds[0]"), ({"note": "x" * 101}, "note"), ({"secret": "mine"}, "secret")])
async def test_a_wrong_field_is_named_and_nothing_is_written(wrong, field, till, here):
    answer = await till.post("/webhooks", {**BODY, **wrong})
    assert answer.status_code == 422 and [each["field"] for each in answer.json()["errors"]] == [field]
    assert await here.db.fetch_val("SELECT COUNT(*) FROM webhooks") == 0


async def test_an_eleventh_address_is_refused(till):
    for _ in range(10):
        await made(till)
    answer = await till.post("/webhooks", BODY)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")


async def test_another_secret_is_shown_once_too(till, here):
    told = await made(till)
    first, second = [await till.post(f"/webhooks/{told['id']}/secret", key="turn") for _ in range(2)]
    assert first.json()["secret"] == second.json()["secret"] != told["secret"]


async def test_a_deleted_webhook_is_gone_with_its_deliveries(till):
    told = await made(till)
    ping = (await till.post(f"/webhooks/{told['id']}/ping")).json()
    answer = await till.client.delete(f"/api/v1/webhooks/{told['id']}", headers=till.headers)
    assert answer.json() == {"id": told["id"]}
    for path in (f"/webhooks/{told['id']}", f"/webhooks/{told['id']}/deliveries"):
        assert (await till.get(path)).status_code == 404
    assert (await till.post(f"/webhooks/{told['id']}/deliveries/{ping['id']}/resend")).status_code == 404
    assert (await till.get("/webhooks")).json()["items"] == []


async def test_deliveries_are_listed_newest_first_with_what_came_of_them(till, here, shop):
    told = await made(till)
    for card in (1, 2, 3):
        await write_transaction(here.db, lambda tx, card=card: updates.emit(
            tx, shop.business_id, "card.created", here.clock.now(), card_id=card))
    now = to_ms(here.clock.now())
    drawn = await webhooks.get_delivery(here.db, shop.business_id, 1)
    await write_transaction(here.db, lambda tx: store.note_delivery(tx, drawn, {
        "state": "failed", "due_at": now, "body": '{"id":"evt_1"}', "now": now, "status": 500, "answer": "oh", "why": None, "took_ms": 7}))
    page = (await till.get(f"/webhooks/{told['id']}/deliveries", limit=2)).json()
    assert [each["status"] for each in page["items"]] == ["waiting", "waiting"] and page["items"][0]["body"] is None
    [last] = (await till.get(f"/webhooks/{told['id']}/deliveries", limit=2, cursor=page["next_cursor"])).json()["items"]
    assert (last["http_status"], last["answer"], last["body"], last["tries"], last["next_try_at"]) == (500, "oh", {"id": "evt_1"}, 1, None)
    assert (await till.get(f"/webhooks/{told['id']}/deliveries", status="failed")).json()["items"] == [last]
    assert (await till.get(f"/webhooks/{told['id']}/deliveries", status="lost")).status_code == 422
    again = await till.post(f"/webhooks/{told['id']}/deliveries/{last['id']}/resend")
    assert (again.status_code, again.json()["status"], again.json()["body"]) == (202, "waiting", {"id": "evt_1"})


async def test_a_paused_webhook_sends_no_test_and_goes_on_when_it_is_told_to(till):
    told = await made(till)
    address = f"/api/v1/webhooks/{told['id']}"
    assert (await till.client.put(address, json={**BODY, "paused": True}, headers=till.headers)).json()["paused_why"] == "by_hand"
    answer = await till.post(f"/webhooks/{told['id']}/ping")
    assert (answer.status_code, answer.json()["code"]) == (409, "webhook_paused")
    assert (await till.client.put(address, json=BODY, headers=till.headers)).json()["status"] == "active"
    assert (await till.post(f"/webhooks/{told['id']}/ping")).status_code == 202


async def test_another_business_s_webhooks_do_not_exist(till, client, here, other_shop):
    told, stranger = await made(till), Till(client, here, other_shop)
    ping = (await till.post(f"/webhooks/{told['id']}/ping")).json()
    assert (await stranger.get(f"/webhooks/{told['id']}")).status_code == 404
    own = (await stranger.post("/webhooks", BODY)).json()
    assert (await stranger.post(f"/webhooks/{own['id']}/deliveries/{ping['id']}/resend")).status_code == 404
    assert (await client.delete(f"/api/v1/webhooks/{told['id']}", headers=stranger.headers)).status_code == 404
    assert (await till.get(f"/webhooks/{told['id']}")).status_code == 200
