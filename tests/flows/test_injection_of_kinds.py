"""Goals B3, B8 and B14 for what the kinds of programme brought: every text of a programme, on every page, in passes and in exports."""
import csv
import html
import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.context import Context
from app.demo.certificates import make_demo_certificates
from app.web.principal import SCOPES
from tests import engines
from tests.conftest import Shop
from tests.flows.test_injection import EVIL, shown_badly
from tests.flows.world import Caller, World, rows
from tests.shops import make_card

FORMULAS = ("=1+1", "+1-1", "-1+1", "@SUM(A1)", "=HYPERLINK(1)", "\uff1d1+1", '=1+1";"')
ODD = ("\u05d0\u05d1\u05d2 (abc)", "İıŞş", "☕🍰", "\ufdfd & x\u0323")
UNSEEN = ("\u202eevil\u202c", "a\u200bb", "a\nb", "a\x00b", "e" + "\u0301" * 1_000)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
def here(here: Context, tmp_path: Path) -> Context:
    """With certificates, so that passes are made."""
    made = make_demo_certificates(tmp_path, pass_type_identifier="pass.example.typed", team_identifier="TESSERA001",
                                  now=here.clock.now() - timedelta(days=1))
    return replace(here, settings=replace(here.settings, apple_certificate=made.certificate.read_bytes(), apple_key=made.key.read_bytes(),
                                          apple_wwdr=made.wwdr.read_bytes()))


@pytest.fixture
async def world(here: Context, client: httpx2.AsyncClient, shop: Shop) -> World:
    made = World(here, client)
    await made.add("a", shop, ("+79161231111", "+79161232222"))
    return made


def said(text: str) -> dict[str, str]:
    return {"en": text, "ru": text}


def rules_of(texts: tuple[str, ...]) -> dict[str, Any]:
    """Rules in which each name of anything is one of the texts."""
    one, two, three, four = texts
    return {
        "earn_points": 5, "earn_per_minor": 10_000, "worth_minor": 100, "discount_bp": 100,
        "levels": {"levels": [{"key": "basic", "name": said(one), "threshold": 0, "perks": said(two)},
                              {"key": "gold", "name": said(three), "threshold": 1_000_000, "perks": said(four)}]},
        "visits": {"packages": [{"key": "ten", "name": said(two), "visits": 10, "price_minor": 100_000}]},
        "charity": {"fund": said(three), "a_visit_minor": 100},
        "rules": [{"key": f"rule{number}", "name": said(text), "effect": {"do": "earn", "amount": 1}, "when": {"amount_from": 100}}
                  for number, text in enumerate(texts)]}


async def name_everything(world: World, key: Caller, texts: tuple[str, ...]) -> None:
    """Each text as the name of each thing that the API takes a name for."""
    all_rows = {(row.method, row.path): row for row in rows()}

    async def ask(method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await world.ask(all_rows[method, path], key, body=body)
        assert answer.status_code in (200, 201), (path, answer.text)
        return answer.json()

    await ask("PUT", "/api/v1/programs/{id}/rules", {"rules": rules_of(texts)})
    for number, text in enumerate(texts):
        reward = await ask("POST", "/api/v1/programs/{id}/rewards", {
            "key": f"r{number}", "kind": "text", "name": said(text), "unit": "points", "cost": 1})
        await ask("POST", "/api/v1/programs/{id}/promo-batches", {"key": f"b{number}", "name": text, "codes": [f"CODE{number}"]})
        await ask("POST", "/api/v1/segments", {"key": f"s{number}", "name": text, "filter": {"sales_from": 1}})
        await ask("PUT", "/api/v1/products", {"sku": text, "name": text, "category": text, "can_be_favourite": True})
        sale = {"card": world.a.ids["card"], "amount": 100_000, "receipt": text,
                "lines": [{"amount": 5_000, "name": text, "sku": text, "category": text}]}
        await ask("POST", "/api/v1/sales", sale)
        await ask("PUT", "/api/v1/cards/{id}/level", {"level": "gold", "reason": text})
        await ask("POST", "/api/v1/cards/{id}/adjustments", {"unit": "points", "amount": 5, "reason": text})
        await ask("POST", "/api/v1/cards/{id}/claims", {"reward": reward["id"]})


@pytest.mark.goal("B14", "B8")
@pytest.mark.parametrize("texts", [EVIL, ODD], ids=["injections", "odd letters"])
async def test_every_name_of_a_programme_is_shown_as_it_was_typed_on_every_page_and_in_the_pass(
        world: World, texts: tuple[str, ...]) -> None:
    callers = {kind: await world.session("a", "owner", kind) for kind in ("till", "console")}
    key = await world.key("a", frozenset(SCOPES))
    await name_everything(world, key, texts)
    shown, bad = 0, []
    for row in [row for row in rows() if row.method == "GET" and not row.path.endswith(("/events", "/card.pkpass"))]:
        headers = key.headers if row.kind == "key" else callers[row.words[0]].headers if row.kind == "staff" else {}
        for language in ("en", "ru"):
            answer = await world.client.get(world.address(row), headers={**headers, "Accept-Language": language})
            bad += [(row.path, answer.status_code, mark) for mark in shown_badly(answer)]
            assert answer.status_code < 500, row.path
            shown += any(text in html.unescape(answer.text) for text in texts)
    assert bad == []
    assert shown >= 20, f"only {shown} pages show what was typed, so that little is proved"
    made = await world.client.get(f"/c/{world.a.links['c']}/card.pkpass")
    assert made.status_code == 200, made.text
    files = zipfile.ZipFile(io.BytesIO(made.content))
    contents = json.loads(files.read("pass.json"))
    values = [str(field["value"]) for fields in contents["storeCard"].values() if isinstance(fields, list) for field in fields]
    assert any(text in value for value in values for text in texts), values


@pytest.mark.goal("B8")
async def test_no_name_of_a_programme_may_hold_what_nobody_sees(world: World) -> None:
    key = await world.key("a", frozenset(SCOPES))
    posts = {row.path: row for row in rows("key") if row.method == "POST"}
    for text in UNSEEN:
        for path, body in (("/api/v1/programs/{id}/rewards", {"key": "new", "kind": "text", "name": said(text)}),
                           ("/api/v1/programs/{id}/rules/check", {"rules": rules_of((text,) * 4)}),
                           ("/api/v1/programs/{id}/promo-batches", {"key": "new", "name": text, "codes": ["NEWCODE"]}),
                           ("/api/v1/segments", {"key": "new", "name": text, "filter": {"sales_from": 1}})):
            answer = await world.ask(posts[path], key, body=body)
            assert answer.status_code in (400, 422), (path, text, answer.text)


@pytest.mark.goal("B3")
async def test_no_cell_of_any_export_is_a_formula_whatever_a_shopper_is_called(world: World, here: Context, shop: Shop) -> None:
    owner, key = await world.session("a", "owner", "console"), await world.key("a", frozenset(SCOPES))
    sale = next(row for row in rows() if (row.method, row.path) == ("POST", "/api/v1/sales"))
    for number, name in enumerate(FORMULAS):
        card = await make_card(here, shop, phone=f"+7916123700{number}", name=name)
        sold = await world.ask(sale, key, body={"card": here.ids.encode("card", card.id), "amount": 10_000})
        assert sold.status_code == 201
    files = 0
    for row in [row for row in rows("staff") if row.method == "GET"]:
        answer = await world.ask(row, owner)
        if not answer.headers.get("content-type", "").startswith("text/csv"):
            continue
        files += 1
        for cells in csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))):
            assert [cell for cell in cells if is_formula(cell)] == [], row.path
        if row.path.endswith("/members.csv"):
            assert "1+1" in answer.text, "nobody of that name is in it"
    assert files >= 3


def is_formula(cell: str) -> bool:
    """What a spreadsheet computes. A number below zero is one: it says what it means."""
    return cell.startswith(tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")) and not cell.removeprefix("-").replace(".", "", 1).isdigit()
