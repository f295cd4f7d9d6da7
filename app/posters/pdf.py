"""A sheet as a PDF of one page: text is text, the code is vectors."""
import io
from typing import TYPE_CHECKING

from app.posters.shapes import Code, Group, Line, Picture, Polygon, Rect, Shape, Sheet, Words
from app.posters.surface import runs
from app.web.paper import MM, register_fonts

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas


def draw(sheet: Sheet) -> bytes:
    # Imported here: 60 ms that only a download of a poster needs.
    from reportlab.pdfgen.canvas import Canvas

    register_fonts()
    out = io.BytesIO()
    # invariant: the same sheet is the same file, byte for byte
    canvas = Canvas(out, pagesize=(sheet.wide * MM, sheet.high * MM), invariant=1)
    canvas.setTitle(sheet.title)
    canvas.setAuthor(sheet.author)
    # Down is positive, as in the layout; what has an upright is turned back where it is drawn.
    canvas.translate(0, sheet.high * MM)
    canvas.scale(MM, -MM)
    for shape in sheet.shapes:
        _draw(canvas, shape)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def _draw(canvas: "Canvas", shape: Shape) -> None:
    match shape:
        case Rect():
            canvas.setFillColor(shape.fill)
            if shape.radius:
                canvas.roundRect(shape.x, shape.y, shape.wide, shape.high, shape.radius, stroke=0, fill=1)
            else:
                canvas.rect(shape.x, shape.y, shape.wide, shape.high, stroke=0, fill=1)
        case Polygon():
            _polygon(canvas, shape)
        case Line():
            canvas.setStrokeColor(shape.colour)
            canvas.setLineWidth(shape.thick)
            canvas.setDash([2, 1.5] if shape.is_dashed else [])
            canvas.line(shape.x, shape.y, shape.to_x, shape.to_y)
        case Words():
            _words(canvas, shape)
        case Picture():
            _picture(canvas, shape)
        case Code():
            _code(canvas, shape)
        case Group():
            _group(canvas, shape)


def _group(canvas: "Canvas", group: Group) -> None:
    canvas.saveState()
    canvas.translate(group.x, group.y)
    if group.is_turned:
        canvas.rotate(180)
    canvas.scale(group.scale, group.scale)
    if group.clip:
        frame = canvas.beginPath()
        frame.rect(0, 0, *group.clip)
        canvas.clipPath(frame, stroke=0, fill=0)
    for shape in group.shapes:
        _draw(canvas, shape)
    canvas.restoreState()


def _polygon(canvas: "Canvas", polygon: Polygon) -> None:
    path = canvas.beginPath()
    for number, point in enumerate(polygon.points):
        (path.lineTo if number else path.moveTo)(*point)
    path.close()
    canvas.setFillColor(polygon.fill)
    canvas.drawPath(path, stroke=0, fill=1)


def _words(canvas: "Canvas", words: Words) -> None:
    canvas.saveState()
    canvas.translate(words.x, words.baseline)
    canvas.scale(1, -1)
    canvas.setFillColor(words.fill)
    canvas.setFont(words.font, words.size)
    {"start": canvas.drawString, "middle": canvas.drawCentredString, "end": canvas.drawRightString}[words.anchor](0, 0, words.text)
    canvas.restoreState()


def _picture(canvas: "Canvas", picture: Picture) -> None:
    from reportlab.lib.utils import ImageReader

    canvas.saveState()
    canvas.translate(picture.x, picture.y + picture.high)
    canvas.scale(1, -1)
    canvas.drawImage(ImageReader(io.BytesIO(picture.png)), 0, 0, picture.wide, picture.high, mask="auto")
    canvas.restoreState()


def _code(canvas: "Canvas", code: Code) -> None:
    """One path: between shapes of their own a renderer leaves white seams."""
    path = canvas.beginPath()
    for x, y, wide, step in runs(code):
        path.rect(x, y, wide, step)
    canvas.setFillColor("#000000")
    canvas.drawPath(path, stroke=0, fill=1)
