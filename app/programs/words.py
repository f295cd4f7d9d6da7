"""Amounts, counts and plurals in the sentences that explain rules: needed where no page and no catalogue is near (passes, posters)."""
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
    return f"{number(count)}{SPACE}{plural(language, count, ('point', 'points'), ('балл', 'балла', 'баллов'))}"


def days(count: int, language: str) -> str:
    """"1 day", "365 days"; «1 день», «365 дней»."""
    return f"{number(count)}{SPACE}{plural(language, count, ('day', 'days'), ('день', 'дня', 'дней'))}"


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
