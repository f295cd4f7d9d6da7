"""What makes two requests the same one."""
import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.errors import Invalid, Malformed, Refused
from app.text import N_

KEPT = timedelta(days=30)
LONGEST = 255


class KeyRequired(Malformed):
    """An act that moves points came without a key."""

    code = "idempotency_key_required"
    detail = N_("Send an Idempotency-Key header, a new one for each purchase, so that a repeat does nothing twice.")


class KeyMalformed(Malformed):
    """The header is no key."""

    code, detail = "idempotency_key_malformed", N_("Idempotency-Key takes 1 to 255 visible ASCII characters.")


class KeyReused(Invalid):
    """The key belongs to another request."""

    code, detail = "idempotency_key_reused", N_("This Idempotency-Key was used for a different request. Take a new key for a new request.")


class KeyInUse(Refused):
    """A twin of the request is still being worked on; safe to repeat."""

    code, detail = "idempotency_key_in_use", N_("The same request is still being worked on. Repeat it in a moment.")


@dataclass(frozen=True, slots=True)
class Key:
    """A caller's key and the SHA-256 of what it asked for with it.

    before: what was answered the first time; `claim` puts it here, so that the edge can tell a repeat whichever act it called.
    """

    text: str
    fingerprint: bytes
    before: list[dict[str, Any]] = field(default_factory=list, compare=False, repr=False)


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """32 bytes of method, path (without host, with query) and the SHA-256 of the body's bytes."""
    return hashlib.sha256(b"%s\n%s\n%s" % (method.encode(), path.encode(), hashlib.sha256(body).digest())).digest()


def parse_key(header: str | None, method: str, path: str, body: bytes, *, required: bool = False) -> Key | None:
    """The key of a request, or None where it has none and needs none.

    Raises KeyRequired, and KeyMalformed unless it is 1 to 255 visible ASCII characters.
    """
    if header is None:
        if required:
            raise KeyRequired()
        return None
    if not 1 <= len(header) <= LONGEST or not all("!" <= letter <= "~" for letter in header):
        raise KeyMalformed()
    return Key(header, fingerprint(method, path, body))
