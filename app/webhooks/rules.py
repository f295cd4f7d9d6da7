"""What may be told, to which addresses, how it is signed, and when it is tried again."""
import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from app.errors import FieldError, Invalid
from app.text import N_

KINDS = ("card.created", "card.activated", "card.blocked", "card.replaced", "pass.installed", "pass.removed", "operation.created",
         "tier.changed", "consent.changed", "enrolment.expired")
PING = "ping"
WAITING, DELIVERED, FAILED = STATES = ("waiting", "delivered", "failed")
BY_HAND, FAILING, GONE = "by_hand", "failing", "gone"      # why an address is paused
HEADER = "Tessera-Signature"
SECRET_PREFIX = "whsec_"        # noqa: S105  (what secrets begin with)
URL_MOST, NOTE_MOST, WEBHOOKS_MOST = 500, 100, 10
ANSWER_BYTES, ANSWER_SHOWN = 4096, 1000
GIVE_UP_AFTER = timedelta(days=3)
OLD_SECRET_SIGNS = timedelta(days=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
# The first in line is tried so often before what stands behind it may pass; so many refusals in a row slow the whole line.
HEAD_TRIES, PATIENCE = 5, 3
# An address that failed for so long, and so often, is paused: nobody reads there.
PAUSE_AFTER, PAUSE_FAILURES = timedelta(days=3), 10
# Statuses that speak of the place and not of what was told.
AWAY = frozenset({408, 425, 429, 502, 503, 504})
GONE_STATUS = 410

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Nothing of ours is told to these, whatever name leads there. `is_global` knows most; listed once more, so that no release of a library
# decides alone what a server may reach.
_CLOSED = tuple(ipaddress.ip_network(text) for text in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    # In IPv6 what is not of 2000::/3 is no address of the internet (mapped and translated IPv4 too); within it, tunnels that lead
    # to an IPv4 address, and documentation.
    "::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# What a resolver of old reads as a number: 2130706433, 0x7f.1, 0177.0.0.1, 127.1.
_NUMBERS = re.compile(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+))*")
_LOCAL_ENDS = (".localhost", ".local", ".internal", ".home.arpa")

WRONG_URL = N_("Type a full address such as https://crm.example.com/tessera.")
NO_HTTPS = N_("The address must begin with https://.")
NO_USER = N_("Leave the user and password out of the address: what we send is signed with a secret instead.")
NOT_PUBLIC = N_("This address lies inside a private network. Only addresses of the internet can be told.")
LONG_URL = N_("The address is too long.")
NO_KIND = N_("Choose at least one event.")
UNKNOWN_KIND = N_("There is no such event.")
LONG_NOTE = N_("That is too long.")


@dataclass(frozen=True, slots=True)
class Place:
    """An address taken apart. host: a name in ASCII, or an IP address without brackets; target: path and query, in ASCII."""

    is_tls: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


class Waits(NamedTuple):
    """What a failed try makes wait, and how long; zero: not at all."""

    webhook: timedelta
    delivery: timedelta


def parse_place(url: str, inside: Sequence[Network] = ()) -> Place:
    """Takes an address apart. inside: private networks that may be told too, by plain http as well. Raises Invalid (field url)."""
    if len(url) > URL_MOST:
        raise _wrong(LONG_URL)
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in ' \\"<>^`{|}'):
        raise _wrong(WRONG_URL)
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").removesuffix(".")
    except ValueError as exc:
        raise _wrong(WRONG_URL) from exc
    if parts.scheme != "https" and not (inside and parts.scheme == "http"):
        raise _wrong(NO_HTTPS)
    if parts.username is not None or parts.password is not None:
        raise _wrong(NO_USER)
    if port == 0:
        raise _wrong(WRONG_URL)
    _check_host(host, inside)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme == "https", host, port or (443 if parts.scheme == "https" else 80), target)


def _check_host(host: str, inside: Sequence[Network]) -> None:
    address = address_of(host)
    if address is not None:
        if not is_open(address, True, inside):
            raise _wrong(NOT_PUBLIC)
    elif _NUMBERS.fullmatch(host) or not _NAME.fullmatch(host):
        raise _wrong(WRONG_URL)
    elif not inside and ("." not in host or host.endswith(_LOCAL_ENDS)):
        raise _wrong(NOT_PUBLIC)


def address_of(text: str) -> Address | None:
    """The IP address that a text spells in the one usual way; None for everything else, a zone (%eth0) included."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether it is a host's address in the internet, and no other way to spell one that is not."""
    return address.is_global and not address.is_multicast and not any(address in network for network in _CLOSED)


def is_open(address: Address, is_tls: bool, inside: Sequence[Network]) -> bool:
    """Whether this address may be connected to: one of the internet by TLS, one of `inside` in any way."""
    return (is_tls and is_public(address)) or any(address in network for network in inside)


def check_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    """In the order of KINDS, each once. Raises Invalid (field kinds)."""
    if not kinds:
        raise Invalid(fields=[FieldError("kinds", "required", NO_KIND)])
    if not set(kinds) <= set(KINDS):
        raise Invalid(fields=[FieldError("kinds", "unknown", UNKNOWN_KIND)])
    return tuple(kind for kind in KINDS if kind in kinds)


def check_note(note: str) -> str:
    note = " ".join(note.split())
    if len(note) > NOTE_MOST:
        raise Invalid(fields=[FieldError("note", "too_long", LONG_NOTE)])
    return note


def _wrong(sentence: str) -> Invalid:
    return Invalid(fields=[FieldError("url", "url", sentence)])


def signature(secrets: Sequence[str], at: int, body: bytes) -> str:
    """The header's value: a v1 for each secret that signs now, the newest first; at: unix seconds."""
    signed = f"{at}.".encode() + body
    return ",".join([f"t={at}", *(f"v1={hmac.digest(secret.encode(), signed, 'sha256').hex()}" for secret in secrets)])


def is_taken(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def is_away(status: int | None) -> bool:
    """Whether a failed try speaks of the place: what stands behind in the line would fare no better."""
    return status is None or status in AWAY


def pause_after(failures: int) -> timedelta:
    """After so many failures in a row (from 1): 5 s, 10 s, … an hour."""
    return min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LONGEST_PAUSE)


def waits_after(status: int | None, failures: int, tries: int, jitter: float, retry_after: int | None = None) -> Waits:
    """What waits after a failed try. failures: of the address, in a row, this one included; tries: of this delivery; 0 <= jitter < 1.

    While the place is away, its first in line stays first, so that the order is kept; a delivery that is refused for itself steps
    aside, and so does one that found nobody five times, since it may be what brings the receiver down.
    retry_after: seconds that the receiver asked for, believed up to an hour.
    """
    def spread(pause: timedelta) -> timedelta:
        return pause * (0.75 + jitter / 2)

    line = spread(pause_after(failures)) if is_away(status) or failures >= PATIENCE else timedelta()
    if retry_after is not None and is_away(status):
        line = max(line, min(timedelta(seconds=retry_after), LONGEST_PAUSE))
    own = timedelta() if is_away(status) and tries % HEAD_TRIES else spread(pause_after(tries))
    return Waits(line, own)


def should_pause(status: int | None, failures: int, failing_for: timedelta) -> str:
    """Why the address is paused after this failure; "" where it is not."""
    if status == GONE_STATUS:
        return GONE
    return FAILING if failures >= PAUSE_FAILURES and failing_for >= PAUSE_AFTER else ""


def shown(answer: bytes) -> str:
    """The beginning of what a receiver said, as text that can be kept and shown."""
    text = answer.decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)[:ANSWER_SHOWN]
