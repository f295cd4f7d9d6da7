"""Numbers and codes of cards, and what may happen to a card.

A card number is 16 digits: 3 of the programme (never beginning with 9), 12 random, a Luhn check digit; the barcode's is 9, 14
random, check digit. Digits survive every scanner and keyboard layout, and the check digit refuses a torn scan before any
look-up. 10^12 numbers a programme and 10^14 codes keep what is issued far below one in ten thousand.
"""
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from app import secrets
from app.cards.rotation_rules import CodeOutdated
from app.errors import Refused
from app.text import N_

LENGTH = 16
SPARSE = 10_000                 # at most one number in so many is live: whoever guesses meets the limits first
RESERVED_CODE, RESERVED_NUMBER = "9999", "0000"      # begin what is never issued: whoever tries one is guessing
LIVE = ("provisional", "active", "blocked")
TEXT_MOST = 64
_NOT_TYPED = str.maketrans("", "", " \t\r\n-\u00a0\u2009\u200e\u200f\u202f")
# A scanner presses keys; what they write is the layout's choice. static/js/wedge.js has the same two lines.
_RUSSIAN = "йцукенгшщзхъфывапролджэячсмитьбю.ёЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,Ё\"№;:?"
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,./`QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>?~@#$^&"
_KEYS = str.maketrans(_RUSSIAN, _LATIN)


class CardBlocked(Refused):
    code, detail = "card_blocked", N_("This card is blocked. A manager can unblock it in the console.")


class CardProvisional(Refused):
    code, detail = "card_provisional", N_("This card is not activated yet: its owner has to open the link in the message first.")


class CardEnded(Refused):
    code, detail = "card_ended", N_("This card is no longer in use.")


class CardNotBlocked(Refused):
    code, detail = "card_not_blocked", N_("This card is not blocked.")


@dataclass(frozen=True, slots=True)
class IssuedNumbers:
    """Random material of a new card, drawn before the transaction: an act may run again."""

    number: str
    code: str

    @staticmethod
    def draw(prefix: str) -> "IssuedNumbers":
        """prefix: the programme's three digits."""
        return IssuedNumbers(draw_number(prefix), draw_code())


@dataclass(frozen=True, slots=True)
class Card:
    """A card with the customer of its account (None: anonymous)."""

    id: int
    business_id: int
    program_id: int
    account_id: int
    customer_id: int | None
    number: str
    code: str
    status: str
    source: str
    location_id: int | None
    created_at: datetime
    activated_at: datetime | None
    provisional_until: datetime | None
    blocked_at: datetime | None
    replaced_by: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a till's text led to. problem: why nothing was found (torn, reserved, retired, outdated, unknown), or an empty string."""

    cards: tuple[Card, ...] = ()
    problem: str = ""


# What a cashier reads when a text led to no card.
PROBLEMS = {
    "torn": N_("This code did not arrive whole. Scan it once more, or type the 16 digits under it."),
    "retired": N_("This code was replaced by a new one. Ask the shopper to refresh the card in the wallet, or find it by phone."),
    "reserved": N_("There is no such card. Type the number again."),
    "outdated": CodeOutdated.detail,
    "unknown": N_("No card here answers to that. Check the digits, or make a new card for the phone number."),
}


_TWICE = {str(digit): sum(divmod(2 * digit, 10)) for digit in range(10)}


def luhn_digit(digits: str) -> str:
    """The check digit that makes `digits` + it pass (ISO/IEC 7812-1, annex B)."""
    # Every second digit counts twice, from the last one on; a sum of two digits counts as both of them.
    return str(-(sum([_TWICE[digit] for digit in digits[::-2]]) + sum([int(digit) for digit in digits[-2::-2]])) % 10)


def passes_luhn(digits: str) -> bool:
    return luhn_digit(digits[:-1]) == digits[-1]


def draw_code() -> str:
    """A barcode's digits; never in the reserved range."""
    while True:
        body = "9" + secrets.new_digits(LENGTH - 2)
        if not body.startswith(RESERVED_CODE):
            return body + luhn_digit(body)


def draw_number(prefix: str) -> str:
    """A card number of the programme with this prefix; never in the reserved range."""
    assert len(prefix) == 3 and prefix.isdigit() and prefix[0] != "9"
    while True:
        body = prefix + secrets.new_digits(LENGTH - 4)
        if not body[3:].startswith(RESERVED_NUMBER):
            return body + luhn_digit(body)


def one_in(cards: int) -> int:
    """A number of a programme with so many cards that passes the check digit is somebody's once in so many tries."""
    drawable = 10 ** (LENGTH - 4) - 10 ** (LENGTH - 4 - len(RESERVED_NUMBER))
    return drawable // max(cards, 1)


def is_reserved(digits: str) -> bool:
    return digits.startswith(RESERVED_CODE) if digits[0] == "9" else digits[3:].startswith(RESERVED_NUMBER)


def tidy(text: str) -> str:
    """What a till sent, as it is compared: NFKC (full-width digits become plain), without spaces and hyphens."""
    return unicodedata.normalize("NFKC", text[:4 * TEXT_MOST]).translate(_NOT_TYPED)[:TEXT_MOST]


def latin(text: str) -> str:
    """What a scanner pressed under a Russian layout, as it is under a Latin one; a text without Cyrillic letters stays."""
    is_russian = any("\u0400" <= sign <= "\u04ff" for sign in text)
    return text.translate(_KEYS) if is_russian else text


def clean_code(text: str) -> tuple[str, str]:
    """(code, what is wrong): 16 digits of ours that arrived whole, or 24 of a code that changes, and ""; else "" and "torn" or "other".

    Pages ask the same before they take a scan (static/js/wedge.js; tests/cards/typed_codes.json holds both to it). "other" may be a phone,
    an old card's number or a coupon's address.
    """
    code = tidy(latin(text))
    if not (code.isascii() and code.isdigit() and 12 < len(code) < 25):
        return "", "other"
    return (code, "") if len(code) in (LENGTH, LENGTH + 8) and passes_luhn(code[:LENGTH]) else ("", "torn")


def could_be_ours(text: str) -> bool:
    """Whether a tidy text has the length of our numbers and codes, so that its check digit decides."""
    return len(text) == LENGTH and text.isascii() and text.isdigit()


def in_fours(digits: str) -> str:
    return " ".join(digits[at:at + 4] for at in range(0, len(digits), 4))


def check_can_change(card: Card, *, allow: tuple[str, ...]) -> None:
    """Raises the refusal that fits the card's status unless it is one of `allow`."""
    if card.status in allow:
        return
    if card.status == "blocked":
        raise CardBlocked()
    if card.status == "provisional":
        raise CardProvisional()
    raise CardEnded()
