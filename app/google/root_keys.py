"""Google's root keys for callbacks, fetched over https and kept for as long as they may be.

Kept for the shortest of what Cache-Control allows, a day, and an hour less than the first key's end. Keys that may not be kept any
longer are not used while no new ones can be had: Google repeats a callback that was answered with 503.
"""
import asyncio
import logging
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.clock import from_ms
from app.context import Context
from app.errors import Unavailable
from app.google.callbacks import BadCallback, RootKey, parse_root_keys
from app.text import N_

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger("tessera.google")

SECONDS = 5.0
ANSWER_CAP = 64 * 1024
LONGEST, BEFORE_END = timedelta(hours=24), timedelta(hours=1)
# Whatever the headers say: a flood of callbacks must not become a flood of fetches.
SHORTEST = timedelta(minutes=1)
AFTER_FAILURE = timedelta(seconds=10)
MAX_AGE = re.compile(r"max-age=\"?(\d{1,9})", re.ASCII)


class KeysAway(Unavailable):
    """Google's keys cannot be had, so nothing can be believed."""

    code, detail = "keys_away", N_("The keys that prove where this comes from cannot be had at the moment. Send it again later.")


class RootKeys:
    """The keys in this process. transport: for tests."""

    def __init__(self, address: str, transport: "httpx2.AsyncBaseTransport | None" = None) -> None:
        self._address, self._transport = address, transport
        self._keys: tuple[RootKey, ...] = ()
        self._until: datetime | None = None
        self._failed_until: datetime | None = None
        self._renewed_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def current(self, now: datetime) -> tuple[RootKey, ...]:
        """Raises KeysAway."""
        async with self._lock:
            if self._until is None or now >= self._until:
                await self._fetch(now)
            return self._keys

    async def renewed(self, now: datetime, seen: tuple[RootKey, ...]) -> tuple[RootKey, ...]:
        """Fetched anew for a callback that none of `seen` vouches for; the same again where that was tried a moment ago, or failed."""
        async with self._lock:
            is_due = self._renewed_at is None or now - self._renewed_at >= SHORTEST
            if self._keys == seen and is_due:
                self._renewed_at = now
                try:
                    await self._fetch(now)
                except KeysAway:
                    return seen
            return self._keys

    async def _fetch(self, now: datetime) -> None:
        if self._failed_until is not None and now < self._failed_until:
            raise KeysAway(retry_after=30)
        import httpx2  # loaded where it is used: a server without Google does not pay for it

        try:
            async with httpx2.AsyncClient(transport=self._transport, timeout=SECONDS, follow_redirects=False) as http:
                answer = await http.get(self._address)
            answer.raise_for_status()
            keys = tuple(key for key in parse_root_keys(answer.content[:ANSWER_CAP]) if key.holds(now))
            if not keys:
                raise BadCallback("none of the keys holds")
        except (httpx2.HTTPError, httpx2.InvalidURL, BadCallback) as exc:
            log.warning("the root keys of Google's callbacks cannot be had: %s: %s", type(exc).__name__, exc)
            self._failed_until = now + AFTER_FAILURE
            raise KeysAway(retry_after=30) from None
        self._keys, self._until, self._failed_until = keys, kept_until(keys, answer.headers.get("cache-control", ""), now), None


def kept_until(keys: tuple[RootKey, ...], cache_control: str, now: datetime) -> datetime:
    """keys: those that hold at `now`, at least one."""
    told = MAX_AGE.search(cache_control)
    allowed = timedelta(seconds=int(told[1])) if told else LONGEST
    ends_at = from_ms(min(key.expires_ms or 0 for key in keys))
    return max(now + SHORTEST, min(now + allowed, now + LONGEST, ends_at - BEFORE_END))


def root_keys(here: Context) -> RootKeys:
    """This process's, made with the first callback."""
    if "google.root_keys" not in here.extras:
        here.extras["google.root_keys"] = RootKeys(here.settings.google_keys)
    return here.extras["google.root_keys"]
