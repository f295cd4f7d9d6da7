"""The folder: what lies in it, a journal of rows that are done, answers that are there whole or not at all."""
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.commands.dropping import rules

DONE, FAILED, WORK = "done", "failed", "work"


class Disk:
    """Every step is one that a kill may come before or after: rename, or append and flush to the disk itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (DONE, FAILED, WORK):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def drops(self) -> dict[str, tuple[int, int]]:
        """name → (size, time of the last write) of each file to take, in order of their names."""
        found = {}
        for entry in sorted(os.scandir(self.folder), key=lambda entry: entry.name):
            if rules.is_drop(entry.name) and entry.is_file(follow_symlinks=False):
                state = entry.stat()
                found[entry.name] = (state.st_size, state.st_mtime_ns)
        return found

    def read(self, name: str) -> bytes:
        with (self.folder / name).open("rb") as file:
            return file.read(rules.BYTES_MOST + 1)

    def was_done(self, name: str, again_within: float) -> bool:
        """Whether a file of this name is done, or was refused so long ago that the server no longer knows its rows."""
        if (self.folder / DONE / name).exists():
            return True
        failed = self.folder / FAILED / name
        return failed.exists() and time.time() - failed.stat().st_mtime > again_within

    def journal(self, name: str) -> Iterator[dict[str, Any]]:
        """What was noted of a file; a line that a kill tore is as if it had not been written."""
        path = self.folder / WORK / (name + ".journal")
        for line in path.read_bytes().split(b"\n") if path.exists() else ():
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict):
                yield told

    def note(self, name: str, told: dict[str, Any]) -> None:
        # The line before may be torn: a line end comes first.
        line = b"\n" + json.dumps(told, ensure_ascii=False).encode() + b"\n"
        with (self.folder / WORK / (name + ".journal")).open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def forget(self, name: str) -> None:
        (self.folder / WORK / (name + ".journal")).unlink(missing_ok=True)

    def put_answer(self, name: str, data: bytes) -> None:
        made = self.folder / WORK / (name + ".answer")
        with made.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        made.replace(self.folder / rules.answer_name(name))
        self._settle(self.folder)

    def move(self, name: str, to: str, *, replaces: bool = True) -> None:
        """replaces: a file of this name there goes; else this one gets a number. Gone already: another connector was faster."""
        target, number = self.folder / to / name, 2
        while not replaces and target.exists():
            target = self.folder / to / f"{name[:-len(rules.ENDING)]}.{number}{rules.ENDING}"
            number += 1
        try:
            (self.folder / name).replace(target)
        except FileNotFoundError:
            return
        self._settle(self.folder / to)
        self._settle(self.folder)

    def prune(self, keep_seconds: float) -> None:
        """Delete what was done so long ago: the files hold numbers of shoppers."""
        for entry in os.scandir(self.folder / DONE):
            if entry.is_file() and time.time() - entry.stat().st_mtime > keep_seconds:
                Path(entry.path).unlink(missing_ok=True)

    @staticmethod
    def _settle(folder: Path) -> None:
        """A rename that a power cut must not undo; systems that cannot open folders do it by themselves."""
        if os.name == "posix":
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
