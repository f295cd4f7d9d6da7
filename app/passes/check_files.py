"""The pictures and the words of a pass: PNG sizes and pass.strings, as Apple's tables have them."""
import re
import struct
from collections.abc import Mapping

from app.passes.check_rules import BadPass, need

POINTS = {"icon": (29, 29), "logo": (160, 50), "strip": (375, 144)}     # at @1x; the logo may be smaller
OTHERS = ("pass.json", "manifest.json", "signature")
IMAGE = re.compile(r"(?:[A-Za-z-]+\.lproj/)?([a-zA-Z]+)(?:@([23])x)?\.png")
ENTRY = re.compile(r'\s*(?:/\*.*?\*/\s*|//[^\n]*\n\s*)*"((?:[^"\\]|\\.)*)"\s*=\s*"((?:[^"\\]|\\.)*)"\s*;', re.DOTALL)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "'": "'"}


def check_images(files: Mapping[str, bytes]) -> None:
    """Raises BadPass unless the icon is there in all three sizes and every picture has a store card's name and its exact size."""
    for name in ("icon.png", "icon@2x.png", "icon@3x.png"):
        need(name in files, f"{name} is missing: a pass without its icon is refused without a message.")
    for name in files:
        if not name.endswith(".png"):
            need(name in OTHERS or name.endswith(".lproj/pass.strings"), f"{name} does not belong in a pass.")
            continue
        match = IMAGE.fullmatch(name)
        if not match or match[1] not in POINTS:
            raise BadPass(f"{name} is no picture of a store card; those are icon, logo and strip.")
        width, height = (points * int(match[2] or 1) for points in POINTS[match[1]])
        real_width, real_height = png_size(files[name], name)
        fits = (real_width <= width and real_height <= height) if match[1] == "logo" else (real_width, real_height) == (width, height)
        need(fits, f"{name} is {real_width} × {real_height} pixels instead of {width} × {height}.")


def png_size(content: bytes, name: str) -> tuple[int, int]:
    """Width and height in pixels, from the header. Raises BadPass where `content` is no PNG."""
    need(content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR" and content[-8:-4] == b"IEND", f"{name} is not a whole PNG.")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def read_strings(files: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Language → (words in pass.json → words shown). Raises BadPass for another encoding, a stray quote or unequal sets of keys."""
    languages = {}
    for name in sorted(files):
        if name.endswith(".lproj/pass.strings"):
            languages[name.split(".lproj")[0]] = _parse(files[name], name)
    keys = {name: frozenset(words) for name, words in languages.items()}
    need(len(set(keys.values())) <= 1, f"The languages {', '.join(keys)} do not translate the same texts.")
    return languages


def _parse(content: bytes, name: str) -> dict[str, str]:
    need(not content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")), f"{name} begins with a byte order mark.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPass(f"{name} is not UTF-8.") from None
    words: dict[str, str] = {}
    at = 0
    while text[at:].strip():
        match = ENTRY.match(text, at)
        if not match:
            raise BadPass(f"{name} cannot be read from character {at} on: a quote is not escaped, or a semicolon is missing.")
        key = _plain(match[1])
        need(key not in words, f"{name} has a text twice: {key}")
        words[key] = _plain(match[2])
        at = match.end()
    return words


def _plain(escaped: str) -> str:
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), escaped, flags=re.DOTALL)
