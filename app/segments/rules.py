"""What a segment asks of an account, and which questions make sense."""
import re
from datetime import date, timedelta

import msgspec

from app.errors import FieldError
from app.ledger.rules import SPENDABLE
from app.text import N_

DAYS_MOST = 3_650
BIRTHDAY_MOST = 60
WORDS_MOST = 20
AMOUNT_MOST = 10**12
KEY = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")
TAG = re.compile(r"\w(?:[\w -]{0,38}\w)?")
LEAP_DAY, DAY_BEFORE = "02-29", "02-28"


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Questions that all must be answered with yes; what is left out is not asked. Days are counted back from now.

    A sale that was undone was none; spend is money paid, less what was paid back.
    """

    last_sale_from: int | None = None    # the last sale is at least so many days ago
    last_sale_to: int | None = None      # and at most so many
    no_visit_days: int | None = None     # no sale and no prepaid visit for so many days, on a card that is as old
    sales_days: int = 365                # the time in which sales and money are counted
    sales_from: int | None = None
    sales_to: int | None = None
    spend_from: int | None = None        # minor units
    spend_to: int | None = None
    levels: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()           # one of them
    birthday_within: int | None = None   # today or on one of the next N days
    location: int | None = None          # a sale there within sales_days; a row id, public ids in the API
    program: int | None = None           # a row id as well
    marketing: bool | None = None        # agreed to messages
    has_pass: bool | None = None         # in a wallet that tells us so
    balance_unit: str = "points"
    balance_from: int | None = None


_DAYS = (0, DAYS_MOST, N_("Type a number of days from 0 to 3650."))
_NUMBER = (0, AMOUNT_MOST, N_("Type zero or a number above it."))
_LIMITS = {
    "last_sale_from": _DAYS, "last_sale_to": _DAYS, "no_visit_days": (1, DAYS_MOST, N_("Type a number of days from 1 to 3650.")),
    "sales_days": (1, DAYS_MOST, N_("Type a number of days from 1 to 3650.")), "sales_from": _NUMBER, "sales_to": _NUMBER,
    "spend_from": _NUMBER, "spend_to": _NUMBER, "balance_from": _NUMBER,
    "birthday_within": (0, BIRTHDAY_MOST, N_("Type a number of days from 0 to 60.")),
}
_PAIRS = (("last_sale_from", "last_sale_to"), ("sales_from", "sales_to"), ("spend_from", "spend_to"))


def wrong(asked: Filter) -> list[FieldError]:
    """A sentence for each question that nobody could mean; none where the filter can be kept."""
    found = [FieldError(field, "out_of_range", sentence) for field, (least, most, sentence) in _LIMITS.items()
             if (value := getattr(asked, field)) is not None and not least <= value <= most]
    for low, high in _PAIRS:
        least, most = getattr(asked, low), getattr(asked, high)
        if least is not None and most is not None and least > most:
            found.append(FieldError(high, "order", N_("The second number must not be below the first one.")))
    if asked.balance_unit not in SPENDABLE:
        found.append(FieldError("balance_unit", "unknown", N_("Choose points, money, stamps or visits.")))
    if len(asked.levels) > WORDS_MOST or len(asked.tags) > WORDS_MOST:
        found.append(FieldError("tags" if len(asked.tags) > WORDS_MOST else "levels", "too_many", N_("Name at most 20.")))
    if asked == Filter(sales_days=asked.sales_days, balance_unit=asked.balance_unit):
        found.append(FieldError("filter", "empty", N_("Ask at least one question: a segment of everybody is none.")))
    return found


def clean_tag(text: str) -> str | None:
    """A tag as it is kept, casefolded; None unless it is a word or a few, of at most 40 letters, digits, spaces and hyphens."""
    tag = text.strip().casefold()
    return tag if TAG.fullmatch(tag) else None


def birthdays(today: date, within: int) -> list[str]:
    """MM-DD of today and the next `within` days; 29 February stands beside the 28th of a year that has none."""
    days = [(today + timedelta(days=number)) for number in range(within + 1)]
    found = [day.strftime("%m-%d") for day in days]
    if any(day.strftime("%m-%d") == DAY_BEFORE and (day + timedelta(days=1)).day == 1 for day in days):
        found.append(LEAP_DAY)
    return found
