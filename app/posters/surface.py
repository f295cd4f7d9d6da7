"""What both surfaces need of a code."""
import re
from collections.abc import Iterator

from app.posters.shapes import Code


def runs(code: Code) -> Iterator[tuple[float, float, float, float]]:
    """Neighbouring black modules of a row as (x, y, wide, high)."""
    rows = code.rows
    step = code.side / len(rows)
    for y, row in enumerate(rows):
        for run in re.finditer("1+", "".join(map(str, row))):
            yield code.x + run.start() * step, code.y + y * step, (run.end() - run.start()) * step, step
