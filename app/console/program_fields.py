"""How numbers, amounts, shares and words of rules stand in a form, and how they are read back with a sentence for each that cannot be."""
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from starlette.datastructures import FormData

from app.errors import FieldError, Invalid
from app.money import parse_major, to_major
from app.text import N_

Values = dict[str, str | list[str]]
WHOLE = N_("Type a whole number.")
SHARE = N_("Type a share in per cent, such as 5 or 12,5.")
TIMES = N_("Type a number such as 2 or 1,5.")
CHOOSE = N_("Choose one of those that are offered.")
DAY = N_("Choose a day of the calendar.")
CLOCK = N_("Type a time such as 08:30.")
LONGEST = 4_000


def plain(number: Decimal | int) -> str:
    """A number without needless digits, with a point."""
    text = f"{number:f}" if isinstance(number, Decimal) else str(number)
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount_text(minor: int | None, currency: str) -> str:
    return "" if minor is None else plain(to_major(minor, currency))


def share_text(share_bp: int | None) -> str:
    """Basis points as per cent."""
    return "" if share_bp is None else plain(Decimal(share_bp).scaleb(-2))


def times_text(by_bp: int) -> str:
    """10,000 is once."""
    return plain(Decimal(by_bp).scaleb(-4))


def whole_text(number: int | None) -> str:
    return "" if number is None else str(number)


def values_of(form: FormData) -> Values:
    """Everything that was typed; several boxes of one name are a list. The hidden token is left out."""
    found: Values = {}
    for name in set(form):
        texts = [text.strip()[:LONGEST] for text in form.getlist(name) if isinstance(text, str)]
        if name != "csrf":
            found[name] = texts[0] if len(texts) == 1 else texts
    return found


class Typed:
    """Typed values, read one by one; what is wrong is gathered under the form's names and raised by `done`."""

    def __init__(self, values: Mapping[str, str | list[str]], currency: str) -> None:
        self.values, self.currency = values, currency
        self.wrong: list[FieldError] = []

    def refuse(self, name: str, code: str, sentence: str) -> None:
        self.wrong.append(FieldError(name, code, sentence))

    def done(self) -> None:
        """Raises Invalid where anything was wrong."""
        if self.wrong:
            raise Invalid(fields=self.wrong)

    def text(self, name: str) -> str:
        value = self.values.get(name, "")
        return value if isinstance(value, str) else (value[0] if value else "")

    def several(self, name: str) -> list[str]:
        """Ticked boxes."""
        value = self.values.get(name, [])
        return [each for each in ([value] if isinstance(value, str) else value) if each]

    def words(self, name: str) -> tuple[str, ...]:
        """Words with commas or line ends between them."""
        return tuple(dict.fromkeys(filter(None, (word.strip() for word in re.split(r"[,\n]", self.text(name))))))

    def flag(self, name: str) -> bool:
        return bool(self.text(name))

    def whole(self, name: str) -> int:
        """>= 0."""
        text = "".join(self.text(name).split())
        if text.isascii() and text.isdigit() and len(text) < 16:
            return int(text)
        self.refuse(name, "integer", WHOLE)
        return 0

    def whole_or_none(self, name: str) -> int | None:
        return self.whole(name) if self.text(name) else None

    def wholes(self, name: str) -> tuple[int, ...]:
        """Whole numbers with commas between them."""
        found = self.words(name)
        if all(word.isascii() and word.isdigit() and len(word) < 10 for word in found):
            return tuple(int(word) for word in found)
        self.refuse(name, "integer", N_("Type whole numbers with commas between them."))
        return ()

    def amount(self, name: str) -> int:
        """Major units as minor ones."""
        try:
            return parse_major(self.text(name), self.currency)
        except Invalid as refused:
            self.refuse(name, refused.fields[0].code, refused.fields[0].detail)
            return 0

    def amount_or_none(self, name: str) -> int | None:
        return self.amount(name) if self.text(name) else None

    def share(self, name: str) -> int:
        """Per cent as basis points."""
        return self._scaled(name, 2, SHARE)

    def share_or_none(self, name: str) -> int | None:
        return self.share(name) if self.text(name) else None

    def times(self, name: str) -> int:
        """"1,5" as 15,000."""
        return self._scaled(name, 4, TIMES)

    def choice(self, name: str, offered: Sequence[str]) -> str:
        text = self.text(name)
        if text not in offered:
            self.refuse(name, "choice", CHOOSE)
            return offered[0]
        return text

    def day(self, name: str) -> str | None:
        """YYYY-MM-DD, None where nothing was typed."""
        text = self.text(name)
        if not text:
            return None
        try:
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
                return date.fromisoformat(text).isoformat()
        except ValueError:
            pass        # such as 31 February: said below, as for every other text that is no day
        self.refuse(name, "day", DAY)
        return None

    def clock(self, name: str) -> str | None:
        """HH:MM, None where nothing was typed."""
        text = self.text(name)
        if text and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
            self.refuse(name, "time", CLOCK)
            return None
        return text or None

    def _scaled(self, name: str, digits: int, sentence: str) -> int:
        match = re.fullmatch(r"(\d{1,9})(?:[.,](\d*))?", self.text(name).replace(" ", ""), re.ASCII)
        if not match or len(match[2] or "") > digits:
            self.refuse(name, "number", sentence)
            return 0
        return int(match[1]) * 10**digits + int((match[2] or "").ljust(digits, "0") or 0)
