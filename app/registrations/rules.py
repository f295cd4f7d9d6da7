"""What devices may send, and what it means. Apple, "Adding a Web Service to Update Passes" and its endpoint pages."""
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# The identifier and the token are Apple's to shape; visible ASCII keeps them out of trouble in tables and logs.
IDENTIFIER = re.compile(r"[\x21-\x7e]{1,255}")
PUSH_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
TAG = re.compile(r"[0-9]{1,18}")
LOG_LINES, LOG_LINE_LENGTH = 50, 2_000
LOG_BYTES_A_DAY = 10_000_000
SERIAL_IN_LOG = re.compile(r"serial (?:number|#) '?([A-Za-z0-9-]{1,64})")


@dataclass(frozen=True, slots=True)
class Changed:
    """A pass that a device holds, and the newest number that concerns it there."""

    serial_number: str
    number: int


def pass_token(header: str) -> str:
    """The token of `Authorization: ApplePass <token>`, "" for anything else."""
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == "applepass" else ""


def is_identifier(text: str) -> bool:
    return IDENTIFIER.fullmatch(text) is not None


def is_push_token(token: str) -> bool:
    """Whether it can be pushed to: text that fits an address (Apple sends 64 hexadecimal digits, and promises no length)."""
    return PUSH_TOKEN.fullmatch(token) is not None


def seen_number(tag: str | None) -> int:
    """The number behind `passesUpdatedSince`; a tag we never gave means "nothing seen", for the phone then gets everything."""
    return int(tag) if tag and TAG.fullmatch(tag) else 0


def listing(changed: Iterable[Changed]) -> dict[str, object] | None:
    """The answer's body: serials, oldest change first, and the tag, a string (a number makes iOS drop the answer); None is 204."""
    rows = sorted(changed, key=lambda row: row.number)
    if not rows:
        return None
    return {"serialNumbers": [row.serial_number for row in rows], "lastUpdated": str(rows[-1].number)}


def log_lines(logs: Sequence[str]) -> list[str]:
    """The lines worth keeping of a device's report: without control characters, cut to a bearable length and number."""
    kept = ("".join(c if c.isprintable() else " " for c in line[:LOG_LINE_LENGTH]).strip() for line in logs[:LOG_LINES])
    return [line for line in kept if line]


def serial_in(line: str) -> str | None:
    """The serial number that a line speaks of, if any."""
    found = SERIAL_IN_LOG.search(line)
    return found[1] if found else None
