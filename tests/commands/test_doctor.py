import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import secrets, settings, start
from app.cards import rules
from app.commands import doctor
from app.db import library, write_transaction
from app.demo.certificates import make_demo_certificates
from app.secrets import KeyRing
from app.updates import service as updates
from tests.commands.conftest import Run


def test_a_fresh_key_is_printed_and_nothing_else(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor", "--new-key") == 0
    KeyRing([capsys.readouterr().out.strip()])
    assert not data.exists()


def test_a_healthy_server_without_apple_or_sms_is_told_what_is_missing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    capsys.readouterr()
    assert run("doctor") == 0
    said = capsys.readouterr().out
    assert "fail" not in said
    assert "There is no Apple certificate" in said
    assert "No SMS leaves this server" in said
    assert "The name cards.example.com leads nowhere" in said


def test_wrong_settings_are_told_one_by_one(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    monkeypatch.setenv("TESSERA_URL", "http://cards.example.com")
    monkeypatch.setenv("TESSERA_LOG", "loud")
    assert run("doctor") == 1
    said = capsys.readouterr().out
    assert "fail  TESSERA_URL must begin with https://" in said
    assert "fail  TESSERA_LOG" in said


def test_without_a_database_the_way_to_one_is_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor") == 1
    assert "python -m app migrate" in capsys.readouterr().out


def test_another_databases_key_is_found(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    monkeypatch.setenv("TESSERA_SECRET_KEY", secrets.new_key())
    assert run("doctor") == 1
    assert "does not fit this database" in capsys.readouterr().out


def test_a_key_that_others_may_read_is_found(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    (data / start.KEY_FILE).chmod(0o644)
    data.chmod(0o755)
    assert run("doctor") == 1
    said = capsys.readouterr().out
    assert f"chmod 600 {data / start.KEY_FILE}" in said
    assert f"chmod 700 {data}" in said


@pytest.mark.goal("F15")
@pytest.mark.parametrize(("age_days", "names", "code", "words"), [
    (0, {}, 0, "ok    The pass certificate is valid until"),
    (330, {}, 0, "warn  The pass certificate is valid until"),
    (400, {}, 1, "fail  The pass certificate expired on"),
    (0, {"subject_uid": "com.example.app"}, 1, "fail  This is not a Pass Type ID certificate"),
])
def test_the_pass_certificate_is_judged(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                        age_days: int, names: dict[str, str], code: int, words: str) -> None:
    files = make_demo_certificates(tmp_path / "certs", pass_type_identifier="pass.example.x", team_identifier="TEAM123456",
                                   now=datetime.now(UTC) - timedelta(days=age_days), **names)
    for name, file in (("CERTIFICATE", files.certificate), ("KEY", files.key), ("WWDR", files.wwdr)):
        monkeypatch.setenv(f"TESSERA_APPLE_{name}", str(file))
    run("migrate")
    capsys.readouterr()
    assert run("doctor") == code
    assert words in capsys.readouterr().out


def test_a_wwdr_of_another_generation_is_found(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (make_demo_certificates(tmp_path / name, pass_type_identifier="pass.example.x", team_identifier="TEAM123456",
                                         now=datetime.now(UTC)) for name in ("one", "other"))
    for name, file in (("CERTIFICATE", one.certificate), ("KEY", one.key), ("WWDR", other.wwdr)):
        monkeypatch.setenv(f"TESSERA_APPLE_{name}", str(file))
    run("migrate")
    assert run("doctor") == 1
    assert "did not issue the pass certificate" in capsys.readouterr().out


def test_a_clock_that_fell_behind_is_found(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")

    async def tomorrow() -> None:
        async with start.opened(settings.load()) as here:
            later = here.clock.now() + timedelta(days=1)
            await write_transaction(here.db, lambda tx: updates.append(tx, 1, 1, later))

    asyncio.run(tomorrow())
    assert run("doctor") == 1
    assert "The clock is behind" in capsys.readouterr().out


def test_how_dense_card_numbers_are_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run("migrate")
    run("doctor")
    assert "at most one in 999,900,000,000 is live" in capsys.readouterr().out
    monkeypatch.setattr(rules, "SPARSE", 10**12)
    run("doctor")
    assert "Begin a new programme for new cards" in capsys.readouterr().out


def test_an_old_sqlite_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.sqlite_version().level == "ok"
    monkeypatch.setattr(library, "is_safe", lambda: False)
    assert doctor.sqlite_version().level == "warn"


@pytest.mark.parametrize(("header", "told"), [(None, "none"), ("203.0.113.7", "unconfigured")])
async def test_a_server_says_whether_forwarded_headers_reach_it_unbelieved(client, header: str | None, told: str) -> None:  # type: ignore[no-untyped-def]
    answer = await client.get("/health", headers={"X-Forwarded-For": header} if header else {})
    assert answer.json()["forwarded"] == told
