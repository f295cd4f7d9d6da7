"""What the ways from poster to phone share."""
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from app.demo.certificates import DemoCertificates, make_demo_certificates
from tests.flows import phones


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return make_demo_certificates(tmp_path_factory.mktemp("flow"), pass_type_identifier=phones.TOPIC, team_identifier=phones.TEAM,
                                  now=phones.NOW - timedelta(days=1))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The demo as `make run` starts it, on a folder and a port of its own; its demo.json."""
    data = tmp_path_factory.mktemp("demo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    surroundings = {**os.environ, "TESSERA_DATA": str(data), "PORT": str(port), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, "-m", "app", "run", "--demo"], cwd=Path(__file__).parents[2], env=surroundings, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        assert any("SMS inbox" in line for line in running.stdout)      # the last of the addresses: it answers now
        yield json.loads((data / "demo.json").read_text())
        running.terminate()


# Closed with each module: its loop would stand in the way of tests that have one of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield opened
        opened.close()
