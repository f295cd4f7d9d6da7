"""Lanes: so many requests of a kind run at once, the others wait in line, and who would wait too long is told so at once.

Four kinds, so that none takes the place of another: tills and pages, reading and writing. Writes that wait for a locked database
must not hold up reads, and a rush on the shoppers' pages must not hold up tills. All run on one processor: what runs beside a sale
makes it later, and a card that is found is of no use to a till whose sale is refused; so few reads and pages run at once, and fewer
still while sales wait. How long a line may get is no count but a time: a fast machine has a longer line. A request counts from when
its last byte is there until its answer is worked out, or waits for its reader.
"""
from collections import deque
from typing import Any, Protocol

from app.guard.limits import Pace

# Asked by machines that decide whether this process lives, and answered whatever happens.
EXEMPT = ("/health", "/ready", "/metrics")
READING = ("GET", "HEAD", "OPTIONS")
_TILLS = ("/api/", "/till")
# Half a megabyte that anybody may ask for: tills do not wait behind it.
_DOCUMENTS = ("/api/v1/openapi.json", "/api/docs")
STEP_SHARE = 0.1        # how much the last step counts among those before it


class Slot:
    """A request's place in a lane: it waits, has it, or has given it back. begin, refuse: what the connection does then."""

    __slots__ = ("connection", "cycle", "has_place", "lane", "since")

    def __init__(self, lane: "Lane", connection: "Runner", cycle: Any) -> None:
        self.lane, self.connection, self.cycle = lane, connection, cycle
        self.has_place, self.since = False, 0.0

    def finished(self, task: Any) -> None:
        """The request was worked on, whatever came of it."""
        if self.has_place:
            self.lane.leave(self, self.connection.loop.time())


class Runner(Protocol):
    """A connection that has requests."""

    loop: Any

    def begin(self, slot: Slot) -> None:
        """Runs the slot's request."""

    def refuse(self, slot: Slot) -> None:
        """Answers that there is too much."""


class Lane:
    """One kind of requests. first: the lane that goes before it; None where it is that lane itself."""

    def __init__(self, name: str, pace: Pace, first: "Lane | None" = None) -> None:
        self.name, self.pace, self.first = name, pace, first
        self.behind: list[Lane] = []
        if first is not None:
            first.behind.append(self)
        self.running = 0
        self.waiting: deque[Slot] = deque()
        self._step, self._left_at = 0.0, 0.0        # seconds between two that leave the line, lately
        self._began_at = 0.0                        # since when there is a line

    def has_room(self) -> bool:
        most = self.pace.at_once if self.first is None or not self.first.waiting else self.pace.beside
        return self.running < most

    def begin(self, slot: Slot) -> None:
        """Runs a request; the caller knows that there is room."""
        slot.has_place = True
        self.running += 1
        slot.connection.begin(slot)

    def wait(self, slot: Slot, now: float) -> bool:
        """Puts the request in line; False where it would wait too long. now: the loop's seconds."""
        if self.waiting:
            most, burst = self.pace.patience_seconds, self.pace.burst_seconds
            if now - self._began_at <= burst:
                most = max(most, burst)
            wait = max(len(self.waiting) * self._step, now - self.waiting[0].since)
            if wait > most or len(self.waiting) >= self.pace.most_waiting:
                return False
        else:
            self._left_at = self._began_at = now
        slot.since = now
        self.waiting.append(slot)
        return True

    def leave(self, slot: Slot, now: float) -> None:
        """Gives the place to the next in line; once for each slot, further calls do nothing."""
        if not slot.has_place:
            return
        slot.has_place = False
        self.running -= 1
        if self.waiting:
            step = now - self._left_at
            self._step = self._step + STEP_SHARE * (step - self._step) if self._step else step
            self._left_at = now
            self.go_on()

    def go_on(self) -> None:
        """Begins as many of those in line as there is room for; at the end of its line those behind it may go on, too."""
        while self.waiting and self.has_room():
            self.begin(self.waiting.popleft())
        if not self.waiting:
            for lane in self.behind:
                lane.go_on()

    def expired(self, now: float) -> list[Slot]:
        """Takes those out of the line that have waited too long."""
        found = []
        while self.waiting and now - self.waiting[0].since >= self.pace.most_wait_seconds:
            found.append(self.waiting.popleft())
        return found


def kind_of(method: str, path: str) -> str | None:
    """The lane's name; None for what is never counted: the questions of machines, and event streams, which wait by nature."""
    if method in READING:
        if path in EXEMPT or path.endswith("/events"):
            return None
        return "till_reads" if path.startswith(_TILLS) and path not in _DOCUMENTS else "page_reads"
    return "till_writes" if path.startswith(_TILLS) else "page_writes"
