"""A backup is whole, says which key it needs, and a restore leaves no device, message or tag behind the truth."""
import asyncio
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from app import secrets, settings, start
from app.cards import service as cards
from app.cards.rules import IssuedNumbers
from app.commands import restore
from app.commands.backup import postgresql_program
from app.console import founding
from app.context import Context
from app.customers import service as customers
from app.db import ProcessLock, Transaction, write_transaction
from app.errors import SettingsError
from app.ledger import service as ledger
from app.programs import service as programs
from app.updates import service as updates
from app.web.principal import system
from tests.commands.conftest import Run


async def shop_with_a_card(here: Context) -> tuple[int, int]:
    """(business, card): on one phone, with a message that waits."""
    now = here.clock.now()

    async def act(tx: Transaction) -> tuple[int, int]:
        shop = await founding.found(tx, founding.Wish("tea", "Tea", "RU", "RUB", "Europe/Moscow", "ru"), now)
        program = await programs.get_program(tx, shop.business_id, shop.program_id)
        customer_id = await customers.create(tx, here.ring, shop.business_id, e164="+79001234567", language="ru", now=now)
        account_id = await ledger.open_account(tx, shop.business_id, shop.program_id, customer_id, now)
        card = await cards.issue(tx, here.ring, system(shop.business_id), program_id=shop.program_id, account_id=account_id,
                                 status="active", source="command", numbers=IssuedNumbers.draw(program.number_prefix), now=now)
        await ledger.welcome(tx, system(shop.business_id), program, card, now)
        values = {"business": shop.business_id, "card": card.id, "blob": b"x"}
        kind = await tx.fetch_val("INSERT INTO pass_types(short_id, pass_type_identifier, team_identifier, created_at) "
                                  "VALUES ('abc', 'pass.x', 'T', 0) RETURNING id")
        held = await tx.fetch_val(
            "INSERT INTO passes(business_id, card_id, pass_type_id, serial_number, authentication_token_sealed, created_at) "
            "VALUES (:business, :card, :kind, 's', :blob, 0) RETURNING id", {**values, "kind": kind})
        await tx.execute("INSERT INTO registrations(business_id, pass_id, pass_type_id, device_library_identifier, push_token, created_at, "
                         "renewed_at) VALUES (:business, :held, :kind, 'd', 'p', 0, 0)",
                         {"business": shop.business_id, "held": held, "kind": kind})
        await tx.execute("INSERT INTO messages(business_id, card_id, purpose, phone_sealed, phone_server_hash, text_sealed, language, "
                         "segments, state, due_at, created_at) "
                         "VALUES (:business, :card, 'activation', :blob, :blob, :blob, 'ru', 1, 'queued', 0, 0)", values)
        return shop.business_id, card.id

    return await write_transaction(here.db, act)


def inside(work: Callable[[Context], object]) -> object:
    """`work` on the test's data folder, as a program by itself."""
    async def act() -> object:
        async with start.opened(settings.load()) as here:
            return await work(here)  # type: ignore[misc]

    return asyncio.run(act())


async def sell_more(here: Context) -> int:
    """Updates that the backup does not know of; returns the newest tag handed out."""
    async def act(tx: Transaction) -> None:
        for _ in range(5):
            await updates.append(tx, 1, 1, here.clock.now())

    await write_transaction(here.db, act)
    return await updates.newest(here.db)


def test_a_backup_is_its_owners_alone_and_names_its_key(run: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    copy = tmp_path / "copy.db"
    assert run("backup", copy) == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    said = capsys.readouterr().out
    assert start.key_ring(settings.load()).check_value[:8] in said
    assert str(data / start.KEY_FILE) in said
    assert (data / start.KEY_FILE).read_text().strip() not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "data"]


def test_a_backup_never_takes_anothers_place(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    copy = tmp_path / "copy.db"
    copy.write_text("last good one")
    assert run("backup", copy) == 2
    assert copy.read_text() == "last good one"


@pytest.mark.goal("F14")
def test_a_backup_made_while_sales_go_on_is_whole(run: Run, tmp_path: Path) -> None:
    from app.commands.backup import copy_sqlite

    run("migrate")
    copy = tmp_path / "copy.db"

    async def work(here: Context) -> int:
        await shop_with_a_card(here)
        copying = asyncio.create_task(asyncio.to_thread(copy_sqlite, here.settings.database_file, copy))
        newest = 0
        while not copying.done():
            newest = await sell_more(here)
        await copying
        return newest

    newest = inside(work)
    copied = sqlite3.connect(copy)
    assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert 0 < copied.execute("SELECT MAX(number) FROM updates").fetchone()[0] <= newest  # type: ignore[operator]
    copied.close()


@pytest.mark.goal("F14")
def test_after_a_restore_every_device_is_told_and_nothing_is_sent_twice(run: Run, data: Path, tmp_path: Path,
                                                                        capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    _, card_id = inside(shop_with_a_card)  # type: ignore[misc]
    copy = tmp_path / "copy.db"
    run("backup", copy)
    handed_out = inside(sell_more)
    assert run("restore", copy) == 0
    assert "1 registered cards will be told again; 1 messages that waited were cancelled" in capsys.readouterr().out

    async def look(here: Context) -> list[int]:
        [message] = await here.db.fetch_all("SELECT state, phone_sealed, text_sealed FROM messages")
        assert tuple(message) == ("cancelled", None, None)
        rows = await updates.since(here.db, handed_out, 100)  # type: ignore[arg-type]
        assert {row.card_id for row in rows} == {card_id}
        return [row.number for row in rows]

    [first] = inside(look)  # type: ignore[misc]
    assert first > handed_out + 2**31  # type: ignore[operator]
    # The same backup once more: the tags of the life in between are passed as well.
    assert run("restore", copy) == 0
    [second] = inside(look)  # type: ignore[misc]
    assert second > first
    assert run("verify") == 0
    assert len(list(data.glob("tessera.db.before-*"))) >= 1


def test_a_damaged_database_is_no_hindrance(run: Run, data: Path, tmp_path: Path) -> None:
    run("migrate")
    copy = tmp_path / "copy.db"
    run("backup", copy)
    (data / "tessera.db").write_bytes(b"SQLite format 3\x00" + b"x" * 5000)
    assert run("restore", copy) == 0
    assert run("verify") == 0
    [kept] = data.glob("tessera.db.before-*Z")
    assert kept.read_bytes().endswith(b"xxx")


def test_a_restore_beside_a_running_server_is_refused(run: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    copy = tmp_path / "copy.db"
    run("backup", copy)
    lock = ProcessLock(str(data / "tessera.db") + ".lock")
    lock.acquire()
    try:
        assert run("restore", copy) == 1
        assert "already runs" in capsys.readouterr().err
    finally:
        lock.release()


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda copy: copy.write_bytes(b"not a database"), "is not a backup"),
    (lambda copy: copy.write_bytes(b"SQLite format 3\x00" + b"x" * 5000), "cannot be read"),
    (lambda copy: copy.unlink(), "is not there"),
])
def test_what_is_no_backup_of_ours_touches_nothing(run: Run, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                   spoil: Callable[[Path], object], words: str) -> None:
    run("migrate")
    copy = tmp_path / "copy.db"
    run("backup", copy)
    before = (data / "tessera.db").read_bytes()
    spoil(copy)
    assert run("restore", copy) == 2
    assert words in capsys.readouterr().err
    assert (data / "tessera.db").read_bytes() == before
    assert list(data.glob("tessera.db.*before*")) == []


def test_a_backup_of_another_key_is_refused_before_anything_is_touched(run: Run, data: Path, tmp_path: Path,
                                                                      capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    copy = tmp_path / "copy.db"
    run("backup", copy)
    before = (data / "tessera.db").read_bytes()
    (data / start.KEY_FILE).write_text(secrets.new_key() + "\n")
    assert run("restore", copy) == 2
    assert "does not fit this database" in capsys.readouterr().err
    assert (data / "tessera.db").read_bytes() == before


def test_on_a_new_machine_the_key_is_asked_for_first(run: Run, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    copy, key = tmp_path / "copy.db", (data / start.KEY_FILE).read_text()
    run("backup", copy)
    monkeypatch.setenv("TESSERA_DATA", str(tmp_path / "new"))
    assert run("restore", copy) == 2
    assert "The key is missing" in capsys.readouterr().err
    assert not (tmp_path / "new" / start.KEY_FILE).exists()
    (tmp_path / "new" / start.KEY_FILE).write_text(key)
    assert run("restore", copy) == 0
    assert run("verify") == 0


async def test_on_postgresql_too_a_restore_tells_devices_and_cancels_messages(here: Context) -> None:
    _, card_id = await shop_with_a_card(here)
    assert await restore.set_right(here, 50) == (1, 1)
    await updates.number_pending(here.db)
    newest = await updates.newest(here.db)
    assert newest > 50 + 2**32
    assert {row.card_id for row in await updates.since(here.db, 2**32, 10)} == {card_id}


def fake_program(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for one of PostgreSQL's programs that notes how it was called; returns the note."""
    note = folder / f"{name}.note"
    program = folder / name
    program.write_text(f'#!/bin/sh\necho "$@" > {note}\necho "$PGPASSWORD" >> {note}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return note


def test_a_database_password_never_stands_in_the_process_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = fake_program(tmp_path, "pg_dump", monkeypatch)
    postgresql_program("pg_dump", "postgresql://shop:s3cr%40t@db.internal:5433/tessera?sslmode=require", "--format=custom")
    called, password = note.read_text().splitlines()
    assert called == "--format=custom --dbname=postgresql://shop@db.internal:5433/tessera?sslmode=require"
    assert password == "s3cr@t"


def test_without_postgresqls_programs_the_way_to_them_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="postgresql-client"):
        postgresql_program("pg_dump", "postgresql://h/d")
