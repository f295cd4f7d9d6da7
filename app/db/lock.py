"""One process writes: a lock on a file of its own beside the SQLite database.

Not on the database file itself: SQLite's own locks live there, and closing any descriptor of it would drop them
(sqlite.org, "How To Corrupt An SQLite Database File", 2.2).
"""
import fcntl
import os

from app.errors import Refused


class AlreadyRunning(Refused):
    """Another process holds the database."""

    code = "already_running"


class ProcessLock:
    """Held from `acquire()` until `release()` or the process's death, however it dies."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """path: the lock's own file, `<database>.lock` by custom."""
        self.path = os.fspath(path)
        self._file: int | None = None

    def acquire(self) -> None:
        """Raises AlreadyRunning with a sentence that names the process and what to do."""
        # Never deleted: whoever opened the old file would hold a lock on nothing.
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise AlreadyRunning(
                "Process %(process)s already runs on this database (%(path)s). Stop it first, or use another TESSERA_DATA.",
                params={"process": holder, "path": self.path}) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
