"""What holds for every call: keys, scopes, problem answers, bodies, ids, lists."""
import json

import pytest

from app.clock import rfc3339
from app.db import write_transaction
from app.programs import service as programs
from app.staff import service as staff
from tests.shops import make_card
from tests.till.calling import Till, on_sqlite, written


async def key_with(here, shop, *scopes, location_id=None):
    return await staff.create_key(here.db, here.ring, shop.who, "a key", frozenset(scopes), location_id, here.clock.now())


async def test_a_key_says_what_it_is(till, here, shop):
    answer = await till.get("/me")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": till.id("api_key", shop.key_principal.id), "name": "till 2", "location": None,
        "scopes": ["admin", "cards:read", "cards:write", "enrolments:write", "reports:read", "sales:write"],
        "business": {"id": till.id("business", shop.business_id), "name": "Coffee corner", "currency": "RUB", "country": "RU",
                     "time_zone": "Europe/Moscow", "language": "en"},
        "channel": "till", "expires_at": None, "rate": None, "sandbox": False}
    assert answer.headers["Cache-Control"] == "private, no-store"


@on_sqlite
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer tsk_wrong", "Basic dXNlcjpwYXNz", "tsk_wrong", "Bearer " + "x" * 5000])
async def test_without_a_valid_key_there_is_one_answer(client, shop, header):
    answer = await client.get("/api/v1/me", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthenticated"


async def test_a_revoked_key_opens_nothing_any_more(client, here, shop):
    key_id, plain = await key_with(here, shop, "admin")
    till = Till(client, here, shop, plain)
    assert (await till.get("/me")).status_code == 200
    await staff.revoke_key(here.db, shop.who, key_id, here.clock.now())
    assert (await till.get("/me")).status_code == 401


SCOPES = [
    ("GET", "/programs", {"cards:read"}), ("GET", "/locations", {"cards:read"}), ("GET", "/cards?code=1", {"cards:read", "sales:write"}),
    ("GET", "/cards/x", {"cards:read", "sales:write"}), ("GET", "/cards/x/operations", {"cards:read", "sales:write"}),
    ("GET", "/enrolments/x", {"cards:read", "cards:write"}), ("POST", "/enrolments", {"cards:write"}), ("POST", "/cards", {"cards:write"}),
    ("POST", "/cards/x/block", {"cards:write"}), ("POST", "/cards/x/page-links", {"cards:write"}),
    ("POST", "/cards/x/reissue", {"cards:write"}), ("POST", "/cards/x/replace", {"cards:write"}),
    ("POST", "/cards/x/adjustments", set()), ("POST", "/sales/quote", {"sales:write"}), ("POST", "/sales", {"sales:write"}),
    ("POST", "/sales/x/undo", {"sales:write"}), ("POST", "/sales/x/refunds", {"sales:write"}),
    ("GET", "/operations", {"sales:write", "reports:read"}), ("GET", "/operations/x", {"sales:write", "reports:read"})]


@on_sqlite
@pytest.mark.parametrize("scope", ["cards:read", "cards:write", "sales:write", "reports:read", "admin"])
async def test_a_key_opens_what_its_scope_says_and_nothing_else(client, here, shop, scope):
    till = Till(client, here, shop, (await key_with(here, shop, scope))[1])
    before = await written(here)
    for method, path, scopes in SCOPES:
        answer = await client.request(method, f"/api/v1{path}", headers=till.headers)
        if scope in scopes or scope == "admin":
            assert answer.status_code != 403, path
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), path
    assert await written(here) == before


async def test_the_sentence_of_a_refusal_is_in_the_callers_language(till):
    english, russian = [await till.client.get("/api/v1/cards/x", headers={**till.headers, "Accept-Language": language})
                        for language in ("en", "ru-RU,ru;q=0.9")]
    assert english.json()["code"] == russian.json()["code"] == "not_found"
    assert english.json()["detail"] == "There is no such thing here."
    assert any("а" <= letter <= "я" for letter in russian.json()["detail"])


@pytest.mark.parametrize("path", ["/cards/{}", "/cards/{}/operations", "/operations/{}", "/enrolments/{}"])
async def test_missing_malformed_and_foreign_ids_get_the_same_answer(client, here, shop, other_shop, path):
    card = await make_card(here, other_shop, points=10)
    operation = await here.db.fetch_val("SELECT MAX(id) FROM operations")
    kind = "operation" if "operations/" in path else "enrolment" if "enrol" in path else "card"
    foreign = here.ids.encode(kind, {"card": card.id, "operation": operation, "enrolment": 1}[kind])
    till = Till(client, here, shop)
    answers = [await till.get(path.format(text)) for text in (
        foreign, here.ids.encode(kind, 10**9), "17", "crd_", "crd_ilou", "CRD_0000000000000", "%00", "é", "x" * 5000, "op_" + "z" * 13)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


async def test_ids_of_another_business_in_a_body_are_missing_ones(client, here, shop, other_shop):
    theirs, till = await make_card(here, other_shop), Till(client, here, shop)
    foreign_location = till.id("location", other_shop.location_id)
    mine, before = await make_card(here, shop), await written(here)
    for path, body in [
            ("/sales", {"card": till.id("card", theirs.id), "amount": 100}), ("/sales", {"code": theirs.code, "amount": 100}),
            ("/sales/quote", {"card": till.id("card", theirs.id), "amount": 100}),
            ("/sales", {"card": till.id("card", mine.id), "amount": 100, "location": foreign_location}),
            ("/enrolments", {"program": till.id("program", other_shop.program_id), "phone": "+79161234567"}),
            ("/enrolments", {"program": till.program, "phone": "+79161234567", "location": foreign_location}),
            ("/cards", {"program": till.id("program", other_shop.program_id), "customer": {}, "consent": {"terms": True}}),
            (f"/cards/{till.id('card', theirs.id)}/block", {})]:
        assert (await till.post(path, body)).status_code == 404, (path, body)
    for query in ({"card": till.id("card", theirs.id)}, {"location": foreign_location}):
        assert (await till.get("/operations", **query)).status_code == 404
    assert await written(here) == before


async def test_other_methods_are_refused_with_what_the_address_takes(till):
    answer = await till.client.delete("/api/v1/cards", headers=till.headers)
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert (await till.client.put("/api/v1/sales", headers=till.headers)).headers["Allow"] == "POST"


async def test_an_unknown_address_is_a_problem_answer(till):
    answer = await till.get("/nothing")
    assert (answer.status_code, answer.headers["Content-Type"], answer.json()["code"]) == (404, "application/problem+json", "not_found")


async def test_bodies_that_are_no_json_are_refused_and_write_nothing(till, here):
    before = await written(here)
    form = await till.client.post("/api/v1/sales", data={"amount": "5"}, headers={**till.headers, "Idempotency-Key": "k"})
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    for body in (b"", b"{", b"\xff\xfe", b'{"amount": NaN}', b'{"card": "\\ud800"}', b'{"amount":1}garbage'):
        answer = await till.post("/sales", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json"), body
    for body in (b"[]", b"5", b"null", b'"text"', b"[" * 60_000):
        assert (await till.post("/sales", body)).status_code in (400, 422), body[:10]
    assert await written(here) == before


async def test_a_body_over_64_kib_is_refused(till, here):
    before = await written(here)
    answer = await till.post("/sales", b'{"amount": 1, "receipt": "' + b"x" * 66_000 + b'"}')
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert await written(here) == before


async def test_headers_over_16_kib_are_refused(till):
    answer = await till.client.get("/api/v1/me", headers={**till.headers, "X-Junk": "x" * 17_000})
    assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")


async def test_an_unknown_field_anywhere_is_refused_by_name(till, here, shop):
    card = await make_card(here, shop)
    before = await written(here)
    base = {"card": till.id("card", card.id), "amount": 100}
    for extra, field in [({"balance": 5}, "balance"), ({"redeem": {"points": 0, "coins": 1}}, "redeem.coins"),
                         ({"lines": [{"amount": 1, "price": 1}]}, "lines[0].price"), ({"expect": {"to_pay": 1, "x": 1}}, "expect.x")]:
        answer = await till.post("/sales", {**base, **extra})
        assert answer.status_code == 422
        assert [(wrong["field"], wrong["code"]) for wrong in answer.json()["errors"]] == [(field, "unknown_field")]
    for field in ("business_id", "role", "created_at", "consent_at", "status"):
        answer = await till.post("/cards", {"program": till.program, "customer": {}, "consent": {"terms": True}, field: 1})
        assert answer.status_code == 422
    assert await written(here) == before


WRONG_AMOUNTS = ["0.1", "1.0", "1e2", "-1", "0", "true", '"5"', "null", "[]", "{}", str(2**63), str(2**70), "1e309", "-0.0"]


@on_sqlite
@pytest.mark.goal("M7")
@pytest.mark.parametrize("amount", WRONG_AMOUNTS)
async def test_an_amount_is_a_whole_number_above_zero_or_nothing_happens(till, here, shop, amount):
    card = await make_card(here, shop, points=500)
    sold = (await till.post("/sales", {"card": till.id("card", card.id), "amount": 1000})).json()["id"]
    before, name = await written(here), json.dumps(till.id("card", card.id))
    for path, body in [
            ("/sales/quote", f'{{"card": {name}, "amount": {amount}}}'), ("/sales", f'{{"card": {name}, "amount": {amount}}}'),
            (f"/sales/{sold}/refunds", f'{{"amount": {amount}}}')]:
        answer = await till.post(path, body.encode())
        assert answer.status_code == 422, (path, answer.text)
        [wrong] = answer.json()["errors"]
        assert wrong["field"] == "amount"
        assert len(wrong["detail"]) > 20
    assert await written(here) == before


@on_sqlite
@pytest.mark.parametrize("points", ["0.5", "-1", "true", '"5"', str(2**63), "1e309"])
async def test_points_are_whole_numbers_too(till, here, shop, points):
    card = await make_card(here, shop, points=500)
    before, name = await written(here), till.id("card", card.id)
    answer = await till.post("/sales", f'{{"card": "{name}", "amount": 1000, "redeem": {{"points": {points}}}}}'.encode())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "redeem.points")
    assert await written(here) == before


async def test_programs_are_told_with_their_rules_in_words(till, here, shop):
    answer = await till.client.get("/api/v1/programs", headers={**till.headers, "Accept-Language": "ru"})
    [program] = answer.json()["items"]
    assert (program["id"], program["kind"], program["currency"]) == (till.program, "points", "RUB")
    assert program["rules"]["earn_points"] == 5
    assert program["explained"][0].replace("\u00a0", " ") == "За каждые 100 ₽ — 5 баллов, пропорционально сумме."
    assert program["enrol"].startswith(here.settings.url + "/e/coffee/")
    assert answer.json()["next_cursor"] is None


async def test_lists_come_in_pages_that_join_without_gaps(till, here, shop):
    async def act(tx):
        for number in range(4):
            await programs.create_location(tx, shop.business_id, name=f"Quay {number}", now=here.clock.now())
    await write_transaction(here.db, act)
    seen, cursor = [], None
    while True:
        answer = (await till.get("/locations", limit=2, **({"cursor": cursor} if cursor else {}))).json()
        seen += [place["name"] for place in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        assert len(answer["items"]) == 2
    assert seen == ["Pushkin Street", "Quay 0", "Quay 1", "Quay 2", "Quay 3"]


@on_sqlite
@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "201"}, {"limit": "-1"}, {"limit": "x"}, {"limit": "9" * 5000}, {"limit": "²"},
                                   {"cursor": "junk"}, {"cursor": "op_0000000000000"}, {"from": "yesterday"}, {"to": "2026-11-22"},
                                   {"from": "2026-11-22T09:00:00"}])
async def test_a_wrong_query_is_told_by_field(till, query):
    for path in ("/operations", "/locations") if "limit" in query else ("/operations",):
        answer = await till.get(path, **query)
        assert answer.status_code in (404, 422)
        if answer.status_code == 422:
            assert answer.json()["errors"][0]["field"] == next(iter(query))


async def test_operations_are_found_by_receipt_card_place_and_time(till, here, shop):
    card, place = await make_card(here, shop), till.id("location", shop.location_id)
    first = (await till.post("/sales", {"card": till.id("card", card.id), "amount": 1000, "receipt": "A-1", "location": place})).json()
    here.clock.advance(hours=1)
    second = (await till.post("/sales", {"card": till.id("card", card.id), "amount": 2000, "receipt": "A-2"})).json()
    moment = rfc3339(here.clock.now())

    async def ids(**query):
        return [one["id"] for one in (await till.get("/operations", **query)).json()["items"]]

    assert await ids() == [second["id"], first["id"]]
    assert await ids(receipt="A-1") == [first["id"]]
    assert await ids(location=place) == [first["id"]]
    assert await ids(card=till.id("card", card.id)) == [second["id"], first["id"]]
    assert await ids(**{"from": moment}) == [second["id"]]
    assert await ids(to=moment) == [first["id"]]
    assert await ids(**{"from": "2026-11-22T13:00:00+03:00"}) == [second["id"]]
    page = (await till.get("/operations", limit=1)).json()
    assert [one["id"] for one in page["items"]] == [second["id"]]
    assert [one["id"] for one in (await till.get("/operations", limit=1, cursor=page["next_cursor"])).json()["items"]] == [first["id"]]
