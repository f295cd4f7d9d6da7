"""Pictures that Google fetches for cards without the business's own: the mark, the stones, the stamps, drawn from what their address says.

An address carries a code that this server alone makes, so nobody else can have pictures drawn; another picture is another address,
for Google keeps what it fetched (GW 5).
"""
import asyncio
from functools import lru_cache
from io import BytesIO

from app import secrets
from app.designs.colours import HEX, BrandColours, derive
from app.designs.stamps import LEAST, MOST, draw_stamps
from app.designs.strip import HEIGHT, SCALES, WIDTH, draw, mark_stones, png, shades
from app.secrets import KeyRing

PURPOSE = "google.pictures"
CODE_LETTERS = 32                       # 128 bits
LOGO = 660                              # Google, "Brand guidelines": at least so many pixels, a margin of 15 % around
LOGO_RADIUS = 0.35
HERO = (1032, 336)
KEPT = 64
FINE = 2


def logo_path(ring: KeyRing, colours: BrandColours) -> str:
    """The drawn mark on the card's colour."""
    return _path(ring, f"logo.{_said(colours)}")


def hero_path(ring: KeyRing, colours: BrandColours) -> str:
    """The drawn stones."""
    return _path(ring, f"hero.{_said(colours)}")


def stamps_path(ring: KeyRing, colours: BrandColours, have: int, size: int) -> str:
    """`have` of `size` stamps."""
    return _path(ring, f"stamps.{have}.{size}.{_said(colours)}")


def is_ours(ring: KeyRing, name: str, code: str) -> bool:
    return secrets.same(code, _code(ring, name))


async def picture(name: str) -> bytes:
    """The PNG of a name that `is_ours`, drawn the first time; in a thread."""
    return await asyncio.to_thread(_drawn, name)


def _said(colours: BrandColours) -> str:
    """The three colours that all others follow from."""
    return ".".join(colour.removeprefix("#") for colour in (colours.brand, colours.label, colours.accent))


def _path(ring: KeyRing, name: str) -> str:
    return f"/google/pictures/{name}/{_code(ring, name)}.png"


def _code(ring: KeyRing, name: str) -> str:
    return ring.lookup_hash(PURPOSE, name).hex()[:CODE_LETTERS]


@lru_cache(maxsize=KEPT)
def _drawn(name: str) -> bytes:
    kind, *parts = name.split(".")
    background, label, accent = [f"#{part}" for part in parts[-3:]]
    assert all(HEX.fullmatch(colour) for colour in (background, label, accent))
    colours = derive(background, label, None, accent)
    if kind == "logo":
        return _logo(colours)
    if kind == "hero":
        return _hero(draw(colours)[f"strip@{SCALES[-1]}x.png"])
    have, size = int(parts[0]), int(parts[1])
    assert kind == "stamps" and LEAST <= size <= MOST
    return _hero(draw_stamps(colours, size, have)[f"strip@{SCALES[-1]}x.png"])


def _logo(colours: BrandColours) -> bytes:
    from PIL import Image, ImageDraw  # loaded where it is used: a start needs no pictures

    known, side = shades(colours), LOGO * FINE
    made = Image.new("RGB", (side, side), colours.brand)
    pen = ImageDraw.Draw(made)
    for stone in mark_stones():
        pen.polygon([(side * (0.5 + x * LOGO_RADIUS), side * (0.5 + y * LOGO_RADIUS)) for x, y in stone.corners], fill=known[stone.shade])
    return png(made.resize((LOGO, LOGO), Image.Resampling.BOX))


def _hero(strip: bytes) -> bytes:
    """A strip cut to Google's proportions; whatever must be seen lies in the middle 123 of its 144 points, and 122 stay."""
    from PIL import Image

    with Image.open(BytesIO(strip)) as found:
        whole = found.convert("RGB")
    tall = round(whole.width * HERO[1] / HERO[0])
    top = (whole.height - tall) // 2
    assert whole.size == (WIDTH * SCALES[-1], HEIGHT * SCALES[-1])
    return png(whole.crop((0, top, whole.width, top + tall)).resize(HERO, Image.Resampling.LANCZOS))
