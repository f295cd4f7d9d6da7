"""What a card's design is: the business's own copy, what a card shows through it, and what makes sense in either."""
from datetime import date, datetime
from typing import Literal

import msgspec

from app.designs.colours import HEX, BrandColours, derive
from app.designs.wallet import Action, Nfc, RelevantSpan, WalletExtras, is_unprintable, wrong_extras
from app.errors import FieldError, Invalid
from app.money import minor_digits
from app.text import N_

__all__ = [
    "COMMON_VALUES", "LANGUAGES", "ON_EVERY_BACK", "STOP", "VALUES", "Action", "CardFace", "CardWords", "DesignContent", "Format",
    "GoogleRow", "HistoryLine", "Nfc", "Pictures", "Place", "RelevantSpan", "Value", "WalletExtras", "default_content", "dump", "parse",
    "validate"]

# The languages in which a business writes its own words; the program's words are in as many as pass_templates/ has.
LANGUAGES = ("en", "ru")
Place = Literal["header", "primary", "secondary", "auxiliary", "back"]
# Where Google's card shows a field, None for nowhere: its points, its second points, or a row of text.
GoogleRow = Literal["loyaltyPoints", "secondaryLoyaltyPoints", "textModulesData"]
# percent: basis points; term: the key of one of the programme's own words, such as a level; history: several lines
Format = Literal["text", "number", "money", "day", "link", "percent", "term", "history"]

LONGEST = {"name": 64, "logo_text": 64, "points": 24, "about": 1000}


class CardWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The business's words on the card in one language: its name (also the title of lock-screen messages), what a point is called
    (as a heading: "Points", «Баллы»), the text beside the logo where it differs from the name, and its own text on the back."""

    name: str
    points: str
    logo_text: str = ""
    about: str = ""


class Pictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The business's own pictures, each by the digest under which the room `images` keeps it; None: the template's is drawn."""

    logo: str | None = None
    icon: str | None = None
    strip: str | None = None


class DesignContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of a business's design. Colours are "#rrggbb" in lower case, exactly as chosen; `text` and `accent` may be left open.

    `language` is the one that phones in neither of ours see.
    """

    en: CardWords
    ru: CardWords
    background: str
    label: str
    text: str | None = None
    accent: str | None = None
    language: Literal["en", "ru"] = "en"
    pictures: Pictures = Pictures()
    wallet: WalletExtras = WalletExtras()

    def words(self, language: str) -> CardWords:
        """The business's words in `language`; those of the design's own language where it wrote none."""
        return self.ru if (language if language in LANGUAGES else self.language) == "ru" else self.en

    def colours(self) -> BrandColours:
        """The colours made safe, with what was corrected."""
        return derive(self.background, self.label, self.text, self.accent)


class HistoryLine(msgspec.Struct, frozen=True):
    """Something that was done on the card's account. on: the day where the business is; kind: the operation's (`sale`, `refund`, …);
    amount: what it brought or took, in `unit`: points, stamps, visits, money or donated (minor units); or `paid`: what was paid where
    nothing changed; 0 with neither."""

    on: date
    kind: str
    amount: int
    unit: str


Value = int | float | str | date | tuple[HistoryLine, ...]


class CardFace(msgspec.Struct, frozen=True):
    """What a card shows, in whatever wallet: plain values, no words. (A Struct: one is made per pass, in a tenth of a dataclass's time.)

    balance: points that can be spent, below zero for a debt; worth_minor: what they are worth at the till, minor units of
    `currency`, >= 0; expiring_points and expires_on: the lot that ends first, its last good day where the business is, or None for
    both; page_link: the address of the card's page that may be shared, None where there is none.

    What only some kinds have is None elsewhere: money_minor, expiring_minor, pending_minor: a balance in money; pending: points that
    wait; rate_bp: what comes back; discount_bp; level: its key; next_minor or next_count: what is missing to the next level, by what
    levels measure; stamps of stamps_size; visits; valid_until: a membership's last good day, also of one that is over; donated_minor;
    vouchers: rewards ready to be collected, and voucher_until, the last good day of the one that ends first.

    expires_at: when the card itself ends (a membership, a gift card, coupons), aware, None for a card without an end; history: the last
    operations, newest first, five at most, none of a card that is voided. Neither stands at Google: history is personal.
    """

    barcode_message: str
    balance: int
    worth_minor: int
    currency: str
    name: str | None = None
    expiring_points: int | None = None
    expires_on: date | None = None
    page_link: str | None = None
    is_voided: bool = False
    money_minor: int | None = None
    expiring_minor: int | None = None
    pending: int | None = None
    pending_minor: int | None = None
    rate_bp: int | None = None
    discount_bp: int | None = None
    level: str | None = None
    next_minor: int | None = None
    next_count: int | None = None
    stamps: int | None = None
    stamps_size: int | None = None
    visits: int | None = None
    valid_until: date | None = None
    donated_minor: int | None = None
    vouchers: int | None = None
    voucher_until: date | None = None
    expires_at: datetime | None = None
    history: tuple[HistoryLine, ...] = ()

    def values(self) -> dict[str, Value | None]:
        """The values that a design's fields name. Money is in major units, as wallets take it: whole where it is whole."""
        minor = 10 ** minor_digits(self.currency)
        return {
            "balance": self.balance, "worth": _major(self.worth_minor, minor), "name": self.name or None,
            "expiring_points": self.expiring_points, "expires_on": self.expires_on, "page_link": self.page_link,
            "history": self.history or None, "stop_link": f"{self.page_link}{STOP}" if self.page_link else None,
            "money": _major(self.money_minor, minor), "expiring_money": _major(self.expiring_minor, minor), "pending": self.pending,
            "pending_money": _major(self.pending_minor, minor), "rate": self.rate_bp, "discount": self.discount_bp, "level": self.level,
            "next_money": _major(self.next_minor, minor), "next_count": self.next_count, "stamps": self._stamps(), "visits": self.visits,
            "valid_until": self.valid_until, "donated": _major(self.donated_minor, minor), "vouchers": self.vouchers,
            "voucher_until": self.voucher_until}

    def _stamps(self) -> str | None:
        return None if self.stamps is None else f"{self.stamps} / {self.stamps_size}"


def _major(minor: int | None, unit: int) -> int | float | None:
    if minor is None:
        return None
    return minor / unit if minor % unit else minor // unit


# What every card has; the others depend on the programme's rules.
ON_EVERY_BACK = ("page_link", "history", "stop_link")
COMMON_VALUES = ("balance", "worth", "name", "expiring_points", "expires_on", *ON_EVERY_BACK)
VALUES = (*COMMON_VALUES, "money", "expiring_money", "pending", "pending_money", "rate", "discount", "level", "next_money", "next_count",
          "stamps", "visits", "valid_until", "donated", "vouchers", "voucher_until")
STOP = "#agreed"         # where the card's page says what was agreed to, and takes it back


def default_content(name_en: str, name_ru: str | None = None, *, language: Literal["en", "ru"] = "en", background: str = "#0f4546",
                    label: str = "#f6d8b0", accent: str | None = "#c98345") -> DesignContent:
    """The design that a new programme starts with: the template's colours, the business's name, plain points."""
    return DesignContent(en=CardWords(name_en, "Points"), ru=CardWords(name_ru or name_en, "Баллы"), background=background,
                         label=label, accent=accent, language=language)


def validate(content: DesignContent) -> None:
    """Raises Invalid, a sentence for each field (`en.name`, `background`, …), unless a wallet can show this."""
    wrong = [error for language in LANGUAGES for error in _wrong_words(content.words(language), language)]
    for field in ("background", "label", "text", "accent"):
        colour = getattr(content, field)
        if not (colour is None and field in ("text", "accent")) and not HEX.fullmatch(colour):
            wrong.append(FieldError(field, "colour", N_("Type the colour as # and six digits or letters a to f, such as #0f4546.")))
    wrong += wrong_extras(content.wallet)
    if wrong:
        raise Invalid(fields=wrong)


def _wrong_words(words: CardWords, language: str) -> list[FieldError]:
    wrong = []
    for field, longest in LONGEST.items():
        text = getattr(words, field)
        name = f"{language}.{field}"
        if not text.strip() and field in ("name", "points"):
            wrong.append(FieldError(name, "required", N_("Type something here; the card shows it.")))
        elif len(text) > longest:
            wrong.append(FieldError(name, "too_long", N_("This is longer than a card can show. Shorten it.")))
        elif is_unprintable(text, lines=field == "about"):
            wrong.append(FieldError(name, "characters", N_("There are characters in here that no card can show. Type the text anew.")))
    if "%" in words.points:
        # The word stands in the message that the lock screen makes, where % means the new number.
        wrong.append(FieldError(f"{language}.points", "characters", N_("What a point is called cannot hold a % sign.")))
    return wrong


def parse(text: str | bytes) -> DesignContent:
    """A stored or posted design from its JSON. Raises Invalid for other fields or types than a design has."""
    try:
        return msgspec.json.decode(text, type=DesignContent)
    except msgspec.DecodeError as error:
        raise Invalid(fields=[FieldError("content", "type", N_("This is not a card's design."))]) from error


def dump(content: DesignContent) -> str:
    """The JSON that `parse` reads."""
    return msgspec.json.encode(content).decode()
