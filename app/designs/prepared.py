"""A design version made ready: every word filled in, in every language, colours safe, pictures drawn. Wallets and pages draw from it."""
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from app.designs import pictures as own_pictures
from app.designs import strip
from app.designs.colours import BrandColours
from app.designs.pictures import NONE, OwnPictures
from app.designs.rules import COMMON_VALUES, ON_EVERY_BACK, DesignContent, Format, GoogleRow, Pictures, Place, WalletExtras
from app.designs.template import Template, TemplateField, load

Words = Mapping[str, str]       # language → text
OPERATION = "operation_"         # begins the entries that name kinds of operations
OTHER = "other"                 # in `PreparedDesign.operations`: an operation of a kind that has no word of its own


@dataclass(frozen=True)
class PreparedField:
    """A field with its words: a `value` of CardFace.values() in a format, or else a `text` that all cards share.

    place: where Apple's pass has it; google: the row of Google's card, None for nowhere; label, text: one for each of the design's
    languages; changes: what the lock screen says of a new value, with %@ for it, on exactly one field of a design.
    """

    key: str
    place: Place
    google: GoogleRow | None
    format: Format
    label: Words
    value: str | None
    text: Words | None
    changes: Words | None


@dataclass(frozen=True)
class PreparedDesign:
    """Everything of a design version that is the same for all its cards. Every `Words` holds each of `languages`.

    style: Apple's (storeCard, coupon, generic); language: the one for phones that speak none of `languages`; location: what the lock
    screen says near one of the business's locations; fields: in the order in which they are shown, those with a value that
    no card of these rules has left out; terms: key → the programme's own words, which fields in the format `term` show (a level's name:
    `terms[face.level]`); operations: kind of operation → what the format `history` calls it, OTHER for any other kind; wallet: the
    barcode's kind, contacts and whatever else the business set; pictures: digests of its own pictures (`images`), each None
    where `images` here holds a drawn one; picture_addresses: file name → path on this server, of these; images: file name → PNG of
    Apple's pass; has_stamps: the strip shows the stamps, so it differs from card to card.

    Google's class is made of name, colours, `wallet` (phone, mail and site as links) and the shared fields with a row; its object of
    the other fields with a row, by `CardFace.values()`. No field with something personal has a row (`limits.PERSONAL`).
    """

    style: str
    languages: tuple[str, ...]
    language: str
    name: Words
    logo_text: Words
    description: Words
    location: Words
    fields: tuple[PreparedField, ...]
    colours: BrandColours
    images: Mapping[str, bytes]
    terms: Mapping[str, Words] = field(default_factory=dict)
    has_stamps: bool = False
    wallet: WalletExtras = field(default_factory=WalletExtras)
    operations: Mapping[str, Words] = field(default_factory=dict)
    pictures: Pictures = field(default_factory=Pictures)
    picture_addresses: Mapping[str, str] = field(default_factory=dict)


def prepare(content: DesignContent, sentences: Mapping[str, Sequence[str]], template: str = "points", *,
            values: Collection[str] = (), terms: Mapping[str, Words] = MappingProxyType({}), addresses: Sequence[str] = (),
            pictures: OwnPictures = NONE) -> PreparedDesign:
    """Join the business's copy with its template and the programme's rules.

    sentences: language → the sentences that explain the rules; values: those that the rules ever fill (`shown.values_of`); fields
    of others are left out, but for what every card has; terms: key → the programme's own words; a language that either lacks gets
    the business's; addresses: of the shops; pictures: the business's own, read. Costs a third of a second when the colours are
    new (pictures are drawn), so a caller keeps the result and calls this in a thread.
    """
    read = load(template)
    words = {language: _filled(read.words[language], content, language) for language in read.languages}
    texts = _texts(content, sentences, addresses, read.languages)

    def entry(name: str) -> Words:
        return texts[name] if name in texts else {language: words[language][name] for language in read.languages}

    near = {language: text for language, text in content.wallet.near if text}
    return PreparedDesign(
        style=read.style, languages=read.languages, language=content.language,
        name={language: content.words(language).name for language in read.languages},
        logo_text={language: content.words(language).logo_text or content.words(language).name for language in read.languages},
        description=entry("description"), location={**entry("location"), **{each: near[each] for each in read.languages if each in near}},
        fields=_fields(read, values, entry), colours=content.colours(),
        images=_images(content, read, pictures), terms=_in_all(terms, content.language, read.languages),
        has_stamps=read.strip == "stamps" and "stamps" in values, wallet=content.wallet, pictures=content.pictures,
        picture_addresses=pictures.addresses,
        operations={name.removeprefix(OPERATION): entry(name) for name in words[content.language] if name.startswith(OPERATION)})


def _fields(read: Template, values: Collection[str], entry: Callable[[str], Words]) -> tuple[PreparedField, ...]:
    """The design's own fields and those of every back, with their words: those that cards of these rules can fill.

    entry: a name in the template → its words. A text that the business did not write has no field.
    """
    def with_words(drawn: TemplateField) -> PreparedField:
        return PreparedField(drawn.key, drawn.apple, drawn.google, drawn.format, entry(drawn.label), drawn.value,
                             entry(drawn.text) if drawn.text else None, entry(drawn.changes) if drawn.changes else None)

    own = [drawn for drawn in read.fields if drawn.value is None or drawn.value in {*values, *COMMON_VALUES}]
    shared = [drawn for drawn in read.extras if drawn.value is None or drawn.value in {*values, *ON_EVERY_BACK}]
    made = [with_words(drawn) for drawn in (*own, *shared)]
    return tuple([each for each in made if each.text is None or all(each.text.values())])


def _texts(content: DesignContent, sentences: Mapping[str, Sequence[str]], addresses: Sequence[str],
           languages: Sequence[str]) -> dict[str, Words]:
    """What stands on the back in words that no template has: in each language the rules, in all of them the contacts."""
    said = {language: "\n".join(sentences.get(language) or sentences[content.language]) for language in languages}
    own = {"phone": content.wallet.phone, "mail": content.wallet.mail, "site": content.wallet.site, "addresses": "\n".join(addresses)}
    return {"rules": said, **{name: dict.fromkeys(languages, text) for name, text in own.items()}}


def _in_all(terms: Mapping[str, Words], own: str, languages: Sequence[str]) -> dict[str, Words]:
    return {key: {language: words.get(language) or words[own] for language in languages} for key, words in terms.items()}


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


def _images(content: DesignContent, template: Template, pictures: OwnPictures) -> Mapping[str, bytes]:
    """The business's own pictures; beside them the template's where the colours are the template's too, else drawn ones."""
    colours = content.colours()
    given = own_pictures.apple_files(pictures, colours)
    if given.keys() >= own_pictures.APPLE_FILES:
        return given        # nothing to draw
    if template.images and (content.background, content.label, content.accent) == template.colours:
        return {**template.images, **given}
    return {**strip.draw(colours), **given}
