"""Logging: one JSON object a line on standard error, so that any collector can read it."""
import asyncio
import contextlib
import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# Libraries that speak at every turn; what they have to say at INFO is in our own lines already.
QUIET = ("apscheduler", "databases", "uvicorn.error", "httpx2", "httpcore2", "hpack", "alembic", "asyncio")
WAIT_SECONDS, MOST_WAITING = 0.1, 200
# Besides what JSON escapes by itself: what some terminals obey and some collectors take for the end of a line.
_OBEYED = re.compile("[\x7f-\x9f\u2028\u2029]")


class JsonLines(logging.Formatter):
    """at, level, log, message, the `fields` that a record brings, and the trace of an exception.

    Line breaks inside stay escaped, so that nobody forges a line.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {"at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "level": record.levelname.lower(), "log": record.name, "message": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", _encoded(line))


def _encoded(line: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(line).decode()
    except (TypeError, UnicodeEncodeError):         # half a character, or an object that somebody logged
        return json.dumps(line, ensure_ascii=True, default=repr)


class Lines(logging.StreamHandler[TextIO]):
    """Writes many quiet lines at once: a write a request would be a twentieth of a sale. A warning takes all before it along."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._waiting: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._waiting.append(self.format(record))
            if record.levelno >= logging.WARNING or len(self._waiting) >= MOST_WAITING or not self._will_be_written():
                self.flush()
        except Exception:
            self.handleError(record)

    def _will_be_written(self) -> bool:
        """Whether a loop runs that writes the first waiting line, and all behind it, in a moment."""
        if len(self._waiting) > 1:
            return True
        try:
            asyncio.get_running_loop().call_later(WAIT_SECONDS, self.flush)
        except RuntimeError:
            return False
        return True

    def flush(self) -> None:
        with self.lock or contextlib.nullcontext():
            if self._waiting:
                lines, self._waiting = self._waiting, []
                self.stream.write("\n".join(lines) + "\n")
            super().flush()


def configure(level: str) -> None:
    """level: a key of LEVELS. Called once by a command that serves."""
    handler = Lines(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, LEVELS[level]))
