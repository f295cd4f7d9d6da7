"""What is true of staff: what a password must be, how long sessions live, what scopes there are."""
import ipaddress
import re
import unicodedata
from dataclasses import dataclass

from app.errors import FieldError, Invalid
from app.text import N_
from app.web.principal import BESIDE, ROLES, SCOPES

PASSWORD_LEAST, PASSWORD_MOST = 10, 200
KEY_PREFIX = "tsk_"
SIGN_IN_TRIES, SIGN_IN_WINDOW_SECONDS = 10, 15 * 60         # per account; an address gets four times as many
LINK_SECONDS = 3 * 86400
# A till stays signed in for a shift, a console for a working day; both end when nobody uses them.
IDLE_SECONDS = {"till": 12 * 3600, "console": 4 * 3600}
LIFE_SECONDS = {"till": 18 * 3600, "console": 24 * 3600}
# What the columns of addresses are sealed and hashed for.
EMAIL, EMAIL_HASH = "staff.email", "staff.email"
# How a session was opened: a password alone, a password with a code of an app or of a list, a passkey, a PIN on a paired device, a link.
FACTORS = ("password", "totp", "recovery", "passkey", "pin", "link")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff; `email` opened, `disabled` when they may no longer sign in, seen_at in epoch ms."""

    id: int
    business_id: int
    location_id: int | None
    name: str
    email: str
    role: str
    has_password: bool
    disabled: bool
    seen_at: int | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as it may be shown: never the key itself, only its last four characters. Moments in epoch ms."""

    id: int
    name: str
    hint: str
    scopes: frozenset[str]
    location_id: int | None
    created_at: int
    used_at: int | None
    revoked_at: int | None


def fold_email(text: str) -> str:
    """An address as it is compared: NFKC, no spaces around, lower case. Raises Invalid (field `email`)."""
    email = unicodedata.normalize("NFKC", text).strip().casefold()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise Invalid(fields=[FieldError("email", "email", N_("Type an e-mail address such as anna@example.com."))])
    return email


def check_password(password: str, email: str) -> None:
    """Raises Invalid (field `password`) for one that is easy to guess: too short, one character repeated, the address itself."""
    if len(password) < PASSWORD_LEAST:
        raise _weak("too_short", N_("Use at least 10 characters; three or four words are easy to remember."))
    if len(password) > PASSWORD_MOST:
        raise _weak("too_long", N_("Use at most 200 characters."))
    if len(set(password)) < 4 or password.casefold() == email or password.casefold() == email.partition("@")[0]:
        raise _weak("too_plain", N_("This password is too easy to guess. Three or four words make a good one."))


def _weak(code: str, sentence: str) -> Invalid:
    return Invalid(fields=[FieldError("password", code, sentence)])


def check_name(name: str) -> str:
    """A name stripped; raises Invalid (field `name`) unless it has 1 to 100 printable characters."""
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= 100 or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise Invalid(fields=[FieldError("name", "name", N_("Type a name of 1 to 100 characters."))])
    return name


def check_role(role: str) -> str:
    if role not in (*ROLES, *BESIDE):
        raise Invalid(fields=[FieldError("role", "role", N_("Choose one of the roles that are listed."))])
    return role


def programs_in(text: str) -> frozenset[int] | None:
    """The programmes of the column staff.program_ids; None: all."""
    return frozenset(int(each) for each in text.split()) or None


def check_scopes(scopes: frozenset[str]) -> frozenset[str]:
    if not scopes or scopes - set(SCOPES):
        raise Invalid(fields=[FieldError("scopes", "scopes", N_("Choose at least one of the scopes that are listed."))])
    return scopes


def is_live(created_at: int, seen_at: int, expires_at: int, now_ms: int, kind: str) -> bool:
    """Whether a session still stands: inside its whole life and not idle for too long. All moments in ms."""
    return now_ms < expires_at and now_ms - seen_at < IDLE_SECONDS[kind] * 1000 and created_at <= now_ms + 60_000


def is_at_till(role: str) -> bool:
    """Agents and cashiers have no business in the console."""
    return role in ("agent", "cashier")


def network_of(address: str) -> str:
    """What one subscriber holds: an IPv4 address itself, of IPv6 the first 64 bits, since all behind them are theirs."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def shortened(address: str) -> str:
    """An address as a list of sessions shows it: enough to tell home from elsewhere, too little to name a household."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 4:
        return address.rpartition(".")[0] + ".x"
    return str(ipaddress.ip_network((parsed, 48), strict=False).network_address)
