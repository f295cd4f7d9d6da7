"""The strip of a stamp card: as many places as the card has, so many of them stamped, in the business's colours.

The same places become PNGs for wallets and SVG for pages. Everything keeps to the middle 123 of the strip's 144 points, which
every phone shows (Apple, "Pass design").
"""
import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from app.designs.colours import BrandColours
from app.designs.strip import FINE, HEIGHT, SCALES, WIDTH, mark_stones, png, shades

if TYPE_CHECKING:
    from PIL import Image

BAND = 119.0                # points of the strip's height that hold places
MARGIN = 16.0
LARGEST = 33.0              # a place's radius at most
SHARE = 0.43                # of its cell
LEAST, MOST = 2, 30         # stamps of a card


class Place(NamedTuple):
    """Where a stamp goes: its middle and its radius, in points."""

    x: float
    y: float
    radius: float


@lru_cache(maxsize=32)
def places(size: int) -> tuple[Place, ...]:
    """The places of a card of `size` (2 to 30) stamps, in reading order: one row up to five, two up to twelve, else three."""
    assert LEAST <= size <= MOST
    rows = 1 if size <= 5 else 2 if size <= 12 else 3
    columns = -(-size // rows)
    wide, high = (WIDTH - 2 * MARGIN) / columns, BAND / rows
    radius = min(wide * SHARE, high * SHARE, LARGEST)
    # Cells no wider than high: few stamps stand together in the middle, not at the edges.
    wide = min(wide, radius / SHARE * 1.25)
    made = []
    for row in range(rows):
        across = min(columns, size - row * columns)
        left = (WIDTH - wide * across) / 2
        top = (HEIGHT - high * rows) / 2
        made += [Place(left + wide * (at + 0.5), top + high * (row + 0.5), radius) for at in range(across)]
    return tuple(made)


@lru_cache(maxsize=128)
def stamps_svg(size: int, have: int) -> str:
    """The strip as SVG for a viewBox of 375 × 144; shades as custom properties, like `strip_svg`."""
    drawn = [f'<path fill="var(--s1)" d="M0 0h{WIDTH}v{HEIGHT}H0z"/>']
    for at, place in enumerate(places(size)):
        x, y, radius = round(place.x, 1), round(place.y, 1), round(place.radius, 1)
        if at < have:
            stones = "".join(f'<path fill="var(--{stone.shade})" d="M{"L".join(f"{px:.2f} {py:.2f}" for px, py in stone.corners)}z"/>'
                             for stone in mark_stones())
            drawn.append(f'<g transform="translate({x} {y})scale({radius})">{stones}</g>')
        else:
            drawn.append(f'<circle cx="{x}" cy="{y}" r="{radius}" fill="var(--s3)" stroke="var(--brand-label)" stroke-width="1.5"/>')
            if at == size - 1:      # the one that makes the gift
                drawn.append(f'<circle cx="{x}" cy="{y}" r="{radius * 0.55:.1f}" fill="var(--brand-label)"/>')
    return "".join(drawn)


@lru_cache(maxsize=256)
def draw_stamps(colours: BrandColours, size: int, have: int) -> dict[str, bytes]:
    """strip at 1×, 2× and 3×: file name → PNG. Takes a tenth of a second the first time: call it in a thread."""
    from PIL import Image

    whole = _whole(colours, size, min(max(have, 0), size))
    pictures = {}
    for scale in SCALES:
        small = whole.resize((WIDTH * scale, HEIGHT * scale), Image.Resampling.BOX)
        pictures[f"strip{'' if scale == 1 else f'@{scale}x'}.png"] = png(small)
    return pictures


def _whole(colours: BrandColours, size: int, have: int) -> "Image.Image":
    """The strip, FINE times larger than the largest that is needed."""
    from PIL import Image, ImageDraw

    fine, known = FINE * SCALES[-1], shades(colours)
    picture = Image.new("RGB", (WIDTH * fine, HEIGHT * fine), known["s1"])
    pen = ImageDraw.Draw(picture)
    for at, place in enumerate(places(size)):
        x, y, radius = place.x * fine, place.y * fine, place.radius * fine
        if at < have:
            for stone in mark_stones():
                pen.polygon([(x + px * radius, y + py * radius) for px, py in stone.corners], fill=known[stone.shade])
            continue
        line = math.ceil(1.5 * fine)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=known["s3"], outline=colours.label, width=line)
        if at == size - 1:
            inner = radius * 0.55
            pen.ellipse((x - inner, y - inner, x + inner, y + inner), fill=colours.label)
    return picture
