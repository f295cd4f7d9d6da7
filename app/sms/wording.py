"""What a message says: its template, how many parts it takes filled in, what is wrong with one, and who it is from. Pure."""
import re
from dataclasses import dataclass

from app.errors import FieldError
from app.sms.rules import GSM_BASIC, GSM_EXTENSION, Size, plain, size_of
from app.text import N_

BRAND, LINK = "{brand}", "{link}"
LONGEST = 400
# What a business may allow one of its messages to take; carriers' price lists count parts.
MOST_PARTS = 2
# Nothing stands after the link: a full stop there would become part of it on some phones.
# With a host of 14 letters a link of 12 characters leaves 32 units: 20 for the brand and 12 for ": " and the words.
DEFAULTS = {
    "activation": {"ru": "{brand}: ваша карта {link}", "en": "{brand}: your card {link}"},
    "card_link": {"ru": "{brand}: ваша карта {link}", "en": "{brand}: your card {link}"},
    "invitation": {"ru": "{brand}: карта ждёт {link}", "en": "{brand}: get a card {link}"},
    "code": {"ru": "{brand}: код {link}", "en": "{brand}: code {link}"},
    "till_code": {"ru": "{brand}: код для кассира {link}", "en": "{brand}: code for the cashier {link}"},
    "number_notice": {"ru": "{brand}: у карты теперь номер {link}", "en": "{brand}: your card has the number {link}"},
}
PURPOSES = tuple(DEFAULTS)
_SHORT = "{brand}: {link}"
LEAST_BRAND = 4
_PLACES = re.compile(r"\{[^{}]*\}")
_SENDER = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,11}|[0-9]{3,15}", re.ASCII)

NO_LINK = N_("The text needs {link}: there the link or the code goes.")
TWO_LINKS = N_("{link} may stand in the text only once.")
AFTER_LINK = N_("Nothing may stand after {link}: a dot there would break the link on some phones.")
GLUED = N_("Leave a space before {link}, or it is no link on some phones.")
UNKNOWN_PLACE = N_("Only {brand} and {link} are filled in. Take other curly brackets out.")
UNSEEN = N_("The text holds a character that cannot be seen. Type it anew.")
TOO_LONG = N_("The text may have up to 400 characters.")
TOO_MANY_PARTS = N_("With the brand and the link this takes %(parts)s parts. Shorten it, or allow two parts.")
STILL_TOO_MANY = N_("With the brand and the link this takes %(parts)s parts; two are the most. Shorten it.")
WRONG_SENDER = N_("A sender is up to 11 Latin letters and digits without spaces, or a number of 3 to 15 digits.")


def default_of(purpose: str, language: str) -> str:
    """The text of a purpose where a business wrote none."""
    texts = DEFAULTS[purpose]
    return texts.get(language, texts["en"])


def filled(template: str, brand: str, link: str) -> str:
    """The template with both places filled. Plain replacement: a brand may hold braces of its own."""
    head, _, tail = template.partition(LINK)
    return head.replace(BRAND, plain(brand)) + link + tail


def compose(template: str, brand: str, link: str, most_parts: int = 1) -> str:
    """What goes out: the template, kept to `most_parts` where the link leaves room.

    The words go first, then the end of the brand; a stump of a name tells nobody who is writing, so then more parts are the lesser evil.
    """
    full = filled(template, brand, link)
    if size_of(full).parts <= most_parts:
        return full
    name = plain(brand)
    while len(name) >= LEAST_BRAND and size_of(filled(_SHORT, name, link)).parts > 1:
        name = name[:-1].rstrip()
    return filled(_SHORT, name, link) if len(name) >= LEAST_BRAND else full


def tidy(template: str) -> str:
    """The template as it is kept: on one line, typographic spaces, dashes and quotes made plain."""
    return plain(template)


def wrong_with(template: str, brand: str, link: str, most_parts: int) -> tuple[FieldError, int] | None:
    """What stands against keeping a tidy template, and the parts it takes; None where nothing does.

    brand, link: as a message would hold them; most_parts: what the owner allows (1 or 2).
    """
    sentence = _wrong_places(template)
    parts = size_of(filled(template, brand, link)).parts
    if sentence is None and parts > most_parts:
        sentence = TOO_MANY_PARTS if parts <= MOST_PARTS else STILL_TOO_MANY
    return (FieldError("text", "text", sentence), parts) if sentence else None


def _wrong_places(template: str) -> str | None:
    if len(template) > LONGEST:
        return TOO_LONG
    if not template.isprintable():
        return UNSEEN
    if any(place not in (BRAND, LINK) for place in _PLACES.findall(template)):
        return UNKNOWN_PLACE
    if template.count(LINK) != 1:
        return TWO_LINKS if LINK in template else NO_LINK
    head, _, tail = template.partition(LINK)
    if tail:
        return AFTER_LINK
    return GLUED if head and not head.endswith(" ") else None


@dataclass(frozen=True, slots=True)
class Count:
    """How a filled text travels. culprits: the letters that make it UCS-2, each once."""

    text: str
    size: Size
    culprits: tuple[str, ...]


def count(template: str, brand: str, link: str) -> Count:
    """What the editor shows while somebody types; static/js/messages.js counts the same."""
    text = filled(tidy(template), brand, link)
    culprits = dict.fromkeys(letter for letter in text if letter not in GSM_BASIC and letter not in GSM_EXTENSION)
    return Count(text, size_of(text), tuple(culprits))


def shorter_ones(purpose: str, language: str) -> tuple[str, ...]:
    """What may stand in place of a text that is too long, the best first."""
    return default_of(purpose, language), _SHORT, "{brand} {link}"


def shorter(purpose: str, language: str, template: str, brand: str, link: str) -> str | None:
    """A text of one part in place of one that takes more: our own words, else the brand and the link; None where nothing fits."""
    own = tidy(template)
    for candidate in shorter_ones(purpose, language):
        if candidate != own and size_of(filled(candidate, brand, link)).parts == 1:
            return candidate
    return None


def is_sender(text: str) -> bool:
    """What carriers take as a sender: a short Latin word, or a number."""
    return _SENDER.fullmatch(text) is not None


# The whole trimmed message, in any case (carriers' own list; the Russian words are our convention).
STOP_WORDS = frozenset("STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT СТОП ОТПИСКА НЕТ".split())
START_WORDS = frozenset("START UNSTOP СТАРТ".split())


def is_stop_word(text: str) -> bool:
    """Whether somebody who answered this wants no more messages."""
    return _word(text) in STOP_WORDS


def is_start_word(text: str) -> bool:
    """Whether somebody who answered this wants messages again."""
    return _word(text) in START_WORDS


def _word(text: str) -> str:
    return plain(text[:100]).strip(" .!\"'").upper()
