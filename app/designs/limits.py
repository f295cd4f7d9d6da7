"""What a wallet can show of a design: where fields may stand, how many, in what format. Apple, "PassFields", "PassFieldContent".

A design that breaks one of these would be refused by phones without a message, or drawn with fields missing.
"""
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from app.designs.colours import HEX
from app.designs.rules import VALUES, Format, GoogleRow, Place

if TYPE_CHECKING:
    from app.designs.template import TemplateField

MOST: dict[Place, int] = {"header": 3, "primary": 1, "back": 40}
MOST_BELOW = 4              # secondary and auxiliary fields of a store card: they share one row
ANNOUNCES = "%@"            # where the lock screen puts the new value
TEXTS = ("rules", "phone", "mail", "site", "addresses")         # beside the entries of the words: what the business and its rules say
PERSONAL = ("name", "page_link", "stop_link", "history")        # what no row at Google may hold
_FORMATS: dict[str, Format] = {
    "name": "text", "stamps": "text", "level": "term", "rate": "percent", "discount": "percent", "page_link": "link", "stop_link": "link",
    "history": "history", "expires_on": "day", "valid_until": "day", "voucher_until": "day", "worth": "money", "money": "money",
    "expiring_money": "money", "pending_money": "money", "next_money": "money", "donated": "money"}

Words = Mapping[str, Mapping[str, str]]


def wrong_template(fields: tuple[Sequence["TemplateField"], Sequence["TemplateField"]], style: str, colours: Sequence[str],
                   words: Words) -> str | None:
    """The first thing wrong in a design, in a sentence, or None.

    fields: the design's own, and those that all designs share; words: language → entry → text, of both.
    """
    own, shared = fields
    return (_wrong_colours(colours) or _wrong_words(words) or _wrong_fields([*own, *shared], words) or _wrong_counts([*own, *shared], style)
            or _wrong_change(own, words) or _wrong_shared(shared) or _wrong_rows([*own, *shared]))


def _wrong_colours(colours: Sequence[str]) -> str | None:
    wrong = next((colour for colour in colours if not HEX.fullmatch(colour)), None)
    return f"{wrong} is no colour; write # and six digits or letters a to f." if wrong is not None else None


def _wrong_words(words: Words) -> str | None:
    first, *others = words
    for other in others:
        if missing := ", ".join(sorted(words[first].keys() ^ words[other].keys())):
            return f"{first}.toml and {other}.toml do not have the same entries ({missing})."
    empty = next((f"{entry} of {language}.toml" for language, texts in words.items() for entry, text in texts.items()
                  if not text.strip()), None)
    return f"{empty} is empty." if empty else None


def _wrong_fields(fields: Sequence["TemplateField"], words: Words) -> str | None:
    entries = next(iter(words.values()))
    keys = [field.key for field in fields]
    for field in fields:
        named = {field.label, field.changes or field.label}
        if keys.count(field.key) > 1 or not named <= entries.keys() or (field.value is None) == (field.text is None) or (
                field.text is not None and field.text not in (*TEXTS, *entries)):
            return f"the field {field.key} stands twice, names an entry that is missing, or has not one value."
        if field.value is not None and field.value not in VALUES:
            return f"the field {field.key} has the value {field.value}; there are {', '.join(VALUES)}."
        expected = "text" if field.value is None else _FORMATS.get(field.value, "number")
        if field.format != expected:
            return f"the field {field.key} is shown as {field.format}; {field.value or 'a text'} is a {expected}."
    return None


def _wrong_counts(fields: Sequence["TemplateField"], style: str) -> str | None:
    at = [field.apple for field in fields]
    for place, most in MOST.items():
        if at.count(place) > most:
            return f"{at.count(place)} {place} fields; {most} have room."
    below = at.count("secondary") + at.count("auxiliary")
    if style == "storeCard" and below > MOST_BELOW:
        return f"{below} secondary and auxiliary fields; {MOST_BELOW} have room on the one row that a store card has."
    lower: tuple[Place, ...] = ("secondary", "auxiliary")
    crowded = next((place for place in lower if at.count(place) > MOST_BELOW), None)
    return f"{at.count(crowded)} {crowded} fields; {MOST_BELOW} have room." if crowded else None


def _wrong_change(own: Sequence["TemplateField"], words: Words) -> str | None:
    announced = [field.changes for field in own if field.changes is not None]
    if len(announced) != 1:
        return "exactly one field announces its changes; several at once show none of their words."
    lacking = next((language for language, texts in words.items() if texts[announced[0]].count(ANNOUNCES) != 1), None)
    return f"{announced[0]} of {lacking}.toml needs {ANNOUNCES} once, where the new value goes." if lacking else None


def _wrong_shared(shared: Sequence["TemplateField"]) -> str | None:
    """They lie on the back, where there is room, and announce nothing."""
    loud = next((field.key for field in shared if field.apple != "back" or field.changes is not None), None)
    return f"the field {loud} of extras.toml is not a silent field on the back." if loud else None


def _wrong_rows(fields: Sequence["TemplateField"]) -> str | None:
    told = next((field.key for field in fields if field.google is not None and field.value in PERSONAL), None)
    if told is not None:
        return f"the field {told} has a row at Google; nothing personal lies there."
    rows = [field.google for field in fields]
    points: tuple[GoogleRow, ...] = ("loyaltyPoints", "secondaryLoyaltyPoints")
    twice = next((row for row in points if rows.count(row) > 1), None)
    return f"two fields are {twice} at Google." if twice else None
