"""What a till's camera would see, drawn: a phone with a code, held well, tilted, in the dark or out of focus; and a film of it."""
from collections.abc import Iterable, Sequence
from io import BytesIO
from math import cos, radians, sin
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

SIZE = (640, 480)
# How each code is held. Codes of bars alone are held closer, as people do, and stand less blur.
SCENES: dict[str, dict[str, float]] = {"clean": {}, "tilted": {"tilt": .2, "spin": 7}, "dark": {"gain": .3, "noise": 9},
                                       "blurred": {"blur": 1.2}}
KINDS = {"qr_code": "QRCode", "aztec": "Aztec", "pdf417": "PDF417", "code_128": "Code128"}
WIDE = ("pdf417", "code_128")


def code(kind: str, text: str, width: int) -> Image.Image:
    """A code with its quiet zone, black on white, as a wallet draws it. QR is segno's, which no reader of ours knows."""
    if kind == "qr_code":
        import segno

        rows = [list(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=4)]
        drawn = Image.new("L", (len(rows[0]), len(rows)))
        drawn.putdata([0 if module else 255 for row in rows for module in row])
    else:
        import zxingcpp

        made: Any = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, KINDS[kind])).to_image(scale=1, add_quiet_zones=True)
        pixels = memoryview(made)
        drawn = Image.frombytes("L", (pixels.shape[1], pixels.shape[0]), pixels.tobytes())
    scale = max(1, width // drawn.width)
    return drawn.resize((drawn.width * scale, drawn.height * scale), Image.Resampling.NEAREST)


def card(kind: str, text: str) -> Image.Image:
    """The part of a phone's screen that has the code."""
    drawn = code(kind, text, 560 if kind in WIDE else 360)
    made = Image.new("RGB", (720, 640), (24, 74, 88))
    white = ((720 - drawn.width) // 2 - 20, (640 - drawn.height) // 2 - 20, (720 + drawn.width) // 2 + 20, (640 + drawn.height) // 2 + 20)
    ImageDraw.Draw(made).rounded_rectangle(white, 20, fill="white")
    made.paste(drawn, (white[0] + 20, white[1] + 20))
    return made


def frame(kind: str, text: str, *, size: tuple[int, int] = SIZE, tilt: float = 0, spin: float = 0, blur: float = 0, gain: float = 1,
          noise: float = 0) -> Image.Image:
    """tilt: how much the far edge shrinks (0 to 1); spin in degrees; blur in pixels at 640; gain: light left; noise: its deviation."""
    shown, (width, height) = card(kind, text), size
    fit = 1.15 * min(width / shown.width, height / shown.height)
    corners = []
    for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, y = x * shown.width * fit / 2 * (1 - tilt * (y < 0)), y * shown.height * fit / 2 * (1 - tilt * .35)
        turn, lean = cos(radians(spin)), sin(radians(spin))
        corners.append((width / 2 + x * turn - y * lean, height / 2 + x * lean + y * turn))
    wanted = [(0, 0), (shown.width, 0), (shown.width, shown.height), (0, shown.height)]
    bent = _coefficients(corners, wanted)
    seen = shown.transform(size, Image.Transform.PERSPECTIVE, bent, Image.Resampling.BICUBIC, fillcolor=(96, 88, 80))
    if blur:
        seen = seen.filter(ImageFilter.GaussianBlur(blur * width / 640))
    if gain != 1:
        seen = ImageEnhance.Brightness(seen).enhance(gain)
    if noise:
        seen = ImageChops.add(seen, Image.effect_noise(size, noise).convert("RGB"), 1, -128)
    return seen


def _coefficients(seen: Sequence[tuple[float, float]], drawn: Sequence[tuple[float, float]]) -> list[float]:
    """What Pillow's perspective takes, for four corners: eight equations, solved by elimination."""
    rows = []
    for (u, v), (x, y) in zip(seen, drawn, strict=True):
        rows.append([u, v, 1, 0, 0, 0, -x * u, -x * v, x])
        rows.append([0, 0, 0, u, v, 1, -y * u, -y * v, y])
    for place in range(8):
        best = max(range(place, 8), key=lambda each: abs(rows[each][place]))
        rows[place], rows[best] = rows[best], rows[place]
        rows[place] = [value / rows[place][place] for value in rows[place]]
        for each in range(8):
            if each != place:
                rows[each] = [value - rows[each][place] * own for value, own in zip(rows[each], rows[place], strict=True)]
    return [row[8] for row in rows]


def square(picture: Image.Image, side: int = 540) -> Image.Image:
    """The middle, as the scan page sends it."""
    most = min(picture.size)
    left, top = (picture.width - most) // 2, (picture.height - most) // 2
    cut = picture.crop((left, top, left + most, top + most))
    return cut if most <= side else cut.resize((side, side), Image.Resampling.BILINEAR)


def jpeg(picture: Image.Image, quality: int = 60) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def film(path: Path, frames: Iterable[Image.Image], a_second: int = 2) -> Path:
    """A film as Chromium takes it for a webcam (YUV4MPEG2, 4:2:0), each frame long enough to be looked at twice; it begins anew."""
    with path.open("wb") as out:
        for number, each in enumerate(frames):
            if not number:
                out.write(f"YUV4MPEG2 W{each.width} H{each.height} F{a_second}:1 Ip A1:1 C420\n".encode())
            light, blue, red = each.convert("YCbCr").split()
            half = (each.width // 2, each.height // 2)
            out.write(b"FRAME\n" + light.tobytes() + b"".join(part.resize(half, Image.Resampling.BOX).tobytes() for part in (blue, red)))
    return path
