"""The bodies that the document shows are sent as they stand, with the ids of a real business in them."""
import re

import pytest

from app.programs.rules import ProgramRules
from app.programs.terms import Earn, Favourite, Level, Levels, Package, Rule, Said, Visits, When
from app.till import shapes
from app.till.api import CALLS
from app.till.examples import EXAMPLES
from tests.shops import make_card, make_shop
from tests.till.calling import Till, on_sqlite

RULES = ProgramRules(
    earn_points=5, favourite=Favourite(), levels=Levels((Level("basic", Said("Basic"), 0), Level("silver", Said("Silver"), 10_000_000))),
    visits=Visits((Package("ten", Said("Ten visits"), 10, 300_000, 90),), freeze_days=30),
    rules=(Rule("reviews", Said("Reviews"), Earn(20), When(event="review")),))
# What an example needs to have been done before it.
ORDER = ("api:set_product", "api:create_reward", "api:purchases", "api:visits", "api:freeze", "api:claims")


def test_every_body_with_fields_has_an_example_and_no_example_is_left_over():
    assert {call.name for call in CALLS if call.body not in (None, shapes.Nothing)} == set(EXAMPLES)


def test_the_document_shows_them():
    from app.till import openapi

    made = openapi.parsed(CALLS, "https://cards.example.com")
    for call in CALLS:
        if call.name in EXAMPLES:
            body = made["paths"][call.address][call.method.lower()]["requestBody"]["content"]["application/json"]
            assert body["example"] == EXAMPLES[call.name]


@on_sqlite
@pytest.mark.goal("B1")
async def test_every_example_does_what_its_call_promises(client, here):
    shop = await make_shop(here, "examples", rules=RULES)
    till = Till(client, here, shop)
    made = [await make_card(here, shop, phone=phone, points=1_000) for phone in ("+79161230003", "+79161230004")]
    card, other = [till.id("card", one.id) for one in made]
    ids = {"crd": card, "prg": till.program}
    named = {call.name: call for call in CALLS}
    for name in (*ORDER, *(name for name in EXAMPLES if name not in ORDER)):
        call, told = named[name], dict(ids)
        if name == "api:merge":
            told["crd"] = other
        body = filled(EXAMPLES[name], told)
        path = {"api:refund": ids.get("op", ""), "program": till.program, "card": card,
                "webhook": ids.get("whk", "")}.get(name if name == "api:refund" else call.kind, "")
        address = call.address.replace("{id}", path).replace("{reward}", ids.get("rwd", ""))
        headers = {**till.headers, **({"Idempotency-Key": name} if call.method == "POST" else {})}
        answer = await client.request(call.method, address, json=body, headers=headers)
        assert answer.status_code == call.status, (name, answer.text)
        if name == "api:sell":
            ids["op"] = answer.json()["id"]
        if name == "api:create_webhook":
            ids["whk"] = answer.json()["id"]
        if name == "api:claims":
            ids["vch"] = answer.json()["vouchers"]["issued"][0]["id"]
        if name == "api:create_reward":
            ids["rwd"] = answer.json()["id"]


def filled(part, ids):
    """With the ids of this business in place of the reader's."""
    if isinstance(part, dict):
        return {name: filled(value, ids) for name, value in part.items()}
    if isinstance(part, list):
        return [filled(value, ids) for value in part]
    found = re.fullmatch("(crd|prg|rwd|vch)_[0-9a-z]{13}", part) if isinstance(part, str) else None
    return ids[found[1]] if found else part
