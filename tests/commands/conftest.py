"""Commands are tried as a person types them: `run("backup", FILE)` on a data folder and an environment of the test's own."""
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app import logs
from app.__main__ import main

Run = Callable[..., int]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TESSERA_DATA of a real server on SQLite; nothing lies there yet."""
    for name in [name for name in os.environ if name.startswith("TESSERA_") or name in ("PORT", "DATABASE_URL")]:
        monkeypatch.delenv(name)
    # The test runner's own logging must outlive a command that would set it for a process of its own.
    monkeypatch.setattr(logs, "configure", lambda level: None)
    folder = tmp_path / "data"
    monkeypatch.setenv("TESSERA_DATA", str(folder))
    monkeypatch.setenv("TESSERA_URL", "https://cards.example.com")
    monkeypatch.setenv("TESSERA_APNS", "https://127.0.0.1:9")     # nobody: no test asks Apple
    return folder


@pytest.fixture
def run(data: Path) -> Run:
    """A command's exit code."""
    return lambda *arguments: main([str(argument) for argument in arguments])
