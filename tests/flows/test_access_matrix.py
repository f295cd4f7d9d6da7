"""Goal A1: every route of app/access.csv is knocked at by everybody, with things of both businesses.

What must happen follows from the `who` of the file alone, so that a door that opens too far is found without anybody thinking of it.
"""
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.main import all_routes, create_app
from app.web import routing
from app.web.principal import SCOPES
from tests import engines
from tests.flows.everybody import callers, lets_in, operator, people_of, sandbox_key
from tests.flows.world import KEYED, Caller, Row, Rows, World, rows, same_page

ALL = frozenset(SCOPES)
OPEN, SIGN_IN, ROLE, UNKNOWN, SCOPE = "open", "sent to sign in", "role refused", "unauthenticated", "scope missing"
MISSING = 999_999
CHANGES = ("POST", "PUT", "PATCH", "DELETE")
# Words of the business's own choice: a sandbox has the same.
KEYED_PATH = re.compile(r"\{(reward|batch|segment)\}")
# A code by SMS opens these, and the address alone does not.
CODED = {f"/c/{{token}}/{rest}" for rest in ("lost", "profile", "messages", "phone", "phone/confirm", "phone/merge", "phone/cancel",
                                             "export", "leave", "erase")}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Who may do what is decided before the database is asked: one engine is enough."""
    return engines.sqlite_url(tmp_path, migrated=True)


def expected(row: Row, caller: Caller) -> str:
    """What the file says about a caller at a door."""
    if row.kind == "staff":
        if caller.what != "staff" or caller.session != row.words[0]:
            return SIGN_IN
        return OPEN if lets_in(row, caller.role, caller.kept) else ROLE
    if row.kind == "operator":
        return OPEN if caller.what == "operator" else SIGN_IN
    if row.kind == "key":
        if caller.what != "key":
            return UNKNOWN
        return OPEN if not row.words or "admin" in caller.scopes or caller.scopes & set(row.words) else SCOPE
    return OPEN


def seen(row: Row, answer: httpx2.Response) -> str:
    """What happened at a door."""
    # A sign-out that is done leads there too, and drops the cookie.
    if answer.status_code == 303 and answer.headers["location"].endswith("/sign-in") and "set-cookie" not in answer.headers:
        return SIGN_IN
    if row.kind == "staff" and answer.status_code == 403:
        # What a manager may do to colleagues is said of each of them: not of the page.
        return OPEN if "look after cashiers" in answer.text else ROLE
    if row.kind == "key" and answer.status_code in (401, 403):
        code = answer.json()["code"]
        return {"unauthenticated": UNKNOWN, "scope_missing": SCOPE}.get(code, OPEN)
    return OPEN if answer.status_code < 500 else f"broken: {answer.status_code}"


@pytest.mark.goal("A1")
async def test_every_door_opens_to_whom_the_file_names_and_to_nobody_else(world: World, all_rows: Rows) -> None:
    everybody, wrong, tried = await callers(world), [], 0
    for row in rows("staff", "key", "operator"):
        for caller in everybody:
            if expected(row, caller) == OPEN or not is_worth_asking(row, caller):
                continue
            all_rows.keep()
            answer = await world.ask(row, caller)
            tried += 1
            if seen(row, answer) != expected(row, caller):
                wrong.append(f"{row.method} {row.path}: {caller.name}: {expected(row, caller)} expected, {seen(row, answer)}")
            if changed := all_rows.changed():
                wrong.append(f"{row.method} {row.path}: {caller.name} was refused and changed {changed}")
    assert wrong == []
    assert tried > 4000


def is_worth_asking(row: Row, caller: Caller) -> bool:
    """Of callers with what the door does not even read (another session's cookie, a key at a page), whoever may most stands for all."""
    if caller.what == "staff":
        return (row.kind == "staff" and caller.session == row.words[0]) or caller.role == "owner"
    return caller.what != "key" or row.kind == "key" or caller.scopes == ALL


@pytest.mark.goal("A1")
async def test_everybody_whom_the_file_names_is_let_in(world: World) -> None:
    """Each door with everybody, and nothing behind it: whether somebody comes through is all that is asked."""
    everybody, wrong, tried = await callers(world), [], 0
    async with doors_alone(world) as client:
        for row in rows("staff", "key", "operator"):
            for caller in everybody:
                if expected(row, caller) == OPEN:
                    own = None if caller.side == "a" or not caller.side else world.b.ids
                    answer = await client.request(row.method, world.address(row, own), headers=caller.headers)
                    tried += 1
                    if (answer.status_code, answer.text) != (200, "in"):
                        wrong.append(f"{row.method} {row.path}: {caller.name}: {answer.status_code} {answer.text[:80]}")
    assert wrong == []
    assert tried > 1000


@contextlib.asynccontextmanager
async def doors_alone(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    """The application's doors, behind each of which somebody says "in"."""
    async def inside(request: Request) -> Response:
        return PlainTextResponse("in")

    app = create_app(world.here)
    app.router = routing.Lanes([routing.route(each.path, inside, who=each.who, name=each.name, methods=each.methods)
                                for each in all_routes() if hasattr(each, "who")], redirect_slashes=False)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://cards.example.com") as client:
        yield client


@pytest.mark.goal("A1")
async def test_behind_no_door_is_anybody_turned_away_who_was_let_in(world: World) -> None:
    """In turn one of those whom the row lets in, newly signed in: an act before may have signed them out."""
    wrong = []
    for number, row in enumerate(rows("staff", "key", "operator")):
        caller = await somebody(world, row, number)
        assert expected(row, caller) == OPEN
        if seen(row, answer := await world.ask(row, caller)) != OPEN:
            wrong.append(f"{row.method} {row.path}: {caller.name}: {seen(row, answer)} {answer.status_code} {answer.text[:80]}")
    assert wrong == []


async def somebody(world: World, row: Row, number: int) -> Caller:
    if row.kind == "operator":
        return await operator(world)
    if row.kind == "staff":
        names = people_of(row)
        return await world.session("a", names[number % len(names)], row.words[0])
    scopes = [scope for scope in SCOPES if not row.words or scope in {*row.words, "admin"}]
    return await world.key("a", frozenset({scopes[number % len(scopes)]}))


@pytest.mark.goal("A1")
async def test_things_of_another_business_missing_ones_and_nonsense_are_one_and_the_same_404(world: World, all_rows: Rows) -> None:
    wrong, tried = [], 0
    trial = await sandbox_key(world, "a", ALL)
    for number, row in enumerate([row for row in rows("staff", "key") if world.has_id(row)]):
        for side, foreign in (("a", "b"), ("b", "a")):
            # In turn everybody whom the row lets in; a sandbox is another business, too.
            names = people_of(row) if row.kind == "staff" else []
            caller = await world.session(side, names[number % len(names)], row.words[0]) if names else await world.key(side, ALL)
            if not names and side == "a" and number % 2 and not KEYED_PATH.search(row.path):
                caller, foreign = trial, "a"
            answers = {}
            for name, ids in strange_ids(world, foreign).items():
                all_rows.keep()
                answers[name] = same_page(await world.ask(row, caller, world.address(row, ids), body=world.body(row, world.sides[side])))
                tried += 1
                if changed := all_rows.changed():
                    wrong.append(f"{row.method} {row.path}: {caller.name}, {name} id: changed {changed}")
            if {status for status, _ in answers.values()} != {404} or len(set(answers.values())) != 1:
                wrong.append(f"{row.method} {row.path}: {caller.name}: {({name: status for name, (status, _) in answers.items()})}")
    assert wrong == []
    assert tried > 200


def strange_ids(world: World, foreign: str) -> dict[str, dict[str, str]]:
    """Sets of public ids that lead nowhere, by what is strange about them."""
    kinds, there, rows_there = list(world.a.ids), world.sides[foreign].ids, world.sides[foreign].rows
    return {"foreign": there,
            "missing": {kind: "nobody-has-this" if kind in KEYED else world.here.ids.encode(kind, MISSING) for kind in kinds},
            "malformed": dict.fromkeys(kinds, "crd_0"), "plain": {kind: str(rows_there.get(kind, 1)) for kind in kinds},
            "of another kind": {kind: there["location" if kind == "card" else "card"] for kind in kinds},
            "long": {kind: there[kind] + "0" * 3000 for kind in kinds}, "upper": {kind: there[kind].upper() for kind in kinds}}


@pytest.mark.goal("A1", "A3")
async def test_ids_of_another_business_inside_bodies_and_queries_lead_nowhere(world: World, all_rows: Rows) -> None:
    """The same answer as for an id that nobody has, and nothing is written."""
    key, wrong = await world.key("a", ALL), []
    missing, own, theirs = strange_ids(world, "b")["missing"], world.a.ids, world.b.ids
    consent = {"consent": {"terms": True}, "customer": {"name": "Boris"}}
    asks = [("POST", "/api/v1/enrolments", lambda ids: {"program": ids["program"], "phone": "+79161235555"}),
            ("POST", "/api/v1/enrolments", lambda ids: {"program": own["program"], "phone": "+79161235555", "location": ids["location"]}),
            ("POST", "/api/v1/cards", lambda ids: {"program": ids["program"], **consent}),
            ("POST", "/api/v1/sales/quote", lambda ids: {"card": ids["card"], "amount": 100}),
            ("POST", "/api/v1/sales", lambda ids: {"card": ids["card"], "amount": 100}),
            ("POST", "/api/v1/sales", lambda ids: {"card": own["card"], "amount": 100, "location": ids["location"]}),
            ("GET", "/api/v1/operations", lambda ids: {"card": ids["card"]}),
            ("GET", "/api/v1/operations", lambda ids: {"location": ids["location"]}),
            ("GET", "/api/v1/operations", lambda ids: {"cursor": ids["operation"]}),
            ("GET", "/api/v1/cards/" + own["card"] + "/operations", lambda ids: {"cursor": ids["operation"]})]
    for method, path, made in asks:
        all_rows.keep()
        answers = []
        for ids in (theirs, missing):
            sent = {"json": made(ids)} if method == "POST" else {"params": made(ids)}
            answer = await world.client.request(method, path, headers={**key.headers, "Idempotency-Key": "k" + ids["card"]}, **sent)
            answers.append((answer.status_code, answer.text))
        if answers[0] != answers[1] or answers[0][0] != 404 or all_rows.changed():
            wrong.append((method, path, json.dumps(made(theirs)), answers, all_rows.changed()))
    assert wrong == []


@pytest.mark.goal("A1", "A3")
async def test_what_another_business_has_is_not_found_by_code_number_phone_name_or_receipt(world: World) -> None:
    key, owner = await world.key("a", ALL), await world.session("a", "owner", "console")
    till = await world.session("a", "cashier", "till")
    card = await world.here.db.fetch_one("SELECT number, code FROM cards WHERE id = :id", {"id": world.b.rows["card"]})
    for text in (card["number"], card["code"], "+79161233333", world.b.ids["card"]):
        found = await world.client.get("/api/v1/cards", params={"code": text}, headers=key.headers)
        unknown = await world.client.get("/api/v1/cards", params={"code": "+79990000000"}, headers=key.headers)
        assert (found.status_code, found.json()["items"]) == (200, []), text
        assert unknown.json()["items"] == []
        page = await world.client.post("/till", data={"code": text, "csrf": world.forgery_token(till)}, headers=till.headers)
        assert page.status_code == 422
        page = await world.client.get("/console/customers", params={"q": text}, headers=owner.headers)
        assert "/console/cards/" not in page.text
    theirs = await world.client.get("/api/v1/operations", headers=key.headers)
    assert world.b.ids["operation"] not in theirs.text
    assert world.a.ids["operation"] in theirs.text


@pytest.mark.goal("A5")
@pytest.mark.parametrize("path", ["/till/sign-in", "/console/sign-in"])
async def test_nobody_is_signed_in_by_another_site(world: World, path: str) -> None:
    """A stranger's own account would otherwise write down what the victim types."""
    form = {"email": "owner@coffee.example.com", "password": "three calm words"}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await world.client.post(path, data=form, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


@pytest.mark.goal("A5")
async def test_no_form_behind_a_secret_address_is_taken_from_another_site_and_a_null_origin_alone_is_no_reason(
        world: World, all_rows: Rows) -> None:
    nobody, wrong = Caller("anonymous", {}), []
    for row in [row for row in rows("link") if row.method in CHANGES]:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": "null"}, {"Origin": "https://evil.example"}):
            all_rows.keep()
            answer = await world.ask(row, nobody, form={"password": "three calm words", "name": "X"}, **headers)
            if answer.status_code != 403 or all_rows.changed():
                wrong.append(f"{row.path} with {headers}: {answer.status_code}, changed {all_rows.changed()}")
        if not row.path.startswith(("/console", "/operator")):
            answer = await world.ask(row, nobody, form={}, Origin="null", **{"Sec-Fetch-Site": "same-origin"})
            # These want more than the address: a code, or a card that this browser opened.
            if answer.status_code == 403 and row.path not in CODED | {"/k/{token}/card"}:
                wrong.append(f"{row.path} refuses a null origin")
    assert wrong == []


@pytest.mark.goal("A1")
async def test_unknown_and_malformed_links_are_answered_alike_and_change_nothing(world: World, all_rows: Rows) -> None:
    wrong, nobody = [], Caller("anonymous", {})
    strange = ("x" * 43, "AbCdEfGhJkLm", "AbCdEfGhJkLmNoPqRsTuVw", "0", "%20", "a" * 3000, "ё", "..;..", "'--")
    for row in rows("link"):
        world.here.clock.advance(minutes=11)        # guesses are counted by address; these are not about the counter
        answers = []
        for text in strange:
            all_rows.keep()
            address = world.address(row, links=dict.fromkeys(world.a.links, text))
            answer = await world.ask(row, nobody, address, form={"terms": "on"})
            answers.append((answer.status_code, same_page(answer)[1], answer.headers.get("location", "").replace(quote(text, "%'.-;"), "")))
            if changed := all_rows.changed():
                wrong.append(f"{row.method} {row.path}: {text[:20]}: changed {changed}")
        if len(set(answers)) != 1:
            wrong.append(f"{row.method} {row.path}: {[(status, len(text), to) for status, text, to in answers]}")
        if answers[0][0] not in (404, 410) and row.path != "/a/{link}/not-me":
            wrong.append(f"{row.method} {row.path}: {answers[0][0]}")
    assert wrong == []


@pytest.mark.goal("A1")
async def test_other_methods_and_the_demo_s_addresses_do_nothing(world: World, all_rows: Rows) -> None:
    taken = {(row.method, row.path) for row in rows()}
    key, owner, wrong = await world.key("a", ALL), await world.session("a", "owner", "console"), []
    for row in rows():
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
            if (method, row.path) in taken:
                continue
            all_rows.keep()
            answer = await world.ask(row, owner if row.kind == "staff" else key, method=method)
            if answer.status_code != 405 or not answer.headers.get("allow") or all_rows.changed():
                wrong.append(f"{method} {row.path}: {answer.status_code} {all_rows.changed()}")
    for path in ("/demo/phone", "/demo/sms", "/demo/sms.json", "/demo/phone/events"):
        assert (await world.client.get(path)).status_code == 404
    assert wrong == []


@pytest.mark.goal("A1", "A5")
async def test_access_that_is_taken_away_ends_at_the_next_request(world: World) -> None:
    from app.staff import service as staff

    here, shop = world.here, world.a.shop
    cashier, key = await world.session("a", "cashier", "till"), await world.key("a", ALL)
    assert (await world.client.get("/till", headers=cashier.headers)).status_code == 200
    assert (await world.client.get("/api/v1/me", headers=key.headers)).status_code == 200
    people = world.people["a"]
    await staff.disable(here.db, shop.who, people["cashier"], here.clock.now())
    newest = max(each.id for each in await staff.list_keys(here.db, shop.business_id))
    await staff.revoke_key(here.db, shop.who, newest, here.clock.now())
    assert (await world.client.get("/till", headers=cashier.headers)).status_code == 303
    assert (await world.client.get("/api/v1/me", headers=key.headers)).status_code == 401
    manager = await world.session("a", "manager", "console")
    assert (await world.client.get("/console", headers=manager.headers)).status_code == 200
    await staff.change_staff(here.db, shop.who, people["manager"], name="Manager", role="cashier", location_id=None, now=here.clock.now())
    assert (await world.client.get("/console", headers=manager.headers)).status_code == 303
