from typing import Any

import pytest

from app.guard.lanes import Lane, Slot, kind_of
from app.guard.limits import Pace


class Till:
    """A connection that notes what became of its requests; it is its own loop, whose clock stands still."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.loop, self.now = self, 0.0

    def time(self) -> float:
        return self.now

    def begin(self, slot: Slot) -> None:
        self.begun.append(slot.cycle)

    def refuse(self, slot: Slot) -> None:
        raise AssertionError("the lane refuses nobody by itself")


def lane(**pace: Any) -> Lane:
    usual = {"at_once": 2, "beside": 1, "patience_seconds": 0.2, "most_wait_seconds": 1.0, "burst_seconds": 0.0}
    return Lane("till_writes", Pace(**{**usual, **pace}))


def asked(lane: Lane, till: Till, name: str, now: float) -> Slot | None:
    slot = Slot(lane, till, name)
    if lane.has_room():
        lane.begin(slot)
        return slot
    return slot if lane.wait(slot, now) else None


def test_so_many_run_and_the_next_begins_when_one_is_done() -> None:
    two, till = lane(), Till()
    first, *_ = [asked(two, till, name, 0.0) for name in "abc"]
    assert till.begun == ["a", "b"]
    assert first is not None
    first.finished(None)
    assert till.begun == ["a", "b", "c"]
    first.finished(None)                # a place is given back once
    assert two.running == 2


def test_a_line_takes_more_until_its_first_has_waited_for_long() -> None:
    two, till = lane(), Till()
    assert all(asked(two, till, str(number), now=0.0) for number in range(50))
    assert asked(two, till, "in time", now=0.2)
    assert asked(two, till, "too late", now=0.21) is None
    assert len(till.begun) == 2


@pytest.mark.goal("L7")
def test_a_line_takes_as_many_as_will_have_their_turn_in_time_going_by_the_last_ones() -> None:
    two, till = lane(), Till()
    running = [asked(two, till, str(number), 0.0) for number in range(4)]
    till.now = 0.05                     # one leaves after 50 ms, so that four more are 200 ms
    assert running[0] is not None
    running[0].finished(None)
    assert [bool(asked(two, till, str(number), 0.05)) for number in range(6)] == [True] * 4 + [False] * 2
    assert len(two.waiting) == 5


def test_a_disk_that_hesitates_is_waited_for_and_one_that_stays_slow_is_not() -> None:
    two, till = lane(burst_seconds=0.5), Till()
    assert all(asked(two, till, str(number), now=0.0) for number in range(4))
    assert asked(two, till, "in the first moments", now=0.5)
    assert asked(two, till, "later", now=0.51) is None


def test_while_sales_wait_fewer_of_the_others_run_and_then_they_go_on() -> None:
    till = Till()
    sales = Lane("till_writes", Pace(1, 1, 9.0, 9.0))
    pages = Lane("page_reads", Pace(3, 1, 9.0, 9.0), sales)
    first, second = [asked(sales, till, name, 0.0) for name in ("sale 1", "sale 2")]
    for name in ("page 1", "page 2", "page 3"):
        asked(pages, till, name, 0.0)
    assert till.begun == ["sale 1", "page 1"]
    assert first is not None and second is not None
    first.finished(None)
    assert till.begun == ["sale 1", "page 1", "sale 2", "page 2", "page 3"]


def test_a_line_has_an_end_whatever_the_clock_says() -> None:
    two, till = lane(most_waiting=3), Till()
    assert [bool(asked(two, till, str(number), 0.0)) for number in range(6)] == [True] * 5 + [False]


def test_who_waited_too_long_leaves_the_line_in_order() -> None:
    two, till = lane(at_once=1), Till()
    for number, now in enumerate((0.0, 0.0, 0.1, 0.15)):
        asked(two, till, str(number), now)
    assert [slot.cycle for slot in two.expired(1.12)] == ["1", "2"]
    assert [slot.cycle for slot in two.waiting] == ["3"]


@pytest.mark.parametrize(("method", "path", "kind"), [
    ("POST", "/api/v1/sales", "till_writes"), ("GET", "/api/v1/cards", "till_reads"), ("POST", "/till/cards/x", "till_writes"),
    ("GET", "/c/abc", "page_reads"), ("POST", "/e/coffee", "page_writes"), ("DELETE", "/apple/a/v1/devices/d", "page_writes"),
    ("GET", "/c/abc/events", None), ("GET", "/health", None), ("GET", "/ready", None), ("GET", "/metrics", None),
    ("POST", "/api/v1/cards/crd_1/events", "till_writes"), ("POST", "/metrics", "page_writes"),
    ("GET", "/api/v1/openapi.json", "page_reads"), ("GET", "/api/docs", "page_reads")])
def test_a_request_is_of_one_kind_and_what_must_always_be_answered_is_of_none(method: str, path: str, kind: str | None) -> None:
    assert kind_of(method, path) == kind
