"""Amounts, counts and plurals in the sentences that explain rules: needed where no page and no catalogue is near (passes, posters)."""
from collections.abc import Sequence
from datetime import date

from app.money import minor_digits

SYMBOLS = {"RUB": "₽", "USD": "$", "EUR": "€", "GBP": "£", "KZT": "₸", "BYN": "Br", "UAH": "₴", "GEL": "₾", "AMD": "֏", "JPY": "¥",
           "CNY": "¥", "TRY": "₺", "INR": "₹", "ILS": "₪", "PLN": "zł", "CZK": "Kč"}
_BEFORE = "$€£¥"
SPACE = "\u00a0"     # does not break, and every font has it (the narrow one is missing from some)


def plural(language: str, count: int, english: tuple[str, str], russian: tuple[str, str, str]) -> str:
    """The word that fits `count` (>= 0): English has one and many, Russian one (1, 21), few (2–4, 22–24) and many."""
    if language != "ru":
        return english[0] if count == 1 else english[1]
    if count % 10 == 1 and count % 100 != 11:
        return russian[0]
    if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14):
        return russian[1]
    return russian[2]


def number(count: int) -> str:
    """Digits in groups of three."""
    return f"{count:,}".replace(",", SPACE)


def points(count: int, language: str) -> str:
    """"1 point", "5 points"; «1 балл», «2 балла», «5 баллов»."""
    return counted(count, language, ("point", "points"), ("балл", "балла", "баллов"))


def days(count: int, language: str) -> str:
    """"1 day", "365 days"; «1 день», «365 дней»."""
    return counted(count, language, ("day", "days"), ("день", "дня", "дней"))


def stamps(count: int, language: str) -> str:
    """"1 stamp"; «1 штамп»."""
    return counted(count, language, ("stamp", "stamps"), ("штамп", "штампа", "штампов"))


def visits(count: int, language: str) -> str:
    """"1 visit"; «1 посещение»."""
    return counted(count, language, ("visit", "visits"), ("посещение", "посещения", "посещений"))


def vouchers(count: int, language: str) -> str:
    """"1 voucher"; «1 купон»."""
    return counted(count, language, ("voucher", "vouchers"), ("купон", "купона", "купонов"))


def counted(count: int, language: str, english: tuple[str, str], russian: tuple[str, str, str]) -> str:
    """A number and the word that fits it, with a space that does not break."""
    return f"{number(count)}{SPACE}{plural(language, count, english, russian)}"


def amount(count: int, unit: str, currency: str, language: str) -> str:
    """So much of a unit: points, stamps, visits, vouchers; money and what is counted in it in minor units."""
    if unit in _COUNTED:
        return _COUNTED[unit](count, language)
    return money(count, currency, language)


def amount_of(count: int, unit: str, currency: str, language: str) -> str:
    """The same after «от», «до», «больше», which ask for the genitive: «от 1 балла», «больше 2 штампов»."""
    if unit in _GENITIVE and language == "ru":
        one, many = _GENITIVE[unit]
        return counted(count, language, ("", ""), (one, many, many))
    return amount(count, unit, currency, language)


_GENITIVE = {"points": ("балла", "баллов"), "stamps": ("штампа", "штампов"), "visits": ("посещения", "посещений"),
             "vouchers": ("купона", "купонов"), "days": ("дня", "дней"), "times": ("раза", "раз"), "friends": ("друга", "друзей"),
             "purchases": ("покупки", "покупок"), "pieces": ("штуки", "штук")}
_COUNTED = {"points": points, "stamps": stamps, "visits": visits, "vouchers": vouchers, "days": days,
            "times": lambda count, language: counted(count, language, ("time", "times"), ("раз", "раза", "раз")),
            "friends": lambda count, language: counted(count, language, ("friend", "friends"), ("друг", "друга", "друзей")),
            "purchases": lambda count, language: counted(count, language, ("purchase", "purchases"), ("покупка", "покупки", "покупок")),
            "pieces": lambda count, language: counted(count, language, ("piece", "pieces"), ("штука", "штуки", "штук"))}


def quoted(text: str, language: str) -> str:
    """A name inside a sentence: quoted, so that no language has to bend it."""
    return f"«{text}»" if language == "ru" else f"“{text}”"


def listed(parts: Sequence[str], language: str, choice: bool = False) -> str:
    """"a, b and c", or with `choice` "a, b or c"."""
    word = {True: ("or", "или"), False: ("and", "и")}[choice][language == "ru"]
    *first, last = parts
    return f"{', '.join(first)} {word} {last}" if first else last


def sentence(*parts: str) -> str:
    """The parts that say something, joined by commas, with a capital letter and a full stop."""
    text = ", ".join([part for part in parts if part])
    return f"{text[:1].upper()}{text[1:]}."


def percent(share_bp: int, language: str) -> str:
    """Basis points as per cent, without needless digits: 3000 is "30%", 1250 is "12.5%"; Russian sets a space and a comma."""
    text = f"{share_bp / 100:.2f}".rstrip("0").rstrip(".")
    return f"{text.replace('.', ',')}{SPACE}%" if language == "ru" else f"{text}%"


def money(minor: int, currency: str, language: str) -> str:
    """An amount (>= 0) with its currency's sign: "100 ₽", "$12.50"; the minor part only where there is one."""
    digits = minor_digits(currency)
    whole, part = divmod(minor, 10**digits)
    text = number(whole)
    if part:
        text += f"{',' if language == 'ru' else '.'}{part:0{digits}}"
    symbol = SYMBOLS.get(currency, currency)
    return f"{symbol}{text}" if language != "ru" and symbol in _BEFORE else f"{text}{SPACE}{symbol}"


_MONTHS = {"en": ("January February March April May June July August September October November December").split(),
           "ru": ("января февраля марта апреля мая июня июля августа сентября октября ноября декабря").split()}


def day(of: date, language: str, *, year: bool = False) -> str:
    """"1 December", «1 декабря 2026»."""
    text = f"{of.day}{SPACE}{_MONTHS['ru' if language == 'ru' else 'en'][of.month - 1]}"
    return f"{text}{SPACE}{of.year}" if year else text


def span(start: date | None, end: date | None, language: str) -> str:
    """From one day to another, both included: "from 1 to 31 December"; the year where it is not the same or stands alone."""
    russian = language == "ru"
    if start is None or end is None:
        if start is not None:
            return f"с {day(start, language, year=True)}" if russian else f"from {day(start, language, year=True)} on"
        return (f"до {day(end, language, year=True)} включительно" if russian else f"until {day(end, language, year=True)}") if end else ""
    if start == end:
        return day(start, language) if russian else f"on {day(start, language)}"
    apart = start.year != end.year
    first = str(start.day) if (start.month, start.year) == (end.month, end.year) else day(start, language, year=apart)
    last = day(end, language, year=apart)
    return f"с {first} по {last}" if russian else f"from {first} to {last}"
