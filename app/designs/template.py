"""Reads `pass_templates/<design>/`: the fields, the words per language, the pictures."""
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from app.designs.rules import VALUES, Format, Place
from app.errors import SettingsError

# What a programme has beside its design's own: fields for the back, shared by all designs, beside their folders.
EXTRAS = "extras"
FOLDER = Path(__file__).resolve().parents[2] / "pass_templates"


class TemplateField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field as design.toml has it: a `value` of the card in a `format`, or a `text` of the design."""

    key: str
    label: str
    apple: Place
    value: str | None = None
    text: str | None = None
    format: Format = "text"
    google: str | None = None
    changes: str | None = None


class _Colours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    background: str
    label: str
    accent: str


class _Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    style: str
    languages: tuple[str, ...]
    colours: _Colours
    fields: tuple[TemplateField, ...]
    strip: Literal["rosette", "stamps"] = "rosette"


class _Extras(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fields: tuple[TemplateField, ...]


@dataclass(frozen=True)
class Template:
    """A design's folder, read. words: language → entry → text with {name}, {points}, {about}; images: file name → PNG.

    extras: fields of values that the design itself does not show; strip: what the picture is, `stamps` for one that shows them.
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
        words = {language: _strings(place / f"{language}.toml") for language in description.languages}
        extras = _extras(folder)
        more = {language: _strings(folder / f"{EXTRAS}.{language}.toml") if extras else {} for language in description.languages}
    except (OSError, ValueError) as problem:
        raise SettingsError(f"The design in {place} cannot be read: {problem}") from problem
    _check(description, words, place)
    _check_extras(extras, more, folder)
    images = {path.name: path.read_bytes() for path in sorted((place / "images").glob("*.png"))}
    colours = description.colours
    return Template(name, description.kind, description.style, description.languages,
                    (colours.background, colours.label, colours.accent), description.fields,
                    {language: {**more[language], **words[language]} for language in words}, images,
                    tuple(field for field in extras if field.value not in {own.value for own in description.fields}), description.strip)


def _extras(folder: Path) -> tuple[TemplateField, ...]:
    path = folder / f"{EXTRAS}.toml"
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _Extras).fields if path.exists() else ()


def _strings(path: Path) -> dict[str, str]:
    entries = tomllib.loads(path.read_text("utf-8"))
    if not all(isinstance(text, str) for text in entries.values()):
        raise ValueError(f"{path.name} holds something other than texts")
    return entries


def _check(description: _Description, words: Mapping[str, Mapping[str, str]], place: Path) -> None:
    """Every field names things that exist, in every language, and one of them announces its changes."""
    _check_fields(description.fields, words, place)
    if sum(field.changes is not None for field in description.fields) != 1:
        raise SettingsError(f"{place}: exactly one field announces its changes; several at once show none of their words.")


def _check_extras(extras: Sequence[TemplateField], words: Mapping[str, Mapping[str, str]], place: Path) -> None:
    """The same; they lie on the back, where there is room, and announce nothing."""
    _check_fields(extras, words, place)
    for field in extras:
        if field.apple != "back" or field.value is None or field.changes is not None:
            raise SettingsError(f"{place}: the field {field.key} of {EXTRAS}.toml is not a silent value on the back.")


def _check_fields(fields: Sequence[TemplateField], words: Mapping[str, Mapping[str, str]], place: Path) -> None:
    first, *others = words
    for other in others:
        if words[first].keys() != words[other].keys():
            missing = ", ".join(sorted(words[first].keys() ^ words[other].keys()))
            raise SettingsError(f"{place}: {first}.toml and {other}.toml do not have the same entries ({missing}).")
    keys = [field.key for field in fields]
    for field in fields:
        known = {"rules", *words[first]}
        named = {field.label, field.changes or field.label, field.text or "rules"}
        if keys.count(field.key) > 1 or named - known or (field.value is None) == (field.text is None):
            raise SettingsError(f"{place}: the field {field.key} stands twice, names an entry that is missing, or has not one value.")
        if field.value is not None and field.value not in VALUES:
            raise SettingsError(f"{place}: the field {field.key} has the value {field.value}; there are {', '.join(VALUES)}.")
