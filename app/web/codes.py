"""Codes that scanners read, as SVG of one short path each: what the card page, the console and the demo phone draw.

A code is black on the white that the page gives it; linear and stacked codes bring their own quiet zone, which scanners need at
their sides.
"""
import re
from functools import lru_cache
from typing import Any

from markupsafe import Markup

NAMES = {"qr": "QR", "aztec": "Aztec", "pdf417": "PDF417", "code128": "Code 128"}
_FORMATS = {"aztec": "Aztec", "pdf417": "PDF417", "code128": "Code128"}
# What one module is in the drawing's height, and the quiet zone at both sides in modules (ISO/IEC 15417, 15438).
BAR_HEIGHT = 34
QUIET = {"aztec": 0, "pdf417": 2, "code128": 10}


@lru_cache(maxsize=256)
def qr_svg(text: str, label: str = "QR", level: str = "m") -> Markup:
    """A QR code without a quiet zone: the page gives it white space. `level`: l, m, q or h."""
    # Imported here: only pages with a code need it.
    import segno

    return _svg([list(row) for row in segno.make(text, error=level, micro=False).matrix], label)


@lru_cache(maxsize=512)
def code_svg(kind: str, text: str) -> Markup:
    """`text` (ASCII) as the code that a card shows. kind: qr, aztec, pdf417 or code128 (zint draws those within zxing-cpp)."""
    if kind == "qr":
        return qr_svg(text)
    import zxingcpp

    made: Any = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, _FORMATS[kind]))
    pixels: Any = memoryview(made.to_image(scale=1, add_quiet_zones=False)).tolist()
    rows = [[int(pixel == 0) for pixel in row] for row in pixels]
    return _svg(rows[:1] if kind == "code128" else rows, NAMES[kind], QUIET[kind], BAR_HEIGHT if kind == "code128" else 1)


def _svg(rows: list[list[int]], label: str, quiet: int = 0, tall: int = 1) -> Markup:
    """rows: 1 for black; quiet: white columns at each side; tall: of a row, in columns."""
    runs = "".join(f"M{run.start() + quiet} {(y + .5) * tall:g}h{run.end() - run.start()}"
                   for y, row in enumerate(rows) for run in re.finditer("1+", "".join(map(str, row))))
    wide = Markup(' stroke-width="{}"').format(tall) if tall > 1 else ""
    # A bar that lies between two pixels keeps its width as a shade of grey; moved to one of them, its neighbours become another symbol.
    crisp = "" if quiet else Markup(' shape-rendering="crispEdges"')
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}"{}><path stroke="#000"{} d="{}"/></svg>').format(
        len(rows[0]) + 2 * quiet, len(rows) * tall, label, crisp, wide, runs)
