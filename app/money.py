"""Amounts: integers in the currency's minor unit; every division here names its rounding."""
import re
from decimal import Decimal

from app.errors import FieldError, Invalid
from app.text import N_

MAX_AMOUNT = 10**12        # minor units of one receipt: ten thousand millions of roubles, far below 2^63 even after × 10^6
MAX_POINTS = 10**12
# ISO 4217 minor digits where they are not two.
MINOR_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "UGX": 0, "XAF": 0, "XOF": 0, "PYG": 0, "RWF": 0,
                "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3, "IQD": 3, "LYD": 3}


def minor_digits(currency: str) -> int:
    return MINOR_DIGITS.get(currency, 2)


def floor_div(amount: int, by: int) -> int:
    """Rounds towards minus infinity; for amounts >= 0 that is down."""
    return amount // by


def ceil_div(amount: int, by: int) -> int:
    """Rounds towards plus infinity; for amounts >= 0 that is up."""
    return -(-amount // by)


def share_floor(amount: int, share_bp: int) -> int:
    """`share_bp` basis points of `amount`, rounded down."""
    return amount * share_bp // 10_000


def parse_major(text: str, currency: str) -> int:
    """An amount typed by a person in major units ("1250", "1 250,50", "1250.5") in minor units.

    Raises Invalid (field `amount`) for anything else: signs, more digits after the point than the currency has, two points,
    above MAX_AMOUNT.
    """
    digits = minor_digits(currency)
    plain = re.sub(r"[\s\u00a0\u202f\u2009']", "", text.strip())
    match = re.fullmatch(r"([0-9]{1,13})(?:[.,]([0-9]{0,3}))?", plain)
    if not match or len(match[2] or "") > digits:
        raise Invalid(fields=[FieldError("amount", "amount", N_("Type the amount in digits, such as 1250 or 1250,50."))])
    minor = int(match[1]) * 10**digits + int((match[2] or "").ljust(digits, "0") or 0)
    if minor > MAX_AMOUNT:
        raise Invalid(fields=[FieldError("amount", "too_large",
                                         N_("This amount is larger than any receipt. Check the digits."))])
    return minor


def to_major(minor: int, currency: str) -> Decimal:
    """The exact decimal that people read; for display only."""
    return Decimal(minor).scaleb(-minor_digits(currency))
