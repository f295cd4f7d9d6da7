"""Sheets of printed coupons: an A4 PDF, ten to a page, each with its own signed QR code, cut marks between them.

Drawn in millimetres from the lower left corner. Everything a holder must know stands on the slip: what it gives, until when, its letters.
"""
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.benefits.rules import in_groups
from app.clock import local_day
from app.web.paper import BOLD, INK, MM, REGULAR, fitting, register_fonts, wrapped

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

PAGE_WIDTH, PAGE_HEIGHT = 210.0, 297.0
COLUMNS, ROWS = 2, 5
MARGIN_X, MARGIN_Y = 11.0, 11.0
WIDTH, HEIGHT = (PAGE_WIDTH - 2 * MARGIN_X) / COLUMNS, (PAGE_HEIGHT - 2 * MARGIN_Y) / ROWS
PADDING, CODE_SIDE, CUT = 5.0, 33.0, 4.0
MOST = 200              # of one file: a second of one core, and twenty pages
SOFT, LINE = "#55554f", "#9a9a92"
WORDS = {
    "en": {"coupon": "Coupon", "until": "Good until {day}.", "between": "Good from {first} to {day}.", "always": "No end date.",
           "once": "Works once. Show it at the till, or open the code with your phone's camera."},
    "ru": {"coupon": "Купон", "until": "Действует до {day} включительно.", "between": "Действует с {first} по {day}.",
           "always": "Без срока.", "once": "Один раз. Покажите на кассе или откройте код камерой телефона."},
}


@dataclass(frozen=True)
class Sheet:
    """What every slip says. language: en or ru; zone: the business's; slips: (code, address) each."""

    business_name: str
    gift: str
    note: str
    starts_at: datetime
    ends_at: datetime | None
    made_at: datetime
    zone: str
    language: str
    colour: str
    slips: Sequence[tuple[str, str]]


def draw(sheet: Sheet) -> bytes:
    """The PDF; at most MOST slips. The same sheet is the same file, byte for byte."""
    # Imported here: 60 ms that only a download needs.
    from reportlab.pdfgen.canvas import Canvas

    assert 0 < len(sheet.slips) <= MOST
    register_fonts()
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(PAGE_WIDTH * MM, PAGE_HEIGHT * MM), invariant=1)
    canvas.setTitle(f"{sheet.business_name}: {sheet.gift}")
    canvas.setAuthor(sheet.business_name)
    valid = validity(sheet)
    for number, (code, address) in enumerate(sheet.slips):
        place = number % (COLUMNS * ROWS)
        if place == 0:
            if number:
                canvas.showPage()
            canvas.scale(MM, MM)
            _cut_marks(canvas)
        left = MARGIN_X + place % COLUMNS * WIDTH
        bottom = PAGE_HEIGHT - MARGIN_Y - (place // COLUMNS + 1) * HEIGHT
        _slip(canvas, sheet, valid, code, address, left, bottom)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def validity(sheet: Sheet) -> str:
    """The window in words, by local days: the last one is included. A beginning that lies before the printing is not worth a word."""
    words = WORDS[sheet.language]
    if sheet.ends_at is None:
        return words["always"]
    last = _day(local_day(sheet.ends_at - timedelta(milliseconds=1), sheet.zone), sheet.language)
    if sheet.starts_at <= sheet.made_at:
        return words["until"].format(day=last)
    return words["between"].format(first=_day(local_day(sheet.starts_at, sheet.zone), sheet.language), day=last)


def _day(day: object, language: str) -> str:
    return f"{day:%d.%m.%Y}" if language == "ru" else f"{day:%d %b %Y}"


def _cut_marks(canvas: "Canvas") -> None:
    """Ticks in the margins and small crosses where four slips meet: enough for a guillotine, and no frame to miss."""
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.15)
    for column in range(COLUMNS + 1):
        x = MARGIN_X + column * WIDTH
        for y in (MARGIN_Y - CUT - 2, PAGE_HEIGHT - MARGIN_Y + 2):
            canvas.line(x, y, x, y + CUT)
    for row in range(ROWS + 1):
        y = MARGIN_Y + row * HEIGHT
        for x in (MARGIN_X - CUT - 2, PAGE_WIDTH - MARGIN_X + 2):
            canvas.line(x, y, x + CUT, y)
        if 0 < row < ROWS:
            x = MARGIN_X + WIDTH
            canvas.line(x - CUT / 2, y, x + CUT / 2, y)
            canvas.line(x, y - CUT / 2, x, y + CUT / 2)


def _slip(canvas: "Canvas", sheet: Sheet, valid: str, code: str, address: str, left: float, bottom: float) -> None:
    words, right = WORDS[sheet.language], left + WIDTH - PADDING
    canvas.setFillColor(sheet.colour)
    canvas.rect(left + PADDING, bottom + PADDING, 1.2, HEIGHT - 2 * PADDING, stroke=0, fill=1)
    at, wide = left + PADDING + 4, WIDTH - 3 * PADDING - CODE_SIDE - 4
    baseline = bottom + HEIGHT - PADDING - 3.2
    baseline = _lines(canvas, f"{sheet.business_name} · {words['coupon']}", REGULAR, 3.0, SOFT, at, baseline, wide, 2)
    size = next((size for size in (5.4, 4.6) if len(wrapped(sheet.gift, BOLD, size, wide)) <= 3), 3.9)
    baseline = _lines(canvas, sheet.gift, BOLD, size, INK, at, baseline - 3.2, wide, 3)
    if sheet.note and sheet.note != sheet.gift:
        baseline = _lines(canvas, sheet.note, REGULAR, 3.0, INK, at, baseline - 0.4, wide, 2)
    foot = [*wrapped(valid, BOLD, 2.9, wide), *wrapped(words["once"], REGULAR, 2.7, wide)][:5]
    bold = len(wrapped(valid, BOLD, 2.9, wide))
    for number, line in enumerate(foot):
        canvas.setFillColor(INK)
        canvas.setFont(BOLD if number < bold else REGULAR, 2.9 if number < bold else 2.7)
        canvas.drawString(at, bottom + PADDING + (len(foot) - 1 - number) * 3.6, line)
    _code(canvas, address, right - CODE_SIDE, bottom + HEIGHT - PADDING - CODE_SIDE)
    canvas.setFillColor(INK)
    shown = in_groups(code)
    canvas.setFont(BOLD, fitting(shown, BOLD, 4.2, CODE_SIDE))
    canvas.drawCentredString(right - CODE_SIDE / 2, bottom + PADDING, shown)


def _lines(canvas: "Canvas", text: str, font: str, size: float, colour: str, at: float, baseline: float, wide: float, most: int) -> float:
    """Sets at most `most` lines, the last one shortened where words are left; returns the next baseline."""
    lines = wrapped(text, font, size, wide)
    if len(lines) > most:
        lines = [*lines[:most - 1], lines[most - 1].rstrip(".,;") + " …"]
    canvas.setFillColor(colour)
    for line in lines:
        canvas.setFont(font, fitting(line, font, size, wide))
        canvas.drawString(at, baseline, line)
        baseline -= size * 1.12
    return baseline


def _code(canvas: "Canvas", address: str, left: float, bottom: float) -> None:
    """The QR as rectangles, level M, drawn as one path: paper is white around it."""
    import segno

    rows = list(segno.make_qr(address, error="m").matrix)
    step, path = CODE_SIDE / len(rows), canvas.beginPath()
    for y, row in enumerate(rows):
        for start, end in _runs(row):
            # A hair larger than a module: renderers leave white seams between neighbours otherwise.
            path.rect(left + start * step, bottom + CODE_SIDE - (y + 1) * step, (end - start) * step, step * 1.01)
    canvas.setFillColor("#000000")
    canvas.drawPath(path, stroke=0, fill=1)


def _runs(row: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(from, until) of neighbouring dark modules."""
    start = None
    for x, dark in enumerate([*row, 0]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            yield start, x
            start = None
