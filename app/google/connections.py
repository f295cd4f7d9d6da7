"""What a process keeps for Google between runs: open connections, tokens, the pace of each issuer, and which of them rest."""
import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from app.context import Context
from app.google import store
from app.google.accounts import Issuer
from app.google.client import Answer, Wire
from app.google.tokens import Tokens
from app.google.verdicts import CONFIGURATION_PAUSE, Pace, Verdict, backoff, judge
from app.updates.following import Follower

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger("tessera.google")

CURSOR = "google"
LONGEST_REST = timedelta(minutes=1)


class Outcome(NamedTuple):
    """What became of a request."""

    verdict: Verdict
    answer: Answer

    @property
    def reason(self) -> str:
        """For an operator: what Google said, as short as it said it."""
        return " ".join(part for part in (self.answer.reason, self.answer.message) if part)[:300]


class Line:
    """An issuer's requests: with a token, at its pace, a refused token fetched anew once."""

    def __init__(self, google: "Google", issuer: Issuer) -> None:
        self.issuer = issuer
        self.tokens = Tokens(issuer, google.wire, google.here.clock)
        self._google, self._pace = google, google.pace_of(issuer.issuer_id)

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Outcome:
        """A request below the API's address, such as `/loyaltyObject/{id}`."""
        outcome = await self._once(method, path, body)
        if outcome.verdict is Verdict.UNAUTHORISED:
            outcome = await self._once(method, path, body)
        if outcome.verdict is Verdict.UNAUTHORISED:     # a fresh token as well: the account has lost its right
            return Outcome(Verdict.CONFIGURATION, outcome.answer)
        return outcome

    async def look(self) -> Outcome:
        """Whether the account may see the issuer's classes, which shows its right to issue."""
        return await self.call("GET", f"/loyaltyClass?issuerId={self.issuer.issuer_id}&maxResults=1")

    async def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> Outcome:
        token = await self.tokens.get()
        if isinstance(token, Answer):
            # Whatever the token endpoint refuses for good concerns the account, not the card.
            verdict = judge(token.status, token.reason)
            return Outcome(verdict if verdict is Verdict.UNAVAILABLE else Verdict.CONFIGURATION, token)
        if (wait := self._pace.wait(self._google.ticks())) > 0:
            await self._google.sleep(wait)
        answer = await self._google.wire.send(method, self._google.here.settings.google_api + path, body, token=token)
        if answer.status == 401:
            self.tokens.forget(token)
        return Outcome(judge(answer.status, answer.reason), answer)


class Google:
    """One a process. transport, sleep, ticks, jitter: for tests."""

    def __init__(self, here: Context, transport: "httpx2.AsyncBaseTransport | None" = None, *,
                 sleep: Callable[[float], Awaitable[object]] = asyncio.sleep, ticks: Callable[[], float] = time.monotonic,
                 jitter: Callable[[], float] = random.random) -> None:
        self.here, self.sleep, self.ticks, self.jitter = here, sleep, ticks, jitter
        self.wire = Wire(transport)
        self.issuers: dict[tuple[int, str], Issuer] = {}
        self.updates = Follower(here.db, CURSOR, store.concerns_any, store.want)
        self.looked_at: datetime | None = None
        self._lines: dict[tuple[str, str, str], Line] = {}
        self._paces: dict[str, Pace] = {}
        self._rests: dict[str, tuple[datetime, int]] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    def line(self, issuer: Issuer) -> Line:
        """The issuer's line; another key of it makes another line at the same pace."""
        key = (issuer.issuer_id, issuer.account.client_email, issuer.account.key_id)
        if key not in self._lines:
            self._lines[key] = Line(self, issuer)
        return self._lines[key]

    def pace_of(self, issuer_id: str) -> Pace:
        return self._paces.setdefault(issuer_id, Pace())

    def lock_of(self, class_row_id: int) -> asyncio.Lock:
        """Held while a class is brought to Google: its cards wait instead of bringing it too."""
        return self._locks.setdefault(class_row_id, asyncio.Lock())

    def rests(self, issuer_id: str) -> bool:
        """Whether nothing is sent for this issuer now."""
        until, _ = self._rests.get(issuer_id, (None, 0))
        return until is not None and self.here.clock.now() < until

    def note(self, issuer_id: str, outcomes: list[Outcome]) -> None:
        """What a batch of requests met: an issuer that gets nothing through rests, longer each time; one success ends that."""
        verdicts = {outcome.verdict for outcome in outcomes}
        if Verdict.CONFIGURATION in verdicts:
            self._rests[issuer_id] = (self.here.clock.now() + CONFIGURATION_PAUSE, 0)
            reason = next(outcome for outcome in outcomes if outcome.verdict is Verdict.CONFIGURATION)
            log.error("Google refuses issuer %s: %s %s; its cards wait", issuer_id, reason.answer.status, reason.reason)
        elif verdicts == {Verdict.UNAVAILABLE}:
            failures = self._rests.get(issuer_id, (None, 0))[1] + 1
            self._rests[issuer_id] = (self.here.clock.now() + min(backoff(failures, self.jitter()), LONGEST_REST), failures)
            log.warning("Google is not reachable for issuer %s: %s %s; its cards wait", issuer_id, outcomes[-1].answer.status,
                        outcomes[-1].reason)
        elif verdicts:
            self._rests.pop(issuer_id, None)


def google(here: Context) -> Google:
    """This process's, made with the first use."""
    made: Google | None = here.extras.get("google")
    if made is None:
        made = here.extras["google"] = Google(here)
    return made


async def close(here: Context) -> None:
    """End the connections; the next use opens others."""
    made: Google | None = here.extras.pop("google", None)
    if made is not None:
        await made.wire.close()
