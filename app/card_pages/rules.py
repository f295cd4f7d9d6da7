"""How long a code and a browser are believed, and which wallet a browser belongs to."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=10)
CODE_TRIES = 5
# seen: the browser that activated the card finds it again; confirmed: a code was typed, the stronger side is open.
LIVES = {"seen": timedelta(hours=24), "confirmed": timedelta(minutes=30)}
# What cannot be taken back asks for a code that was typed this lately.
FRESH = timedelta(minutes=10)
# Where a person goes on after the code: words only, so that no address can be put in.
WAYS = ("profile", "wallet", "till", "lost", "messages", "phone", "another", "leave", "export", "erase")


@dataclass(frozen=True, slots=True)
class Code:
    """A code as it is stored; moments in ms."""

    id: int
    code_hash: bytes
    tries: int
    created_at: int
    expires_at: int


def is_open(code: Code, now_ms: int) -> bool:
    return code.tries < CODE_TRIES and now_ms < code.expires_at


def way(text: str) -> str:
    return text if text in WAYS else WAYS[0]


def device(user_agent: str) -> str:
    """`apple`, `android` or `desktop`: which buttons there are, and which comes first. Nothing else depends on it."""
    if "iPhone" in user_agent or "iPad" in user_agent or "iPod" in user_agent:
        return "apple"
    return "android" if "Android" in user_agent else "desktop"


def wallets_for(kind: str, available: Sequence[str]) -> list[str]:
    """The wallets that can be offered, the device's own first. Apple's devices have no wallet of Google's; Android has apps for Apple's
    files, and what is added to Google's at a desk lies on the phone of the account."""
    first = {"apple": "apple", "android": "google"}.get(kind, "")
    return sorted([wallet for wallet in available if (kind, wallet) != ("apple", "google")], key=lambda wallet: wallet != first)


_MAIL = {
    "en": ("{brand}: code {code}",
           "Your code: {code}\n\nIt opens your card's page for ten minutes. Did you not ask for it? Then there is nothing to do."),
    "ru": ("{brand}: код {code}",
           "Ваш код: {code}\n\nОн открывает страницу карты на десять минут. Вы его не просили? Тогда делать ничего не нужно."),
}


def code_mail(language: str, brand: str, code: str) -> tuple[str, str]:
    """Subject and text of a mail with a code."""
    subject, text = _MAIL.get(language, _MAIL["en"])
    return subject.format(brand=brand, code=code), text.format(code=code)
