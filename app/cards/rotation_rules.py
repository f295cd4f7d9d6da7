"""Codes that change with the time: RFC 6238's TOTP over SHA-1, as Google's rotating barcode counts it, digits only.

What a wallet shows is the card's own 16 digits and 8 more, which hold for one period. A still code names a card; the 8 digits say that
whoever shows it has the card at hand now, and no photograph of it.
"""
import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.clock import to_ms
from app.errors import FieldError, Invalid, Refused
from app.text import N_

KEY_BYTES, DIGITS = 20, 8
SHORTEST, LONGEST = 30, 60           # of a period, in seconds; 0: a programme's codes stand still
PRESENTED_FOR = timedelta(minutes=5)
# A fresh code of a card fits once in 33 million tries.
TRIES, TRIES_WINDOW = 10, timedelta(minutes=10)


class CodeOutdated(Refused):
    """The last eight digits of a live code are not those of now."""

    code = "code_outdated"
    detail = N_("This code is not live any more: it is a picture, or the phone's clock is wrong. Ask the shopper to open the card and "
                "show the live code.")


class LiveCodeNeeded(Refused):
    """With rotating codes, a code that stands still earns; to spend, the shopper shows that the card is at hand."""

    code = "live_code_needed"
    detail = N_("This code stands still, so it only collects. To spend, scan the live code, or let the shopper confirm on the card's "
                "page or with a code by SMS.")


@dataclass(frozen=True, slots=True)
class Live:
    """A code as a page or a wallet shows it. text: 24 digits; seconds_left: whole seconds, at least 1, until the next one."""

    text: str
    seconds_left: int


def counter_of(now: datetime, period_seconds: int) -> int:
    """floor(unix time in ms / period), as Google's reference says."""
    return to_ms(now) // (period_seconds * 1000)


def digits_of(key: bytes, counter: int) -> str:
    """Eight digits of RFC 4226's truncation."""
    digest = hmac.digest(key, counter.to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 15
    return str(int.from_bytes(digest[at:at + 4], "big") & 0x7FFFFFFF)[-DIGITS:].zfill(DIGITS)


def code_at(key: bytes, now: datetime, period_seconds: int) -> str:
    """The eight digits that hold at `now`."""
    return digits_of(key, counter_of(now, period_seconds))


def verify(key: bytes, text: str, now: datetime, period_seconds: int) -> bool:
    """Whether `text` is the code of now, of the period before or of the one after; in a time that tells nothing."""
    here, fits = counter_of(now, period_seconds), False
    for counter in (here - 1, here, here + 1):
        fits |= hmac.compare_digest(digits_of(key, max(counter, 0)).encode(), text.encode())
    return fits


def live(key: bytes, code: str, now: datetime, period_seconds: int) -> Live:
    """A card's code (16 digits) as it is shown at `now`."""
    period = period_seconds * 1000
    return Live(code + code_at(key, now, period_seconds), max(1, -(-(period - to_ms(now) % period) // 1000)))


def parted(tidy: str) -> tuple[str, str] | None:
    """(the card's code, the eight digits) of a till's tidy text; None where it has not the shape of a live code."""
    if len(tidy) != 16 + DIGITS or not (tidy.isascii() and tidy.isdigit()) or tidy[0] != "9":
        return None
    return tidy[:16], tidy[16:]


def is_fresh(presented_at: int | None, now: datetime) -> bool:
    """presented_at: when the card was last seen live, epoch ms; None: never."""
    return presented_at is not None and to_ms(now) - presented_at <= PRESENTED_FOR // timedelta(milliseconds=1)


def check_period(seconds: int) -> None:
    """Raises Invalid (field rotation_seconds) for a period that wallets do not take."""
    if type(seconds) is not int or not (seconds == 0 or SHORTEST <= seconds <= LONGEST):
        raise Invalid(fields=[FieldError("rotation_seconds", "out_of_range", N_("A code changes every 30 to 60 seconds, or not at all."))])


def asks(rotation_seconds: int, static_redeems: bool, asker_kind: str) -> bool:
    """Whether spending needs a live code: at tills and through keys; who acts on the card's own page has shown it by that."""
    return rotation_seconds > 0 and not static_redeems and asker_kind in _TILLS


_TILLS: Collection[str] = ("staff", "api_key")
