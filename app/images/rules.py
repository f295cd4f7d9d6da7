"""Which pictures are taken, judged by their content alone: what a file says it is counts for nothing."""
from typing import Literal, NamedTuple

from app.errors import FieldError, Invalid
from app.text import N_

Kind = Literal["logo", "icon", "strip"]
KINDS: tuple[Kind, ...] = ("logo", "icon", "strip")
MOST_BYTES = 2 * 1024 * 1024
MOST_SIDE = 4096
# Below this a picture would be blown up more than a phone forgives: width and height in pixels.
LEAST = {"logo": (20, 20), "icon": (58, 58), "strip": (375, 144)}

SUFFIXES = ("", "@2x", "@3x")
NAMES: dict[Kind, tuple[str, ...]] = {
    "logo": (*[f"logo{suffix}.png" for suffix in SUFFIXES], "google-logo.png", "google-wide-logo.png", "logo.webp"),
    "icon": (*[f"icon{suffix}.png" for suffix in SUFFIXES], "google-logo.png"),
    "strip": (*[f"strip{suffix}.png" for suffix in SUFFIXES], "google-hero.png", "strip.webp")}
ALL_NAMES = frozenset(name for names in NAMES.values() for name in names)

Type = Literal["png", "jpeg", "webp"]

_PNG, _GIF = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))    # JPEG's SOF0 to SOF15
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))                                                           # markers without a length

EMPTY = N_("Choose a picture first.")
TOO_HEAVY = N_("This file is over 2 MB. Save the picture smaller, or as JPEG.")
TOO_LARGE = N_("This picture is %(width)s × %(height)s pixels. Make it 4,096 pixels a side or less.")
TOO_SMALL = N_("This picture is %(width)s × %(height)s pixels, too small to stay sharp on a phone. Send a larger one.")
BROKEN = N_("This picture is damaged or not whole. Save it anew as PNG or JPEG.")
NOT_TAKEN = N_("This is not a picture that cards can show. Send PNG, JPEG or WebP.")
VECTOR = N_("This is an SVG drawing. Wallets show pixels only: export it as PNG, 1,000 pixels wide or more.")
MARKUP = N_("This is a web page, not a picture. Send PNG, JPEG or WebP.")
GIF = N_("This is a GIF. Cards show still pictures: save it as PNG.")
TIFF = N_("This is a TIFF. Save it as PNG or JPEG.")
HEIC = N_("This is a HEIC or AVIF picture, as phones take them. Save it as JPEG or PNG.")
MOVING = N_("This picture moves. Cards show still pictures: save one frame as PNG.")


class Sniffed(NamedTuple):
    """What a file is, from its first bytes; pixels as the file claims them."""

    type: Type
    width: int
    height: int


def refused(field: str, sentence: str, code: str = "picture", **params: object) -> Invalid:
    """The refusal of a picture, beside its field."""
    return Invalid(fields=[FieldError(field, code, sentence)], params=dict(params))


def sniff(kind: str, data: bytes) -> Sniffed:
    """What the upload is, if it is one that we decode. Raises Invalid with a sentence; nothing was decoded by then."""
    if not data:
        raise refused(kind, EMPTY, "required")
    if len(data) > MOST_BYTES:
        raise refused(kind, TOO_HEAVY, "too_large")
    found = _png(kind, data) or _jpeg(kind, data) or _webp(kind, data)
    if found is None:
        raise refused(kind, _why_not(data))
    shown = {"width": f"{found.width:,}", "height": f"{found.height:,}"}
    if found.width < 1 or found.height < 1:
        raise refused(kind, BROKEN)
    if max(found.width, found.height) > MOST_SIDE:
        raise refused(kind, TOO_LARGE, "too_large", **shown)
    least_width, least_height = LEAST[kind]
    if found.width < least_width or found.height < least_height:
        raise refused(kind, TOO_SMALL, "too_small", **shown)
    return found


def _why_not(data: bytes) -> str:
    head = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if data.startswith(_GIF):
        return GIF
    if data.startswith(_TIFF):
        return TIFF
    if data[4:8] == b"ftyp":
        return HEIC
    if head.startswith(b"<") or _wide(data).startswith("<"):
        return VECTOR if b"<svg" in data[:65_536].lower() or "<svg" in _wide(data) else MARKUP
    return NOT_TAKEN


def _wide(data: bytes) -> str:
    """The beginning of a text in UTF-16, in lower case; "" for anything else."""
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ""
    return data[:4096].decode("utf-16", "ignore").lstrip("\ufeff \t\r\n").lower()


def _png(kind: str, data: bytes) -> Sniffed | None:
    """PNG, third edition, 5.3 (chunks) and 11.2.1 (IHDR); `acTL` before the picture's data makes it an animation."""
    if not data.startswith(_PNG):
        return None
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise refused(kind, BROKEN)
    at = 8
    while at + 8 <= len(data):
        length, name = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        if name == b"acTL":
            raise refused(kind, MOVING)
        if name in (b"IDAT", b"IEND"):
            break
        at += 12 + length
    return Sniffed("png", int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def _jpeg(kind: str, data: bytes) -> Sniffed | None:
    """ITU T.81, B.1.1.4 (segments) and B.2.2 (frame header)."""
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker in _FRAMES:
            return Sniffed("jpeg", int.from_bytes(data[at + 7:at + 9], "big"), int.from_bytes(data[at + 5:at + 7], "big"))
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    raise refused(kind, BROKEN)


def _webp(kind: str, data: bytes) -> Sniffed | None:
    """RFC 9649: a lossy, lossless or extended file."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    if len(data) < 30:
        raise refused(kind, BROKEN)
    form = data[12:16]
    if form == b"VP8X":
        if data[20] & 0x02:
            raise refused(kind, MOVING)
        return Sniffed("webp", int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    if form == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return Sniffed("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if form == b"VP8 ":
        return Sniffed("webp", int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF)
    raise refused(kind, BROKEN)
