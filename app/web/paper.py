"""Words on paper: the fonts of a PDF, and how wide its text is. ReportLab is loaded where a sheet is drawn, not when the server starts."""
from functools import lru_cache
from pathlib import Path

MM = 72 / 25.4
INK = "#161614"
REGULAR, BOLD = "PT Sans", "PT Sans Bold"
_FILES = {REGULAR: "PT_Sans-Web-Regular.ttf", BOLD: "PT_Sans-Web-Bold.ttf"}


@lru_cache(maxsize=1)
def register_fonts() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for font in _FILES:
        pdfmetrics.registerFont(TTFont(font, str(font_file(font))))


def font_file(font: str) -> Path:
    """Where the letters of REGULAR or BOLD are kept."""
    import fontpkg_pt_sans

    return Path(fontpkg_pt_sans.__file__).parent / "files" / _FILES[font]


def width(text: str, font: str, size: float) -> float:
    from reportlab.pdfbase import pdfmetrics

    return pdfmetrics.stringWidth(text, font, size)


def fitting(text: str, font: str, size: float, wide: float) -> float:
    """`size`, or the smaller one at which `text` is as wide as `wide`."""
    return min(size, size * wide / max(width(text, font, size), 1.0))


def wrapped(text: str, font: str, size: float, wide: float) -> list[str]:
    """The words of `text` in lines no wider than `wide`; a single longer word stays whole, and so do two with a hard space between."""
    lines: list[str] = []
    for word in filter(None, text.split(" ")):
        if lines and width(f"{lines[-1]} {word}", font, size) <= wide:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def balanced(text: str, font: str, size: float, wide: float) -> list[str]:
    """`wrapped` in the same number of lines, but of like length: no word stands alone on the last one."""
    lines = wrapped(text, font, size, wide)
    narrow, enough = 0.0, wide
    for _ in range(8):
        middle = (narrow + enough) / 2
        tried = wrapped(text, font, size, middle)
        if len(tried) == len(lines) and all(width(line, font, size) <= middle for line in tried):
            lines, enough = tried, middle
        else:
            narrow = middle
    return lines
