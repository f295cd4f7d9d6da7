"""What is true of staff: what a password must be, how long sessions live, what scopes there are."""
import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from app.errors import FieldError, Invalid
from app.text import N_
from app.web.principal import BESIDE, ROLES, SCOPES, Principal

PASSWORD_LEAST, PASSWORD_MOST = 10, 200
SIGN_IN_TRIES, SIGN_IN_WINDOW_SECONDS = 10, 15 * 60         # per account; an address gets four times as many
LINK_SECONDS, RESET_SECONDS = 3 * 86400, 3600
RESETS_AN_HOUR, RESETS_AN_HOUR_FROM = 3, 20         # of an account; from one network
# A till stays signed in for a shift, a console for a working day; both end when nobody uses them.
IDLE_SECONDS = {"till": 12 * 3600, "console": 4 * 3600}
LIFE_SECONDS = {"till": 18 * 3600, "console": 24 * 3600}
# A shared tablet asks for the PIN again sooner; a business may choose other minutes (till_rules).
DEVICE_IDLE_MINUTES = 5
# What the columns of addresses are sealed and hashed for.
EMAIL, EMAIL_HASH = "staff.email", "staff.email"
# How a session was opened: a password alone, a password with a code of an app or of a list, a passkey, a PIN on a paired device, a link.
FACTORS = ("password", "totp", "recovery", "passkey", "pin", "link")
# Codes of an app, of which three are right at any moment: a day's guesses find one with a chance of one in seven thousand.
CODE_TRIES, CODE_WINDOW_SECONDS, CODE_TRIES_A_DAY = 10, 15 * 60, 50
STEP_MINUTES = 10           # between the password and the second factor
NEW_APP_MINUTES = 30
CONFIRMED_SECONDS = 10 * 60
RECOVERY_CODES = 10
RECOVERY_ALPHABET, RECOVERY_LENGTH = "23456789abcdefghjkmnpqrstuvwxyz", 10       # 49 bits; no 0 o 1 l i
PASSKEYS_MOST = 20
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff; `email` opened, `disabled` when they may no longer sign in, seen_at in epoch ms; program_ids: None for all."""

    id: int
    business_id: int
    location_id: int | None
    name: str
    email: str
    role: str
    has_password: bool
    disabled: bool
    seen_at: int | None
    program_ids: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Whoever signs in with factors of their own. kind: staff or operator; id: of that kind's row; business_id: of staff."""

    kind: str
    id: int
    business_id: int | None


@dataclass(frozen=True, slots=True)
class Passkey:
    """As its owner's page shows it; moments in epoch ms."""

    id: int
    name: str
    created_at: int
    used_at: int | None


@dataclass(frozen=True, slots=True)
class Factors:
    """What an account has beside its password. has_app: an authenticator app; codes_left: recovery codes that still work."""

    has_app: bool
    codes_left: int
    passkeys: tuple[Passkey, ...]

    @property
    def has_any(self) -> bool:
        return self.has_app or bool(self.passkeys)


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its owner sees it in the list. agent: a browser's short name; address: shortened; moments in epoch ms."""

    id: int
    kind: str
    agent: str
    address: str
    factor: str
    created_at: int
    seen_at: int
    is_this: bool


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


def program_text(program_ids: frozenset[int] | None) -> str:
    """The column staff.program_ids."""
    return " ".join(str(each) for each in sorted(program_ids or ()))


def may_hand_out(who: Principal, role: str, location_id: int | None, program_ids: frozenset[int] | None) -> bool:
    """Whether `who` may make somebody this, or change somebody who is it."""
    if who.may("owner"):
        return True
    within = (who.kept_location_id in (None, location_id)
              and (who.program_ids is None or (program_ids is not None and program_ids <= who.program_ids)))
    return who.may("manager") and role in ("agent", "cashier") and within


def kept(role: str, location_id: int | None, program_ids: str) -> dict[str, Any]:
    """What a Principal of this role is kept to, by its fields. An owner is kept to nothing: their location only says where they act."""
    if role == "owner":
        return {}
    return {"kept_location_id": location_id, "program_ids": programs_in(program_ids)}


def check_scopes(scopes: frozenset[str]) -> frozenset[str]:
    if not scopes or scopes - set(SCOPES):
        raise Invalid(fields=[FieldError("scopes", "scopes", N_("Choose at least one of the scopes that are listed."))])
    return scopes


def is_live(created_at: int, seen_at: int, expires_at: int, now_ms: int, kind: str) -> bool:
    """Whether a session still stands: inside its whole life and not idle for too long. All moments in ms."""
    return now_ms < expires_at and now_ms - seen_at < IDLE_SECONDS[kind] * 1000 and created_at <= now_ms + 60_000


def is_locked(device_id: int | None, locked_at: int | None, seen_at: int, idle_minutes: int | None, now_ms: int) -> bool:
    """Whether the session of a paired till waits for the next PIN: somebody locked it, or it lay idle. idle_minutes: None: not chosen."""
    idle = idle_minutes_of(device_id, idle_minutes)
    return locked_at is not None or (idle is not None and now_ms - seen_at >= idle * 60_000)


def idle_minutes_of(device_id: int | None, chosen: int | None) -> int | None:
    """After how many minutes a session locks; None where it stands on no paired till. chosen: by the business, None: nothing yet."""
    return None if device_id is None else DEVICE_IDLE_MINUTES if chosen is None else chosen


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


def needs_more(role: str, has_any: bool, is_required: bool) -> bool:
    """Whether a right password alone does not open a session: there is a second factor, or the business wants one."""
    return has_any or (is_required and not is_at_till(role))


def folded_code(typed: str) -> str:
    """A code as it was meant: capitals, spaces and hyphens do not count."""
    return "".join(typed.casefold().split()).replace("-", "")[:40]


def shown_code(code: str) -> str:
    """A recovery code as it is read: in two halves."""
    return f"{code[:len(code) // 2]}-{code[len(code) // 2:]}"
