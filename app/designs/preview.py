"""A card as pages draw it: the designer's preview, the web card, the demo phone. The same fields, words and values as the pass."""
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from app.designs.colours import BrandColours
from app.designs.prepared import OTHER, PreparedDesign
from app.designs.rules import CardFace, Format, HistoryLine, Value
from app.designs.stamps import stamps_svg
from app.designs.strip import HEIGHT, WIDTH, mark_svg, shade_properties, strip_svg
from app.designs.wallet import Barcode
from app.money import minor_digits
from app.programs import words
from app.web import formats


@dataclass(frozen=True)
class ViewField:
    """A field as text; `value` keeps what it was made from."""

    key: str
    label: str
    text: str
    format: Format
    value: Value


@dataclass(frozen=True)
class PassView:
    """A card in one language, ready for a template."""

    language: str
    name: str
    logo_text: str
    description: str
    header: tuple[ViewField, ...]
    primary: tuple[ViewField, ...]
    row: tuple[ViewField, ...]
    back: tuple[ViewField, ...]
    barcode_message: str
    barcode_text: str
    colours: BrandColours
    is_voided: bool
    barcode: Barcode = "qr"                     # how the code is drawn
    stamps: tuple[int, int] | None = None       # how many of how many the picture shows; None for the rosette
    logo_address: str = ""                      # of the business's own picture on this server; empty: the rosette is drawn
    strip_address: str = ""

    @property
    def css(self) -> dict[str, str]:
        """The custom properties that a page with this card sets."""
        return self.colours.css() | shade_properties(self.colours)

    @property
    def strip(self) -> Markup:
        """The picture: the card's stamps, the business's own, or the rosette in the colours of `css`."""
        if self.strip_address and not self.stamps:
            return _picture(self.strip_address)
        drawing = stamps_svg(self.stamps[1], self.stamps[0]) if self.stamps else strip_svg()
        keep = "xMidYMid" if self.stamps else "xMaxYMid"
        return Markup(f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="{keep} slice" '  # noqa: S704 (our own drawing)
                      f'aria-hidden="true">{drawing}</svg>')

    @property
    def logo(self) -> Markup:
        """The business's own logo, or the small rosette in the colours of `css`."""
        if self.logo_address:
            return _picture(self.logo_address)
        return Markup(f'<svg viewBox="-1 -1 2 2" aria-hidden="true">{mark_svg()}</svg>')  # noqa: S704 (as above)


def _picture(address: str) -> Markup:
    # Without words of its own: the name stands beside it.
    return Markup('<img src="{}" alt="">').format(address)


def preview(design: PreparedDesign, face: CardFace, language: str) -> PassView:
    """`face` drawn with `design`; a language that the design does not have becomes its own."""
    language = language if language in design.languages else design.language
    shown: dict[str, list[ViewField]] = {"header": [], "primary": [], "secondary": [], "auxiliary": [], "back": []}
    values = face.values()
    for field in design.fields:
        if field.format == "history":
            shown[field.place] += [_operation(design, line, at, face.currency, language) for at, line in enumerate(face.history, 1)]
            continue
        value = field.text[language] if field.text is not None else values[field.value or ""]
        if value is not None:
            if field.format == "term":
                value = design.terms[str(value)][language]
            if isinstance(value, date) and field.place in ("header", "primary"):
                text = formats.day_of_year(value, language)     # a month in full would run into the name or the picture
            else:
                text = written(value, field.format, face.currency, language)
            shown[field.place].append(ViewField(field.key, field.label[language], text, field.format, value))
    return PassView(
        language=language, name=design.name[language], logo_text=design.logo_text[language], description=design.description[language],
        header=tuple(shown["header"]), primary=tuple(shown["primary"]), row=(*shown["secondary"], *shown["auxiliary"]),
        back=tuple(shown["back"]), barcode_message=face.barcode_message, barcode_text=formats.in_fours(face.barcode_message),
        colours=design.colours, is_voided=face.is_voided, barcode=design.wallet.barcode, stamps=stamps_of(design, face),
        logo_address=design.picture_addresses.get("logo.webp", ""), strip_address=design.picture_addresses.get("strip.webp", ""))


def stamps_of(design: PreparedDesign, face: CardFace) -> tuple[int, int] | None:
    """What the picture of this card shows: (stamped, places), None where it is the same for all cards."""
    if not design.has_stamps or not face.stamps_size:
        return None
    return min(max(face.stamps or 0, 0), face.stamps_size), face.stamps_size


def _operation(design: PreparedDesign, line: HistoryLine, at: int, currency: str, language: str) -> ViewField:
    """A line of the last operations: what it was, when, and what it brought."""
    said = design.operations.get(line.kind) or design.operations[OTHER]
    day, amount = formats.day_of_year(line.on, language), operation_amount(line, currency, language)
    return ViewField(f"history{at}", said[language], f"{day} · {amount}" if amount else day, "history", line.on)


def operation_amount(line: HistoryLine, currency: str, language: str) -> str:
    """What an operation brought or took, with its sign; what was paid, without; empty for neither."""
    if not line.amount:
        return ""
    if line.unit in ("money", "donated", "paid"):
        amount = formats.money(line.amount, currency, language)
        return f"+{amount}" if line.amount > 0 and line.unit != "paid" else amount
    return formats.signed(line.amount)


def written(value: Value, kind: Format, currency: str, language: str) -> str:
    """A value as people read it; money comes in major units."""
    if kind == "money" and isinstance(value, int | float):
        return formats.money(round(value * 10 ** minor_digits(currency)), currency, language)
    if kind == "number" and isinstance(value, int):
        return formats.points(value)
    if kind == "percent" and isinstance(value, int):
        return words.percent(value, language)
    if kind == "day" and isinstance(value, date):
        return formats.day(value, language, "UTC")
    return str(value)
