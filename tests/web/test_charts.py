"""The geometry of a line chart."""
import pytest

from app.web.charts import line_chart, round_step


@pytest.mark.parametrize(("highest", "step"), [
    (0, 1), (5, 1), (6, 2), (11, 3), (25, 5), (60, 20), (120, 25), (2051, 500), (12000, 2500), (99999, 20000)])
def test_five_round_steps_reach_the_highest_number(highest: int, step: int):
    assert round_step(highest) == step
    assert step * 5 >= highest


def test_the_line_runs_from_the_left_edge_to_the_right_and_nought_lies_on_the_ground():
    drawn = line_chart([0, 50, 100])
    assert drawn.line == "0,200 360,100 720,0"
    assert drawn.end == "720,0"
    assert drawn.ticks == (0, 20, 40, 60, 80, 100)


def test_a_day_below_zero_is_drawn_on_the_ground_and_a_single_day_is_a_point():
    assert line_chart([-5]).line == "0,200"


def test_the_time_before_shares_the_scale():
    drawn = line_chart([10, 10], before=[100, 0])
    assert drawn.before == "0,0 720,200"
    assert drawn.line == "0,180 720,180"
