import sqlite3
import stat
from pathlib import Path

import pytest

from app import start
from app.db import ProcessLock
from app.schema import migrate
from tests.commands.conftest import Run


def test_a_new_folder_gets_its_tables_and_its_key(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("migrate") == 0
    assert f"from revision none to {migrate.newest_revision()}" in capsys.readouterr().out
    assert stat.S_IMODE((data / start.KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert run("verify") == 0


def test_a_second_migration_finds_nothing_to_do(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    assert run("migrate") == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_an_older_program_refuses_a_newer_database(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    with sqlite3.connect(data / "tessera.db") as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    for command in ("migrate", "web"):
        assert run(command) == 2
        assert "newer than the program" in capsys.readouterr().err


def test_a_missing_key_stops_every_command_before_anything_is_written(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    (data / start.KEY_FILE).unlink()
    before = (data / "tessera.db").read_bytes()
    for command in ("migrate", "web", "verify"):
        assert run(command) == 2
        assert "cannot be read without it" in capsys.readouterr().err
    assert not (data / start.KEY_FILE).exists()
    assert (data / "tessera.db").read_bytes() == before


def test_a_key_of_another_database_stops_the_start(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    from app import secrets

    run("migrate")
    monkeypatch.setenv("TESSERA_SECRET_KEY", secrets.new_key())
    assert run("verify") == 2
    assert "does not fit this database" in capsys.readouterr().err


def test_a_second_server_on_the_same_file_is_refused_with_a_sentence(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    lock = ProcessLock(str(data / "tessera.db") + ".lock")
    lock.acquire()
    try:
        assert run("web") == 1
        assert "already runs on this database" in capsys.readouterr().err
    finally:
        lock.release()


@pytest.mark.parametrize(("name", "value", "words"), [
    ("TESSERA_URL", "", "TESSERA_URL is missing"),
    ("PORT", "eight thousand", "PORT is “eight thousand”"),
    ("TESSERA_WORKERS", "2", "needs PostgreSQL"),
    ("TESSERA_SKY", "blue", "TESSERA_SKY is not a setting"),
])
def test_a_wrong_setting_stops_the_server_with_its_sentence(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                                            name: str, value: str, words: str) -> None:
    monkeypatch.setenv(name, value)
    assert run("web") == 2
    assert words in capsys.readouterr().err


def test_a_real_database_is_not_touched_by_the_demo(run: Run, data: Path, capsys: pytest.CaptureFixture[str],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    run("migrate")
    monkeypatch.delenv("TESSERA_URL")
    monkeypatch.setenv("PORT", "0")
    before = (data / "tessera.db").read_bytes()
    monkeypatch.setenv("PORT", "18999")
    assert run("run", "--demo") == 2
    assert "is not a demo's" in capsys.readouterr().err
    assert (data / "tessera.db").read_bytes() == before
