"""`web` and `worker` as a host starts them: on PostgreSQL several of each, on SQLite one."""
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app import secrets
from tests import engines
from tests.commands.conftest import Run
from tests.commands.test_run import environment, free_port


def on_postgresql(tmp_path: Path, port: int) -> dict[str, str]:
    return {**environment(tmp_path / "data", port), "TESSERA_URL": "https://cards.example.com", "DATABASE_URL": engines.new_postgres_url(),
            "TESSERA_SECRET_KEY": secrets.new_key()}


@contextmanager
def running(command: str, environ: dict[str, str], *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that has said its first line; yields it and the line."""
    # Inherited, so that what a failing process says stands in the test's report.
    process = subprocess.Popen([sys.executable, "-m", "app", command, *arguments], env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def run_command(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "app", *arguments], env=environ, capture_output=True, text=True, timeout=180, check=False)


def stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(60)


def children_of(process: subprocess.Popen[str]) -> list[int]:
    return [int(number) for number in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def is_ready(port: int) -> bool:
    with httpx2.Client(timeout=20) as client:
        return client.get(f"http://127.0.0.1:{port}/ready").status_code == 200


def test_postgresql_is_migrated_by_release_and_served_by_any_number_of_processes(tmp_path: Path) -> None:
    port = free_port()
    environ = on_postgresql(tmp_path, port)
    refused = run_command(environ, "web")
    assert refused.returncode == 2
    assert "python -m app migrate" in refused.stderr
    assert run_command(environ, "migrate").returncode == 0
    assert run_command(environ, "owner", "anna@example.com", "--business", "Tea").returncode == 0
    with running("web", environ, "--workers", "2") as (web, said), running("worker", environ) as (worker, _):
        assert "Tessera answers at https://cards.example.com" in said
        assert web.stdout is not None
        assert "Tessera answers" in web.stdout.readline()       # the second process's own greeting
        assert len(children_of(web)) == 2
        assert all(is_ready(port) for _ in range(4))
        assert run_command(environ, "verify").returncode == 0
        assert stop(worker) == 0
        assert stop(web) == 0


@pytest.mark.goal("F12")
def test_web_processes_end_when_whoever_supervises_them_is_killed(tmp_path: Path) -> None:
    environ = on_postgresql(tmp_path, free_port())
    assert run_command(environ, "migrate").returncode == 0
    with running("web", environ, "--workers", "2") as (web, _):
        web.kill()
        assert web.stdout is not None
        web.stdout.read()       # ends once no process holds the other end


@pytest.mark.goal("F12")
def test_a_web_process_that_dies_is_replaced(tmp_path: Path) -> None:
    port = free_port()
    environ = on_postgresql(tmp_path, port)
    run_command(environ, "migrate")
    with running("web", environ, "--workers", "2") as (web, _):
        assert web.stdout is not None
        web.stdout.readline()
        first, second = children_of(web)
        os.kill(first, signal.SIGKILL)
        assert "Tessera answers" in web.stdout.readline()       # the one that took its place
        assert is_ready(port)
        assert second in children_of(web)
        assert first not in children_of(web)
        assert stop(web) == 0


def test_a_supervisor_that_is_killed_leaves_nobody_on_the_port(tmp_path: Path) -> None:
    environ = on_postgresql(tmp_path, free_port())
    run_command(environ, "migrate")
    with running("web", environ, "--workers", "2") as (web, _):
        web.kill()
        assert web.stdout is not None
        web.stdout.read()               # ends when the last process has closed it


def test_a_process_that_cannot_start_ends_its_supervisor(tmp_path: Path) -> None:
    environ = on_postgresql(tmp_path, free_port())
    refused = run_command(environ, "web", "--workers", "2")
    assert refused.returncode == 1
    assert "python -m app migrate" in refused.stderr


def test_a_port_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environ = {**environment(tmp_path / "data", taken.getsockname()[1]), "TESSERA_URL": "https://cards.example.com"}
        refused = run_command(environ, "web")
    assert refused.returncode == 2
    assert "PORT chooses another" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_on_sqlite_a_worker_says_so_and_waits_quietly(tmp_path: Path) -> None:
    environ = {**environment(tmp_path / "data", free_port()), "TESSERA_URL": "https://cards.example.com"}
    with running("worker", environ) as (worker, said):
        assert "this worker waits quietly" in said
        assert worker.poll() is None
        assert stop(worker) == 0
    assert not (tmp_path / "data" / "tessera.db").exists()


def test_on_sqlite_two_web_processes_are_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("web", "--workers", "2") == 2
    assert "needs PostgreSQL" in capsys.readouterr().err
