"""How much strangers of one address may ask: a bucket of tokens for each, forgotten when it is full again or too many are kept.

A stranger is whoever was let in by no session and no key. Their answers cost one token, refusals five, so that guessing ends
sooner than reading. An empty bucket stops its address, and spares those who came in from it before: a till behind the same router
goes on. Nothing of a credential is kept but its hash in this process.
"""
from collections.abc import Iterable

MOST_ADDRESSES = 10_000
MOST_KNOWN = 20_000
REFUSALS = (400, 401, 404, 410, 429)
_CREDENTIALS = (b"authorization", b"cookie")
Header = tuple[bytes, bytes]


class Floods:
    """Tokens by address."""

    def __init__(self, per_second: float, burst: float) -> None:
        self.per_second, self.burst = per_second, burst
        self._left: dict[str, tuple[float, float]] = {}         # tokens, and when; longest quiet first
        self._known: dict[int, None] = {}
        self.were_refused = 0

    def has_room(self, address: str, headers: Iterable[Header], now: float) -> bool:
        """Whether a request may come in."""
        if self._tokens(address, now) >= 1 or any(hash(value) in self._known for name, value in headers if name in _CREDENTIALS):
            return True
        self.were_refused += 1
        return False

    def answered(self, address: str, headers: Iterable[Header], is_stranger: bool, status: int, now: float) -> None:
        """Notes who asked: a stranger pays, whoever was let in is known from now on."""
        if is_stranger:
            left = self._tokens(address, now) - (5 if status in REFUSALS else 1)
            self._left.pop(address, None)
            self._left[address] = (max(0.0, left), now)
            if len(self._left) > MOST_ADDRESSES:
                self._left.pop(next(iter(self._left)))
            return
        for name, value in headers:
            if name in _CREDENTIALS:
                self._known.pop(hash(value), None)
                self._known[hash(value)] = None
        while len(self._known) > MOST_KNOWN:
            self._known.pop(next(iter(self._known)))

    def _tokens(self, address: str, now: float) -> float:
        kept = self._left.get(address)
        return self.burst if kept is None else min(self.burst, kept[0] + (now - kept[1]) * self.per_second)
