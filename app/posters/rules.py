"""What a sheet says and how large it is; a place is where it hangs."""
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from app.designs.colours import BrandColours, contrast, derive
from app.errors import FieldError, Refused
from app.text import N_

HEADLINE_MOST, PLACE_MOST = 80, 40
LANGUAGES = ("en", "ru")
BOTH = "both"
# The name by which the button on a shop's own site is counted.
SITE = "site"
WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {"steps": ("Point your camera at the code.", "Type your number; we text you a link.", "Your card is in your phone. No app."),
           "foot": ("We text you once. More only if you ask.",)},
    "ru": {"steps": ("Наведите камеру на код.", "Введите номер — пришлём ссылку.", "Карта в телефоне. Без приложения."),
           "foot": ("Одно сообщение, остальное — по желанию.",)},
}
LAID = {"upright": (210.0, 297.0), "wide": (210.0, 148.5), "screen": (338.6666, 190.5), "sticker": (60.0, 60.0)}


@dataclass(frozen=True, slots=True)
class Format:
    """A sheet: wide × high millimetres, `dpi` of its PNG; laid: which face stands on it; grid: how many faces across and down."""

    wide: float
    high: float
    laid: str
    dpi: int = 300
    grid: tuple[int, int] = (1, 1)


# The till's screen is a slide of 13⅓ × 7½ inches: 1920 × 1080 at 144 dots an inch.
FORMATS: Mapping[str, Format] = {
    "a4": Format(210, 297, "upright"), "a5": Format(148, 210, "upright"), "table": Format(210, 297, "wide", grid=(1, 2)),
    "stickers90": Format(210, 297, "sticker", grid=(2, 3)), "stickers60": Format(210, 297, "sticker", grid=(3, 4)),
    "stickers45": Format(210, 297, "sticker", grid=(4, 6)), "screen": Format(338.6666, 190.5, "screen", dpi=144)}
FORMAT_WORDS = {"a4": "A4", "a5": "A5", "table": N_("Table tent"), "stickers90": N_("6 stickers, 9 cm"),
                "stickers60": N_("12 stickers, 6 cm"), "stickers45": N_("24 stickers, 4.5 cm"), "screen": N_("Till screen")}
KINDS = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}


class CodeUnread(Refused):
    """What was drawn could not be read back: nobody shall print it."""

    code = "poster_code_unread"
    detail = N_("We scanned the code on the finished sheet and could not read it, so the sheet is not handed out. "
                "Choose a larger size or a shorter name for the place.")


@dataclass(frozen=True, slots=True)
class Saying:
    """What a sheet says in one language."""

    language: str
    name: str
    headline: str

    @property
    def steps(self) -> tuple[str, ...]:
        return WORDS[self.language]["steps"]

    @property
    def foot(self) -> str:
        return WORDS[self.language]["foot"][0]


@dataclass(frozen=True, slots=True)
class Poster:
    """A sheet before it is laid out.

    size: a key of FORMATS; says: one or two languages, the first larger; address: the enrolment page, in the code; shown: the same,
    short enough to be typed; cover, logo: PNG files of the business's own pictures, None where the stones are drawn and the name
    stands alone.
    """

    size: str
    says: tuple[Saying, ...]
    address: str
    shown: str
    colours: BrandColours
    cover: bytes | None = None
    logo: bytes | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sheet hangs or a link stands. slug: what `?from=` says; location_id: the shop, None for a place outside of all."""

    id: int
    name: str
    slug: str
    location_id: int | None


@dataclass(frozen=True, slots=True)
class Brought:
    """What a place brought: how often the page was opened from it, and how many cards came of that."""

    slug: str
    name: str
    location: str
    visits: int
    cards: int


def languages_of(choice: str, own: str) -> tuple[str, ...]:
    """choice: en, ru or both; of both the business's own comes first."""
    if choice != BOTH:
        return (choice,)
    first = own if own in LANGUAGES else LANGUAGES[0]
    return (first, *(each for each in LANGUAGES if each != first))


def wrong_choices(values: Mapping[str, str]) -> list[FieldError]:
    """values: size, poster_language, headline and second (the one in the other language, of a sheet in both), colour ("" or #rrggbb)."""
    wrong = []
    for name, offered in (("size", tuple(FORMATS)), ("poster_language", (*LANGUAGES, BOTH))):
        if values[name] not in offered:
            wrong.append(FieldError(name, "choice", N_("Choose one of the sizes and languages that are offered.")))
    for name in ("headline", "second") if values["poster_language"] == BOTH else ("headline",):
        if len(values[name]) > HEADLINE_MOST or not values[name].isprintable():
            wrong.append(FieldError(name, "too_long", N_("A headline has at most 80 letters.")))
    if values["colour"] and not is_colour(values["colour"]):
        wrong.append(FieldError("colour", "colour", N_("A colour is written as # and six digits, such as #0f4546.")))
    return wrong


def wrong_place(name: str) -> list[FieldError]:
    if not name:
        return [FieldError("place", "missing", N_("Say where it will hang."))]
    if len(name) > PLACE_MOST or not name.isprintable():
        return [FieldError("place", "too_long", N_("The name of a place has at most 40 letters."))]
    return []


def is_colour(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and all(letter in "0123456789abcdef" for letter in text[1:])


def colours_with(own: BrandColours, colour: str) -> BrandColours:
    """The business's colours, or those that follow from another ground; either way every word reads on it."""
    return derive(colour, own.label) if colour and colour != own.brand else own


def judged(colours: BrandColours) -> tuple[float, float]:
    """(contrast of the words on the colour, contrast of the colour's own words on white), each rounded down to a tenth."""
    found = contrast(colours.on_brand, colours.brand), contrast(colours.ui_light, "#ffffff")
    return int(found[0] * 10) / 10, int(found[1] * 10) / 10


def link_of(page: str, slug: str) -> str:
    """The enrolment page's address with the place's name in it."""
    return f"{page}?{urlencode({'from': slug})}" if slug else page


def free_slug(wanted: str, taken: set[str]) -> str:
    """`wanted`, at most 40 letters, or the first of wanted-2, wanted-3 … that is free."""
    wanted = wanted[:PLACE_MOST].strip("-") or "place"
    number, slug = 1, wanted
    while slug in taken or slug == SITE:
        number += 1
        slug = f"{wanted[:PLACE_MOST - 4]}-{number}"
    return slug
