import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from app import settings, start
from app.demo import business, history, plan
from tests.commands.conftest import Run


@pytest.fixture
def shop_with_a_past(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database with some days of sales in it."""
    monkeypatch.setattr(plan, "CARDS", 6)
    run("migrate")

    async def fill() -> None:
        async with start.opened(settings.load()) as here:
            now = here.clock.now()
            await history.live_through(here, await business.found_coffee(here, now - timedelta(days=31)), now)

    asyncio.run(fill())


@pytest.mark.usefixtures("shop_with_a_past")
def test_an_honest_ledger_fits(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify") == 0
    assert "Everything fits" in capsys.readouterr().out


@pytest.mark.goal("M1")
@pytest.mark.usefixtures("shop_with_a_past")
@pytest.mark.parametrize("change", [
    "UPDATE balances SET amount = amount + 1 WHERE account_id = (SELECT MAX(account_id) FROM balances)",
    "UPDATE lots SET remaining = remaining + 1 WHERE id = (SELECT MAX(id) FROM lots WHERE remaining > 0)",
    "UPDATE operations SET amount_minor = amount_minor + 100 WHERE id = (SELECT MAX(id) FROM operations)",
    "DELETE FROM chain WHERE seq = 3",
    "UPDATE entries SET amount = amount + 1 WHERE operation_id = (SELECT MIN(operation_id) FROM entries)",
])
def test_one_changed_value_or_missing_row_is_found(run: Run, data: Path, capsys: pytest.CaptureFixture[str], change: str) -> None:
    forged = sqlite3.connect(data / "tessera.db")
    for (trigger,) in forged.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        forged.execute(f"DROP TRIGGER {trigger}")
    forged.execute(change)
    forged.commit()
    forged.close()
    assert run("verify") == 1
    assert "findings" in capsys.readouterr().err
