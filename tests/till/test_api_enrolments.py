"""Enrolments through the API: a phone on its way to a card."""
import pytest

from app.enrolment import service as enrolment
from tests.shops import make_card
from tests.till.calling import Till, on_sqlite, written


def body(till, phone="+79161231234", **more):
    return {"program": till.program, "phone": phone, **more}


async def test_an_enrolment_gives_a_provisional_card_that_may_be_credited_at_once(till, here):
    answer = await till.post("/enrolments", body(till, "8 916 123-12-34", email=None, name="Анна", language="ru", location=None))
    assert answer.status_code == 202, answer.text
    started = answer.json()
    assert (started["status"], started["expires_at"]) == ("queued", "2026-12-22T09:00:00Z")
    card = (await till.get(f"/cards/{started['card']}")).json()
    assert (card["status"], card["customer"]["name"]) == ("provisional", "Анна")
    assert card["hints"] == ["The card is not activated yet: it collects points and can pay with them once it is."]
    sold = await till.post("/sales", {"card": started["card"], "amount": 100_000})
    assert (sold.status_code, sold.json()["balances"]["points"]) == (201, 50)
    refused = await till.post("/sales", {"card": started["card"], "amount": 100_000, "redeem": {"points": 1}})
    assert (refused.status_code, refused.json()["code"]) == (409, "card_provisional")
    assert (await till.get(f"/enrolments/{started['id']}")).json() == started


async def test_a_number_that_waits_gets_the_same_enrolment_and_no_second_message_in_the_gap(till, here):
    first = (await till.post("/enrolments", body(till))).json()
    messages = (await written(here))["messages"]
    again = await till.post("/enrolments", body(till, "+7 916 123 12 34"))
    assert (again.status_code, again.json()["id"], again.json()["card"]) == (202, first["id"], first["card"])
    assert (await written(here))["messages"] == messages == 1
    here.clock.advance(seconds=61)
    assert (await till.post("/enrolments", body(till))).status_code == 202
    assert (await written(here))["messages"] == 2


async def test_the_same_key_starts_and_sends_once(till, here):
    first = await till.post("/enrolments", body(till), key="k")
    here.clock.advance(minutes=5)
    again = await till.post("/enrolments", body(till), key="k")
    assert (again.status_code, again.json(), again.headers["Idempotent-Replay"]) == (202, first.json(), "true")
    assert (await written(here))["messages"] == 1
    resent = await till.post(f"/enrolments/{first.json()['id']}/resend", key="r")
    assert (resent.status_code, (await till.post(f"/enrolments/{first.json()['id']}/resend", key="r")).json()) == (202, resent.json())
    assert (await written(here))["messages"] == 2
    other = await till.post("/enrolments", body(till, "+79161231235"), key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_number_with_a_card_is_a_member_already(till, here, shop):
    card = await make_card(here, shop)
    answer = await till.post("/enrolments", body(till))
    assert (answer.status_code, answer.json()) == (202, {
        "id": None, "status": "already_member", "card": till.id("card", card.id), "expires_at": None})
    assert (await written(here))["messages"] == 0


async def test_sending_again_inside_the_gap_is_too_often(till, here):
    started = (await till.post("/enrolments", body(till))).json()
    before = await written(here)
    answer = await till.post(f"/enrolments/{started['id']}/resend")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert await written(here) == before
    here.clock.advance(seconds=61)
    assert (await till.post(f"/enrolments/{started['id']}/resend")).status_code == 202


async def test_a_cancelled_enrolment_gives_its_points_back_and_cannot_go_on(till, here):
    started = (await till.post("/enrolments", body(till))).json()
    await till.post("/sales", {"card": started["card"], "amount": 100_000})
    cancelled = await till.post(f"/enrolments/{started['id']}/cancel", key="c")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    card = (await till.get(f"/cards/{started['card']}")).json()
    assert (card["status"], card["balances"]["points"]) == ("expired", 0)
    assert (await till.post(f"/enrolments/{started['id']}/cancel", key="c")).headers["Idempotent-Replay"] == "true"
    before = await written(here)
    for verb in ("cancel", "resend"):
        answer = await till.post(f"/enrolments/{started['id']}/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (409, "enrolment_over")
    assert (await till.post("/sales", {"card": started["card"], "amount": 100})).json()["code"] == "card_ended"
    assert await written(here) == before


async def test_an_enrolment_ends_after_thirty_days(till, here):
    started = (await till.post("/enrolments", body(till))).json()
    here.clock.advance(days=30, seconds=1)
    assert await enrolment.expire_due(here.db, here.ring, here.clock.now()) == 1
    assert (await till.get(f"/enrolments/{started['id']}")).json()["status"] == "expired"


@on_sqlite
@pytest.mark.parametrize(("change", "field"), [
    ({"phone": None}, "phone"), ({"phone": ""}, "phone"), ({"phone": "8 495 123-45-67"}, "phone"), ({"phone": "87012345678"}, "phone"),
    ({"phone": "+89123456789"}, "phone"), ({"phone": "7912345678"}, "phone"), ({"phone": "1" * 300}, "phone"),
    ({"phone": "89123456789, 89123456780"}, "phone"), ({"phone": "+447400123456"}, "phone"), ({"email": "anna@example.com"}, "email"),
    ({"name": "x" * 101}, "name"), ({"language": "de"}, "language"), ({"location": 5}, "location"), ({"status": "activated"}, "status")])
async def test_a_wrong_field_starts_nothing(till, here, change, field):
    before = await written(here)
    answer = await till.post("/enrolments", {**body(till), **change})
    assert (answer.status_code, [wrong["field"] for wrong in answer.json()["errors"]]) == (422, [field])
    assert len(answer.json()["errors"][0]["detail"]) > 20
    assert "%(" not in answer.json()["errors"][0]["detail"]
    assert await written(here) == before


async def test_another_business_s_enrolment_does_not_exist(client, here, shop, other_shop, till):
    started = (await till.post("/enrolments", body(till))).json()
    other, before = Till(client, here, other_shop), await written(here)
    assert (await other.get(f"/enrolments/{started['id']}")).status_code == 404
    for verb in ("cancel", "resend"):
        assert (await other.post(f"/enrolments/{started['id']}/{verb}")).status_code == 404
    assert await written(here) == before
