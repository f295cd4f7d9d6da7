"""Pictures for tests, good and bad, made here byte by byte where no library would make them."""
import struct
import zlib
from io import BytesIO

from PIL import Image, ImageDraw

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="500" height="500">%s</svg>'
BILLION = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
# Named as anything: what they are is judged by their content.
DRAWINGS = {
    "script": SVG % "<script>fetch('https://evil.example.com')</script>",
    "handler": SVG % '<rect width="9" height="9" onload="alert(1)"/>',
    "foreign": SVG % '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="alert(1)"/></body></foreignObject>',
    "reference": SVG % '<image href="https://evil.example.com/pixel.png" width="1" height="1"/>',
    "entities": f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY l0 "lol">{BILLION}]>{SVG % "<text>&l9;</text>"}',
    "file": '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + SVG % "<text>&f;</text>",
    "spaced": "\ufeff \n\t" + SVG % "<script>alert(1)</script>"}


def saved(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def logo(width: int = 900, height: int = 300, colour: str = "#c92a4b") -> Image.Image:
    """A disc and a bar on nothing, with wide empty borders."""
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((width * 0.2, height * 0.2, width * 0.4, height * 0.8), fill=colour)
    pen.rectangle((width * 0.45, height * 0.4, width * 0.8, height * 0.6), fill=colour)
    return picture


def calm(width: int = 600, height: int = 300) -> Image.Image:
    """Soft colours alone."""
    size = (width, height)
    return Image.merge("RGB", [Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size), Image.new("L", size, 99)])


def photograph(width: int = 1600, height: int = 900) -> Image.Image:
    """Soft colours under grain, which compresses as badly as a photograph."""
    size = (width, height)
    return Image.merge("RGB", [Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size),
                               Image.effect_noise(size, 40)])


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int, *more: bytes, depth: int = 1, colour: int = 0, bits: int = 1) -> bytes:
    """A PNG of zeros, which deflate into a thousandth; more: chunks before the picture's data."""
    packer, rows = zlib.compressobj(9), b"\0" * (1 + (width * bits + 7) // 8) * 100
    packed = b"".join([packer.compress(rows) for _ in range(-(-height // 100))]) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + b"".join(more) + chunk(
        b"IDAT", packed) + chunk(b"IEND", b"")


def jpeg_that_claims(width: int, height: int) -> bytes:
    """A small JPEG whose frame header names another size."""
    data = bytearray(saved(Image.new("RGB", (64, 64), "red"), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5:at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def gif_of(frames: int, comment: bytes = b"") -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    if comment:
        head += b"\x21\xfe" + bytes((len(comment),)) + comment + b"\0"
    frame = b"\x21\xf9\x04\0\x01\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + frame * frames + b"\x3b"


def moving(form: str) -> bytes:
    frames = [Image.new("RGB", (400, 400), colour) for colour in ("red", "green", "blue")]
    return saved(frames[0], form, save_all=True, append_images=frames[1:])


def profile(size: int) -> bytes:
    """An iCCP chunk whose profile unpacks to `size` zeros."""
    packer = zlib.compressobj(9)
    packed = b"".join([packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]) + packer.flush()
    return chunk(b"iCCP", b"x\0\0" + packed)
