"""The OpenAPI document: whole, true to the routes and to the answers."""
import re

import pytest
from starlette.routing import Route

from app.main import all_routes
from app.till.api import CALLS
from tests.shops import make_card
from tests.till.calling import on_sqlite


async def document(client):
    answer = await client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.goal("B1")
async def test_every_route_of_the_api_is_in_the_document_and_nothing_else(client):
    made = await document(client)
    described = {(method.upper(), path) for path, methods in made["paths"].items() for method in methods}
    routed = {(method, route.path) for route in all_routes() if isinstance(route, Route) and route.path.startswith("/api/v1")
              for method in route.methods - {"HEAD"}}
    assert described == routed


async def test_every_reference_leads_somewhere_and_every_name_is_given_once(client):
    made, references, names = await document(client), [], []

    def walk(part):
        if isinstance(part, dict):
            references.extend([part["$ref"]] if "$ref" in part else [])
            names.extend([part["operationId"]] if "operationId" in part else [])
            for one in part.values():
                walk(one)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk(made)
    assert {reference.removeprefix("#/components/schemas/") for reference in references} <= set(made["components"]["schemas"])
    assert len(names) == len(set(names)) == len(CALLS)
    assert made["openapi"] == "3.1.0"
    assert made["servers"] == [{"url": "https://cards.example.com"}]


async def test_bodies_are_described_by_the_structs_that_parse_them(client):
    made = await document(client)
    for call in CALLS:
        described = made["paths"][call.address][call.method.lower()]
        if call.body is not None:
            schema = made["components"]["schemas"][call.body.__name__]
            assert described["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith(f"/{call.body.__name__}")
            assert set(schema["properties"]) == set(call.body.__struct_fields__)
            assert schema["additionalProperties"] is False
        if call.who.scopes:
            assert all(scope in described["description"] for scope in call.who.scopes)


async def test_answers_have_the_fields_that_the_document_names(client, till, here, shop):
    made, card = await document(client), await make_card(here, shop, points=10)
    sold = (await till.post("/sales", {"card": till.id("card", card.id), "amount": 100})).json()
    quote = (await till.post("/sales/quote", {"card": till.id("card", card.id), "amount": 100})).json()
    told = (await till.get(f"/cards/{till.id('card', card.id)}")).json()
    problem = (await till.get("/cards/x")).json()
    for answer, name in ((sold, "Operation"), (quote, "Quote"), (told, "Card"), (problem, "Problem")):
        schema = made["components"]["schemas"][name]
        assert set(schema["required"]) <= set(answer) <= set(schema["properties"])


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_document_is_a_page_too(client, language):
    answer = await client.get("/api/docs", headers={"Accept-Language": language})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    for call in CALLS:
        assert call.summary.split("'")[0] in answer.text
        at = call.name.partition(":")[2]
        assert f'id="{at}" data-call' in answer.text and f'href="#{at}"' in answer.text and f'id="curl-{at}">curl -s' in answer.text
    assert set(re.findall(r'src="([^"]+)"|href="(https?:[^"]+)"', answer.text)) <= {
        (each, "") for each in re.findall(r'src="(/static/[^"]+)"', answer.text)}, "nothing is fetched from elsewhere"


def test_every_post_that_changes_something_takes_a_key_and_every_list_is_read_by_pages():
    asks = {"api:quote", "api:check_rules"}
    assert {call.name for call in CALLS if call.method == "POST" and call.key == "none"} == asks, "these alone change nothing"
    lists = [call for call in CALLS if call.answer is not None and "next_cursor" in call.answer.__struct_fields__]
    assert lists
    assert all({"limit", "cursor"} <= {one.name for one in call.query} for call in lists)


@on_sqlite
@pytest.mark.parametrize(("act", "body"), [
    ("/programs/{id}/closing", {"earns_until": "2027-03-01T00:00:00Z", "spends_until": "2027-06-01T00:00:00Z"}),
    ("/segments/regulars/close", None)])
async def test_what_may_simply_be_sent_again_knows_a_repeat_by_its_key(till, act, body):
    assert (await till.post("/segments", {"key": "regulars", "name": "Regulars", "filter": {"sales_from": 1}})).status_code == 201
    path = act.replace("{id}", till.program)
    first, again = [await till.post(path, body, key="once") for _ in range(2)]
    assert (first.status_code, again.status_code, first.json()) == (200, 200, again.json()), again.text
    assert "Idempotent-Replay" not in first.headers and again.headers["Idempotent-Replay"] == "true"
    if body is not None:
        other = await till.post(path, {**body, "spends_until": "2027-07-01T00:00:00Z"}, key="once")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@on_sqlite
async def test_lists_that_are_at_hand_as_a_whole_are_read_by_pages_too(till):
    for name in ("a", "b", "c"):
        await till.post("/segments", {"key": name, "name": name, "filter": {"sales_from": 1}})
    for path, least in (("/segments", 3), ("/programs/kinds", 13)):
        seen, cursor = [], None
        while len(seen) < 50:
            page = (await till.get(path, limit=2, **({"cursor": cursor} if cursor else {}))).json()
            seen += [each["key"] for each in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        whole = [each["key"] for each in (await till.get(path)).json()["items"]]
        assert seen == whole and len(set(seen)) == len(seen) >= least
        assert (await till.get(path, cursor="none")).status_code == 422
