"""What a layout is made of. Millimetres, from the sheet's upper left corner, down. A surface (pdf.py, svg.py) draws each kind once."""
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    wide: float
    high: float
    fill: str
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Polygon:
    points: tuple[tuple[float, float], ...]
    fill: str


@dataclass(frozen=True, slots=True)
class Line:
    x: float
    y: float
    to_x: float
    to_y: float
    colour: str
    thick: float
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text. font: a name of web/paper.py; anchor: what stands at x: start, middle or end."""

    x: float
    baseline: float
    text: str
    font: str
    size: float
    fill: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Picture:
    """png: the file."""

    png: bytes
    x: float
    y: float
    wide: float
    high: float


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code without its quiet zone; whoever lays it out keeps four modules white around it."""

    address: str
    x: float
    y: float
    side: float

    @property
    def rows(self) -> list[list[int]]:
        """1 for black. Level Q: it survives a scratched sheet."""
        import segno

        return [list(row) for row in segno.make_qr(self.address, error="q").matrix]


@dataclass(frozen=True, slots=True)
class Group:
    """Shapes in a system of their own: moved to x, y, scaled, turned by half a turn around that point; clip: only what lies
    within (wide, high) is seen."""

    shapes: "tuple[Shape, ...]"
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    is_turned: bool = False
    clip: tuple[float, float] | None = None


Shape = Rect | Polygon | Line | Words | Picture | Code | Group


@dataclass(frozen=True, slots=True)
class Sheet:
    """A laid out page. title: what it is called where files have titles; said: all its words, for those who cannot see them;
    codes: how many codes are on it."""

    wide: float
    high: float
    title: str
    author: str
    said: str
    shapes: tuple[Shape, ...]
    codes: int
