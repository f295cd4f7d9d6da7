"""A sheet as SVG. Letters are outlines, so that it looks the same where nobody has the fonts: at a printer's, on a cutter, on a screen."""
import base64
import re
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from app.posters.shapes import Code, Group, Line, Picture, Polygon, Rect, Shape, Sheet, Words
from app.web.paper import font_file, width

_HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{wide}mm" height="{high}mm" '
         'viewBox="0 0 {wide} {high}" role="img" aria-label={said}>')


def draw(sheet: Sheet) -> bytes:
    """A file of its own, title and all."""
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + inline(sheet, f"<title>{escape(sheet.title)}</title>").encode()


def inline(sheet: Sheet, head: str = "") -> str:
    """The same for a page."""
    letters: dict[tuple[str, str], str] = {}
    drawn = "".join(_draw(shape, letters) for shape in sheet.shapes)
    defined = "".join(f'<path id="{name}" d="{_outline(font, letter)}"/>' for (font, letter), name in letters.items())
    opened = _HEAD.format(wide=_short(sheet.wide), high=_short(sheet.high), said=quoteattr(sheet.said))
    return f"{opened}{head}<defs>{defined}</defs>{drawn}</svg>"


def _draw(shape: Shape, letters: dict[tuple[str, str], str]) -> str:
    match shape:
        case Rect():
            round_ = f' rx="{_short(shape.radius)}"' if shape.radius else ""
            return (f'<rect x="{_short(shape.x)}" y="{_short(shape.y)}" width="{_short(shape.wide)}" height="{_short(shape.high)}"{round_} '
                    f'fill="{shape.fill}"/>')
        case Polygon():
            points = "L".join(f"{_short(x)} {_short(y)}" for x, y in shape.points)
            return f'<path fill="{shape.fill}" d="M{points}z"/>'
        case Line():
            dash = ' stroke-dasharray="2 1.5"' if shape.is_dashed else ""
            return (f'<path stroke="{shape.colour}" stroke-width="{_short(shape.thick)}"{dash} '
                    f'd="M{_short(shape.x)} {_short(shape.y)}L{_short(shape.to_x)} {_short(shape.to_y)}"/>')
        case Words():
            return _words(shape, letters)
        case Picture():
            data = base64.b64encode(shape.png).decode()
            return (f'<image x="{_short(shape.x)}" y="{_short(shape.y)}" width="{_short(shape.wide)}" height="{_short(shape.high)}" '
                    f'preserveAspectRatio="none" xlink:href="data:image/png;base64,{data}"/>')
        case Code():
            return _code(shape)
        case Group():
            return _group(shape, letters)


def _group(group: Group, letters: dict[tuple[str, str], str]) -> str:
    turned = " rotate(180)" if group.is_turned else ""
    scaled = f" scale({group.scale:.5f})" if group.scale != 1 else ""
    # A picture of its own has edges of its own: what lies outside of it is not drawn. No clip path needs a name then.
    inner = "".join(_draw(shape, letters) for shape in group.shapes)
    if group.clip:
        wide, high = map(_short, group.clip)
        inner = f'<svg width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" overflow="hidden">{inner}</svg>'
    return f'<g transform="translate({_short(group.x)} {_short(group.y)}){turned}{scaled}">{inner}</g>'


def _code(code: Code) -> str:
    """In whole modules: the numbers stay short, and edges meet."""
    rows = code.rows
    path = "".join(f"M{run.start()} {y}h{run.end() - run.start()}v1H{run.start()}z" for y, row in enumerate(rows)
                   for run in re.finditer("1+", "".join(map(str, row))))
    return (f'<path transform="translate({_short(code.x)} {_short(code.y)}) scale({code.side / len(rows):.6f})" '
            f'shape-rendering="crispEdges" d="{path}"/>')


def _words(words: Words, letters: dict[tuple[str, str], str]) -> str:
    wide = width(words.text, words.font, words.size)
    left = words.x - {"start": 0.0, "middle": wide / 2, "end": wide}[words.anchor]
    at, uses = 0.0, []
    for letter in words.text:
        if not letter.isspace():
            name = letters.setdefault((words.font, letter), f"l{len(letters)}")
            uses.append(f'<use xlink:href="#{name}" x="{at:.0f}"/>')
        at += width(letter, words.font, 1000.0)
    scale = words.size / 1000
    return (f'<g fill="{words.fill}" transform="translate({_short(left)} {_short(words.baseline)}) scale({scale:.6f} {-scale:.6f})">'
            f'{"".join(uses)}</g>')


@lru_cache(maxsize=4)
def _face(font: str) -> Any:
    # Imported here: only an SVG needs outlines.
    from fontTools.ttLib import TTFont

    return TTFont(font_file(font), lazy=True)


@lru_cache(maxsize=1024)
def _outline(font: str, letter: str) -> str:
    """The letter as a path, a thousand units to the size; that of a letter that the font lacks is the font's own empty box."""
    from fontTools.pens.svgPathPen import SVGPathPen
    from fontTools.pens.transformPen import TransformPen

    face = _face(font)
    glyphs = face.getGlyphSet()
    pen = SVGPathPen(glyphs, ntos=lambda number: f"{number:.0f}")
    scale = 1000 / face["head"].unitsPerEm
    glyphs[face.getBestCmap().get(ord(letter), ".notdef")].draw(TransformPen(pen, (scale, 0, 0, scale, 0, 0)))
    return str(pen.getCommands())


def _short(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
