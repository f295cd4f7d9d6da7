"""The child process that reads a picture and writes every size of it. Run by `decoding.py` as a file, without the rest of the server.

`python -I decoder.py KIND GROUND` takes the upload on its input and writes a line of JSON and then the files. It limits itself
before it reads, imports nothing of ours, gets no environment, and can open no picture but PNG, JPEG and WebP. What it writes is
made of pixels alone: nothing else of the upload gets through.
"""
import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from io import BytesIO

HURRY = 3.0             # seconds of processor after which the smallest form is taken: a slow server makes plain pictures, not none
MEMORY, CPU_SECONDS, MOST_OUTPUT = 512 * 1024 * 1024, 5, 8 * 1024 * 1024
MOST_BYTES, MOST_SIDE = 2 * 1024 * 1024, 4096


def limit() -> None:
    """From here on the system stops this process where it goes too far."""
    for what, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_FSIZE, MOST_OUTPUT),
                       (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    limit()     # before the library is there: reading its files is limited as well

from PIL import Image, ImageChops, ImageFilter, ImageOps, PngImagePlugin  # noqa: E402 (after the limits)

Picture = Image.Image
LOGO, ICON, STRIP, HERO, WIDE = (160, 50), 29, (375, 144), (1032, 336), (1280, 400)
GOOGLE_SIDE, GOOGLE_MARGIN = 660, 0.15
SHARPEST = 1320             # what is kept of the upload's detail: the largest file is drawn from 1,280 pixels
MOST_BLOWN_UP = 2.0         # beyond twice its pixels a logo looks like a stain; it is shown smaller
TRIM_TOLERANCE = 12         # of 255: what JPEG makes of an even border
BRIGHT = 170                # of 255: on white, what is lighter on the whole is hardly seen
WHITE = (255, 255, 255)
# Bytes of a file at 1×, 2× and 3×: a pass stays near 150 KB; phones fetch it anew with every purchase.
BUDGET = {"icon": (2_000, 4_000, 6_000), "logo": (4_000, 8_000, 14_000), "strip": (5_500, 36_000, 92_000)}
GOOGLE_BUDGET, WEB_LOGO, WEB_STRIP = 150_000, 8_000, 20_000
# What is given up, step by step, until a file fits: colours of the palette, and how far neighbours run into one another.
# What is soft keeps its many colours and shows no bands; what is full of detail hides them, and stays sharper with fewer.
STEPS = ((256, 0.0), (128, 0.0), (128, 0.7), (64, 0.7), (64, 1.2), (40, 1.2), (32, 1.6), (32, 2.2), (24, 3.0), (16, 5.0))
SAMPLE = 15_000             # pixels from which a palette is chosen: all of them take ten times as long, and nobody sees why
FAST, THOROUGH = 5, 7       # of zlib's levels: 9 takes five times as long and saves a hundredth
QUALITIES = (86, 74, 60, 45, 30, 15)


def read(data: bytes) -> Picture:
    """The upload as upright pixels, RGB or RGBA, at most SHARPEST a side. Raises what the library raises for a broken one."""
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 1024 * 1024
    with Image.open(BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as opened:
        if max(opened.size) > MOST_SIDE or getattr(opened, "n_frames", 1) != 1:
            raise ValueError("too large, or moving")
        opened.draft("RGB", (2 * SHARPEST, 2 * SHARPEST))       # a large JPEG is read at half its size or less
        opened.load()
        picture = ImageOps.exif_transpose(opened)
    if picture.mode == "I;16":
        picture = picture.point(lambda value: value / 257).convert("L")
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    picture = picture.convert("RGBA" if has_alpha else "RGB")
    picture.thumbnail((SHARPEST, SHARPEST), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if has_alpha and picture.getchannel("A").getextrema() == (255, 255):
        picture = picture.convert("RGB")
    picture.info = {}
    return picture


def trimmed(picture: Picture) -> Picture:
    """Without its empty borders: transparent ones, or those of the colour of all its corners, of which a little is left."""
    if picture.mode == "RGBA":
        box = picture.getchannel("A").point(lambda value: 255 * (value > 8)).getbbox()
        return picture.crop(box) if box else picture
    ground = border_of(picture)
    if ground is None:
        return picture
    other = ImageChops.difference(picture, Image.new("RGB", picture.size, ground)).convert("L")
    box = other.point(lambda value: 255 * (value > TRIM_TOLERANCE)).getbbox()
    if not box:
        return picture
    rim = (box[3] - box[1]) // 8
    return picture.crop((max(0, box[0] - rim), max(0, box[1] - rim), min(picture.width, box[2] + rim), min(picture.height, box[3] + rim)))


def border_of(picture: Picture) -> tuple[int, int, int] | None:
    """The colour of an even border: that of the four corners, where they agree; None for none."""
    right, bottom = picture.width - 1, picture.height - 1
    corners = [_rgb_at(picture, at) for at in ((0, 0), (right, 0), (0, bottom), (right, bottom))]
    if picture.mode == "RGBA" or any(max(part) - min(part) > TRIM_TOLERANCE for part in zip(*corners, strict=True)):
        return None
    return corners[0]


def _rgb_at(picture: Picture, at: tuple[int, int]) -> tuple[int, int, int]:
    red, green, blue, *_ = picture.crop((*at, at[0] + 1, at[1] + 1)).tobytes()
    return red, green, blue


def ground_for(picture: Picture, dark: tuple[int, int, int]) -> tuple[int, int, int]:
    """What a picture is laid on where it may not stay transparent: its own border's colour, white, or `dark` if the picture is light."""
    if (own := border_of(picture)) is not None:
        return own
    if picture.mode != "RGBA":
        return WHITE
    small = picture.resize((32, 32), Image.Resampling.BOX)
    light, alpha = small.convert("RGB").convert("L").tobytes(), small.getchannel("A").tobytes()
    lit = sum(one * weight for one, weight in zip(light, alpha, strict=True))
    return dark if lit > BRIGHT * sum(alpha) else WHITE


def fitted(picture: Picture, width: float, height: float) -> Picture:
    """In proportion, within width × height."""
    scale = min(width / picture.width, height / picture.height)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))), Image.Resampling.LANCZOS)


def filled(picture: Picture, width: int, height: int) -> Picture:
    """Scaled to fill width × height, and cropped around the middle."""
    return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)


def laid(picture: Picture, width: int, height: int, room: tuple[float, float], ground: tuple[int, int, int]) -> Picture:
    """In the middle of an even ground, within `room`, and never blown up beyond reason."""
    whole = Image.new("RGB", (width, height), ground)
    part = fitted(picture, min(room[0], picture.width * MOST_BLOWN_UP), min(room[1], picture.height * MOST_BLOWN_UP))
    whole.paste(part, ((width - part.width) // 2, (height - part.height) // 2), part if part.mode == "RGBA" else None)
    return whole


def on(picture: Picture, ground: tuple[int, int, int]) -> Picture:
    """Without transparency."""
    return picture if picture.mode == "RGB" else laid(picture, *picture.size, picture.size, ground)


def png(picture: Picture, budget: int) -> bytes:
    """As it is where that fits; else with fewer and fewer colours, and without its finest grain."""
    content = _saved(picture, FAST)
    if len(content) <= budget:
        return content
    # Each step is smaller than the one before, so halving finds the first that fits; each one tried costs a tenth of a second.
    tried: dict[int, bytes] = {}
    first, last = 0, len(STEPS) - 1
    while first < last:
        if time.process_time() > HURRY:
            first = last
            break
        middle = (first + last) // 2
        tried[middle] = _stepped(picture, *STEPS[middle])
        first, last = (middle + 1, last) if len(tried[middle]) > budget else (first, middle)
    return tried.get(first) or _stepped(picture, *STEPS[first])


def _stepped(picture: Picture, colours: int, blur: float) -> bytes:
    return _saved(fewer(picture.filter(ImageFilter.GaussianBlur(blur)) if blur else picture, colours), THOROUGH)


def fewer(picture: Picture, colours: int) -> Picture:
    """The picture with a palette."""
    if picture.mode == "RGBA":
        return picture.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)    # the one that knows transparency
    shrink = max(1.0, (picture.width * picture.height / SAMPLE) ** 0.5)
    sample = picture.resize((round(picture.width / shrink), round(picture.height / shrink)), Image.Resampling.NEAREST)
    # Two rounds of k-means: a blue button on a green board would else turn grey.
    palette = sample.quantize(colours, method=Image.Quantize.MAXCOVERAGE, kmeans=2)
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def _saved(picture: Picture, level: int) -> bytes:
    out = BytesIO()
    picture.save(out, "PNG", compress_level=level)
    return out.getvalue()


def webp(picture: Picture, budget: int) -> bytes:
    """For our own pages: the same picture, a fraction of the bytes."""
    content = b""
    for quality in QUALITIES:
        out = BytesIO()
        picture.save(out, "WEBP", quality=quality, method=4)
        content = out.getvalue()
        if len(content) <= budget:
            break
    return content


def logos(picture: Picture, dark: tuple[int, int, int]) -> dict[str, bytes]:
    """Every file of a logo."""
    picture = trimmed(picture)
    # In points: the same on every phone, and at 3× at most MOST_BLOWN_UP times the pixels there are.
    width, height = (min(most, have * MOST_BLOWN_UP / 3) for most, have in zip(LOGO, picture.size, strict=True))
    files = {name: png(fitted(picture, width * scale, height * scale), BUDGET["logo"][scale - 1]) for scale, name in _scales("logo")}
    ground = ground_for(picture, dark)
    wide = laid(picture, *WIDE, (WIDE[0] * 0.94, WIDE[1] * 0.8), ground)
    return files | {"google-logo.png": _google_logo(picture, ground), "google-wide-logo.png": png(wide, GOOGLE_BUDGET),
                    "logo.webp": webp(fitted(picture, width * 2, height * 2), WEB_LOGO)}


def _google_logo(picture: Picture, ground: tuple[int, int, int]) -> bytes:
    """Google masks it to a circle: a margin stays free."""
    room = GOOGLE_SIDE * (1 - 2 * GOOGLE_MARGIN)
    return png(laid(picture, GOOGLE_SIDE, GOOGLE_SIDE, (room, room), ground), GOOGLE_BUDGET)


def icons(picture: Picture, dark: tuple[int, int, int]) -> dict[str, bytes]:
    """Every file of an icon: a full square, as phones round its corners."""
    square = on(filled(picture, 3 * ICON, 3 * ICON), ground_for(picture, dark))
    files = {name: png(filled(square, ICON * scale, ICON * scale), BUDGET["icon"][scale - 1]) for scale, name in _scales("icon")}
    return files | {"google-logo.png": _google_logo(picture, ground_for(picture, dark))}


def strips(picture: Picture, dark: tuple[int, int, int]) -> dict[str, bytes]:
    """Every file of a strip; where it is transparent, the card's colour shows."""
    files = {name: png(filled(picture, STRIP[0] * scale, STRIP[1] * scale), BUDGET["strip"][scale - 1]) for scale, name in _scales("strip")}
    return files | {"google-hero.png": png(filled(on(picture, dark), *HERO), GOOGLE_BUDGET),
                    "strip.webp": webp(filled(picture, 2 * STRIP[0], 2 * STRIP[1]), WEB_STRIP)}


def _scales(name: str) -> list[tuple[int, str]]:
    return [(1, f"{name}.png"), (2, f"{name}@2x.png"), (3, f"{name}@3x.png")]


MAKERS: dict[str, Callable[[Picture, tuple[int, int, int]], dict[str, bytes]]] = {"logo": logos, "icon": icons, "strip": strips}


def digest_of(picture: Picture) -> str:
    """Of the picture re-encoded: the same pixels, however they came, are one picture."""
    out = BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return hashlib.sha256(out.getvalue()).hexdigest()


def rgb(colour: str) -> tuple[int, int, int]:
    """ "#rrggbb" as numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def main(kind: str, ground: str) -> None:
    """From standard input to standard output."""
    picture = read(sys.stdin.buffer.read(MOST_BYTES + 1))
    files = MAKERS[kind](picture, rgb(ground))
    head = {"digest": digest_of(picture), "sizes": {name: len(content) for name, content in files.items()}}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + b"".join(files.values()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
