"""Whoever was forgotten is not in the file any more, and stays forgotten when an older backup is restored (goal N4)."""
import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.cards import service as cards
from app.commands.backup import copy_sqlite
from app.context import Context
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.privacy import erasing, erasure_list, wiping
from app.web.principal import system
from tests.commands.conftest import Run
from tests.commands.test_backup import inside, shop_with_a_card

PHONE, NAME = "+79001234567", "Акакий Башмачкин"
FOLDED = "акакий башмачкин".encode()


async def name_them(here: Context) -> None:
    async def act(tx: Transaction) -> None:
        await cards.rename_customer(tx, here.ring, system(1), 1, NAME, here.clock.now())

    await write_transaction(here.db, act)


async def forget(here: Context) -> None:
    await erasing.erase(here.db, here.ring, system(1), 1, here.clock.now())
    await wiping.follow(here)


async def people(here: Context) -> list[bool]:
    """For each customer, whether they are erased; and nobody has the number."""
    assert await customers.find_by_phone(here.db, here.ring, 1, PHONE) is None
    return [row["erased_at"] is not None for row in await here.db.fetch_all("SELECT erased_at FROM customers ORDER BY id")]


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.goal("N4")
def test_an_erased_name_is_in_no_file_of_the_data_folder(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    inside(shop_with_a_card)
    inside(name_them)
    assert FOLDED in everything_in(data), "the name was never there, so that nothing is shown"
    inside(forget)
    found = everything_in(data)
    for trace in (FOLDED, NAME.encode(), PHONE.encode(), b"9001234567"):
        assert trace not in found
    said = capsys.readouterr()
    assert NAME not in said.out + said.err and PHONE not in said.out + said.err


@pytest.mark.goal("N4")
def test_the_log_is_emptied_while_the_server_runs(run: Run, data: Path) -> None:
    run("migrate")
    inside(shop_with_a_card)

    async def act(here: Context) -> bytes:
        await name_them(here)
        before = everything_in(data)
        await forget(here)
        return before if FOLDED in before else b""

    async def whole(here: Context) -> None:
        assert await act(here), "the name was never in a file, so that nothing is shown"
        assert FOLDED not in everything_in(data)

    inside(whole)


@pytest.mark.goal("N4")
def test_a_restored_backup_forgets_again(run: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    inside(shop_with_a_card)
    inside(name_them)
    copy = tmp_path / "copy.db"
    assert run("backup", copy) == 0
    inside(forget)
    assert stat.S_IMODE((data / erasure_list.FILE).stat().st_mode) == 0o600
    listed = (data / erasure_list.FILE).read_text()
    assert "9001234567" not in listed and NAME not in listed
    assert run("restore", copy) == 0
    assert "1 people" in capsys.readouterr().out
    assert inside(people) == [True]


@pytest.mark.goal("N4")
@pytest.mark.parametrize("lost", ["list", "database"])
def test_either_the_list_or_the_replaced_database_is_enough(run: Run, data: Path, tmp_path: Path, lost: str) -> None:
    run("migrate")
    inside(shop_with_a_card)
    copy = tmp_path / "copy.db"
    copy_sqlite(data / "tessera.db", copy)
    inside(forget)
    (data / (erasure_list.FILE if lost == "list" else "tessera.db")).unlink()
    assert run("restore", copy) == 0
    assert inside(people) == [True]
    assert len(erasure_list.read(data)) == 1


def test_whoever_joined_again_after_the_erasure_stays(run: Run, data: Path, tmp_path: Path) -> None:
    run("migrate")
    inside(shop_with_a_card)
    inside(forget)

    async def join(here: Context) -> int:
        return await write_transaction(here.db, lambda tx: customers.create(
            tx, here.ring, 1, e164=PHONE, language="ru", now=datetime(2030, 1, 1, tzinfo=UTC)))

    inside(join)
    copy = tmp_path / "copy.db"
    assert run("backup", copy) == 0
    assert run("restore", copy) == 0
    with sqlite3.connect(data / "tessera.db") as now:
        assert now.execute("SELECT COUNT(*) FROM customers WHERE erased_at IS NULL").fetchone() == (1,)
    now.close()


def test_a_line_that_broke_off_does_not_spoil_the_list(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / erasure_list.FILE).write_text('{"business_id": 1}\n{"busin')
    assert erasure_list.read(tmp_path) == [{"business_id": 1}]
    assert "broke off" in caplog.text
