"""Numbers, amounts and moments as people read them, in each language. Digits are grouped with a narrow space that does not break."""
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.money import to_major
from app.web.i18n import translations

GROUP, MINUS = "\u202f", "\u2212"
_BEFORE = "$€£¥"


def points(count: int) -> str:
    """1480 as "1 480", below zero with a real minus sign."""
    return f"{count:,}".replace(",", GROUP).replace("-", MINUS)


def signed(count: int) -> str:
    """A change: "+34", "−100", "0"."""
    return f"+{points(count)}" if count > 0 else points(count)


@lru_cache
def currency_symbol(currency: str) -> str:
    """The short sign, as its own country writes it: ₽, $, €; the code where there is none."""
    # Imported here: a start does not need Babel.
    from babel.numbers import get_currency_symbol

    for locale in ("en", "ru", "kk", "uk", "ka", "hy", "ja"):
        symbol = get_currency_symbol(currency, locale)
        if symbol != currency:
            return symbol
    return currency


def number(minor: int, currency: str, language: str) -> str:
    """An amount without its currency; the minor part only where there is one: "490", "1 250,50"."""
    value = to_major(minor, currency)
    text = f"{value:,}" if value % 1 else f"{int(value):,}"
    whole, _, part = text.partition(".")
    whole = whole.replace(",", GROUP).replace("-", MINUS)
    return f"{whole}{',' if language == 'ru' else '.'}{part}" if part else whole


def money(minor: int, currency: str, language: str) -> str:
    """An amount with its currency: "490 ₽", "1 250,50 ₽", in English "$12.50"."""
    symbol = currency_symbol(currency)
    if language == "en" and symbol in _BEFORE:
        return f"{symbol}{number(minor, currency, language)}"
    return f"{number(minor, currency, language)}\u00a0{symbol}"


def day(moment: datetime | date, language: str, zone: str, now: datetime | None = None) -> str:
    """A day in words, "22 November"; the year is added when it is not the year of `now`."""
    from babel.dates import format_date

    here = moment.astimezone(ZoneInfo(zone)).date() if isinstance(moment, datetime) else moment
    this_year = now is not None and now.astimezone(ZoneInfo(zone)).year == here.year
    return format_date(here, "d MMMM" if this_year else "d MMMM y", locale=language)


def day_short(day: date, language: str) -> str:
    """A day where there is little room: "24 Oct"."""
    from babel.dates import format_date

    return format_date(day, "d MMM", locale=language)


def day_of_year(day: date, language: str) -> str:
    """A day with its year where there is little room: "24 Oct 2026"."""
    from babel.dates import format_date

    return format_date(day, "d MMM y", locale=language).replace(" ", "\u00a0")


def clock_time(moment: datetime, zone: str) -> str:
    """The time on the wall, "8:52"."""
    here = moment.astimezone(ZoneInfo(zone))
    return f"{here.hour}:{here.minute:02}"


def full(moment: datetime, language: str, zone: str) -> str:
    """Day and time, "22 November 2026, 8:52"."""
    return f"{day(moment, language, zone)}, {clock_time(moment, zone)}"


def ago(moment: datetime, language: str, zone: str, now: datetime) -> str:
    """A moment as one would say it at `now`: "today, 8:52", "yesterday, 9:14", "12 November"."""
    here, today = moment.astimezone(ZoneInfo(zone)).date(), now.astimezone(ZoneInfo(zone)).date()
    words = {0: translations(language).gettext("today"), 1: translations(language).gettext("yesterday")}
    word = words.get((today - here).days)
    return f"{word}, {clock_time(moment, zone)}" if word else day(moment, language, zone, now)


def phone_masked(phone: str) -> str:
    """An E.164 number with its middle hidden: "+7 916 ••• 12 34"."""
    end = f"••• {phone[-4:-2]} {phone[-2:]}"
    return f"+7 {phone[2:5]} {end}" if phone.startswith("+7") else f"{phone[:3]} {end}"


def in_fours(digits: str) -> str:
    """A card's number as it is printed: "4729 5810 3647 2919"."""
    return " ".join(digits[at:at + 4] for at in range(0, len(digits), 4))
