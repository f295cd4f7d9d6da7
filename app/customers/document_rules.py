"""What a consent document is: its words, its fingerprint, and what cannot be one."""
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from app.customers.rules import text_sha256
from app.errors import FieldError, Invalid
from app.text import N_
from app.web.i18n import LANGUAGES

TEXT_MOST, TITLE_MOST, LONG_MOST, NAME_MOST = 300, 120, 60_000, 60
EMPTY = N_("Write the sentence that stands beside the box.")
LONG = {"text": N_("A sentence beside a box has at most 300 characters. What is longer belongs into the document."),
        "title": N_("A title has at most 120 characters."), "long_text": N_("A document has at most 60,000 characters.")}
LONG_NAME = N_("A name has at most 60 characters.")
UNTITLED = N_("A document has a title. People see it above the text.")
NAMELESS = N_("Give it a name in both languages.")
KEY = N_("A short name of small letters a to z, digits and dashes, such as partners.")
_KEY = re.compile(r"[a-z][a-z0-9-]{1,29}")


@dataclass(frozen=True, slots=True)
class Document:
    """A version that somebody may agree to; id 0: the default, not kept for this business yet.

    text: the sentence of the box; title and long_text: the document behind it, '' for none; sha256: of all that was shown.
    """

    id: int
    purpose: str
    language: str
    version: int
    title: str
    text: str
    long_text: str
    sha256: bytes
    ask_again: bool
    created_at: datetime

    @property
    def shown(self) -> str:
        return shown(self.title, self.text, self.long_text)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a consent is for. names: language → name; is_own: the business's own, which it may close."""

    key: str
    names: Mapping[str, str]
    is_own: bool

    def name_in(self, language: str) -> str:
        return self.names.get(language) or self.names.get("en") or self.key


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wrote in the editor. ask_again: whoever agreed to an earlier version is asked again."""

    purpose: str
    language: str
    text: str
    title: str = ""
    long_text: str = ""
    ask_again: bool = False

    def check(self) -> "Draft":
        """The draft with its white space in order. Raises Invalid (fields text, title, long_text)."""
        text, title = " ".join(self.text.split()), " ".join(self.title.split())
        long_text = "\n".join(line.rstrip() for line in self.long_text.replace("\r\n", "\n").strip().split("\n"))
        wrong = [] if text else [FieldError("text", "required", EMPTY)]
        wrong += [FieldError(field, "too_long", LONG[field]) for field, words, most in (
            ("text", text, TEXT_MOST), ("title", title, TITLE_MOST), ("long_text", long_text, LONG_MOST)) if len(words) > most]
        if long_text and not title:
            wrong.append(FieldError("title", "required", UNTITLED))
        if wrong:
            raise Invalid(fields=wrong)
        return replace(self, text=text, title=title, long_text=long_text)


def shown(title: str, text: str, long_text: str) -> str:
    """All that a person could read before they answered, as it is hashed: the sentence, then title and document, an empty line between."""
    return "\n\n".join(part for part in (text, title, long_text) if part)


def fingerprint(title: str, text: str, long_text: str) -> bytes:
    """SHA-256 of what was shown; of the sentence alone where there is no more, as it always was."""
    return text_sha256(shown(title, text, long_text))


def parse_key(text: str) -> str:
    """Raises Invalid (field key)."""
    key = text.strip()
    if not _KEY.fullmatch(key) or key in ("terms", "marketing"):
        raise Invalid(fields=[FieldError("key", "format", KEY)])
    return key


def parse_names(names: Mapping[str, str]) -> dict[str, str]:
    """language → name, one for each language. Raises Invalid (fields name_en, name_ru)."""
    clean = {language: " ".join(names.get(language, "").split()) for language in LANGUAGES}
    wrong = [FieldError(f"name_{language}", "required", NAMELESS) for language, name in clean.items() if not name]
    wrong += [FieldError(f"name_{language}", "too_long", LONG_NAME) for language, name in clean.items() if len(name) > NAME_MOST]
    if wrong:
        raise Invalid(fields=wrong)
    return clean
