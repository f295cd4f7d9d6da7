"""What is true of shoppers: how names are kept and found, which texts they agree to."""
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime

from app.errors import FieldError, Invalid
from app.text import N_

NAME_MOST = 100
PURPOSES = ("terms", "marketing")
PURPOSE_NAMES = {"terms": {"en": "The card", "ru": "Карта"}, "marketing": {"en": "Gifts and news", "ru": "Подарки и новинки"}}
ELSEWHERE = "elsewhere"       # in place of a language: a wording that somebody else showed and keeps
# Version 1 of what a shopper agrees to, for a business that has not written its own. Never changed: a new wording is a new version.
DEFAULT_TEXTS = {
    ("terms", "en"): "Keep my number and my visits, to run the card",
    ("terms", "ru"): "Храните мой номер и мои визиты, чтобы карта работала",
    ("marketing", "en"): "Text me about gifts and news",
    ("marketing", "ru"): "Пишите мне о подарках и новинках",
}
_INVISIBLE = {"Cc", "Cs", "Co", "Cn"}
# Marks that turn the direction of everything behind them: a name must not rearrange the sentence around it.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Customer:
    """A shopper as pages and answers show one; `name` and `phone_masked` are None where there is none."""

    id: int
    business_id: int
    name: str | None
    phone_masked: str | None
    language: str
    birthday_on: date | None
    has_email: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ConsentText:
    """A wording that somebody agreed to or not; id 0: the default, not kept for this business yet."""

    id: int
    purpose: str
    language: str
    version: int
    text: str


@dataclass(frozen=True, slots=True)
class Consent:
    """The newest answer of a shopper to one purpose, with the very words that were read."""

    purpose: str
    granted: bool
    text: str
    channel: str
    at: datetime


def clean_name(text: str | None) -> str | None:
    """A name as it is kept: NFC, one space between words; None for an empty one. Raises Invalid (field `name`)."""
    if text is None or not text.strip():
        return None
    if len(text) > 4 * NAME_MOST:
        raise _wrong("too_long", N_("A name has at most 100 characters. What do people call you?"))
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if any(unicodedata.category(letter) in _INVISIBLE for letter in name) or _TURNING.search(name):
        raise _wrong("unprintable", N_("This name has signs in it that cannot be shown. Type it with letters."))
    if len(name) > NAME_MOST:
        raise _wrong("too_long", N_("A name has at most 100 characters. What do people call you?"))
    if _marks_in_a_row(name) > 3:
        raise _wrong("unprintable", N_("This name has signs in it that cannot be shown. Type it with letters."))
    return name


def _wrong(code: str, sentence: str) -> Invalid:
    return Invalid(fields=[FieldError("name", code, sentence)])


def _marks_in_a_row(text: str) -> int:
    """The longest run of combining marks: a thousand of them on one letter paint over the page."""
    longest = run = 0
    for letter in text:
        run = run + 1 if unicodedata.combining(letter) else 0
        longest = max(longest, run)
    return longest


def fold(text: str) -> str:
    """A name as it is searched: NFKC and casefold, made here because SQLite's LIKE knows no Cyrillic; ё is found as е."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").split())


def parse_birthday(text: str | None, today: date) -> date | None:
    """YYYY-MM-DD. Raises Invalid (field `birthday`) for another spelling, the future, and more than 130 years ago."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or len(text) != 10 or day > today or day.year < today.year - 130:
        raise Invalid(fields=[FieldError("birthday", "date", N_("Write the birthday as 1990-12-31."))])
    return day


def text_sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
