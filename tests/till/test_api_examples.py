"""The bodies that the document shows are sent as they stand, with the ids of a real business in them."""
import json
import re
import shlex

import pytest

from app.programs.rules import ProgramRules
from app.programs.terms import Earn, Favourite, Level, Levels, Package, Rule, Said, Visits, When
from app.till import samples, shapes
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
    started = (await till.post("/enrolments", {"program": till.program, "phone": "+79161230009"})).json()
    ids = {"crd": card, "prg": till.program, "enr": started["id"]}
    named = {call.name: call for call in CALLS}
    for name in (*ORDER, *(name for name in EXAMPLES if name not in ORDER)):
        call, told = named[name], dict(ids)
        if name == "api:merge":
            told["crd"] = other
        answer = await typed(client, shop, call, ids, told)
        assert answer.status_code == call.status, (name, answer.text)
        if name == "api:sell":
            ids["op"] = answer.json()["id"]
        if name == "api:create_webhook":
            ids["whk"] = answer.json()["id"]
        if name == "api:claims":
            ids["vch"] = answer.json()["vouchers"]["issued"][0]["id"]
        if name == "api:create_reward":
            ids["rwd"] = answer.json()["id"]
    here.clock.advance(minutes=2)       # another message to the same number
    for call in sorted((call for call in CALLS if call.name not in EXAMPLES), key=lambda call: call.method == "DELETE"):
        answer = await typed(client, shop, call, ids)
        # What the others did before may stand in the way of one; then it says so in the words of the document.
        codes = {*call.refusals, "not_found"} if call.method != "GET" or "{delivery}" in call.path else set()
        assert answer.status_code == call.status or answer.json()["code"] in codes, (call.name, answer.text)


async def typed(client, shop, call, ids, in_body=None):
    """The call's example as the document shows it, sent by a shell that knows no more than its line."""
    parts = [shop.api_key if each == "$KEY" else each.replace("$KEY", shop.api_key)
             for each in shlex.split(samples.curl(call, "https://cards.example.com").replace("\\\n", ""))]
    assert parts[:2] == ["curl", "-s"]
    given = {"method": "GET", "headers": {}, "content": None}
    rest = iter(parts[2:])
    for part in rest:
        if part == "-X":
            given["method"] = next(rest)
        elif part == "-H":
            name, _, value = next(rest).partition(": ")
            given["headers"][name] = value
        elif part == "-d":
            given["content"] = json.dumps(filled(json.loads(next(rest)), in_body or ids))
        else:
            given["url"] = re.sub(r"(?<=/)([a-z]{2,3})_[0-9a-z]{13}", lambda found: ids.get(found[1], found[0]), part)
    return await client.request(**given)


def filled(part, ids):
    """With the ids of this business in place of the reader's."""
    if isinstance(part, dict):
        return {name: filled(value, ids) for name, value in part.items()}
    if isinstance(part, list):
        return [filled(value, ids) for value in part]
    found = re.fullmatch("(crd|prg|rwd|vch)_[0-9a-z]{13}", part) if isinstance(part, str) else None
    return ids[found[1]] if found else part
