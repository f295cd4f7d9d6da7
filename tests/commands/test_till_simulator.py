"""A day at the tills against the real application on a real server; and against servers that are wrong, which must be found out."""
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.__main__ import main
from app.commands.simulating import books
from app.commands.simulating.day import CannotOpen, Plan, Report, play, summary
from app.commands.simulating.line import Line
from app.context import Context
from app.ledger.verify import verify
from app.main import create_app
from app.sandbox import service as sandbox
from app.staff import service as staff
from tests import engines
from tests.conftest import Shop
from tests.guard.serving import running

ONE = Plan(tills=1, seed=7, run="one", for_real=True)
KEYED = frozenset({"cards:read", "cards:write", "sales:write"})


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


class Wrong(httpx2.AsyncBaseTransport):
    """The server itself, but for what `ask` does to requests and `tell` to answers."""

    def __init__(self, *, ask: Callable[[httpx2.Request], None] | None = None, tell: Callable[[str, Any], None] | None = None) -> None:
        self.inner, self.ask, self.tell = httpx2.AsyncHTTPTransport(), ask, tell

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.ask:
            self.ask(request)
        answer = await self.inner.handle_async_request(request)
        body = json.loads(await answer.aread())
        if self.tell and answer.status_code < 300:
            self.tell(request.url.path, body)
        return httpx2.Response(answer.status_code, headers={name: value for name, value in answer.headers.items()
                                                            if name not in ("content-length", "content-encoding")}, json=body)

    async def aclose(self) -> None:
        await self.inner.aclose()


async def played(port: int, key: str, plan: Plan, transport: httpx2.AsyncBaseTransport | None = None) -> Report:
    line = Line(f"http://127.0.0.1:{port}", key, transport)
    try:
        return await play(line, plan)
    finally:
        await line.close()


@pytest.mark.goal("M3")
async def test_a_day_at_two_tills_has_no_differences_and_leaves_a_ledger_that_adds_up(
        monkeypatch: pytest.MonkeyPatch, here: Context, shop: Shop) -> None:
    async with running(monkeypatch, create_app(here)) as port:
        report = await played(port, shop.api_key, Plan(tills=2, run="two", for_real=True))
        assert report.wrong == []
        assert {"enrol", "search", "sale", "redeem", "refund", "undo", "lost answer", "block", "close", "wrong key"} <= report.acts.keys()
        assert "no differences" in summary(report)
        assert await verify(here.db, here.clock.now()) == []
        assert await here.db.fetch_val("SELECT COUNT(*) FROM cards") == 2


async def test_a_sandbox_is_played_without_being_asked_and_a_business_is_not(
        monkeypatch: pytest.MonkeyPatch, here: Context, shop: Shop) -> None:
    now = here.clock.now()
    twin = await sandbox.twin_of(here.db, here.ring, shop.who, now)
    _, key = await staff.create_key(here.db, here.ring, shop.who, "trial", KEYED, None, now, per_second=0, sandbox_id=twin)
    _, weak = await staff.create_key(here.db, here.ring, shop.who, "weak", frozenset({"cards:read"}), None, now, per_second=0)
    async with running(monkeypatch, create_app(here)) as port:
        report = await played(port, key, Plan(tills=1, run="box"))
        assert report.wrong == []
        assert await here.db.fetch_val("SELECT COUNT(*) FROM operations WHERE business_id = :id", {"id": shop.business_id}) == 0
        with pytest.raises(CannotOpen, match="real business"):
            await played(port, shop.api_key, Plan(tills=1))
        with pytest.raises(CannotOpen, match="lacks scopes that a till needs: cards:write, sales:write"):
            await played(port, weak, ONE)
        with pytest.raises(CannotOpen, match="does not take the key"):
            await played(port, "tsk_nobody", ONE)


def forget_keys(request: httpx2.Request) -> None:
    """A server that takes no notice of repetitions."""
    if key := request.headers.get("idempotency-key"):
        request.headers["idempotency-key"] = f"{key}-{next(_count)}"


_count = itertools.count()


def lose_a_point(path: str, body: Any) -> None:
    if path.endswith("/api/v1/sales"):
        for change in body["changes"]:
            change["amount"] -= change["why"] == "earned"


def ask_for_more(path: str, body: Any) -> None:
    if path.endswith("/quote"):
        body["to_pay"] += 1


def find_nobody(path: str, body: Any) -> None:
    if path.endswith("/cards") and "items" in body:
        body["items"] = []


@pytest.mark.parametrize(("transport", "said"), [
    (Wrong(ask=forget_keys), "id of the repeated sale"), (Wrong(tell=lose_a_point), "points earned, as quoted"),
    (Wrong(tell=ask_for_more), "a sale as quoted must be 201, and was 409 quote_changed"),
    (Wrong(tell=find_nobody), "the phone in brackets does not find the card")])
async def test_a_server_that_is_wrong_is_found_out(
        monkeypatch: pytest.MonkeyPatch, here: Context, shop: Shop, transport: Wrong, said: str) -> None:
    async with running(monkeypatch, create_app(here)) as port:
        report = await played(port, shop.api_key, ONE, transport)
    assert any(said in sentence for sentence in report.wrong), report.wrong
    assert "differences:" in summary(report)


def test_the_key_comes_from_a_file_or_a_variable_and_goes_over_no_open_line(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("TILL_KEY", raising=False)
    assert main(["till-simulator", "--url", "https://cards.example.com"]) == 2
    assert "TILL_KEY" in capsys.readouterr().err
    monkeypatch.setenv("TILL_KEY", "tsk_secret")
    assert main(["till-simulator", "--url", "http://cards.example.com"]) == 2
    assert main(["till-simulator", "--url", "http://127.0.0.1:1", "--tills", "0"]) == 2
    said = capsys.readouterr()
    assert "tsk_secret" not in said.out + said.err


def test_arithmetic_of_cards_and_operations() -> None:
    card = {"balances": {"points": 5, "stamps": 0}, "pending": {"points": 3}}
    sale = {"kind": "sale", "id": "op_1", "changes": [{"unit": "points", "amount": -2, "why": "redeemed"},
                                                      {"unit": "points", "amount": 4, "why": "earned"},
                                                      {"unit": "voucher", "amount": 1, "why": "given"}]}
    assert books.held(card) == {"points": 8}
    assert books.moved([sale, sale]) == {"points": 4}
    assert books.of_moves(sale, {"points": 8}, {"points": 10}) == []
    assert books.of_moves(sale, {"points": 8}, {"points": 11}) == [
        "what is on the card after sale op_1: {'points': 10} expected, {'points': 11} told"]
    assert books.of_quote({"amount": 100, "discount": 10, "to_pay": 91}, 100) == ["the quote of 100 takes off 10 and asks for 91"]
    assert books.torn("4729581036472919") == "4729581036472910"
