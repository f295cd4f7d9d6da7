"""Where everything stands on a sheet. The only place that knows: PDF, SVG and PNG are drawn from what this returns."""
import io
from collections.abc import Iterator

from app.designs.strip import HEIGHT, WIDTH, shades, strip_stones
from app.posters import faces
from app.posters.rules import FORMATS, LAID, Poster
from app.posters.shapes import Group, Line, Picture, Polygon, Rect, Shape, Sheet
from app.web.paper import INK, register_fonts

CUT, CUT_GAP, BLEED = 5.0, 1.5, 3.0
FOLD, HAIR = "#8a8a84", 0.2


def lay(poster: Poster) -> Sheet:
    """The sheet of `poster.size`."""
    register_fonts()
    form = FORMATS[poster.size]
    shapes = {"upright": _upright, "wide": _tent, "screen": _screen, "sticker": _stickers}[form.laid](poster)
    said = [f"{each.headline}. {' '.join(each.steps)} {each.foot}" for each in poster.says]
    first = poster.says[0]
    return Sheet(form.wide, form.high, f"{first.name}: {first.headline}", first.name, f"{' '.join(said)} {first.name}, {poster.shown}",
                 tuple(shapes), form.grid[0] * form.grid[1])


def _upright(poster: Poster) -> Iterator[Shape]:
    """One face as large as the sheet; the smaller sheet is the larger one, scaled."""
    form, (wide, high) = FORMATS[poster.size], LAID["upright"]
    scale = form.wide / wide
    yield Rect(0, 0, form.wide, form.high, "#ffffff")
    # A5 is a hair less slender than A4: what is left over is shared above and below.
    yield Group(tuple(faces.upright(poster, art(poster))), 0, (form.high - high * scale) / 2, scale, clip=(wide, high))


def _screen(poster: Poster) -> Iterator[Shape]:
    yield Group(tuple(faces.wide(poster, poster.says, art(poster), *LAID["screen"])))


def _tent(poster: Poster) -> Iterator[Shape]:
    """Two faces back to back: folded along the line and stood up, each can be read; the second in the other language."""
    form, (wide, high) = FORMATS[poster.size], LAID["wide"]
    front, back = poster.says[0], poster.says[-1]
    yield Group(tuple(faces.wide(poster, (back,), art(poster), wide, high)), wide, high, is_turned=True)
    yield Group(tuple(faces.wide(poster, (front,), art(poster), wide, high)), 0, high)
    yield Line(0, high, form.wide, high, FOLD, HAIR, is_dashed=True)


def _stickers(poster: Poster) -> Iterator[Shape]:
    """A grid, edge to edge, with the colour bled over its border and marks where to cut."""
    form, (side, _) = FORMATS[poster.size], LAID["sticker"]
    across, down = form.grid
    scale = 180 / across / side
    step = side * scale
    left, top = (form.wide - across * step) / 2, (form.high - down * step) / 2
    yield Rect(0, 0, form.wide, form.high, "#ffffff")
    yield Rect(left - BLEED, top - BLEED, across * step + 2 * BLEED, down * step + 2 * BLEED, poster.colours.brand)
    face = tuple(faces.sticker(poster))
    for row in range(down):
        for column in range(across):
            yield Group(face, left + column * step, top + row * step, scale)
    yield from _cut_marks(left, top, step, across, down)


def _cut_marks(left: float, top: float, step: float, across: int, down: int) -> Iterator[Shape]:
    near = BLEED + CUT_GAP
    right, bottom = left + across * step, top + down * step
    for column in range(across + 1):
        x = left + column * step
        yield Line(x, top - near - CUT, x, top - near, INK, HAIR)
        yield Line(x, bottom + near, x, bottom + near + CUT, INK, HAIR)
    for row in range(down + 1):
        y = top + row * step
        yield Line(left - near - CUT, y, left - near, y, INK, HAIR)
        yield Line(right + near, y, right + near + CUT, y, INK, HAIR)


def art(poster: Poster) -> faces.Art:
    """The card's own picture, or the stones in its colours, enlarged until it fills the room."""
    def drawn(wide: float, high: float) -> Iterator[Shape]:
        yield Rect(0, 0, wide, high, poster.colours.brand)
        if poster.cover:
            own_wide, own_high = picture_size(poster.cover)
            scale = max(wide / own_wide, high / own_high)
            yield Picture(poster.cover, (wide - own_wide * scale) / 2, (high - own_high * scale) / 2, own_wide * scale, own_high * scale)
        else:
            yield from _stones(poster, wide, high)

    return drawn


def _stones(poster: Poster, wide: float, high: float) -> Iterator[Shape]:
    """The rosette in sight at the right."""
    known, scale = shades(poster.colours), max(wide / WIDTH, high / HEIGHT)
    left, top = wide - WIDTH * scale, (high - HEIGHT * scale) / 2
    for stone in strip_stones():
        points = tuple((left + x * scale, top + y * scale) for x, y in stone.corners)
        if any(0 < x < wide and 0 < y < high for x, y in points):
            yield Polygon(points, known[stone.shade])


def picture_size(png: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        return opened.width, opened.height
