"""What is true of a server's operators and of the limits that they set."""
from dataclasses import dataclass
from datetime import datetime

from app.errors import FieldError, Invalid
from app.staff.rules import Account
from app.text import N_

EMAIL, EMAIL_HASH, SESSION, LINK = "operators.email", "operators.email", "operators.session", "operators.link"
LINK_SECONDS = 86_400
IDLE_SECONDS, LIFE_SECONDS = 30 * 60, 8 * 3600
MOST = 10**12
STEP_KIND = "operator"
NOT_WHOLE = N_("Type a whole number, or leave the field empty.")


def account(operator_id: int) -> Account:
    """Whose second factor it is."""
    return Account("operator", operator_id, None)


@dataclass(frozen=True, slots=True)
class Business:
    """A business as the server's operator sees it: words of its own name, moments and counts. Limits: None for none."""

    id: int
    slug: str
    name: str
    created_at: datetime
    closed_at: datetime | None
    cards_now: int
    messages_now: int
    keys_now: int
    storage_now: int
    messages_day: int | None
    cards: int | None
    key_per_second: int | None
    storage_bytes: int | None


def limit_of(field: str, text: str, unit: int = 1) -> int | None:
    """What was typed, in units of `unit`; None for an empty field. Raises Invalid."""
    plain = "".join(text.split())
    if not plain:
        return None
    if not (plain.isascii() and plain.isdigit() and len(plain) < 12 and int(plain) * unit <= MOST):
        raise Invalid(fields=[FieldError(field, "integer", NOT_WHOLE)])
    return int(plain) * unit


def is_live(created_at: int, seen_at: int, expires_at: int, now_ms: int) -> bool:
    """Whether a session still stands. All moments in ms."""
    return now_ms < expires_at and now_ms - seen_at < IDLE_SECONDS * 1000 and created_at <= now_ms + 60_000
