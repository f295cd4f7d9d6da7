"""Phone numbers as people type them, and as we keep them: E.164, found through keyed hashes, shown masked."""
import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from app.errors import FieldError, Invalid
from app.secrets import KeyRing
from app.text import N_

LONGEST = 32
WRONG = N_("This is not a mobile number we can text. Type it as %(example)s.")
MISSING = N_("Type a mobile number, such as %(example)s.")
EIGHT = N_("After + comes the country's code: for Russia it is +7 and not +8. Did you mean %(meant)s?")
LANDLINE = N_("A text cannot reach this number: it is not a mobile one. Type a mobile number.")
ABROAD = N_("This shop texts numbers of %(countries)s only. Type a number from there.")
EXTENSION = N_("Leave the extension out: a text goes to a mobile number as a whole.")


class WrongPhone(Invalid):
    """A number that cannot be texted; the sentence says what to do."""

    code = "phone"

    def __init__(self, sentence: str, **params: Any) -> None:
        super().__init__(fields=[FieldError("phone", "phone", sentence)], params=params)


def parse_phone(text: str, country: str, allowed: Collection[str] | None) -> str:
    """E.164 of a mobile number in any usual spelling. Raises WrongPhone.

    country: where a number without a country code is from (ISO); allowed: countries that may be texted, None: any.
    The facts behind each step stand in the tests' table, measured with phonenumbers 9.
    """
    import phonenumbers

    typed = unicodedata.normalize("NFKC", text).strip().strip("\u200e\u200f\u202a\u202c")
    if not typed:
        raise WrongPhone(MISSING, example=example(country))
    if len(typed) > LONGEST or not re.fullmatch(r"[+0-9\s().\-–/]+(?:\s*(?:ext|доб)\.?\s*\d+)?", typed, re.IGNORECASE):
        raise WrongPhone(WRONG, example=example(country))
    digits = re.sub(r"\D", "", typed)
    if country == "RU" and typed.startswith("+8") and len(digits) == 11:
        raise WrongPhone(EIGHT, meant=f"+7{digits[1:]}")
    number = _parsed(typed, country) or (_parsed("+" + digits, country) if len(digits) >= 11 and "+" not in typed else None)
    if number is None:
        raise WrongPhone(WRONG, example=example(country))
    if number.extension:
        raise WrongPhone(EXTENSION)
    if phonenumbers.number_type(number) not in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE):
        raise WrongPhone(LANDLINE)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if allowed is not None:
        check_allowed(e164, allowed)
    return e164


def _parsed(text: str, country: str) -> Any:
    """The number, or None unless it is one that exists."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def region_of(e164: str) -> str:
    """The ISO country of a number (+77… is Kazakhstan, not Russia), or 001 for none."""
    import phonenumbers

    return phonenumbers.region_code_for_number(phonenumbers.parse(e164)) or "001"


def check_allowed(e164: str, allowed: Collection[str]) -> None:
    """Raises WrongPhone for a number of a country that is not texted."""
    if region_of(e164) not in allowed:
        raise WrongPhone(ABROAD, countries=", ".join(sorted(allowed)))


@lru_cache(maxsize=256)
def example(country: str) -> str:
    """How a mobile number of the country looks, spaces and all."""
    import phonenumbers

    number = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if number is None:
        return "+7 916 123-45-67"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


@lru_cache(maxsize=256)
def prefix(country: str) -> str:
    """"+7 " and the like: what a form begins the field with."""
    import phonenumbers

    code = phonenumbers.country_code_for_region(country)
    return f"+{code} " if code else "+"


def masked(e164: str) -> str:
    """+7916•••1234: enough to recognise one's own, too little to call."""
    return f"{e164[:-7]}•••{e164[-4:]}" if len(e164) > 9 else f"{e164[:2]}•••{e164[-2:]}"


def business_hash(ring: KeyRing, business_id: int, e164: str) -> bytes:
    """Finds a customer of one business; another business's hash of the same number is another."""
    return ring.lookup_hash(f"phone.business:{business_id}", e164)


def server_hash(ring: KeyRing, e164: str) -> bytes:
    """Counts messages to a number, whatever business sends them; keeps a suppression after an erasure."""
    return ring.lookup_hash("phone.server", e164)


def last4_hash(ring: KeyRing, business_id: int, e164: str) -> bytes:
    """Finds customers of one business by the last four digits."""
    return ring.lookup_hash(f"phone.last4:{business_id}", e164[-4:])
