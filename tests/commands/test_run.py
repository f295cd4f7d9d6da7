"""The demo as a person starts it: a real process, told to stop as Ctrl+C or a host does."""
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

ENDS_WITH = "Ctrl+C stops it"


@dataclass
class Server:
    process: subprocess.Popen[str]
    data: Path
    said: str
    url: str

    def told(self) -> dict[str, Any]:
        return json.loads((self.data / "demo.json").read_text("utf-8"))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def environment(data: Path, port: int) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_") and name != "DATABASE_URL"}
    return {**plain, "TESSERA_DATA": str(data), "PORT": str(port)}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def started(data: Path) -> Iterator[Server]:
    """A demo that has greeted; it is ended here unless the test did."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "app", "run", "--demo"], env=environment(data, port), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        said = []
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if line.startswith(ENDS_WITH):
                break
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        yield Server(process, data, "".join(said), f"http://127.0.0.1:{port}")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@dataclass
class FirstStart:
    """What a first start left behind after its orderly end."""

    data: Path
    said: str
    url: str
    code: int
    told: dict[str, Any]


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    with started(tmp_path_factory.mktemp("demo") / "data") as server:
        told = server.told()
        return FirstStart(server.data, server.said, server.url, server.stop(), told)


@pytest.fixture(scope="module")
def demo(first_start: FirstStart) -> Iterator[Server]:
    """A second start on the same data."""
    with started(first_start.data) as server:
        yield server


def get(server: Server, path: str, **options: Any) -> httpx2.Response:
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        return client.get(path, **options)


def test_its_addresses_are_printed_and_each_answers(demo: Server) -> None:
    for path in ("/e/coffee", "/till", "/console", "/demo/phone", "/demo/android", "/demo/sms"):
        assert f"{demo.url}{path}" in demo.said
        with httpx2.Client(base_url=demo.url, timeout=30, follow_redirects=True) as client:
            assert client.get(path).status_code == 200


def test_demo_json_is_complete_and_its_owners_alone(demo: Server) -> None:
    assert get(demo, "/ready").status_code == 200
    told = demo.told()
    assert stat.S_IMODE((demo.data / "demo.json").stat().st_mode) == 0o600
    assert {"url", "business", "program", "enrol", "api_key", "console", "till", "sms", "phone", "apple", "other"} <= set(told)
    assert told["url"] == demo.url
    for door in ("console", "till"):
        assert set(told[door]) == {"url", "email", "password"}
    assert set(told["other"]) == {"business", "program", "api_key"}
    assert set(told["apple"]) == {"root", "wwdr", "certificate", "pass_type_identifier", "team_identifier"}
    for name in ("root", "wwdr", "certificate"):
        assert (demo.data / told["apple"][name]).read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert get(demo, told["sms"].removeprefix(demo.url)).json() == []


def test_googles_own_library_reaches_the_demos_google_by_what_demo_json_tells(demo: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2 import service_account

    # It would ask Google itself, in the background, where its account may be used from.
    monkeypatch.setattr(service_account.Credentials, "_maybe_start_regional_access_boundary_refresh", lambda *_: None)
    told = demo.told()["google"]
    assert set(told) == {"issuer_id", "service_account", "api", "token"}
    assert told["api"].startswith(demo.url) and told["token"].startswith(demo.url)
    credentials = service_account.Credentials.from_service_account_file(
        str(demo.data / told["service_account"]), scopes=["https://www.googleapis.com/auth/wallet_object.issuer"])
    with AuthorizedSession(credentials) as session:
        listed = session.get(f"{told['api']}/walletobjects/v1/loyaltyClass", params={"issuerId": told["issuer_id"]}, timeout=30)
        assert (listed.status_code, listed.json()["resources"]) == (200, [])
        assert session.get(f"{told['api']}/walletobjects/v1/loyaltyClass/{told['issuer_id']}.none", timeout=30).status_code == 404


def test_its_keys_open_each_their_own_business(demo: Server) -> None:
    """The first programme is the business's own; the coalition's, which both take part in, is the only one that both see."""
    told, seen = demo.told(), []
    for business in (told, told["other"]):
        headers = {"Authorization": f"Bearer {business['api_key']}"}
        programs = get(demo, "/api/v1/programs", headers=headers).json()["items"]
        assert programs[0]["id"] == business["program"]
        seen.append({program["id"] for program in programs})
    assert seen[0] & seen[1] == {one["program"] for one in told["programs"] if one["kind"] == "coalition"}


def test_secrets_lie_in_files_that_nobody_else_may_read(demo: Server) -> None:
    assert stat.S_IMODE(demo.data.stat().st_mode) == 0o700
    others = [path.name for path in demo.data.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert others == []


def test_a_second_server_on_the_same_file_is_refused_with_a_sentence(demo: Server) -> None:
    second = subprocess.run([sys.executable, "-m", "app", "run", "--demo"], env=environment(demo.data, free_port()), capture_output=True,
                            text=True, timeout=180, check=False)
    assert second.returncode == 1
    assert "already runs on this database" in second.stderr
    assert get(demo, "/ready").status_code == 200


def test_a_demos_database_is_refused_by_web(demo: Server, tmp_path: Path) -> None:
    import sqlite3

    (tmp_path / "secret.key").write_text((demo.data / "secret.key").read_text())
    with sqlite3.connect(demo.data / "tessera.db") as source, sqlite3.connect(tmp_path / "tessera.db") as copy:
        source.backup(copy)
    source.close()
    copy.close()
    refused = subprocess.run([sys.executable, "-m", "app", "web"], capture_output=True, text=True, timeout=180, check=False,
                             env={**environment(tmp_path, free_port()), "TESSERA_URL": "https://cards.example.com"})
    assert refused.returncode == 2
    assert "belongs to the demo" in refused.stderr


def test_commands_work_beside_the_running_demo(demo: Server, tmp_path: Path) -> None:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        port = int(demo.url.rpartition(":")[2])
        return subprocess.run([sys.executable, "-m", "app", *arguments], env=environment(demo.data, port), capture_output=True, text=True,
                              timeout=180, check=False)

    assert command("verify").returncode == 0
    assert command("doctor").returncode == 0
    assert command("backup", str(tmp_path / "copy.db")).returncode == 0
    headers = {"Authorization": f"Bearer {demo.told()['api_key']}"}
    with httpx2.Client(base_url=demo.url, headers=headers, timeout=30) as client:
        made = client.post("/api/v1/cards", json={"program": demo.told()["program"], "customer": {"phone": "+79165550001"},
                                                  "consent": {"terms": True}})
    assert made.status_code == 201
    out = tmp_path / "card.pkpass"
    issued = command("issue", "--program", demo.told()["program"], "--phone", "8 916 555-00-01", "--out", str(out))
    assert issued.returncode == 0, issued.stderr
    assert out.read_bytes().startswith(b"PK")
    assert command("issue", "--program", demo.told()["program"], "--phone", "12345", "--out", str(out)).returncode == 1
    assert command("owner", "boss@tea.example", "--business", "Tea").returncode == 0


@pytest.mark.goal("F12")
def test_it_stops_in_order_and_a_second_start_keeps_everything_on_another_port(first_start: FirstStart, demo: Server) -> None:
    assert first_start.code == 0
    assert "Filling in" in first_start.said
    assert "Filling in" not in demo.said
    told = demo.told()
    assert told["url"] == demo.url != first_start.url
    assert told["enrol"] == f"{demo.url}/e/coffee"
    assert told["google"]["api"] == f"{demo.url}/demo/google"
    for same in ("business", "program", "api_key", "apple", "other"):
        assert told[same] == first_start.told[same]
    assert told["console"]["password"] == first_start.told["console"]["password"]


def test_an_orderly_end_leaves_one_whole_file_and_no_socket(first_start: FirstStart, tmp_path: Path) -> None:
    shutil.copytree(first_start.data, tmp_path / "data", ignore=shutil.ignore_patterns("control.sock"))
    with started(tmp_path / "data") as server:
        assert (server.data / "control.sock").is_socket()
        assert server.stop() == 0
    assert sorted(path.name for path in server.data.glob("tessera.db*")) == ["tessera.db", "tessera.db.lock"]
    assert not (server.data / "control.sock").exists()


def test_a_first_start_that_was_broken_off_is_made_anew(first_start: FirstStart, tmp_path: Path) -> None:
    """demo.json is written last, so a folder without it is a half one."""
    shutil.copytree(first_start.data, tmp_path / "data", ignore=shutil.ignore_patterns("control.sock", "demo.json"))
    with started(tmp_path / "data") as anew:
        assert "Filling in" in anew.said
        assert anew.told()["api_key"] != first_start.told["api_key"]
        assert get(anew, "/ready").status_code == 200
