"""A design version made ready: every word filled in, in every language, colours safe, pictures drawn. Wallets and pages draw from it."""
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from app.designs import strip
from app.designs.colours import BrandColours
from app.designs.rules import COMMON_VALUES, DesignContent, Format, Place
from app.designs.template import Template, load

Words = Mapping[str, str]       # language → text


@dataclass(frozen=True)
class PreparedField:
    """A field with its words: a `value` of CardFace.values() in a format, or else a `text` that all cards share."""

    key: str
    place: Place
    google: str | None
    format: Format
    label: Words
    value: str | None
    text: Words | None
    changes: Words | None


@dataclass(frozen=True)
class PreparedDesign:
    """Everything of a design version that is the same for all its cards."""

    style: str
    languages: tuple[str, ...]
    language: str               # the one for phones that speak none of `languages`
    name: Words
    logo_text: Words
    description: Words
    location: Words             # what the lock screen says near one of the business's locations
    fields: tuple[PreparedField, ...]
    colours: BrandColours
    images: Mapping[str, bytes]
    terms: Mapping[str, Words] = field(default_factory=dict)        # the programme's own words, which fields in the format `term` show
    has_stamps: bool = False                                # the strip shows the stamps, so it differs from card to card


def prepare(content: DesignContent, sentences: Mapping[str, Sequence[str]], template: str = "points", *,
            values: Collection[str] = (), terms: Mapping[str, Words] = MappingProxyType({})) -> PreparedDesign:
    """Join the business's copy with its template and the programme's rules.

    sentences: language → the sentences that explain the rules; values: those that the rules ever fill (`shown.values_of`); fields
    of others are left out, but for what every card has; terms: key → the programme's own words. Costs a third of a second when the
    colours are new (pictures are drawn), so a caller keeps the result per design and rules version, and calls this in a thread.
    """
    read = load(template)
    words = {language: _filled(read.words[language], content, language) for language in read.languages}
    rules = {language: "\n".join(sentences[language]) for language in read.languages}

    def entry(name: str) -> Words:
        return rules if name == "rules" else {language: words[language][name] for language in read.languages}

    fields = []
    for drawn in (*[own for own in read.fields if own.value is None or own.value in {*values, *COMMON_VALUES}],
                  *[extra for extra in read.extras if extra.value in values]):
        text = entry(drawn.text) if drawn.text else None
        if text is not None and not all(text.values()):
            continue        # the business has no such text
        fields.append(PreparedField(drawn.key, drawn.apple, drawn.google, drawn.format, entry(drawn.label), drawn.value, text,
                                    entry(drawn.changes) if drawn.changes else None))
    return PreparedDesign(
        style=read.style, languages=read.languages, language=content.language,
        name={language: content.words(language).name for language in read.languages},
        logo_text={language: content.words(language).logo_text or content.words(language).name for language in read.languages},
        description=entry("description"), location=entry("location"), fields=tuple(fields), colours=content.colours(),
        images=_images(content, read), terms=terms, has_stamps=read.strip == "stamps" and "stamps" in values)


def _filled(words: Mapping[str, str], content: DesignContent, language: str) -> dict[str, str]:
    own = content.words(language)
    # Replaced one by one, not formatted: a name may hold braces.
    filled = {}
    for name, text in words.items():
        if text in ("{about}", "{points}"):
            # A text in one language only is better than none in the other.
            filled[name] = (own.about or content.en.about or content.ru.about).strip() if text == "{about}" else own.points
        else:
            filled[name] = text.replace("{points}", own.points).replace("{name}", own.name)
    return filled


def _images(content: DesignContent, template: Template) -> Mapping[str, bytes]:
    """The template's own pictures where the colours are the template's too, else the same picture drawn in the business's colours."""
    colours = content.colours()
    if template.images and (content.background, content.label, content.accent) == template.colours:
        return template.images
    return strip.draw(colours)
