"""A camera's picture, read: its size from its header alone, then the codes in it. Functions for a thread; nothing of a picture is kept."""
from collections.abc import Iterator
from io import BytesIO
from struct import error as StructError
from typing import Any

from app.cards.rules import clean_code
from app.errors import Malformed, TooLarge
from app.text import N_

MOST_PIXELS = 2_000_000
TURN = 12                       # degrees; as it is read up to 8, turned on from 4 to 20
MOST_TEXT = 300                 # of a code, in characters: an address on a printed coupon is the longest that we make
# How browsers name the formats (W3C, Shape Detection), and how zxing does.
FORMATS = {"qr_code": "QRCode", "aztec": "Aztec", "pdf417": "PDF417", "code_128": "Code128", "ean_13": "EAN13"}
BARS = frozenset({"code_128", "ean_13"})
NO_PICTURE = N_("This is not a whole JPEG picture.")
TOO_MANY_PIXELS = N_("The picture has over two million pixels. Send the viewfinder's square alone.")


def read_code(jpeg: bytes, formats: frozenset[str]) -> str | None:
    """The text of the code in a picture, one of ours first; None where there is none. formats: keys of FORMATS.

    Raises Malformed for what is no whole JPEG picture, and TooLarge, before anything is unpacked, for too many pixels.
    """
    # Imported here: a server that no camera asks does without them.
    import zxingcpp

    for picture, names in _tries(_grey(jpeg), formats):
        kinds: Any = [getattr(zxingcpp.BarcodeFormat, FORMATS[name]) for name in names]
        # Inverted codes are none of ours, and looking for them takes as long as the rest.
        found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(kinds), try_invert=False)
        texts = [text for each in found if (text := each.text.strip()) and len(text) <= MOST_TEXT and text.isprintable()]
        if texts:
            return next((text for text in texts if clean_code(text)[0]), texts[0])
    return None


def _tries(picture: Any, formats: frozenset[str]) -> Iterator[tuple[Any, list[str]]]:
    """The picture as it is looked at, and for what, the cheapest first (measured on drawn frames, docs/decisions.md)."""
    from PIL import Image, ImageFilter

    # Half the size costs a third of the time, and its averages forgive the dark and the blur; bars alone need every pixel.
    half = picture.reduce(2)
    yield half, sorted(formats)
    if "pdf417" in formats:
        # The reader takes its rows for level: a hand never holds them so.
        for degrees in (TURN, -TURN):
            yield half.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=128), ["pdf417"]
    if bars := sorted(formats & BARS):
        # Along the bars nothing is lost by averaging, so that what is out of focus can be sharpened without its noise.
        flat = picture.resize((picture.width, max(1, picture.height // 8)), Image.Resampling.BOX)
        yield flat.filter(ImageFilter.UnsharpMask(2, 250, 0)), bars
    yield picture, sorted(formats)


def _grey(jpeg: bytes) -> Any:
    """The picture's light alone: the decoder of JPEG gives it without the colours."""
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        # Not by Image.open: it warns of large pictures by itself, and knows other kinds than the one we take.
        with JpegImageFile(BytesIO(jpeg)) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise TooLarge(TOO_MANY_PIXELS)
            opened.draft("L", opened.size)
            return opened.convert("L")
    # What Pillow says of torn files differs from tear to tear.
    except (OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, StructError) as exc:
        raise Malformed(NO_PICTURE, code="malformed_picture") from exc
