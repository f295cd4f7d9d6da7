"""What pass makers of others make of our pass: they know Apple's rules from their own users' troubles. `make interop` runs this."""
import json
import os
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.demo.certificates import make_demo_certificates
from bench import passes

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each reader understood of one pass."""
    folder = tmp_path_factory.mktemp("interop")
    make_demo_certificates(folder, pass_type_identifier=passes.PASS_TYPE, team_identifier=passes.TEAM, now=datetime.now(UTC))
    (folder / "card.pkpass").write_bytes(passes.Maker(folder)())
    with zipfile.ZipFile(folder / "card.pkpass") as archive:
        archive.extractall(folder / "files")
    done = subprocess.run(["node", str(Path(__file__).with_name("readers.cjs")), str(folder / "files"), str(folder)], capture_output=True,
                          text=True, check=True, env={**os.environ, "NODE_PATH": os.environ["TESSERA_NODE_MODULES"]}, timeout=120)
    return {**json.loads(done.stdout), "pass": json.loads((folder / "files" / "pass.json").read_text("utf-8"))}


def test_passkit_generator_takes_every_key_of_our_pass(readings: dict[str, Any]) -> None:
    told, ours = readings["passkit-generator"], readings["pass"]
    assert "refused" not in told, told
    assert told["warnings"] == []
    assert told["type"] == "storeCard"
    assert told["primary"] == len(ours["storeCard"]["primaryFields"])
    assert {"en", "ru"} <= set(told["languages"])
    assert {name: told["props"].get(name) for name in ours if name != "storeCard"} == {
        name: value for name, value in ours.items() if name != "storeCard"}


def test_pass_js_finds_our_pass_valid(readings: dict[str, Any]) -> None:
    told, ours = readings["pass-js"], readings["pass"]
    assert "refused" not in told, told
    assert told["serial"] == ours["serialNumber"]
    assert told["barcodes"] == ours["barcodes"]
