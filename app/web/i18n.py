"""Which language a request is answered in, and the sentences of that language.

English sentences are the message ids; `locale/<language>/LC_MESSAGES/messages.mo` holds the others, and
`app/web/catalogues.py` keeps those files true.
"""
import gettext
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.requests import Request

LOCALE = Path(__file__).parents[1] / "locale"
LANGUAGES = {"en": "English", "ru": "По-русски"}
COOKIE = "lang"
_PREFERRED = "tessera.language"


@lru_cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of `language`; English, and a language we do not have, is the ids themselves."""
    return gettext.translation("messages", LOCALE, [language], fallback=True)


def translate(language: str, message: str, /, **params: Any) -> str:
    """`message` (an English msgid, marked with N_ where it is written) in `language`, its %(name)s filled from `params`."""
    text = translations(language).gettext(message)
    return text % params if params else text


def accepted(header: str) -> str | None:
    """The language we have that an Accept-Language header likes best, or None. Malformed parts are skipped."""
    return _best(header[:500])


# Asked with every request, and people's browsers send the same few.
@lru_cache(256)
def _best(header: str) -> str | None:
    best, best_weight = None, 0.0
    for part in header.split(","):
        tag, _, quality = part.partition(";")
        language = tag.strip().lower().split("-")[0]
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality.strip() else 1.0
        except ValueError:
            continue
        if language in LANGUAGES and best_weight < weight <= 1:
            best, best_weight = language, weight
    return best


def _sends(request: Request, header: bytes) -> bool:
    """header: in small letters, as the server hands them over."""
    return any([name == header for name, _ in request.scope["headers"]])


def chosen(request: Request) -> str | None:
    """The language that this person picked in our own switch, just now (`?lang=`) or earlier (cookie)."""
    query = request.scope["query_string"]
    # Devices and tills send neither: nothing to take apart. A name may be escaped.
    switched = request.query_params.get("lang") if b"lang" in query or b"%" in query else None
    for wish in (switched, request.cookies.get(COOKIE) if _sends(request, b"cookie") else None):
        if wish in LANGUAGES:
            return wish
    return None


def prefer(request: Request, language: str | None) -> None:
    """Answers this request in the language that the person behind it chose for good, unless the switch says another; None: no choice."""
    if language in LANGUAGES:
        request.scope[_PREFERRED] = language


def language_of(request: Request, default: str = "en") -> str:
    """The language to answer in: the switch, the person's choice, the browser's wish, else `default` (the business's own)."""
    wished = chosen(request) or request.scope.get(_PREFERRED)
    if not wished and _sends(request, b"accept-language"):
        wished = accepted(request.headers["accept-language"])
    return wished or (default if default in LANGUAGES else "en")
