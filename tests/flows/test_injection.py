"""Goal B14: what is typed into any field is shown as it was typed, on every page, and means nothing to whoever shows or keeps it."""
import html
import json
import logging
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from app import logs
from app.context import Context
from app.web.principal import SCOPES
from tests import engines
from tests.conftest import Shop
from tests.flows.world import Caller, World, rows

# 7 × 7191 is 50337, which stands on no page by itself.
EVIL = ('"><script>x</script>{{7*7191}}', "');DROP TABLE cards;--${7*7191}", "<img src=x onerror=x>{% if 1 %}", "%(x)s%n{0}#{7*7191}'")
SAFE = {"email": "new.person@example.com", "points": "5", "reason": "x", "name": "New", "phone": "+79161236666", "amount": "100",
        "code": "4729581036472919", "password": "three calm words"}
PAGES = ("/till", "/till/cards/{card}", "/till/enrol", "/till/sales", "/console/settings", "/console/locations",
         "/console/locations/{location}", "/console/staff", "/console/keys", "/console/programs/{program}",
         "/console/programs/{program}/rules/new", "/console/programs/new/stamps", "/console/design", "/console/cards/{card}")
TYPED = ("text", "search", "email", "tel", "number", "password", "url")


class Forms(HTMLParser):
    """The forms of a page: where each posts to, what it holds, and which of its fields a person types into."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, str], list[str]]] = []
        self.select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at: dict[str, str] = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((at.get("method", "get").lower(), at.get("action", ""), {}, []))
        elif tag in ("input", "textarea", "button") and at.get("name") and self.found:
            values = self.found[-1][2]
            if at.get("type") not in ("radio", "checkbox") or "checked" in at:
                values.setdefault(at["name"], at.get("value", ""))
        elif tag == "select":
            self.select = at.get("name", "")
        elif tag == "option" and self.select and self.found:
            values = self.found[-1][2]
            values[self.select] = at.get("value", "") if "selected" in at else values.get(self.select, at.get("value", ""))
        if tag in ("input", "textarea") and at.get("name") and self.found:
            typed = self.found[-1][3]
            if tag == "textarea" or (tag == "input" and at.get("type", "text") in TYPED):
                typed.append(at["name"])


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def world(here: Context, client: httpx2.AsyncClient, shop: Shop) -> World:
    made = World(here, client)
    await made.add("a", shop, ("+79161231111", "+79161232222"))
    return made


def shown_badly(answer: httpx2.Response) -> list[str]:
    """What of the typed texts became something else on a page."""
    kind = answer.headers.get("content-type", "")
    marks = ["50337"] + (["<script>x", "<img src=x", "onerror=x>"] if kind.startswith("text/html") else [])
    return [mark for mark in marks if mark in answer.text]


async def type_everywhere(world: World, callers: dict[str, Caller]) -> list[str]:
    """Each typed field of each form in turn holds each evil text, the others what they held. Gives what went wrong."""
    wrong = []
    for path in PAGES:
        address = path.format(**world.a.ids)
        caller = callers[path.split("/")[1]]
        page = await world.client.get(address, headers=caller.headers)
        for method, action, values, typed in Forms(page.text).found:
            for name in typed:
                for number, evil in enumerate(EVIL):
                    form = {**values, **{other: values.get(other) or SAFE.get(other, "") for other in typed}, name: evil}
                    form["email"] = form.get("email") or f"person{number}.{name}@example.com"
                    target = action or address
                    answer = await world.client.request(
                        method.upper(), f"{target}?{urlencode(form)}" if method == "get" else target, headers=caller.headers,
                        **({} if method == "get" else {"data": form}))
                    if answer.status_code >= 500 or shown_badly(answer):
                        wrong.append(f"{target} {name} = {evil}: {answer.status_code} {shown_badly(answer)}")
    return wrong


async def sell_everywhere(world: World, key: Caller) -> None:
    """The texts that only the API takes."""
    posts = {row.path: row for row in rows() if row.method == "POST"}
    for evil in EVIL:
        card = await world.ask(posts["/api/v1/cards"], key, body={
            "program": world.a.ids["program"], "customer": {"name": evil}, "consent": {"terms": True, "text_version": evil}})
        assert card.status_code == 201
        sale = await world.ask(posts["/api/v1/sales"], key, body={
            "card": card.json()["id"], "amount": 10_000, "receipt": evil,
            "lines": [{"amount": 1, "name": evil, "sku": evil, "category": evil}]})
        assert sale.status_code == 201
        changed = await world.ask(posts["/api/v1/cards/{id}/adjustments"], key, body={"unit": "points", "amount": 5, "reason": evil})
        assert changed.status_code == 201
        found = await world.client.get("/api/v1/operations", params={"receipt": evil}, headers=key.headers)
        assert [each["receipt"] for each in found.json()["items"]] == [evil]


@pytest.mark.goal("B14")
async def test_what_is_typed_anywhere_is_shown_as_it_was_typed_everywhere(world: World, here: Context) -> None:
    callers = {kind: await world.session("a", "owner", kind) for kind in ("till", "console")}
    key = await world.key("a", frozenset(SCOPES))
    before = await here.db.fetch_val("SELECT COUNT(*) FROM cards")
    assert await type_everywhere(world, callers) == []
    await sell_everywhere(world, key)
    joined = await world.client.post(f"/a/{world.a.links['a']}", data={"name": EVIL[0], "terms": "on"})
    assert joined.status_code == 303
    shown, bad = 0, []
    for row in [row for row in rows() if row.method == "GET" and not row.path.endswith(("/events", "/card.pkpass", "/metrics"))]:
        headers = key.headers if row.kind == "key" else callers[row.words[0]].headers if row.kind == "staff" else {}
        for query in ({}, {"q": EVIL[0], "code": EVIL[1], "from": EVIL[2], "headline": EVIL[0], "source": EVIL[3], "lang": "ru"}):
            answer = await world.client.get(world.address(row), params=query, headers=headers)
            bad += [(row.path, answer.status_code, mark) for mark in shown_badly(answer)]
            assert answer.status_code < 500, row.path
            shown += any(evil in html.unescape(answer.text) for evil in EVIL) and answer.headers["content-type"].startswith("text/html")
    assert bad == []
    assert shown >= 12, f"only {shown} pages show what was typed, so that little is proved"
    assert await here.db.fetch_val("SELECT COUNT(*) FROM cards") == before + len(EVIL)


@pytest.mark.goal("B14")
async def test_every_request_is_one_line_of_the_log_whatever_it_asks_for(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    key, asked = await world.key("a", frozenset(SCOPES)), 0
    caplog.clear()
    for text in ("%0d%0aFORGED", "%1b%5b31mred", "%c2%85next", "%e2%80%a8next", "%c2%9b31m", "%22,%22level%22:%22", "%0a{}", "\u202ered"):
        for address in (f"/e/{text}", f"/c/abc{text}", f"/api/v1/cards/{text}", f"/till?{text}={text}", f"/static/0/{text}"):
            answer = await world.client.get(httpx2.URL("https://cards.example.com" + address), headers={
                **key.headers, "User-Agent": "x\x1b[31m", "Referer": "https://x/%0aFORGED"})
            assert answer.status_code < 500
            asked += 1
    lines = [logs.JsonLines().format(record) for record in caplog.records if record.name == "tessera.access"]
    assert len(lines) == asked
    for line in lines:
        assert len(line.splitlines()) == 1
        assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in line)
        assert json.loads(line)["level"] == "info"


def test_a_message_or_a_trace_cannot_forge_a_line_either() -> None:
    record: Any = logging.LogRecord("x", logging.ERROR, "", 0, "told %s", ("a\r\nb\x85c\u2028d\x9b",), None)
    line = logs.JsonLines().format(record)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["message"] == "told a\r\nb\x85c\u2028d\x9b"
