"""A gateway as TESSERA_SMS names it: `kind://user:password@host/path?option=value`, taken apart; pure."""
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from app.sms.wording import is_sender

LOOPBACK = ("127.0.0.1", "::1", "localhost")
WEBHOOK = "webhook+"


@dataclass(frozen=True, slots=True)
class Address:
    """base: where requests go, without a slash at its end; options: the query's, percent-decoded (a + stays a +)."""

    kind: str
    base: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    options: Mapping[str, str] = field(repr=False)


def parse_address(text: str, host: str) -> Address:
    """Takes a setting apart that app/settings.py has checked. host: the gateway's own, where the address names none.

    The user may be a mail address with its @ as it stands: the host begins after the last one.
    """
    parts = urlsplit(text)
    options = dict(parsed_options(parts.query))
    userinfo, _, place = parts.netloc.rpartition("@")
    user, _, password = userinfo.partition(":")
    base = options.pop("api", "").rstrip("/") or f"https://{place or host}"
    return Address(parts.scheme, base, unquote(user), unquote(password), options)


def parsed_options(query: str) -> list[tuple[str, str]]:
    """(name, value) of a query, in order. Nobody writes %2B for the + of a telephone number."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in pairs]


def is_allowed(url: str) -> bool:
    """https, or a test's fake on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def sender_of(wanted: str, usual: str) -> str:
    """The name that a message is from: `wanted` where carriers take it as one, else `usual`."""
    return wanted if is_sender(wanted) else usual


def digits_of(e164: str) -> str:
    """The number as gateways write it that want no +."""
    return e164.removeprefix("+")
