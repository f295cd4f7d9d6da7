import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.db import AlreadyRunning, ProcessLock
from app.errors import Refused

PROGRAM = """
import signal, sys
from app.db import ProcessLock
lock = ProcessLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
signal.pause()
"""


def holder(path: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    return process


def test_a_second_server_on_the_same_file_is_refused_and_told_by_whom(tmp_path: Path):
    path = tmp_path / "tessera.db.lock"
    process = holder(path)
    try:
        with pytest.raises(AlreadyRunning) as told:
            ProcessLock(path).acquire()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert isinstance(told.value, Refused)
    assert told.value.params == {"process": str(process.pid), "path": str(path)}
    assert str(process.pid) in told.value.detail % told.value.params


def test_the_lock_is_free_again_when_its_process_was_killed(tmp_path: Path):
    path = tmp_path / "tessera.db.lock"
    process = holder(path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    lock = ProcessLock(path)
    lock.acquire()
    assert path.read_text() == f"{os.getpid()}\n" and path.stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_released_lock_can_be_taken_again(tmp_path: Path):
    first, second = ProcessLock(tmp_path / "x.lock"), ProcessLock(tmp_path / "x.lock")
    first.acquire()
    with pytest.raises(AlreadyRunning):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()
