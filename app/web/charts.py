"""A line chart's geometry: a box of 720 × 200 that the page stretches to its place, five even steps from nought to a round number."""
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, STEPS = 720, 200, 5


@dataclass(frozen=True)
class LineChart:
    """Points of the polylines ("x,y x,y …"), the stone at the end of the line, and the numbers at the lines of the grid from below."""

    line: str
    before: str
    end: str
    ticks: tuple[int, ...]


def round_step(highest: int) -> int:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten, a whole number, of which STEPS reach `highest` (>= 0)."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power // 2 if power > 1 else 3, 5 * power):
            if step * STEPS >= highest:
                return step
        power *= 10


def line_chart(values: Sequence[int], before: Sequence[int] = ()) -> LineChart:
    """Lay out `values` (>= 0, in order of time) and, for comparison, `before`: the same span of the time before, or nothing."""
    step = round_step(max([0, *values, *before]))
    return LineChart(line=_points(values, step * STEPS), before=_points(before, step * STEPS),
                     end=_points(values, step * STEPS).split(" ")[-1], ticks=tuple(step * number for number in range(STEPS + 1)))


def _points(values: Sequence[int], top: int) -> str:
    wide = max(len(values) - 1, 1)
    return " ".join(f"{round(WIDTH * at / wide)},{round(HEIGHT - HEIGHT * max(value, 0) / top)}" for at, value in enumerate(values))
