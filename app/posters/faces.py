"""The four faces a sheet can show: upright as a poster, wide as a table tent or a screen, and the square of a sticker."""
import io
from collections.abc import Callable, Iterator, Sequence

from app.posters.rules import LAID, Poster, Saying
from app.posters.shapes import Code, Group, Picture, Rect, Shape, Words
from app.web.paper import BOLD, INK, REGULAR, balanced, fitting, width, wrapped

Art = Callable[[float, float], Iterator[Shape]]
SOFT = "#5c5c57"                # 6.8 : 1 on white
QUIET = 4                       # white modules around a code (ISO/IEC 18004)
ART_HIGH, MARGIN, CODE_SIDE = 104.0, 18.0, 74.0
LOGO_RIM = 5.0
HARD = "\u00a0"
SECOND = 0.62                   # how large the other language is beside the first


def upright(poster: Poster, art: Art) -> Iterator[Shape]:
    """210 × 297: art above, the headline, three steps beside the code."""
    wide, high = LAID["upright"]
    yield Group(tuple(art(wide, ART_HIGH)), clip=(wide, ART_HIGH))
    yield from _logo(poster, MARGIN, ART_HIGH - MARGIN, (72.0, 22.5))
    inks = [(each.headline, BOLD if not at else REGULAR, INK if not at else poster.colours.ui_light) for at, each in enumerate(poster.says)]
    shapes, bottom = headlines(inks, MARGIN, ART_HIGH + 13, wide - 2 * MARGIN, 58, 20)
    yield from shapes
    # Short words leave room: the lower half then stands a little lower, never against the foot.
    top = max(bottom + 11, min(bottom + 22, 180))
    yield from _steps(poster, MARGIN, top, wide - 3 * MARGIN - CODE_SIDE)
    left = wide - MARGIN - CODE_SIDE
    yield Code(poster.address, left, top, CODE_SIDE)
    size = fitting(poster.shown, BOLD, 5.0, CODE_SIDE)
    yield Words(left + CODE_SIDE / 2, top + CODE_SIDE + 8, poster.shown, BOLD, size, INK, "middle")
    yield from _foot(poster, high - 13)


def _foot(poster: Poster, baseline: float) -> Iterator[Shape]:
    wide = LAID["upright"][0]
    name = poster.says[0].name
    yield from _name(name, MARGIN, baseline, 6.4, 74, INK, is_hanging=False)
    for line, each in enumerate(reversed(poster.says)):
        size = fitting(each.foot, REGULAR, 4.8 if len(poster.says) == 1 else 4.2, 92)
        yield Words(wide - MARGIN, baseline - line * 5.6, each.foot, REGULAR, size, INK if len(poster.says) == 1 or line else SOFT, "end")


def _steps(poster: Poster, left: float, top: float, wide: float) -> Iterator[Shape]:
    first, others = poster.says[0], poster.says[1:]
    size, baseline = (6.4 if not others else 5.6), top + 6
    for number, step in enumerate(first.steps):
        yield Words(left, baseline, str(number + 1), BOLD, size, poster.colours.ui_light)
        for line in balanced(step, REGULAR, size, wide - 9):
            yield Words(left + 9, baseline, line, REGULAR, size, INK)
            baseline += size * 1.28
        for other in others:
            small = size * 0.86
            for line in balanced(other.steps[number], REGULAR, small, wide - 9):
                yield Words(left + 9, baseline, line, REGULAR, small, SOFT)
                baseline += small * 1.28
        baseline += size * 0.7


def wide(poster: Poster, says: Sequence[Saying], art: Art, across: float, high: float) -> Iterator[Shape]:
    """across × high: what there is to win on the colour at the left, the code on white at the right."""
    unit, colours = high / 148.5, poster.colours
    panel, margin, lead = across * 0.56, 13 * unit, 8 * unit
    yield Rect(0, 0, across, high, "#ffffff")
    yield Rect(0, 0, panel, high, colours.brand)
    art_high = 44 * unit
    yield Group(tuple(art(panel, art_high)), 0, high - art_high, clip=(panel, art_high))
    room = panel - 2 * margin
    if poster.logo:
        logo_wide, logo_high = within(poster.logo, (room, 17 * unit))
        yield Picture(poster.logo, margin, margin, logo_wide, logo_high)
    else:
        yield from _name(says[0].name, margin, margin + 7 * unit, 9 * unit, room, colours.on_brand, is_hanging=True)
    inks = [(each.headline, BOLD if not at else REGULAR, colours.on_brand) for at, each in enumerate(says)]
    below = [(each.steps[2], lead * (1 if len(says) == 1 else 0.72)) for each in says]
    leads = [(line, size) for text, size in below for line in balanced(text, REGULAR, size, room)]
    foot = high - art_high - 9 * unit
    tall = sum(size * 1.25 for _, size in leads)
    top = margin + 24 * unit
    shapes, _ = headlines(inks, margin, top, room, foot - tall - top - 5 * unit, 17 * unit)
    yield from shapes
    baseline = foot - tall
    for line, size in leads:
        baseline += size * 1.25
        yield Words(margin, baseline - size * 0.25, line, REGULAR, size, colours.label)
    yield from _wide_code(poster, says, panel, across, high)


def _wide_code(poster: Poster, says: Sequence[Saying], panel: float, across: float, high: float) -> Iterator[Shape]:
    unit, middle, room = high / 148.5, (panel + across) / 2, (across - panel) * 0.84
    side = min((across - panel) * 0.74, high * 0.52)
    top = (high - side) / 2 - (3 if len(says) == 1 else -2) * unit
    sizes = [fitting(each.steps[0], BOLD if not at else REGULAR, (7.4 if not at else 6.0) * unit, room) for at, each in enumerate(says)]
    baseline = top - 9 * unit
    for at in reversed(range(len(says))):
        yield Words(middle, baseline, says[at].steps[0], REGULAR if at else BOLD, sizes[at], SOFT if at else INK, "middle")
        baseline -= sizes[at] * 1.3
    yield Code(poster.address, middle - side / 2, top, side)
    below = top + side + 12 * unit
    yield Words(middle, below, poster.shown, BOLD, fitting(poster.shown, BOLD, 6 * unit, room), INK, "middle")
    small = 4.4 * unit
    for each in says:
        below += small * 1.6
        yield Words(middle, below, each.foot, REGULAR, fitting(each.foot, REGULAR, small, room), SOFT, "middle")


def sticker(poster: Poster) -> Iterator[Shape]:
    """60 × 60: all in the colour, the code on a white plate."""
    side, colours = LAID["sticker"][0], poster.colours
    plate, room = 35.0, side - 9
    inks = [(each.headline, BOLD if not at else REGULAR, colours.on_brand) for at, each in enumerate(poster.says)]
    shapes, bottom = headlines(inks, side / 2, 4.0, room, 11.0, 5.2, anchor="middle")
    top = 16.0
    # One short line alone would hang at the rim: it comes down to the middle of its room.
    yield Group(tuple(shapes), 0, max(0.0, (top - 1 - bottom) / 2 - 1))
    yield Rect((side - plate) / 2, top, plate, plate, "#ffffff", 2.0)
    modules = len(Code(poster.address, 0, 0, 1).rows)
    code = plate * modules / (modules + 2 * QUIET)
    yield Code(poster.address, (side - code) / 2, top + (plate - code) / 2, code)
    name = poster.says[0].name
    yield Words(side / 2, 54.4, name, BOLD, fitting(name, BOLD, 3.4, room), colours.on_brand, "middle")
    yield Words(side / 2, 57.8, poster.shown, REGULAR, fitting(poster.shown, REGULAR, 2.6, room), colours.label, "middle")


Ink = tuple[str, str, str]


def headlines(inks: Sequence[Ink], left: float, top: float, wide: float, high: float, largest: float,
              anchor: str = "start") -> tuple[list[Shape], float]:
    """Sets (text, font, colour) one below the other, as large as all fit; returns the shapes and where the last line ends."""
    size = largest
    while size > 1.0 and not _fits(inks, size, wide, high):
        size *= 0.95
    shapes: list[Shape] = []
    y = top
    for at, (text, font, colour) in enumerate(inks):
        each = size * SECOND if at else size
        y += each * 0.35 if at else 0.0
        for line in balanced(bound(text), font, each, wide):
            shapes.append(Words(left, y + each * 0.78, line, font, each, colour, anchor))
            y += each * 1.06
    return shapes, y


def bound(text: str) -> str:
    """A number and its sign stay on one line, and a dash begins none."""
    return text.replace(" ₽", HARD + "₽").replace(" — ", f"{HARD}— ").replace(" %", HARD + "%")


def _fits(inks: Sequence[Ink], size: float, wide: float, high: float) -> bool:
    tall = 0.0
    for at, (text, font, _) in enumerate(inks):
        each = size * SECOND if at else size
        lines = wrapped(bound(text), font, each, wide)
        if any(width(line, font, each) > wide for line in lines):
            return False
        tall += each * 1.06 * len(lines) + (each * 0.35 if at else 0.0)
    return tall <= high


def _name(name: str, left: float, baseline: float, size: float, wide: float, fill: str, *, is_hanging: bool) -> Iterator[Shape]:
    """In one line, or in two smaller ones, hung from the baseline of one line or standing on it; what is longer still is set smaller."""
    if width(name, BOLD, size) <= wide:
        yield Words(left, baseline, name, BOLD, size, fill)
        return
    small = size * 0.7
    while not _fits([(name, BOLD, fill)], small, wide, 2.2 * small):
        small *= 0.95
    lines = balanced(name, BOLD, small, wide)
    first = baseline - (0.0 if is_hanging else (len(lines) - 1) * small * 1.15) - (size * 0.25 if is_hanging else 0.0)
    for at, line in enumerate(lines):
        yield Words(left, first + at * small * 1.15, line, BOLD, small, fill)


def _logo(poster: Poster, left: float, bottom: float, room: tuple[float, float]) -> Iterator[Shape]:
    """On the card's colour, so that it reads on any picture."""
    if poster.logo:
        wide, high = within(poster.logo, room)
        plate = room[1] + 2 * LOGO_RIM
        yield Rect(left, bottom - plate, wide + 2 * LOGO_RIM, plate, poster.colours.brand, LOGO_RIM / 2)
        yield Picture(poster.logo, left + LOGO_RIM, bottom - plate + (plate - high) / 2, wide, high)


def within(picture: bytes, room: tuple[float, float]) -> tuple[float, float]:
    """Width and height of a picture that fills `room` in one direction."""
    from PIL import Image

    with Image.open(io.BytesIO(picture), formats=("PNG",)) as opened:
        scale = min(room[0] / opened.width, room[1] / opened.height)
        return opened.width * scale, opened.height * scale
