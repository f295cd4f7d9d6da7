"""Lays a card's pictures from its colours: a rosette of stones at the right, the business's colour in stones behind the words.

The same stones become PNGs for wallets (Pillow) and SVG for pages. Everything follows from the colours, so that two servers draw
the same. What must be seen keeps to the middle 123 of the strip's 144 points: some phones cut the rest (Apple, "Pass design").

Run as `python -m app.designs.strip FOLDER` it writes the pictures of the default colours, which lie in the template's folder.
"""
import math
import random
import sys
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.designs.colours import BLACK, WHITE, BrandColours, mix

if TYPE_CHECKING:
    from PIL import Image

Point = tuple[float, float]

WIDTH, HEIGHT = 375, 144
CENTRE: Point = (296.0, 72.0)
ROSETTE = 60.0              # its radius: 120 points of the 123 that every phone shows
SCALES = (1, 2, 3)
FINE = 2                    # drawn so many times larger than @3x, then scaled down: soft edges
PALETTE = 64                # colours of a PNG: more of them only make soft edges heavier
GROUND = ("s1", "s2", "s2", "s3", "s3", "s4")


class Stone(NamedTuple):
    """Four corners and the name of the shade: `s1` to `s4` of the ground, `a0` to `a3` and `c0`, `c1` of the rosette."""

    corners: tuple[Point, ...]
    shade: str


def shades(colours: BrandColours) -> dict[str, str]:
    """Shade → colour. The ground's stay within 16 % of the brand; the rosette's come from the accent."""
    accent = colours.accent
    grounds = {f"s{number}": colour for number, colour in enumerate(colours.stones)}
    return grounds | {"a0": mix(accent, BLACK, 0.42), "a1": mix(accent, BLACK, 0.2), "a2": accent, "a3": mix(accent, WHITE, 0.35),
                      "c0": mix(accent, WHITE, 0.68), "c1": mix(accent, WHITE, 0.88)}


@lru_cache(maxsize=1)
def strip_stones() -> tuple[Stone, ...]:
    """All stones of the strip, in points."""
    chance = random.Random("tessera strip")     # noqa: S311 (a pattern, not a secret)
    return tuple(_laid(chance, _rosette_rings() + _ground_rings()))


@lru_cache(maxsize=1)
def mark_stones() -> tuple[Stone, ...]:
    """A small rosette within a circle of radius 1 around 0, 0: icon and logo."""
    rings = [_Ring(0.0, 0.22, 1, ("c1",)), _Ring(0.25, 0.58, 7, ("a3", "c0")), _Ring(0.63, 1.0, 13, ("c1", "a2", "c0"))]
    return tuple(_laid(random.Random("tessera mark"), rings, centre=(0.0, 0.0), jitter=0.03, gap=0.025))  # noqa: S311 (as above)


class _Ring(NamedTuple):
    inner: float
    outer: float
    around: int
    pattern: tuple[str, ...]    # shades in turn; empty for the ground, where chance chooses


def _rosette_rings() -> list[_Ring]:
    """From the heart outwards: eight petals, one stone wider in each ring, and a light hem."""
    petals = [("c1",), ("a3", "a3"), ("a1", "a3", "a1"), ("a0", "a2", "a2", "a0"), ("c0", "a1", "a2", "a1", "c0"), ("c1", "c0", "c1")]
    edges = [5.5, 6.5, 14.5, 15.5, 24.5, 25.5, 34.5, 35.5, 44.5, 45.5, 53.0, 54.0, ROSETTE]
    rings = [_Ring(edges[2 * at + 1], edges[2 * at + 2], 8 * (at + 1), pattern) for at, pattern in enumerate(petals)]
    return [_Ring(0, edges[0], 1, ("c1",)), *rings]


def _ground_rings() -> list[_Ring]:
    rings, inner = [], ROSETTE + 1.2
    while inner < CENTRE[0] + 80:
        outer = inner + 16.5
        rings.append(_Ring(inner, outer, round(math.tau * (inner + outer) / 2 / 18), ()))
        inner = outer + 1.3
    return rings


def _laid(chance: random.Random, rings: list[_Ring], centre: Point = CENTRE, jitter: float = 0.9, gap: float = 0.65) -> Iterator[Stone]:
    """The stones of each ring, a little uneven, as a hand lays them."""
    for ring in rings:
        turn = 0.0 if ring.pattern else chance.random()
        for place in range(ring.around):
            start, end = ((place + turn) / ring.around * math.tau, (place + 1 + turn) / ring.around * math.tau)
            shade = ring.pattern[place % len(ring.pattern)] if ring.pattern else chance.choice(GROUND)
            corners = _corners(ring, start, end, gap)
            shaken = tuple((centre[0] + x + chance.uniform(-jitter, jitter) * 0.6, centre[1] + y + chance.uniform(-jitter, jitter) * 0.6)
                           for x, y in corners)
            if ring.inner < ROSETTE or any(-20 < x < WIDTH + 20 and -20 < y < HEIGHT + 20 for x, y in shaken):
                yield Stone(shaken, shade)


def _corners(ring: _Ring, start: float, end: float, gap: float) -> list[Point]:
    if ring.around == 1:         # the heart: an octagon
        return [_polar(ring.outer, eighth / 8 * math.tau) for eighth in range(8)]
    inside, outside = gap / ring.inner, gap / ring.outer
    return [_polar(ring.inner, start + inside), _polar(ring.outer, start + outside), _polar(ring.outer, end - outside),
            _polar(ring.inner, end - inside)]


def _polar(radius: float, angle: float) -> Point:
    # Angle 0 is up, so that a petal stands upright.
    return radius * math.sin(angle), -radius * math.cos(angle)


@lru_cache(maxsize=1)
def mark_svg() -> str:
    """The small rosette as SVG paths for a viewBox of -1 -1 2 2, its shades as custom properties."""
    drawn = "".join(f'<path fill="var(--{stone.shade})" d="M{"L".join(f"{x:.2f} {y:.2f}" for x, y in stone.corners)}z"/>'
                    for stone in mark_stones())
    return drawn.replace("0.", ".").replace(" -", "-").replace("-.00", "0")


@lru_cache(maxsize=1)
def strip_svg() -> str:
    """The stones as SVG paths for a viewBox of 375 × 144; each names its shade as a custom property (`var(--s2)`, `var(--a1)`).

    The page sets the properties (`shade_properties`), so the picture follows colours that change under it.
    """
    paths: dict[str, list[str]] = {}
    starts: dict[str, Point] = {}
    for stone in strip_stones():
        (x, y), *others = ((round(x), round(y)) if stone.shade[0] == "s" else (round(x, 1), round(y, 1)) for x, y in stone.corners)
        steps, at = [], (x, y)
        for corner in others:
            steps += [_short(corner[0] - at[0]), _short(corner[1] - at[1])]
            at = corner
        # From where the shade's stone before began: a closed path ends there.
        before = starts.get(stone.shade, (0, 0))
        starts[stone.shade] = (x, y)
        paths.setdefault(stone.shade, []).append(f"m{_packed([_short(x - before[0]), _short(y - before[1])])}l{_packed(steps)}z")
    stones = "".join(f'<path fill="var(--{shade})" d="{"".join(parts)}"/>' for shade, parts in sorted(paths.items()))
    return f'<path fill="var(--s0)" d="M0 0h{WIDTH}v{HEIGHT}H0z"/>{stones}'


def _packed(numbers: list[str]) -> str:
    """Numbers of a path, apart only where they would run together: a sign begins one, and so does a second point."""
    made = numbers[0]
    for before, number in pairwise(numbers):
        made += number if number[0] == "-" or (number[0] == "." and "." in before) else f" {number}"
    return made


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0").replace("-0.", "-.").removeprefix("0") or "0"


def shade_properties(colours: BrandColours) -> dict[str, str]:
    """The custom properties that `strip_svg` asks for."""
    return {f"--{shade}": colour for shade, colour in shades(colours).items()}


@lru_cache(maxsize=64)
def draw(colours: BrandColours) -> dict[str, bytes]:
    """icon, logo and strip at 1×, 2× and 3×: file name → PNG. Takes a third of a second the first time: call it in a thread."""
    known = shades(colours)
    pictures: dict[str, bytes] = {}
    for scale in SCALES:
        suffix = "" if scale == 1 else f"@{scale}x"
        pictures[f"strip{suffix}.png"] = png(_strip(known, scale))
        pictures[f"icon{suffix}.png"] = png(_mark(known, 29 * scale, 0.4, colours.brand))
        pictures[f"logo{suffix}.png"] = png(_mark(known, 50 * scale, 0.46, None))
    return pictures


def _strip(known: dict[str, str], scale: int) -> "Image.Image":
    from PIL import Image, ImageDraw  # loaded where it is used: a start needs no pictures

    fine = FINE * SCALES[-1]
    picture = Image.new("RGB", (WIDTH * fine, HEIGHT * fine), known["s0"])
    pen = ImageDraw.Draw(picture)
    for stone in strip_stones():
        pen.polygon([(x * fine, y * fine) for x, y in stone.corners], fill=known[stone.shade])
    # Averaged, whole pixels by whole pixels: sharper ways overshoot at the edges, and the ground would leave its shades.
    return picture.resize((WIDTH * scale, HEIGHT * scale), Image.Resampling.BOX)


def _mark(known: dict[str, str], size: int, radius: float, ground: str | None) -> "Image.Image":
    """The small rosette in a square of `size` pixels, on `ground` or on nothing; `radius` as a share of the square."""
    from PIL import Image, ImageDraw

    fine = size * 8
    picture = Image.new("RGBA", (fine, fine), ground or (*bytes.fromhex(known["c1"][1:]), 0))
    pen = ImageDraw.Draw(picture)
    for stone in mark_stones():
        pen.polygon([(fine / 2 + x * radius * fine, fine / 2 + y * radius * fine) for x, y in stone.corners], fill=known[stone.shade])
    picture = picture.resize((size, size), Image.Resampling.BOX)
    return picture.convert("RGB") if ground else picture


def png(picture: "Image.Image") -> bytes:
    """The picture with few colours, as small as it gets."""
    from PIL import Image

    method = Image.Quantize.FASTOCTREE if picture.mode == "RGBA" else Image.Quantize.MEDIANCUT     # the one that knows transparency
    picture = picture.quantize(PALETTE, method=method, dither=Image.Dither.NONE)
    out = BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def main(folder: Path) -> None:
    """Write the pictures of the template's own colours into `folder`."""
    from app.designs.rules import default_content

    folder.mkdir(parents=True, exist_ok=True)
    for name, content in draw(default_content("-").colours()).items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
