"""What an answer of Google's means, how long to wait after it, and how fast to ask. Plain rules.

Google, "Error codes"; `reason` counts for 403 alone, because no other status documents its reasons.
"""
from datetime import timedelta
from enum import Enum

A_SECOND = 10                   # requests of one issuer; Google stops at 20
FIRST, LONGEST = timedelta(seconds=1), timedelta(minutes=4)
CONFIGURATION_PAUSE = timedelta(minutes=2)
QUOTA = "quotaExceeded"


class Verdict(Enum):
    """What an answer means for the row that asked."""

    DONE = "done"
    MISSING = "missing"                 # 404: the object, or its class
    EXISTS = "exists"                   # 409: an earlier insert arrived, though its answer was lost
    REFUSED = "refused"                 # asking again changes nothing: a person must look
    UNAUTHORISED = "unauthorised"       # 401: the token is old, or taken back
    QUOTA = "quota"                     # too many announcements; the change itself may be repeated without one
    CONFIGURATION = "configuration"     # the account, its rights, or the issuer: nothing of this issuer goes through
    UNAVAILABLE = "unavailable"         # rate, outage, no answer: later


def judge(status: int, reason: str) -> Verdict:
    """status 0: no answer came; reason: what a 403 says of itself."""
    if 200 <= status < 300:
        return Verdict.DONE
    if status == 403:
        return Verdict.QUOTA if reason == QUOTA else Verdict.CONFIGURATION
    known = {401: Verdict.UNAUTHORISED, 404: Verdict.MISSING, 409: Verdict.EXISTS, 408: Verdict.UNAVAILABLE, 429: Verdict.UNAVAILABLE}
    if status in known:
        return known[status]
    # A redirect is somebody else's page in between (a captive network, a wrong address): not for us to follow with a token in hand.
    if 300 <= status < 400:
        return Verdict.CONFIGURATION
    return Verdict.REFUSED if 400 <= status < 500 else Verdict.UNAVAILABLE


def backoff(tries: int, jitter: float) -> timedelta:
    """The wait after the `tries`th failure (from 1), doubling; jitter in 0…1 takes up to half of it away.

    Never longer than LONGEST: whatever waits is asked for again within five minutes after Google is back.
    """
    whole = min(FIRST * 2 ** min(tries - 1, 16), LONGEST)
    return max(FIRST, whole * (1 - jitter / 2))


class Pace:
    """Requests at even distances: no second holds more than A_SECOND of them, whoever asks."""

    def __init__(self, a_second: int = A_SECOND) -> None:
        self._distance = 1 / a_second
        self._next = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds to wait before the next request may go, which is taken as gone then. now: of a clock that never goes back."""
        at = max(now, self._next)
        self._next = at + self._distance
        return at - now
