from typing import Any

import pytest

from app.guard.lanes import Lane, Slot, kind_of
from app.guard.limits import Pace


class Till:
    """A connection that notes what became of its requests."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    def begin(self, slot: Slot) -> None:
        self.begun.append(slot.cycle)

    def refuse(self, slot: Slot) -> None:
        raise AssertionError("the lane refuses nobody by itself")


def lane(**pace: Any) -> Lane:
    return Lane("till_writes", Pace(**{"at_once": 2, "patience_seconds": 0.2, "most_wait_seconds": 1.0, **pace}))


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
    ("POST", "/api/v1/cards/crd_1/events", "till_writes"), ("POST", "/metrics", "page_writes")])
def test_a_request_is_of_one_kind_and_what_must_always_be_answered_is_of_none(method: str, path: str, kind: str | None) -> None:
    assert kind_of(method, path) == kind
