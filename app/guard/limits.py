"""What one process takes. All of it per process: of several behind one socket, each has its own."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """at_once: requests that run; beside: while writes of tills wait in line; patience_seconds: who would wait longer, going by the
    last that left the line, is refused; burst_seconds: the same for as long as that in a line's first moments, since a disk that
    hesitates is no overload; most_wait_seconds: nobody waits longer; most_waiting: in line."""

    at_once: int
    beside: int
    patience_seconds: float
    most_wait_seconds: float
    burst_seconds: float = 0.35
    most_waiting: int = 2000


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes and counts.

    header_seconds: for a request's line and headers, from its first byte or from the connection; body_seconds: for a body, and more
    while it brings `rate` bytes a second; write_seconds: for an answer that does not leave, and more while it leaves at `rate`;
    idle_seconds: for a connection between requests, above the 60 s after which a proxy gives one up;
    header_bytes: never kept for longer than it takes to say no, the tidy 431 above 16 KiB is the application's;
    linger: what is still read, and dropped, of a request that was answered before it ended, so that its sender reads the answer;
    held_bytes: of all requests together that are not whole yet; unread_bytes: of all answers together that wait for their readers;
    an_address: connections of one address;
    till_writes, till_reads, pages: see lanes.py; flood_per_second, flood_burst: requests of strangers from one address.
    """

    header_seconds: float = 10.0
    body_seconds: float = 30.0
    write_seconds: float = 30.0
    idle_seconds: float = 75.0
    rate: int = 1024
    header_bytes: int = 64 * 1024
    linger_seconds: float = 10.0
    linger_bytes: int = 4 * 1024 * 1024
    held_bytes: int = 16 * 1024 * 1024
    unread_bytes: int = 64 * 1024 * 1024
    connections: int = 4000
    an_address: int = 256
    till_writes: Pace = Pace(at_once=32, beside=32, patience_seconds=0.15, most_wait_seconds=1.0)
    till_reads: Pace = Pace(at_once=8, beside=2, patience_seconds=0.15, most_wait_seconds=1.0)
    pages: Pace = Pace(at_once=8, beside=1, patience_seconds=2.0, most_wait_seconds=5.0)
    flood_per_second: float = 100.0
    flood_burst: float = 1000.0
