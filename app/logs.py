"""Logging: one JSON object a line on standard error, so that any collector can read it."""
import json
import logging
import re
import sys
from datetime import UTC, datetime

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# Libraries that speak at every turn; what they have to say at INFO is in our own lines already.
QUIET = ("apscheduler", "databases", "uvicorn.error", "httpx2", "httpcore2", "hpack", "alembic", "asyncio")
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
        return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(line, ensure_ascii=False))


def configure(level: str) -> None:
    """level: a key of LEVELS. Called once by a command that serves."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, LEVELS[level]))
