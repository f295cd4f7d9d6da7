"""A camera's picture, read: its size from its header alone, then the codes in it. Functions for a thread; nothing of a picture is kept."""
from io import BytesIO
from typing import Any

from app.cards.rules import clean_code
from app.errors import Malformed, TooLarge
from app.text import N_

MOST_PIXELS = 2_000_000
MOST_TEXT = 300                 # of a code, in characters: an address on a printed coupon is the longest that we make
# How browsers name the formats (W3C, Shape Detection), and how zxing does.
FORMATS = {"qr_code": "QRCode", "aztec": "Aztec", "pdf417": "PDF417", "code_128": "Code128", "ean_13": "EAN13"}
NO_PICTURE = N_("This is not a whole JPEG picture.")
TOO_MANY_PIXELS = N_("The picture has over two million pixels. Send the viewfinder's square alone.")


def read_code(jpeg: bytes, formats: frozenset[str]) -> str | None:
    """The text of the code in a picture, one of ours first; None where there is none. formats: keys of FORMATS.

    Raises Malformed for what is no whole JPEG picture, and TooLarge, before anything is unpacked, for too many pixels.
    """
    # Imported here: a server that no camera asks does without them.
    import zxingcpp

    kinds: Any = [getattr(zxingcpp.BarcodeFormat, FORMATS[name]) for name in sorted(formats)]
    # Inverted codes are none of ours, and looking for them takes as long as the rest.
    found = zxingcpp.read_barcodes(_grey(jpeg), formats=zxingcpp.BarcodeFormats(kinds), try_invert=False)
    texts = [text for each in found if (text := each.text.strip()) and len(text) <= MOST_TEXT and text.isprintable()]
    return next((text for text in texts if clean_code(text)[0]), texts[0] if texts else None)


def _grey(jpeg: bytes) -> Any:
    """The picture's light alone: the decoder of JPEG gives it without the colours."""
    from PIL import Image

    try:
        with Image.open(BytesIO(jpeg), formats=("JPEG",)) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise TooLarge(TOO_MANY_PIXELS)
            opened.draft("L", opened.size)
            return opened.convert("L")
    # What Pillow says of torn files differs from tear to tear.
    except (OSError, SyntaxError, ValueError, IndexError, KeyError, Image.DecompressionBombError) as exc:
        raise Malformed(NO_PICTURE, code="malformed_picture") from exc
