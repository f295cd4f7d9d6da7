"""A sale through the API: quote, sale, undo, refund, adjustment."""
import asyncio
from datetime import timedelta

import pytest

from app.clock import rfc3339
from app.db import write_transaction
from app.programs import service as programs
from app.staff import service as staff
from tests.shops import make_card
from tests.till.calling import Till, on_sqlite, written


@pytest.fixture
async def card(till, here, shop):
    """Анна's card with 320 points."""
    return await make_card(here, shop, points=320)


async def sell(till, card, amount=125_000, key=None, **more):
    answer = await till.post("/sales", {"card": till.id("card", card.id), "amount": amount, **more}, **({"key": key} if key else {}))
    return answer


async def test_a_quote_says_what_a_sale_would_do_and_changes_nothing(till, here, card):
    before = await written(here)
    answer = await till.post("/sales/quote", {"code": card.code, "amount": 125_000, "redeem": {"points": 100}}, key=None)
    assert answer.status_code == 200, answer.text
    quote = answer.json()
    assert quote["card"]["id"] == till.id("card", card.id)
    assert {name: quote[name] for name in ("amount", "discount", "redeemable", "to_earn", "rewards", "to_pay")} == {
        "amount": 125_000, "discount": 0, "redeemable": {"points": 320, "amount": 32_000}, "to_earn": {"points": 57, "stamps": 0},
        "rewards": [], "to_pay": 115_000}
    assert quote["hints"] == ["This purchase brings 57\u00a0points."]
    assert await written(here) == before


async def test_a_sale_redeems_and_earns_in_one_operation(till, here, shop, card):
    answer = await sell(till, card, redeem={"points": 100}, receipt="A-1042", location=till.id("location", shop.location_id),
                        lines=[{"sku": "1", "name": "Капучино", "amount": 125_000}], expect={"to_pay": 115_000})
    assert answer.status_code == 201, answer.text
    operation = answer.json()
    if here.db.engine == "sqlite":
        assert len(operation["hash"]) == 64
    assert {**operation, "hash": None} == {
        "id": operation["id"], "kind": "sale", "card": till.id("card", card.id), "location": till.id("location", shop.location_id),
        "at": "2026-11-22T09:00:00Z", "receipt": "A-1042", "reason": None, "amount": 125_000, "discount": 0, "to_pay": 115_000,
        "pay_back": 0, "shortfall": 0, "tier": None, "of": None, "hash": None,
        "changes": [{"unit": "points", "amount": -100, "why": "redeemed"},
                    {"unit": "points", "amount": 57, "why": "earned", "expires_at": "2027-11-22T21:00:00Z"}],
        "balances": {"points": 277, "stamps": 0, "visits": 0, "money": 0}, "actor": {"kind": "api_key", "name": "till 2"},
        "vouchers": {"issued": [], "used": []}, "applied": [], "channel": "till"}
    again = (await till.get(f"/operations/{operation['id']}")).json()
    assert {**again, "hash": None} == {**operation, "hash": None}


async def test_the_same_request_with_the_same_key_sells_once(till, here, card):
    body = {"card": till.id("card", card.id), "amount": 10_000, "receipt": "A-1"}
    answers = await asyncio.gather(*[till.post("/sales", body, key="purchase-1") for _ in range(20)])
    assert {answer.status_code for answer in answers} == {201}
    assert len({(answer.json()["id"], answer.json()["balances"]["points"]) for answer in answers}) == 1
    assert sum(answer.headers.get("Idempotent-Replay") == "true" for answer in answers) == 19
    here.clock.advance(hours=25)
    await sell(till, card, 10_000)
    before = await written(here)
    late = await till.post("/sales", body, key="purchase-1")
    assert (late.status_code, late.json()["balances"]["points"], late.headers["Idempotent-Replay"]) == (201, 325, "true")
    other = await till.post("/sales", {**body, "amount": 20_000}, key="purchase-1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await written(here) == before


async def test_a_repeat_is_answered_although_its_barcode_was_re_issued_meanwhile(till, here, card):
    body = {"code": card.code, "amount": 10_000}
    first = await till.post("/sales", body, key="k")
    await till.post(f"/cards/{till.id('card', card.id)}/reissue")
    before = await written(here)
    again = await till.post("/sales", body, key="k")
    assert (again.status_code, again.json()["id"], again.headers["Idempotent-Replay"]) == (201, first.json()["id"], "true")
    assert (await till.post("/sales", body, key="another")).status_code == 404
    assert (await till.post("/sales", {**body, "amount": 5}, key="k")).status_code == 404
    assert await written(here) == before


async def test_a_key_of_another_business_is_another_key(client, here, shop, other_shop):
    for where in (shop, other_shop):
        till, card = Till(client, here, where), await make_card(here, where)
        answer = await till.post("/sales", {"card": till.id("card", card.id), "amount": 10_000}, key="one-and-only")
        assert (answer.status_code, answer.headers.get("Idempotent-Replay")) == (201, None)


async def test_what_moves_points_needs_a_key(till, here, card):
    sold, before = (await sell(till, card)).json()["id"], await written(here)
    for path, body in [("/sales", {"card": till.id("card", card.id), "amount": 1}), (f"/sales/{sold}/undo", None),
                       (f"/sales/{sold}/refunds", {"amount": 1}),
                       (f"/cards/{till.id('card', card.id)}/adjustments", {"unit": "points", "amount": 1, "reason": "x"})]:
        answer = await till.post(path, body, key=None)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert await written(here) == before


async def test_a_refusal_leaves_no_trace_and_its_key_is_judged_anew(till, here, card):
    before = await written(here)
    refused = await sell(till, card, key="k", redeem={"points": 321})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_enough_points")
    assert refused.json()["detail"] == "The card has 320 points to spend, and 321 are needed."
    assert await written(here) == before
    assert (await sell(till, card, key="k", redeem={"points": 320})).status_code == 201


async def test_an_expectation_that_no_longer_holds_is_answered_with_the_new_quote(till, here, card):
    before = await written(here)
    answer = await sell(till, card, redeem={"points": 100}, expect={"to_pay": 108_750})
    assert (answer.status_code, answer.json()["code"]) == (409, "quote_changed")
    assert answer.json()["quote"]["to_pay"] == 115_000
    assert answer.json()["quote"]["card"]["id"] == till.id("card", card.id)
    assert await written(here) == before


async def test_points_pay_at_most_their_share(till, here, card):
    before = await written(here)
    answer = await sell(till, card, 20_000, redeem={"points": 101})
    assert (answer.status_code, answer.json()["code"]) == (409, "over_largest_share")
    assert await written(here) == before
    assert (await sell(till, card, 20_000, redeem={"points": 100})).json()["to_pay"] == 10_000


async def test_a_receipt_counts_once_per_place_and_local_day(till, here, shop, card):
    async def act(tx):
        return await programs.create_location(tx, shop.business_id, name="Quay", now=here.clock.now())
    quay = till.id("location", await write_transaction(here.db, act))
    street = till.id("location", shop.location_id)
    assert (await sell(till, card, receipt="A-1", location=street)).status_code == 201
    before = await written(here)
    answer = await sell(till, card, receipt="A-1", location=street)
    assert (answer.status_code, answer.json()["code"]) == (409, "receipt_already_used")
    assert await written(here) == before
    assert (await sell(till, card, receipt="A-1", location=quay)).status_code == 201
    assert (await sell(till, card, receipt="A-1")).status_code == 201
    here.clock.advance(hours=12)      # past midnight in Moscow
    assert (await sell(till, card, receipt="A-1", location=street)).status_code == 201


async def test_a_till_that_was_offline_tells_when_it_happened(till, here, card):
    here.clock.advance(days=5)
    now = here.clock.now()
    for at, status, shown in [
            (now - timedelta(hours=71), 201, now - timedelta(hours=71)), (now + timedelta(minutes=4), 201, now),
            (now - timedelta(hours=73), 422, None), (now + timedelta(minutes=6), 422, None)]:
        answer = await sell(till, card, 1000, at=rfc3339(at))
        assert answer.status_code == status, answer.text
        if shown:
            assert answer.json()["at"] == rfc3339(shown)
        else:
            assert answer.json()["errors"][0]["field"] == "at"
    assert (await sell(till, card, 1000, at="2026-11-27T12:00:00+03:00")).json()["at"] == "2026-11-27T09:00:00Z"


async def test_a_sale_before_the_card_existed_is_refused(till, here, card):
    before = await written(here)
    answer = await sell(till, card, at=rfc3339(here.clock.now() - timedelta(seconds=1)))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "before_card")
    assert await written(here) == before


@on_sqlite
@pytest.mark.parametrize(("more", "field"), [
    ({"at": "yesterday"}, "at"), ({"at": "2026-11-22T09:00:00"}, "at"), ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
    ({"at": "9999-12-31T23:59:59-14:00"}, "at"), ({"at": 1763800000}, "at"),
    ({"receipt": ""}, "receipt"), ({"receipt": "x" * 65}, "receipt"),
    ({"receipt": "a\nb"}, "receipt"), ({"receipt": " a "}, "receipt"), ({"receipt": 17}, "receipt"), ({"lines": [{}]}, "lines[0].amount"),
    ({"lines": [{"amount": -1}]}, "lines[0].amount"), ({"lines": [{"amount": 1, "quantity": 0}]}, "lines[0].quantity"),
    ({"lines": [{"amount": 1, "name": "x" * 201}]}, "lines[0].name"), ({"lines": [{"amount": 1}] * 501}, "lines"),
    ({"rewards": ["rwd_1"]}, "rewards"), ({"expect": {"to_pay": -1}}, "expect.to_pay"),
    ({"redeem": 5}, "redeem"), ({"code": "1"}, "card"), ({"amount": 10**12 + 1}, "amount")])
async def test_a_sale_with_a_wrong_field_writes_nothing(till, here, card, more, field):
    before = await written(here)
    answer = await sell(till, card, **more)
    assert (answer.status_code, [wrong["field"] for wrong in answer.json().get("errors", [])]) == (422, [field]), answer.text
    assert await written(here) == before


async def test_a_sale_without_a_card_is_refused(till):
    assert (await till.post("/sales", {"amount": 100})).json()["errors"][0]["field"] == "card"
    assert (await till.post("/sales", {"amount": 100, "card": "crd_0000000000000"})).status_code == 404
    unknown = await till.post("/sales", {"amount": 100, "code": "+79990000000"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    assert "Check the digits" in unknown.json()["detail"]


async def test_a_phone_with_two_cards_asks_which(till, here, shop, card):
    from app.cards import service as cards
    from app.cards.rules import IssuedNumbers

    async def act(tx):
        return await cards.issue(tx, here.ring, shop.who, program_id=shop.program_id, account_id=card.account_id, status="active",
                                 source="api", numbers=IssuedNumbers.draw("472"), now=here.clock.now())
    second = await write_transaction(here.db, act)
    before = await written(here)
    answer = await till.post("/sales", {"code": "+79161231234", "amount": 100})
    assert (answer.status_code, answer.json()["code"]) == (409, "several_cards")
    assert set(answer.json()["cards"]) == {till.id("card", card.id), till.id("card", second.id)}
    assert await written(here) == before


# Taking back.
async def test_an_undo_takes_the_whole_sale_back_once(till, here, card):
    sold = (await sell(till, card, redeem={"points": 100})).json()
    undone = await till.post(f"/sales/{sold['id']}/undo", key="u")
    assert undone.status_code == 201
    assert {name: undone.json()[name] for name in ("kind", "of", "pay_back", "amount")} == {
        "kind": "undo", "of": sold["id"], "pay_back": 115_000, "amount": 125_000}
    assert undone.json()["balances"]["points"] == 320
    again = await till.post(f"/sales/{sold['id']}/undo", key="u")
    assert (again.json()["id"], again.headers["Idempotent-Replay"]) == (undone.json()["id"], "true")
    before = await written(here)
    for path, body, code in [(f"/sales/{sold['id']}/undo", {}, "already_undone"),
                             (f"/sales/{sold['id']}/refunds", {"amount": 1}, "already_undone"),
                             (f"/sales/{undone.json()['id']}/undo", None, "not_a_sale")]:
        answer = await till.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert await written(here) == before


async def test_an_undo_comes_in_time_or_not_at_all(till, here, card):
    sold = (await sell(till, card)).json()["id"]
    here.clock.advance(minutes=10, seconds=1)
    await till.get("/me")      # notes that the key was used
    before = await written(here)
    answer = await till.post(f"/sales/{sold}/undo")
    assert (answer.status_code, answer.json()["code"]) == (409, "undo_too_late")
    assert await written(here) == before


async def test_only_its_own_key_or_an_admin_undoes_a_sale(client, here, shop, till, card):
    keys = [(await staff.create_key(here.db, here.ring, shop.who, f"till {number}", frozenset({"sales:write"}), None, here.clock.now()))[1]
            for number in (7, 8)]
    one, other = (Till(client, here, shop, key) for key in keys)
    sold = [(await sell(one, card)).json()["id"] for _ in range(2)]
    before = await written(here)
    refused = await other.post(f"/sales/{sold[0]}/undo")
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_sale")
    assert await written(here) == before
    assert (await one.post(f"/sales/{sold[0]}/undo")).status_code == 201
    assert (await till.post(f"/sales/{sold[1]}/undo")).status_code == 201


async def test_refunds_in_parts_add_up_to_the_whole(till, here, card):
    sold = (await sell(till, card, 99_999, redeem={"points": 100})).json()
    parts = [(await till.post(f"/sales/{sold['id']}/refunds", {"amount": amount, "receipt": f"R-{amount}"})).json()
             for amount in (33_333, 33_334, 33_332)]
    assert sum(part["pay_back"] for part in parts) == sold["to_pay"]
    assert parts[-1]["balances"]["points"] == 320
    assert {part["kind"] for part in parts} == {"refund"}
    before = await written(here)
    answer = await till.post(f"/sales/{sold['id']}/refunds", {"amount": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_exceeds_sale")
    undo = await till.post(f"/sales/{sold['id']}/undo")
    assert (undo.status_code, undo.json()["code"]) == (409, "already_refunded")
    assert await written(here) == before


async def test_points_that_were_spent_already_are_owed(till, here, card):
    sold = (await sell(till, card, 1_000_000)).json()
    assert (await sell(till, card, 164_000, redeem={"points": 820})).status_code == 201
    back = (await till.post(f"/sales/{sold['id']}/refunds", {"amount": 1_000_000})).json()
    assert (back["balances"]["points"], back["shortfall"]) == (-459, 0)
    told = (await till.get(f"/cards/{till.id('card', card.id)}")).json()
    assert told["hints"] == ["The card owes 459\u00a0points for a returned purchase; new points repay them first."]
    assert (await sell(till, card, 1000, redeem={"points": 1})).json()["code"] == "not_enough_points"


async def test_a_key_at_one_place_acts_there_and_nowhere_else(client, here, shop, card):
    async def act(tx):
        return await programs.create_location(tx, shop.business_id, name="Quay", now=here.clock.now())
    quay = await write_transaction(here.db, act)
    plain = (await staff.create_key(here.db, here.ring, shop.who, "quay", frozenset({"sales:write", "cards:write"}), quay,
                                    here.clock.now()))[1]
    till = Till(client, here, shop, plain)
    assert (await sell(till, card)).json()["location"] == till.id("location", quay)
    before = await written(here)
    street = till.id("location", shop.location_id)
    assert (await sell(till, card, location=street)).json()["code"] == "other_location"
    answer = await till.post("/enrolments", {"program": till.program, "phone": "+79161234567", "location": street})
    assert (answer.status_code, answer.json()["code"]) == (403, "other_location")
    assert await written(here) == before


# By hand.
async def test_an_adjustment_gives_and_takes_with_a_reason(till, here, shop, card):
    path = f"/cards/{till.id('card', card.id)}/adjustments"
    given = (await till.post(path, {"unit": "points", "amount": 30, "reason": "Birthday"})).json()
    assert (given["kind"], given["reason"], given["balances"]["points"]) == ("adjustment", "Birthday", 350)
    assert (await till.post(path, {"unit": "points", "amount": -350, "reason": "Mistake"})).json()["balances"]["points"] == 0
    before = await written(here)
    answer = await till.post(path, {"unit": "points", "amount": -1, "reason": "Mistake"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_enough_points")
    for wrong, field in [({"amount": 0}, "amount"), ({"amount": 1.5}, "amount"), ({"amount": 2**63}, "amount"), ({"reason": " "}, "reason"),
                         ({"reason": "x" * 301}, "reason"), ({"reason": "a\x07"}, "reason"), ({"unit": "money"}, "unit")]:
        answer = await till.post(path, {"unit": "points", "amount": 5, "reason": "why", **wrong})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), wrong
    assert await written(here) == before
