"""Finished files as pixels: a PNG for printing, and what a scanner sees of a file before it is handed out."""
import io
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

SCAN_DPI = 150
# PDFium knows no threads, and one sheet at print resolution holds tens of megabytes: one at a time.
_one_at_a_time = threading.Lock()


def png_of(pdf: bytes, dpi: int) -> bytes:
    """The PDF's page as a PNG that knows its own size on paper."""
    with _one_at_a_time:
        page = _page(pdf, dpi)
        out = io.BytesIO()
        page.save(out, "PNG", dpi=(dpi, dpi))
        return out.getvalue()


def codes_in(file: bytes, kind: str) -> list[str]:
    """What the QR codes on a finished file say, in no order; kind: pdf, svg or png."""
    import zxingcpp
    from PIL import Image

    with _one_at_a_time:
        if kind == "pdf":
            seen = _page(file, SCAN_DPI).convert("L")
        else:
            seen = Image.open(io.BytesIO(file if kind == "png" else _svg(file)), formats=("PNG",)).convert("L")
        found = zxingcpp.read_barcodes(seen, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return [code.text for code in found]


def _page(pdf: bytes, dpi: int) -> "Image.Image":
    # Loaded where it is used: only a download needs it.
    import pypdfium2

    opened = pypdfium2.PdfDocument(pdf)
    try:
        picture: Image.Image = opened[0].render(scale=dpi / 72).to_pil()
        return picture.convert("RGB")
    finally:
        opened.close()


def _svg(file: bytes) -> bytes:
    import resvg_py

    # The letters are outlines: no font of the machine is asked for.
    return bytes(resvg_py.svg_to_bytes(svg_string=file.decode(), background="#ffffff", dpi=SCAN_DPI, skip_system_fonts=True))
