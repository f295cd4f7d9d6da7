"""Reads `pass_templates/<design>/`: the fields, the words per language, the pictures.

A language is a file: `xx.toml` in the design's folder, and `extras.xx.toml` beside the folders (English stands in where that one is
missing). Nothing else names the languages.
"""
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from app.designs import limits
from app.designs.rules import LANGUAGES, Format, GoogleRow, Place
from app.errors import SettingsError

# What every card has on its back beside its design's own: fields shared by all designs, beside their folders.
EXTRAS = "extras"
FOLDER = Path(__file__).resolve().parents[2] / "pass_templates"
FIRST = "en"            # the language that every design has, and whose extras stand in for missing ones
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][A-Za-z]{1,3})?")


class TemplateField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field as design.toml has it: a `value` of the card in a `format`, or a `text` of the design."""

    key: str
    label: str
    apple: Place
    value: str | None = None
    text: str | None = None
    format: Format = "text"
    google: GoogleRow | None = None
    changes: str | None = None


class _Colours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    background: str
    label: str
    accent: str


class _Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    style: Literal["storeCard", "coupon", "generic"]
    colours: _Colours
    fields: tuple[TemplateField, ...]
    strip: Literal["rosette", "stamps"] = "rosette"


class _Extras(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fields: tuple[TemplateField, ...]


@dataclass(frozen=True)
class Template:
    """A design's folder, read. words: language → entry → text with {name}, {points}, {about}; images: file name → PNG.

    extras: fields of the back that the design itself does not show; strip: what the picture is, `stamps` for one that shows them.
    """

    name: str
    kind: str
    style: str
    languages: tuple[str, ...]
    colours: tuple[str, str, str]       # background, label, accent: what the pictures are drawn from
    fields: tuple[TemplateField, ...]
    words: Mapping[str, Mapping[str, str]]
    images: Mapping[str, bytes]
    extras: tuple[TemplateField, ...] = ()
    strip: str = "rosette"


@lru_cache
def load(name: str = "points", folder: Path = FOLDER) -> Template:
    """The template `name`. Raises SettingsError with the file and what is wrong in it."""
    place = folder / name
    try:
        description = msgspec.convert(tomllib.loads((place / "design.toml").read_text("utf-8")), _Description)
        words = {language: _strings(place / f"{language}.toml") for language in _languages(place)}
        extras = _extras(folder)
        more = {language: _more(folder, language) if extras else {} for language in words}
    except (OSError, ValueError) as problem:
        raise SettingsError(f"The design in {place} cannot be read: {problem}") from problem
    whole = {language: {**more[language], **words[language]} for language in words}
    shown = {field.value for field in description.fields if field.value is not None}
    others = tuple(field for field in extras if field.value not in shown)
    colours = (description.colours.background, description.colours.label, description.colours.accent)
    if wrong := limits.wrong_template((description.fields, others), description.style, colours, whole):
        raise SettingsError(f"{place}: {wrong}")
    images = {path.name: path.read_bytes() for path in sorted((place / "images").glob("*.png"))}
    return Template(name, description.kind, description.style, tuple(words), colours, description.fields, whole, images, others,
                    description.strip)


def _languages(place: Path) -> list[str]:
    """The languages that lie in a folder, by name, English first. A business's own language must be among them."""
    found = sorted(path.stem for path in place.glob("*.toml") if LANGUAGE.fullmatch(path.stem))
    for language in LANGUAGES:
        if language not in found:
            raise ValueError(f"{language}.toml is missing")
    return [FIRST, *[language for language in found if language != FIRST]]


def _extras(folder: Path) -> tuple[TemplateField, ...]:
    path = folder / f"{EXTRAS}.toml"
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Extras).fields if path.exists() else ()


def _more(folder: Path, language: str) -> dict[str, str]:
    """The words of the extras; the first language's where there are none of this one."""
    path = folder / f"{EXTRAS}.{language}.toml"
    return _strings(path if path.exists() else folder / f"{EXTRAS}.{FIRST}.toml")


def _strings(path: Path) -> dict[str, str]:
    entries = tomllib.loads(path.read_text("utf-8"))
    if not all(isinstance(text, str) for text in entries.values()):
        raise ValueError(f"{path.name} holds something other than texts")
    return entries
