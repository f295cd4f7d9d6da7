"""The poster that hangs at the door: a PDF with the enrolment link as a QR code, sharp at any size.

One sheet, drawn on a grid of 210 × 297 units whatever its real size: art above, the headline, three steps beside the code.
"""
import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from app.designs.colours import BrandColours
from app.designs.strip import HEIGHT, WIDTH, shades, strip_stones
from app.web.paper import BOLD, INK, MM, REGULAR, fitting, register_fonts, wrapped

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

SIZES = {"a4": (210.0, 297.0), "a5": (148.0, 210.0), "table": (105.0, 148.5)}      # millimetres; `table` stands on a counter
GRID_WIDTH, GRID_HEIGHT = 210.0, 297.0
ART_HEIGHT = 104.0
MARGIN = 18.0
CODE_SIDE = 74.0
LOGO_ROOM, LOGO_RIM = (72.0, 22.5), 5.0
WORDS = {
    "en": {"steps": ("Point your camera at the code.", "Type your number; we text you a link.", "Your card is in your phone. No app."),
           "foot": "We text you once. More only if you ask."},
    "ru": {"steps": ("Наведите камеру на код.", "Введите номер — пришлём ссылку.", "Карта в телефоне. Без приложения."),
           "foot": "Одно сообщение, остальное — по желанию."},
}


@dataclass(frozen=True)
class Poster:
    """What a sheet says. address: the enrolment page, in the QR; shown: the same, short enough to be typed; cover, logo: PNG files of
    the business's own pictures, None where the stones are drawn and the name stands alone."""

    business_name: str
    headline: str
    address: str
    shown: str
    language: str
    size: str
    colours: BrandColours
    cover: bytes | None = None
    logo: bytes | None = None


def draw(poster: Poster) -> bytes:
    """The poster as a PDF of one page. size: a key of SIZES; language: en or ru."""
    # Imported here: 60 ms that only a download of a poster needs.
    from reportlab.pdfgen.canvas import Canvas

    register_fonts()
    width, height = SIZES[poster.size]
    out = io.BytesIO()
    # invariant: the same poster is the same file, byte for byte
    canvas = Canvas(out, pagesize=(width * MM, height * MM), invariant=1)
    canvas.setTitle(f"{poster.business_name}: {poster.headline}")
    canvas.setAuthor(poster.business_name)
    canvas.scale(width * MM / GRID_WIDTH, height * MM / GRID_HEIGHT)
    _art(canvas, poster)
    top = _headline(canvas, poster.headline)
    _steps(canvas, poster, top)
    _code(canvas, poster, top)
    _foot(canvas, poster)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


@lru_cache(maxsize=64)
def code_reads(address: str) -> bool:
    """Whether another program reads the code of `address` as it is drawn here, level Q, on paper."""
    import segno
    import zxingcpp
    from PIL import Image

    picture = io.BytesIO()
    segno.make_qr(address, error="q").save(picture, kind="png", scale=4, border=4)
    found = zxingcpp.read_barcodes(Image.open(picture).convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return [code.text for code in found] == [address]


def _art(canvas: "Canvas", poster: Poster) -> None:
    """The band on top: the card's own picture, enlarged until it fills the band, and the logo on the card's colour."""
    bottom = GRID_HEIGHT - ART_HEIGHT
    canvas.saveState()
    frame = canvas.beginPath()
    frame.rect(0, bottom, GRID_WIDTH, ART_HEIGHT)
    canvas.clipPath(frame, stroke=0, fill=0)
    canvas.setFillColor(poster.colours.brand)
    canvas.rect(0, bottom, GRID_WIDTH, ART_HEIGHT, stroke=0, fill=1)
    if poster.cover:
        wide = ART_HEIGHT * WIDTH / HEIGHT
        _picture(canvas, poster.cover, (GRID_WIDTH - wide) / 2, bottom, wide, ART_HEIGHT)
    else:
        _stones(canvas, poster.colours, bottom)
    if poster.logo:
        plate_wide, plate_high = LOGO_ROOM[0] + 2 * LOGO_RIM, LOGO_ROOM[1] + 2 * LOGO_RIM
        wide, high = _within(poster.logo, LOGO_ROOM)
        plate_wide -= LOGO_ROOM[0] - wide
        canvas.setFillColor(poster.colours.brand)
        canvas.roundRect(MARGIN, bottom + MARGIN, plate_wide, plate_high, LOGO_RIM / 2, stroke=0, fill=1)
        _picture(canvas, poster.logo, MARGIN + LOGO_RIM, bottom + MARGIN + (plate_high - high) / 2, wide, high)
    canvas.restoreState()


def _within(picture: bytes, room: tuple[float, float]) -> tuple[float, float]:
    """Width and height of a picture that fills `room` in one direction."""
    from PIL import Image

    with Image.open(io.BytesIO(picture), formats=("PNG",)) as opened:
        scale = min(room[0] / opened.width, room[1] / opened.height)
        return opened.width * scale, opened.height * scale


def _picture(canvas: "Canvas", picture: bytes, left: float, bottom: float, wide: float, high: float) -> None:
    from reportlab.lib.utils import ImageReader

    canvas.drawImage(ImageReader(io.BytesIO(picture)), left, bottom, wide, high, mask="auto")


def _stones(canvas: "Canvas", colours: BrandColours, bottom: float) -> None:
    """The rosette in sight at the right."""
    known, scale = shades(colours), max(GRID_WIDTH / WIDTH, ART_HEIGHT / HEIGHT)
    left, middle = GRID_WIDTH - WIDTH * scale, bottom + ART_HEIGHT / 2
    for stone in strip_stones():
        path = canvas.beginPath()
        for number, (x, y) in enumerate(stone.corners):
            point = left + x * scale, middle - (y - HEIGHT / 2) * scale
            (path.lineTo if number else path.moveTo)(*point)
        path.close()
        canvas.setFillColor(known[stone.shade])
        canvas.drawPath(path, stroke=0, fill=1)


def _headline(canvas: "Canvas", text: str) -> float:
    """Sets the headline as large as fits in three lines; returns where the words below begin."""
    wide = GRID_WIDTH - 2 * MARGIN
    size, lines = next((size, lines) for size in (20.0, 17.0, 14.0, 11.5, 9.0, 7.0)
                       if len(lines := wrapped(text, BOLD, size, wide)) <= (2 if size > 12 else 3) or size == 7.0)
    canvas.setFillColor(INK)
    baseline = GRID_HEIGHT - ART_HEIGHT - 11 - size
    for line in lines[:4]:
        canvas.setFont(BOLD, size)
        canvas.drawString(MARGIN, baseline, line)
        baseline -= size * 1.04
    return baseline + size * 1.04 - 14


def _steps(canvas: "Canvas", poster: Poster, top: float) -> None:
    size, baseline = 6.4, top - 6
    wide = GRID_WIDTH - 3 * MARGIN - CODE_SIDE
    for number, step in enumerate(WORDS[poster.language]["steps"], 1):
        canvas.setFont(BOLD, size)
        canvas.setFillColor(poster.colours.ui_light)
        canvas.drawString(MARGIN, baseline, str(number))
        canvas.setFont(REGULAR, size)
        canvas.setFillColor(INK)
        for line in wrapped(step, REGULAR, size, wide - 9):
            canvas.drawString(MARGIN + 9, baseline, line)
            baseline -= size * 1.28
        baseline -= size * 0.7


def _code(canvas: "Canvas", poster: Poster, top: float) -> None:
    """The QR as rectangles, level Q: it survives a scratched sheet. Paper is white around it, four modules and more."""
    import segno

    rows = list(segno.make_qr(poster.address, error="q").matrix)
    step = CODE_SIDE / len(rows)
    left, upper = GRID_WIDTH - MARGIN - CODE_SIDE, top
    canvas.setFillColor("#000000")
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            run = x
            while run < len(row) and row[run]:
                run += 1
            if run > x:
                # A hair larger than a module: renderers leave white seams between neighbours otherwise.
                canvas.rect(left + x * step, upper - (y + 1) * step, (run - x) * step, step * 1.01, stroke=0, fill=1)
            x = max(run, x + 1)
    canvas.setFillColor(INK)
    canvas.setFont(BOLD, fitting(poster.shown, BOLD, 5.0, CODE_SIDE))
    canvas.drawCentredString(left + CODE_SIDE / 2, upper - CODE_SIDE - 8, poster.shown)


def _foot(canvas: "Canvas", poster: Poster) -> None:
    canvas.setFillColor(INK)
    canvas.setFont(BOLD, fitting(poster.business_name, BOLD, 6.4, 74))
    canvas.drawString(MARGIN, 13, poster.business_name)
    foot = str(WORDS[poster.language]["foot"])
    canvas.setFont(REGULAR, fitting(foot, REGULAR, 4.8, 92))
    canvas.drawRightString(GRID_WIDTH - MARGIN, 13, foot)
