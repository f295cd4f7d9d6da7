"""Codes of an authenticator app: time-based one-time passwords (RFC 6238: HMAC-SHA-1, six digits, half minutes; all apps know these)."""
import base64
import hmac
from datetime import datetime
from urllib.parse import quote, urlencode

KEY_BYTES = 20              # RFC 4226, R6: the length that is recommended
STEP_SECONDS, DIGITS = 30, 6
DRIFT_STEPS = 1             # a clock that is half a minute off, and a code that was typed slowly


def step_of(now: datetime) -> int:
    """Which half minute since 1970 it is."""
    return int(now.timestamp()) // STEP_SECONDS


def code_at(key: bytes, step: int) -> str:
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset:offset + 4], 'big') & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}d}"


def matching_step(key: bytes, typed: str, now: datetime, last_step: int) -> int | None:
    """The half minute whose code was typed, later than `last_step`, whose code was used already; None where it is none of them."""
    found = None
    for step in range(step_of(now) - DRIFT_STEPS, step_of(now) + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(key, step).encode(), typed.encode()) and step > last_step:
            found = step
    return found


def address(key: bytes, issuer: str, account: str) -> str:
    """What the QR code says to an app (Google Authenticator, "Key Uri Format"). issuer: who asks for codes; account: whose they are."""
    label = quote(f"{issuer}:{account}", safe="@")
    return f"otpauth://totp/{label}?" + urlencode({"secret": _base32(key), "issuer": issuer}, quote_via=quote)


def typed_key(key: bytes) -> str:
    """The key for those who type it, in groups of four."""
    text = _base32(key)
    return " ".join(text[at:at + 4] for at in range(0, len(text), 4))


def _base32(key: bytes) -> str:
    return base64.b32encode(key).decode().rstrip("=")
