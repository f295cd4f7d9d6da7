"""Files dropped into a folder, done by the real application through its public API: once each, whatever kills the connector."""
import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.commands import drop_folder
from app.commands.dropping.disk import Disk
from app.commands.dropping.rows import Shop
from app.commands.dropping.server import Away, KeyRefused, Reply, Server
from app.commands.dropping.working import Connector
from app.errors import SettingsError
from app.staff import service as staff
from tests import engines
from tests.shops import make_card

MOSCOW = timezone(timedelta(hours=3))
HEAD = "action;card;amount;receipt;of;points;phone;name\n"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The connector knows no engine."""
    return engines.sqlite_url(tmp_path, migrated=True)


class Killed(BaseException):
    """As if by kill -9: nothing after it runs."""


class Fate:
    """Counts the steps of a run and ends it before or after one of them."""

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.at, self.after, self.steps = at, after, 0

    @contextmanager
    def step(self) -> Iterator[None]:
        number, self.steps = self.steps, self.steps + 1
        if number == self.at and not self.after:
            raise Killed
        yield
        if number == self.at:
            raise Killed


class MortalDisk(Disk):
    """Every step on the disk may be the last; a note may also be torn."""

    def __init__(self, folder: Path, fate: Fate) -> None:
        super().__init__(folder)
        self.fate = fate

    def note(self, name: str, told: dict[str, Any]) -> None:
        if self.fate.at == self.fate.steps and not self.fate.after:
            with (self.folder / "work" / (name + ".journal")).open("ab") as file:
                file.write(b'\n{"digest": "torn')
        with self.fate.step():
            super().note(name, told)

    def put_answer(self, name: str, data: bytes) -> None:
        with self.fate.step():
            super().put_answer(name, data)

    def forget(self, name: str) -> None:
        with self.fate.step():
            super().forget(name)

    def move(self, name: str, to: str, *, replaces: bool = True) -> None:
        with self.fate.step():
            super().move(name, to, replaces=replaces)


class MortalServer(Server):
    """A kill before a call, or after the server did it and before its answer was read."""

    fate: Fate

    async def _ask(self, method: str, path: str, **given: Any) -> Reply:
        with self.fate.step():
            return await super()._ask(method, path, **given)


class Bench:
    """A folder, the application, and connectors that may be killed."""

    def __init__(self, folder: Path, here: Any, shop: Any, client: httpx2.AsyncClient) -> None:
        self.folder, self.here, self.shop, self.client = folder, here, shop, client
        self.said: list[str] = []
        self.key = shop.api_key
        self.pauses: list[float] = []
        self.on_pause: Callable[[], None] = lambda: None

    def drop(self, name: str, text: str | bytes) -> None:
        (self.folder / name).write_bytes(text.encode() if isinstance(text, str) else text)

    def connector(self, fate: Fate | None = None, transport: Any = None, language: str = "en", **given: Any) -> Connector:
        fate = fate or Fate()
        server = MortalServer("https://cards.example.com", lambda: self.key, language, transport or self.client._transport)
        server.fate = fate
        return Connector(MortalDisk(self.folder, fate), Shop(server, language, MOSCOW), told=self.said.append, sleep=self._sleep,
                         **{"settle": 0.0, **given})

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.here.clock.advance(seconds=seconds)
        self.on_pause()

    def answers(self, name: str) -> list[dict[str, str]]:
        text = (self.folder / f"{name}.answer.csv").read_bytes().decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text), delimiter=";"))

    def lies(self) -> dict[str, list[str]]:
        return {place: sorted(each.name for each in (self.folder / place).iterdir() if each.is_file())
                for place in ("", "done", "failed", "work")}

    async def count(self, table: str = "operations") -> int:
        return await self.here.db.fetch_val(f"SELECT COUNT(*) FROM {table}")


@pytest.fixture
def bench(tmp_path: Path, here, shop, client) -> Bench:
    (tmp_path / "drop").mkdir()
    return Bench(tmp_path / "drop", here, shop, client)


async def test_a_file_of_every_action_is_done_and_answered_row_by_row(bench, here, shop):
    card = await make_card(here, shop, points=100)
    bench.drop("day-1.csv", HEAD + f"""balance;{card.number};;;;;;
quote;{card.number};1000,00;;;50;;
sale;{card.number};1000,00;A-1;;50;;
refund;;100,00;R-1;A-1;;;
enrol;;;;;;+79161230055;Борис
stamp;{card.code};10,00;A-2;;;;
""")
    assert await bench.connector().look() == 1
    rows = bench.answers("day-1")
    assert [(row["row"], row["action"], row["status"]) for row in rows] == [
        (str(number), action, "ok") for number, action in enumerate(("balance", "quote", "sale", "refund", "enrol", "stamp"), 1)]
    balance, quote, sale, refund, enrol, stamp = rows
    assert balance["points"] == "100" and balance["number"] == card.number
    assert (quote["to_pay"], sale["to_pay"], sale["redeemed"], sale["earned"]) == ("950,00", "950,00", "50", "47")
    assert sale["points"] == "97" and refund["pay_back"] == "95,00" and refund["receipt"] == "R-1"
    assert enrol["code"] == "queued" and enrol["number"] and stamp["operation"].startswith("op_")
    assert bench.lies() == {"": ["day-1.answer.csv"], "done": ["day-1.csv"], "failed": [], "work": []}
    assert bench.said == ["day-1.csv: 6 rows done, 0 refused."]


async def test_what_cannot_be_done_is_said_in_the_asked_language_and_the_rest_is_done(bench, here, shop):
    card = await make_card(here, shop)
    bench.drop("day.csv", HEAD + f"""sale;4729999999999999;10,00;;;;;
sale;{card.number};10,005;;;;;
dance;{card.number};;;;;;
sale;{card.number};10,00;A-1;;5000;;
refund;;;;A-9;;;
sale;{card.number};10,00;A-1;;;;
""")
    await bench.connector(language="ru").look()
    rows = bench.answers("day")
    assert [row["status"] for row in rows] == ["refused"] * 5 + ["ok"]
    assert [row["code"] for row in rows][1:5] == ["amount", "unknown_action", "not_enough_points", "no_sale"]
    assert rows[1]["error"] == "«10,005» — не сумма. Пишите 1250,00." and "баллов" in rows[3]["error"]
    assert bench.lies()["failed"] == ["day.csv"] and await bench.count() == 1


async def test_a_refused_file_that_was_put_right_is_done_without_doubling_what_was_done(bench, here, shop):
    card = await make_card(here, shop)
    rows = f"sale;{card.number};10,00;A-1;;;;\nsale;{{}};20,00;A-2;;;;\n"
    bench.drop("day.csv", HEAD + rows.format("4729999999999999"))
    await bench.connector().look()
    bench.drop("day.csv", HEAD + rows.format(card.number))
    await bench.connector().look()
    assert [row["status"] for row in bench.answers("day")] == ["ok", "ok"] and await bench.count() == 2
    assert bench.lies()["done"] == ["day.csv"]


async def test_a_second_file_of_a_name_that_is_done_is_refused_and_both_are_kept(bench, here, shop):
    card = await make_card(here, shop)
    for number in (1, 2, 3):
        bench.drop("day.csv", HEAD + f"sale;{card.number};{number}0,00;A-{number};;;;\n")
        await bench.connector().look()
    assert await bench.count() == 1 and bench.answers("day")[0]["code"] == "same_name"
    assert bench.lies()["failed"] == ["day.2.csv", "day.csv"]


@pytest.mark.parametrize("data", [b"", b"action;colour\nsale;red\n", b"\x89PNG\r\n\x1a\n\x00\x98"])
async def test_what_is_no_file_of_rows_goes_to_failed_with_its_reason(data, bench):
    bench.drop("day.csv", data)
    await bench.connector().look()
    [row] = bench.answers("day")
    assert (row["row"], row["status"]) == ("0", "refused") and row["error"] and bench.lies()["failed"] == ["day.csv"]


async def test_killed_at_any_step_and_started_again_each_row_is_done_once(bench, here, shop):
    card = await make_card(here, shop)
    text = HEAD + f"sale;{card.number};10,00;{{name}};;;;\nrefund;;;;{{name}};;;\n"
    measure = Fate()
    bench.drop("whole.csv", text.format(name="whole"))
    await bench.connector(measure).look()
    expected = [(row["action"], row["status"], row["earned"], row["to_pay"]) for row in bench.answers("whole")]
    assert measure.steps == 6 + 2 + 3, "currency, two rows with their looks, a note of each; answer, journal, move"
    for number in range(measure.steps):
        for after in (False, True):
            name = f"killed-{number}-{after}"
            bench.drop(f"{name}.csv", text.format(name=name))
            before = await bench.count()
            with pytest.raises(Killed):
                await bench.connector(Fate(number, after=after)).look()
            await bench.connector().look()
            assert await bench.count() - before == 2, name
            rows = bench.answers(name)
            assert [(row["action"], row["status"], row["earned"], row["to_pay"]) for row in rows] == expected
            lies = bench.lies()
            assert f"{name}.csv" in lies["done"] and lies["work"] == [], name


async def test_rows_that_were_done_before_a_kill_are_not_asked_again(bench, here, shop):
    card = await make_card(here, shop)
    bench.drop("day.csv", HEAD + f"sale;{card.number};10,00;A-1;;;;\nsale;{card.number};20,00;A-2;;;;\n")
    first = Fate(4)                 # /me, sale, card, note | sale …
    with pytest.raises(Killed):
        await bench.connector(first).look()
    assert b'"status": "ok"' in (bench.folder / "work" / "day.csv.journal").read_bytes()
    second = Fate()
    await bench.connector(second).look()
    assert second.steps == 3 + 1 + 3, "currency, sale, card, one note; answer, journal, move"


class Gone(httpx2.AsyncBaseTransport):
    """Nobody there for some calls, then the application."""

    def __init__(self, real: httpx2.AsyncBaseTransport, answers: list[Any]) -> None:
        self.real, self.answers = real, answers

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        told = self.answers.pop(0) if self.answers else None
        if isinstance(told, Exception):
            raise told
        return told or await self.real.handle_async_request(request)


async def test_while_the_server_is_away_the_connector_waits_and_then_goes_on(bench, here, shop, client):
    card = await make_card(here, shop)
    bench.drop("day.csv", HEAD + f"sale;{card.number};10,00;A-1;;;;\n")
    away = [httpx2.ConnectError("down"), httpx2.ReadTimeout("slow"), httpx2.Response(502, text="<html>bad gateway"),
            httpx2.Response(503, json={"code": "overloaded"}, headers={"Retry-After": "7"}),
            httpx2.Response(302, headers={"Location": "/x"}),
            httpx2.Response(404, text="another server")]
    await bench.connector(transport=Gone(client._transport, away)).look()
    assert bench.answers("day")[0]["status"] == "ok" and bench.pauses == [1, 2, 4, 8, 16, 32]
    assert bench.said[-2:] == ["The server answers again.", "day.csv: 1 rows done, 0 refused."]


async def test_once_with_the_server_away_leaves_the_file_for_the_next_time(bench, here, shop, client, capsys):
    card = await make_card(here, shop)
    bench.drop("day.csv", HEAD + f"sale;{card.number};10,00;A-1;;;;\n")
    away = Gone(client._transport, [httpx2.ConnectError("down")] * 4)
    assert await drop_folder.once(bench.connector(transport=away, patience=3), 0, "en") == 3
    assert bench.lies()[""] == ["day.csv"] and "does not answer" in capsys.readouterr().err
    assert await drop_folder.once(bench.connector(), 0, "en") == 0 and await bench.count() == 1


async def test_a_key_that_ended_stops_nothing_for_good_a_new_one_goes_on(bench, here, shop):
    card = await make_card(here, shop)
    bench.drop("day.csv", HEAD + f"sale;{card.number};10,00;A-1;;;;\n")
    good, bench.key = bench.key, "tsk_" + "x" * 43

    def mend() -> None:
        bench.key = good

    bench.on_pause = mend
    await bench.connector().look()
    assert "refuses the API key" in bench.said[0] and bench.lies()["done"] == ["day.csv"]
    bench.key = "tsk_" + "x" * 43
    bench.drop("next.csv", HEAD + f"balance;{card.number};;;;;;\n")
    with pytest.raises(KeyRefused):
        await bench.connector(patience=0).look()


async def test_a_row_that_the_key_may_not_is_refused_and_holds_no_other_up(bench, here, shop):
    card = await make_card(here, shop)
    _, bench.key = await staff.create_key(here.db, here.ring, shop.who, "reader", frozenset({"cards:read"}), None, here.clock.now())
    bench.drop("day.csv", HEAD + f"sale;{card.number};10,00;A-1;;;;\nbalance;{card.number};;;;;;\n")
    await bench.connector().look()
    assert [(row["status"], row["code"]) for row in bench.answers("day")] == [("refused", "scope_missing"), ("ok", "")]


async def test_a_file_that_still_grows_is_left_until_it_rests(bench, here, shop, monkeypatch):
    seconds = [0.0]
    monkeypatch.setattr("app.commands.dropping.working.time.monotonic", lambda: seconds[0])
    card, connector = await make_card(here, shop), bench.connector(settle=2.0)
    bench.drop("day.csv", HEAD)
    for grown in (HEAD, HEAD + "balance;47", HEAD + f"balance;{card.number};;;;;;\n"):
        bench.drop("day.csv", grown)
        assert await connector.look() == 0
        seconds[0] += 1.5
    assert await connector.look() == 0
    seconds[0] += 0.6
    assert await connector.look() == 1 and bench.answers("day")[0]["status"] == "ok"


def test_a_key_goes_over_no_open_line_and_stands_in_no_argument(tmp_path, capsys):
    key = tmp_path / "key"
    key.write_text("tsk_abc\n")
    for url in ("http://cards.example.com", "ftp://cards.example.com", "cards.example.com"):
        with pytest.raises(SettingsError):
            drop_folder.checked_url(url)
    assert drop_folder.checked_url("http://127.0.0.1:8000/") == "http://127.0.0.1:8000" and drop_folder.read_key(key) == "tsk_abc"
    for text in ("", "two words", "ключ"):
        key.write_text(text)
        with pytest.raises(SettingsError):
            drop_folder.read_key(key)
    with pytest.raises(SettingsError):
        drop_folder.read_key(tmp_path / "none")


def test_done_files_are_deleted_after_their_days_and_answers_stay(bench, monkeypatch):
    disk = Disk(bench.folder)
    (bench.folder / "done" / "old.csv").write_text("x")
    disk.prune(60.0)
    assert (bench.folder / "done" / "old.csv").exists()
    disk.prune(-1.0)
    assert not (bench.folder / "done" / "old.csv").exists()


def test_patience_that_ends_is_told_from_waiting():
    assert issubclass(KeyRefused, Away) and Away("x", 10_000).seconds == 300
